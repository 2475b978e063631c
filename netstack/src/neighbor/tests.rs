use super::*;
use crate::datagram::truesize;
use crate::ip::Packets;
use crate::link::IfIndex;
use crate::rng::Rng;
use crate::socket::{BufferPool, StreamBuffers, StreamSizes};
use crate::time::Instant;

const ON: IfIndex = IfIndex(2);
const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

struct Unlimited;

impl BufferPool for Unlimited {
    fn stream(&mut self, _: StreamSizes) -> Option<StreamBuffers> {
        None
    }
    fn receive_size(&self, _: StreamSizes) -> usize {
        0
    }
    fn charge(&mut self, _: usize) -> bool {
        true
    }
    fn release(&mut self, _: usize) {}
}

fn host(n: u32) -> IpAddr {
    core::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into()
}

#[test]
fn what_waits_for_many_neighbours_is_bounded_together() {
    let mut neighbors = Neighbors::new(&mut Rng::new([1; 32]));
    let mut packets = Packets::default();
    let mut kept = 0;
    for n in 0..500 {
        neighbors.resolve(Instant(0), ON, host(n));
        let packet = packets.make(&mut Unlimited, &[&[0; 10_000]], false).expect("unlimited");
        kept += 1 - neighbors.hold(ON, host(n), packet).len();
    }
    assert_eq!(kept, (4 << 20) / truesize(10_000));
    for n in 0..500 {
        neighbors.learn(Instant(0), ON, host(n), MAC, Evidence::Reply);
    }
    let packet = packets.make(&mut Unlimited, &[&[0; 10_000]], false).expect("unlimited");
    neighbors.resolve(Instant(0), ON, host(900));
    assert!(neighbors.hold(ON, host(900), packet).is_empty(), "there is room again");
}

#[test]
fn eviction_spares_neighbours_in_use_and_returns_what_waited() {
    let mut neighbors = Neighbors::new(&mut Rng::new([2; 32]));
    let mut packets = Packets::default();
    neighbors.learn(Instant(0), ON, host(1), MAC, Evidence::AskedUs);
    neighbors.learn(Instant(0), ON, host(1), MAC, Evidence::Reply);
    neighbors.resolve(Instant(0), ON, host(2));
    let waiting = packets.make(&mut Unlimited, &[b"waits"], false).expect("unlimited");
    assert!(neighbors.hold(ON, host(2), waiting).is_empty());
    for n in 3..1025 {
        neighbors.resolve(Instant(0), ON, host(n));
    }
    assert_eq!(neighbors.rows().len(), 1024);
    neighbors.resolve(Instant(0), ON, host(2000));
    assert_eq!(neighbors.rows().len(), 1024);
    assert_eq!(neighbors.lookup(ON, host(1)), Some(MAC), "reachable: spared");
    let next = packets.make(&mut Unlimited, &[b"next"], false).expect("unlimited");
    let dropped = neighbors.hold(ON, host(2000), next);
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].payload(), b"waits");
}

#[test]
fn a_neighbour_that_moves_is_believed_but_asked_again() {
    let mut neighbors = Neighbors::new(&mut Rng::new([3; 32]));
    let moved = Mac([2, 0, 0, 0, 0, 9]);
    neighbors.resolve(Instant(0), ON, host(1));
    neighbors.learn(Instant(0), ON, host(1), MAC, Evidence::Reply);
    neighbors.learn(Instant(0), ON, host(1), MAC, Evidence::Overheard);
    assert_eq!(neighbors.rows()[0].state, NeighborState::Reachable, "nothing new");
    neighbors.learn(Instant(0), ON, host(1), moved, Evidence::Overheard);
    assert_eq!((neighbors.rows()[0].state, neighbors.rows()[0].mac), (NeighborState::Stale, Some(moved)));
    assert_eq!(neighbors.resolve(Instant(0), ON, host(1)), Resolution::Known(moved));
    assert_eq!(neighbors.rows()[0].state, NeighborState::Delay);
}

#[test]
fn an_advertisement_without_override_only_makes_doubtful() {
    let mut neighbors = Neighbors::new(&mut Rng::new([4; 32]));
    let other = Mac([2, 0, 0, 0, 0, 9]);
    let told = |mac, solicited, over| Advertisement { mac: Some(mac), router: false, solicited, over };
    assert!(neighbors.advertised(Instant(0), ON, host(1), told(MAC, true, true)).is_none(), "nobody asked");
    neighbors.resolve(Instant(0), ON, host(1));
    assert!(neighbors.advertised(Instant(0), ON, host(1), told(MAC, true, false)).is_some());
    assert_eq!((neighbors.rows()[0].state, neighbors.rows()[0].mac), (NeighborState::Reachable, Some(MAC)));
    assert!(neighbors.advertised(Instant(0), ON, host(1), told(other, true, false)).is_none());
    assert_eq!((neighbors.rows()[0].state, neighbors.rows()[0].mac), (NeighborState::Stale, Some(MAC)));
    assert!(neighbors.advertised(Instant(0), ON, host(1), told(other, false, true)).is_some());
    assert_eq!((neighbors.rows()[0].state, neighbors.rows()[0].mac), (NeighborState::Stale, Some(other)));
}

#[test]
fn an_answer_that_says_what_is_known_is_no_change() {
    let mut neighbors = Neighbors::new(&mut Rng::new([3; 32]));
    neighbors.resolve(Instant(0), ON, host(1));
    neighbors.learn(Instant(0), ON, host(1), MAC, Evidence::Reply);
    let before = neighbors.changes();
    neighbors.learn(Instant(1), ON, host(1), MAC, Evidence::Reply);
    assert_eq!(neighbors.changes(), before);
    neighbors.learn(Instant(1), ON, host(1), Mac([2, 0, 0, 0, 0, 2]), Evidence::Reply);
    assert!(neighbors.changes() > before);
}
