//! IPPROTO_IP: ip(7), raw(7).

use super::rows::{change, engine, local, within};
use super::{Access, On, Row, Settings};
use crate::backend::{Call, Reply};
use crate::endpoint::Kind;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::IPPROTO_IP;
use netstack::datagram::MtuDiscovery;
use netstack::link::IfIndex;
use netstack::socket::PortRange;

/// raw(7); the libc crate does not have it.
// linux/in.h; neither does it have these.
const IP_RECVERR_RFC4884: i32 = 26;
const IP_LOCAL_PORT_RANGE: i32 = 51;
const IP_PROTOCOL: i32 = 52;

/// Linux net.ipv4.ip_default_ttl.
const DEFAULT_TTL: u8 = 64;

pub(super) static ROWS: &[Row] = &[
    engine!(IPPROTO_IP, libc::IP_TTL, On::All, s => i32::from(s.raw.datagram.ttl), v => {
        let ttl = match v {
            -1 => None,
            1..=255 => Some(v as u8),
            _ => return Err(Errno::INVAL),
        };
        s.raw.datagram.ttl = ttl.unwrap_or(DEFAULT_TTL);
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
    Row {
        level: IPPROTO_IP,
        name: libc::IP_RECVERR,
        on: On::All,
        access: Access::Int {
            get: |s| Ok(i32::from(s.settings.lock().raw.datagram.report_errors)),
            set: Some(|s, v| set_reporting(s, v != 0, Settings::report_errors)),
        },
    },
    engine!(IPPROTO_IP, IP_RECVERR_RFC4884, On::All, s => i32::from(s.tcp.report_extensions), v => {
        s.tcp.report_extensions = within(v, 0, 1)? != 0;
        s.raw.datagram.report_extensions = v != 0;
    }),
    local!(IPPROTO_IP, libc::IP_RECVORIGDSTADDR, On::All, s => s.wanted.original_destination,
        v => s.wanted.original_destination = v != 0),
    engine!(IPPROTO_IP, libc::IP_MINTTL, On::All, s => i32::from(s.tcp.least_ttl),
        v => s.tcp.least_ttl = within(v, 0, 255)? as u8),
    engine!(IPPROTO_IP, libc::IP_TRANSPARENT, On::All, s => i32::from(s.tcp.transparent), v => s.set_transparent(v != 0)),
    local!(IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, On::All, s => s.no_port, v => s.no_port = v != 0),
    Row {
        level: IPPROTO_IP,
        name: libc::IP_UNICAST_IF,
        on: On::All,
        access: Access::Word {
            get: |s| Ok(shown_index(s.settings.lock().raw.datagram.unicast_on)),
            set: |s, value| set_index(s, value, |s| &mut s.raw.datagram.unicast_on),
        },
    },
    Row {
        level: IPPROTO_IP,
        name: IP_LOCAL_PORT_RANGE,
        on: On::All,
        access: Access::Word { get: port_range, set: set_port_range },
    },
    local!(IPPROTO_IP, libc::IP_RECVFRAGSIZE, On::Datagram, s => s.wanted.fragment_size,
        v => s.wanted.fragment_size = v != 0),
    Row {
        level: IPPROTO_IP,
        name: libc::IP_RECVFRAGSIZE,
        on: On::Stream,
        access: Access::Int { get: |_| Ok(0), set: Some(|_, _| Err(Errno::INVAL)) },
    },
    // What the socket is: of a raw one the protocol, of others the port (Linux's inet_num).
    Row {
        level: IPPROTO_IP,
        name: IP_PROTOCOL,
        on: On::All,
        access: Access::Int {
            get: |s| match s.endpoint.kind {
                Kind::Raw(protocol) => Ok(i32::from(protocol)),
                _ => Ok(i32::from(s.local_addr()?.port())),
            },
            set: None,
        },
    },
    Row { level: IPPROTO_IP, name: libc::IP_HDRINCL, on: On::All, access: Access::Int { get: |_| Ok(0), set: None } },
    // For gathering fragments that filters look at; there are none here.
    local!(IPPROTO_IP, libc::IP_NODEFRAG, On::Raw, s => s.kept.no_defrag, v => s.kept.no_defrag = v != 0),
    Row { level: IPPROTO_IP, name: libc::IP_NODEFRAG, on: On::All, access: Access::Int { get: |_| Ok(0), set: None } },
    // A sum that hardware has made, and a label of a security module: nobody makes either here, as on Linux's loopback.
    local!(IPPROTO_IP, libc::IP_CHECKSUM, On::All, s => s.kept.checksum, v => s.kept.checksum = v != 0),
    local!(IPPROTO_IP, libc::IP_PASSSEC, On::All, s => s.kept.security, v => s.kept.security = v != 0),
    Row {
        level: IPPROTO_IP,
        name: libc::IP_ROUTER_ALERT,
        on: On::All,
        access: Access::Int {
            get: |s| Ok(i32::from(s.settings.lock().raw.router_alert.is_some())),
            set: Some(router_alert),
        },
    },
    local!(IPPROTO_IP, libc::IP_FREEBIND, On::All, s => s.free_bind, v => s.free_bind = v != 0),
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

/// An interface's index, in network byte order (Linux: of the precise length, too).
pub(super) fn shown_index(on: Option<IfIndex>) -> [u8; 4] {
    on.map_or(0, |on| on.0).to_be_bytes()
}

pub(super) fn set_index(
    socket: &Socket,
    value: &[u8],
    place: impl FnOnce(&mut Settings) -> &mut Option<IfIndex>,
) -> Result<()> {
    let on = one_of_ours(socket, u32::from_be_bytes(value.try_into().map_err(|_| Errno::INVAL)?))?;
    change(socket, |settings| {
        *place(settings) = on;
        Ok(())
    })
}

/// Types of ICMP or ICMPv6 messages, a bit each.
pub(super) fn shown_filter(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// As on Linux a shorter filter changes what it covers, and of a longer one the rest does not count.
pub(super) fn set_filter(socket: &Socket, value: &[u8], place: impl FnOnce(&mut Settings) -> &mut [u32]) -> Result<()> {
    change(socket, |settings| {
        let words = place(settings);
        let mut bytes = shown_filter(words);
        bytes.iter_mut().zip(value).for_each(|(byte, set)| *byte = *set);
        words.iter_mut().zip(bytes.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_ne_bytes(*bytes));
        Ok(())
    })
}

/// An interface that is there and is that which the socket is bound to, if it is to one; None for 0.
pub(super) fn one_of_ours(socket: &Socket, index: u32) -> Result<Option<IfIndex>> {
    let Some(on) = Some(IfIndex(index)).filter(|_| index != 0) else { return Ok(None) };
    if socket.interfaces()?.iter().all(|one| one.index != index) {
        return Err(Errno::ADDRNOTAVAIL);
    }
    match socket.settings.lock().tcp.bound_to {
        Some(bound) if bound != on => Err(Errno::INVAL),
        _ => Ok(Some(on)),
    }
}

/// The least port in the low half, the most in the high half.
fn port_range(socket: &Socket) -> Result<[u8; 4]> {
    let PortRange { least, most } = socket.settings.lock().tcp.ports;
    Ok((u32::from(most) << 16 | u32::from(least)).to_ne_bytes())
}

fn set_port_range(socket: &Socket, value: &[u8]) -> Result<()> {
    let range = u32::from_ne_bytes(value.try_into().map_err(|_| Errno::INVAL)?);
    let ports = PortRange { least: range as u16, most: (range >> 16) as u16 };
    if ports.least != 0 && ports.most != 0 && ports.least > ports.most {
        return Err(Errno::INVAL);
    }
    change(socket, |settings| {
        settings.tcp.ports = ports;
        settings.raw.datagram.ports = ports;
        Ok(())
    })
}

/// IP_MTU: of connected sockets alone.
pub(super) fn path_mtu(socket: &Socket) -> Result<i32> {
    let (_, remote) = socket.backend.call(Call::Names(socket.id()))?.names()?;
    match socket.backend.call(Call::PathMtu(remote.ok_or(Errno::NOTCONN)?))? {
        Reply::PathMtu(mtu) => Ok(mtu as i32),
        _ => Err(Errno::PROTO),
    }
}

/// ip_ra_control(): raw sockets alone may ask, and once.
fn router_alert(socket: &Socket, on: i32) -> Result<()> {
    if !matches!(socket.endpoint.kind, Kind::Raw(protocol) if i32::from(protocol) != libc::IPPROTO_RAW) {
        return Err(Errno::INVAL);
    }
    change(socket, |settings| {
        settings.raw.router_alert = match (on != 0, settings.raw.router_alert) {
            (true, Some(_)) => return Err(Errno::ADDRINUSE),
            (true, None) => Some(0),
            (false, Some(_)) => None,
            (false, None) => return Err(Errno::NOBUFS),
        };
        Ok(())
    })
}

/// IP_RECVERR, IPV6_RECVERR: who wants to hear of no more errors has none to read either.
pub(super) fn set_reporting(socket: &Socket, on: bool, set: fn(&mut Settings, bool)) -> Result<()> {
    change(socket, |settings| {
        set(settings, on);
        Ok(())
    })?;
    if !on {
        socket.endpoint.errors.clear();
    }
    Ok(())
}
