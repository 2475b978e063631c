//! Reassembly: order, attacks, time and memory.

mod common;

use std::net::Ipv4Addr;

use common::*;
use netstack::link::Mac;
use netstack::time::Duration;
use netstack::wire::{arp, ethernet, icmpv4, ipv4};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const S: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const A_MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);

/// A node that a script sends fragments to, with a socket on port 7.
struct Target {
    net: Net,
    a: NodeId,
    socket: Udp,
}

fn target() -> Target {
    let (mut net, a, _) = Net::pair(1, Link::default());
    net.run_for(Duration::from_secs(12));
    let question = arp::Packet {
        operation: arp::Operation::Request,
        sender_mac: STRANGER,
        sender: S,
        target_mac: Mac::default(),
        target: A,
    };
    net.inject(a, ETH, &arp_frame(Mac::BROADCAST, question));
    net.trace.clear();
    let socket = net.udp_at(a, "10.0.0.1:7");
    Target { net, a, socket }
}

impl Target {
    /// Injects bytes `from..to` of a segment as a fragment.
    fn fragment(&mut self, id: u16, segment: &[u8], from: usize, to: usize) {
        let more = to < segment.len();
        let packet = fragment(S, A, ipv4::UDP, id, from as u16, more, &segment[from..to]);
        self.net.inject(self.a, ETH, &ethernet_frame(A_MAC, STRANGER, ethernet::IPV4, &packet));
    }

    fn raw_fragment(&mut self, src: Ipv4Addr, id: u16, offset: u16, more: bool, payload: &[u8]) {
        let packet = fragment(src, A, ipv4::UDP, id, offset, more, payload);
        self.net.inject(self.a, ETH, &ethernet_frame(A_MAC, STRANGER, ethernet::IPV4, &packet));
    }

    fn charged(&self) -> usize {
        self.net.memory(self.a).charged()
    }
}

fn segment(len: usize) -> Vec<u8> {
    let payload: Vec<u8> = (0..len as u32).map(|n| (n * 13) as u8).collect();
    udp_segment((S, 1000), (A, 7), &payload)
}

#[test]
fn fragments_in_any_order_and_more_than_once() {
    let whole = segment(3000);
    let cuts = [(0, 800), (800, 1600), (1600, 2400), (2400, 3008)];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let mut t = target();
        for index in order {
            assert!(t.socket.recv().is_none());
            t.fragment(5, &whole, cuts[index].0, cuts[index].1);
            if index != order[3] {
                t.fragment(5, &whole, cuts[index].0, cuts[index].1); // The same again does no harm.
            }
        }
        let (header, payload) = t.socket.recv().expect("whole");
        assert_eq!((payload, header.len), (whole[8..].to_vec(), 3000));
        assert_eq!(t.charged(), 0, "everything is given back");
    }
}

#[test]
fn datagrams_that_interleave_stay_apart() {
    let mut t = target();
    let (one, two) = (segment(2000), segment(1500));
    t.fragment(1, &one, 0, 1000);
    t.fragment(2, &two, 0, 1000);
    t.fragment(2, &two, 1000, 1508);
    t.fragment(1, &one, 1000, 2008);
    assert_eq!(t.socket.recv().expect("the second").1.len(), 1500);
    assert_eq!(t.socket.recv().expect("the first").1.len(), 2000);
}

#[test]
fn overlaps_discard_the_datagram() {
    let whole = segment(3000);
    // What each pair of fragments has in common is not what both say.
    for (first, second) in [
        ((0, 800), (400, 1600)),
        ((800, 1600), (0, 808)),
        ((800, 1600), (792, 1608)),
        ((800, 1600), (808, 1592)),
        ((0, 1600), (1592, 3008)),
        ((0, 1600), (0, 800)),
    ] {
        let mut t = target();
        t.fragment(5, &whole, first.0, first.1);
        t.fragment(5, &whole, second.0, second.1);
        assert_eq!(t.charged(), 0, "{first:?} {second:?}");
        for (from, to) in [(0, 800), (1600, 3008)] {
            t.fragment(5, &whole, from, to);
        }
        assert!(t.socket.recv().is_none(), "{first:?} {second:?}");
    }
}

