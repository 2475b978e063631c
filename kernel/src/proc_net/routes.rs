//! The routes and the neighbours of IPv4.

use super::{digits, padded};
use crate::netlink::Network;
use crate::{Kernel, Result};
use netstack::NeighborState;
use netstack::route::Route;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Characters of a line of `route`.
const WIDTH: usize = 127;
// linux/route.h, linux/ipv6_route.h, linux/if_arp.h.
const RTF_UP: u32 = 1;
const RTF_GATEWAY: u32 = 2;
const RTF_HOST: u32 = 4;
const RTF_LOCAL: u32 = 0x8000_0000;
const RTF_NONEXTHOP: u32 = 0x0020_0000;
const ARPHRD_ETHER: u32 = 1;
const ATF_COM: u32 = 2;

pub(super) fn route(kernel: &Kernel) -> Result<String> {
    let network = kernel.network()?;
    let mut text = padded("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT", WIDTH);
    let mut routes: Vec<_> = network.routes.iter().filter_map(|route| Some((v4(route.dst.addr)?, route))).collect();
    routes.sort_by_key(|&(to, _)| to);
    for (to, route) in routes {
        let [via, mask] = [route.via, Some(route.dst.mask())].map(|addr| addr.and_then(v4).map_or(0, word));
        let (device, to) = (device(&network, route), word(to));
        let (flags, metric) = (flags(route, 32), route.metric);
        text +=
            &padded(&format!("{device}\t{to:08X}\t{via:08X}\t{flags:04X}\t0\t0\t{metric}\t{mask:08X}\t0\t0\t0"), WIDTH);
    }
    Ok(text)
}

pub(super) fn ipv6_route(kernel: &Kernel) -> Result<String> {
    const ANY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
    let network = kernel.network()?;
    let mut text = String::new();
    let mut line = |to: Ipv6Addr, len: u8, via: Ipv6Addr, metric: u32, flags: u32, device: &str| {
        let (to, any, via) = (digits(to), digits(ANY), digits(via));
        // Between them, of how many hosts packets may come, who has the route, and how often it was used.
        let _ = writeln!(text, "{to} {len:02x} {any} 00 {via} {metric:08x} 00000001 00000000 {flags:08x} {device:>8}");
    };
    for route in &network.routes {
        let (IpAddr::V6(to), via) = (route.dst.addr, route.via) else { continue };
        let via = via.and_then(v6).unwrap_or(ANY);
        line(to, route.dst.prefix_len, via, route.metric, flags(route, 128), device(&network, route));
    }
    for link in &network.links {
        for to in link.addresses.iter().filter_map(|address| v6(address.net.addr)) {
            line(to, 128, ANY, 0, RTF_UP | RTF_NONEXTHOP | RTF_LOCAL, &link.info.name);
        }
    }
    Ok(text)
}

/// Who is at home: a neighbour that does not answer has no line.
pub(super) fn arp(kernel: &Kernel) -> Result<String> {
    let network = kernel.network()?;
    let mut text = "IP address       HW type     Flags       HW address            Mask     Device\n".to_owned();
    for neighbor in &network.neighbors {
        let (Some(ip), Some(mac)) = (v4(neighbor.addr), neighbor.mac) else { continue };
        if neighbor.state == NeighborState::Incomplete {
            continue;
        }
        let device = name(&network, neighbor.on.0);
        let mac = mac.to_string();
        let _ = writeln!(text, "{ip:<16} 0x{ARPHRD_ETHER:<10x}0x{ATF_COM:<10x}{mac:<17}     *        {device}");
    }
    Ok(text)
}

fn flags(route: &Route, whole: u8) -> u32 {
    let gateway = if route.via.is_some() { RTF_GATEWAY } else { 0 };
    let host = if route.dst.prefix_len == whole { RTF_HOST } else { 0 };
    RTF_UP | gateway | host
}

fn device<'a>(network: &'a Network, route: &Route) -> &'a str {
    name(network, route.on.0)
}

fn name(network: &Network, index: u32) -> &str {
    network.links.iter().find(|link| link.info.index == index).map_or("*", |link| &link.info.name)
}

fn v4(addr: IpAddr) -> Option<Ipv4Addr> {
    if let IpAddr::V4(addr) = addr { Some(addr) } else { None }
}

fn v6(addr: IpAddr) -> Option<Ipv6Addr> {
    if let IpAddr::V6(addr) = addr { Some(addr) } else { None }
}

/// An address as the number that its bytes are in memory.
fn word(addr: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(addr.octets())
}
