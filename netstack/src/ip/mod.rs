//! IP in both families (RFC 791, RFC 1122 §3, RFC 8200): next hops, headers, fragments, and packets that wait.
//!
//! Reading order: `address` (kinds of addresses), `hop` (the first hop to a destination) and [`select`] (the source address),
//! `header` and `output` (from a transport's bytes to packets), `transmit` (to the link), `segmentation`, `control` (ARP and
//! neighbour discovery on their way out), `forward` (a router's output), `reassembly`. Input is in `stack::input`.

mod address;
mod control;
mod forward;
mod header;
mod hop;
mod identification;
mod options;
mod output;
mod packet;
mod path_mtu;
mod reassembly;
mod received;
mod redirects;
mod segmentation;
pub mod select;
mod transmit;

pub use address::{IpNet, Ipv4Net};
pub(crate) use address::{
    bits, end, is_reserved, is_this_network, is_unicast, mask, multicast_scope, needs_zone, plain, zone,
};
pub(crate) use control::discovery;
pub(crate) use header::Header;
pub(crate) use hop::{Hop, Limits, NextHop};
pub use options::HeaderOptions;
pub(crate) use output::{Fill, Outgoing, OutputError};
pub(crate) use packet::{Account, Entry, Owner, Packet, Packets};
pub(crate) use reassembly::{Expired, Flaw, Fragment, Reassembly, Whole};
pub(crate) use received::{Cast, Received};

use core::net::IpAddr;
use std::collections::VecDeque;

use crate::arp::Claims;
use crate::iface::{Interfaces, LOOPBACK};
use crate::link::{Checksum, IfIndex, Mac};
use crate::multicast::Memberships;
use crate::neighbor::Neighbors;
use crate::packet::cut::Segments;
use crate::packet::{PacketType, Passing, Sender, Taps};
use crate::rng::{HashKey, Rng};
use crate::route::Routes;
use crate::time::Instant;
use crate::tx_timestamp::{TimestampPoint, TxTimestamp};
use crate::wire::{ethernet, ipv4};
use identification::Identification;
use path_mtu::PathMtus;
use redirects::Redirects;

/// Time to live of IPv4 packets whose sender says none (RFC 1700).
const TTL: u8 = 64;
/// Bytes on the loopback that nobody has processed yet, before senders are told to wait.
const MAX_LOOPED: usize = 4 << 20;

/// Everything between the transports and the links.
pub(crate) struct Ip {
    pub(crate) interfaces: Interfaces,
    pub(crate) routes: Routes,
    pub(crate) neighbors: Neighbors,
    pub(crate) claims: Claims,
    pub(crate) redirects: Redirects,
    pub(crate) memberships: Memberships,
    pub(crate) path_mtus: PathMtus,
    pub(crate) reassembly: Reassembly,
    pub(crate) packets: Packets,
    /// Those who look on.
    pub(crate) taps: Taps,
    /// The time of the call that runs: that of what passes now.
    pub(crate) now: Instant,
    /// Of what has passed a point where one was wanted.
    pub(crate) tx_timestamps: Vec<TxTimestamp>,
    looped: VecDeque<Looped>,
    looped_bytes: usize,
    identification: Identification,
    labels: HashKey,
}

/// A packet to ourselves.
pub(crate) struct Looped {
    pub(crate) packet: Packet,
    /// The interface that it comes in by: `lo`, or for copies of broadcasts and multicasts the one they left by.
    pub(crate) on: IfIndex,
    /// The link header that a packet socket gave it.
    pub(crate) link: Option<ethernet::Header>,
    /// What a packet socket has left to others to cut it into.
    pub(crate) segments: Option<Segments>,
}

impl Looped {
    /// The link header, or what would be one.
    pub(crate) fn link_header(&self) -> ethernet::Header {
        let made = || ethernet::Header { dst: Mac::default(), src: Mac::default(), ethertype: self.packet.ethertype() };
        self.link.unwrap_or_else(made)
    }
}

