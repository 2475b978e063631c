//! IPv6 between two nodes: neighbour discovery, UDP, TCP's way, ICMPv6, fragments, duplicate detection, and one socket for
//! both families.

mod common;

use std::net::{IpAddr, Ipv6Addr};

use common::*;
use netstack::iface::AddressState;
use netstack::link::Mac;
use netstack::raw::RawKind;
use netstack::route::Route;
use netstack::socket::{BindError, BindOptions, SocketError};
use netstack::time::Duration;
use netstack::wire::checksum::Sum;
use netstack::wire::{ethernet, icmpv6, ipv6, ndp, udp};
use netstack::{IpNet, NeighborState, Notice};

const A: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const S: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);
const A_MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);

/// fd00::1 and fd00::2 on one link, duplicate detection behind them.
fn pair() -> (Net, NodeId, NodeId) {
    let mut net = Net::new(1);
    let (a, b) = (net.node(), net.node());
    let link = net.link(Link::default());
    for (node, addr) in [(a, A), (b, B)] {
        let on = net.attach(node, link);
        let now = net.now();
        net.stack(node).add_address(now, on, addr, 64).expect("a good address");
    }
    net.run_for(Duration::from_secs(5));
    net.trace.clear();
    (net, a, b)
}

/// Types and codes of the ICMPv6 messages on the wire, in their order; each has a right checksum.
fn messages(net: &Net) -> Vec<(u8, u8)> {
    let message = |seen: &Seen| {
        let packet = as_ipv6(&seen.frame).filter(|packet| packet.next_header() == ipv6::ICMPV6)?;
        let message = icmpv6::Message::parse(packet.src(), packet.dst(), packet.payload(), false);
        let message = message.expect("a right checksum");
        Some((message.kind, message.code))
    };
    net.trace.iter().filter_map(message).collect()
}

fn packet(src: Ipv6Addr, dst: Ipv6Addr, next_header: u8, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    ethernet_frame(A_MAC, STRANGER, ethernet::IPV6, &ipv6_packet(src, dst, next_header, hop_limit, payload))
}

fn icmp_packet(src: Ipv6Addr, dst: Ipv6Addr, hop_limit: u8, message: Vec<u8>) -> Vec<u8> {
    ethernet_frame(A_MAC, STRANGER, ethernet::IPV6, &icmpv6_packet(src, dst, hop_limit, message))
}

fn datagram(src: Ipv6Addr, dst: Ipv6Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut segment = [&udp::emit(1000, port, payload.len())[..], payload].concat();
    let sum = Sum::pseudo_v6(src, dst, 17, segment.len() as u32).bytes(&segment).finish();
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    segment
}

/// Lets the node know where the stranger is.
fn introduce(net: &mut Net, a: NodeId) {
    let ask = ndp::neighbor_solicitation(A, Some(STRANGER), None);
    net.inject(a, ETH, &icmp_packet(S, ndp::solicited_node(A), 255, ask));
    net.trace.clear();
}

#[test]
fn a_neighbour_is_asked_for_and_the_datagram_arrives() {
    let (mut net, a, b) = pair();
    let from = net.udp(a);
    let mut to = net.udp_at(b, "[fd00::2]:7");
    assert_eq!(net.udp_send(&from, "[fd00::2]:7", b"hello"), Ok(5));
    net.run_for(Duration::from_millis(100));
    let (header, payload) = to.recv().expect("a datagram");
    assert_eq!((header.src.ip(), header.ttl, payload), (IpAddr::V6(A), 64, b"hello".to_vec()));
    assert_eq!(messages(&net), [(icmpv6::NEIGHBOR_SOLICITATION, 0), (icmpv6::NEIGHBOR_ADVERTISEMENT, 0)]);
    let asked = as_ipv6(&net.trace[0].frame).expect("a packet");
    assert_eq!((asked.dst(), asked.hop_limit()), (ndp::solicited_node(B), 255));
    let row = net.stack(a).neighbors().into_iter().find(|row| row.addr == IpAddr::V6(B)).expect("known");
    assert_eq!(row.state, NeighborState::Reachable);
}

