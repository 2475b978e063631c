//! Routers of IPv6: packets for others, what is said about those that go no further, and better ways.

mod common;
mod tcp_common;

use std::net::Ipv6Addr;

use common::*;
use netstack::IpNet;
use netstack::link::{IfIndex, Mac};
use netstack::raw::RawKind;
use netstack::route::Route;
use netstack::socket::SocketError;
use netstack::time::Duration;
use netstack::wire::checksum::Sum;
use netstack::wire::ndp::{self, Message, Opt};
use netstack::wire::{ethernet, icmpv6, ipv4, ipv6, udp};
use tcp_common::{Listener, Socket};

const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
const R: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 2);
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const LEFT: IfIndex = IfIndex(2);

fn join(net: &mut Net, node: NodeId, link: usize, addr: &str) -> IfIndex {
    let (on, now) = (net.attach(node, link), net.now());
    let addr: Ipv6Addr = addr.parse().expect("an address");
    net.stack(node).add_address(now, on, addr, 64).expect("a good address");
    on
}

fn route(net: &mut Net, node: NodeId, dst: IpNet, via: Ipv6Addr, on: IfIndex) {
    net.stack(node).add_route(Route { dst, via: Some(via.into()), on, metric: 0 }).expect("a good route");
}

/// a (2001:db8:1::2) – r (2001:db8:1::1, 2001:db8:2::1) – b (2001:db8:2::2). The right link has an MTU of its own.
fn routed(seed: u64, right: Link) -> (Net, NodeId, NodeId, NodeId) {
    let mut net = Net::new(seed);
    let (a, r, b) = (net.node(), net.node(), net.node());
    let (left, right) = (net.link(Link::default()), net.link(right));
    join(&mut net, a, left, "2001:db8:1::2");
    join(&mut net, r, left, "2001:db8:1::1");
    join(&mut net, r, right, "2001:db8:2::1");
    join(&mut net, b, right, "2001:db8:2::2");
    route(&mut net, a, IpNet::DEFAULT_V6, R, LEFT);
    route(&mut net, b, IpNet::DEFAULT_V6, "2001:db8:2::1".parse().unwrap(), LEFT);
    net.stack(r).set_forwarding(true);
    net.run_for(Duration::from_secs(5));
    net.trace.clear();
    (net, a, r, b)
}

fn router_mac(net: &mut Net, r: NodeId) -> Mac {
    net.stack(r).interfaces().find(|interface| interface.index == LEFT).expect("it is there").mac
}

/// A frame of the script's own station on the left link, to the router.
fn from_stranger(net: &mut Net, r: NodeId, packet: &[u8]) {
    let mac = router_mac(net, r);
    net.inject(r, LEFT, &ethernet_frame(mac, STRANGER, ethernet::IPV6, packet));
}

