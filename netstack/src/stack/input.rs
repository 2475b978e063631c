//! A frame on its way up: link, IP, transport.

use core::net::SocketAddr;

use super::Stack;
use crate::datagram::Header;
use crate::icmp::ErrorMessage;
use crate::iface::LOOPBACK;
use crate::ip::{Looped, is_reserved, is_this_network};
use crate::link::{IfIndex, RxMeta};
use crate::socket::UdpId;
use crate::tcp::seam::IpMeta;
use crate::time::Instant;
use crate::wire::checksum::Sum;
use crate::wire::{ethernet, ipv4, udp};

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
}

impl Arrival {
    pub(super) fn looped(item: &Looped) -> Arrival {
        Arrival { on: item.on, unicast: item.on == LOOPBACK, looped: true, checksum_good: item.packet.checksum_partial }
    }
}

/// To whom a packet is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cast {
    /// To one of our addresses.
    Unicast,
    /// To all hosts on the link, or to a group that somebody here joined.
    Many,
}

/// Why a packet is not for anybody here.
enum Refusal {
    Malformed,
    NotForUs,
}

impl Stack {
    /// Takes a frame that came in on interface `on`. Answers are queued; [`poll`](Self::poll) sends them.
    pub fn input(&mut self, now: Instant, on: IfIndex, frame: &[u8], meta: RxMeta) {
        self.now = now;
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
        let unicast = !ethernet::is_group(header.dst);
        if unicast && header.dst != interface.mac || header.src == interface.mac {
            interface.counters.rx.drops += 1; // For another station (a promiscuous link), or our own, reflected.
            return;
        }
        match header.ethertype {
            ethernet::ARP => self.input_arp(now, on, payload),
            ethernet::IPV4 => {
                let checksum_good = meta.checksum_good;
                self.input_packet(now, Arrival { on, unicast, looped: false, checksum_good }, payload);
            }
            _ => interface.counters.rx.drops += 1,
        }
    }

    /// RFC 1122 §3.2.1: takes an IPv4 packet.
    pub(super) fn input_packet(&mut self, now: Instant, arrival: Arrival, bytes: &[u8]) {
        let outcome = match ipv4::Packet::parse(bytes) {
            Ok(packet) if self.has_autos() && !arrival.looped && self.input_dhcp(now, arrival, &packet) => return,
            Ok(packet) if self.is_to_forward(arrival, &packet) => return self.forward(now, arrival, &packet),
            Ok(packet) => self.accept(arrival, &packet).map(|cast| (packet, cast)),
            Err(_) => Err(Refusal::Malformed),
        };
        if let Some(interface) = self.ip.interfaces.get_mut(arrival.on) {
            let rx = &mut interface.counters.rx;
            if arrival.looped && arrival.on == LOOPBACK {
                rx.packets += 1;
                rx.bytes += bytes.len() as u64;
            }
            match outcome {
                Ok(_) => {}
                Err(Refusal::Malformed) => rx.errors += 1,
                Err(Refusal::NotForUs) => rx.drops += 1,
            }
        }
        let Ok((packet, cast)) = outcome else { return };
        if !packet.is_fragment() {
            return self.deliver(now, arrival, cast, &packet);
        }
        if let Some(whole) = self.ip.reassembly.insert(now, &packet, &mut *self.pool)
            && let Ok(packet) = ipv4::Packet::parse(&whole)
        {
            // A link that vouches for fragments vouches for what they carry only if it has seen all of it.
            self.deliver(now, Arrival { checksum_good: arrival.looped, ..arrival }, cast, &packet);
        }
    }

    /// Is the packet for us, and can it be what it claims to be?
    fn accept(&self, arrival: Arrival, packet: &ipv4::Packet<'_>) -> Result<Cast, Refusal> {
        let (src, dst) = (packet.src(), packet.dst());
        let interfaces = &self.ip.interfaces;
        let interface = interfaces.get(arrival.on).ok_or(Refusal::NotForUs)?;
        if packet.is_source_routed() {
            return Err(Refusal::NotForUs);
        }
        // RFC 1122 §3.2.1.3: what no host can be, and what nobody but ourselves can be, is no source.
        let impossible = src.is_multicast()
            || src.is_broadcast()
            || is_reserved(src)
            || is_this_network(src) && !src.is_unspecified()
            || interfaces.broadcast_link(src).is_some();
        let forged = !arrival.looped && (src.is_loopback() || dst.is_loopback() || interfaces.is_local(src));
        if impossible || forged || is_this_network(dst) {
            return Err(Refusal::Malformed);
        }
        if interfaces.is_local(dst) {
            // RFC 1122 §3.3.6: a packet for one host in a frame for all is dropped.
            let strange = !arrival.unicast || src.is_unspecified();
            return if strange { Err(Refusal::NotForUs) } else { Ok(Cast::Unicast) };
        }
        let many = dst.is_broadcast() || interface.is_broadcast(dst) || dst.is_multicast() && interface.in_group(dst);
        if many { Ok(Cast::Many) } else { Err(Refusal::NotForUs) }
    }