#[test]
fn a_neighbour_is_asked_from_an_address_of_its_link() {
    // RFC 4861 §7.2.2: the only routable address is on another link, where no answer would come.
    let (mut net, a, _) = pair();
    let other = net.link(Link::default());
    let on = net.attach(a, other);
    let (now, routed) = (net.now(), Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, 0));
    net.stack(a).enable_ipv6(now, on, false).expect("an interface");
    net.stack(a).add_route(Route { dst: IpNet::new(routed, 64), via: None, on, metric: 0 }).expect("a route");
    net.run_for(Duration::from_secs(5));
    net.trace.clear();
    let from = net.udp(a);
    net.udp_send(&from, "[fd01::2]:7", b"hello").expect("a way");
    let asked = as_ipv6(&net.trace[0].frame).expect("a packet");
    assert_eq!(asked.dst(), ndp::solicited_node(Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, 2)));
    assert!(asked.src().is_unicast_link_local(), "{}", asked.src());
}

#[test]
fn a_neighbour_that_is_used_after_its_time_is_probed_by_unicast_and_given_up() {
    let (mut net, a, b) = pair();
    let from = net.udp(a);
    net.udp_at(b, "[fd00::2]:7");
    net.udp_send(&from, "[fd00::2]:7", b"1").expect("sent");
    net.run_for(Duration::from_secs(60));
    net.kill(b);
    net.trace.clear();
    net.udp_send(&from, "[fd00::2]:7", b"2").expect("sent");
    net.run_for(Duration::from_secs(20));
    let asked: Vec<_> = net.trace.iter().filter_map(|seen| as_ipv6(&seen.frame)).skip(1).map(|p| p.dst()).collect();
    assert_eq!(asked, [B, B, B], "three unicast probes after five seconds");
    assert!(net.stack(a).neighbors().iter().all(|row| row.addr != IpAddr::V6(B)));
}

#[test]
fn link_local_addresses_work_with_their_zone_only() {
    let (mut net, a, b) = pair();
    let local = |net: &mut Net, node| {
        let on = net.stack(node).interfaces().find(|i| i.index == ETH).expect("attached");
        let mut addresses = on.addresses.iter().map(|address| address.net.addr);
        addresses.find(|addr| matches!(addr, IpAddr::V6(v6) if v6.is_unicast_link_local())).expect("one")
    };
    let there = local(&mut net, b);
    let from = net.udp(a);
    let mut to = net.udp_at(b, "[::]:7");
    net.udp_send(&from, &format!("[{there}%2]:7"), b"zone").expect("sent");
    net.run_for(Duration::from_millis(100));
    let (header, _) = to.recv().expect("a datagram");
    assert_eq!(header.src.ip(), local(&mut net, a), "from the address of the same scope (RFC 6724 rule 2)");
    let std::net::SocketAddr::V6(src) = header.src else { panic!("of IPv6") };
    assert_eq!(src.scope_id(), 2);
}

#[test]
fn one_socket_hears_both_families_unless_it_said_not_to() {
    let (mut net, a, _) = pair();
    let mut both = net.udp_at(a, "[::]:7");
    let v6_only = BindOptions { v6_only: true, ..BindOptions::default() };
    let mut one = net.udp(a);
    net.stack(a).udp_bind(one.id, "[::]:8".parse().expect("good"), v6_only).expect("free");
    let from = net.udp(a);
    for port in [7, 8] {
        net.udp_send(&from, &format!("127.0.0.1:{port}"), b"4").expect("sent");
    }
    let from = net.udp(a);
    for port in [7, 8] {
        net.udp_send(&from, &format!("[::1]:{port}"), b"6").expect("sent");
    }
    net.run_for(Duration::from_millis(10));
    let heard = |socket: &mut Udp| std::iter::from_fn(|| socket.recv()).map(|(_, p)| p).collect::<Vec<_>>().concat();
    assert_eq!((heard(&mut both), heard(&mut one)), (b"46".to_vec(), b"6".to_vec()));
    // bind(2)'s conflicts.
    let third = net.udp(a);
    let bind = |net: &mut Net, addr: &str| {
        net.stack(a).udp_bind(third.id, addr.parse().expect("good"), BindOptions::default())
    };
    assert_eq!(bind(&mut net, "0.0.0.0:7"), Err(BindError::AddrInUse));
    assert!(bind(&mut net, "0.0.0.0:8").is_ok(), "the other is of IPv6 alone");
}

