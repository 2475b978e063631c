//! IPv4 (RFC 791, RFC 1122 §3): which way a packet goes, fragments, and packets that wait.
//!
//! Reading order: [`address`] (kinds of addresses), [`Ip::hop`] (the way to a destination), [`output`] (from a
//! transport's bytes to frames), [`reassembly`]. What happens to packets that arrive is in `stack::input`.

mod address;
mod forward;
mod identification;
mod output;
mod packet;
mod reassembly;
mod redirects;

pub use address::Ipv4Net;
pub(crate) use address::{is_reserved, is_this_network, is_unicast};
pub(crate) use output::{Fill, Outgoing, OutputError};
pub(crate) use packet::{Packet, Packets};
pub(crate) use reassembly::{Expired, Reassembly};

use core::net::{IpAddr, Ipv4Addr};
use std::collections::VecDeque;

use crate::arp::{Claims, Neighbors};
use crate::iface::{Interfaces, LOOPBACK};
use crate::link::IfIndex;
use crate::rng::Rng;
use crate::route::Routes;
use crate::tcp::seam::{Path, Paths};
use crate::wire::ipv4;
use identification::Identification;
use redirects::Redirects;

/// Bytes on the loopback that nobody has processed yet, before senders are told to wait.
const MAX_LOOPED: usize = 4 << 20;

/// Everything between the transports and the links.
pub(crate) struct Ip {
    pub(crate) interfaces: Interfaces,
    pub(crate) routes: Routes,
    pub(crate) neighbors: Neighbors,
    pub(crate) claims: Claims,
    pub(crate) redirects: Redirects,
    pub(crate) reassembly: Reassembly,
    pub(crate) packets: Packets,
    looped: VecDeque<Looped>,
    looped_bytes: usize,
    identification: Identification,
}

/// A packet to ourselves.
pub(crate) struct Looped {
    pub(crate) packet: Packet,
    /// The interface that it comes in by: `lo`, or for copies of broadcasts and multicasts the one they left by.
    pub(crate) on: IfIndex,
}

/// The way of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) on: IfIndex,
    /// The address to send from.
    pub(crate) src: Ipv4Addr,
    pub(crate) to: NextHop,
}

impl Hop {
    /// The packet goes to one host.
    pub(crate) fn is_unicast(&self) -> bool {
        matches!(self.to, NextHop::Ourselves | NextHop::Neighbor(_))
    }
}

/// Who gets the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextHop {
    /// One of our own addresses.
    Ourselves,
    /// A station on the link.
    Neighbor(Ipv4Addr),
    /// All stations.
    Broadcast,
    /// The members of a group.
    Group(Ipv4Addr),
}

impl Ip {
    pub(crate) fn new(rng: &mut Rng) -> Ip {
        Ip {
            interfaces: Interfaces::new(),
            routes: Routes::default(),
            neighbors: Neighbors::new(rng),
            claims: Claims::new(),
            redirects: Redirects::new(),
            reassembly: Reassembly::new(rng),
            packets: Packets::default(),
            looped: VecDeque::new(),
            looped_bytes: 0,
            identification: Identification::new(rng),
        }
    }

