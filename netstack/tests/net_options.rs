//! What programs say of the IP header of what they send, and are told of what comes (ip(7), ipv6(7)).

mod common;
mod tcp_common;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use common::*;
use netstack::ip::HeaderOptions;
use netstack::socket::{SendError, SendOptions};
use netstack::time::Duration;
use netstack::wire::ipv6;
use tcp_common::Socket;

/// Two nodes that speak both families: 10.0.0.1 and 10.0.0.2, fd00::1 and fd00::2.
fn pair() -> (Net, NodeId, NodeId) {
    let (mut net, a, b) = Net::pair(1, Link::default());
    for (node, addr) in
        [(a, Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), (b, Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2))]
    {
        net.stack(node).enable_ipv6(Default::default(), ETH, true).expect("once");
        net.stack(node).add_address(Default::default(), ETH, addr, 64).expect("new");
    }
    net.run_for(Duration::from_secs(12));
    net.trace.clear();
    (net, a, b)
}

/// The hop limits and traffic classes of what this node has sent by IPv6, and of IPv4 the same.
fn said(net: &Net) -> Vec<(u8, u8)> {
    let v6 = |seen: &Seen| as_ipv6(&seen.frame).filter(|packet| packet.next_header() != ipv6::ICMPV6).map(said_v6);
    let v4 = |seen: &Seen| as_ipv4(&seen.frame).map(|packet| (packet.ttl(), packet.tos()));
    net.trace.iter().filter_map(|seen| v6(seen).or_else(|| v4(seen))).collect()
}

fn said_v6(packet: ipv6::Packet<'_>) -> (u8, u8) {
    (packet.hop_limit(), packet.traffic_class())
}

#[test]
fn a_stream_has_settings_for_each_family() {
    for (remote, own, other) in [("10.0.0.2:80", (11, 0x20), (64, 0)), ("[fd00::2]:80", (22, 0x40), (64, 0))] {
        let (mut net, a, _) = pair();
        Socket::connect_with(&mut net, a, remote, 4096, |options| {
            (options.ttl, options.tos) = (Some(11), 0x20);
            (options.hops, options.traffic_class) = (Some(22), 0x40);
        });
        net.run_for(Duration::from_millis(20));
        // The SYN, and the reset of who does not listen.
        assert_eq!(said(&net), [own, other], "{remote}");
    }
}

#[test]
fn who_receives_learns_the_size_of_the_longest_fragment() {
    let (mut net, a, b) = pair();
    for (to, longest) in [("10.0.0.2:7", 1500), ("[fd00::2]:7", 1496)] {
        let (from, mut ear) = (net.udp(a), net.udp_at(b, to));
        for len in [100, 4000] {
            net.udp_send(&from, to, &vec![7; len]).expect("sent");
            net.run_for(Duration::from_millis(20));
            let (header, payload) = ear.recv().expect("one");
            assert_eq!((payload.len(), header.fragment_size), (len, if len > 1500 { longest } else { 0 }), "{to}");
        }
    }
}

#[test]
fn ipv6_mtu_bounds_fragments_and_what_is_not_to_become_any() {
    let (mut net, a, b) = pair();
    let (from, mut ear) = (net.udp(a), net.udp_at(b, "[fd00::2]:7"));
    net.stack(a).udp_options(from.id).expect("open").v6.most = Some(1300);
    // Linux: what fits the path is not cut.
    for (len, longest) in [(1400, 0), (3000, 1296)] {
        net.udp_send(&from, "[fd00::2]:7", &vec![7; len]).expect("sent");
        net.run_for(Duration::from_millis(20));
        let (header, payload) = ear.recv().expect("one");
        assert_eq!((payload.len(), header.fragment_size), (len, longest));
    }
    // What one datagram says of fragments goes before what the socket says.
    let never = SendOptions { dont_fragment: Some(true), ..SendOptions::default() };
    let (now, to) = (net.now(), "[fd00::2]:7".parse().ok());
    let sent = net.stack(a).udp_send(now, from.id, to, &[&[7; 1400]], &never);
    assert_eq!(sent, Err(SendError::MessageTooLong));
}

const RECORD_ROUTE: [u8; 12] = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];

fn send_with(net: &mut Net, from: &Udp, to: &str, len: usize, options: HeaderOptions) -> Result<usize, SendError> {
    let how = SendOptions { header_options: Some(Arc::new(options)), ..SendOptions::default() };
    let (now, to) = (net.now(), to.parse().ok());
    let sent = net.stack(from.node).udp_send(now, from.id, to, &[&vec![7; len]], &how);
    net.run_for(Duration::from_millis(20));
    sent
}

#[test]
fn options_of_ipv4_are_in_the_first_fragment_and_those_to_be_copied_in_all() {
    let (mut net, a, b) = pair();
    let (from, mut ear) = (net.udp(a), net.udp_at(b, "10.0.0.2:7"));
    let v4 = [&ROUTER_ALERT[..], &RECORD_ROUTE].concat();
    for (len, longest) in [(100, 0), (4000, 1500)] {
        let options = HeaderOptions { v4: v4.clone(), ..HeaderOptions::default() };
        assert_eq!(send_with(&mut net, &from, "10.0.0.2:7", len, options), Ok(len));
        let (header, options, payload) = ear.recv_with_options().expect("one");
        assert_eq!((payload.len(), header.fragment_size), (len, longest));
        // RFC 1122 §3.2.1.8: who sends is in it, and so is who receives.
        assert_eq!(options, [148, 4, 0, 0, 7, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2, 0]);
    }
    let packets = net.trace.iter().filter_map(|seen| as_ipv4(&seen.frame));
    let later: Vec<_> = packets.filter(|packet| packet.fragment_offset() != 0).map(|packet| packet.options()).collect();
    assert_eq!(later, [[148, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]; 2], "RFC 791 §3.2");
    assert_eq!((net.memory(a).charged(), net.memory(b).charged()), (0, 0));
}

