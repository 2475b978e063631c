//! ICMP errors that we send (RFC 1122 §3.2.2, RFC 1812 §4.3.2, RFC 4443 §2.4): about packets for us, and for others.

use core::net::{IpAddr, SocketAddr};

use super::icmp::TTL;
use crate::datagram::{ErrorReport, Header};
use crate::icmp::{self, Complaint, ErrorMessage};
use crate::ip::{self, Hop, NextHop, Packet, Received, end};
use crate::link::IfIndex;
use crate::socket::SocketError;
use crate::stack::Stack;
use crate::tcp::seam::IcmpError;
use crate::time::Instant;
use crate::wire::{be16, be32, icmpv4, icmpv6, ipv4, ipv6};

/// Type of service of errors: internetwork control (RFC 1812 §4.3.2.5).
const ERROR_TOS: u8 = 0xc0;

impl Stack {
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

    /// Sends an ICMP error about a packet for somebody else, from our address on the way back to its sender.
    pub(in crate::stack) fn report_forwarded(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
        let dst = packet.src;
        let Some(message) = complaint.message(packet).filter(|_| icmp::may_report(packet)) else { return };
        let zone = ip::needs_zone(dst).then_some(packet.on);
        let Some(hop) = self.ip.hop(None, dst, zone).filter(Hop::is_unicast) else { return };
        if self.errors.allow(now, dst) {
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

    /// Nobody answers for a packet's next hop. Its sender gets the error that a router would send, as on Linux.
    pub(in crate::stack) fn undeliverable(&mut self, now: Instant, on: IfIndex, packet: &Packet) {
        let Some(packet) = Received::quoted(packet.payload(), on) else { return };
        let transport = packet.payload;
        let first = packet.bytes.len() < 8 || packet.dst.is_ipv6() || be16(packet.bytes, 6) & 0x1fff == 0;
        let ours = self.ip.interfaces.is_local(packet.src);
        if ours && packet.protocol == ipv4::TCP && first && transport.len() >= 8 {
            // Only the connection whose segment it was is told, so that a thousand that wait for one host cost a thousand steps.
            let local = end(packet.src, be16(transport, 0), on);
            let remote = end(packet.dst, be16(transport, 2), on);
            let seq = be32(transport, 4);
            let error = IcmpError::Undelivered(no_answer(now, &packet, remote));
            self.tcp.handle_icmp_error(now, error, local, remote, seq, &mut self.events);
        } else if ours {
            self.report_to_ourselves(now, &packet, Complaint::NoAnswer);
        } else {
            // RFC 1812 §5.2.7.1.
            self.report_forwarded(now, &packet, Complaint::NoAnswer);
        }
    }

    fn send_error(&mut self, now: Instant, hop: Hop, dst: IpAddr, about: &Received<'_>, message: ErrorMessage) {
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
}

/// The ICMP error that we would send about a segment whose next hop does not answer.
fn no_answer(now: Instant, packet: &Received<'_>, destination: SocketAddr) -> ErrorReport {
    let message = Complaint::NoAnswer.message(packet).map_or((0, 0), |message| (message.kind, message.code));
    let ours = Received { dst: packet.src, ..*packet };
    let icmp_header = Header::of_packet(now, &ours, (0, 0), 0);
    let payload = packet.payload.to_vec();
    let error = SocketError::HostUnreachable;
    ErrorReport { error, message, info: 0, icmp_header, destination, payload, extensions: None }
}
