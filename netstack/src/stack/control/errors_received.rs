//! ICMP errors about what we sent, which other hosts and routers report (RFC 792, RFC 4443 §3, RFC 5927).

use core::net::{IpAddr, SocketAddr};

use crate::datagram::{DatagramOptions, ErrorReport, Errors, Header, MtuDiscovery};
use crate::events::Events;
use crate::icmp::{Certainty, Report};
use crate::ip::{Received, end};
use crate::socket::{Key, SocketError};
use crate::stack::Stack;
use crate::stack::output::mtu_discovery;
use crate::tcp::seam::IcmpError;
use crate::time::Instant;
use crate::wire::{be16, be32, icmpv4, icmpv6, ipv4, ipv6, udp};
use crate::{raw, udp as udp_sockets};

impl Stack {
    /// An error about a packet of ours, which `packet` brought. Only what we can have sent is believed.
    pub(super) fn input_report(&mut self, now: Instant, packet: &Received<'_>, report: &Report<'_>) {
        let (on, icmp_header) = (packet.on, Header::of_packet(now, packet, (0, 0), 0));
        let quoted = &report.quoted;
        let (src, dst, payload) = (quoted.src, quoted.dst, quoted.transport);
        // RFC 792: at least 8 bytes of our transport header are quoted.
        if !self.ip.interfaces.is_local(src) || payload.len() < 8 {
            return;
        }
        let local = end(src, be16(payload, 0), on);
        let remote = end(dst, be16(payload, 2), on);
        let by = self.ip.came_by(src, on);
        let no_port = SocketAddr::new(dst, 0);
        let mut believed = false;
        match quoted.protocol {
            ipv4::TCP => self.input_tcp_report(now, report, icmp_header, local, remote),
            ipv4::UDP | ipv4::UDP_LITE => {
                let lite = quoted.protocol == ipv4::UDP_LITE;
                if let Some(socket) = self.udp.find(lite, local, remote, by).and_then(|id| self.udp.get_mut(id)) {
                    let about = About { icmp_header, destination: remote, payload: &payload[udp::HEADER_LEN..] };
                    believed = tell(report, about, Sender::of_udp(socket), &mut self.events);
                }
            }
            ipv4::ICMP | ipv6::ICMPV6 if is_echo_request(src, payload[0]) => {
                let ping = self.raw.find_ping(be16(payload, 4), dst, src, by);
                if let Some(socket) = ping.and_then(|id| self.raw.get_mut(id)) {
                    let about = About { icmp_header, destination: no_port, payload };
                    believed = tell(report, about, Sender::of_raw(socket), &mut self.events);
                }
            }
            _ => {}
        }
        for id in self.raw.find_senders(quoted.protocol, src, dst, by) {
            let Some(socket) = self.raw.get_mut(id) else { continue };
            // Raw sockets that make their own headers find them in the quote, too (Linux: raw_err()).
            let payload = if socket.options.header_included { quoted.bytes } else { payload };
            let about = About { icmp_header, destination: no_port, payload };
            believed |= tell(report, about, Sender::of_raw(socket), &mut self.events);
        }
        // What nobody here can have sent changes no path (RFC 5927 §7).
        if let (Some(mtu), true) = (report.allowed(), believed) {
            self.ip.path_mtus.learn(now, dst, mtu, quoted.packet_len());
        }
    }

    /// An error about a segment. A path MTU that it reports is for all connections that use the path.
    fn input_tcp_report(
        &mut self,
        now: Instant,
        report: &Report<'_>,
        icmp_header: Header,
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
                let about = About { icmp_header, destination: remote, payload: quoted.transport };
                IcmpError::Undelivered(entry(report, about))
            }
        };
        self.tcp.handle_icmp_error(now, error, local, remote, seq, &mut self.events);
    }
}

/// The socket that has sent what an error is about.
struct Sender<'a> {
    key: Key,
    options: DatagramOptions,
    connected: bool,
    errors: &'a mut Errors,
}

impl Sender<'_> {
    fn of_udp(socket: &mut udp_sockets::Socket) -> Sender<'_> {
        let connected = socket.remote().is_some();
        Sender { key: socket.key, options: socket.options, connected, errors: &mut socket.errors }
    }

    fn of_raw(socket: &mut raw::Socket) -> Sender<'_> {
        let (options, connected) = (socket.options.datagram, socket.remote.is_some());
        Sender { key: socket.key, options, connected, errors: &mut socket.errors }
    }
}

/// Tells an error to the sender. True if what routers say of the path counts for it (Linux's ip_sk_accept_pmtu: unless it does
/// without path MTU discovery).
fn tell(report: &Report<'_>, about: About<'_>, sender: Sender<'_>, events: &mut Events) -> bool {
    let (key, discovery) = (sender.key, mtu_discovery(&sender.options, report.quoted.dst));
    if enter(report, about, sender) {
        events.touch(key);
    }
    !matches!(discovery, MtuDiscovery::Interface | MtuDiscovery::Omit)
}

fn is_echo_request(src: IpAddr, kind: u8) -> bool {
    kind == if src.is_ipv4() { icmpv4::ECHO_REQUEST } else { icmpv6::ECHO_REQUEST }
}

/// Which datagram an error is about, and what brought it.
struct About<'a> {
    icmp_header: Header,
    destination: SocketAddr,
    payload: &'a [u8],
}

/// What goes into an error queue.
fn entry(report: &Report<'_>, about: About<'_>) -> ErrorReport {
    let About { icmp_header, destination, payload } = about;
    let Report { error, message, info, .. } = *report;
    let extensions = report.extensions(payload);
    ErrorReport { error, message, info, icmp_header, destination, payload: payload.to_vec(), extensions }
}

/// Enters an error into the socket that sent the datagram. Connected sockets get hard errors (RFC 1122 §4.1.3.3), all others only
/// what they asked for with IP_RECVERR, which also queues the details. False: the socket does not get the error.
fn enter(report: &Report<'_>, about: About<'_>, sender: Sender<'_>) -> bool {
    let Sender { options, connected, errors, .. } = sender;
    let Report { error, certainty, .. } = *report;
    let (asked, extensions) = match report.quoted.dst {
        IpAddr::V4(_) => (options.report_errors, options.report_extensions),
        IpAddr::V6(_) => (options.v6.report_errors, options.v6.report_extensions),
    };
    // Linux: with IP_PMTUDISC_DONT an error that fragments are needed does not count.
    let minds = mtu_discovery(&options, report.quoted.dst) != MtuDiscovery::Dont;
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
