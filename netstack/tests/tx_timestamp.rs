//! When what is sent passes the points of its way, and when what comes came: which event makes which time
//! (Documentation/networking/timestamping.rst).

mod common;
mod tcp_common;

use common::*;
use netstack::ip::HeaderOptions;
use netstack::socket::SendOptions;
use netstack::time::{Duration, Instant};
use netstack::tx_timestamp::{TimestampPoint, TxTimestamp, TxTimestampRequest};
use std::num::NonZeroU16;
use std::sync::Arc;
use tcp_common::script::Script;

const MS: Duration = Duration::from_millis(1);
const ALL: TxTimestampRequest =
    TxTimestampRequest { scheduled: true, sent: true, acknowledged: true, bare: false, id: 7 };

fn tx_timestamps(net: &mut Net, node: NodeId) -> Vec<TxTimestamp> {
    let mut all = Vec::new();
    net.stack(node).take_tx_timestamps(&mut all);
    all
}

fn send(net: &mut Net, from: &Udp, to: &str, bytes: &[u8], how: SendOptions) {
    let (now, to) = (net.now(), to.parse().expect("an address"));
    let how = SendOptions { tx_timestamp: Some(ALL), ..how };
    net.stack(from.node).udp_send(now, from.id, Some(to), &[bytes], &how).expect("sent");
    net.poll(from.node);
}

/// Point, number, when, and bytes.
fn told(all: &[TxTimestamp]) -> Vec<(TimestampPoint, u32, Instant, usize)> {
    all.iter()
        .map(|tx_timestamp| (tx_timestamp.point, tx_timestamp.id, tx_timestamp.at, tx_timestamp.bytes.len()))
        .collect()
}

#[test]
fn the_loopback_has_a_datagram_at_once() {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let socket = net.udp_at(a, "127.0.0.1:9");
    let now = net.now();
    send(&mut net, &socket, "127.0.0.1:9", b"text", SendOptions::default());
    let all = tx_timestamps(&mut net, a);
    assert_eq!(told(&all), [(TimestampPoint::Scheduled, 7, now, 46), (TimestampPoint::Sent, 7, now, 46)]);
    assert_eq!((all[0].key, &all[0].bytes[12..15], &all[0].bytes[42..]), (socket.key, &[8, 0, 0x45][..], &b"text"[..]));
    assert_eq!(tx_timestamps(&mut net, a), []);
}

#[test]
fn a_datagram_that_waits_for_its_neighbour_leaves_when_that_has_answered() {
    let (mut net, a, _) = Net::pair(1, Link::default().delay_ms(3));
    let socket = net.udp_at(a, "10.0.0.1:9");
    let before = net.now();
    send(&mut net, &socket, "10.0.0.2:9", b"text", SendOptions::default());
    assert_eq!(tx_timestamps(&mut net, a), []);
    net.run_for(Duration::from_millis(20));
    let all = tx_timestamps(&mut net, a);
    let left = all[0].at;
    assert!(left > before);
    assert_eq!(told(&all), [(TimestampPoint::Scheduled, 7, left, 46), (TimestampPoint::Sent, 7, left, 46)]);
    assert_ne!(all[0].bytes[..6], [0; 6], "it has the neighbour's address");
}

#[test]
fn a_link_that_is_full_has_it_later() {
    let link = Link { rate: Some(1_000_000), queue: 2000, ..Link::default() };
    let (mut net, a, b) = Net::pair(1, link);
    let (socket, _there) = (net.udp_at(a, "10.0.0.1:9"), net.udp_at(b, "10.0.0.2:9"));
    net.udp_send(&socket, "10.0.0.2:9", b"hello").expect("sent");
    net.run_for(Duration::from_secs(1));
    let now = net.now();
    for _ in 0..3 {
        send(&mut net, &socket, "10.0.0.2:9", &[7; 1400], SendOptions::default());
    }
    assert_eq!(told(&tx_timestamps(&mut net, a)).len(), 5, "the third is in the queue");
    net.run_for(Duration::from_millis(20));
    let later = tx_timestamps(&mut net, a);
    assert_eq!(later.len(), 1);
    assert!(later[0].point == TimestampPoint::Sent && later[0].at > now, "{later:?}");
}

#[test]
fn of_fragments_and_of_what_is_cut_the_first_counts() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let (socket, _there) = (net.udp_at(a, "10.0.0.1:9"), net.udp_at(b, "10.0.0.2:9"));
    net.udp_send(&socket, "10.0.0.2:9", b"hello").expect("sent");
    net.run_for(MS);
    send(&mut net, &socket, "10.0.0.2:9", &[7; 4000], SendOptions::default());
    assert_eq!(tx_timestamps(&mut net, a).iter().map(|one| one.bytes.len()).collect::<Vec<_>>(), [1514, 1514]);
    let segment = NonZeroU16::new(100);
    send(&mut net, &socket, "10.0.0.2:9", &[7; 350], SendOptions { segment, ..SendOptions::default() });
    assert_eq!(tx_timestamps(&mut net, a).iter().map(|one| one.bytes.len()).collect::<Vec<_>>(), [142, 142]);
}