    /// The way to `dst`. `src`: the address to send from, if it is decided. `on`: the only interface allowed.
    pub(crate) fn hop(&self, src: Option<Ipv4Addr>, dst: Ipv4Addr, on: Option<IfIndex>) -> Option<Hop> {
        if dst.is_unspecified() {
            return None; // User calls that mean this host by it say so in other words.
        }
        let usable = |index: IfIndex| on.is_none_or(|only| only == index) && self.interfaces.is_up(index);
        if self.interfaces.is_local(dst) {
            return Some(Hop { on: LOOPBACK, src: src.unwrap_or(dst), to: NextHop::Ourselves });
        }
        // RFC 1122 §3.2.1.3 (g): a loopback address never appears outside a host, as a source either.
        if src.is_some_and(|src| src.is_loopback()) {
            return None;
        }
        let link = |index: IfIndex, next: Ipv4Addr, to: NextHop| {
            let interface = self.interfaces.get(index)?;
            // A host that has no address yet sends from 0.0.0.0 (RFC 1122 §3.2.1.3).
            let src = src.or_else(|| interface.source_for(next)).unwrap_or(Ipv4Addr::UNSPECIFIED);
            Some(Hop { on: index, src, to })
        };
        if let Some(interface) = self.interfaces.broadcast_link(dst).filter(|interface| usable(interface.index)) {
            return link(interface.index, dst, NextHop::Broadcast);
        }
        if let Some(only) = on
            && (dst.is_broadcast() || dst.is_multicast())
        {
            let to = if dst.is_broadcast() { NextHop::Broadcast } else { NextHop::Group(dst) };
            return if usable(only) { link(only, dst, to) } else { None };
        }
        let route = self.routes.lookup(dst, usable)?;
        let to = match dst {
            dst if dst.is_broadcast() => NextHop::Broadcast,
            dst if dst.is_multicast() => NextHop::Group(dst),
            // RFC 3927 §2.6.2: never to a router.
            dst if dst.is_link_local() => NextHop::Neighbor(dst),
            dst => {
                let via = route.via.map(|via| self.redirects.gateway(dst, route.on).unwrap_or(via));
                NextHop::Neighbor(via.unwrap_or(dst))
            }
        };
        link(route.on, route.via.unwrap_or(dst), to)
    }

    /// Bytes of the largest packet on an interface's link.
    pub(crate) fn mtu(&self, on: IfIndex) -> usize {
        self.interfaces.get(on).map_or(0, |interface| interface.mtu as usize).min(ipv4::MAX_LEN)
    }

    /// Sends a packet to ourselves.
    pub(crate) fn loop_back(&mut self, packet: Packet, on: IfIndex) {
        if let Some(lo) = self.interfaces.get_mut(LOOPBACK).filter(|_| on == LOOPBACK) {
            lo.counters.tx.packets += 1;
            lo.counters.tx.bytes += packet.payload().len() as u64;
        }
        self.looped_bytes += packet.payload().len();
        self.looped.push_back(Looped { packet, on });
    }

    /// Is there room for senders to loop back another `bytes`?
    pub(crate) fn loopback_has_room(&self, bytes: usize) -> bool {
        self.looped.is_empty() || self.looped_bytes + bytes <= MAX_LOOPED
    }

    pub(crate) fn next_looped(&mut self) -> Option<Looped> {
        let looped = self.looped.pop_front()?;
        self.looped_bytes -= looped.packet.payload().len();
        Some(looped)
    }

    pub(crate) fn looped_len(&self) -> usize {
        self.looped.len()
    }

    pub(crate) fn has_looped(&self) -> bool {
        !self.looped.is_empty()
    }

    /// Does a frame wait for its link?
    pub(crate) fn has_queued(&self) -> bool {
        self.interfaces.iter().any(|interface| !interface.queue.is_empty())
    }
}

impl Paths for Ip {
    fn path(&self, src: Option<IpAddr>, dst: IpAddr) -> Option<Path> {
        let src = match src {
            Some(IpAddr::V4(src)) => Some(src),
            Some(IpAddr::V6(_)) => return None,
            None => None,
        };
        let IpAddr::V4(dst) = dst else { return None };
        let hop = self.hop(src, dst, None)?;
        // RFC 9293 §3.9.2.3 (MUST-57): no connections to groups.
        if !hop.is_unicast() {
            return None;
        }
        Some(Path { src: hop.src.into(), mtu: self.mtu(hop.on) as u32 })
    }

    fn is_local(&self, addr: IpAddr) -> bool {
        matches!(addr, IpAddr::V4(addr) if self.interfaces.is_local(addr))
    }
}

#[cfg(test)]
mod tests;
