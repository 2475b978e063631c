//! NETLINK_ROUTE (rtnetlink(7)): interfaces, addresses, routes and neighbours, as ip(8) asks for them.

mod addresses;
mod changes;
mod links;
mod namespaces;
mod neighbors;
mod network;
mod routes;
#[cfg(test)]
mod tests;

pub(super) use changes::changes;
pub use network::{Link, Network};

use super::answer::{Row, Told, Wish};
use super::protocol::Protocol;
use crate::{Errno, Kernel, Result};
use netlink_packet_core::ParseableParametrized;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Message};
use std::net::IpAddr;

// linux/rtnetlink.h.
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWNEIGH: u16 = 28;
const RTM_DELNEIGH: u16 = 29;
const RTM_GETNEIGH: u16 = 30;
const RTM_GETNSID: u16 = 90;
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_NEIGH: u32 = 3;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV4_ROUTE: u32 = 7;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const RTNLGRP_IPV6_ROUTE: u32 = 11;
/// RTNLGRP_MAX.
const GROUPS: u32 = 39;

pub(super) const PROTOCOL: Protocol = Protocol { number: libc::NETLINK_ROUTE, groups: GROUPS, ask };

fn ask(kernel: &Kernel, kind: u16, body: &[u8], wish: Wish) -> Result<Told> {
    // Nothing can be set, and of the tables these are there. Bytes of what a request begins with.
    let head = match kind {
        RTM_GETLINK => 16,
        RTM_GETADDR => 8,
        RTM_GETNSID => 4,
        RTM_GETROUTE | RTM_GETNEIGH => 12,
        _ => return Err(Errno::OPNOTSUPP),
    };
    // A family alone has been a whole request since before there was more to say (`struct rtgenmsg`).
    let mut body = body.to_vec();
    body.resize(body.len().max(head), 0);
    let request = Message::parse_with_param(&body[..], kind).map_err(|_| Errno::INVAL)?;
    let network = kernel.network()?;
    let rows = match &request {
        Message::GetLink(request) => links::rows(&network, request, wish),
        Message::GetAddress(request) => addresses::rows(&network, request, wish),
        Message::GetRoute(request) => routes::rows(kernel, &network, request, wish),
        Message::GetNeighbour(request) => neighbors::rows(&network, request, wish),
        Message::GetNsId(request) => namespaces::rows(request, wish),
        _ => Err(Errno::OPNOTSUPP),
    }?;
    Ok(Told::all(rows.iter().map(Row::new)))
}

/// The group that is told of a message, by its type and family.
pub(super) fn group(kind: u16, family: u8) -> Option<u32> {
    match (kind, i32::from(family)) {
        (RTM_NEWLINK, libc::AF_UNSPEC) => Some(RTNLGRP_LINK),
        (RTM_NEWNEIGH | RTM_DELNEIGH, _) => Some(RTNLGRP_NEIGH),
        (RTM_NEWADDR | RTM_DELADDR, libc::AF_INET) => Some(RTNLGRP_IPV4_IFADDR),
        (RTM_NEWADDR | RTM_DELADDR, libc::AF_INET6) => Some(RTNLGRP_IPV6_IFADDR),
        (RTM_NEWROUTE | RTM_DELROUTE, libc::AF_INET) => Some(RTNLGRP_IPV4_ROUTE),
        (RTM_NEWROUTE | RTM_DELROUTE, libc::AF_INET6) => Some(RTNLGRP_IPV6_ROUTE),
        _ => None,
    }
}

fn family(addr: IpAddr) -> AddressFamily {
    if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