#[test]
fn what_has_options_behind_its_header_is_told_of_too() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let (socket, _there) = (net.udp_at(a, "10.0.0.1:9"), net.udp_at(b, "10.0.0.2:9"));
    net.udp_send(&socket, "10.0.0.2:9", b"hello").expect("sent");
    net.run_for(MS);
    let options = Arc::new(HeaderOptions { v4: vec![1; 4], ..HeaderOptions::default() });
    for (len, frames) in [(100, [146, 146]), (4000, [1510, 1510])] {
        let how = SendOptions { header_options: Some(options.clone()), ..SendOptions::default() };
        send(&mut net, &socket, "10.0.0.2:9", &vec![7; len], how);
        assert_eq!(tx_timestamps(&mut net, a).iter().map(|one| one.bytes.len()).collect::<Vec<_>>(), frames);
    }
}

/// Asks of the next `n` bytes that the program writes.
fn asks(s: &mut Script, n: usize, request: TxTimestampRequest) {
    let now = s.net.now();
    let socket = s.socket.as_ref().expect("a connection");
    let (id, end) = (socket.id, socket.tx.position() + n as u64);
    s.net.stack(s.node).tcp_request_tx_timestamp(now, id, end, request);
}

#[test]
fn text_leaves_with_its_segment_and_arrives_with_its_acknowledgement() {
    let mut s = Script::established();
    asks(&mut s, 100, ALL);
    let sent = s.net.now();
    s.writes(100);
    s.sends("P. 1:101(100) ack 1");
    let node = s.node;
    let all = tx_timestamps(&mut s.net, node);
    assert_eq!(told(&all), [(TimestampPoint::Scheduled, 7, sent, 154), (TimestampPoint::Sent, 7, sent, 154)]);
    s.wait_ms(5);
    s.gets(". 1:1(0) ack 51 win 65535");
    assert_eq!(tx_timestamps(&mut s.net, node), []);
    s.wait_ms(5);
    let acknowledged = s.net.now();
    s.gets(". 1:1(0) ack 101 win 65535");
    assert_eq!(told(&tx_timestamps(&mut s.net, node)), [(TimestampPoint::Acknowledged, 7, acknowledged, 100)]);
}

#[test]
fn a_repetition_is_told_again_and_of_several_in_a_segment_the_last() {
    let mut s = Script::established();
    let node = s.node;
    let bare = TxTimestampRequest { bare: true, ..ALL };
    asks(&mut s, 10, TxTimestampRequest { id: 9, ..bare });
    s.writes_part(10);
    asks(&mut s, 10, TxTimestampRequest { id: 19, ..bare });
    s.writes(10);
    s.sends("P. 1:21(20) ack 1");
    let points = |all: Vec<TxTimestamp>| all.iter().map(|one| (one.point, one.id)).collect::<Vec<_>>();
    let left = [(TimestampPoint::Scheduled, 19), (TimestampPoint::Sent, 19)];
    assert_eq!(points(tx_timestamps(&mut s.net, node)), left);
    s.wait_ms(1500);
    s.sends("P. 1:21(20) ack 1");
    s.ignores_what_was_sent();
    let again = points(tx_timestamps(&mut s.net, node));
    assert!(!again.is_empty() && again.chunks(2).all(|pair| pair == left), "{again:?}");
    s.gets(". 1:1(0) ack 21 win 65535");
    assert_eq!(points(tx_timestamps(&mut s.net, node)), [(TimestampPoint::Acknowledged, 19)]);
}

#[test]
fn who_asks_late_is_told_at_once() {
    let mut s = Script::established();
    let node = s.node;
    s.writes(10);
    s.sends("P. 1:11(10) ack 1");
    asks(&mut s, 0, TxTimestampRequest { bare: true, ..ALL });
    let now = s.net.now();
    let left = [(TimestampPoint::Scheduled, 7, now, 0), (TimestampPoint::Sent, 7, now, 0)];
    assert_eq!(told(&tx_timestamps(&mut s.net, node)), left);
    s.gets(". 1:1(0) ack 11 win 65535");
    assert_eq!(told(&tx_timestamps(&mut s.net, node)), [(TimestampPoint::Acknowledged, 7, s.net.now(), 0)]);
}

fn arrival(s: &mut Script, position: u64, read: u64) -> Option<Instant> {
    let id = s.socket.as_ref().expect("a connection").id;
    s.net.stack(s.node).tcp_arrival(id, position, read)
}

#[test]
fn text_came_when_it_was_in_order() {
    let mut s = Script::established();
    s.gets(". 1:11(10) ack 1 win 65535");
    assert_eq!(arrival(&mut s, 0, 0), None, "nobody asked");
    s.reads(10);
    s.sets(|options| options.receive_times = true);
    s.gets(". 21:31(10) ack 1 win 65535");
    assert_eq!(arrival(&mut s, 10, 0), None, "there is a gap");
    s.wait_ms(5);
    let filled = s.net.now();
    s.gets(". 11:21(10) ack 1 win 65535");
    s.wait_ms(5);
    assert_eq!(arrival(&mut s, 10, 0), Some(filled));
    assert_eq!(arrival(&mut s, 29, 30), Some(filled));
    assert_eq!(arrival(&mut s, 30, 30), None);
}
