//! ICMP messages that arrive, and errors that we send, in both families (RFC 792, RFC 1122 §3.2.2, RFC 4443).

use core::net::{IpAddr, SocketAddr};

use super::Stack;
use super::forward::millis;
use super::input::packet_view;
use super::way::mtu_discovery;
use crate::datagram::{DatagramOptions, ErrorReport, Errors, Header, MtuDiscovery};
use crate::icmp::{self, Certainty, Complaint, ErrorMessage, Report};
use crate::ip::{self, Cast, Fill, Hop, NextHop, Outgoing, Received, end};
use crate::socket::SocketError;
use crate::tcp::seam::IcmpError;
use crate::time::Instant;
use crate::wire::icmpv4::{self, Message};
use crate::wire::ipv4_options;
use crate::wire::{be16, be32, icmpv6, ipv4, ipv6, udp};

/// Time to live of what we send by ourselves (RFC 1122 §3.2.1.7).
pub(super) const TTL: u8 = 64;
/// Type of service of errors: internetwork control (RFC 1812 §4.3.2.5).
const ERROR_TOS: u8 = 0xc0;

impl Stack {
    pub(super) fn input_icmp(&mut self, now: Instant, packet: &Received<'_>) {
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

    /// An answer to `packet` is refused: says so to its sender, where an error may be sent about it.
    pub(super) fn refuse(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
        if packet.cast.is_for_one() || complaint.also_to_groups() {
            self.report(now, packet, complaint);
        }
    }

    /// Sends an ICMP error about a packet that arrived here.
    pub(super) fn report(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
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

    /// Says to the sender of a packet, one of ourselves, what a router would say.
    pub(super) fn report_to_ourselves(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
        let sender = packet.src;
        let Some(message) = complaint.message(packet).filter(|_| icmp::may_report(packet)) else { return };
        let Some(hop) = self.ip.hop(Some(sender), sender, None) else { return };
        if hop.to == NextHop::Ourselves {
            self.send_error(now, hop, sender, packet, message);
        }
    }

    pub(super) fn send_error(
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
            ipv4_options::record(options, ours, |addr| self.ip.interfaces.is_local(addr), millis(now), false);
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
        // What has no room is lost as on the wire.
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

    /// An error about a packet of ours, which `packet` brought. Only what we can have sent is believed.
    pub(super) fn input_report(&mut self, now: Instant, packet: &Received<'_>, report: &Report<'_>) {
        let (on, carrier) = (packet.on, Header::of_packet(now, packet, (0, 0), 0));
        let quoted = &report.quoted;
        let (src, dst, payload) = (quoted.src, quoted.dst, quoted.transport);
        // RFC 792: at least 8 bytes of our transport header are quoted.
        if !self.ip.interfaces.is_local(src) || payload.len() < 8 {
            return;
        }
        let local = end(src, be16(payload, 0), on);
        let remote = end(dst, be16(payload, 2), on);
        let by = self.ip.came_by(src, on);
        let mut believed = false;
        match quoted.protocol {
            ipv4::TCP => self.input_tcp_report(now, report, carrier, local, remote),
            ipv4::UDP | ipv4::UDP_LITE => {
                let lite = quoted.protocol == ipv4::UDP_LITE;
                if let Some(socket) = self.udp.find(lite, local, remote, by).and_then(|id| self.udp.get_mut(id)) {
                    believed = believes(&socket.options, dst);
                    let connected = socket.remote().is_some();
                    let about = About { carrier, destination: remote, payload: &payload[udp::HEADER_LEN..] };
                    if tell(report, about, connected, &socket.options, &mut socket.errors) {
                        self.events.touch(socket.key);
                    }
                }
            }
            ipv4::ICMP | ipv6::ICMPV6 if is_echo_request(src, payload[0]) => {
                let ping = self.raw.find_ping(be16(payload, 4), dst, src, by);
                if let Some(socket) = ping.and_then(|id| self.raw.get_mut(id)) {
                    believed = believes(&socket.options.datagram, dst);
                    let about = About { carrier, destination: SocketAddr::new(dst, 0), payload };
                    if tell(report, about, socket.remote.is_some(), &socket.options.datagram, &mut socket.errors) {
                        self.events.touch(socket.key);
                    }
                }
            }
            _ => {}
        }
        for id in self.raw.find_senders(quoted.protocol, src, dst, by) {
            let Some(socket) = self.raw.get_mut(id) else { continue };
            believed |= believes(&socket.options.datagram, dst);
            // Raw sockets that make their own headers find them in the quote, too (Linux: raw_err()).
            let payload = if socket.options.header_included { quoted.bytes } else { payload };
            let about = About { carrier, destination: SocketAddr::new(dst, 0), payload };
            if tell(report, about, socket.remote.is_some(), &socket.options.datagram, &mut socket.errors) {
                self.events.touch(socket.key);
            }
        }
        // What nobody here can have sent changes no path (RFC 5927 §7).
        if let (Some(mtu), true) = (report.allowed(), believed) {
            self.ip.path_mtus.learn(now, dst, mtu, quoted.packet_len());
        }
    }

    /// An error about a segment. What it says of the path is for all who use it.
    fn input_tcp_report(
        &mut self,
        now: Instant,
        report: &Report<'_>,
        carrier: Header,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        let quoted = &report.quoted;
        let seq = be32(quoted.transport, 4);
        if !self.tcp.is_in_flight(local, remote, seq) {
            return;
        }
        let error = match report.allowed() {
            Some(mtu) => match self.ip.path_mtus.learn(now, quoted.dst, mtu, quoted.packet_len()) {
                Some(known) => IcmpError::PathMtu(known),
                None => return,
            },
            None => {
                let about = About { carrier, destination: remote, payload: quoted.transport };
                IcmpError::Undelivered(entry(report, about))
            }
        };
        self.tcp.handle_icmp_error(now, error, local, remote, seq, &mut self.events);
    }
}

/// Does what routers say of the path count for a socket? (Linux's ip_sk_accept_pmtu: not for those that let it be.)
fn believes(options: &DatagramOptions, dst: IpAddr) -> bool {
    !matches!(mtu_discovery(options, dst), MtuDiscovery::Interface | MtuDiscovery::Omit)
}

fn is_echo_request(src: IpAddr, kind: u8) -> bool {
    kind == if src.is_ipv4() { icmpv4::ECHO_REQUEST } else { icmpv6::ECHO_REQUEST }
}

/// Which datagram an error is about, and what brought it.
struct About<'a> {
    carrier: Header,
    destination: SocketAddr,
    payload: &'a [u8],
}

/// What goes into an error queue.
fn entry(report: &Report<'_>, about: About<'_>) -> ErrorReport {
    let About { carrier, destination, payload } = about;
    let Report { error, message, info, .. } = *report;
    let extensions = report.extensions(payload);
    ErrorReport { error, message, info, carrier, destination, payload: payload.to_vec(), extensions }
}

/// Enters an error into the socket that sent the datagram. Connected ones are told of hard errors (RFC 1122 §4.1.3.3), all others
/// only if they asked; who asked gets the details, too. False: the socket does not hear of it.
fn tell(
    report: &Report<'_>,
    about: About<'_>,
    connected: bool,
    options: &DatagramOptions,
    errors: &mut Errors,
) -> bool {
    let Report { error, certainty, .. } = *report;
    let (asked, extensions) = match report.quoted.dst {
        IpAddr::V4(_) => (options.report_errors, options.report_extensions),
        IpAddr::V6(_) => (options.v6.report_errors, options.v6.report_extensions),
    };
    // Linux: who lets anybody fragment does not mind that a router could not without it.
    let minds = mtu_discovery(options, report.quoted.dst) != MtuDiscovery::Dont;
    let too_long = error == SocketError::MessageTooLong && minds;
    if error == SocketError::MessageTooLong && !minds {
        return false;
    }
    if asked {
        let entry = entry(report, about);
        errors.reports.push(ErrorReport { extensions: entry.extensions.filter(|_| extensions), ..entry });
    } else if !connected || (certainty == Certainty::Soft && !too_long) {
        return false;
    }
    errors.pending = Some(error);
    true
}
