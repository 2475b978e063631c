//! What is of the host itself stays in it, in both families: its loopback addresses, and packets that claim to be its own.

mod common;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use common::*;
use netstack::IpNet;
use netstack::link::Mac;
use netstack::route::Route;
use netstack::socket::{ConnectError, SendError};
use netstack::time::Duration;
use netstack::wire::checksum::Sum;
use netstack::wire::{ethernet, ipv4, udp};

const A_MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);

/// Two nodes at 10.0.0.1 and 10.0.0.2; the first is fd00::1, too, and has a router.
fn host() -> (Net, NodeId) {
    let (mut net, a, _) = Net::pair(1, Link::default());
    let now = net.now();
    net.stack(a).add_address(now, ETH, Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1), 64).expect("a good address");
    let via = Some("fd00::2".parse().expect("an address"));
    let route = Route { dst: IpNet::DEFAULT_V6, via, on: ETH, metric: 0 };
    net.stack(a).add_route(route).expect("a neighbour");
    net.run_for(Duration::from_secs(5));
    net.trace.clear();
    (net, a)
}

/// A datagram to port 7 in a frame for the first node.
fn datagram(src: IpAddr, dst: IpAddr) -> Vec<u8> {
    let mut segment = [&udp::emit(1000, 7, 1)[..], b"x"].concat();
    let sum = Sum::pseudo(src, dst, ipv4::UDP, segment.len()).bytes(&segment).finish();
    segment[6..8].copy_from_slice(&sum.to_be_bytes());
    let (ethertype, packet) = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => (ethernet::IPV4, ipv4_packet(src, dst, ipv4::UDP, &segment)),
        (IpAddr::V6(src), IpAddr::V6(dst)) => (ethernet::IPV6, ipv6_packet(src, dst, ipv4::UDP, 64, &segment)),
        _ => panic!("{src} and {dst} are of two families"),
    };
    ethernet_frame(A_MAC, STRANGER, ethertype, &packet)
}

#[test]
fn what_only_the_host_itself_can_have_sent_is_not_heard_from_a_link() {
    // RFC 1122 §3.2.1.3, RFC 4291 §2.5.3.
    let (mut net, a) = host();
    let mut ear = net.udp_at(a, "[::]:7");
    for (src, dst, heard) in [
        ("10.0.0.9", "10.0.0.1", true),
        ("127.0.0.1", "10.0.0.1", false),
        ("10.0.0.9", "127.0.0.1", false),
        ("10.0.0.1", "10.0.0.1", false),
        ("fd00::9", "fd00::1", true),
        ("::1", "fd00::1", false),
        ("fd00::9", "::1", false),
        ("fd00::1", "fd00::1", false),
    ] {
        let addr = |text: &str| text.parse().expect("an address");
        net.inject(a, ETH, &datagram(addr(src), addr(dst)));
        assert_eq!(ear.recv().is_some(), heard, "{src} to {dst}");
    }
}

#[test]
fn the_loopback_address_of_ipv6_is_no_source_outside_and_on_no_link() {
    // RFC 4291 §2.5.3; of IPv4 net_udp and tcp_bound say it.
    let (mut net, a) = host();
    let bound = net.udp_at(a, "[::1]:5000");
    let neighbour: SocketAddr = "[fd00::2]:7".parse().expect("an address");
    assert_eq!(net.udp_send(&bound, "[fd00::2]:7", b"x"), Err(SendError::NetUnreachable));
    assert_eq!(net.stack(a).udp_connect(bound.id, Some(neighbour)), Err(ConnectError::NetUnreachable));
    assert_eq!(net.udp_send(&bound, "[fd00::1]:7", b"x"), Ok(1), "our other address is inside");
    let on_link = net.udp(a);
    net.stack(a).udp_options(on_link.id).expect("open").bound_to = Some(ETH);
    assert_eq!(net.udp_send(&on_link, "[::1]:7", b"x"), Err(SendError::NetUnreachable));
    assert!(net.trace.is_empty(), "no frame on any link");
}