#[test]
fn echo_requests_are_answered_and_ping_sockets_get_the_replies() {
    let (mut net, a, b) = pair();
    let _ = b;
    let mut ping = net.raw(a, RawKind::Ping6);
    let request = [&icmpv6::emit(icmpv6::ECHO_REQUEST, 0, 1)[..], b"data"].concat();
    let now = net.now();
    let to = Some((B, 0).into());
    net.stack(a).raw_send(now, ping.id, to, &[&request], &Default::default()).expect("sent");
    net.run_for(Duration::from_millis(100));
    let (header, reply) = ping.recv().expect("a reply");
    assert_eq!((header.src.ip(), reply[0], &reply[8..]), (IpAddr::V6(B), icmpv6::ECHO_REPLY, &b"data"[..]));
    assert!(messages(&net).contains(&(icmpv6::ECHO_REPLY, 0)));
}

#[test]
fn a_port_that_nobody_has_is_told_to_the_sender() {
    let (mut net, a, _) = pair();
    let from = net.udp(a);
    net.stack(a).udp_connect(from.id, Some("[fd00::2]:9".parse().expect("good"))).expect("a way");
    let now = net.now();
    net.stack(a).udp_send(now, from.id, None, &[b"x"], &Default::default()).expect("sent");
    net.run_for(Duration::from_millis(100));
    assert_eq!(net.stack(a).udp_take_error(from.id), Some(SocketError::Refused));
    assert!(messages(&net).contains(&(icmpv6::UNREACHABLE, icmpv6::unreachable::PORT)));
}

#[test]
fn what_is_longer_than_the_link_goes_in_fragments_of_the_source() {
    let (mut net, a, b) = pair();
    let from = net.udp(a);
    let mut to = net.udp_at(b, "[fd00::2]:7");
    let payload: Vec<u8> = (0..9000u32).map(|n| n as u8).collect();
    net.udp_send(&from, "[fd00::2]:7", &payload).expect("sent");
    net.run_for(Duration::from_millis(100));
    assert_eq!(to.recv().expect("whole").1, payload);
    let fragments = net.trace.iter().filter(|seen| as_ipv6(&seen.frame).is_some_and(|p| p.next_header() == 44));
    assert_eq!(fragments.count(), 7);
    assert_eq!((net.memory(a).charged(), net.memory(b).charged()), (0, 0));
}

/// A fragment header before bytes `from..to` of a fragmented part.
fn fragment(id: u32, whole: &[u8], from: usize, to: usize) -> Vec<u8> {
    let header = ipv6::Fragment { next_header: 17, offset: from, more: to < whole.len(), identification: id };
    packet(S, A, ipv6::FRAGMENT, 64, &[&header.emit()[..], &whole[from..to]].concat())
}

#[test]
fn overlapping_fragments_discard_the_datagram_and_atomic_ones_stand_alone() {
    let (mut net, a, _) = pair();
    introduce(&mut net, a);
    let mut socket = net.udp_at(a, "[fd00::1]:7");
    let whole = datagram(S, A, 7, &[7; 2000]);
    for (from, to) in [(0, 800), (792, 1600), (800, 1600), (1600, 2008)] {
        net.inject(a, ETH, &fragment(5, &whole, from, to));
    }
    assert!(socket.recv().is_none(), "RFC 5722");
    for (from, to) in [(1600, 2008), (0, 800), (800, 1600)] {
        net.inject(a, ETH, &fragment(6, &whole, from, to));
    }
    assert_eq!(socket.recv().expect("whole").1, [7; 2000]);
    let small = datagram(S, A, 7, b"atomic");
    net.inject(a, ETH, &fragment(7, &whole, 0, 800));
    net.inject(a, ETH, &fragment(7, &small, 0, small.len()));
    assert_eq!(socket.recv().expect("RFC 6946").1, b"atomic");
}