fn datagram(src: Ipv6Addr, dst: Ipv6Addr, len: usize) -> Vec<u8> {
    let mut segment = [&udp::emit(1000, 7, len)[..], &vec![9; len]].concat();
    let sum = Sum::pseudo_v6(src, dst, ipv4::UDP, segment.len() as u32).bytes(&segment).finish();
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn packet(src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8, len: usize) -> Vec<u8> {
    ipv6_packet(src, dst, ipv4::UDP, hop_limit, &datagram(src, dst, len))
}

/// A network whose left station is played by the script; the router knows it, and b.
fn scripted(seed: u64, right: Link) -> (Net, NodeId, NodeId) {
    let (mut net, a, r, b) = routed(seed, right);
    net.kill(a);
    net.udp_at(b, "[2001:db8:2::2]:7");
    introduce(&mut net, r);
    from_stranger(&mut net, r, &packet(A, B, 64, 1));
    net.run_for(Duration::from_secs(10));
    introduce(&mut net, r);
    (net, r, b)
}

/// The router knows where the script's station is, by both of its addresses.
fn introduce(net: &mut Net, r: NodeId) {
    for addr in [A, LINK_LOCAL] {
        let ask = ndp::neighbor_solicitation(R, Some(STRANGER), None);
        from_stranger(net, r, &icmpv6_packet(addr, R, 255, ask));
    }
    net.run_for(Duration::from_millis(20));
    net.trace.clear();
}

/// Errors that the router sent: type, code, and the second word. Each quotes the packet from its beginning.
fn said(net: &Net, r: NodeId) -> Vec<(u8, u8, u32)> {
    let message = |seen: &Seen| {
        let packet = as_ipv6(&seen.frame).filter(|packet| packet.next_header() == ipv6::ICMPV6 && packet.src() != B)?;
        let message = icmpv6::Message::parse(packet.src(), packet.dst(), packet.payload(), false).expect("a good sum");
        assert!(packet.bytes().len() <= 1280 || !icmpv6::is_error(message.kind));
        icmpv6::is_error(message.kind).then_some((message.kind, message.code, message.rest))
    };
    net.trace.iter().filter(|seen| seen.from == r).filter_map(message).collect()
}

/// Packets that the router passed on to B.
fn passed(net: &Net, r: NodeId) -> Vec<Vec<u8>> {
    let to_b = |seen: &&Seen| seen.from == r && as_ipv6(&seen.frame).is_some_and(|packet| packet.dst() == B);
    let all = net.trace.iter().filter(to_b).filter_map(|seen| as_ipv6(&seen.frame));
    all.filter(|packet| packet.next_header() != ipv6::ICMPV6).map(|packet| packet.bytes().to_vec()).collect()
}

#[test]
fn datagrams_and_streams_go_both_ways_and_the_hop_limit_counts_the_router() {
    let (mut net, a, _, b) = routed(1, Link::default());
    let mut to = net.udp_at(b, "[2001:db8:2::2]:7");
    let mut from = net.udp_at(a, "[2001:db8:1::2]:7");
    net.udp_send(&from, "[2001:db8:2::2]:7", b"there").expect("queued");
    net.run_for(Duration::from_millis(20));
    let (header, payload) = to.recv().expect("it came");
    assert_eq!((header.ttl, payload.as_slice()), (63, &b"there"[..]));
    net.udp_send(&to, "[2001:db8:1::2]:7", b"and back").expect("queued");
    net.run_for(Duration::from_millis(20));
    assert_eq!(from.recv().expect("it came").1, b"and back");
    let listener = Listener::new(&mut net, b, "[::]:80", 1);
    let mut stream = Socket::connect(&mut net, a, "[2001:db8:2::2]:80", 1 << 16);
    stream.write(&mut net, &[7; 30_000]);
    net.run_for(Duration::from_secs(1));
    let mut other = listener.accept(&mut net).expect("connected");
    assert_eq!(other.read(&mut net, 1 << 16).len(), 30_000);
}

#[test]
fn a_host_passes_nothing_on_and_says_nothing() {
    let (mut net, r, _) = scripted(2, Link::default());
    net.stack(r).set_forwarding(false);
    from_stranger(&mut net, r, &packet(A, B, 64, 1));
    from_stranger(&mut net, r, &packet(A, B, 1, 1));
    net.run_for(Duration::from_millis(20));
    assert!(passed(&net, r).is_empty() && said(&net, r).is_empty());
}

#[test]
fn a_checksum_that_was_left_to_the_link_is_completed_on_the_way() {
    let mut net = Net::new(3);
    let (a, r, b) = (net.node(), net.node(), net.node());
    let left = net.link(Link { checksum_offload: true, ..Link::default() });
    let right = net.link(Link::default());
    join(&mut net, a, left, "2001:db8:1::2");
    join(&mut net, r, left, "2001:db8:1::1");
    join(&mut net, r, right, "2001:db8:2::1");
    join(&mut net, b, right, "2001:db8:2::2");
    route(&mut net, a, IpNet::DEFAULT_V6, R, LEFT);
    net.stack(r).set_forwarding(true);
    net.run_for(Duration::from_secs(5));
    let mut to = net.udp_at(b, "[2001:db8:2::2]:7");
    let from = net.udp(a);
    net.udp_send(&from, "[2001:db8:2::2]:7", b"there").expect("queued");
    net.run_for(Duration::from_millis(20));
    assert_eq!(to.recv().expect("b verifies it").1, b"there");
}

#[test]
fn what_goes_no_further_is_said() {
    let (mut net, r, _) = scripted(4, Link { mtu: 1400, ..Link::default() });
    let mut about = |packet: &[u8], wait| {
        introduce(&mut net, r);
        from_stranger(&mut net, r, packet);
        net.run_for(Duration::from_secs(wait));
        (passed(&net, r).len(), said(&net, r))
    };
    assert_eq!(about(&packet(A, B, 1, 1), 2), (0, vec![(icmpv6::TIME_EXCEEDED, 0, 0)]));
    assert_eq!(about(&packet(A, B, 0, 1), 2), (0, vec![(icmpv6::TIME_EXCEEDED, 0, 0)]));
    assert_eq!(about(&packet(A, B, 2, 1), 2), (1, vec![]));
    assert_eq!(about(&packet(A, B, 64, 1352), 2), (1, vec![]), "1400 bytes fit");
    assert_eq!(about(&packet(A, B, 64, 1353), 2), (0, vec![(icmpv6::PACKET_TOO_BIG, 0, 1400)]));
    let nowhere = "2001:db8:99::1".parse().unwrap();
    assert_eq!(about(&packet(A, nowhere, 64, 1), 2), (0, vec![(icmpv6::UNREACHABLE, 0, 0)]));
    let nobody = "2001:db8:2::99".parse().unwrap();
    assert_eq!(about(&packet(A, nobody, 64, 1), 5), (0, vec![(icmpv6::UNREACHABLE, 3, 0)]), "nobody answers for it");
    assert_eq!(about(&packet(LINK_LOCAL, B, 64, 1), 2), (0, vec![(icmpv6::UNREACHABLE, 2, 0)]), "beyond its scope");
    // RFC 4443 §2.4 (e): nothing about errors.
    let error = [&icmpv6::emit(icmpv6::UNREACHABLE, 0, 0)[..], &packet(B, A, 64, 1)].concat();
    assert_eq!(about(&icmpv6_packet(A, B, 1, error), 2), (0, vec![]));
}

#[test]
fn errors_about_packets_for_others_are_limited() {
    let (mut net, r, _) = scripted(5, Link::default());
    for _ in 0..50 {
        from_stranger(&mut net, r, &packet(A, B, 1, 1));
    }
    net.run_for(Duration::from_millis(20));
    assert_eq!(said(&net, r).len(), 6, "a burst");
}

#[test]
fn groups_and_what_means_something_on_a_link_alone_are_not_passed_on() {
    let (mut net, r, _) = scripted(6, Link::default());
    let group = "ff0e::1234".parse().unwrap();
    for (src, dst) in [
        (A, group),
        (A, LINK_LOCAL),
        (A, Ipv6Addr::LOCALHOST),
        (A, "::ffff:10.0.0.1".parse().unwrap()),
        (Ipv6Addr::LOCALHOST, B),
        (Ipv6Addr::UNSPECIFIED, B),
        (group, B),
        ("2001:db8:2::1".parse().unwrap(), B),
    ] {
        from_stranger(&mut net, r, &packet(src, dst, 64, 1));
        net.run_for(Duration::from_secs(2));
    }
    // In a frame for all.
    net.inject(r, LEFT, &ethernet_frame(Mac::BROADCAST, STRANGER, ethernet::IPV6, &packet(A, B, 64, 1)));
    net.run_for(Duration::from_secs(2));
    assert!(passed(&net, r).is_empty() && said(&net, r).is_empty());
}

#[test]
fn hop_by_hop_options_are_for_the_router_and_others_are_not() {
    let (mut net, r, _) = scripted(7, Link::default());
    let mut with = |kind: u8, header: u8| {
        introduce(&mut net, r);
        // An option of four bytes that the router does not know.
        let payload = [&[ipv4::UDP, 0, kind, 4, 1, 2, 3, 4][..], &datagram(A, B, 1)].concat();
        from_stranger(&mut net, r, &ipv6_packet(A, B, header, 64, &payload));
        net.run_for(Duration::from_secs(2));
        (passed(&net, r).len(), said(&net, r))
    };
    assert_eq!(with(0x1e, ipv6::HOP_BY_HOP), (1, vec![]), "to be skipped");
    assert_eq!(with(0x5e, ipv6::HOP_BY_HOP), (0, vec![]), "to be discarded");
    assert_eq!(with(0x9e, ipv6::HOP_BY_HOP), (0, vec![(icmpv6::PARAMETER_PROBLEM, 2, 42)]), "and told of");
    assert_eq!(with(0x9e, ipv6::DESTINATION_OPTIONS), (1, vec![]), "what is for the destination");
}

#[test]
fn the_sender_learns_the_path_from_packet_too_big_and_fragments_go_through() {
    let (mut net, a, _, b) = routed(8, Link { mtu: 1300, ..Link::default() });
    let mut to = net.udp_at(b, "[2001:db8:2::2]:7");
    let from = net.udp(a);
    net.stack(a).udp_connect(from.id, Some((B, 7).into())).expect("a route");
    let send = |net: &mut Net, len: usize| {
        let now = net.now();
        let sent = net.stack(a).udp_send(now, from.id, None, &[&vec![1; len]], &Default::default());
        net.run_for(Duration::from_millis(50));
        sent
    };
    assert_eq!(send(&mut net, 1400), Ok(1400));
    assert!(to.recv().is_none());
    assert_eq!(net.stack(a).udp_take_error(from.id), Some(SocketError::MessageTooLong));
    assert_eq!(net.stack(a).path_mtu((B, 7).into()), Some(1300));
    assert_eq!(send(&mut net, 3000), Ok(3000));
    assert_eq!(to.recv().expect("in fragments").1.len(), 3000);
}

/// Redirects that the router sent: target, destination, link address, and what they quote.
fn redirects(net: &Net, r: NodeId) -> Vec<(Ipv6Addr, Ipv6Addr, Option<Mac>)> {
    let redirect = |seen: &Seen| {
        let packet = as_ipv6(&seen.frame).filter(|packet| packet.next_header() == ipv6::ICMPV6)?;
        match Message::parse(packet.payload()) {
            Ok(Some(Message::Redirect { target, destination, options })) => {
                assert_eq!((packet.hop_limit(), packet.src().is_unicast_link_local()), (255, true), "RFC 4861 §8.1");
                let message = icmpv6::Message::parse(packet.src(), packet.dst(), packet.payload(), false);
                assert!(message.is_ok() && packet.bytes().len() <= 1280);
                let link =
                    options.iter().find_map(|option| if let Opt::TargetLink(mac) = option { Some(mac) } else { None });
                Some((target, destination, link))
            }
            _ => None,
        }
    };
    net.trace.iter().filter(|seen| seen.from == r).filter_map(redirect).collect()
}

#[test]
fn a_router_that_knows_a_better_one_says_so() {
    let (mut net, r, _) = scripted(9, Link::default());
    let (far, other) = ("2001:db8:3::".parse::<Ipv6Addr>().unwrap(), "fe80::77".parse::<Ipv6Addr>().unwrap());
    route(&mut net, r, IpNet::new(far, 64), other, LEFT);
    // The other router says where it is.
    let mac = Mac([2, 0, 0, 0, 0, 0x77]);
    let ask = ndp::neighbor_solicitation(R, Some(mac), None);
    from_stranger(&mut net, r, &icmpv6_packet(other, R, 255, ask));
    net.run_for(Duration::from_secs(2));
    net.trace.clear();
    let there = "2001:db8:3::5".parse().unwrap();
    from_stranger(&mut net, r, &packet(A, there, 64, 1400));
    net.run_for(Duration::from_millis(20));
    assert_eq!(redirects(&net, r), [(other, there, Some(mac))]);
    let to_other = net.trace.iter().filter(|seen| as_ipv6(&seen.frame).is_some_and(|packet| packet.dst() == there));
    assert_eq!(to_other.count(), 1, "the packet itself is passed on");
    // A neighbour that the sender took for being far away.
    let neighbour = "2001:db8:1::9".parse().unwrap();
    net.trace.clear();
    from_stranger(&mut net, r, &packet(A, neighbour, 64, 1));
    net.run_for(Duration::from_millis(20));
    assert_eq!(redirects(&net, r), [(neighbour, neighbour, None)]);
    // Whoever is no neighbour cannot follow.
    net.trace.clear();
    from_stranger(&mut net, r, &packet("2001:db8:4::4".parse().unwrap(), there, 64, 1));
    net.run_for(Duration::from_millis(20));
    assert_eq!(redirects(&net, r), []);
    // Many packets, few redirects.
    net.trace.clear();
    for _ in 0..50 {
        from_stranger(&mut net, r, &packet(A, there, 64, 1));
    }
    net.run_for(Duration::from_millis(20));
    assert!(redirects(&net, r).len() <= 6);
}

#[test]
fn a_router_says_that_it_is_one_hears_what_is_for_routers_and_takes_no_offers() {
    let (mut net, r, _) = scripted(10, Link::default());
    let ask = ndp::neighbor_solicitation(R, Some(STRANGER), None);
    from_stranger(&mut net, r, &icmpv6_packet(A, R, 255, ask));
    let echo = icmpv6::emit(icmpv6::ECHO_REQUEST, 0, 1).to_vec();
    from_stranger(&mut net, r, &icmpv6_packet(A, ndp::ALL_ROUTERS, 64, echo));
    net.run_for(Duration::from_millis(20));
    let answers: Vec<_> = net.trace.iter().filter_map(|seen| as_ipv6(&seen.frame)).collect();
    let flag = answers.iter().find_map(|packet| match Message::parse(packet.payload()) {
        Ok(Some(Message::NeighborAdvertisement { router, .. })) => Some(router),
        _ => None,
    });
    assert_eq!(flag, Some(true), "RFC 4861 §7.2.4");
    assert!(answers.iter().any(|packet| packet.payload()[0] == icmpv6::ECHO_REPLY));
    // An offer of a prefix and of a default route; Linux with forwarding=1 and accept_ra=1 takes none.
    let now = net.now();
    net.stack(r).enable_ipv6(now, LEFT, true).expect("a good link");
    let mut offer = [&icmpv6::emit(icmpv6::ROUTER_ADVERTISEMENT, 0, 1800)[..], &[0; 8]].concat();
    offer.extend([1, 1, 2, 0, 0, 0, 0, 0x77]);
    let before = net.stack(r).routes().len();
    from_stranger(&mut net, r, &icmpv6_packet("fe80::77".parse().unwrap(), ndp::ALL_NODES, 255, offer));
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.stack(r).routes().len(), before);
}

