//! Rings that grow as the path needs it, and only then.

mod common;
mod tcp_common;

use common::{Link, Net, NodeId};
use netstack::tcp::TcpOptions;
use netstack::time::Duration;
use tcp_common::{Listener, Socket};

/// Rings at first.
const RING: usize = 512 << 10;
/// A long fat path: 100 ms, 1 Gbit/s, which hold 12.5 MB.
const RATE: u64 = 125_000_000;

fn long_fat() -> Link {
    Link { mtu: 9000, delay: Duration::from_millis(50), rate: Some(RATE), queue: 1 << 20, ..Link::default() }
}

/// A transfer one way by programs that always write and always read.
struct Transfer {
    net: Net,
    from: Socket,
    to: Socket,
    chunk: Vec<u8>,
}

impl Transfer {
    /// `set`: what is set on both sockets before they connect.
    fn new(link: Link, set: impl Fn(&mut TcpOptions)) -> Transfer {
        Transfer::limited(link, usize::MAX, set)
    }

    /// `largest`: what the pools of both nodes give for a ring.
    fn limited(link: Link, largest: usize, set: impl Fn(&mut TcpOptions)) -> Transfer {
        Transfer::from_rings(RING, link, largest, set)
    }

    /// `first`: what a ring begins with.
    fn from_rings(first: usize, link: Link, largest: usize, set: impl Fn(&mut TcpOptions)) -> Transfer {
        let (mut net, a, b) = Net::pair(7, link);
        for node in [a, b] {
            net.memory(node).set_ring(first);
            net.memory(node).set_full_ring(RING);
            net.memory(node).set_largest_ring(largest);
        }
        let listener = Listener::new(&mut net, b, "0.0.0.0:80", 5);
        set(net.stack(b).tcp_options(listener.id).unwrap());
        let from = Socket::connect_with(&mut net, a, "10.0.0.2:80", first, set);
        net.run_for(Duration::from_millis(500));
        let to = listener.accept(&mut net).expect("the connection arrived");
        Transfer { net, from, to, chunk: vec![7; 1 << 20] }
    }

    /// Runs for a time; returns how many bytes were read.
    fn run(&mut self, ms: u64) -> usize {
        let mut read = 0;
        for _ in 0..ms {
            while self.from.tx.free() > 0 {
                let n = self.from.tx.free().min(self.chunk.len());
                self.from.write(&mut self.net, &self.chunk[..n]);
            }
            read += self.to.read(&mut self.net, usize::MAX).len();
            self.net.run_for(Duration::from_millis(1));
            self.net.trace.clear();
        }
        read
    }

    fn grown(&self) -> [usize; 2] {
        [self.from.node, self.to.node].map(|node: NodeId| self.net.memory(node).rings_grown())
    }
}

#[test]
fn a_long_fat_path_fills_without_a_setting() {
    let mut transfer = Transfer::new(long_fat(), |_| {});
    transfer.run(1800);
    let read = transfer.run(1000);
    assert!(read as u64 > RATE * 95 / 100, "{read} bytes in a second");
    let (sending, receiving) = (transfer.from.info(&mut transfer.net).rings, transfer.to.info(&mut transfer.net).rings);
    assert!(sending.0 >= 16 << 20 && receiving.1 >= 16 << 20, "{sending:?} {receiving:?}");
    assert_eq!((sending.1, receiving.0), (RING as u32, RING as u32), "the idle ways stay as they were");
}

fn short() -> Link {
    Link { rate: Some(RATE * 10), delay: Duration::from_micros(30), ..long_fat() }
}

#[test]
fn rings_that_began_small_grow_over_a_short_path_to_what_others_begin_with() {
    let mut transfer = Transfer::from_rings(4096, short(), usize::MAX, |_| {});
    transfer.run(50);
    assert_eq!((transfer.from.tx.capacity(), transfer.to.rx.capacity()), (RING, RING));
}

#[test]
fn a_ring_that_began_small_holds_more_when_nobody_reads() {
    let mut transfer = Transfer::from_rings(4096, short(), usize::MAX, |_| {});
    for _ in 0..200 {
        let n = transfer.from.tx.free().min(transfer.chunk.len());
        transfer.from.write(&mut transfer.net, &transfer.chunk[..n]);
        transfer.net.run_for(Duration::from_millis(1));
    }
    // It cannot move on to a third region before the first is read.
    assert_eq!(transfer.to.rx.capacity(), 4 * 4096);
    assert!(transfer.to.rx.len() > 3 * 4096, "{} bytes are there", transfer.to.rx.len());
}

#[test]
fn a_short_path_leaves_the_rings_as_they_are() {
    let mut transfer = Transfer::new(short(), |_| {});
    transfer.run(50);
    assert_eq!(transfer.grown(), [0, 0]);
}

#[test]
fn a_program_that_does_not_read_gets_no_larger_ring() {
    let mut transfer = Transfer::new(long_fat(), |_| {});
    for _ in 0..2000 {
        let n = transfer.from.tx.free().min(transfer.chunk.len());
        transfer.from.write(&mut transfer.net, &transfer.chunk[..n]);
        transfer.net.run_for(Duration::from_millis(1));
    }
    assert_eq!(transfer.to.rx.capacity(), RING);
    assert!(RING - transfer.to.rx.len() < 1024, "the window that it offers is in steps of 512");
}

#[test]
fn a_size_that_the_program_sets_stays() {
    let mut transfer = Transfer::new(long_fat(), |options| {
        options.buffers.receive = Some(RING as u32);
        options.buffers.send = Some(RING as u32);
    });
    transfer.run(1500);
    assert_eq!(transfer.grown(), [0, 0]);
    // SO_RCVBUF on a connection: the ring takes that size.
    let id = transfer.to.id;
    transfer.net.stack(transfer.to.node).tcp_options(id).unwrap().buffers.receive = Some(4 << 20);
    transfer.run(300);
    assert_eq!(transfer.to.rx.capacity(), 4 << 20);
}

#[test]
fn a_pool_at_its_limit_leaves_the_rings_as_they_are_and_the_flow_goes_on() {
    let mut transfer = Transfer::limited(long_fat(), RING, |_| {});
    transfer.run(1500);
    assert_eq!(transfer.grown(), [0, 0]);
    let read = transfer.run(1000);
    assert!(read > RING * 8, "a ring a round trip: {read} bytes");
}

#[test]
fn a_receiver_without_timestamps_measures_the_round_trip_by_its_windows() {
    let mut transfer = Transfer::new(long_fat(), |_| {});
    let before = transfer.to.info(&mut transfer.net);
    assert_eq!(before.rcv_rtt, Duration::ZERO);
    transfer.run(1500);
    let rtt = transfer.to.info(&mut transfer.net).rcv_rtt;
    assert!(rtt >= Duration::from_millis(100) && rtt < Duration::from_millis(300), "{rtt:?}");
}
