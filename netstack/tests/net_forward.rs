//! Routers: packets for others, what is said about those that go no further, and better ways.

mod common;

use std::net::Ipv4Addr;

use common::*;
use netstack::link::{IfIndex, Mac};
use netstack::raw::RawKind;
use netstack::route::Route;
use netstack::time::Duration;
use netstack::wire::arp::{Operation, Packet};
use netstack::wire::{checksum, ethernet, icmpv4, ipv4};

const A: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 2);
const B: Ipv4Addr = Ipv4Addr::new(10, 2, 0, 2);
const LEFT: IfIndex = IfIndex(2);

fn default_route(net: &mut Net, node: NodeId, via: [u8; 4]) {
    let route = Route { dst: netstack::IpNet::DEFAULT_V4, via: Some(via.into()), on: LEFT, metric: 0 };
    net.stack(node).add_route(route).expect("a good route");
}

/// a (10.1.0.2) – r (10.1.0.1, 10.2.0.1) – b (10.2.0.2). The right link has an MTU of its own.
fn routed(seed: u64, right_mtu: u32) -> (Net, NodeId, NodeId, NodeId) {
    let mut net = Net::new(seed);
    let (a, r, b) = (net.node(), net.node(), net.node());
    let left = net.link(Link::default());
    let right = net.link(Link { mtu: right_mtu, ..Link::default() });
    net.join(a, left, "10.1.0.2/24");
    net.join(r, left, "10.1.0.1/24");
    net.join(r, right, "10.2.0.1/24");
    net.join(b, right, "10.2.0.2/24");
    default_route(&mut net, a, [10, 1, 0, 1]);
    default_route(&mut net, b, [10, 2, 0, 1]);
    net.stack(r).set_forwarding(true);
    (net, a, r, b)
}

/// A frame of the script's own station on the left link, to the router.
fn from_stranger(net: &mut Net, r: NodeId, packet: &[u8]) {
    let mac = router_mac(net, r);
    net.inject(r, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV4, packet));
}

fn router_mac(net: &mut Net, r: NodeId) -> Mac {
    net.stack(r).interfaces().find(|interface| interface.index == LEFT).expect("it is there").mac
}

/// The router knows the script's station as `A`, and B, which it has asked for.
fn acquaint(net: &mut Net, r: NodeId) {
    let (sender, target) = (A, Ipv4Addr::new(10, 1, 0, 1));
    let packet =
        Packet { operation: Operation::Request, sender_mac: STRANGER, sender, target_mac: Mac::default(), target };
    net.inject(r, LEFT, &arp_frame(Mac::BROADCAST, packet));
    net.run_for(Duration::from_millis(5));
}

/// A network whose left station is played by the script.
fn scripted(seed: u64, right_mtu: u32) -> (Net, NodeId, NodeId) {
    let (mut net, a, r, b) = routed(seed, right_mtu);
    net.kill(a);
    acquaint(&mut net, r);
    // B is asked for now, so that what follows does not wait.
    from_stranger(&mut net, r, &ipv4_packet(A, B, ipv4::ICMP, &echo_request(1, 0, b"")));
    net.run_for(Duration::from_millis(20));
    net.trace.clear();
    (net, r, b)
}

/// ICMP messages that the router sent: type, code, rest.
fn said(net: &Net, r: NodeId) -> Vec<(u8, u8, u32)> {
    let of_router = net.trace.iter().filter(|seen| seen.from == r);
    let message = of_router.filter_map(|seen| {
        let packet = as_ipv4(&seen.frame)?;
        let message = as_icmp(&seen.frame)?;
        (packet.dst() == A && icmpv4::is_error(message.kind)).then_some((message.kind, message.code, message.rest))
    });
    message.collect()
}

/// Packets that the router passed on to B.
fn passed(net: &Net, r: NodeId) -> Vec<Vec<u8>> {
    let to_b = |seen: &&Seen| seen.from == r && as_ipv4(&seen.frame).is_some_and(|packet| packet.dst() == B);
    let bytes = |seen: &Seen| as_ipv4(&seen.frame).expect("a packet").bytes().to_vec();
    net.trace.iter().filter(to_b).map(bytes).collect()
}

