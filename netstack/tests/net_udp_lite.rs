//! UDP-Lite (RFC 3828): what the checksum covers, on what is sent and what is taken.

mod common;

use std::net::IpAddr;

use common::*;
use netstack::datagram::Coverage;
use netstack::raw::RawKind;
use netstack::time::Duration;
use netstack::wire::checksum::Sum;
use netstack::wire::ipv4::UDP_LITE;

const A: &str = "10.0.0.1";
const B: &str = "10.0.0.2";
const TEXT: &[u8] = b"some text";

/// A socket of UDP-Lite.
fn lite(net: &mut Net, node: NodeId, local: &str, coverage: Coverage) -> Udp {
    let socket = net.udp(node);
    net.stack(node).udp_options(socket.id).expect("open").lite = Some(coverage);
    net.stack(node).udp_bind(socket.id, local.parse().expect("an address"), Default::default()).expect("free");
    socket
}

/// A datagram between ports 4001 and 4002, with a coverage and the checksum of so many bytes.
fn made(coverage: u16, summed: usize) -> Vec<u8> {
    let header: Vec<u8> = [4001, 4002, coverage, 0].iter().flat_map(|word: &u16| word.to_be_bytes()).collect();
    let mut bytes = [&header[..], TEXT].concat();
    let (src, dst): (IpAddr, IpAddr) = (A.parse().expect("ours"), B.parse().expect("theirs"));
    let sum = Sum::pseudo(src, dst, UDP_LITE, bytes.len()).bytes(&bytes[..summed]).finish();
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Whether a socket with that least coverage takes a datagram.
fn takes(least: Option<u16>, datagram: &[u8]) -> bool {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let from = net.raw(a, RawKind::Raw { protocol: UDP_LITE });
    let mut to = lite(&mut net, b, "10.0.0.2:4002", Coverage { least, ..Coverage::default() });
    net.raw_send(&from, std::net::Ipv4Addr::new(10, 0, 0, 2), datagram).expect("sent");
    net.run_for(Duration::from_millis(10));
    to.recv().is_some_and(|(_, text)| text.len() == TEXT.len())
}

#[test]
fn the_header_says_how_much_the_checksum_covers() {
    // §3.1: 0 is all of it, and what is longer than the datagram is its length.
    for (send, field, covered) in
        [(None, 17, 17), (Some(0), 0, 17), (Some(8), 8, 8), (Some(12), 12, 12), (Some(99), 17, 17)]
    {
        let (mut net, a, b) = Net::pair(2, Link::default());
        let from = lite(&mut net, a, "10.0.0.1:4001", Coverage { send, ..Coverage::default() });
        let mut wire = net.raw(b, RawKind::Raw { protocol: UDP_LITE });
        net.udp_send(&from, "10.0.0.2:4002", TEXT).expect("sent");
        net.run_for(Duration::from_millis(10));
        let (_, packet) = wire.recv().expect("a packet");
        assert_eq!(packet[20..], made(field, covered), "{send:?}");
    }
}

#[test]
fn damage_that_is_not_covered_is_delivered() {
    let damaged = |at: usize| {
        let mut bytes = made(12, 12);
        bytes[at] ^= 1;
        bytes
    };
    assert!(takes(None, &made(0, 17)) && takes(None, &made(17, 17)) && takes(None, &made(8, 8)));
    assert!(takes(None, &damaged(12)) && takes(None, &damaged(16)));
    assert!(!takes(None, &damaged(11)) && !takes(None, &damaged(0)));
}

#[test]
fn a_coverage_that_cannot_be_and_no_checksum_are_refused() {
    // §3.1, §3.3.
    assert!(!takes(None, &made(7, 7)) && !takes(None, &made(18, 17)));
    let mut unsummed = made(8, 8);
    unsummed[6..8].fill(0);
    assert!(!takes(None, &unsummed));
}

#[test]
fn a_receiver_says_how_much_must_be_covered() {
    assert!(!takes(Some(0), &made(8, 8)) && takes(Some(0), &made(0, 17)));
    assert!(!takes(Some(12), &made(11, 11)) && takes(Some(12), &made(12, 12)));
    assert!(takes(Some(99), &made(0, 17)), "all is always enough");
}

#[test]
fn ports_are_not_those_of_udp_and_nobody_at_one_is_told() {
    let (mut net, a, b) = Net::pair(3, Link::default());
    let mut plain = net.udp_at(b, "10.0.0.2:4002");
    let from = lite(&mut net, a, "10.0.0.1:4001", Coverage::default());
    net.stack(a).udp_connect(from.id, Some("10.0.0.2:4002".parse().expect("an address"))).expect("connected");
    net.udp_send(&from, "10.0.0.2:4002", TEXT).expect("sent");
    net.run_for(Duration::from_millis(10));
    assert!(plain.recv().is_none());
    assert_eq!(net.stack(a).udp_take_error(from.id), Some(netstack::socket::SocketError::Refused));
    let mut there = lite(&mut net, b, "10.0.0.2:4002", Coverage::default());
    net.udp_send(&from, "10.0.0.2:4002", TEXT).expect("sent");
    net.run_for(Duration::from_millis(10));
    assert!(plain.recv().is_none() && there.recv().is_some());
}

#[test]
fn what_is_longer_than_the_link_is_covered_across_its_fragments() {
    let (mut net, a, b) = Net::pair(4, Link::default());
    let from = lite(&mut net, a, "10.0.0.1:4001", Coverage { send: Some(2000), ..Coverage::default() });
    let mut to = lite(&mut net, b, "10.0.0.2:4002", Coverage { least: Some(2000), ..Coverage::default() });
    let long: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
    net.udp_send(&from, "10.0.0.2:4002", &long).expect("sent");
    net.run_for(Duration::from_millis(10));
    assert_eq!(to.recv().expect("whole").1, long);
}