impl Ip {
    pub(crate) fn new(rng: &mut Rng) -> Ip {
        Ip {
            interfaces: Interfaces::new(),
            routes: Routes::default(),
            neighbors: Neighbors::new(rng),
            claims: Claims::new(),
            redirects: Redirects::new(),
            memberships: Memberships::new(rng),
            path_mtus: PathMtus::new(),
            reassembly: Reassembly::new(rng),
            packets: Packets::default(),
            taps: Taps::new(rng),
            now: Instant::default(),
            tx_timestamps: Vec::new(),
            looped: VecDeque::new(),
            looped_bytes: 0,
            identification: Identification::new(rng),
            labels: rng.hash_key(),
        }
    }

    /// Bytes of the largest packet on an interface's link, of the family that `end` has: where it comes from or goes to.
    pub(crate) fn mtu(&self, on: IfIndex, end: IpAddr) -> usize {
        let Some(interface) = self.interfaces.get(on) else { return 0 };
        let said = interface.v6.mtu.filter(|_| end.is_ipv6()).unwrap_or(interface.mtu);
        interface.mtu.min(said).min(ipv4::MAX_LEN as u32) as usize
    }

    /// The hop limit of packets to `dst` whose sender says none.
    pub(crate) fn hop_limit(&self, on: IfIndex, dst: IpAddr) -> u8 {
        let interface = self.interfaces.get(on).filter(|_| dst.is_ipv6());
        interface.map_or(TTL, |interface| interface.v6.hop_limit)
    }

    /// A header of IPv6 with the label of its flow where it has none and `auto` asks for one: of a keyed hash, so that nobody outside
    /// can tell labels beforehand (RFC 6437 §3).
    pub(crate) fn labelled(&self, header: Header, auto: bool, ports: (u16, u16)) -> Header {
        /// Linux: 0 would say that there is none.
        const LABELS: u64 = 0xf_ffff;
        if !auto || header.flow_label != 0 || header.dst.is_ipv4() {
            return header;
        }
        let hash = self.labels.hash(&(header.src, header.dst, ports, header.protocol));
        Header { flow_label: (hash & LABELS).max(1) as u32, ..header }
    }

    /// Sends a packet to ourselves.
    pub(crate) fn loop_back(&mut self, packet: Packet, on: IfIndex) {
        self.put_looped(Looped { packet, on, link: None, segments: None }, None);
    }

    /// As [`loop_back`](Self::loop_back), of a packet that may be a packet socket's.
    pub(crate) fn put_looped(&mut self, mut looped: Looped, sender: Option<Sender>) {
        // Linux: loopback_xmit() takes it from its sender.
        self.packets.disown(&mut looped.packet);
        let on = looped.on;
        if on == LOOPBACK && !self.taps.is_idle() {
            self.show_looped(&looped, PacketType::Outgoing, sender);
        }
        let Looped { packet, .. } = &looped;
        if let Some(tag) = packet.tag {
            // Linux: the loopback has it when it is given to it.
            let header = looped.link_header().emit();
            let passes = |station| tag.passes(station, self.now, &[&header, packet.payload()]);
            self.tx_timestamps.extend([TimestampPoint::Scheduled, TimestampPoint::Sent].into_iter().filter_map(passes));
        }
        if let Some(lo) = self.interfaces.get_mut(LOOPBACK).filter(|_| on == LOOPBACK) {
            lo.counters.tx.packets += 1;
            lo.counters.tx.bytes += packet.payload().len() as u64;
        }
        self.looped_bytes += packet.payload().len();
        self.looped.push_back(looped);
    }

    /// Shows a packet on `lo` to who listens.
    pub(crate) fn show_looped(&mut self, looped: &Looped, kind: PacketType, sender: Option<Sender>) {
        let Some(interface) = self.interfaces.get(looped.on) else { return };
        let header = looped.link_header().emit();
        let (parts, segments) = ([&header[..], looped.packet.payload(), &[]], looped.segments);
        let checksum = Checksum::partial_if(looped.packet.checksum_partial);
        self.taps.show(self.now, &Passing { interface, parts, kind, checksum, segments, sender });
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

#[cfg(test)]
mod tests;
