//! Two TCP/IP stacks on a bad link, without a clock, a thread or a device.
//!
//! Run it with `cargo run --example virtual_time`, or with another seed: `cargo run --example virtual_time -- 7`.
//!
//! What it shows is what sans-I/O is for. A [`Stack`] is a value: frames go in with the time at which they came, frames come
//! out, and it says when it wants to be called next. Who calls it decides what time it is, what a link is, and what is
//! random. So a minute on a link that loses every tenth frame takes no time here, and whatever happened happens again with
//! the same seed: so the tests of the stack are made.
//!
//! The same engine, called by `kernel` with the host's clock and a real link, is what programs use.

use arena::{Consumer, Producer};
use netstack::iface::InterfaceConfig;
use netstack::link::{IfIndex, LinkCaps, Mac, RxMeta, Sink, TxFrame, TxResult};
use netstack::rng::Rng;
use netstack::socket::{BindOptions, BufferPool, Key, StreamBuffers, StreamSizes};
use netstack::tcp::TcpId;
use netstack::time::{Duration, Instant};
use netstack::{Config, Stack};
use std::collections::VecDeque;
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::mpsc::{self, Receiver, Sender};

const BYTES: usize = 1 << 20;
const RING: usize = 256 << 10;
const DELAY: Duration = Duration::from_millis(20);
/// The interface after `lo`.
const ETHERNET: IfIndex = IfIndex(2);
const CLIENT: usize = 0;
const SERVER: usize = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let seed: u64 = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    println!("seed {seed}: {BYTES} bytes over a link of {} ms one way", DELAY.as_millis());
    for loss in [0, 1, 2, 5, 10] {
        let mut network = Network::new(seed, loss);
        let retransmits = transfer(&mut network)?;
        let Wire { now, frames, lost, .. } = network.wire;
        let seconds = now.since(Instant::default()).as_secs_f64();
        println!("{loss:2} % lost: {seconds:7.3} s, {frames} frames, {lost} lost, {retransmits} segments sent again");
    }
    Ok(())
}

/// What the programs of both nodes do, whenever something has happened. Returns how many segments were sent again.
fn transfer(network: &mut Network) -> Result<u32, Box<dyn Error>> {
    let data: Vec<u8> = (0..BYTES).map(|at| (at * 7 + at / 251) as u8).collect();
    let mut client = network.connect();
    let mut server = None;
    let (mut sent, mut received, mut buffer) = (0, Vec::new(), vec![0; RING]);
    while received.len() < BYTES {
        let now = network.wire.now;
        let written = client.tx.write(&data[sent..]);
        sent += written;
        if written > 0 {
            network.nodes[CLIENT].stack.tcp_data_queued(now, client.id);
        }
        if server.is_none() {
            server = network.nodes[SERVER].accept();
        }
        if let Some(End { id, rx, .. }) = &mut server {
            let (read, tell) = rx.read(&mut buffer);
            received.extend_from_slice(&buffer[..read]);
            if tell {
                network.nodes[SERVER].stack.tcp_space_freed(now, *id);
            }
        }
        if !network.step() {
            return Err("both stacks fell silent before the end".into());
        }
    }
    if received != data {
        return Err("what came is not what was sent".into());
    }
    let info = network.nodes[CLIENT].stack.tcp_info(network.wire.now, client.id);
    Ok(info.ok_or("the connection is gone")?.retransmits)
}

/// A program's side of a connection: the stack's name for it, and the program's ends of its rings.
struct End {
    id: TcpId,
    tx: Producer,
    rx: Consumer,
}

struct Node {
    stack: Stack,
    listener: TcpId,
    /// The program's ends of the rings of connections that came.
    arrivals: Receiver<(Producer, Consumer)>,
}

