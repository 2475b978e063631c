//! A frame on its way up: link, IP (a file a family), transport.

mod v4;
mod v6;

pub(super) use v6::check_options;

use super::Stack;
use crate::datagram::{DatagramOptions, Header};
use crate::filter::{Program, View};
use crate::icmp::Complaint;
use crate::iface::LOOPBACK;
use crate::ip::{Cast, Looped, Received, end};
use crate::link::{Checksum, IfIndex, Mac, RxMeta};
use crate::multicast::Memberships;
use crate::packet::cut::{Segments, SegmentsKind, Uncut};
use crate::packet::{PacketType, Passing, Work, packet_type};
use crate::socket::{Key, RawId, UdpId};
use crate::tcp::seam::IpMeta;
use crate::time::Instant;
use crate::wire::checksum::Sum;
use crate::wire::{ethernet, icmpv6, igmp, ipv4, ipv6, tcp, udp};

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

    fn input_tcp(&mut self, now: Instant, packet: &Received<'_>) {
        let Received { src, dst, on, payload: segment, .. } = *packet;
        let sum = || Sum::pseudo(src, dst, ipv4::TCP, segment.len()).bytes(segment);
        if !packet.checksum_good && sum().finish() != 0 {
            self.count_error(on);
            return;
        }
        let came_by = self.ip.came_by(dst, on);
        let chosen = if self.tcp.has_group_programs() { self.chosen(packet, segment, came_by) } else { None };
        let segment = match self.tcp.has_filters() {
            false => segment,
            true => match self.filtered(packet, segment, came_by, chosen) {
                Some(segment) => segment,
                None => return,
            },
        };
        let (tcp, mut env) = self.tcp_env();
        tcp.handle_segment(now, &IpMeta { packet, came_by, chosen }, segment, &mut env);
    }

    fn input_udp(&mut self, now: Instant, packet: &Received<'_>) {
        let Received { src, dst, on, .. } = *packet;
        let Ok(datagram) = udp::Datagram::parse(src, dst, packet.payload, packet.checksum_good) else {
            return self.count_error(on);
        };
        if packet.cast == Cast::Unicast && self.input_dhcpv6(now, packet, &datagram) {
            return;
        }
        self.give_datagram(now, packet, &datagram, None);
    }

    fn input_udp_lite(&mut self, now: Instant, packet: &Received<'_>) {
        match udp::Datagram::parse_lite(packet.src, packet.dst, packet.payload) {
            Ok((datagram, covered)) => self.give_datagram(now, packet, &datagram, Some(covered)),
            Err(_) => self.count_error(packet.on),
        }
    }

    /// `covered`: of UDP-Lite, how many bytes the checksum covers.
    fn give_datagram(
        &mut self,
        now: Instant,
        packet: &Received<'_>,
        datagram: &udp::Datagram<'_>,
        covered: Option<usize>,
    ) {
        let Received { src, dst, on, .. } = *packet;
        let lite = covered.is_some();
        // RFC 6935 §5, RFC 8200 §8.1.
        let unsummed = datagram.no_checksum && dst.is_ipv6();
        let local = end(dst, datagram.dst_port, on);
        let remote = end(src, datagram.src_port, on);
        let ports = (datagram.src_port, datagram.dst_port);
        let header = Header::of_packet(now, packet, ports, datagram.payload.len());
        let payload = datagram.payload;
        if packet.cast.is_for_one() {
            let (rng, by) = (&mut self.rng, self.ip.came_by(dst, on));
            let choose = |program: &Program| Some(program.run(&packet_view(packet, payload.len()), &mut || rng.u32()));
            match self.udp.receiver(lite, local, remote, by, choose) {
                Some(id) if unsummed && self.udp.get(id).is_some_and(|socket| !socket.options.v6.takes_no_checksum) => {
                    self.count_error(on);
                }
                None if unsummed => self.count_error(on),
                Some(id) => self.deliver_udp(id, packet, header, payload, covered),
                // RFC 1122 §4.1.3.1, RFC 4443 §3.1.
                None => self.refuse(now, packet, Complaint::NobodyAtPort),
            }
        } else {
            let memberships = &self.ip.memberships;
            let sums = |socket: &crate::udp::Socket| !unsummed || socket.options.v6.takes_no_checksum;
            let member = |socket: &crate::udp::Socket| hears(memberships, packet, socket.key, &socket.options);
            for id in self.udp.find_all(lite, local, remote, on, |socket| sums(socket) && member(socket)) {
                self.deliver_udp(id, packet, header, payload, covered);
            }
        }
    }

    fn deliver_udp(
        &mut self,
        id: UdpId,
        packet: &Received<'_>,
        header: Header,
        payload: &[u8],
        covered: Option<usize>,
    ) {
        let Some(socket) = self.udp.get_mut(id) else { return };
        if let (Some(coverage), Some(covered)) = (socket.options.lite, covered)
            && !coverage.accepts(covered, packet.payload.len())
        {
            return self.count_error(packet.on);
        }
        if socket.options.esp_in_udp && udp::is_esp(payload) {
            return; // There is nobody who could decrypt it.
        }
        // The filter sees the header; however little it takes, that stays.
        let view = || packet_view(packet, packet.payload.len());
        let Some(accepted) = socket.inbox.accepts(view, &mut self.rng) else { return };
        let payload = &payload[..payload.len().min(accepted.saturating_sub(udp::HEADER_LEN))];
        let header = Header { len: payload.len() as u32, ..header };
        if socket.inbox.deliver(&header.encode(), &[packet.options, packet.extensions, payload], packet.bytes.len()) {
            self.events.touch(socket.key);
        }
    }

    /// Gives raw sockets their copies: of IPv4 the whole packet, of IPv6 what follows the headers (RFC 3542 §3). False
    /// if none wanted one.
    fn deliver_raw(&mut self, now: Instant, packet: &Received<'_>) -> bool {
        let ids = self.raw.find_all(packet, self.ip.came_by(packet.dst, packet.on));
        let bytes = if packet.dst.is_ipv4() { packet.bytes } else { packet.payload };
        for id in &ids {
            let Some(socket) = self.raw.get(*id) else { continue };
            if hears(&self.ip.memberships, packet, socket.key, &socket.options.datagram) {
                self.give_raw(now, *id, packet, bytes);
            }
        }
        !ids.is_empty()
    }

    /// Puts what of a packet its program sees into a raw socket, if its filter takes it.
    pub(super) fn give_raw(&mut self, now: Instant, id: RawId, packet: &Received<'_>, bytes: &[u8]) {
        let Some(socket) = self.raw.get_mut(id) else { return };
        let view = || packet_view(packet, bytes.len());
        let Some(accepted) = socket.inbox.accepts(view, &mut self.rng) else { return };
        let bytes = &bytes[..bytes.len().min(accepted)];
        let header = Header::of_packet(now, packet, (0, 0), bytes.len());
        if socket.inbox.deliver(&header.encode(), &[packet.options, packet.extensions, bytes], packet.bytes.len()) {
            self.events.touch(socket.key);
        }
    }

    /// What the filter of a segment's socket leaves of it, the header at least; None: nothing.
    #[cold]
    fn filtered<'a>(
        &mut self,
        packet: &Received<'a>,
        segment: &'a [u8],
        by: IfIndex,
        chosen: Option<u32>,
    ) -> Option<&'a [u8]> {
        let Ok(parsed) = tcp::Segment::parse(segment) else { return Some(segment) };
        let local = end(packet.dst, parsed.header.dst_port, packet.on);
        let remote = end(packet.src, parsed.header.src_port, packet.on);
        let Some(filter) = self.tcp.filter_of(local, remote, by, chosen) else { return Some(segment) };
        let rng = &mut self.rng;
        match filter.run(&packet_view(packet, segment.len()), &mut || rng.u32()) as usize {
            0 => None,
            accepted => Some(&segment[..segment.len().min(accepted.max(usize::from(segment[12] >> 4) * 4))]),
        }
    }

    /// Which of the listeners that share its address is to get a segment; the program that tells sees what follows the header.
    #[cold]
    fn chosen(&mut self, packet: &Received<'_>, segment: &[u8], by: IfIndex) -> Option<u32> {
        let header = tcp::Segment::parse(segment).ok()?.header;
        let local = end(packet.dst, header.dst_port, packet.on);
        let remote = end(packet.src, header.src_port, packet.on);
        let program = self.tcp.group_program(local, remote, by)?;
        let text = segment.len().saturating_sub(usize::from(segment[12] >> 4) * 4);
        let rng = &mut self.rng;
        Some(program.run(&packet_view(packet, text), &mut || rng.u32()))
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
