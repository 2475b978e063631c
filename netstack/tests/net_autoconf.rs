//! What a host makes of what its routers offer: the parameters of the link, and addresses of its own making.

mod common;
mod tcp_common;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use common::*;
use netstack::link::Mac;
use netstack::time::Duration;
use netstack::wire::ndp::{self, Opt, RouterAdvertisement};
use netstack::wire::{ethernet, icmpv6, ipv6, tcp};
use netstack::{Config, NeighborState};
use tcp_common::{Listener, Socket};

const A_MAC: Mac = Mac([0xb2, 0xa0, 0, 0, 0, 1]);
const FAR: &str = "[2001:db8:ffff::1]:9";

fn far() -> SocketAddr {
    FAR.parse().expect("good")
}

/// Packets of IPv6 on the wire.
fn packets(net: &Net) -> Vec<ipv6::Packet<'_>> {
    net.trace.iter().filter_map(|seen| as_ipv6(&seen.frame)).collect()
}

#[test]
fn packets_have_the_hop_limit_that_the_router_says() {
    let (mut net, a) = listener(1);
    hear(&mut net, a, silent(), &[prefix(7200, 3600)]);
    net.run_for(Duration::from_secs(3));
    assert_eq!(net.stack(a).hop_limit(far()), Some(64));
    hear(&mut net, a, RouterAdvertisement { hop_limit: 42, ..silent() }, &[]);
    // One that says none changes nothing.
    hear(&mut net, a, silent(), &[]);
    assert_eq!(net.stack(a).hop_limit(far()), Some(42));
    assert_eq!(net.stack(a).hop_limit("[::1]:9".parse().unwrap()), Some(64));
    net.trace.clear();
    let udp = net.udp(a);
    net.udp_send(&udp, FAR, b"x").expect("a way");
    net.stack(a).udp_options(udp.id).expect("open").v6.unicast_hops = Some(9);
    net.udp_send(&udp, FAR, b"x").expect("a way");
    Socket::connect(&mut net, a, FAR, 4096);
    let source = net.stack(a).source_for(far().ip()).expect("a way");
    let IpAddr::V6(ours) = source else { panic!("of IPv6") };
    let IpAddr::V6(there) = far().ip() else { panic!("of IPv6") };
    let ping = icmpv6_packet(there, ours, 7, icmpv6::emit(icmpv6::ECHO_REQUEST, 0, 1).to_vec());
    net.inject(a, ETH, &ethernet_frame(A_MAC, STRANGER, ethernet::IPV6, &ping));
    net.run_for(Duration::from_millis(20));
    let hops: Vec<_> = packets(&net).iter().map(|p| (p.next_header(), p.hop_limit())).collect();
    assert_eq!(hops, [(17, 42), (17, 9), (6, 42), (58, 42)]);
}

#[test]
fn packets_are_as_long_as_the_router_says_of_the_link() {
    let (mut net, a) = listener(2);
    hear(&mut net, a, silent(), &[prefix(7200, 3600)]);
    net.run_for(Duration::from_secs(3));
    let mtu = |net: &mut Net| net.stack(a).path_mtu(far());
    // Less than any link of IPv6 carries (RFC 8200 §5), and more than this one does.
    for nonsense in [0, 1279, 1501, u32::MAX] {
        hear(&mut net, a, silent(), &[Opt::Mtu(nonsense)]);
        assert_eq!(mtu(&mut net), Some(1500));
    }
    hear(&mut net, a, silent(), &[Opt::Mtu(1400)]);
    assert_eq!(mtu(&mut net), Some(1400));
    assert_eq!(net.stack(a).path_mtu("[::1]:9".parse().unwrap()), Some(65535));
    net.trace.clear();
    let udp = net.udp(a);
    net.udp_send(&udp, FAR, &[7; 1400]).expect("a way");
    net.run_for(Duration::from_millis(20));
    let lengths: Vec<_> =
        packets(&net).iter().filter(|p| IpAddr::V6(p.dst()) == far().ip()).map(|p| p.bytes().len()).collect();
    assert_eq!(lengths, [1400, 104]);
}

#[test]
fn connections_follow_the_mtu_that_the_router_says() {
    let mut net = Net::new(4);
    let link = net.link(Link::default());
    let (a, b) = (net.node(), net.node());
    let (on, there) = (net.attach(a, link), net.attach(b, link));
    let now = net.now();
    net.stack(a).enable_ipv6(now, on, true).expect("a good link");
    net.stack(b).add_address(now, there, Ipv6Addr::from_bits(NET.to_bits() | 2), 64).expect("a good address");
    net.run_for(Duration::from_secs(3));
    hear(&mut net, a, silent(), &[prefix(7200, 3600)]);
    net.run_for(Duration::from_secs(3));
    let _listener = Listener::new(&mut net, b, "[::]:80", 9);
    let mut socket = Socket::connect(&mut net, a, "[2001:db8:0:1::2]:80", 1 << 16);
    net.run_for(Duration::from_millis(20));
    let longest = |net: &mut Net, socket: &mut Socket| {
        net.trace.clear();
        assert_eq!(socket.write(net, &[7; 4000]), 4000);
        net.run_for(Duration::from_millis(300));
        packets(net).iter().map(|p| p.bytes().len()).max()
    };
    assert_eq!(longest(&mut net, &mut socket), Some(1500));
    hear(&mut net, a, silent(), &[Opt::Mtu(1400)]);
    assert_eq!(longest(&mut net, &mut socket), Some(1400));
    net.trace.clear();
    Socket::connect(&mut net, a, "[2001:db8:0:1::2]:80", 4096);
    net.run_for(Duration::from_millis(20));
    let packets = packets(&net);
    let syn = packets.iter().find(|p| p.next_header() == 6).expect("a SYN");
    let segment = tcp::Segment::parse(syn.payload()).expect("well made");
    assert_eq!(segment.header.options.mss, Some(1340), "announced on new ones");
}

