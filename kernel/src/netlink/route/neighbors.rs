//! RTM_GETNEIGH: who has which hardware address.

use super::{Network, Wish, family};
use crate::{Errno, Result};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteType;
use netstack::{Neighbor, NeighborState};
use std::net::IpAddr;

pub(super) fn rows(network: &Network, request: &NeighbourMessage, wish: Wish) -> Result<Vec<Message>> {
    let header = &request.header;
    let (all, narrowed) = match wish {
        Wish::All { narrowed } => (true, narrowed),
        Wish::One => (false, true),
    };
    // There are none for whom we answer.
    if all && header.flags.contains(NeighbourFlags::Proxy) {
        return Ok(Vec::new());
    }
    let mut index = header.ifindex;
    let mut wanted = None;
    for attribute in &request.attributes {
        match attribute {
            NeighbourAttribute::IfIndex(by) => index = *by,
            NeighbourAttribute::Destination(NeighbourAddress::Inet(addr)) => wanted = Some(IpAddr::from(*addr)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(addr)) => wanted = Some(IpAddr::from(*addr)),
            _ => {}
        }
    }
    if !all && (wanted.is_none() || index == 0) {
        return Err(Errno::INVAL);
    }
    let is_meant = |neighbor: &&Neighbor| {
        let of_family = header.family == AddressFamily::Unspec || family(neighbor.addr) == header.family;
        let on_link = !narrowed || index == 0 || neighbor.on.0 == index;
        of_family && on_link && (all || wanted == Some(neighbor.addr))
    };
    let rows: Vec<_> = network.neighbors.iter().filter(is_meant).map(describe).map(Message::NewNeighbour).collect();
    if !all && rows.is_empty() { Err(Errno::NOENT) } else { Ok(rows) }
}

pub(super) fn describe(neighbor: &Neighbor) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(neighbor.addr);
    message.header.ifindex = neighbor.on.0;
    message.header.kind = RouteType::Unicast;
    message.header.state = match neighbor.state {
        NeighborState::Incomplete => NeighbourState::Incomplete,
        NeighborState::Reachable => NeighbourState::Reachable,
        NeighborState::Stale => NeighbourState::Stale,
        NeighborState::Delay => NeighbourState::Delay,
        NeighborState::Probe => NeighbourState::Probe,
    };
    let addr = match neighbor.addr {
        IpAddr::V4(addr) => NeighbourAddress::Inet(addr),
        IpAddr::V6(addr) => NeighbourAddress::Inet6(addr),
    };
    message.attributes.push(NeighbourAttribute::Destination(addr));
    message.attributes.extend(neighbor.mac.map(|mac| NeighbourAttribute::LinkLayerAddress(mac.0.to_vec())));
    message
}
