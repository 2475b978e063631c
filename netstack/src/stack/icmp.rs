//! ICMP messages that arrive, and errors that we send (RFC 792, RFC 1122 §3.2.2).

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Stack;
use super::forward::millis;
use crate::datagram::{ErrorReport, Errors, Header};
use crate::icmp::{self, Certainty, ErrorMessage, Report};
use crate::ip::{Fill, Hop, NextHop, Outgoing};
use crate::link::IfIndex;
use crate::socket::SocketError;
use crate::time::Instant;
use crate::wire::icmpv4::{self, Message};
use crate::wire::ipv4::{self, Packet};
use crate::wire::ipv4_options;
use crate::wire::{be16, be32, udp};

/// Time to live of what we send by ourselves (RFC 1122 §3.2.1.7).
const TTL: u8 = 64;
/// Type of service of errors: internetwork control (RFC 1812 §4.3.2.5).
const ERROR_TOS: u8 = 0xc0;

impl Stack {
    pub(super) fn input_icmp(&mut self, now: Instant, on: IfIndex, unicast: bool, packet: &Packet<'_>) {
        let Ok(message) = Message::parse(packet.payload()) else { return self.count_error(on) };
        match message.kind {
            // RFC 1122 §3.2.2.6: echo requests to a group may be left unanswered, and are, as on Linux.
            icmpv4::ECHO_REQUEST if unicast => {
                self.answer(now, packet, icmpv4::ECHO_REPLY, message.rest, message.payload)
            }
            // RFC 1122 §3.2.2.8.
            icmpv4::TIMESTAMP if unicast && message.payload.len() >= 12 => {
                let times = self.timestamp_reply(now, message.payload);
                self.answer(now, packet, icmpv4::TIMESTAMP_REPLY, message.rest, &times);
            }
            icmpv4::REDIRECT if unicast => self.input_redirect(now, on, packet.src(), &message),
            icmpv4::ECHO_REPLY => self.deliver_echo_reply(now, on, packet, &message),
            _ => {
                if let Some(report) = Report::parse(&message) {
                    self.input_report(now, on, packet.src(), &report);
                }
            }
        }
    }

    /// An answer to `packet` is refused: says so to its sender, where an error may be sent about it.
    pub(super) fn refuse(&mut self, now: Instant, unicast: bool, packet: &Packet<'_>, message: ErrorMessage) {
        if unicast {
            self.report(now, packet, message);
        }
    }

    /// Sends an ICMP error about a packet that arrived at one of our addresses.
    pub(super) fn report(&mut self, now: Instant, packet: &Packet<'_>, message: ErrorMessage) {
        let (src, dst) = (packet.dst(), packet.src());
        let Some(hop) = self.ip.hop(Some(src), dst, None).filter(Hop::is_unicast) else { return };
        if !self.ip.interfaces.is_local(src) || !icmp::may_report(packet) {
            return;
        }
        if hop.to == NextHop::Ourselves || self.errors.allow(now, dst) {
            self.send_error(now, hop, dst, packet, message);
        }
    }

    /// Says to the sender of a packet, one of ourselves, what a router would say.
    pub(super) fn report_to_ourselves(&mut self, now: Instant, packet: &Packet<'_>, message: ErrorMessage) {
        let sender = packet.src();
        let Some(hop) = self.ip.hop(Some(sender), sender, None) else { return };
        if hop.to == NextHop::Ourselves && icmp::may_report(packet) {
            self.send_error(now, hop, sender, packet, message);
        }
    }

    pub(super) fn send_error(
        &mut self,
        now: Instant,
        hop: Hop,
        dst: Ipv4Addr,
        about: &Packet<'_>,
        message: ErrorMessage,
    ) {
        let quote = icmp::quote(about);
        let transport = icmpv4::emit(message.kind, message.code, message.rest, quote);
        let out = Outgoing {
            header: ipv4::Header::atomic(hop.src, dst, ipv4::ICMP, TTL, ERROR_TOS),
            transport: &transport,
            payload: &[quote],
            fill: Fill::Nothing,
            multicast_loop: false,
        };
        // What has no room is lost as on the wire.
        let _ = self.ip.send(now, &mut *self.pool, hop, &out);
    }

