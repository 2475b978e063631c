//! What programs say of the IP header of what they send, and are told of what comes (ip(7), ipv6(7)).

mod common;
mod tcp_common;

use std::net::Ipv6Addr;

use common::*;
use netstack::link::IfIndex;
use netstack::socket::{SendError, SendOptions};
use netstack::time::Duration;
use netstack::wire::ipv6;
use tcp_common::Socket;

const ETH: IfIndex = IfIndex(2);

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
