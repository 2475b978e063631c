//! A connection is taken apart and put together again (Linux's TCP_REPAIR), in the same stack and in another that has its address.
//!
//! `SIM_SEEDS=20000` tries more paths and programs; `SIM_SEED=17` one.

mod common;
mod tcp_common;

use common::seeds::{self, seeds};
use common::{Link, Net, NodeId};
use netstack::socket::BindOptions;
use netstack::tcp::{Agreement, Close, Durable, Sequences, State, TcpError, Windows};
use netstack::time::Duration;
use tcp_common::{Listener, Socket, byte};

const RING: usize = 1 << 16;

/// What a program keeps of a connection.
struct Taken {
    node: NodeId,
    durable: Durable,
    mss: u16,
    sequences: Sequences,
    windows: Windows,
    /// Written and not acknowledged.
    sent: Vec<u8>,
    /// Received and not read.
    received: Vec<u8>,
}

impl Taken {
    fn of(net: &mut Net, socket: &mut Socket) -> Taken {
        let stack = net.stack(socket.node);
        let id = socket.id;
        let taken = Taken {
            node: socket.node,
            durable: stack.tcp_snapshot(id).expect("a connection"),
            mss: stack.tcp_peer_mss(id).expect("a connection"),
            sequences: stack.tcp_sequences(id).expect("a connection"),
            windows: stack.tcp_windows(id).expect("a connection"),
            sent: stack.tcp_unacknowledged(id, usize::MAX),
            received: socket.read(net, usize::MAX),
        };
        socket.close_as(net, Close::Abandon);
        taken
    }

    fn restored(&self, net: &mut Net) -> Socket {
        let Taken { durable, sequences, .. } = self;
        let key = net.memory(self.node).new_key();
        // Rings that had grown are as large again.
        let ring = |text: &[u8]| arena::ring::heap(text.len().next_power_of_two().max(RING));
        let ((mut tx, engine_tx), (engine_rx, rx)) = (ring(&self.sent), ring(&self.received));
        let now = net.now();
        let stack = net.stack(self.node);
        let id = stack.tcp_open(key);
        let forced = BindOptions { forced: true, ..BindOptions::default() };
        stack.tcp_bind(id, durable.local, forced).expect("whoever has the port");
        let begin = Sequences {
            written: sequences.written - self.sent.len() as u32,
            received: sequences.received - self.received.len() as u32,
        };
        stack.tcp_restore(now, id, durable.remote, engine_tx, engine_rx, begin).expect("a route");
        let scales = Agreement::WindowScales { snd: durable.snd_scale, rcv: durable.rcv_scale };
        let mut agreements = vec![Agreement::Mss(self.mss), scales];
        agreements.extend(durable.sack.then_some(Agreement::Sack));
        agreements.extend(durable.timestamps.map(|stamps| Agreement::Timestamps(Some(stamps.offset))));
        assert!(stack.tcp_agree(now, id, &agreements));
        assert_eq!(tx.write(&self.sent), self.sent.len());
        stack.tcp_count_as_sent(now, id);
        assert_eq!(stack.tcp_put_received(now, id, &[&self.received]), self.received.len());
        assert!(stack.tcp_set_windows(now, id, self.windows));
        assert_eq!(stack.tcp_sequences(id), Some(*sequences));
        stack.tcp_probe_window(now, id);
        net.poll(self.node);
        Socket { node: self.node, id, key, tx, rx }
    }
}

fn connected(seed: u64, link: Link) -> (Net, Socket, Socket) {
    let (mut net, a, b) = Net::pair(seed, link);
    let listener = Listener::new(&mut net, b, "10.0.0.2:80", 1);
    let client = Socket::connect(&mut net, a, "10.0.0.2:80", RING);
    let mut server = None;
    net.run_until(Duration::from_secs(60), |net| {
        server = listener.accept(net);
        server.is_some()
    });
    (net, client, server.expect("a connection"))
}

/// A stream of which so much has been written, and so much has been read at the other end.
struct Stream {
    number: u8,
    written: usize,
    read: usize,
}

const LENGTH: usize = 200_000;

impl Stream {
    fn new(number: u8) -> Stream {
        Stream { number, written: 0, read: 0 }
    }

    fn write(&mut self, net: &mut Net, socket: &mut Socket, most: usize) {
        let most = (LENGTH - self.written).min(most);
        let text: Vec<u8> = (self.written..self.written + most).map(|at| byte(self.number, at)).collect();
        self.written += socket.write(net, &text);
    }

    fn read(&mut self, net: &mut Net, socket: &mut Socket, most: usize) {
        for got in socket.read(net, most) {
            assert_eq!(got, byte(self.number, self.read), "byte {} of stream {}", self.read, self.number);
            self.read += 1;
        }
    }
}

