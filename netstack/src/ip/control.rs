//! Packets that need no route: ARP, neighbour discovery, group reports.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Ip, Packet};
use crate::arp;
use crate::link::{IfIndex, Mac};
use crate::socket::BufferPool;
use crate::wire::checksum::Sum;
use crate::wire::{self, ethernet, ipv6, ndp};

impl Ip {
    /// Sends an ARP packet by broadcast, or to one station.
    pub(crate) fn send_arp(&mut self, pool: &mut dyn BufferPool, on: IfIndex, to: Mac, packet: &wire::arp::Packet) {
        // RFC 3927 §2.5: so that all stations see who has a link-local address.
        let to = if packet.sender.is_link_local() { Mac::BROADCAST } else { to };
        self.send_control(pool, on, to, ethernet::ARP, &[&packet.emit()]);
    }

    /// Sends an ICMPv6 message from one of our addresses, or from none, to a group or to one station on the link. The
    /// checksum is filled in. `extensions`: headers before the message, and what they are.
    pub(crate) fn send_icmpv6(
        &mut self,
        pool: &mut dyn BufferPool,
        on: IfIndex,
        to: Option<Mac>,
        header: ipv6::Header,
        extensions: &[u8],
        mut message: Vec<u8>,
    ) {
        let ipv6::Header { src, dst, .. } = header;
        let sum = Sum::pseudo_v6(src, dst, ipv6::ICMPV6, message.len() as u32).bytes(&message).finish();
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let fixed = header.emit(extensions.len() + message.len());
        let to = to.unwrap_or_else(|| ethernet::multicast(dst.into()));
        self.send_control(pool, on, to, ethernet::IPV6, &[&fixed, extensions, &message]);
    }

    /// Asks for `target`, by broadcast or multicast, or by unicast the station that had it last (RFC 1122 §2.3.2.1, RFC 4861
    /// §7.2.2).
    pub(crate) fn ask(&mut self, pool: &mut dyn BufferPool, on: IfIndex, target: IpAddr, last: Option<Mac>) {
        match target {
            IpAddr::V4(target) => self.ask_arp(pool, on, target, last),
            IpAddr::V6(target) => self.solicit(pool, on, target, last),
        }
    }

    fn ask_arp(&mut self, pool: &mut dyn BufferPool, on: IfIndex, target: Ipv4Addr, last: Option<Mac>) {
        let Some(interface) = self.interfaces.get(on) else { return };
        let Some(sender) = interface.source_for(target) else { return };
        let request = arp::request(interface.mac, sender, target);
        self.send_arp(pool, on, last.unwrap_or(Mac::BROADCAST), &request);
    }

    fn solicit(&mut self, pool: &mut dyn BufferPool, on: IfIndex, target: Ipv6Addr, last: Option<Mac>) {
        let Some(interface) = self.interfaces.get(on) else { return };
        let message = ndp::neighbor_solicitation(target, Some(interface.mac), None);
        // RFC 4861 §7.2.2: from an address of this interface, or the answer would go another way than the question.
        let best = super::select::source(&self.interfaces, target, on, None).filter(|best| interface.has(*best));
        let Some(src) = best.or_else(|| interface.link_local()) else { return };
        let dst = if last.is_some() { target } else { ndp::solicited_node(target) };
        self.send_icmpv6(pool, on, last, discovery(src, dst), &[], message);
    }

    fn send_control(&mut self, pool: &mut dyn BufferPool, on: IfIndex, to: Mac, ethertype: u16, parts: &[&[u8]]) {
        let Some(interface) = self.interfaces.get_mut(on).filter(|interface| interface.up) else { return };
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        if !interface.has_room(ethernet::HEADER_LEN + len) {
            interface.counters.tx.drops += 1;
            return;
        }
        if let Some(mut frame) = self.packets.make(pool, parts, false) {
            frame.set_link_header(ethernet::Header { dst: to, src: interface.mac, ethertype });
            interface.enqueue(frame);
        }
    }

    /// Packets that waited for a neighbour go now.
    pub(crate) fn release_held(&mut self, on: IfIndex, mac: Mac, held: impl IntoIterator<Item = Packet>) {
        for packet in held {
            self.enqueue(on, mac, packet);
        }
    }
}

/// The header of a neighbour discovery message.
pub(crate) fn discovery(src: Ipv6Addr, dst: Ipv6Addr) -> ipv6::Header {
    ipv6::Header { src, dst, next_header: ipv6::ICMPV6, hop_limit: ndp::HOP_LIMIT, traffic_class: 0, flow_label: 0 }
}