    /// Answers a request. RFC 1122 §3.2.2.6: the reply comes from the address that was asked, with the same data, and the
    /// record route and timestamp options with us in them.
    fn answer(&mut self, now: Instant, packet: &Packet<'_>, kind: u8, rest: u32, payload: &[u8]) {
        let (src, dst) = (packet.dst(), packet.src());
        let Some(hop) = self.ip.hop(Some(src), dst, None).filter(Hop::is_unicast) else { return };
        let transport = icmpv4::emit(kind, 0, rest, payload);
        let header =
            ipv4::Header { dont_fragment: false, ..ipv4::Header::atomic(src, dst, ipv4::ICMP, TTL, packet.tos()) };
        let mut options = [0; ipv4::MAX_HEADER_LEN - ipv4::HEADER_LEN];
        let options = &mut options[..packet.options().len()];
        options.copy_from_slice(packet.options());
        let recorded = ipv4_options::record(options, src, |addr| self.ip.interfaces.is_local(addr), millis(now));
        if let Err(at) = recorded {
            return self.report(now, packet, ErrorMessage::parameter_problem(at));
        }
        ipv4_options::blank_all_but_recorded(options);
        let (payload, fill) = (&[payload][..], Fill::Nothing);
        let out = Outgoing { header, transport: &transport, payload, fill, multicast_loop: false };
        let _ = match options.is_empty() {
            true => self.ip.send(now, &mut *self.pool, hop, &out),
            false => self.ip.send_with_options(now, &mut *self.pool, hop, &out, options),
        };
    }

    fn deliver_echo_reply(&mut self, now: Instant, on: IfIndex, packet: &Packet<'_>, message: &Message<'_>) {
        let Some(id) = self.raw.find_ping(message.identifier(), packet.src(), packet.dst(), on) else { return };
        let Some(socket) = self.raw.get_mut(id) else { return };
        let bytes = packet.payload();
        if socket.inbox.deliver(&Header::of_packet(now, on, packet, bytes.len()), [bytes, &[]]) {
            self.events.touch(socket.key);
        }
    }

    /// An error about a packet of ours, from `offender`. Only what we can have sent is believed.
    fn input_report(&mut self, now: Instant, on: IfIndex, offender: Ipv4Addr, report: &Report<'_>) {
        let quoted = &report.quoted;
        let (src, dst) = (quoted.src(), quoted.dst());
        let payload = quoted.payload();
        // RFC 792: at least 8 bytes of our transport header are quoted, if it is the first fragment.
        if !self.ip.interfaces.is_local(src) || quoted.fragment_offset() != 0 || payload.len() < 8 {
            return;
        }
        let local = SocketAddr::new(IpAddr::V4(src), be16(payload, 0));
        let remote = SocketAddr::new(IpAddr::V4(dst), be16(payload, 2));
        match quoted.protocol() {
            ipv4::TCP => {
                self.tcp.handle_icmp_error(now, report.error, local, remote, be32(payload, 4), &mut self.events);
            }
            ipv4::UDP => {
                if let Some(socket) = self.udp.find(local, remote, on).and_then(|id| self.udp.get_mut(id)) {
                    let connected = socket.remote().is_some();
                    let about = About { offender, destination: remote, payload: &payload[udp::HEADER_LEN..] };
                    if tell(report, about, connected, &socket.options, &mut socket.errors) {
                        self.events.touch(socket.key);
                    }
                }
            }
            ipv4::ICMP if payload[0] == icmpv4::ECHO_REQUEST => {
                let ping = self.raw.find_ping(be16(payload, 4), dst, src, on);
                if let Some(socket) = ping.and_then(|id| self.raw.get_mut(id)) {
                    let about = About { offender, destination: SocketAddr::new(dst.into(), 0), payload };
                    if tell(report, about, socket.remote.is_some(), &socket.options.datagram, &mut socket.errors) {
                        self.events.touch(socket.key);
                    }
                }
            }
            _ => {}
        }
        for id in self.raw.find_senders(quoted, on) {
            let Some(socket) = self.raw.get_mut(id) else { continue };
            // Raw sockets that make their own headers find them in the quote, too (Linux: raw_err()).
            let payload = if socket.options.header_included { quoted.bytes() } else { payload };
            let about = About { offender, destination: SocketAddr::new(dst.into(), 0), payload };
            if tell(report, about, socket.remote.is_some(), &socket.options.datagram, &mut socket.errors) {
                self.events.touch(socket.key);
            }
        }
    }
}

/// Which datagram an error is about, and who says so.
struct About<'a> {
    offender: Ipv4Addr,
    destination: SocketAddr,
    payload: &'a [u8],
}

/// Enters an error into the socket that sent the datagram. Connected ones are told of hard errors (RFC 1122 §4.1.3.3), all others
/// only if they asked; who asked gets the details, too. False: the socket does not hear of it.
fn tell(
    report: &Report<'_>,
    about: About<'_>,
    connected: bool,
    options: &crate::datagram::DatagramOptions,
    errors: &mut Errors,
) -> bool {
    let Some((error, certainty)) = report.socket else { return false };
    let too_long = error == SocketError::MessageTooLong && options.dont_fragment;
    if options.report_errors {
        let About { offender, destination, payload } = about;
        let Report { message, mtu, .. } = *report;
        let payload = payload.to_vec();
        errors.report(ErrorReport { error, message, mtu, offender: offender.into(), destination, payload });
    } else if !connected || (certainty == Certainty::Soft && !too_long) {
        return false;
    }
    errors.pending = Some(error);
    true
}
