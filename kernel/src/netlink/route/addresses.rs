//! RTM_GETADDR: the addresses of the interfaces.

use super::{Link, Network, Wish, family};
use crate::{Errno, Result};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope, CacheInfo,
};
use netstack::iface::{Address, AddressOrigin, AddressState};
use netstack::time::Instant;
use std::net::{IpAddr, Ipv4Addr};

/// A lifetime without end (INFINITY_LIFE_TIME).
const FOR_EVER: u32 = u32::MAX;

pub(super) fn rows(network: &Network, request: &AddressMessage, wish: Wish) -> Result<Vec<Message>> {
    let Wish::All { narrowed } = wish else { return Err(Errno::OPNOTSUPP) };
    let index = if narrowed { request.header.index } else { 0 };
    if index != 0 && network.links.iter().all(|link| link.info.index != index) {
        return Err(Errno::NODEV);
    }
    let families = match request.header.family {
        AddressFamily::Inet => vec![true],
        AddressFamily::Inet6 => vec![false],
        _ => vec![true, false],
    };
    let mut rows = Vec::new();
    for v4 in families {
        for link in network.links.iter().filter(|link| index == 0 || link.info.index == index) {
            let of_family = link.addresses.iter().filter(|address| address.net.addr.is_ipv4() == v4);
            rows.extend(of_family.map(|address| Message::NewAddress(describe(network.now, link, address))));
        }
    }
    Ok(rows)
}

pub(super) fn describe(now: Instant, link: &Link, address: &Address) -> AddressMessage {
    let ip = address.net.addr;
    let flags = link.address_flags(address);
    let mut message = AddressMessage::default();
    message.header.family = family(ip);
    message.header.prefix_len = address.net.prefix_len;
    message.header.index = link.info.index;
    message.header.flags = AddressHeaderFlags::from_bits_truncate(flags.bits() as u8);
    message.header.scope = scope(ip);
    let left = |until: Option<Instant>| until.map_or(FOR_EVER, |until| until.since(now).as_secs() as u32);
    let mut times = CacheInfo::default();
    (times.ifa_preferred, times.ifa_valid) = (left(address.preferred_until), left(address.valid_until));
    let attributes = &mut message.attributes;
    attributes.push(AddressAttribute::Address(ip));
    if ip.is_ipv4() {
        attributes.push(AddressAttribute::Local(ip));
        attributes.extend(broadcast(link, address).map(AddressAttribute::Broadcast));
        attributes.push(AddressAttribute::Label(link.info.name.clone()));
    }
    attributes.push(AddressAttribute::Flags(flags));
    attributes.push(AddressAttribute::CacheInfo(times));
    message
}

impl Link {
    /// IFA_FLAGS of one of its addresses.
    pub(crate) fn address_flags(&self, address: &Address) -> AddressFlags {
        let mut flags = AddressFlags::empty();
        flags.set(AddressFlags::Permanent, address.valid_until.is_none());
        flags.set(AddressFlags::Tentative, matches!(address.state, AddressState::Tentative | AddressState::Duplicate));
        flags.set(AddressFlags::Dadfailed, address.state == AddressState::Duplicate);
        flags.set(AddressFlags::Deprecated, address.state == AddressState::Deprecated);
        // One bit says "temporary" of IPv6 and "not the first of its net" of IPv4.
        let secondary = match address.net.addr {
            IpAddr::V6(_) => address.origin == AddressOrigin::Temporary,
            IpAddr::V4(_) => {
                let net = address.net.network();
                self.addresses.iter().find(|other| other.net.network() == net) != Some(address)
            }
        };
        flags.set(AddressFlags::Secondary, secondary);
        flags.set(AddressFlags::StablePrivacy, address.origin == AddressOrigin::Stable);
        flags
    }
}

fn scope(ip: IpAddr) -> AddressScope {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    match ip {
        _ if ip.is_loopback() => AddressScope::Host,
        _ if link_local => AddressScope::Link,
        _ => AddressScope::Universe,
    }
}

fn broadcast(link: &Link, address: &Address) -> Option<Ipv4Addr> {
    address.net.broadcast().filter(|_| !link.info.loopback)
}