#[test]
fn the_lowest_address_of_a_net_is_every_routers() {
    let (mut net, r, _) = scripted(11, Link::default());
    let [near, far] = ["2001:db8:1::", "2001:db8:2::"].map(|text| text.parse::<Ipv6Addr>().unwrap());
    let ask = |target| ndp::neighbor_solicitation(target, Some(STRANGER), None);
    let echo = |dst| icmpv6_packet(A, dst, 64, icmpv6::emit(icmpv6::ECHO_REQUEST, 0, 1).to_vec());
    let answers = |net: &mut Net| {
        net.trace.clear();
        from_stranger(net, r, &icmpv6_packet(A, ndp::solicited_node(near), 255, ask(near)));
        from_stranger(net, r, &echo(near));
        from_stranger(net, r, &echo(far));
        net.run_for(Duration::from_millis(20));
        let packets = net.trace.iter().filter(|seen| seen.from == r).filter_map(|seen| as_ipv6(&seen.frame));
        let mut said = Vec::new();
        for packet in packets {
            match Message::parse(packet.payload()) {
                Ok(Some(Message::NeighborAdvertisement { target, router, over, .. })) => {
                    assert_eq!((target, router, over, packet.src() != near), (near, true, false, true));
                    said.push("here");
                }
                _ if packet.payload()[0] == icmpv6::ECHO_REPLY => {
                    assert_eq!(packet.src(), R);
                    said.push("reply");
                }
                _ => {}
            }
        }
        said
    };
    assert_eq!(answers(&mut net), ["here", "reply", "reply"]);
    net.stack(r).set_forwarding(false);
    assert_eq!(answers(&mut net), [""; 0], "a host has none");
}