#[test]
fn fragments_that_cannot_be_are_told_of() {
    let (mut net, a, _) = pair();
    introduce(&mut net, a);
    let whole = datagram(S, A, 7, &[7; 2000]);
    net.inject(a, ETH, &fragment(5, &whole, 0, 801));
    assert_eq!(messages(&net), [(icmpv6::PARAMETER_PROBLEM, icmpv6::parameter::FIELD)]);
    net.trace.clear();
    net.inject(a, ETH, &fragment(6, &whole, 0, 800));
    net.run_for(Duration::from_secs(59));
    introduce(&mut net, a);
    net.run_for(Duration::from_secs(2));
    assert!(messages(&net).contains(&(icmpv6::TIME_EXCEEDED, icmpv6::REASSEMBLY_TIME_EXCEEDED)), "RFC 8200 §4.5");
    assert_eq!(net.memory(a).charged(), 0);
}

#[test]
fn unknown_options_routing_headers_and_protocols_are_refused_as_they_ask() {
    let (mut net, a, _) = pair();
    let segment = datagram(S, A, 7, b"x");
    let mut socket = net.udp_at(a, "[fd00::1]:7");
    let with = |kind: u8, next: u8, body: [u8; 6]| {
        let payload = [&[next, 0][..], &body, &segment].concat();
        packet(S, A, kind, 64, &payload)
    };
    let problem = |code| vec![(icmpv6::PARAMETER_PROBLEM, code)];
    for (frame, answer, delivered) in [
        (with(60, 17, [0x1e, 1, 0, 1, 1, 0]), vec![], true),
        (with(60, 17, [0x5e, 1, 0, 1, 1, 0]), vec![], false),
        (with(60, 17, [0x9e, 1, 0, 1, 1, 0]), problem(icmpv6::parameter::OPTION), false),
        (with(60, 17, [0xde, 1, 0, 1, 1, 0]), problem(icmpv6::parameter::OPTION), false),
        (with(0, 17, [5, 2, 0, 0, 1, 0]), vec![], true), // Router alert.
        (with(43, 17, [0, 1, 0, 0, 0, 0]), problem(icmpv6::parameter::FIELD), false), // RFC 5095.
        (with(43, 17, [0, 0, 0, 0, 0, 0]), vec![], true),
        (packet(S, A, 200, 64, b"?"), problem(icmpv6::parameter::NEXT_HEADER), false),
        (packet(S, A, 59, 64, b""), vec![], false),
    ] {
        net.run_for(Duration::from_secs(10)); // So that the limit on errors does not matter.
        introduce(&mut net, a);
        net.inject(a, ETH, &frame);
        assert_eq!((messages(&net), socket.recv().is_some()), (answer, delivered), "{:02x?}", &frame[54..]);
    }
}

#[test]
fn an_address_that_another_station_has_is_not_used() {
    let mut net = Net::new(2);
    let a = net.node();
    let link = net.link(Link::default());
    let on = net.attach(a, link);
    let now = net.now();
    net.stack(a).add_address(now, on, A, 64).expect("a good address");
    net.run_for(Duration::from_millis(100));
    let claim = ndp::neighbor_advertisement(A, STRANGER, false, false, true);
    net.inject(a, ETH, &icmp_packet(A, ndp::ALL_NODES, 255, claim));
    assert!(net.notices(a).contains(&Notice::DuplicateAddress { addr: A, on }));
    let state = |net: &mut Net| {
        let view = net.stack(a).interfaces().find(|i| i.index == ETH).expect("attached");
        view.addresses.iter().find(|address| address.net.addr == IpAddr::V6(A)).map(|address| address.state)
    };
    assert_eq!(state(&mut net), Some(AddressState::Duplicate));
}