#[test]
fn two_ends_discard_the_datagram() {
    let mut t = target();
    t.raw_fragment(S, 5, 1600, false, &[0; 100]);
    t.raw_fragment(S, 5, 800, false, &[0; 100]);
    assert_eq!(t.charged(), 0, "an end before another");
    t.raw_fragment(S, 6, 1600, true, &[0; 800]);
    t.raw_fragment(S, 6, 800, false, &[0; 100]);
    assert_eq!(t.charged(), 0, "data beyond the end");
    t.raw_fragment(S, 7, 800, false, &[0; 100]);
    t.raw_fragment(S, 7, 1600, true, &[0; 800]);
    assert_eq!(t.charged(), 0, "data beyond the end, the other way round");
}

#[test]
fn what_cannot_be_a_fragment_is_dropped() {
    let mut t = target();
    t.raw_fragment(S, 1, 0, true, &[]); // Empty.
    t.raw_fragment(S, 2, 0, true, &[0; 100]); // Not a multiple of 8, and not the last.
    t.raw_fragment(S, 3, 65528, false, &[0; 100]); // The ping of death.
    t.raw_fragment(S, 4, 65528, true, &[0; 800]);
    assert_eq!(t.charged(), 0);
    assert!(t.socket.recv().is_none());
}

#[test]
fn a_datagram_that_never_gets_whole_is_given_up_with_a_word_to_its_sender() {
    let mut t = target();
    let whole = segment(3000);
    t.fragment(5, &whole, 0, 1600);
    t.fragment(6, &whole, 1600, 2400); // Without the first fragment there is nobody to tell.
    t.net.run_for(Duration::from_secs(29));
    assert!(t.charged() > 0);
    t.net.trace.clear();
    t.net.run_for(Duration::from_secs(2));
    assert_eq!(t.charged(), 0);
    let messages: Vec<_> = t.net.trace.iter().filter_map(|seen| as_icmp(&seen.frame)).collect();
    assert_eq!(messages.len(), 1);
    assert_eq!((messages[0].kind, messages[0].code), (icmpv4::TIME_EXCEEDED, icmpv4::REASSEMBLY_TIME_EXCEEDED));
    assert_eq!(messages[0].payload[20..28], whole[..8], "it quotes the ports");
    t.fragment(5, &whole, 1600, 3008);
    assert!(t.socket.recv().is_none(), "too late");
}

#[test]
fn an_attack_holds_no_more_than_the_limit_and_others_get_through() {
    let mut t = target();
    let junk = [0xaa; 1400];
    for n in 0..20_000u32 {
        let src = Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 0, 0).to_bits() + n / 16);
        t.raw_fragment(src, n as u16, (n % 40 * 1400) as u16 / 8 * 8, true, &junk);
    }
    assert!(t.net.memory(t.a).most_charged() < 5 << 20, "{}", t.net.memory(t.a).most_charged());
    let whole = segment(3000);
    t.fragment(5, &whole, 0, 1600);
    t.fragment(5, &whole, 1600, 3008);
    assert_eq!(t.socket.recv().expect("in the midst of it").1.len(), 3000);
    t.net.run_for(Duration::from_secs(31));
    assert_eq!(t.charged(), 0);
}

#[test]
fn tiny_fragments_are_charged_for_what_they_cost() {
    let mut t = target();
    for id in 0..200u16 {
        for n in 0..1000u16 {
            t.raw_fragment(S, id, n * 16, true, &[0; 8]);
        }
    }
    assert!(t.net.memory(t.a).most_charged() < 6 << 20);
}

#[test]
fn at_the_memory_limit_fragments_are_lost_and_nothing_else() {
    let mut t = target();
    t.net.memory(t.a).set_limit(2000);
    let whole = segment(3000);
    t.fragment(5, &whole, 0, 1600);
    t.fragment(5, &whole, 1600, 3008);
    assert!(t.socket.recv().is_none());
    t.net.memory(t.a).set_limit(usize::MAX);
    t.fragment(5, &whole, 1600, 3008);
    assert_eq!(t.socket.recv().expect("sent again").1.len(), 3000);
    assert_eq!(t.charged(), 0);
}