    /// Gives a whole packet to those who want it.
    fn deliver(&mut self, now: Instant, arrival: Arrival, cast: Cast, packet: &ipv4::Packet<'_>) {
        let raw = self.deliver_raw(now, arrival.on, packet);
        match packet.protocol() {
            ipv4::ICMP => self.input_icmp(now, arrival.on, cast == Cast::Unicast, packet),
            ipv4::UDP => self.input_udp(now, arrival, cast, packet),
            ipv4::TCP if cast == Cast::Unicast => self.input_tcp(now, arrival, packet),
            ipv4::TCP => {} // RFC 9293 §3.9.2.3 (MUST-57): segments to groups are discarded.
            _ if raw => {}
            // RFC 1122 §3.2.2.1.
            _ => self.refuse(now, cast == Cast::Unicast, packet, ErrorMessage::PROTOCOL_UNREACHABLE),
        }
    }

    fn input_tcp(&mut self, now: Instant, arrival: Arrival, packet: &ipv4::Packet<'_>) {
        let (src, dst, segment) = (packet.src(), packet.dst(), packet.payload());
        let sum = Sum::pseudo_v4(src, dst, ipv4::TCP, segment.len() as u16);
        if !arrival.checksum_good && sum.bytes(segment).finish() != 0 {
            self.count_error(arrival.on);
            return;
        }
        let meta = IpMeta { src: src.into(), dst: dst.into() };
        let (tcp, mut env) = self.tcp_env();
        tcp.handle_segment(now, &meta, segment, &mut env);
    }

    fn input_udp(&mut self, now: Instant, arrival: Arrival, cast: Cast, packet: &ipv4::Packet<'_>) {
        let (src, dst) = (packet.src(), packet.dst());
        let Ok(datagram) = udp::Datagram::parse(src, dst, packet.payload(), arrival.checksum_good) else {
            return self.count_error(arrival.on);
        };
        let local = SocketAddr::new(dst.into(), datagram.dst_port);
        let remote = SocketAddr::new(src.into(), datagram.src_port);
        let header = Header {
            len: datagram.payload.len() as u32,
            src: remote,
            dst: local,
            on: arrival.on,
            ttl: packet.ttl(),
            tos: packet.tos(),
            timestamp: now,
        };
        match cast {
            Cast::Unicast => match self.udp.find(local, remote, arrival.on) {
                Some(id) => self.deliver_udp(id, &header, datagram.payload),
                // RFC 1122 §4.1.3.1.
                None => self.refuse(now, true, packet, ErrorMessage::PORT_UNREACHABLE),
            },
            Cast::Many => {
                for id in self.udp.find_all(local, remote, arrival.on) {
                    self.deliver_udp(id, &header, datagram.payload);
                }
            }
        }
    }

    fn deliver_udp(&mut self, id: UdpId, header: &Header, payload: &[u8]) {
        if let Some(socket) = self.udp.get_mut(id)
            && socket.inbox.deliver(header, [payload, &[]])
        {
            self.events.touch(socket.key);
        }
    }

    /// Gives raw sockets their copies. False if none wanted one.
    fn deliver_raw(&mut self, now: Instant, on: IfIndex, packet: &ipv4::Packet<'_>) -> bool {
        let ids = self.raw.find_all(packet, on);
        let header = Header::of_packet(now, on, packet, packet.bytes().len());
        for id in &ids {
            if let Some(socket) = self.raw.get_mut(*id)
                && socket.inbox.deliver(&header, [packet.bytes(), &[]])
            {
                self.events.touch(socket.key);
            }
        }
        !ids.is_empty()
    }

    pub(super) fn count_error(&mut self, on: IfIndex) {
        if let Some(interface) = self.ip.interfaces.get_mut(on) {
            interface.counters.rx.errors += 1;
        }
    }
}