/// Two streams cross while both ends move now and then; sometimes into a stack that knows nothing of them.
fn both_streams_survive(seed: u64) {
    let mut rng = seeds::rng(seed, 0x9e);
    let mut below = |n: u32| u64::from(rng.below(n));
    let link = Link::bus().delay_ms(below(20)).jitter_ms(below(6)).loss(below(4) as u32 * 100);
    let (step, most) = (1 + below(20), 1 + below(12_000) as usize);
    let (mut net, mut client, mut server) = connected(seed, link);
    let (mut there, mut back) = (Stream::new(1), Stream::new(2));
    for turn in 0.. {
        assert!(turn < 200_000, "{} and {} bytes came", there.read, back.read);
        there.write(&mut net, &mut client, most);
        back.write(&mut net, &mut server, most);
        there.read(&mut net, &mut server, usize::MAX);
        // The client leaves something unread.
        back.read(&mut net, &mut client, most);
        net.run_for(Duration::from_millis(step));
        if there.read == LENGTH && back.read == LENGTH {
            break;
        }
        if turn < 1000 && below(8) == 0 {
            let end = if below(2) == 0 { &mut client } else { &mut server };
            *end = moved(&mut net, end, below(2) == 0);
        }
    }
    client.close(&mut net);
    net.run_for(Duration::from_secs(60));
    assert_eq!((server.state(&mut net), server.error(&mut net)), (State::CloseWait, None));
}

/// `reboots`: nothing stays of the stack that it was in.
fn moved(net: &mut Net, socket: &mut Socket, reboots: bool) -> Socket {
    let taken = Taken::of(net, socket);
    if reboots {
        net.reboot(taken.node);
    }
    taken.restored(net)
}

#[test]
fn streams_survive_moves_of_their_ends() {
    seeds(200, both_streams_survive);
}

#[test]
fn the_peer_hears_nothing_of_an_end() {
    let (mut net, client, mut server) = connected(1, Link::bus());
    let now = net.now();
    net.stack(client.node).tcp_abandon(now, client.id);
    net.poll(client.node);
    net.run_for(Duration::from_millis(100));
    assert_eq!((client.state(&mut net), client.error(&mut net)), (State::Closed, Some(TcpError::Aborted)));
    assert_eq!(server.state(&mut net), State::Established);
    // Only when it speaks itself.
    server.write(&mut net, b"hello?");
    net.run_for(Duration::from_millis(100));
    assert_eq!(server.error(&mut net), Some(TcpError::Reset));
}

#[test]
fn segments_are_as_long_as_the_path_carries_whatever_was_agreed_on() {
    let (mut net, mut client, mut server) = connected(1, Link::bus());
    let mut taken = Taken::of(&mut net, &mut client);
    let carried = taken.mss;
    for mss in [u16::MAX, 0] {
        taken.mss = mss;
        let mut client = taken.restored(&mut net);
        assert!((1..=carried.into()).contains(&client.info(&mut net).snd_mss));
        client.write(&mut net, &[7; 5000]);
        net.run_for(Duration::from_secs(1));
        assert_eq!(server.read(&mut net, usize::MAX), [7; 5000]);
        taken = Taken::of(&mut net, &mut client);
    }
}

#[test]
fn a_large_window_of_the_past_keeps_no_acknowledgement_out() {
    let (mut net, mut client, mut server) = connected(1, Link::bus());
    let (now, id) = (net.now(), client.id);
    let windows = net.stack(client.node).tcp_windows(id).expect("a connection");
    assert!(net.stack(client.node).tcp_set_windows(now, id, Windows { snd_wnd_max: i32::MAX as u32, ..windows }));
    client.write(&mut net, b"text");
    net.run_for(Duration::from_millis(50));
    assert_eq!(server.read(&mut net, 10), b"text");
    server.write(&mut net, b"answer");
    net.run_for(Duration::from_millis(50));
    assert!(net.stack(client.node).tcp_unacknowledged(id, 10).is_empty());
}

#[test]
fn windows_that_no_connection_has_are_refused() {
    let (mut net, client, _server) = connected(1, Link::bus());
    let now = net.now();
    let stack = net.stack(client.node);
    let windows = stack.tcp_windows(client.id).expect("a connection");
    let received = stack.tcp_sequences(client.id).expect("a connection").received;
    let wrong = [
        Windows { snd_wnd: windows.snd_wnd_max + 1, ..windows },
        Windows { snd_wl1: received + windows.rcv_wnd + 1, ..windows },
        Windows { rcv_wup: received + 1, ..windows },
    ];
    for wrong in wrong {
        assert!(!stack.tcp_set_windows(now, client.id, wrong), "{wrong:?}");
    }
    assert_eq!(stack.tcp_windows(client.id), Some(windows));
}
