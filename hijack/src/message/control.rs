//! The control messages of recvmsg(2), in Linux's order.

use crate::address;
use kernel::Socket;
use kernel::control_message::Writer;
use kernel::socket::{Auxdata, DatagramInfo, Origin, QueuedError, Received, Stamp, return_options, stamping};
use libc::{
    IP_PKTINFO, IP_RECVFRAGSIZE, IP_RECVOPTS, IP_RECVORIGDSTADDR, IP_RECVTOS, IP_RECVTTL, IP_RETOPTS, IP_TOS, IP_TTL,
    IPPROTO_TCP, IPPROTO_UDP, IPV6_DSTOPTS, IPV6_FLOWINFO, IPV6_HOPLIMIT, IPV6_HOPOPTS, IPV6_PATHMTU, IPV6_PKTINFO,
    IPV6_RECVFRAGSIZE, IPV6_RECVORIGDSTADDR, IPV6_RTHDR, IPV6_TCLASS, MSG_ERRQUEUE, PACKET_AUXDATA, SCM_TIMESTAMP,
    SCM_TIMESTAMPING, SCM_TIMESTAMPNS, SO_RXQ_OVFL, SOL_IP, SOL_IPV6, SOL_PACKET, SOL_SOCKET, TCP_INQ, UDP_GRO,
};
use std::ffi::c_int;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

// linux/in6.h, as RFC 2292 had them.
const IPV6_2292PKTINFO: c_int = 2;
const IPV6_2292HOPOPTS: c_int = 3;
const IPV6_2292DSTOPTS: c_int = 4;
const IPV6_2292RTHDR: c_int = 5;
const IPV6_2292HOPLIMIT: c_int = 8;
// Linux's numbers, which libc does not name.
const SCM_TIMESTAMP_NEW: c_int = 63;
const SCM_TIMESTAMPNS_NEW: c_int = 64;
const SCM_TIMESTAMPING_NEW: c_int = 65;

/// Writes the control messages that go with what was received.
pub fn write(socket: &Socket, received: &Received, flags: c_int, control: &mut Writer<'_>) {
    if let (Some(info), Some(auxdata)) = (&received.info, &received.auxdata) {
        packet_control(socket, info, auxdata, control);
    } else if let Some(info) = &received.info {
        receive_control(socket, info, &received.header_options, control);
    }
    if let Some(time_ns) = received.time_ns {
        timestamp(socket, time_ns, flags & MSG_ERRQUEUE != 0, control);
    }
    if socket.wanted_info().inq && flags & MSG_ERRQUEUE == 0 {
        control.put(IPPROTO_TCP, TCP_INQ, &socket.inq_hint().to_ne_bytes());
    }
    if let Some(told) = &received.path_mtu {
        control.put(SOL_IPV6, IPV6_PATHMTU, &told.encode());
    }
    if let Some(error) = &received.error {
        extended_error(socket, error, control);
    }
}

/// Of a datagram, what the socket's options ask for.
fn receive_control(socket: &Socket, info: &DatagramInfo, options: &[u8], control: &mut Writer<'_>) {
    let asked = |level, name| {
        let mut value = [0; 4];
        matches!(socket.getsockopt(level, name, &mut value), Ok(1..)) && value != [0; 4]
    };
    received_times(socket, info, control);
    if let Some(segment) = info.segment {
        control.put(IPPROTO_UDP, UDP_GRO, &segment.to_ne_bytes());
    }
    if asked(SOL_IP, IP_PKTINFO)
        && let IpAddr::V4(destination) = info.destination
    {
        // ipi_spec_dst is the address to answer from, which is the destination unless that was a multicast's.
        let addresses = [destination.octets(), destination.octets()].concat();
        control.put(SOL_IP, IP_PKTINFO, &[&info.interface.to_ne_bytes()[..], &addresses].concat());
    }
    if asked(SOL_IP, IP_RECVTTL) {
        control.put(SOL_IP, IP_TTL, &u32::from(info.ttl).to_ne_bytes());
    }
    if asked(SOL_IP, IP_RECVTOS) {
        control.put(SOL_IP, IP_TOS, &[info.tos]);
    }
    let wanted = socket.wanted_info();
    if info.destination.is_ipv4() && !options.is_empty() {
        if wanted.options {
            control.put(SOL_IP, IP_RECVOPTS, options);
        }
        if wanted.return_options {
            control.put(SOL_IP, IP_RETOPTS, &return_options(options));
        }
    }
    if asked(SOL_IP, IP_RECVORIGDSTADDR) && info.destination.is_ipv4() {
        original_destination(SOL_IP, info, control);
    }
    if wanted.fragment_size && info.fragment_size != 0 && info.destination.is_ipv4() {
        control.put(SOL_IP, IP_RECVFRAGSIZE, &u32::from(info.fragment_size).to_ne_bytes());
    }
    receive_control6(socket, info, options, control);
}