fn with(packet: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = packet.to_vec();
    change(&mut packet);
    packet[10..12].fill(0);
    let header_len = usize::from(packet[0] & 15) * 4;
    let sum = checksum::checksum(&packet[..header_len]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[test]
fn datagrams_go_both_ways_and_the_time_to_live_counts_the_router() {
    let (mut net, a, _, b) = routed(1, 1500);
    let mut to = net.udp_at(b, "10.2.0.2:7");
    let mut from = net.udp_at(a, "10.1.0.2:7");
    net.udp_send(&from, "10.2.0.2:7", b"there").expect("queued");
    net.run_for(Duration::from_millis(20));
    let (header, payload) = to.recv().expect("it came");
    assert_eq!((header.ttl, payload.as_slice()), (63, &b"there"[..]));
    net.udp_send(&to, "10.1.0.2:7", b"and back").expect("queued");
    net.run_for(Duration::from_millis(20));
    assert_eq!(from.recv().expect("it came").1, b"and back");
}

#[test]
fn a_host_passes_nothing_on() {
    let (mut net, a, r, b) = routed(2, 1500);
    net.stack(r).set_forwarding(false);
    let mut to = net.udp_at(b, "10.2.0.2:7");
    let from = net.udp(a);
    net.udp_send(&from, "10.2.0.2:7", b"there").expect("queued");
    net.run_for(Duration::from_millis(20));
    assert!(to.recv().is_none());
    assert!(said(&net, r).is_empty(), "and says nothing (RFC 1122 §3.3.1.1)");
}

#[test]
fn a_checksum_that_was_left_to_the_link_is_completed_on_the_way() {
    let mut net = Net::new(3);
    let (a, r, b) = (net.node(), net.node(), net.node());
    let left = net.link(Link { checksum_offload: true, ..Link::default() });
    let right = net.link(Link::default());
    net.join(a, left, "10.1.0.2/24");
    net.join(r, left, "10.1.0.1/24");
    net.join(r, right, "10.2.0.1/24");
    net.join(b, right, "10.2.0.2/24");
    default_route(&mut net, a, [10, 1, 0, 1]);
    net.stack(r).set_forwarding(true);
    let mut to = net.udp_at(b, "10.2.0.2:7");
    let from = net.udp(a);
    // The network of these tests verifies every checksum on a link without offload.
    net.udp_send(&from, "10.2.0.2:7", b"there").expect("queued");
    net.run_for(Duration::from_millis(20));
    assert_eq!(to.recv().expect("it came").1, b"there");
}

#[test]
fn what_goes_no_further_is_said() {
    let (mut net, r, _) = scripted(4, 600);
    let echo = ipv4_packet(A, B, ipv4::ICMP, &echo_request(1, 1, &[0; 700]));
    let short = ipv4_packet(A, B, ipv4::ICMP, &echo_request(1, 1, b""));
    let cases = [
        (with(&short, |packet| packet[8] = 1), Some((icmpv4::TIME_EXCEEDED, 0, 0))),
        (ipv4_packet(A, Ipv4Addr::new(203, 0, 113, 9), ipv4::UDP, &[0; 8]), Some((icmpv4::UNREACHABLE, 0, 0))),
        (echo, Some((icmpv4::UNREACHABLE, 4, 600))),
        // Never about an error (RFC 1812 §4.3.2.7).
        (with(&ipv4_packet(A, B, ipv4::ICMP, &[3, 3, 0xfc, 0xfc, 0, 0, 0, 0]), |packet| packet[8] = 1), None),
    ];
    for (packet, expected) in cases {
        net.trace.clear();
        from_stranger(&mut net, r, &packet);
        net.run_for(Duration::from_millis(10));
        assert_eq!(said(&net, r), Vec::from_iter(expected));
        assert!(passed(&net, r).is_empty());
    }
    // Nobody answers ARP on the far side: host unreachable, to the sender.
    net.trace.clear();
    from_stranger(&mut net, r, &ipv4_packet(A, Ipv4Addr::new(10, 2, 0, 99), ipv4::UDP, &[0; 8]));
    net.run_for(Duration::from_secs(4));
    assert_eq!(said(&net, r), [(icmpv4::UNREACHABLE, icmpv4::unreachable::HOST, 0)]);
}

#[test]
fn martians_broadcasts_and_link_local_packets_are_not_passed_on() {
    let (mut net, r, _) = scripted(5, 1500);
    let (mac, data) = (router_mac(&mut net, r), [0; 8]);
    for (src, dst) in [
        ("127.0.0.1", "10.2.0.2"),
        ("0.0.0.0", "10.2.0.2"),
        ("224.0.0.5", "10.2.0.2"),
        ("240.0.0.1", "10.2.0.2"),
        ("255.255.255.255", "10.2.0.2"),
        ("10.2.0.1", "10.2.0.2"), // Ours.
        ("10.2.0.255", "10.2.0.2"),
        ("169.254.1.1", "10.2.0.2"),
        ("10.1.0.2", "169.254.1.1"),
        ("10.1.0.2", "10.2.0.255"), // RFC 2644.
        ("10.1.0.2", "127.0.0.1"),
        ("10.1.0.2", "240.0.0.1"),
        ("10.1.0.2", "224.0.0.5"),
    ] {
        let packet = ipv4_packet(src.parse().expect("v4"), dst.parse().expect("v4"), 99, &data);
        from_stranger(&mut net, r, &packet);
        net.run_for(Duration::from_millis(10));
        assert!(net.trace.is_empty(), "{src} to {dst}");
    }
    // RFC 1812 §5.3.4: what came as a link's broadcast.
    let good = ipv4_packet(A, B, 99, &data);
    net.inject(r, LEFT, &ethernet_frame(Mac::BROADCAST, STRANGER, ethernet::IPV4, &good));
    let routed = with(&good, |packet| {
        packet[0] = 0x47;
        packet.splice(20..20, [131, 7, 4, 10, 2, 0, 2, 0]);
        packet[3] += 8;
    });
    net.inject(r, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV4, &routed));
    net.run_for(Duration::from_millis(10));
    assert!(net.trace.is_empty());
    net.inject(r, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV4, &good));
    assert_eq!(passed(&net, r).len(), 1, "and this is what a good one looks like");
}

