//! ICMP: requests and replies that arrive, and errors that we send, in both families (RFC 792, RFC 1122 §3.2.2, RFC 4443). Errors
//! about what we sent are in `icmp_errors`.

use core::net::IpAddr;

use crate::datagram::Header;
use crate::icmp::{self, Complaint, ErrorMessage, Report};
use crate::ip::{self, Cast, Fill, Hop, NextHop, Outgoing, Received};
use crate::stack::Stack;
use crate::stack::input::packet_view;
use crate::time::Instant;
use crate::wire::icmpv4::{self, Message};
use crate::wire::ipv4_options;
use crate::wire::{be32, icmpv6, ipv4, ipv6};

/// Time to live of what we send by ourselves (RFC 1122 §3.2.1.7).
const TTL: u8 = 64;
/// Type of service of errors: internetwork control (RFC 1812 §4.3.2.5).
const ERROR_TOS: u8 = 0xc0;

impl Stack {
    pub(in crate::stack) fn input_icmp(&mut self, now: Instant, packet: &Received<'_>) {
        let Ok(message) = Message::parse(packet.payload) else { return self.count_error(packet.on) };
        match message.kind {
            // RFC 1122 §3.2.2.6: echo requests to a group may be left unanswered, and are, as on Linux.
            icmpv4::ECHO_REQUEST if packet.cast == Cast::Unicast => {
                self.answer_v4(now, packet, icmpv4::ECHO_REPLY, message.rest, message.payload);
            }
            // RFC 1122 §3.2.2.8.
            icmpv4::TIMESTAMP if packet.cast == Cast::Unicast && message.payload.len() >= 12 => {
                let times = self.timestamp_reply(now, message.payload);
                self.answer_v4(now, packet, icmpv4::TIMESTAMP_REPLY, message.rest, &times);
            }
            icmpv4::REDIRECT if packet.cast == Cast::Unicast => {
                self.input_redirect(now, packet.on, packet.src, &message)
            }
            icmpv4::ECHO_REPLY => self.deliver_echo_reply(now, packet, message.identifier()),
            _ => {
                if let Some(report) = Report::parse(&message) {
                    self.input_report(now, packet, &report);
                }
            }
        }
    }

    /// Sends an ICMP error about a packet that is for us, unless it was for a group and the error must not be sent for those.
    pub(in crate::stack) fn refuse(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
        if packet.cast.is_for_one() || complaint.also_to_groups() {
            self.report(now, packet, complaint);
        }
    }

    /// Sends an ICMP error about a packet that arrived here.
    pub(in crate::stack) fn report(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
        let dst = packet.src;
        let Some(message) = complaint.message(packet).filter(|_| icmp::may_report(packet)) else { return };
        // RFC 4443 §2.2: from the address that was asked, or if that was a group or an anycast address, from one that leads to the sender.
        let src = self.ip.interfaces.is_local(packet.dst).then_some(packet.dst);
        if src.is_none() && packet.dst.is_ipv4() {
            return;
        }
        let zone = ip::needs_zone(dst).then_some(packet.on);
        let Some(hop) = self.ip.hop(src, dst, zone).filter(Hop::is_unicast) else { return };
        if hop.to == NextHop::Ourselves || self.errors.allow(now, dst) {
            self.send_error(now, hop, dst, packet, message);
        }
    }

    /// Gives a socket of ours the error that a router would send about its packet.
    pub(in crate::stack) fn report_to_ourselves(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
        let sender = packet.src;
        let Some(message) = complaint.message(packet).filter(|_| icmp::may_report(packet)) else { return };
        let Some(hop) = self.ip.hop(Some(sender), sender, None) else { return };
        if hop.to == NextHop::Ourselves {
            self.send_error(now, hop, sender, packet, message);
        }
    }

    pub(in crate::stack) fn send_error(
        &mut self,
        now: Instant,
        hop: Hop,
        dst: IpAddr,
        about: &Received<'_>,
        message: ErrorMessage,
    ) {
        let quote = icmp::quote(about);
        let ErrorMessage { kind, code, rest } = message;
        if dst.is_ipv4() {
            let header = ip::Header::atomic(hop.src, dst, ipv4::ICMP, TTL, ERROR_TOS);
            self.send_icmp(now, hop, header, &icmpv4::emit(kind, code, rest, quote), quote);
        } else {
            let header = ip::Header::atomic(hop.src, dst, ipv6::ICMPV6, self.ip.hop_limit(hop.on, dst), 0);
            self.send_icmp(now, hop, header, &icmpv6::emit(kind, code, rest), quote);
        }
    }