#[test]
fn options_take_from_what_a_packet_carries() {
    let (mut net, a, b) = pair();
    let (from, _ear) = (net.udp(a), net.udp_at(b, "10.0.0.2:7"));
    let options = || HeaderOptions { v4: RECORD_ROUTE.to_vec(), ..HeaderOptions::default() };
    net.stack(a).udp_options(from.id).expect("open").mtu_discovery = netstack::datagram::MtuDiscovery::Do;
    assert_eq!(send_with(&mut net, &from, "10.0.0.2:7", 1460, options()), Ok(1460));
    assert_eq!(send_with(&mut net, &from, "10.0.0.2:7", 1461, options()), Err(SendError::MessageTooLong));
    net.stack(a).udp_options(from.id).expect("open").mtu_discovery = netstack::datagram::MtuDiscovery::Dont;
    assert_eq!(send_with(&mut net, &from, "10.0.0.2:7", 65_495, options()), Ok(65_495));
    assert_eq!(send_with(&mut net, &from, "10.0.0.2:7", 65_496, options()), Err(SendError::MessageTooLong));
}

#[test]
fn a_source_route_leads_by_its_stops_and_is_not_taken_by_ours() {
    let (mut net, a, b) = pair();
    let (from, mut ear) = (net.udp(a), net.udp_at(b, "10.0.0.2:7"));
    let v4 = vec![131, 11, 4, 10, 0, 0, 2, 10, 0, 0, 77, 0];
    let options = HeaderOptions { v4, ..HeaderOptions::default() };
    assert_eq!(send_with(&mut net, &from, "10.9.9.9:7", 4, options), Ok(4), "there is no route to its end");
    let packet = net.trace.iter().find_map(|seen| as_ipv4(&seen.frame)).expect("to the first stop");
    assert_eq!(packet.dst(), Ipv4Addr::new(10, 0, 0, 2));
    assert_eq!(packet.options(), [131, 11, 4, 10, 0, 0, 77, 10, 9, 9, 9, 0]);
    assert!(ear.recv().is_none(), "RFC 7126 §4.3");
}

#[test]
fn extension_headers_are_in_their_order_and_each_fragment_has_the_unfragmentable_part() {
    let (mut net, a, b) = pair();
    let (from, mut ear) = (net.udp(a), net.udp_at(b, "[fd00::2]:7"));
    let (hop, unknown) = (vec![0, 0, 5, 2, 0, 0, 1, 0], vec![0, 0, 0x1e, 4, 1, 2, 3, 4]);
    for (len, longest) in [(100, 0), (4000, 1496)] {
        let options = HeaderOptions {
            hop_by_hop: hop.clone(),
            before_routing: unknown.clone(),
            destination: unknown.clone(),
            ..HeaderOptions::default()
        };
        assert_eq!(send_with(&mut net, &from, "[fd00::2]:7", len, options), Ok(len));
        let (header, chain, payload) = ear.recv_with_options().expect("one");
        assert_eq!((payload.len(), header.fragment_size), (len, longest));
        let expected = [&[0, 60, 0, 5, 2, 0, 0, 1, 0, 17, 0][..], &unknown[2..]].concat();
        assert_eq!(chain, expected, "nothing stands before a routing header that is not there");
    }
    let kinds = |packet: ipv6::Packet<'_>| {
        let mut chain = packet.extensions();
        std::iter::from_fn(|| chain.advance().ok()?.map(|extension| extension.kind)).collect::<Vec<_>>()
    };
    let sent = net.trace.iter().filter_map(|seen| as_ipv6(&seen.frame)).filter(|packet| packet.next_header() == 0);
    let all: Vec<_> = sent.map(kinds).collect();
    assert_eq!(all, [vec![0, 60], vec![0, 44, 60], vec![0, 44, 60], vec![0, 44, 60]], "RFC 8200 §4.1, §4.5");
    assert_eq!((net.memory(a).charged(), net.memory(b).charged()), (0, 0));
}

#[test]
fn a_routing_header_leads_by_its_segments() {
    let (mut net, a, b) = pair();
    let (from, mut ear) = (net.udp(a), net.udp_at(b, "[fd00::2]:7"));
    let segment = |n: u8| [&[0xfd][..], &[0; 14], &[n]].concat();
    let routing = |left: u8| [&[0, 4, 4, left, 1, 0, 0, 0][..], &[0; 16], &segment(9)].concat();
    for left in [0, 1] {
        let options = HeaderOptions { routing: routing(left), ..HeaderOptions::default() };
        net.trace.clear();
        let _ = send_with(&mut net, &from, "[fd00::2]:7", 4, options);
        let asked = net.trace.iter().filter_map(|seen| as_ipv6(&seen.frame)).find(|packet| packet.next_header() == 43);
        match left {
            0 => {
                let chain = ear.recv_with_options().expect("all segments are behind it").1;
                assert_eq!(chain[1..], [&[17, 4, 4, 0, 1, 0, 0, 0][..], &segment(2), &segment(9)].concat());
            }
            // Nobody is at fd00::9.
            _ => assert!(asked.is_none() && ear.recv().is_none()),
        }
    }
}
