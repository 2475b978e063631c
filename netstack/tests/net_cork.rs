//! UDP datagrams and raw packets in pieces (MSG_MORE, UDP_CORK), and sends that are cut into many datagrams (UDP_SEGMENT).

mod common;

use std::num::NonZeroU16;

use common::*;
use netstack::datagram::MtuDiscovery;
use netstack::raw::RawKind;
use netstack::socket::{SendError, SendOptions};
use netstack::time::Duration;

const MORE: SendOptions = SendOptions {
    source: None,
    on: None,
    ttl: None,
    dont_fragment: None,
    header_options: None,
    tos: None,
    flow_label: None,
    more: true,
    segment: None,
    dont_route: false,
    probe: false,
    refused: false,
    tx_timestamp: None,
};

/// A sender, a receiver at 10.0.0.2:7, and the neighbours known.
fn two(seed: u64, link: Link) -> (Net, Udp, Udp) {
    let (mut net, a, b) = Net::pair(seed, link);
    let from = net.udp(a);
    let mut to = net.udp_at(b, "10.0.0.2:7");
    net.udp_send(&from, "10.0.0.2:7", b"resolve").expect("sent");
    settle(&mut net);
    to.recv().expect("the first");
    net.trace.clear();
    (net, from, to)
}

fn settle(net: &mut Net) {
    net.run_for(Duration::from_millis(10));
}

fn give(net: &mut Net, from: &Udp, to: Option<&str>, payload: &[u8], how: &SendOptions) -> Result<usize, SendError> {
    let (now, to) = (net.now(), to.map(|to| to.parse().expect("an address and port")));
    let sent = net.stack(from.node).udp_send(now, from.id, to, &[payload], how);
    net.poll(from.node);
    sent
}

fn lengths(to: &mut Udp) -> Vec<usize> {
    std::iter::from_fn(|| to.recv()).map(|(_, data)| data.len()).collect()
}

#[test]
fn pieces_become_one_datagram_on_the_way_of_the_first() {
    let (mut net, from, mut to) = two(1, Link::default());
    assert_eq!(give(&mut net, &from, Some("10.0.0.2:7"), b"one ", &MORE), Ok(4));
    assert_eq!(give(&mut net, &from, Some("10.0.0.9:9"), b"two ", &MORE), Ok(4));
    settle(&mut net);
    assert!(net.trace.is_empty() && net.memory(from.node).charged() == 8);
    assert_eq!(give(&mut net, &from, None, b"three", &SendOptions::default()), Ok(5));
    settle(&mut net);
    assert_eq!(net.trace.len(), 1);
    assert_checksums(&net.trace[0].frame);
    assert_eq!(to.recv().expect("the whole").1, b"one two three");
    assert_eq!(net.memory(from.node).charged(), 0);
}

#[test]
fn uncorking_sends_and_closing_drops() {
    let (mut net, from, mut to) = two(2, Link::default());
    let now = net.now();
    give(&mut net, &from, Some("10.0.0.2:7"), b"held", &MORE).expect("taken");
    net.stack(from.node).udp_uncork(now, from.id);
    net.stack(from.node).udp_uncork(now, from.id);
    net.poll(from.node);
    settle(&mut net);
    assert_eq!(lengths(&mut to), [4]);
    give(&mut net, &from, Some("10.0.0.2:7"), b"lost", &MORE).expect("taken");
    net.stack(from.node).udp_close(from.id);
    net.poll(from.node);
    settle(&mut net);
    assert_eq!(lengths(&mut to), []);
    assert_eq!(net.memory(from.node).charged(), 0);
}

#[test]
fn pieces_that_together_are_too_long_are_dropped() {
    let (mut net, from, mut to) = two(3, Link::default());
    let bytes = vec![1; 65_508];
    for (discovery, pieces) in
        [(MtuDiscovery::Want, [65_507, 1]), (MtuDiscovery::Do, [1400, 73]), (MtuDiscovery::Probe, [1472, 1])]
    {
        net.stack(from.node).udp_options(from.id).expect("open").mtu_discovery = discovery;
        assert_eq!(give(&mut net, &from, Some("10.0.0.2:7"), &bytes[..pieces[0]], &MORE), Ok(pieces[0]));
        assert_eq!(give(&mut net, &from, None, &bytes[..pieces[1]], &MORE), Err(SendError::MessageTooLong));
        assert_eq!(net.memory(from.node).charged(), 0);
        assert_eq!(give(&mut net, &from, None, b"x", &MORE), Err(SendError::DestinationRequired));
    }
    settle(&mut net);
    assert_eq!(lengths(&mut to), []);
}