    /// Answers a request. RFC 1122 §3.2.2.6: the reply comes from the address that was asked, with the same data, and the
    /// record route and timestamp options with us in them, once more where it leaves.
    fn answer_v4(&mut self, now: Instant, packet: &Received<'_>, kind: u8, rest: u32, payload: &[u8]) {
        let (src, dst) = (packet.dst, packet.src);
        let (Some(hop), IpAddr::V4(ours)) = (self.ip.hop(Some(src), dst, None).filter(Hop::is_unicast), src) else {
            return;
        };
        let Ok(asked) = ipv4::Packet::parse_quoted(packet.bytes) else { return };
        let transport = icmpv4::emit(kind, 0, rest, payload);
        let header = ip::Header { dont_fragment: false, ..ip::Header::atomic(src, dst, ipv4::ICMP, TTL, packet.tos) };
        if asked.options().is_empty() {
            return self.send_icmp(now, hop, header, &transport, payload);
        }
        let mut options = [0; ipv4::MAX_HEADER_LEN - ipv4::HEADER_LEN];
        let options = &mut options[..asked.options().len()];
        options.copy_from_slice(asked.options());
        let recorded =
            ipv4_options::record(options, ours, |addr| self.ip.interfaces.is_local(addr), now.millis(), false);
        if let Err(at) = recorded {
            return self.report(now, packet, Complaint::HeaderByte(at));
        }
        ipv4_options::blank_all_but_recorded(options);
        let payload = [payload];
        let out = Outgoing::new(header, &transport, &payload, Fill::Nothing);
        let _ = self.ip.send_with_options(now, &mut *self.pool, hop, &out, options);
    }

    /// RFC 4443 §4.2: the reply comes from the address that was asked, with the same data; if a group or an anycast address was
    /// asked, from one of ours.
    pub(super) fn answer_echo_v6(&mut self, now: Instant, packet: &Received<'_>) {
        let (dst, asked) = (packet.src, (packet.cast == Cast::Unicast).then_some(packet.dst));
        let zone = ip::needs_zone(dst).then_some(packet.on);
        let Some(hop) = self.ip.hop(asked, dst, zone).filter(Hop::is_unicast) else { return };
        let (rest, payload) = (be32(packet.payload, 4), &packet.payload[icmpv4::HEADER_LEN..]);
        let header = ip::Header {
            dont_fragment: false,
            flow_label: packet.flow_label, // RFC 6437 §3: answers may reflect it, as Linux does.
            ..ip::Header::atomic(hop.src, dst, ipv6::ICMPV6, self.ip.hop_limit(hop.on, dst), packet.tos)
        };
        self.send_icmp(now, hop, header, &icmpv6::emit(icmpv6::ECHO_REPLY, 0, rest), payload);
    }

    fn send_icmp(&mut self, now: Instant, hop: Hop, header: ip::Header, transport: &[u8], payload: &[u8]) {
        // The checksum of ICMPv6 covers the addresses, which only IP knows.
        let fill = if header.dst.is_ipv4() { Fill::Nothing } else { Fill::At(2) };
        let payload = [payload];
        let out = Outgoing::new(header, transport, &payload, fill);
        // If there is no room it is lost, as it could be on the wire.
        let _ = self.ip.send(now, &mut *self.pool, hop, &out);
    }

    pub(super) fn deliver_echo_reply(&mut self, now: Instant, packet: &Received<'_>, identifier: u16) {
        let by = self.ip.came_by(packet.dst, packet.on);
        let Some(id) = self.raw.find_ping(identifier, packet.src, packet.dst, by) else { return };
        let Some(socket) = self.raw.get_mut(id) else { return };
        let view = || packet_view(packet, packet.payload.len());
        let Some(accepted) = socket.inbox.accepts(view, &mut self.rng) else { return };
        let bytes = &packet.payload[..packet.payload.len().min(accepted)];
        let header = Header::of_packet(now, packet, (0, 0), bytes.len()).encode();
        if socket.inbox.deliver(&header, &[packet.options, packet.extensions, bytes], packet.bytes.len()) {
            self.events.touch(socket.key);
        }
    }
}