/// The times of a datagram or a frame, and SO_RXQ_OVFL.
fn received_times(socket: &Socket, info: &DatagramInfo, control: &mut Writer<'_>) {
    timestamp(socket, info.timestamp_ns, false, control);
    if socket.wanted_info().drops && info.drops != 0 {
        control.put(SOL_SOCKET, SO_RXQ_OVFL, &info.drops.to_ne_bytes());
    }
}

/// SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING: when something came, or left.
fn timestamp(socket: &Socket, time_ns: u64, left: bool, control: &mut Writer<'_>) {
    let wanted = socket.wanted_info();
    let (seconds, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
    let (kind, fraction) = match (wanted.stamps.unit, wanted.stamps.new) {
        (Some(Stamp::Micros), false) => (SCM_TIMESTAMP, nanos / 1000),
        (Some(Stamp::Micros), true) => (SCM_TIMESTAMP_NEW, nanos / 1000),
        (_, false) => (SCM_TIMESTAMPNS, nanos),
        (_, true) => (SCM_TIMESTAMPNS_NEW, nanos),
    };
    if wanted.stamps.unit.is_some() {
        control.put(SOL_SOCKET, kind, &[seconds.to_ne_bytes(), fraction.to_ne_bytes()].concat());
    }
    let needed = if left { stamping::SOFTWARE } else { stamping::RX_SOFTWARE | stamping::SOFTWARE };
    if wanted.stamps.flags & needed == needed {
        // Of the three times that of a card's clock is not there, and the second has no meaning any more.
        let times = [seconds, nanos, 0, 0, 0, 0].map(u64::to_ne_bytes).concat();
        control.put(SOL_SOCKET, if wanted.stamps.new { SCM_TIMESTAMPING_NEW } else { SCM_TIMESTAMPING }, &times);
    }
}

/// The control messages of packet sockets: `struct tpacket_auxdata`. There are no VLANs.
fn packet_control(socket: &Socket, info: &DatagramInfo, auxdata: &Auxdata, control: &mut Writer<'_>) {
    /// From linux/if_packet.h.
    const TP_STATUS_USER: u32 = 1;
    const TP_STATUS_CSUM_VALID: u32 = 1 << 7;
    received_times(socket, info, control);
    if socket.wanted_info().auxdata {
        let valid = if auxdata.checksum_good { TP_STATUS_CSUM_VALID } else { 0 };
        let words = [TP_STATUS_USER | valid, auxdata.len, auxdata.kept].map(u32::to_ne_bytes).concat();
        let halves = [0, auxdata.network, 0, 0].map(u16::to_ne_bytes).concat();
        control.put(SOL_PACKET, PACKET_AUXDATA, &[words, halves].concat());
    }
}

/// `struct sockaddr_in` or `sockaddr_in6` of whom it was for.
fn original_destination(level: c_int, info: &DatagramInfo, control: &mut Writer<'_>) {
    let zone = match info.destination {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => info.interface,
        _ => 0,
    };
    let addr = match info.destination {
        IpAddr::V4(v4) => SocketAddr::from((v4, info.port)),
        IpAddr::V6(v6) => SocketAddrV6::new(v6, info.port, 0, zone).into(),
    };
    let (bytes, len) = address::encode(addr);
    let kind = if level == SOL_IP { IP_RECVORIGDSTADDR } else { IPV6_RECVORIGDSTADDR };
    control.put(level, kind, &bytes[..len]);
}

/// As [`receive_control`], of ipv6(7). What came by IPv4 has a packet info alone, its address mapped.
fn receive_control6(socket: &Socket, info: &DatagramInfo, options: &[u8], control: &mut Writer<'_>) {
    if socket.domain() != libc::AF_INET6 {
        return;
    }
    let (wanted, by_ipv6) = (socket.wanted_info(), info.destination.is_ipv6());
    let destination = match info.destination {
        IpAddr::V4(destination) => destination.to_ipv6_mapped(),
        IpAddr::V6(destination) => destination,
    };
    let packet_info = [&destination.octets()[..], &info.interface.to_ne_bytes()].concat();
    if wanted.packet_info6 {
        control.put(SOL_IPV6, IPV6_PKTINFO, &packet_info);
    }
    if wanted.hop_limit && by_ipv6 {
        control.put(SOL_IPV6, IPV6_HOPLIMIT, &u32::from(info.ttl).to_ne_bytes());
    }
    if wanted.traffic_class && by_ipv6 {
        control.put(SOL_IPV6, IPV6_TCLASS, &u32::from(info.tos).to_ne_bytes());
    }
    if !by_ipv6 {
        return;
    }
    let flow_info = u32::from(info.tos) << 20 | info.flow_label;
    if wanted.flow_info && flow_info != 0 {
        control.put(SOL_IPV6, IPV6_FLOWINFO, &flow_info.to_be_bytes());
    }
    let told = [wanted.hop_options, wanted.destination_options, wanted.routing];
    extension_headers(options, told, [IPV6_HOPOPTS, IPV6_DSTOPTS, IPV6_RTHDR], control);
    if wanted.old_packet_info6 {
        control.put(SOL_IPV6, IPV6_2292PKTINFO, &packet_info);
    }
    if wanted.old_hop_limit {
        control.put(SOL_IPV6, IPV6_2292HOPLIMIT, &u32::from(info.ttl).to_ne_bytes());
    }
    let told = [wanted.old_hop_options, wanted.old_destination_options, wanted.old_routing];
    extension_headers(options, told, [IPV6_2292HOPOPTS, IPV6_2292DSTOPTS, IPV6_2292RTHDR], control);
    if wanted.original_destination6 {
        original_destination(SOL_IPV6, info, control);
    }
    if wanted.fragment_size6 && info.fragment_size != 0 {
        control.put(SOL_IPV6, IPV6_RECVFRAGSIZE, &u32::from(info.fragment_size).to_ne_bytes());
    }
}

/// A message a header of these kinds: hop-by-hop options, destination options, routing. `bytes`: as
/// [`Received::header_options`](kernel::socket::Received::header_options).
fn extension_headers(bytes: &[u8], told: [bool; 3], names: [c_int; 3], control: &mut Writer<'_>) {
    let Some((first, mut rest)) = bytes.split_first() else { return };
    let mut kind = c_int::from(*first);
    while let [next, words, ..] = *rest {
        let len = (8 + 8 * usize::from(words)).min(rest.len());
        let which = match kind {
            libc::IPPROTO_HOPOPTS => Some(0),
            libc::IPPROTO_DSTOPTS => Some(1),
            libc::IPPROTO_ROUTING => Some(2),
            _ => None,
        };
        if let Some(which) = which.filter(|which| told[*which]) {
            control.put(SOL_IPV6, names[which], &rest[..len]);
        }
        (kind, rest) = (next.into(), &rest[len..]);
    }
}

/// `struct sock_extended_err` and the address of the offender behind it (ip(7), IP_RECVERR).
fn extended_error(socket: &Socket, error: &QueuedError, control: &mut Writer<'_>) {
    let v6 = error.destination.is_ipv6();
    /// From linux/errqueue.h.
    const SO_EE_ORIGIN_ZEROCOPY: u8 = 5;
    const SO_EE_CODE_ZEROCOPY_COPIED: u8 = 1;
    let (mut info, mut data) = (error.info, 0);
    let (origin, kind, code, offender) = match error.origin {
        Origin::Local => (libc::SO_EE_ORIGIN_LOCAL, 0, 0, None),
        Origin::TxTimestamp { id, source, .. } => {
            data = id;
            (libc::SO_EE_ORIGIN_TIMESTAMPING, 0, 0, source)
        }
        Origin::Copied { first, last } => {
            (info, data) = (first, last);
            (SO_EE_ORIGIN_ZEROCOPY, 0, SO_EE_CODE_ZEROCOPY_COPIED, None)
        }
        Origin::Icmp { kind, code, icmp_header, extensions } => {
            // `struct sock_ee_data_rfc4884`: where, and SO_EE_RFC4884_FLAG_INVALID.
            data = extensions.map_or(0, |added| u32::from(added.at) | u32::from(!added.whole) << 16);
            let origin = if v6 { libc::SO_EE_ORIGIN_ICMP6 } else { libc::SO_EE_ORIGIN_ICMP };
            (origin, kind, code, Some(icmp_header.src.ip()))
        }
    };
    let mut bytes =
        [&error.errno.to_ne_bytes()[..], &[origin, kind, code, 0], &info.to_ne_bytes(), &data.to_ne_bytes()].concat();
    if socket.domain() == libc::AF_PACKET {
        control.put(SOL_PACKET, libc::PACKET_TX_TIMESTAMP, &bytes);
        return;
    }
    let len = address::encode(error.destination).1;
    match offender {
        Some(offender) => bytes.extend(&address::encode(SocketAddr::new(offender, 0)).0[..len]),
        None => bytes.resize(bytes.len() + len, 0),
    }
    let (level, name) = if v6 { (SOL_IPV6, libc::IPV6_RECVERR) } else { (SOL_IP, libc::IP_RECVERR) };
    control.put(level, name, &bytes);
}
