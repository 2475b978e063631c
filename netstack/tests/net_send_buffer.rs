//! SO_SNDBUF of datagram sockets: what has been sent and waits is charged to who sent it, and who has too much waits. The figures are
//! those that Linux showed on a link where nobody answers ARP.

mod common;

use common::{Link, Net, NodeId, Udp};
use netstack::raw::RawKind;
use netstack::socket::{SendError, SendOptions};
use netstack::time::Duration;
use std::net::Ipv4Addr;

const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 77);
/// The least that SO_SNDBUF can be, and what it is by itself.
const LEAST: usize = 4608;
const DEFAULT: usize = 212_992;

fn alone() -> (Net, NodeId) {
    let (net, a, _) = Net::pair(1, Link::default());
    (net, a)
}

fn socket(net: &mut Net, node: NodeId, buffer: usize) -> Udp {
    let socket = net.udp(node);
    net.stack(node).set_send_buffer(socket.id, buffer);
    socket
}

fn sent(net: &mut Net, socket: &Udp) -> usize {
    net.stack(socket.node).datagram_memory(socket.id).expect("a socket").sent
}

/// How many datagrams of `len` bytes find room, how many of them leave poll(2) saying that there is more, and what then waits.
fn fill(net: &mut Net, socket: &Udp, len: usize) -> (usize, usize, usize) {
    let (mut count, mut writable) = (0, 0);
    loop {
        match net.udp_send(socket, "10.0.0.77:9", &vec![7; len]) {
            Ok(_) => count += 1,
            Err(SendError::Full) => return (count, writable, sent(net, socket)),
            Err(error) => panic!("{error:?}"),
        }
        writable += usize::from(net.stack(socket.node).is_writable(socket.id));
    }
}

#[test]
fn what_waits_for_a_neighbour_fills_the_buffer() {
    let (mut net, a) = alone();
    for (buffer, len, full) in [
        (LEAST, 1, (6, 2, 4992)),
        (LEAST, 1000, (2, 0, 4608)),
        (20_000, 100, (25, 12, 20_800)),
        (20_000, 1400, (9, 4, 20_736)),
        (DEFAULT, 1, (256, 127, 212_992)),
    ] {
        let socket = socket(&mut net, a, buffer);
        assert_eq!(fill(&mut net, &socket, len), full, "{len} bytes each into {buffer}");
        net.run_for(Duration::from_secs(4));
        assert_eq!(sent(&mut net, &socket), 0, "nobody has answered");
        net.stack(a).udp_close(socket.id);
    }
}

#[test]
fn who_had_too_much_is_told_when_there_is_room() {
    let (mut net, a) = alone();
    let socket = socket(&mut net, a, LEAST);
    fill(&mut net, &socket, 100);
    assert_eq!(net.touched(a), [socket.key], "the buffer is half full");
    net.run_for(Duration::from_millis(2900));
    assert!(net.touched(a).is_empty());
    net.run_for(Duration::from_millis(200));
    assert!(net.touched(a).contains(&socket.key) && net.stack(a).is_writable(socket.id));
}

#[test]
fn fragments_after_the_first_meet_twice_the_bound() {
    let (mut net, a) = alone();
    let small = socket(&mut net, a, LEAST);
    assert_eq!(net.udp_send(&small, "10.0.0.77:9", &[7; 9000]), Err(SendError::NoBuffers));
    assert_eq!(sent(&mut net, &small), 0);
    assert_eq!(net.udp_send(&small, "10.0.0.77:9", &[7; 3000]), Ok(3000));
    assert_eq!((sent(&mut net, &small), net.stack(a).is_writable(small.id)), (5440, false));
    let large = socket(&mut net, a, DEFAULT);
    assert_eq!(net.udp_send(&large, "10.0.0.77:9", &[7; 60_000]), Ok(60_000));
    assert_eq!(sent(&mut net, &large), 94_464);
}

#[test]
fn a_raw_socket_does_not_wait_and_a_ping_socket_does() {
    let (mut net, a) = alone();
    let message = [&[8, 0, 0, 0, 0, 0, 0, 0][..], &[7; 100]].concat();
    for (kind, count, error) in
        [(RawKind::Raw { protocol: 253 }, 12, SendError::NoBuffers), (RawKind::Ping, 6, SendError::Full)]
    {
        let socket = net.raw(a, kind);
        net.stack(a).set_send_buffer(socket.id, LEAST);
        let mut send = || net.raw_send(&socket, NOBODY, &message);
        assert_eq!((0..).find_map(|n| send().err().map(|error| (n, error))), Some((count, error)), "{kind:?}");
    }
}

