//! A frame on its way up: link, IP (a file a family), transport (a file a protocol; ICMP is in `stack::control::icmp`).

mod raw;
mod tcp;
mod udp;
mod v4;
mod v6;

pub(super) use v6::check_options;

use super::Stack;
use crate::datagram::DatagramOptions;
use crate::filter::View;
use crate::icmp::Complaint;
use crate::iface::LOOPBACK;
use crate::ip::{Cast, Looped, Received};
use crate::link::{Checksum, IfIndex, Mac, RxMeta};
use crate::multicast::Memberships;
use crate::packet::cut::{Segments, SegmentsKind, Uncut};
use crate::packet::{PacketType, Passing, Work, packet_type};
use crate::socket::Key;
use crate::time::Instant;
use crate::wire::{ethernet, icmpv6, igmp, ipv4, ipv6};

/// How a packet came to us.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) on: IfIndex,
    /// The frame was for us alone, not a broadcast or multicast.
    pub(super) unicast: bool,
    /// We sent it.
    pub(super) looped: bool,
    /// The transport checksum need not be verified.
    pub(super) checksum_good: bool,
    /// See [`RxMeta::segment_size`].
    pub(super) segment_size: u16,
    /// The header of its frame.
    pub(super) link: ethernet::Header,
}

impl Arrival {
    pub(super) fn looped(item: &Looped) -> Arrival {
        Arrival {
            on: item.on,
            unicast: item.on == LOOPBACK && item.link.is_none_or(|link| !ethernet::is_group(link.dst)),
            looped: true,
            checksum_good: item.packet.checksum_partial,
            segment_size: item.segments.map_or(0, |segments| segments.size),
            link: item.link_header(),
        }
    }
}

/// Why a packet is not for anybody here.
enum Refusal {
    Malformed,
    NotForUs,
}

impl Stack {
    /// Takes a frame that came in on interface `on`. Answers are queued; [`poll`](Self::poll) sends them.
    pub fn input(&mut self, now: Instant, on: IfIndex, frame: &[u8], meta: RxMeta) {
        (self.now, self.ip.now) = (now, now);
        let Some(interface) = self.ip.interfaces.get_mut(on).filter(|interface| interface.up) else { return };
        if interface.is_loopback() {
            return;
        }
        interface.counters.rx.packets += 1;
        interface.counters.rx.bytes += frame.len() as u64;
        let Ok((header, payload)) = ethernet::parse(frame) else {
            interface.counters.rx.errors += 1;
            return;
        };
        if !self.ip.taps.is_idle() && interface.takes(header.dst) {
            let kind = packet_type(header.dst, interface.mac);
            let (interface, parts, checksum) = (&*interface, [frame, &[], &[]], meta.checksum);
            let segments = Segments::of_tcp(header.ethertype, meta.segment_size);
            self.ip.taps.show(now, &Passing { interface, parts, kind, checksum, segments, sender: None });
        }
        let unicast = !ethernet::is_group(header.dst);
        if unicast && header.dst != interface.mac || header.src == interface.mac {
            interface.counters.rx.drops += 1; // For another station (a promiscuous link), or our own, reflected.
            return;
        }
        let (checksum_good, segment_size) = (meta.checksum != Checksum::Unknown, meta.segment_size);
        let arrival = Arrival { on, unicast, looped: false, checksum_good, segment_size, link: header };
        match header.ethertype {
            ethernet::ARP => self.input_arp(now, on, payload),
            ethernet::IPV4 => self.input_v4(now, arrival, payload),
            ethernet::IPV6 => self.input_v6(now, arrival, payload),
            _ => interface.counters.rx.drops += 1,
        }
    }

    /// Takes a packet that we sent to ourselves.
    pub(super) fn input_looped(&mut self, now: Instant, item: &Looped) {
        let arrival = Arrival::looped(item);
        let bytes = item.packet.payload();
        if item.on == LOOPBACK && !self.ip.taps.is_idle() {
            let kind = packet_type(item.link_header().dst, Mac::default());
            self.ip.show_looped(item, kind, None);
        }
        let ethertype = match item.link {
            None => item.packet.ethertype(),
            // A frame for another station: `lo` has no address.
            Some(header) if header.dst != Mac::default() && !ethernet::is_group(header.dst) => 0,
            Some(header) => header.ethertype,
        };
        match ethertype {
            ethernet::IPV6 | ethernet::IPV4
                if item.segments.is_some_and(|segments| segments.kind == SegmentsKind::Udp) =>
            {
                self.input_datagrams(now, item, arrival);
            }
            ethernet::IPV6 => self.input_v6(now, arrival, bytes),
            ethernet::IPV4 => self.input_v4(now, arrival, bytes),
            _ => self.count(arrival, bytes.len(), Some(&Refusal::NotForUs)),
        }
    }

