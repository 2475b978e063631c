//! A flood of SYNs: cookies (RFC 4987 §3.6) let those in who are there, and nothing is kept of the others.

mod common;
mod tcp_common;

use std::net::Ipv4Addr;

use common::{Link, Net, STRANGER, ethernet_frame, ipv4_packet};
use netstack::link::IfIndex;
use netstack::tcp::State;
use netstack::time::Duration;
use netstack::wire::checksum::Sum;
use netstack::wire::{ethernet, ipv4};
use tcp_common::script::Script;
use tcp_common::{Listener, Socket, byte};

/// As many as the SYN queue holds.
const QUEUE: u16 = 128;

/// A listener whose SYN queue is full.
fn flooded() -> Script {
    let mut s = Script::listening(1500, 5);
    for n in 0..QUEUE {
        s.peer_port(10_000 + n);
        s.gets("S 0:0(0) win 1000 <mss 1460>");
        s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    }
    s.peer_port(4000);
    s
}

#[test]
fn a_peer_that_answers_a_cookie_is_let_in() {
    let mut s = flooded();
    s.gets("S 0:0(0) win 32792 <mss 1400,ws 3,ts 700 0>");
    let syn_ack = s.sends("S. 0:0(0) ack 1 win 65535");
    let stamps = syn_ack.options.expect("options").timestamps.expect("timestamps");
    s.accepts_nothing();
    s.gets(&format!(". 1:1(0) ack 1 win 1000 <ts 701 {}>", stamps.value));
    s.accepts();
    s.is(State::Established);
    // The segment size is the next one that a cookie can tell, less the timestamps; the window is scaled.
    s.writes(3000);
    s.sends(". 1:1289(1288) ack 1 win 512");
    s.sends(". 1289:2577(1288) ack 1");
}

#[test]
fn without_timestamps_a_cookie_tells_only_the_size() {
    let mut s = flooded();
    s.gets("S 0:0(0) win 32792 <mss 1460,ws 3,sackOK>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets("P. 1:11(10) ack 1 win 20000");
    s.accepts();
    s.reads(10);
    s.sends(". 1:1(0) ack 11 win 65535");
    s.writes(4000);
    s.sends(". 1:1461(1460) ack 11");
}

#[test]
fn a_cookie_that_we_did_not_make_is_refused() {
    let mut s = flooded();
    s.gets("S 0:0(0) win 32792 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.gets(". 1:1(0) ack 77 win 2000");
    s.sends("R 77:77(0)");
    s.gets(". 1:1(0) ack 1 win 2000");
    s.accepts();
}

#[test]
fn an_old_cookie_is_refused() {
    let mut s = flooded();
    s.gets("S 0:0(0) win 32792 <mss 1460>");
    s.sends("S. 0:0(0) ack 1 win 65535 <mss 1460>");
    s.wait_ms(125_000);
    s.ignores_what_was_sent();
    s.gets(". 1:1(0) ack 1 win 2000");
    s.sends("R 1:1(0)");
    s.accepts_nothing();
}

#[test]
fn without_a_flood_there_are_no_cookies_to_guess() {
    let mut s = Script::listening(1500, 5);
    s.gets(". 1:1(0) ack 1 win 2000");
    s.sends("R 0:0(0)");
    s.accepts_nothing();
}

/// A hundred thousand SYNs from addresses that nobody has, while a client comes and transfers.
#[test]
fn a_client_comes_through_a_flood() {
    let (mut net, server, client) = Net::pair(11, Link::default());
    let listener = Listener::new(&mut net, server, "0.0.0.0:80", 16);
    let us = Ipv4Addr::new(10, 0, 0, 1);
    let mac = net.stack(server).interfaces().find(|view| view.index == IfIndex(2)).expect("just made").mac;
    let flood = |net: &mut Net, n: u32| {
        let from = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 100).to_bits() + n % 100);
        let mut syn = [(1024 + n / 100) as u16, 80].map(u16::to_be_bytes).concat();
        syn.extend([&n.to_be_bytes()[..], &[0; 4], &[0x60, 2, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 5, 0xb4]].concat());
        let sum = Sum::pseudo_v4(from, us, ipv4::TCP, syn.len() as u16).bytes(&syn).finish();
        syn[16..18].copy_from_slice(&sum.to_be_bytes());
        let packet = ipv4_packet(from, us, ipv4::TCP, &syn);
        net.inject(server, IfIndex(2), &ethernet_frame(mac, STRANGER, ethernet::IPV4, &packet));
        net.trace.clear();
    };
    (0..50_000).for_each(|n| flood(&mut net, n));
    let mut ours = Socket::connect(&mut net, client, "10.0.0.1:80", 1 << 16);
    let mut theirs = None;
    let mut sent = 0;
    let mut read = Vec::new();
    for n in 50_000..100_000 {
        flood(&mut net, n);
        if n % 50 == 0 {
            net.run_for(Duration::from_millis(1));
            theirs = theirs.or_else(|| listener.accept(&mut net));
            if theirs.is_some() && sent < 100_000 {
                let data: Vec<u8> = (sent..sent + 1000).map(|at| byte(0, at)).collect();
                sent += ours.write(&mut net, &data);
            }
            if let Some(socket) = &mut theirs {
                read.extend(socket.read(&mut net, 1 << 16));
            }
        }
    }
    net.run_for(Duration::from_secs(2));
    let mut theirs = theirs.expect("the client was let in");
    read.extend(theirs.read(&mut net, 1 << 17));
    assert_eq!(read.len(), sent);
    assert!(sent == 100_000 && read.iter().enumerate().all(|(at, &value)| value == byte(0, at)));
    assert!(net.memory(server).most_charged() < 8 << 20, "{}", net.memory(server).most_charged());
}
