//! Claiming IPv4 addresses, so that two nodes of a bus never have the same one.

use crate::error::BusError;
use crate::format;
use crate::node::Node;
use crate::table;
use std::collections::HashSet;
use std::net::Ipv4Addr;

#[cfg(test)]
mod tests;

/// Claims `address`, unless a live node has it.
pub(crate) fn one(node: &Node, address: Ipv4Addr, prefix: u8) -> Result<(), BusError> {
    let useless = address.is_unspecified() || address.is_broadcast() || address.is_multicast();
    if prefix > 32 || useless {
        return Err(BusError::BadAddress { address, prefix });
    }
    first_of(node, std::iter::once(address), prefix).map(|_| ())
}

/// Claims the lowest host address of a net that no live node has.
pub(crate) fn free(node: &Node, net: Ipv4Addr, prefix: u8) -> Result<Ipv4Addr, BusError> {
    let hosts = hosts(net, prefix).ok_or(BusError::BadAddress { address: net, prefix })?;
    match first_of(node, hosts.map(Ipv4Addr::from_bits), prefix) {
        Err(BusError::AddressInUse { .. }) => Err(BusError::NetFull { net, prefix }),
        other => other,
    }
}

/// The host addresses of a net: without its own and its broadcast address, where it is large enough to have these
/// (RFC 3021 §2.1).
fn hosts(net: Ipv4Addr, prefix: u8) -> Option<impl Iterator<Item = u32>> {
    let host_bits = 32u32.checked_sub(prefix.into())?;
    let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
    let (first, last) = (net.to_bits() & mask, net.to_bits() | !mask);
    let edge = u32::from(host_bits > 1);
    Some(first + edge..=last - edge)
}

fn first_of(node: &Node, candidates: impl Iterator<Item = Ipv4Addr>, prefix: u8) -> Result<Ipv4Addr, BusError> {
    if node.is_gone() {
        return Err(BusError::Gone);
    }
    let _lock = node.file.join_lock()?;
    if table::bury_dead(&node.file, Some(node.slot)) {
        node.table_changed();
        node.kick_all();
    }
    if node.addresses().len() >= format::ADDRESSES {
        return Err(BusError::TooManyAddresses);
    }
    let nodes = table::listed(&node.file);
    let taken: HashSet<Ipv4Addr> = nodes.iter().flat_map(|n| &n.addresses).map(|(address, _)| *address).collect();
    let mut refused = None;
    // At most as many refusals as there are claims: the net may be large, the search is not.
    for address in candidates {
        if !taken.contains(&address) {
            node.add_address(address, prefix);
            return Ok(address);
        }
        refused.get_or_insert(address);
    }
    let address = refused.unwrap_or(Ipv4Addr::UNSPECIFIED);
    match nodes.into_iter().find(|n| n.addresses.iter().any(|(taken, _)| *taken == address)) {
        Some(holder) => Err(BusError::AddressInUse { address, node: holder.name, pid: holder.pid, slot: holder.slot }),
        None => Err(BusError::BadAddress { address, prefix }),
    }
}