#[test]
fn what_is_too_long_for_the_next_link_is_cut_with_the_options_that_belong_to_each_piece() {
    let (mut net, r, _) = scripted(6, 576);
    let segment = udp_segment((A, 7), (B, 7), &[7; 1200]);
    let whole = with(&ipv4_packet(A, B, ipv4::UDP, &segment), |packet| {
        packet[6] = 0; // May be cut.
        packet[0] = 0x48;
        // Stream identifier (copied), record route with one place (not copied), end.
        packet.splice(20..20, [136, 4, 0, 9, 7, 7, 4, 0, 0, 0, 0, 0]);
        packet[2..4].copy_from_slice(&(32 + 1208u16).to_be_bytes());
    });
    from_stranger(&mut net, r, &whole);
    net.run_for(Duration::from_millis(10));
    let pieces = passed(&net, r);
    let packets: Vec<_> = pieces.iter().map(|piece| ipv4::Packet::parse(piece).expect("a good header")).collect();
    assert_eq!(packets.len(), 3);
    let recorded = [136, 4, 0, 9, 7, 7, 8, 10, 2, 0, 1, 0];
    assert_eq!(packets[0].options(), recorded, "the router wrote the address that it leaves by");
    assert!(packets[1..].iter().all(|packet| packet.options() == [136, 4, 0, 9, 1, 1, 1, 1, 1, 1, 1, 0]));
    assert!(packets.iter().all(|packet| packet.bytes().len() <= 576 && packet.ttl() == 63));
    let mut data = Vec::new();
    for packet in &packets {
        assert_eq!(packet.fragment_offset(), data.len());
        data.extend_from_slice(packet.payload());
        assert_eq!(packet.more_fragments(), data.len() < segment.len());
    }
    assert_eq!(data, segment);
}

