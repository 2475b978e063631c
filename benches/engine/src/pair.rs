//! Two of our stacks, back to back.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use arena::{Consumer, Producer};
use netstack::Key;
use netstack::iface::InterfaceConfig;
use netstack::link::{Checksum, IfIndex, LinkCaps, Mac, RxMeta, Sink, TxFrame, TxResult};
use netstack::socket::{BindOptions, BufferPool, StreamBuffers, StreamSizes};
use netstack::tcp::{Close, TcpId};
use netstack::time::{Duration, Instant};
use netstack::{Config, Stack};

use crate::wire::{Frame, Wire};

const ETHERNET: IfIndex = IfIndex(2);
/// The side that connects, and the side that listens.
pub const CLIENT: usize = 0;
pub const SERVER: usize = 1;

/// What is left to the link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Offload {
    None,
    /// Checksums.
    Checksums,
    /// And cutting TCP's segments, which it gives the other side as it got them.
    Segments,
}

/// A program's end of a connection.
pub struct End {
    pub id: TcpId,
    pub tx: Producer,
    pub rx: Consumer,
}

/// Two stacks, the wires that leave them, and a clock that nobody else sets.
pub struct Pair {
    pub now: Instant,
    pub stacks: [Stack; 2],
    pub wires: [Wire; 2],
    arrivals: Arc<Mutex<HashMap<Key, (Producer, Consumer)>>>,
    listeners: Vec<TcpId>,
    next_key: u32,
    ring: usize,
    released: Vec<Key>,
}

impl Pair {
    /// Stacks on a link with this MTU. The server listens on `ports` ports from 1
    /// on. Rings are of `ring` bytes.
    pub fn new(mtu: u32, offload: Offload, ring: usize, ports: u16) -> Pair {
        let arrivals = Arc::<Mutex<HashMap<_, _>>>::default();
        let stack = |number: u8| {
            let pool = Pool { next: 0, ring, arrivals: arrivals.clone() };
            let config = Config { time_wait: Duration::from_millis(1), seed: [number; 32], ..Config::default() };
            let mut stack = Stack::new(config, Box::new(pool));
            let segment_offload = if offload == Offload::Segments { 65_535 } else { 0 };
            let caps = LinkCaps { checksum_offload: offload != Offload::None, segment_offload };
            let mac = Mac([2, 0, 0, 0, 0, number]);
            stack.add_interface(Instant::default(), InterfaceConfig { name: "bench0".into(), mac, mtu, caps });
            stack.add_address(Instant::default(), ETHERNET, address(number), 24).expect("a good address");
            stack
        };
        let mut stacks = [stack(1), stack(2)];
        let listeners = (1..=ports).map(|port| listen(&mut stacks[SERVER], port)).collect();
        let (now, wires, released) = Default::default();
        let mut pair = Pair { now, stacks, wires, arrivals, listeners, next_key: 0, ring, released };
        // Addresses are probed for and announced.
        for _ in 0..100 {
            pair.pass(Duration::from_millis(100));
        }
        pair
    }

    /// Opens a connection to the server's `port` and accepts it.
    pub fn connect(&mut self, port: u16) -> (End, End) {
        let key = self.new_key();
        let id = self.stacks[CLIENT].tcp_open(key);
        let (tx, engine_tx) = arena::ring::heap(self.ring);
        let (engine_rx, rx) = arena::ring::heap(self.ring);
        let to = SocketAddr::from((address(2), port));
        self.stacks[CLIENT].tcp_connect(self.now, id, to, engine_tx, engine_rx).expect("a route and a port");
        let listener = self.listeners[usize::from(port) - 1];
        for _ in 0..8 {
            self.pass(Duration::from_micros(10));
            if let Some(accepted) = self.stacks[SERVER].tcp_accept(listener) {
                let ends = self.arrivals.lock().expect("one thread").remove(&accepted.key);
                let (server_tx, server_rx) = ends.expect("the pool's");
                return (End { id, tx, rx }, End { id: accepted.id, tx: server_tx, rx: server_rx });
            }
        }
        panic!("no connection");
    }

    /// Closes both ends, the client's first.
    pub fn close(&mut self, client: End, server: End) {
        for (side, end) in [(CLIENT, client), (SERVER, server)] {
            self.stacks[side].tcp_close(self.now, end.id, Close::Graceful { unread: false });
            self.pass(Duration::from_micros(10));
        }
    }

    /// Both stacks send, get what the other sent, and time passes.
    pub fn pass(&mut self, time: Duration) {
        for side in [CLIENT, SERVER] {
            self.send(side);
            self.receive(1 - side);
        }
        self.now = self.now + time;
    }

    /// A stack sends what it can.
    pub fn send(&mut self, side: usize) {
        self.stacks[side].poll(self.now, &mut self.wires[side]);
        self.stacks[side].take_touched(&mut self.released);
        self.stacks[side].take_released(&mut self.released);
        self.released.clear();
    }

    /// A stack gets what the other has sent.
    pub fn receive(&mut self, side: usize) {
        while let Some(Frame { bytes, good, segment_size }) = self.wires[1 - side].receive() {
            self.stacks[side].input(
                self.now,
                ETHERNET,
                &bytes,
                RxMeta { checksum: Checksum::partial_if(good), segment_size },
            );
            self.wires[1 - side].give_back(bytes);
        }
    }

    fn new_key(&mut self) -> Key {
        self.next_key += 1;
        Key(self.next_key)
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

fn listen(stack: &mut Stack, port: u16) -> TcpId {
    let listener = stack.tcp_open(Key(0));
    let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    stack.tcp_bind(listener, local, BindOptions::default()).expect("a free port");
    stack.tcp_listen(listener, 128).expect("a bound socket");
    listener
}

impl Sink for Wire {
    fn transmit(&mut self, _on: IfIndex, frame: &TxFrame<'_>) -> TxResult {
        let mut buffer = self.buffer();
        frame.parts().into_iter().for_each(|part| buffer.extend_from_slice(part));
        self.send(Frame { bytes: buffer, good: frame.checksum_partial, segment_size: frame.segment_size });
        TxResult::Sent
    }
}

/// Rings for connections that come.
struct Pool {
    next: u32,
    ring: usize,
    arrivals: Arc<Mutex<HashMap<Key, (Producer, Consumer)>>>,
}

impl BufferPool for Pool {
    fn stream(&mut self, _sizes: StreamSizes) -> Option<StreamBuffers> {
        self.next += 1;
        let key = Key(self.next);
        let (program_tx, tx) = arena::ring::heap(self.ring);
        let (rx, program_rx) = arena::ring::heap(self.ring);
        self.arrivals.lock().expect("one thread").insert(key, (program_tx, program_rx));
        Some(StreamBuffers { key, tx, rx })
    }

    fn receive_size(&self, _sizes: StreamSizes) -> usize {
        self.ring
    }

    fn charge(&mut self, _bytes: usize) -> bool {
        true
    }

    fn release(&mut self, _bytes: usize) {}
}
