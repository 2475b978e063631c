use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::*;
use crate::iface::{Address, InterfaceConfig};
use crate::link::{LinkCaps, Mac};
use crate::route::Route;
use crate::tcp::seam::Paths;

const ETH: IfIndex = IfIndex(2);
const TUN: IfIndex = IfIndex(3);

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn net(text: &str, prefix_len: u8) -> IpNet {
    IpNet { addr: addr(text), prefix_len }
}

/// eth 10.0.0.1/24 and 10.0.1.1/24, default route by 10.0.0.254; tun 192.0.2.1/30.
fn ip() -> Ip {
    let mut ip = Ip::new(&mut Rng::new([1; 32]));
    for (name, mtu) in [("eth", 1500), ("tun", 9000)] {
        let config = InterfaceConfig { name: name.into(), mac: Mac([2; 6]), mtu, caps: LinkCaps::default() };
        ip.interfaces.add(config);
    }
    for (on, net) in [(ETH, net("10.0.0.1", 24)), (ETH, net("10.0.1.1", 24)), (TUN, net("192.0.2.1", 30))] {
        ip.interfaces.add_address(on, Address::manual(net));
        ip.routes.add(Route { dst: net.network(), via: None, on, metric: 0 }).expect("a good route");
    }
    let default = Route { dst: IpNet::DEFAULT_V4, via: Some(addr("10.0.0.254")), on: ETH, metric: 0 };
    ip.routes.add(default).expect("a good route");
    ip
}

#[test]
fn the_way_to_every_kind_of_address() {
    let ip = ip();
    let hop = |dst| ip.hop(None, addr(dst), None).map(|hop| (hop.on, hop.src, hop.to));
    let ourselves = |on: &str| Some((LOOPBACK, addr(on), NextHop::Ourselves));
    assert_eq!(hop("127.0.0.1"), ourselves("127.0.0.1"));
    assert_eq!(hop("127.255.0.9"), ourselves("127.255.0.9"));
    assert_eq!(hop("10.0.0.1"), ourselves("10.0.0.1"));
    assert_eq!(hop("10.0.0.7"), Some((ETH, addr("10.0.0.1"), NextHop::Neighbor(addr("10.0.0.7")))));
    assert_eq!(hop("10.0.1.7"), Some((ETH, addr("10.0.1.1"), NextHop::Neighbor(addr("10.0.1.7")))));
    assert_eq!(hop("8.8.8.8"), Some((ETH, addr("10.0.0.1"), NextHop::Neighbor(addr("10.0.0.254")))));
    assert_eq!(hop("10.0.1.255"), Some((ETH, addr("10.0.1.1"), NextHop::Broadcast)));
    assert_eq!(hop("192.0.2.3"), Some((TUN, addr("192.0.2.1"), NextHop::Broadcast)));
    assert_eq!(hop("255.255.255.255"), Some((ETH, addr("10.0.0.1"), NextHop::Broadcast)));
    assert_eq!(hop("224.0.0.251"), Some((ETH, addr("10.0.0.1"), NextHop::Group(addr("224.0.0.251")))));
    assert_eq!(hop("0.0.0.0"), None);
}

#[test]
fn an_interface_that_is_asked_for_is_the_only_way() {
    let mut ip = ip();
    let on_tun = |ip: &Ip, dst| ip.hop(None, addr(dst), Some(TUN)).map(|hop| (hop.on, hop.to));
    let there = Some((TUN, NextHop::Neighbor(addr("8.8.8.8"))));
    assert_eq!(on_tun(&ip, "8.8.8.8"), there, "the default route is by the other: it is taken to be on this link");
    assert_eq!(on_tun(&ip, "255.255.255.255"), Some((TUN, NextHop::Broadcast)));
    assert_eq!(on_tun(&ip, "239.0.0.1"), Some((TUN, NextHop::Group(addr("239.0.0.1")))));
    assert_eq!(on_tun(&ip, "192.0.2.1"), Some((LOOPBACK, NextHop::Ourselves)));
    assert_eq!(on_tun(&ip, "127.0.0.1"), None);
    ip.interfaces.get_mut(TUN).expect("tun").up = false;
    assert_eq!(on_tun(&ip, "255.255.255.255"), None);
    assert_eq!(on_tun(&ip, "192.0.2.2"), None);
}

#[test]
fn tcp_is_told_of_unicast_ways_only() {
    let ip = ip();
    let path = |dst| ip.path(None, SocketAddr::new(addr(dst), 80), Limits::default()).map(|path| (path.src, path.mtu));
    assert_eq!(path("10.0.0.7"), Some((addr("10.0.0.1"), 1500)));
    assert_eq!(path("127.0.0.1"), Some((addr("127.0.0.1"), 65535)), "no packet is longer, whatever lo says");
    assert_eq!(path("10.0.0.255"), None);
    assert_eq!(path("239.0.0.1"), None);
    assert!(ip.is_local(addr("192.0.2.1")) && !ip.is_local(addr("192.0.2.3")));
}

#[test]
fn identifications_of_one_flow_do_not_repeat_and_tell_nothing_of_another() {
    let mut ids = Identification::new(&mut Rng::new([1; 32]));
    let mut next = |dst: u8| ids.next(addr("10.0.0.1"), Ipv4Addr::new(10, 0, 0, dst).into(), 17);
    let first: Vec<u32> = (0..1000).map(|_| next(1)).collect();
    let mut sorted = first.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 1000);
    assert!(next(2).abs_diff(first[999]) > 1);
}

/// The source for a packet that leaves by eth.
fn source(sources: &[(IfIndex, &str)], dst: &str) -> IpAddr {
    let mut ip = ip();
    for (on, addr) in sources {
        ip.interfaces.add_address(*on, Address::manual(net(addr, 64)));
    }
    let IpAddr::V6(dst) = addr(dst) else { panic!("{dst} is of IPv4") };
    select::source(&ip.interfaces, dst, ETH, None).expect("a source").into()
}

#[test]
fn sources_are_of_the_interface_then_of_the_label_then_of_the_longest_prefix() {
    // RFC 6724 §5. Each time the first one would be taken by the rules that follow.
    let rule_5 = [(TUN, "2001:db8:2::1"), (ETH, "2001:db8:1::1")];
    assert_eq!(source(&rule_5, "2001:db8:2::9"), addr("2001:db8:1::1"));
    let rule_6 = [(ETH, "2002::1"), (ETH, "2600::1")];
    assert_eq!(source(&rule_6, "2003::1"), addr("2600::1"));
    let rule_8 = [(ETH, "2001:db8:1::1"), (ETH, "2001:db8:2::1")];
    assert_eq!(source(&rule_8, "2001:db8:2:5::9"), addr("2001:db8:2::1"));
}