#[test]
fn neighbours_are_believed_and_asked_as_the_router_says() {
    let (mut net, a) = listener(3);
    let times = RouterAdvertisement { reachable_time: 10_000, retransmit_time: 3_000, ..silent() };
    hear(&mut net, a, times, &[prefix(7200, 3600)]);
    // Duplicate detection takes as long (RFC 4862 §5.4).
    net.run_for(Duration::from_millis(2900));
    let is_there = |net: &mut Net| {
        let source = net.stack(a).source_for(far().ip());
        source.is_some_and(|source| source.to_string().starts_with("2001:db8:0:1:"))
    };
    assert!(!is_there(&mut net));
    net.run_for(Duration::from_millis(1200));
    assert!(is_there(&mut net));
    // It answers, is believed for five to fifteen seconds, and then gone.
    let udp = net.udp(a);
    let state = |net: &mut Net| {
        let rows = net.stack(a).neighbors();
        rows.into_iter().find(|row| row.addr == IpAddr::V6(ROUTER)).map(|row| row.state)
    };
    net.udp_send(&udp, FAR, b"x").expect("a way");
    let here = ndp::neighbor_advertisement(ROUTER, STRANGER, true, true, true);
    let IpAddr::V6(ours) = net.stack(a).source_for(ROUTER.into()).expect("a way") else { panic!("of IPv6") };
    let here = icmpv6_packet(ROUTER, ours, 255, here);
    net.inject(a, ETH, &ethernet_frame(A_MAC, STRANGER, ethernet::IPV6, &here));
    assert_eq!(state(&mut net), Some(NeighborState::Reachable));
    net.run_for(Duration::from_millis(4900));
    assert_eq!(state(&mut net), Some(NeighborState::Reachable));
    net.run_for(Duration::from_millis(10_200));
    assert_eq!(state(&mut net), Some(NeighborState::Stale));
    net.trace.clear();
    net.udp_send(&udp, FAR, b"x").expect("a way");
    net.run_for(Duration::from_secs(20));
    let asked = net.trace.iter().filter(|seen| as_ipv6(&seen.frame).is_some_and(|p| p.next_header() == ipv6::ICMPV6));
    let at: Vec<_> = asked.map(|seen| seen.at).collect();
    let waits: Vec<_> = at.windows(2).map(|pair| pair[1].since(pair[0]).as_millis()).collect();
    assert_eq!(waits, [3000, 3000], "three probes");
}

#[test]
fn nobody_is_asked_more_often_than_linux_asks_whatever_a_router_says() {
    let (mut net, a) = listener(7);
    let times = |net: &mut Net| {
        let view = net.stack(a).interfaces().find(|interface| interface.index == ETH).expect("attached");
        [view.v6.reachable, view.v6.retransmit].map(|time| time.as_millis())
    };
    for (said, held) in [([1, 1], [100, 10]), ([200, 50], [200, 50]), ([u32::MAX; 2], [3_600_000, u32::MAX.into()])] {
        let [reachable_time, retransmit_time] = said;
        hear(&mut net, a, RouterAdvertisement { reachable_time, retransmit_time, ..silent() }, &[]);
        assert_eq!(times(&mut net), held);
    }
}

#[test]
fn name_servers_that_no_host_can_be_are_passed_over() {
    let (mut net, a) = listener(8);
    let servers = ["::", "ff02::1", "::ffff:10.0.0.1", "2001:db8::53"].map(|text| text.parse::<Ipv6Addr>().unwrap());
    let bytes: Vec<u8> = servers.iter().flat_map(|server| server.octets()).collect();
    hear(&mut net, a, silent(), &[Opt::Rdnss { lifetime: 100, servers: &bytes }]);
    let now = net.now();
    assert_eq!(net.stack(a).announced_servers(now, ETH), [servers[3]]);
}

/// The address that a node makes in the router's network, its hardware address being the link's so many'th.
fn made(seed: u64, secret: Option<[u8; 16]>, members: usize) -> Ipv6Addr {
    let mut net = Net::new(seed);
    let link = net.link(Link::default());
    for _ in 1..members {
        let other = net.node();
        net.attach(other, link);
    }
    let a = net.node_with(Config { secret, ..Config::default() });
    let on = net.attach(a, link);
    let now = net.now();
    net.stack(a).enable_ipv6(now, on, true).expect("a good link");
    net.run_for(Duration::from_secs(3));
    hear(&mut net, a, silent(), &[prefix(7200, 3600)]);
    net.run_for(Duration::from_secs(3));
    let Some(IpAddr::V6(addr)) = net.stack(a).source_for(far().ip()) else { panic!("a way") };
    addr
}

#[test]
fn a_node_with_a_secret_has_the_same_address_at_each_boot() {
    let secret = Some([7; 16]);
    assert_eq!(made(5, secret, 1), made(6, secret, 2));
    assert_ne!(made(5, secret, 1), made(5, Some([8; 16]), 1));
    assert_ne!(made(5, None, 1), made(6, None, 1));
    assert_ne!(made(5, None, 1), made(5, None, 2));
}
