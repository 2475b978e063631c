//! sendmsg(2) and recvmsg(2), one or many, with their control messages.

use crate::address;
use crate::hook;
use crate::netlink::{self, Sender};
use crate::socket::on;
use crate::table::host;
use crate::transfer::{count, send_on};
use crate::user::{self, Message, Out};
use kernel::control_message::{Reader, Writer};
use kernel::descriptor::{self, Lookup};
use kernel::socket::{Auxdata, DatagramInfo, Origin, QueuedError, SendControl, Stamp, return_options, stamping};
use kernel::{Errno, Result, Socket};
use libc::{
    IP_PKTINFO, IP_RECVFRAGSIZE, IP_RECVOPTS, IP_RECVORIGDSTADDR, IP_RECVTOS, IP_RECVTTL, IP_RETOPTS, IP_TOS, IP_TTL,
    IPPROTO_TCP, IPPROTO_UDP, IPV6_DSTOPTS, IPV6_FLOWINFO, IPV6_HOPLIMIT, IPV6_HOPOPTS, IPV6_PATHMTU, IPV6_PKTINFO,
    IPV6_RECVFRAGSIZE, IPV6_RECVORIGDSTADDR, IPV6_RTHDR, IPV6_TCLASS, MSG_CTRUNC, MSG_DONTWAIT, MSG_ERRQUEUE,
    MSG_WAITFORONE, PACKET_AUXDATA, SCM_RIGHTS, SCM_TIMESTAMP, SCM_TIMESTAMPING, SCM_TIMESTAMPNS, SO_RXQ_OVFL, SOL_IP,
    SOL_IPV6, SOL_PACKET, SOL_SOCKET, TCP_INQ, UDP_GRO, mmsghdr, msghdr, timespec,
};
use std::ffi::{c_int, c_uint};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

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
/// The most messages of one sendmmsg or recvmmsg (UIO_MAXIOV).
const MOST: c_uint = 1024;

/// sendmsg(2). The host's may pass rump sockets on to other processes (SCM_RIGHTS).
pub fn sendmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> Option<Result<isize>> {
    let sent = on(fd, |socket| send_one(socket, message.parts()?, flags).map(count))
        .or_else(|| netlink::on(fd, |socket| netlink::sendmsg(socket, message.parts()?).map(count)));
    if sent.is_none() {
        note_passed_on(message);
    }
    sent
}

fn send_one(socket: &Socket, message: Message, flags: c_int) -> Result<usize> {
    let to = address::destination(socket, flags, message.name.as_in(), message.name_len)?;
    let control = match socket.is_corked() {
        true => SendControl::default(),
        false => SendControl::read(socket, message.control.slice(message.control_len)?)?,
    };
    user::gather(message.vectors, message.count, |bufs| send_on(socket, bufs, flags, to, &control))
}