#[test]
fn what_came_over_a_router_is_no_neighbour_discovery() {
    let (mut net, a, _) = pair();
    let ask = ndp::neighbor_solicitation(A, Some(STRANGER), None);
    net.inject(a, ETH, &icmp_packet(S, ndp::solicited_node(A), 254, ask));
    assert_eq!(messages(&net), []);
}

/// A router advertisement with a prefix, a name server, a search list, and these lifetimes in seconds, byte by byte.
fn offer(router: u16, valid: u32, preferred: u32) -> Vec<u8> {
    let mut message = icmpv6::emit(icmpv6::ROUTER_ADVERTISEMENT, 0, 64 << 24 | u32::from(router)).to_vec();
    message.extend([0; 8]);
    message.extend([1, 1]);
    message.extend(STRANGER.0);
    message.extend([3, 4, 64, 0xc0]);
    message.extend(valid.to_be_bytes());
    message.extend(preferred.to_be_bytes());
    message.extend([0; 4]);
    message.extend(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0).octets());
    message.extend([25, 3, 0, 0, 0, 0, 0, 100]);
    message.extend(ROUTER.octets());
    message.extend([31, 4, 0, 0, 0, 0, 0, 100]);
    message.extend(*b"\x03eng\x07example\0\x07example\0\0\0");
    message
}

#[test]
fn a_router_gives_an_address_a_route_and_a_name_server_for_their_lifetimes() {
    let (mut net, a) = listener(3);
    assert!(messages(&net).contains(&(icmpv6::ROUTER_SOLICITATION, 0)));
    net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 255, offer(1800, 7200, 3600)));
    net.run_for(Duration::from_secs(3));
    let far: IpAddr = "2001:db8:ffff::1".parse().expect("good");
    let source = |net: &mut Net| net.stack(a).source_for(far);
    let servers = |net: &mut Net| {
        let now = net.now();
        (net.stack(a).announced_servers(now, ETH), net.stack(a).announced_search(now, ETH))
    };
    let ours = source(&mut net).expect("a way");
    assert!(ours.to_string().starts_with("2001:db8:0:1:"), "{ours}");
    assert_eq!(servers(&mut net), (vec![ROUTER], vec!["eng.example".to_owned(), "example".to_owned()]));
    // RFC 4862 §5.5.3 (e): an offer of a second does not end it.
    net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 255, offer(1800, 1, 1)));
    net.run_for(Duration::from_secs(101));
    assert_eq!(source(&mut net), Some(ours), "deprecated, but there is no other");
    assert_eq!(servers(&mut net), (vec![], vec![]));
    net.run_for(Duration::from_secs(1700));
    assert_eq!(source(&mut net), None, "the router's lifetime is over");
    net.run_for(Duration::from_secs(7200));
    let view = net.stack(a).interfaces().find(|i| i.index == ETH).expect("attached");
    assert!(view.addresses.iter().all(|address| address.net.addr != ours), "and the address's");
}

#[test]
fn offers_from_beyond_the_link_are_not_believed() {
    let (mut net, a) = listener(4);
    net.inject(a, ETH, &icmp_packet(S, ndp::ALL_NODES, 255, offer(1800, 7200, 3600)));
    net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 254, offer(1800, 7200, 3600)));
    assert!(net.stack(a).routes().is_empty());
}

#[test]
fn neighbour_discovery_in_fragments_is_not_looked_at() {
    let (mut net, a) = listener(5);
    let packet = icmp_packet(ROUTER, ndp::ALL_NODES, 255, offer(1800, 7200, 3600));
    let message = as_ipv6(&packet).expect("a packet").payload();
    // One alone, and two.
    for (identification, from, to) in [(1, 0, message.len()), (2, 0, 64), (2, 64, message.len())] {
        let more = to < message.len();
        let header = ipv6::Fragment { next_header: ipv6::ICMPV6, offset: from, more, identification }.emit();
        let piece = [&header[..], &message[from..to]].concat();
        let fragment = ipv6_packet(ROUTER, ndp::ALL_NODES, ipv6::FRAGMENT, 255, &piece);
        net.inject(a, ETH, &ethernet_frame(A_MAC, STRANGER, ethernet::IPV6, &fragment));
        assert!(net.stack(a).routes().is_empty());
    }
    net.inject(a, ETH, &packet);
    assert!(!net.stack(a).routes().is_empty(), "whole, it is");
}