#[test]
fn a_large_datagram_is_cut_on_the_way_and_put_together_at_its_end() {
    let (mut net, a, _, b) = routed(7, 576);
    let mut to = net.udp_at(b, "10.2.0.2:7");
    let from = net.udp(a);
    net.udp_send(&from, "10.2.0.2:7", &[5; 4000]).expect("queued");
    net.run_for(Duration::from_millis(50));
    assert_eq!(to.recv().expect("it came").1, [5; 4000]);
}

#[test]
fn errors_about_packets_for_others_are_limited() {
    let (mut net, r, _) = scripted(8, 1500);
    let packet = with(&ipv4_packet(A, B, ipv4::UDP, &[0; 8]), |packet| packet[8] = 1);
    (0..100).for_each(|_| from_stranger(&mut net, r, &packet));
    assert_eq!(said(&net, r).len(), 6);
}

#[test]
fn a_router_that_knows_a_better_one_says_so_and_the_host_follows() {
    let mut net = Net::new(9);
    let (a, first, second, b) = (net.node(), net.node(), net.node(), net.node());
    let left = net.link(Link::default());
    let right = net.link(Link::default());
    net.join(a, left, "10.1.0.2/24");
    net.join(first, left, "10.1.0.1/24");
    net.join(second, left, "10.1.0.9/24");
    net.join(second, right, "10.2.0.1/24");
    net.join(b, right, "10.2.0.2/24");
    default_route(&mut net, a, [10, 1, 0, 1]);
    default_route(&mut net, first, [10, 1, 0, 9]);
    for router in [first, second] {
        net.stack(router).set_forwarding(true);
    }
    let mut to = net.udp_at(b, "10.2.0.2:7");
    let from = net.udp(a);
    net.udp_send(&from, "10.2.0.2:7", b"one").expect("queued");
    net.run_for(Duration::from_millis(20));
    assert_eq!(to.recv().expect("passed on all the same").0.ttl, 62);
    assert_eq!(said(&net, first), [(icmpv4::REDIRECT, 1, Ipv4Addr::new(10, 1, 0, 9).to_bits())]);
    net.udp_send(&from, "10.2.0.2:7", b"two").expect("queued");
    net.run_for(Duration::from_millis(20));
    assert_eq!(to.recv().expect("it came").0.ttl, 63, "by the second router alone");
    // The second one dies: after a while the host goes back to the first (RFC 1122 §3.3.1.4).
    net.kill(second);
    net.run_for(Duration::from_secs(60));
    net.udp_send(&from, "10.2.0.2:7", b"three").expect("queued");
    net.run_for(Duration::from_secs(10));
    net.trace.clear();
    net.udp_send(&from, "10.2.0.2:7", b"four").expect("queued");
    net.run_for(Duration::from_millis(20));
    let mac = router_mac(&mut net, first);
    let to_first = |seen: &&Seen| seen.from == a && as_ipv4(&seen.frame).is_some() && seen.frame[..6] == mac.0;
    assert_eq!(net.trace.iter().filter(to_first).count(), 1);
}