    /// Of several datagrams in one frame each comes in by itself (Linux: udp_rcv_segment()).
    fn input_datagrams(&mut self, now: Instant, item: &Looped, arrival: Arrival) {
        let frame = [&arrival.link.emit(), item.packet.payload()].concat();
        let Ok(Some(uncut)) = Uncut::of(&frame, arrival.link.ethertype, &Work::of(item.segments)) else { return };
        uncut.cut(0, |piece, _| match (arrival.link.ethertype, &piece[ethernet::HEADER_LEN..]) {
            (ethernet::IPV6, packet) => self.input_v6(now, arrival, packet),
            (_, packet) => self.input_v4(now, arrival, packet),
        });
    }

    /// Counts a packet on `lo`, and one that is for nobody where it came in.
    fn count(&mut self, arrival: Arrival, len: usize, refusal: Option<&Refusal>) {
        let Some(interface) = self.ip.interfaces.get_mut(arrival.on) else { return };
        let rx = &mut interface.counters.rx;
        if arrival.looped && arrival.on == LOOPBACK {
            rx.packets += 1;
            rx.bytes += len as u64;
        }
        match refusal {
            None => {}
            Some(Refusal::Malformed) => rx.errors += 1,
            Some(Refusal::NotForUs) => rx.drops += 1,
        }
    }

    /// Gives a whole packet to those who want it.
    fn deliver(&mut self, now: Instant, packet: &Received<'_>) {
        let v6 = packet.dst.is_ipv6();
        if !self.ip.memberships.wants(packet.on, packet.dst, packet.src) && !is_about_groups(packet) {
            return;
        }
        let raw = self.deliver_raw(now, packet);
        match packet.protocol {
            ipv4::TCP if packet.cast == Cast::Unicast => self.input_tcp(now, packet),
            // RFC 9293 §3.9.2.3 (MUST-57): segments to groups are discarded; as on Linux, those to anycast addresses.
            ipv4::TCP => {}
            ipv4::UDP => self.input_udp(now, packet),
            ipv4::UDP_LITE => self.input_udp_lite(now, packet),
            ipv4::ICMP if !v6 => self.input_icmp(now, packet),
            ipv6::ICMPV6 if v6 => self.input_icmpv6(now, packet),
            igmp::PROTOCOL if !v6 => self.input_igmp(now, packet),
            ipv6::NO_NEXT_HEADER if v6 => {} // RFC 8200 §4.7.
            _ if raw => {}
            // RFC 1122 §3.2.2.1, RFC 8200 §4.
            _ => self.refuse(now, packet, Complaint::UnknownProtocol),
        }
    }

    pub(super) fn count_error(&mut self, on: IfIndex) {
        if let Some(interface) = self.ip.interfaces.get_mut(on) {
            interface.counters.rx.errors += 1;
        }
    }
}

/// Is it IGMP or MLD, which comes from any source?
fn is_about_groups(packet: &Received<'_>) -> bool {
    match packet.protocol {
        ipv6::ICMPV6 => packet.payload.first().is_some_and(|kind| icmpv6::is_about_groups(*kind)),
        protocol => protocol == igmp::PROTOCOL,
    }
}

/// What is for a group a member gets where its filter lets it through; who is none, as its host gets it, unless it said no
/// (IP_MULTICAST_ALL).
fn hears(memberships: &Memberships, packet: &Received<'_>, key: Key, options: &DatagramOptions) -> bool {
    let Received { src, dst, on, .. } = *packet;
    if !dst.is_multicast() {
        return true;
    }
    match memberships.filter(on, dst, key) {
        Some(filter) => filter.accepts(src),
        None if dst.is_ipv6() => options.v6.multicast_all,
        None => options.multicast_all,
    }
}

/// A packet as the filter of a socket sees it that gets the last `len` bytes of it.
pub(super) fn packet_view<'a>(packet: &Received<'a>, len: usize) -> View<'a> {
    let v4 = packet.dst.is_ipv4();
    View {
        bytes: packet.bytes,
        start: packet.bytes.len().saturating_sub(len),
        network: 0,
        link: None,
        protocol: if v4 { ethernet::IPV4 } else { ethernet::IPV6 },
        kind: match packet.dst.is_multicast() {
            _ if packet.cast.is_for_one() => PacketType::Host,
            true => PacketType::Multicast,
            false => PacketType::Broadcast,
        },
        on: packet.on,
        loopback: packet.on == LOOPBACK,
    }
}