#[test]
fn a_host_follows_the_redirects_of_the_router_that_it_uses() {
    let (mut net, a) = listener(8);
    net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 255, offer(1800, 7200, 3600)));
    net.run_for(Duration::from_secs(3));
    let [far, other] = ["2001:db8:ffff::1", "fe80::77"].map(|text| text.parse::<Ipv6Addr>().unwrap());
    let other_mac = Mac([2, 0, 0, 0, 0, 0x77]);
    let udp = net.udp(a);
    let goes_to = |net: &mut Net| {
        net.trace.clear();
        net.udp_send(&udp, "[2001:db8:ffff::1]:9", b"x").expect("a way");
        net.run_for(Duration::from_millis(20));
        let sent = net.trace.iter().find(|seen| as_ipv6(&seen.frame).is_some_and(|packet| packet.dst() == far));
        sent.map(|seen| ethernet::parse(&seen.frame).expect("whole").0.dst)
    };
    assert_eq!(goes_to(&mut net), Some(STRANGER));
    let ours = net.stack(a).source_for(far.into()).expect("a way");
    let IpAddr::V6(ours) = ours else { panic!("of IPv6") };
    let redirect = |from, target, destination, hop_limit| {
        let message = ndp::redirect(target, destination, Some(other_mac), &[0; 48]);
        icmp_packet(from, ours, hop_limit, message)
    };
    // §8.1: from beyond the link, of another router, to an address that nobody can be a neighbour by, for a group; and §8.3: to
    // ourselves.
    for bad in [
        redirect(ROUTER, other, far, 254),
        redirect(other, other, far, 255),
        redirect(S, other, far, 255),
        redirect(ROUTER, S, far, 255),
        redirect(ROUTER, other, "ff0e::5".parse().unwrap(), 255),
        redirect(ROUTER, ours, far, 255),
    ] {
        net.inject(a, ETH, &bad);
        assert_eq!(goes_to(&mut net), Some(STRANGER));
    }
    net.inject(a, ETH, &redirect(ROUTER, other, far, 255));
    assert_eq!(goes_to(&mut net), Some(other_mac));
    // The new one does not answer: back to the router.
    net.run_for(Duration::from_secs(10));
    net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 255, offer(1800, 7200, 3600)));
    assert_eq!(goes_to(&mut net), Some(STRANGER));
    // The destination itself may be a neighbour.
    net.inject(a, ETH, &redirect(ROUTER, far, far, 255));
    assert_eq!(goes_to(&mut net), Some(other_mac));
}

#[test]
fn an_address_of_no_preferred_lifetime_is_deprecated_from_the_start() {
    let (mut net, a) = listener(5);
    net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 255, offer(1800, 7200, 0)));
    net.run_for(Duration::from_secs(3));
    let view = net.stack(a).interfaces().find(|i| i.index == ETH).expect("attached");
    let made = view.addresses.iter().find(|address| address.net.addr.to_string().starts_with("2001:db8:0:1:"));
    assert_eq!(made.map(|address| address.state), Some(AddressState::Deprecated));
}

#[test]
fn a_router_that_changes_its_preference_changes_its_place() {
    let (mut net, a) = listener(6);
    let metrics = |net: &mut Net| {
        let defaults = |route: &&netstack::route::Route| route.dst.prefix_len == 0;
        net.stack(a).routes().iter().filter(defaults).map(|route| route.metric).collect::<Vec<_>>()
    };
    // The two bits of RFC 4191 §2.2: medium, high, low, the reserved one.
    for (bits, metric) in [(0, 1024), (1, 1023), (3, 1025), (2, 1024)] {
        let mut message = offer(1800, 7200, 3600);
        message[5] = bits << 3;
        net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 255, message));
        assert_eq!(metrics(&mut net), [metric]);
    }
    net.inject(a, ETH, &icmp_packet(ROUTER, ndp::ALL_NODES, 255, offer(0, 7200, 3600)));
    assert_eq!(metrics(&mut net), []);
}

