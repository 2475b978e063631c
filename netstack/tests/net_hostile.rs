//! Whatever comes from the wire: no panic, no memory held, no answer that should not be.

mod common;

use std::net::Ipv4Addr;

use common::*;
use netstack::link::Mac;
use netstack::raw::RawKind;
use netstack::rng::Rng;
use netstack::time::Duration;
use netstack::wire::{arp, checksum, ethernet, icmpv4, ipv4};

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const S: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const A_MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);

/// Frames of every kind that a node can receive, to be mutated.
fn samples() -> Vec<Vec<u8>> {
    let ip = |protocol, payload: &[u8]| {
        ethernet_frame(A_MAC, STRANGER, ethernet::IPV4, &ipv4_packet(S, A, protocol, payload))
    };
    let datagram = ipv4_packet(A, S, ipv4::UDP, &udp_segment((A, 7), (S, 1000), b"quoted"));
    let error = [&icmpv4::emit(icmpv4::UNREACHABLE, icmpv4::unreachable::PORT, 0, &datagram)[..], &datagram].concat();
    // SYN with options to a port on which somebody listens, and bare segments of all flags.
    let mut syn = vec![0x10, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 2, 0xff, 0xff, 0, 0, 0, 0];
    syn.extend([2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
    let question = arp::Packet {
        operation: arp::Operation::Request,
        sender_mac: STRANGER,
        sender: S,
        target_mac: Mac::default(),
        target: A,
    };
    let first = fragment(S, A, ipv4::UDP, 7, 0, true, &udp_segment((S, 1), (A, 7), &[1; 800])[..800]);
    let last = fragment(S, A, ipv4::UDP, 7, 800, false, &[1; 8]);
    vec![
        arp_frame(Mac::BROADCAST, question),
        ip(ipv4::UDP, &udp_segment((S, 1000), (A, 7), b"to an open port")),
        ip(ipv4::UDP, &udp_segment((S, 1000), (A, 9), b"to a closed port")),
        ip(ipv4::ICMP, &echo_request(1, 1, b"echo")),
        ip(ipv4::ICMP, &error),
        ip(ipv4::TCP, &syn),
        ip(ipv4::TCP, &syn[..20]),
        ip(253, b"unknown"),
        ethernet_frame(A_MAC, STRANGER, ethernet::IPV4, &first),
        ethernet_frame(A_MAC, STRANGER, ethernet::IPV4, &last),
    ]
}

/// Makes the checksums of a mutated frame right again, so that mutations get past them.
fn repair(frame: &mut [u8]) {
    if frame.len() < 34 || frame[12..14] != [8, 0] {
        return;
    }
    let header_len = usize::from(frame[14] & 15) * 4;
    if header_len < 20 || frame.len() < 14 + header_len {
        return;
    }
    frame[24..26].fill(0);
    let sum = checksum::checksum(&frame[14..14 + header_len]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    if frame[23] == ipv4::ICMP {
        let total = usize::from(u16::from_be_bytes([frame[16], frame[17]])).min(frame.len() - 14);
        if total >= header_len {
            icmpv4::fill_checksum(&mut frame[14 + header_len..14 + total]);
        }
    }
    checksum::complete(frame);
}

#[test]
fn mutated_frames_of_every_kind() {
    let mut rng = Rng::new([42; 32]);
    let (mut net, a, _) = Net::pair(1, Link::default());
    let mut udp = net.udp_at(a, "0.0.0.0:7");
    let mut raw = net.raw(a, RawKind::Raw { protocol: ipv4::ICMP });
    let mut ping = net.raw(a, RawKind::Ping);
    let key = net.memory(a).new_key();
    let listener = net.stack(a).tcp_open(key);
    net.stack(a).tcp_bind(listener, "0.0.0.0:80".parse().expect("an address"), Default::default()).expect("free");
    net.stack(a).tcp_listen(listener, 4).expect("bound");
    net.raw_send(&ping, S, &echo_request(0, 1, b"x")).expect("sent");
    let samples = samples();
    for round in 0..60_000 {
        let mut frame = samples[rng.below(samples.len() as u32) as usize].clone();
        for _ in 0..rng.below(4) {
            let at = rng.below(frame.len() as u32) as usize;
            frame[at] = match rng.below(4) {
                0 => rng.u32() as u8,
                1 => 0,
                2 => 0xff,
                _ => frame[at] ^ 1 << rng.below(8),
            };
        }
        if rng.below(8) == 0 {
            frame.truncate(rng.below(frame.len() as u32 + 1) as usize);
        }
        if rng.below(4) != 0 {
            repair(&mut frame);
        }
        net.inject(a, ETH, &frame);
        if round % 1000 == 0 {
            net.run_for(Duration::from_millis(500));
            net.trace.clear();
            for socket in [&mut raw, &mut ping] {
                while socket.recv().is_some() {}
            }
            while udp.recv().is_some() {}
        }
    }
    assert!(net.memory(a).most_charged() < 8 << 20, "{}", net.memory(a).most_charged());
    net.run_for(Duration::from_secs(40));
    assert_eq!(net.memory(a).charged(), 0, "what strangers made us hold is given back");
    net.udp_send(&udp, "10.0.0.2:7", b"alive").expect("the stack still works");
}

#[test]
fn segments_to_or_from_more_than_one_host_are_nothing() {
    let (mut net, a, _) = Net::pair(3, Link::default());
    let key = net.memory(a).new_key();
    let listener = net.stack(a).tcp_open(key);
    net.stack(a).tcp_bind(listener, "0.0.0.0:80".parse().expect("an address"), Default::default()).expect("free");
    net.stack(a).tcp_listen(listener, 4).expect("bound");
    let tcp_sent = |net: &mut Net, from: Ipv4Addr, to: Ipv4Addr| {
        let mut syn = vec![0x10, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
        let sum = checksum::Sum::pseudo_v4(from, to, ipv4::TCP, syn.len() as u16).bytes(&syn).finish();
        syn[16..18].copy_from_slice(&sum.to_be_bytes());
        let before = net.tcp_frames;
        net.inject(a, ETH, &ethernet_frame(A_MAC, STRANGER, ethernet::IPV4, &ipv4_packet(from, to, ipv4::TCP, &syn)));
        net.run_for(Duration::from_millis(10));
        net.tcp_frames - before
    };
    let group = Ipv4Addr::new(224, 0, 0, 1);
    let neighbour = Ipv4Addr::new(10, 0, 0, 2);
    assert!(tcp_sent(&mut net, neighbour, A) > 0, "so it would be answered");
    for (from, to) in [
        (neighbour, group),
        (neighbour, Ipv4Addr::new(10, 0, 0, 255)),
        (neighbour, Ipv4Addr::BROADCAST),
        (group, A),
        (Ipv4Addr::BROADCAST, A),
        (Ipv4Addr::UNSPECIFIED, A),
    ] {
        assert_eq!(tcp_sent(&mut net, from, to), 0, "{from} to {to}");
    }
}

#[test]
fn a_flood_of_spoofed_sources_holds_little() {
    let mut net = Net::new(2);
    let a = net.node();
    let link = net.link(Link::default());
    net.join(a, link, "10.0.0.1/8");
    for n in 0..50_000u32 {
        let src = Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 0, 0).to_bits() + n);
        let echo = ipv4_packet(src, A, ipv4::ICMP, &echo_request(1, 1, &[0; 1400]));
        net.inject(a, ETH, &ethernet_frame(A_MAC, STRANGER, ethernet::IPV4, &echo));
        net.trace.clear();
    }
    assert!(net.memory(a).most_charged() < 4 << 20, "{}", net.memory(a).most_charged());
    assert!(net.stack(a).neighbors().len() <= 1024);
    net.run_for(Duration::from_secs(10));
    assert_eq!(net.memory(a).charged(), 0);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let noisy = Link { loss: 1000, duplication: 500, jitter: Duration::from_millis(2), ..Link::default() };
        let (mut net, a, b) = Net::pair(seed, noisy);
        let from = net.udp(a);
        let _to = net.udp_at(b, "10.0.0.2:7");
        for n in 0..50 {
            let _ = net.udp_send(&from, "10.0.0.2:7", &vec![n; usize::from(n) * 100]);
            net.run_for(Duration::from_millis(7));
        }
        net.run_for(Duration::from_secs(30));
        net.trace.iter().map(|seen| (seen.at, seen.from.0, seen.frame.clone(), seen.lost)).collect::<Vec<_>>()
    };
    assert!(run(5) == run(5));
    assert!(run(5) != run(6));
}
