//! IP_PKTOPTIONS and IPV6_2292PKTOPTIONS: what a stream tells as control messages of the packets that brought it. Which, the
//! program says by the options that ask for them with datagrams. The latter also sets extension headers (RFC 2292 §7).

use super::header::set_extensions;
use super::{Access, On, Row};
use crate::backend::{Call, Reply};
use crate::control_message::Writer;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::{IPPROTO_IP, IPPROTO_IPV6};
use netstack::tcp::PacketInfo;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

// linux/in.h and linux/in6.h; the libc crate does not have them.
const IP_PKTOPTIONS: i32 = 9;
const IPV6_2292PKTINFO: i32 = 2;
const IPV6_2292PKTOPTIONS: i32 = 6;
const IPV6_2292HOPLIMIT: i32 = 8;

/// What Linux tells where no packet counts: what the socket would send to groups with.
const NOTHING_CAME: PacketInfo = PacketInfo { on: netstack::link::IfIndex(0), ttl: 1, tos: 0, flow_label: 0 };

pub(super) static ROWS: &[Row] = &[
    Row { level: IPPROTO_IP, name: IP_PKTOPTIONS, on: On::Stream, access: Access::Control { get: options, set: None } },
    Row {
        level: IPPROTO_IPV6,
        name: IPV6_2292PKTOPTIONS,
        on: On::Stream,
        access: Access::Control { get: options6, set: Some(set_extensions) },
    },
    Row {
        level: IPPROTO_IPV6,
        name: IPV6_2292PKTOPTIONS,
        on: On::All,
        access: Access::Control { get: |_, _| Err(Errno::NOPROTOOPT), set: Some(set_extensions) },
    },
];

/// How the connection came, and whether it is of IPv4.
fn packet_info(socket: &Socket) -> Result<(PacketInfo, Option<IpAddr>)> {
    let peer = socket.backend.call(Call::Names(socket.id()))?.names()?.1.map(|peer| peer.ip());
    match socket.backend.call(Call::PacketInfo(socket.id()))? {
        Reply::PacketInfo(arrived) => Ok((arrived.unwrap_or(NOTHING_CAME), peer)),
        _ => Err(Errno::PROTO),
    }
}

fn options(socket: &Socket, control: &mut Writer<'_>) -> Result<()> {
    let (arrived, _) = packet_info(socket)?;
    let wanted = socket.wanted_info();
    if wanted.packet_info {
        let ours = match socket.local_addr()?.ip().to_canonical() {
            IpAddr::V4(ours) => ours,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        let info = [arrived.on.0.to_ne_bytes(), ours.octets(), ours.octets()].concat();
        control.put(libc::SOL_IP, libc::IP_PKTINFO, &info);
    }
    if wanted.ttl {
        control.put(libc::SOL_IP, libc::IP_TTL, &i32::from(arrived.ttl).to_ne_bytes());
    }
    if wanted.tos {
        control.put(libc::SOL_IP, libc::IP_TOS, &i32::from(arrived.tos).to_ne_bytes());
    }
    Ok(())
}

/// As on Linux the address is the peer's.
fn options6(socket: &Socket, control: &mut Writer<'_>) -> Result<()> {
    let (arrived, peer) = packet_info(socket)?;
    let wanted = socket.wanted_info();
    let address = match peer {
        Some(IpAddr::V6(peer)) if arrived.on.0 != 0 => peer,
        Some(IpAddr::V4(peer)) if arrived.on.0 != 0 => peer.to_ipv6_mapped(),
        _ => Ipv6Addr::UNSPECIFIED,
    };
    let info = [&address.octets()[..], &arrived.on.0.to_ne_bytes()].concat();
    let hops = i32::from(arrived.ttl).to_ne_bytes();
    let flow_info = u32::from(arrived.tos) << 20 | arrived.flow_label;
    let mut put = |wanted: bool, kind: i32, data: &[u8]| {
        if wanted {
            control.put(libc::SOL_IPV6, kind, data);
        }
    };
    put(wanted.packet_info6, libc::IPV6_PKTINFO, &info);
    put(wanted.hop_limit, libc::IPV6_HOPLIMIT, &hops);
    put(wanted.traffic_class, libc::IPV6_TCLASS, &i32::from(arrived.tos).to_ne_bytes());
    // Of a packet that said something of its flow, Linux tells it before what RFC 2292 had; of others behind.
    put(wanted.flow_info && flow_info != 0, libc::IPV6_FLOWINFO, &flow_info.to_be_bytes());
    put(wanted.old_packet_info6, IPV6_2292PKTINFO, &info);
    put(wanted.old_hop_limit, IPV6_2292HOPLIMIT, &hops);
    put(wanted.flow_info && flow_info == 0, libc::IPV6_FLOWINFO, &flow_info.to_be_bytes());
    Ok(())
}
