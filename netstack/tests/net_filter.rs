//! Filters of sockets: what reaches a socket, and how much of it.

mod common;

use std::time::Duration;

use common::*;
use netstack::filter::{Instruction, Program};
use netstack::link::Mac;
use netstack::packet::ALL;
use netstack::raw::RawKind;
use netstack::tcp::{State, TcpId};

const fn op(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

fn program(instructions: &[Instruction]) -> Option<Program> {
    Some(Program::new(instructions.to_vec()).expect("a program"))
}

/// Accepts so many bytes of everything.
fn accept(bytes: u32) -> Option<Program> {
    program(&[op(0x06, bytes)])
}

/// Accepts all where the byte at `at` is `value`, else nothing.
fn where_byte(at: u32, value: u32) -> Option<Program> {
    let test = Instruction { code: 0x15, jt: 0, jf: 1, k: value };
    program(&[op(0x30, at), test, op(0x06, u32::MAX), op(0x06, 0)])
}

#[test]
fn of_a_datagram_the_header_is_seen_and_stays() {
    let (mut net, a, b) = Net::pair(1, Link::default());
    let (from, mut to) = (net.udp_at(a, "10.0.0.1:1000"), net.udp_at(b, "10.0.0.2:7"));
    let mut got = |net: &mut Net, filter, text: &[u8]| {
        net.stack(b).udp_attach(to.id, filter);
        net.udp_send(&from, "10.0.0.2:7", text).expect("sent");
        net.run_for(Duration::from_millis(10));
        to.recv().map(|(header, bytes)| {
            assert_eq!(header.len as usize, bytes.len());
            bytes
        })
    };
    assert_eq!(got(&mut net, accept(0), b"text"), None);
    assert_eq!(got(&mut net, accept(10), b"text").as_deref(), Some(&b"te"[..]));
    assert_eq!(got(&mut net, accept(1), b"text").as_deref(), Some(&b""[..]));
    assert_eq!(got(&mut net, accept(u32::MAX), b"text").as_deref(), Some(&b"text"[..]));
    assert_eq!(got(&mut net, where_byte(8, b't'.into()), b"text").as_deref(), Some(&b"text"[..]));
    assert_eq!(got(&mut net, where_byte(8, b't'.into()), b"other"), None);
    // SKF_NET_OFF + 9: the protocol in the IP header.
    assert_eq!(got(&mut net, where_byte(-0x10_0000_i32 as u32 + 9, 17), b"x").as_deref(), Some(&b"x"[..]));
    assert_eq!(got(&mut net, None, b"text").as_deref(), Some(&b"text"[..]));
    // Nobody hears that it was not wanted.
    assert!(!net.trace.iter().any(|seen| as_icmp(&seen.frame).is_some()));
}

#[test]
fn of_a_raw_packet_the_ip_header_is_seen() {
    let (mut net, a, b) = Net::pair(2, Link::default());
    let (from, mut raw) = (net.udp_at(a, "10.0.0.1:1000"), net.raw(b, RawKind::Raw { protocol: 17 }));
    for (filter, len) in [(where_byte(0, 0x45), Some(32)), (where_byte(0, 0x46), None), (accept(24), Some(24))] {
        net.stack(b).raw_attach(raw.id, filter);
        net.udp_send(&from, "10.0.0.2:7", b"text").expect("sent");
        net.run_for(Duration::from_millis(10));
        assert_eq!(raw.recv().map(|(_, bytes)| bytes.len()), len);
    }
}

#[test]
fn of_a_frame_as_much_is_kept_as_the_filter_says() {
    let (mut net, a, _) = Net::pair(3, Link::default());
    let mut socket = net.packet(a, Some(ETH), ALL);
    net.stack(a).packet_attach(socket.id, where_byte(12, 0x12));
    for ethertype in [0x3412, 0x1234] {
        net.inject(a, ETH, &ethernet_frame(Mac::BROADCAST, STRANGER, ethertype, b"payload"));
    }
    let (record, frame) = socket.recv().expect("one");
    assert_eq!((record.protocol, frame.len()), (0x1234, 21));
    net.stack(a).packet_take_statistics(socket.id);
    net.stack(a).packet_attach(socket.id, accept(16));
    net.inject(a, ETH, &ethernet_frame(Mac::BROADCAST, STRANGER, 0x1234, b"payload"));
    let (record, frame) = socket.recv().expect("one");
    assert_eq!((record.original, record.len, frame.len()), (21, 16, 16));
    // What was not wanted is not counted.
    net.stack(a).packet_attach(socket.id, accept(0));
    net.inject(a, ETH, &ethernet_frame(Mac::BROADCAST, STRANGER, 0x1234, b"payload"));
    assert_eq!(net.stack(a).packet_take_statistics(socket.id).map(|counts| counts.packets), Some(1));
}

struct Stream {
    id: TcpId,
    tx: arena::Producer,
    rx: arena::Consumer,
}

fn connect(net: &mut Net, a: NodeId, to: &str) -> Stream {
    let (now, key) = (net.now(), net.memory(a).new_key());
    let ((tx, engine_tx), (engine_rx, rx)) = (arena::ring::heap(1 << 14), arena::ring::heap(1 << 14));
    let id = net.stack(a).tcp_open(key);
    net.stack(a).tcp_connect(now, id, to.parse().expect("an address"), engine_tx, engine_rx).expect("begins");
    net.poll(a);
    net.run_for(Duration::from_millis(50));
    Stream { id, tx, rx }
}

fn state(net: &mut Net, node: NodeId, id: TcpId) -> State {
    net.stack(node).tcp_status(id).expect("open").state
}

#[test]
fn segments_that_the_filter_drops_are_lost_until_it_takes_them() {
    let (mut net, a, b) = Net::pair(4, Link::default());
    let key = net.memory(b).new_key();
    let listener = net.stack(b).tcp_open(key);
    net.stack(b).tcp_bind(listener, "10.0.0.2:80".parse().expect("an address"), Default::default()).expect("free");
    net.stack(b).tcp_listen(listener, 8).expect("bound");
    // Of the listener: the SYN comes in once the filter is gone.
    net.stack(b).tcp_attach(listener, accept(0));
    let mut client = connect(&mut net, a, "10.0.0.2:80");
    assert_eq!(state(&mut net, a, client.id), State::SynSent);
    net.stack(b).tcp_attach(listener, accept(u32::MAX));
    net.run_for(Duration::from_secs(4));
    assert_eq!(state(&mut net, a, client.id), State::Established);
    let accepted = net.stack(b).tcp_accept(listener).expect("a connection");
    let (_, mut rx) = net.memory(b).take_ends(accepted.key).expect("rings");
    // Of the connection: the text is sent again, until it may come; a piece of it at a time, if it is to be so.
    let mut sends = |net: &mut Net, filter, seconds| {
        net.stack(b).tcp_attach(accepted.id, filter);
        if client.tx.used() == 0 {
            client.tx.write(b"0123456789");
        }
        let now = net.now();
        net.stack(a).tcp_data_queued(now, client.id);
        net.poll(a);
        net.run_for(Duration::from_secs(seconds));
        let mut bytes = [0; 64];
        let n = rx.read(&mut bytes).0;
        bytes[..n].to_vec()
    };
    assert_eq!(sends(&mut net, accept(0), 1), b"");
    assert_eq!(sends(&mut net, accept(20), 1), b"", "however little is accepted, the header stays");
    assert_eq!(sends(&mut net, accept(u32::MAX), 10), b"0123456789");
    assert!(client.rx.is_empty());
}