#[test]
fn a_program_that_asked_for_router_alerts_of_a_value_has_the_packet_and_the_next_hop_has_not() {
    let (mut net, r, b) = scripted(12, Link::default());
    let mut asking = |value: u32| {
        let socket = net.raw(r, RawKind::Raw6 { protocol: ipv4::RAW });
        net.stack(r).raw_options(socket.id).unwrap().router_alert = Some(value);
        socket
    };
    let (mut seven, mut eight) = (asking(7), asking(8));
    let mut at_b = net.raw(b, RawKind::Raw6 { protocol: ipv4::UDP });
    let send = |net: &mut Net, value: u8| {
        let upper = [&[ipv4::UDP, 0, ipv6::ROUTER_ALERT, 2, 0, value, 1, 0][..], &datagram(A, B, 4)].concat();
        let packet = ipv6_packet(A, B, ipv6::HOP_BY_HOP, 64, &upper);
        from_stranger(net, r, &packet);
        net.run_for(Duration::from_millis(10));
        packet
    };
    let alert = send(&mut net, 7);
    assert_eq!(seven.recv().expect("it came").1, alert, "whole, and as it came");
    assert!(seven.recv().is_none() && eight.recv().is_none() && at_b.recv().is_none());
    send(&mut net, 9);
    assert!(at_b.recv().is_some(), "nobody wants it: it is passed on");
    assert!(seven.recv().is_none() && eight.recv().is_none());
}
