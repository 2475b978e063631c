//! IPPROTO_IP and SOL_RAW: ip(7), raw(7).

use super::rows::{engine, local};
use super::{Access, On, Row};
use crate::backend::{Call, Reply};
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::IPPROTO_IP;
use netstack::datagram::MtuDiscovery;

/// raw(7); the libc crate does not have it.
const ICMP_FILTER: i32 = 1;

pub(super) static ROWS: &[Row] = &[
    engine!(IPPROTO_IP, libc::IP_TTL, On::All, s => i32::from(s.raw.datagram.ttl), v => {
        let ttl = match v {
            -1 => 64,
            1..=255 => v as u8,
            _ => return Err(Errno::INVAL),
        };
        s.raw.datagram.ttl = ttl;
        s.tcp.ttl = ttl;
    }),
    // A stream's two low bits are ECN's, which are TCP's own.
    engine!(IPPROTO_IP, libc::IP_TOS, On::Stream, s => i32::from(s.tcp.tos), v => s.tcp.tos = v as u8 & !3),
    engine!(IPPROTO_IP, libc::IP_TOS, On::Datagram, s => i32::from(s.raw.datagram.tos),
        v => s.raw.datagram.tos = v as u8),
    engine!(IPPROTO_IP, libc::IP_HDRINCL, On::Raw, s => i32::from(s.raw.header_included),
        v => s.raw.header_included = v != 0),
    engine!(IPPROTO_IP, libc::IP_MTU_DISCOVER, On::All, s => s.mtu_discover, v => {
        if !(libc::IP_PMTUDISC_DONT..=libc::IP_PMTUDISC_OMIT).contains(&v) {
            return Err(Errno::INVAL);
        }
        s.mtu_discover = v;
        s.raw.datagram.mtu_discovery = mtu_discovery(v);
    }),
    Row { level: IPPROTO_IP, name: libc::IP_MTU, on: On::All, access: Access::Int { get: path_mtu, set: None } },
    local!(IPPROTO_IP, libc::IP_PKTINFO, On::All, s => s.wanted.packet_info, v => s.wanted.packet_info = v != 0),
    local!(IPPROTO_IP, libc::IP_RECVTTL, On::All, s => s.wanted.ttl, v => s.wanted.ttl = v != 0),
    local!(IPPROTO_IP, libc::IP_RECVTOS, On::All, s => s.wanted.tos, v => s.wanted.tos = v != 0),
    engine!(IPPROTO_IP, libc::IP_RECVERR, On::All, s => i32::from(s.raw.datagram.report_errors),
        v => s.raw.datagram.report_errors = v != 0),
    local!(IPPROTO_IP, libc::IP_FREEBIND, On::All, s => s.free_bind, v => s.free_bind = v != 0),
    engine!(libc::SOL_RAW, ICMP_FILTER, On::Raw, s => s.raw.icmp_filter as i32, v => s.raw.icmp_filter = v as u32),
];

/// IP_MTU_DISCOVER and IPV6_MTU_DISCOVER have the same values.
pub(super) fn mtu_discovery(value: i32) -> MtuDiscovery {
    match value {
        libc::IP_PMTUDISC_DONT => MtuDiscovery::Dont,
        libc::IP_PMTUDISC_DO => MtuDiscovery::Do,
        libc::IP_PMTUDISC_PROBE => MtuDiscovery::Probe,
        libc::IP_PMTUDISC_INTERFACE => MtuDiscovery::Interface,
        libc::IP_PMTUDISC_OMIT => MtuDiscovery::Omit,
        _ => MtuDiscovery::Want,
    }
}

/// IP_MTU: of connected sockets alone.
fn path_mtu(socket: &Socket) -> Result<i32> {
    let (_, remote) = socket.backend.call(Call::Names(socket.id()))?.names()?;
    match socket.backend.call(Call::PathMtu(remote.ok_or(Errno::NOTCONN)?))? {
        Reply::PathMtu(mtu) => Ok(mtu as i32),
        _ => Err(Errno::PROTO),
    }
}