#[test]
fn a_datagram_in_pieces_waits_in_the_buffer() {
    let (mut net, a) = alone();
    let socket = socket(&mut net, a, DEFAULT);
    let more = SendOptions { more: true, ..SendOptions::default() };
    let to = Some("10.0.0.2:9".parse().unwrap());
    for (len, waiting) in [(1, 832), (100, 932), (1000, 1932), (5000, 6932), (0, 6932)] {
        let now = net.now();
        assert_eq!(net.stack(a).udp_send(now, socket.id, to, &[&vec![7; len]], &more), Ok(len));
        assert_eq!(sent(&mut net, &socket), waiting);
    }
    net.stack(a).udp_drop_corked(socket.id);
    assert_eq!(sent(&mut net, &socket), 0);
}

#[test]
fn who_filled_the_buffer_with_pieces_is_told_when_they_go() {
    let (mut net, a) = alone();
    let (udp, raw) = (socket(&mut net, a, 5000), net.raw(a, RawKind::Raw { protocol: 253 }));
    net.stack(a).set_send_buffer(raw.id, 5000);
    let (to, now) = (Some("10.0.0.77:9".parse().unwrap()), net.now());
    for (len, more, writable) in [(1000, true, true), (300, true, false), (0, false, true)] {
        let how = SendOptions { more, ..SendOptions::default() };
        net.touched(a);
        assert_eq!(net.stack(a).udp_send(now, udp.id, to, &[&vec![7; len]], &how), Ok(len));
        assert_eq!(net.stack(a).raw_send(now, raw.id, to, &[&vec![7; len]], &how), Ok(len));
        assert_eq!((net.stack(a).is_writable(udp.id), net.stack(a).is_writable(raw.id)), (writable, writable));
        net.poll(a);
        let touched = net.touched(a);
        let told = (touched.contains(&udp.key), touched.contains(&raw.key));
        assert_eq!(told, (len < 1000, len < 1000), "after {len} bytes");
    }
}

#[test]
fn pieces_that_fill_the_buffer_of_a_raw_socket_go_with_the_one_that_is_refused() {
    let (mut net, a) = alone();
    let raw = net.raw(a, RawKind::Raw { protocol: 253 });
    net.stack(a).set_send_buffer(raw.id, LEAST);
    let more = SendOptions { more: true, ..SendOptions::default() };
    let (to, now) = (Some("10.0.0.77:9".parse().unwrap()), net.now());
    for sent in [Ok(5000), Ok(5000), Err(SendError::NoBuffers)] {
        assert_eq!(net.stack(a).raw_send(now, raw.id, to, &[&[7; 5000]], &more), sent);
    }
    assert_eq!(net.stack(a).datagram_memory(raw.id).expect("a socket").sent, 0);
    assert_eq!(net.raw_send(&raw, NOBODY, &[7; 100]), Ok(100));
}

#[test]
fn on_the_loopback_nothing_waits() {
    let (mut net, a) = alone();
    let socket = socket(&mut net, a, LEAST);
    for _ in 0..20 {
        assert_eq!(net.udp_send(&socket, "127.0.0.1:9", &[7; 60_000]), Ok(60_000));
        assert_eq!(sent(&mut net, &socket), 0);
        net.stack(a).udp_take_error(socket.id);
    }
}

#[test]
fn what_a_link_does_not_take_is_charged_until_it_does() {
    let slow = Link { rate: Some(100_000), queue: 2000, ..Link::default() };
    let (mut net, a, b) = Net::pair(1, slow);
    let (socket, mut to) = (socket(&mut net, a, LEAST), net.udp_at(b, "10.0.0.2:9"));
    net.udp_send(&socket, "10.0.0.2:9", &[7; 100]).expect("room");
    net.run_for(Duration::from_millis(100));
    let sent_all = (0..100).take_while(|_| net.udp_send(&socket, "10.0.0.2:9", &[7; 1000]).is_ok()).count();
    assert!((2..10).contains(&sent_all), "{sent_all}");
    assert!(!net.stack(a).is_writable(socket.id));
    net.run_for(Duration::from_secs(1));
    assert_eq!((sent(&mut net, &socket), net.stack(a).is_writable(socket.id)), (0, true));
    assert_eq!(std::iter::from_fn(|| to.recv()).count(), 1 + sent_all, "nothing was lost");
}

#[test]
fn a_socket_that_goes_leaves_nothing_to_the_next() {
    let (mut net, a) = alone();
    let first = socket(&mut net, a, LEAST);
    fill(&mut net, &first, 100);
    net.stack(a).udp_close(first.id);
    let second = socket(&mut net, a, LEAST);
    assert_eq!(net.udp_send(&second, "10.0.0.78:9", &[7; 100]), Ok(100));
    // What the first has sent is given up before.
    net.run_for(Duration::from_millis(3050));
    net.udp_send(&second, "10.0.0.78:9", &[7; 100]).expect("room");
    assert_eq!(sent(&mut net, &second), 832);
}