#[test]
fn at_the_memory_limit_there_is_no_room_for_pieces() {
    let (mut net, from, _) = two(4, Link::default());
    net.memory(from.node).set_limit(1000);
    assert_eq!(give(&mut net, &from, Some("10.0.0.2:7"), &[1; 900], &MORE), Ok(900));
    assert_eq!(give(&mut net, &from, None, &[1; 101], &MORE), Err(SendError::NoBuffers));
    assert_eq!(net.memory(from.node).charged(), 0);
}

#[test]
fn a_raw_packet_in_pieces() {
    let (mut net, a, b) = Net::pair(5, Link::default());
    let from = net.raw(a, RawKind::Raw { protocol: 253 });
    let mut to = net.raw(b, RawKind::Raw { protocol: 253 });
    for (piece, how) in [(&b"ab"[..], MORE), (b"cd", MORE), (b"ef", SendOptions::default())] {
        let now = net.now();
        let peer = "10.0.0.2:0".parse().expect("an address");
        assert_eq!(net.stack(a).raw_send(now, from.id, Some(peer), &[piece], &how), Ok(2));
        net.poll(a);
    }
    settle(&mut net);
    assert_eq!(to.recv().expect("a packet").1[20..], *b"abcdef");
    assert!(to.recv().is_none());
    assert_eq!(net.memory(a).charged(), 0);
}

fn by(segment: u16) -> SendOptions {
    SendOptions { segment: NonZeroU16::new(segment), ..SendOptions::default() }
}

#[test]
fn one_send_is_cut_into_datagrams() {
    let (mut net, from, mut to) = two(6, Link::default());
    let bytes = vec![1; 65_507];
    for (len, segment, expected) in [
        (2800, 1000, Ok(vec![1000, 1000, 800])),
        (1472, 1472, Ok(vec![1472])),
        (700, 1400, Ok(vec![700])),
        (0, 1000, Ok(vec![0])),
        (128, 1, Ok(vec![1; 128])),
        (129, 1, Err(SendError::TooManySegments)),
        (3000, 1473, Err(SendError::MessageTooLong)),
    ] {
        let sent = give(&mut net, &from, Some("10.0.0.2:7"), &bytes[..len], &by(segment));
        settle(&mut net);
        assert_eq!(sent.map(|_| lengths(&mut to)), expected, "{len} by {segment}");
        net.trace.drain(..).for_each(|seen| assert_checksums(&seen.frame));
    }
}

#[test]
fn the_first_piece_says_how_the_whole_is_cut() {
    let (mut net, from, mut to) = two(7, Link::default());
    give(&mut net, &from, Some("10.0.0.2:7"), &[1; 200], &SendOptions { more: true, ..by(300) }).expect("taken");
    give(&mut net, &from, None, &[1; 500], &SendOptions::default()).expect("sent");
    settle(&mut net);
    assert_eq!(lengths(&mut to), [300, 300, 100]);
}

#[test]
fn a_full_link_takes_all_segments_or_none() {
    let slow = Link { rate: Some(1_000_000), queue: 10_000, ..Link::default() };
    let (mut net, from, mut to) = two(8, slow);
    let mut sent = 0;
    while give(&mut net, &from, Some("10.0.0.2:7"), &[1; 14_000], &by(1400)).is_ok() {
        sent += 10;
        assert!(sent < 2000, "no end of room");
    }
    assert!(!net.stack(from.node).is_writable(from.id));
    net.run_for(Duration::from_secs(2));
    let dropped = net.stack(to.node).udp_status(to.id).expect("open").dropped as usize;
    assert_eq!(lengths(&mut to).len() + dropped, sent);
}