impl Node {
    /// 10.0.0.1 or 10.0.0.2, with a listener on port 80.
    fn new(number: usize, seed: [u8; 32]) -> Node {
        let (rings, arrivals) = mpsc::channel();
        let mut stack = Stack::new(Config { seed, ..Config::default() }, Box::new(Pool { next: 1, rings }));
        let (mac, host) = (Mac([2, 0, 0, 0, 0, number as u8 + 1]), number as u8 + 1);
        let config = InterfaceConfig { name: "sim0".into(), mac, mtu: 1500, caps: LinkCaps::default() };
        let (start, address) = (Instant::default(), Ipv4Addr::new(10, 0, 0, host));
        stack.add_interface(start, config);
        stack.add_address(start, ETHERNET, address, 24).expect("a good address");
        let listener = stack.tcp_open(Key(0));
        stack.tcp_bind(listener, (address, 80).into(), BindOptions::default()).expect("a free port");
        stack.tcp_listen(listener, 1).expect("a bound socket");
        Node { stack, listener, arrivals }
    }

    fn accept(&mut self) -> Option<End> {
        let id = self.stack.tcp_accept(self.listener)?.id;
        let (tx, rx) = self.arrivals.try_recv().ok()?;
        Some(End { id, tx, rx })
    }
}

/// Where a stack gets the rings of connections that come.
struct Pool {
    next: u32,
    rings: Sender<(Producer, Consumer)>,
}

impl BufferPool for Pool {
    fn receive_size(&self, _: StreamSizes) -> usize {
        RING
    }

    fn stream(&mut self, _: StreamSizes) -> Option<StreamBuffers> {
        let (program_tx, tx) = arena::ring::heap(RING);
        let (rx, program_rx) = arena::ring::heap(RING);
        self.rings.send((program_tx, program_rx)).ok()?;
        self.next += 1;
        Some(StreamBuffers { key: Key(self.next), tx, rx })
    }

    fn charge(&mut self, _bytes: usize) -> bool {
        true
    }

    fn release(&mut self, _bytes: usize) {}
}

/// The link, and the clock.
struct Wire {
    now: Instant,
    rng: Rng,
    /// Of 100 frames.
    loss: u32,
    /// When they arrive, where, and what they are. All take the same time, so they stay in order.
    flying: VecDeque<(Instant, usize, Vec<u8>)>,
    /// Where the node that is sending sends to.
    to: usize,
    frames: u32,
    lost: u32,
}

impl Sink for Wire {
    fn transmit(&mut self, _on: IfIndex, frame: &TxFrame<'_>) -> TxResult {
        self.frames += 1;
        if self.rng.below(100) < self.loss {
            self.lost += 1;
        } else {
            self.flying.push_back((self.now + DELAY, self.to, frame.parts().concat()));
        }
        TxResult::Sent
    }
}

struct Network {
    nodes: [Node; 2],
    wire: Wire,
}

impl Network {
    fn new(seed: u64, loss: u32) -> Network {
        let seed = |of: u8| std::array::from_fn(|at| seed.to_le_bytes().get(at).copied().unwrap_or(of));
        let nodes = [Node::new(CLIENT, seed(0)), Node::new(SERVER, seed(1))];
        let (now, rng, flying) = (Instant::default(), Rng::new(seed(2)), VecDeque::new());
        Network { nodes, wire: Wire { now, rng, loss, flying, to: SERVER, frames: 0, lost: 0 } }
    }

    fn connect(&mut self) -> End {
        let stack = &mut self.nodes[CLIENT].stack;
        let id = stack.tcp_open(Key(1));
        let (tx, engine_tx) = arena::ring::heap(RING);
        let (engine_rx, rx) = arena::ring::heap(RING);
        let to = (Ipv4Addr::new(10, 0, 0, 2), 80).into();
        stack.tcp_connect(self.wire.now, id, to, engine_tx, engine_rx).expect("a route");
        End { id, tx, rx }
    }

    /// Lets both nodes send, then goes on to the next thing that happens. False: nothing ever will.
    fn step(&mut self) -> bool {
        let Network { nodes, wire } = self;
        for (number, node) in nodes.iter_mut().enumerate() {
            wire.to = 1 - number;
            node.stack.poll(wire.now, wire);
        }
        let arrival = wire.flying.front().map(|(at, ..)| *at);
        let timers = nodes.iter().filter_map(|node| node.stack.next_deadline());
        let Some(next) = timers.chain(arrival).min() else { return false };
        wire.now = wire.now.max(next);
        if let Some((_, to, frame)) = wire.flying.pop_front_if(|(at, ..)| *at <= wire.now) {
            nodes[to].stack.input(wire.now, ETHERNET, &frame, RxMeta::default());
        }
        true
    }
}