/// Flow labels on the wire between A and B of this protocol, in their order.
fn labels(net: &Net, src: Ipv6Addr, protocol: u8) -> Vec<u32> {
    let label = |seen: &Seen| {
        let packet = as_ipv6(&seen.frame).filter(|packet| packet.next_header() == protocol && packet.src() == src)?;
        Some(packet.flow_label())
    };
    net.trace.iter().filter_map(label).collect()
}

#[test]
fn each_flow_has_a_label_of_its_own_unless_the_program_says_one() {
    let (mut net, a, b) = pair();
    let _ear = net.udp_at(b, "[::]:7");
    let (one, other) = (net.udp(a), net.udp(a));
    for socket in [&one, &one, &other] {
        net.udp_send(socket, "[fd00::2]:7", b"x").expect("sent");
    }
    net.run_for(Duration::from_millis(20));
    let seen = labels(&net, A, 17);
    assert!(seen.len() == 3 && seen[0] != 0 && seen[0] == seen[1] && seen[0] != seen[2], "{seen:?}");
    net.stack(a).udp_options(one.id).expect("open").v6.flow_label = 0x12345;
    net.stack(a).udp_options(other.id).expect("open").v6.auto_flow_label = false;
    net.trace.clear();
    for socket in [&one, &other] {
        net.udp_send(socket, "[fd00::2]:7", b"x").expect("sent");
    }
    net.run_for(Duration::from_millis(20));
    assert_eq!(labels(&net, A, 17), [0x12345, 0]);
}

#[test]
fn datagrams_without_a_checksum_are_for_those_who_take_them() {
    let (mut net, a, b) = pair();
    let mut ear = net.udp_at(b, "[::]:7");
    let from = net.udp(a);
    net.stack(a).udp_options(from.id).expect("open").v6.no_checksum = true;
    net.udp_send(&from, "[fd00::2]:7", b"dropped").expect("sent");
    net.run_for(Duration::from_millis(20));
    assert!(ear.recv().is_none());
    net.stack(b).udp_options(ear.id).expect("open").v6.takes_no_checksum = true;
    net.udp_send(&from, "[fd00::2]:7", b"taken").expect("sent");
    net.run_for(Duration::from_millis(20));
    assert_eq!(ear.recv().expect("one").1, b"taken");
}

/// IPV6_UNICAST_IF.
#[test]
fn a_program_says_by_which_link_an_address_is_reached_that_any_link_may_have() {
    let mut net = Net::new(9);
    let (a, b) = (net.node(), net.node());
    let (left, right) = (net.link(Link::default()), net.link(Link::default()));
    let ends = [(a, left), (a, right), (b, right)].map(|(node, link)| {
        let (on, now) = (net.attach(node, link), net.now());
        net.stack(node).enable_ipv6(now, on, false).expect("a good link");
        on
    });
    net.run_for(Duration::from_secs(5));
    let view = net.stack(b).interfaces().find(|interface| interface.index == ends[2]).expect("attached");
    let there = view.addresses.iter().find(|address| address.is_usable()).expect("a link-local one").net.addr;
    let (from, mut ear) = (net.udp(a), net.udp_at(b, "[::]:7"));
    for (on, arrives) in [(ends[0], false), (ends[1], true)] {
        net.stack(a).udp_options(from.id).expect("open").v6.unicast_on = Some(on);
        net.udp_send(&from, &format!("[{there}]:7"), b"x").expect("a way");
        net.run_for(Duration::from_secs(5));
        assert_eq!(ear.recv().is_some(), arrives);
        let _ = net.stack(a).udp_take_error(from.id);
    }
}