#[test]
fn redirects_that_no_good_router_would_send_are_ignored() {
    let (mut net, a, r, _) = routed(10, 1500);
    let from = net.udp(a);
    net.udp_send(&from, "10.2.0.2:7", b"one").expect("queued");
    net.run_for(Duration::from_millis(20));
    let (router, better) = (Ipv4Addr::new(10, 1, 0, 1), Ipv4Addr::new(10, 1, 0, 66));
    let (router_mac, host_mac) = (router_mac(&mut net, r), router_mac(&mut net, a));
    let quoted = |src, dst| ipv4_packet(src, dst, ipv4::UDP, &[0; 8]);
    let mut next_hop = |src: Ipv4Addr, gateway: Ipv4Addr, quoted: Vec<u8>| {
        let message = [&icmpv4::emit(icmpv4::REDIRECT, 1, gateway.to_bits(), &quoted)[..], &quoted].concat();
        net.inject(a, LEFT, &ethernet_frame(host_mac, STRANGER, ethernet::IPV4, &ipv4_packet(src, A, 1, &message)));
        net.trace.clear();
        net.udp_send(&from, "10.2.0.2:7", b"again").expect("queued");
        let asked = net.trace.iter().find_map(|seen| as_arp(&seen.frame)).map(|packet| packet.target);
        net.trace.iter().any(|seen| seen.frame[..6] == router_mac.0) && asked.is_none()
    };
    // Not from the router that is used; to another net; to ourselves; to a group; about a packet of others; of loopback.
    assert!(next_hop(Ipv4Addr::new(10, 1, 0, 7), better, quoted(A, B)));
    assert!(next_hop(router, Ipv4Addr::new(10, 9, 0, 1), quoted(A, B)));
    assert!(next_hop(router, A, quoted(A, B)));
    assert!(next_hop(router, Ipv4Addr::new(224, 0, 0, 1), quoted(A, B)));
    assert!(next_hop(router, better, quoted(Ipv4Addr::new(10, 1, 0, 7), B)));
    assert!(next_hop(router, better, quoted(A, Ipv4Addr::LOCALHOST)));
    assert!(!next_hop(router, better, quoted(A, B)), "this one is good");
}

