//! RTM_GETROUTE: the routes, and which way a packet would go.

use super::{Link, Network, Wish, family};
use crate::{Errno, Kernel, Result};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteCacheInfo, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
};
use netstack::route::Route;
use std::net::IpAddr;

/// Where our own addresses are (RT_TABLE_LOCAL).
const LOCAL: u8 = 255;
const MAIN: u8 = RouteHeader::RT_TABLE_MAIN;
/// The way leads to ourselves (linux/in_route.h).
const RTCF_LOCAL: u32 = 0x8000_0000;
/// Bytes of `struct rta_cacheinfo`.
const CACHE_INFO: usize = 32;

pub(super) fn rows(kernel: &Kernel, network: &Network, request: &RouteMessage, wish: Wish) -> Result<Vec<Message>> {
    let rows = match wish {
        // What is asked for are the ways that were taken lately: there is no memory of those.
        Wish::All { .. } if request.header.flags.contains(RouteFlags::Cloned) => Vec::new(),
        Wish::All { narrowed } => all(network, request, narrowed),
        Wish::One => vec![way(kernel, network, request)?],
    };
    Ok(rows.into_iter().map(Message::NewRoute).collect())
}

fn all(network: &Network, request: &RouteMessage, narrowed: bool) -> Vec<RouteMessage> {
    let family = request.header.address_family;
    let table = find(request, |attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    let table = table.unwrap_or(request.header.table.into());
    let leaves_by = oif(request);
    let mut routes = network.routes.clone();
    // As Linux lists those of IPv4.
    routes.sort_by_key(|route| route.dst.addr.is_ipv4().then_some(route.dst.addr));
    let mut rows: Vec<_> = routes.iter().map(|route| describe(network, route)).collect();
    rows.extend(network.local().map(|(link, addr)| to_us(link, addr)));
    rows.retain(|row| {
        let of_family = family == AddressFamily::Unspec || row.header.address_family == family;
        let in_table = table == 0 || u32::from(row.header.table) == table;
        let by = leaves_by.is_none() || oif(row) == leaves_by;
        of_family && (!narrowed || in_table && by)
    });
    rows
}

/// The way of a packet.
fn way(kernel: &Kernel, network: &Network, request: &RouteMessage) -> Result<RouteMessage> {
    let destination = find(request, |attribute| match attribute {
        RouteAttribute::Destination(to) => ip(to),
        _ => None,
    });
    let to = destination.ok_or(Errno::INVAL)?;
    let has = |link: &&Link| link.addresses.iter().any(|address| address.net.addr == to);
    if to.is_loopback() || network.links.iter().any(|link| has(&link)) {
        let lo = network.links.first().ok_or(Errno::NETUNREACH)?;
        let mut row = to_us(lo, to);
        if !request.header.flags.contains(RouteFlags::LookupTable) {
            row.header.table = MAIN;
        }
        return Ok(taken(row, to, to));
    }
    let route = network.route_to(to, oif(request)).ok_or(Errno::NETUNREACH)?;
    Ok(taken(describe(network, route), to, kernel.source_for(to)?))
}

/// A route as a packet to `to` takes it. The attributes are in Linux's order: nmap misses the last one, which is to be the times.
fn taken(mut row: RouteMessage, to: IpAddr, source: IpAddr) -> RouteMessage {
    let local = if row.header.kind == RouteType::Local && to.is_ipv4() { RTCF_LOCAL } else { 0 };
    row.header.flags = RouteFlags::Cloned | RouteFlags::from_bits_retain(local);
    row.header.destination_prefix_length = if to.is_ipv4() { 32 } else { 128 };
    if to.is_ipv4() {
        (row.header.protocol, row.header.scope) = (RouteProtocol::Unspec, RouteScope::Universe);
    }
    let gateway = find(&row, |attribute| match attribute {
        RouteAttribute::Gateway(via) => Some(via.clone()),
        _ => None,
    });
    let by = oif(&row).unwrap_or_default();
    row.attributes = vec![
        RouteAttribute::Table(row.header.table.into()),
        RouteAttribute::Destination(to.into()),
        RouteAttribute::Oif(by),
        RouteAttribute::PrefSource(source.into()),
    ];
    row.attributes.extend(gateway.map(RouteAttribute::Gateway));
    if to.is_ipv4() {
        row.attributes.push(RouteAttribute::Uid(rustix::process::geteuid().as_raw()));
    }
    row.attributes.extend(RouteCacheInfo::parse(&[0; CACHE_INFO]).ok().map(RouteAttribute::CacheInfo));
    row
}

pub(super) fn describe(network: &Network, route: &Route) -> RouteMessage {
    let to = route.dst.addr;
    let mut row = RouteMessage::default();
    row.header.address_family = family(to);
    row.header.destination_prefix_length = route.dst.prefix_len;
    row.header.table = MAIN;
    row.header.kind = RouteType::Unicast;
    row.header.protocol = if route.via.is_some() { RouteProtocol::Boot } else { RouteProtocol::Kernel };
    let on_link = route.via.is_none() && to.is_ipv4();
    row.header.scope = if on_link { RouteScope::Link } else { RouteScope::Universe };
    row.attributes.push(RouteAttribute::Table(MAIN.into()));
    if route.dst.prefix_len > 0 {
        row.attributes.push(RouteAttribute::Destination(to.into()));
    }
    if route.metric > 0 {
        row.attributes.push(RouteAttribute::Priority(route.metric));
    }
    if let Some(source) = network.source_in(route) {
        row.attributes.push(RouteAttribute::PrefSource(source.into()));
    }
    if let Some(via) = route.via {
        row.attributes.push(RouteAttribute::Gateway(via.into()));
    }
    row.attributes.push(RouteAttribute::Oif(route.on.0));
    row
}

/// The route to an address of our own.
pub(super) fn to_us(link: &Link, addr: IpAddr) -> RouteMessage {
    let mut row = RouteMessage::default();
    row.header.address_family = family(addr);
    row.header.destination_prefix_length = if addr.is_ipv4() { 32 } else { 128 };
    row.header.table = LOCAL;
    row.header.kind = RouteType::Local;
    row.header.protocol = RouteProtocol::Kernel;
    row.header.scope = if addr.is_ipv4() { RouteScope::Host } else { RouteScope::Universe };
    row.attributes = vec![RouteAttribute::Table(LOCAL.into()), RouteAttribute::Destination(addr.into())];
    if addr.is_ipv4() {
        row.attributes.push(RouteAttribute::PrefSource(addr.into()));
    }
    row.attributes.push(RouteAttribute::Oif(link.info.index));
    row
}

impl Network {
    /// The addresses for which packets come to us, and where.
    pub(super) fn local(&self) -> impl Iterator<Item = (&Link, IpAddr)> {
        self.links.iter().flat_map(|link| {
            let usable = link.addresses.iter().filter(|address| address.is_usable());
            usable.map(move |address| (link, address.net.addr))
        })
    }

    /// The address that the net of a route on the link was made for.
    fn source_in(&self, route: &Route) -> Option<IpAddr> {
        let link = self.links.iter().find(|link| link.info.index == route.on.0)?;
        let ours = link.addresses.iter().find(|address| address.net.network() == route.dst)?;
        (route.via.is_none() && ours.net.addr.is_ipv4()).then_some(ours.net.addr)
    }
}

fn find<T>(message: &RouteMessage, of: impl FnMut(&RouteAttribute) -> Option<T>) -> Option<T> {
    message.attributes.iter().find_map(of)
}

fn oif(message: &RouteMessage) -> Option<u32> {
    find(message, |attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        _ => None,
    })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