/// sendmmsg(2): an error counts only if it is the first message's.
pub fn sendmmsg(fd: c_int, messages: Out<mmsghdr>, len: c_uint, flags: c_int) -> Option<Result<c_int>> {
    let sent = on(fd, |socket| {
        let mut done = 0;
        for index in 0..len.min(MOST) {
            let sent = messages.header(index).parts().and_then(|message| send_one(socket, message, flags));
            match sent.and_then(|sent| messages.set_len(index, sent as u32)) {
                Ok(()) => done += 1,
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(done)
    })
    .or_else(|| netlink::on(fd, |socket| netlink::sendmmsg(socket, messages, len.min(MOST))));
    if sent.is_none() {
        (0..len.min(MOST)).for_each(|index| note_passed_on(messages.header(index)));
    }
    sent
}

/// recvmsg(2). The host's may bring descriptors (SCM_RIGHTS), rump sockets among them.
pub fn recvmsg(fd: c_int, message: Out<msghdr>, flags: c_int) -> isize {
    let mut sender = None;
    let ours = || {
        on(fd, |socket| receive_one(socket, message, flags).map(count)).or_else(|| {
            sender = Sender::of_message(fd, message);
            None
        })
    };
    hook::asks(ours).unwrap_or_else(|| {
        hook::after(host::recvmsg(fd, message, flags), |result| {
            if result >= 0 {
                note_arrived(message);
                sender.iter().for_each(Sender::name);
            }
        })
    })
}

/// Bytes that all control messages of a message together do not reach.
const LONGEST_CONTROL: usize = 512;

fn receive_one(socket: &Socket, header: Out<msghdr>, flags: c_int) -> Result<usize> {
    let message = header.parts()?;
    let received = user::scatter(message.vectors, message.count, |bufs| socket.recv(bufs, flags))?;
    let name_len = match received.from {
        Some(from) if !message.name.is_null() => address::write(from, message.name, message.name_len as usize)?,
        _ => 0,
    };
    let mut little = [0; LONGEST_CONTROL];
    let mut much = Vec::new();
    let space = match received.header_options.len() {
        0 => &mut little[..],
        // Each may be told twice, as RFC 2292 and as RFC 3542 have it, one header a message.
        len => {
            much.resize(LONGEST_CONTROL + 8 * len, 0);
            &mut much[..]
        }
    };
    let room = message.control_len.min(space.len());
    let mut control = Writer::new(&mut space[..room]);
    if let (Some(info), Some(auxdata)) = (&received.info, &received.auxdata) {
        packet_control(socket, info, auxdata, &mut control);
    } else if let Some(info) = received.info {
        receive_control(socket, &info, &received.header_options, &mut control);
    }
    if let Some(time_ns) = received.time_ns {
        timestamp(socket, time_ns, flags & MSG_ERRQUEUE != 0, &mut control);
    }
    if socket.wanted_info().inq && flags & MSG_ERRQUEUE == 0 {
        control.put(IPPROTO_TCP, TCP_INQ, &socket.inq_hint().to_ne_bytes());
    }
    if let Some(told) = &received.path_mtu {
        control.put(SOL_IPV6, IPV6_PATHMTU, &told.encode());
    }
    if let Some(error) = &received.error {
        extended_error(socket, error, &mut control);
    }
    let truncated = if control.truncated() { MSG_CTRUNC } else { 0 };
    // As Linux, where they cannot be written the message has come without them.
    let control_len = control.used();
    let control_len = message.control.put(&space[..control_len]).map_or(0, |()| control_len);
    header.finish(name_len, control_len, received.flags | truncated | (flags & libc::MSG_CMSG_CLOEXEC))?;
    Ok(received.len)
}

/// recvmmsg(2). The timeout is looked at after each message only, as on Linux (its BUGS section).
pub fn recvmmsg(fd: c_int, messages: Out<mmsghdr>, len: c_uint, flags: c_int, timeout: Out<timespec>) -> c_int {
    let mut senders = Vec::new();
    let ours = || {
        on(fd, |socket| receive_many(socket, messages, len.min(MOST), flags, timeout)).or_else(|| {
            let sender = |index| Sender::of_message(fd, messages.header(index));
            senders = (0..len.min(MOST)).map_while(sender).collect();
            None
        })
    };
    hook::asks(ours).unwrap_or_else(|| {
        hook::after(host::recvmmsg(fd, messages, len, flags, timeout), |result| {
            let come = c_uint::try_from(result).unwrap_or(0);
            (0..come).for_each(|index| note_arrived(messages.header(index)));
            senders.iter().take(come as usize).for_each(Sender::name);
        })
    })
}

fn receive_many(
    socket: &Socket,
    messages: Out<mmsghdr>,
    len: c_uint,
    flags: c_int,
    timeout: Out<timespec>,
) -> Result<c_int> {
    let deadline = match timeout.is_null() {
        true => None,
        false => Instant::now().checked_add(duration(timeout.get()?)?),
    };
    // Linux does so of streams, too.
    if flags & MSG_ERRQUEUE == 0 {
        socket.take_pending()?;
    }
    let mut done = 0;
    for index in 0..len {
        let waiting = if done > 0 && flags & MSG_WAITFORONE != 0 { MSG_DONTWAIT } else { 0 };
        let received = receive_one(socket, messages.header(index), (flags & !MSG_WAITFORONE) | waiting);
        match received.and_then(|received| messages.set_len(index, received as u32)) {
            Ok(()) => done += 1,
            Err(errno) if done == 0 => return Err(errno),
            Err(errno) => {
                // What the network said is for the next call.
                if !matches!(errno, Errno::AGAIN | Errno::INTR | Errno::FAULT) {
                    socket.leave_error(errno);
                }
                break;
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
    }
    Ok(done)
}

/// A C interval. EINVAL for one that no clock shows.
pub fn duration(time: timespec) -> Result<Duration> {
    match (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec)) {
        (Ok(seconds), Ok(nanos @ 0..=999_999_999)) => Ok(Duration::new(seconds, nanos)),
        _ => Err(Errno::INVAL),
    }
}

/// Writes the control messages that the socket's options ask for, in Linux's order.
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
        Origin::Departure { id, source, .. } => {
            data = id;
            (libc::SO_EE_ORIGIN_TIMESTAMPING, 0, 0, source)
        }
        Origin::Copied { first, last } => {
            (info, data) = (first, last);
            (SO_EE_ORIGIN_ZEROCOPY, 0, SO_EE_CODE_ZEROCOPY_COPIED, None)
        }
        Origin::Icmp { kind, code, carrier, extensions } => {
            // `struct sock_ee_data_rfc4884`: where, and SO_EE_RFC4884_FLAG_INVALID.
            data = extensions.map_or(0, |added| u32::from(added.at) | u32::from(!added.whole) << 16);
            let origin = if v6 { libc::SO_EE_ORIGIN_ICMP6 } else { libc::SO_EE_ORIGIN_ICMP };
            (origin, kind, code, Some(carrier.src.ip()))
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

/// Looks at the descriptors that just came by SCM_RIGHTS.
fn note_arrived(header: Out<msghdr>) {
    passed(header, descriptor::arrived);
}

/// If rump sockets are about to go to another process by SCM_RIGHTS, the kernel must know that others may hold them.
fn note_passed_on(header: Out<msghdr>) {
    if !descriptor::in_use() {
        return;
    }
    let mut ours = false;
    passed(header, |fd| ours |= !matches!(descriptor::lookup(fd), Lookup::Host));
    if ours && !descriptor::in_vfork_child() {
        descriptor::passed_on();
    }
}

/// Calls `with` on each descriptor in the SCM_RIGHTS messages of a header.
fn passed(header: Out<msghdr>, mut with: impl FnMut(c_int)) {
    let Ok(message) = header.parts() else { return };
    let Ok(control) = message.control.slice(message.control_len) else { return };
    for message in Reader::new(control).map_while(Result::ok) {
        if (message.level, message.kind) == (SOL_SOCKET, SCM_RIGHTS) {
            for fd in message.data.chunks_exact(4) {
                with(c_int::from_ne_bytes([fd[0], fd[1], fd[2], fd[3]]));
            }
        }
    }
}