#[test]
fn an_echo_reply_has_the_options_with_us_in_them() {
    let (mut net, a, _, _) = routed(11, 1500);
    let mac = router_mac(&mut net, a);
    let ask = |net: &mut Net, options: &[u8]| {
        let request = ipv4_packet(Ipv4Addr::new(10, 1, 0, 1), A, ipv4::ICMP, &echo_request(1, 1, b"data"));
        let request = with(&request, |packet| {
            packet[0] += (options.len() / 4) as u8;
            packet.splice(20..20, options.iter().copied());
            packet[3] += options.len() as u8;
        });
        net.trace.clear();
        net.inject(a, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV4, &request));
        net.run_for(Duration::from_millis(10));
        let answers = net.trace.iter().filter(|seen| seen.from == a);
        let icmp = answers.filter_map(|seen| Some((as_ipv4(&seen.frame)?.options().to_vec(), as_icmp(&seen.frame)?)));
        let found =
            icmp.map(|(options, message)| (options, message.kind, message.rest, message.payload.to_vec())).next();
        found.expect("an answer")
    };
    let (options, kind, _, payload) = ask(&mut net, &[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((kind, payload.as_slice()), (icmpv4::ECHO_REPLY, &b"data"[..]));
    assert_eq!(options, [7, 11, 12, 10, 1, 0, 2, 10, 1, 0, 2, 0], "where it came, and where it leaves");
    let (options, ..) = ask(&mut net, &[7, 7, 8, 1, 2, 3, 4, 0]);
    assert_eq!(options, [7, 7, 8, 1, 2, 3, 4, 0], "full");
    let (options, ..) = ask(&mut net, &[68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((&options[..8], options[8] & 0x80), (&[68, 12, 13, 1, 10, 1, 0, 2][..], 0x80));
    let (options, ..) = ask(&mut net, &[68, 8, 9, 0, 1, 1, 1, 1]);
    assert_eq!(options, [68, 8, 9, 0x10, 1, 1, 1, 1], "full, and counted");
    let (options, ..) = ask(&mut net, &[148, 4, 0, 0]);
    assert_eq!(options, [1, 1, 1, 1], "a router alert is not repeated");
    let (_, kind, rest, _) = ask(&mut net, &[7, 7, 3, 0, 0, 0, 0, 0]);
    assert_eq!((kind, rest >> 24), (icmpv4::PARAMETER_PROBLEM, 22), "the pointer makes no sense");
}

#[test]
fn timestamp_requests_are_answered() {
    let (mut net, a, _, _) = routed(12, 1500);
    let mac = router_mac(&mut net, a);
    let data = [0, 0, 0, 42, 0, 0, 0, 0, 0, 0, 0, 0];
    let message = [&icmpv4::emit(icmpv4::TIMESTAMP, 0, 0x0001_0002, &data)[..], &data].concat();
    let packet = ipv4_packet(Ipv4Addr::new(10, 1, 0, 1), A, ipv4::ICMP, &message);
    net.trace.clear();
    net.inject(a, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV4, &packet));
    net.run_for(Duration::from_millis(10));
    let reply = net.trace.iter().find_map(|seen| as_icmp(&seen.frame)).expect("a reply");
    assert_eq!((reply.kind, reply.code, reply.rest), (icmpv4::TIMESTAMP_REPLY, 0, 0x0001_0002));
    assert_eq!(reply.payload[..4], [0, 0, 0, 42]);
    assert_eq!((reply.payload[4] & 0x80, reply.payload[8] & 0x80), (0x80, 0x80), "not of midnight (RFC 792)");
}

#[test]
fn a_program_that_asked_for_router_alerts_has_the_packet_and_the_next_hop_has_not() {
    let (mut net, r, b) = scripted(12, 1500);
    let mut raw = |kind: RawKind, value: Option<u32>, on: Option<IfIndex>| {
        let socket = net.raw(r, kind);
        let options = net.stack(r).raw_options(socket.id).unwrap();
        (options.router_alert, options.datagram.bound_to) = (value, on);
        socket
    };
    let udp = RawKind::Raw { protocol: ipv4::UDP };
    let mut asked = [raw(udp, Some(0), None), raw(udp, Some(0), Some(LEFT))];
    let mut others = [
        raw(udp, None, None),
        raw(udp, Some(0), Some(IfIndex(3))),
        raw(RawKind::Raw { protocol: ipv4::ICMP }, Some(0), None),
    ];
    let mut at_b = net.raw(b, udp);
    let alert = |n: u8| {
        with(&ipv4_packet(A, B, ipv4::UDP, &[0, 9, 0, 9, 0, 9, 0, 0, n]), |packet| {
            packet[0] += 1;
            packet.splice(20..20, [148, 4, 0, 0]);
            packet[3] += 4;
        })
    };
    from_stranger(&mut net, r, &alert(1));
    net.run_for(Duration::from_millis(10));
    for socket in &mut asked {
        let (_, packet) = socket.recv().expect("it came");
        assert_eq!((packet[8], &packet[20..24], packet[32]), (64, &[148, 4, 0, 0][..], 1), "whole, and as it came");
    }
    assert!(others.iter_mut().all(|socket| socket.recv().is_none()) && at_b.recv().is_none());

    // Fragments become one packet.
    let fragments = with(&alert(2), |packet| {
        packet.extend([7; 7]);
        packet[3] += 7;
    });
    for (range, place) in [(24..32, 0x2000u16), (32..fragments.len(), 1)] {
        let mut fragment = [&fragments[..24], &fragments[range]].concat();
        fragment[3] = fragment.len() as u8;
        fragment[6..8].copy_from_slice(&place.to_be_bytes());
        from_stranger(&mut net, r, &with(&fragment, |_| {}));
    }
    net.run_for(Duration::from_millis(10));
    assert_eq!(asked[0].recv().map(|(_, packet)| packet[24..].to_vec()), Some(fragments[24..].to_vec()));
    assert!(at_b.recv().is_none());

    for socket in &asked {
        net.stack(r).raw_options(socket.id).unwrap().router_alert = None;
    }
    from_stranger(&mut net, r, &alert(3));
    net.run_for(Duration::from_millis(10));
    assert!(at_b.recv().is_some(), "nobody wants it: it is passed on");
}
