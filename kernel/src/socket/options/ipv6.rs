//! IPPROTO_IPV6: ipv6(7), RFC 3542. Sockets of AF_INET6 have these beside those of IPPROTO_IP, which are
//! for the IPv4 that they speak.

use super::Access::Int;
use super::ip::{mtu_discovery, one_of_ours, path_mtu, set_index, set_reporting, shown_index};
use super::preferences;
use super::rows::{bytes, change, engine, local, within};
use super::{Access, On, Row, Settings};
use crate::backend::{Call, GroupChange, Reply};
use crate::endpoint::Kind;
use crate::socket::{PathMtu, Socket};
use crate::{Errno, Result};
use libc::IPPROTO_IPV6;
use netstack::link::IfIndex;
use std::net::Ipv6Addr;

// linux/in6.h and linux/icmpv6.h; the libc crate does not have them.
const IPV6_2292PKTINFO: i32 = 2;
const IPV6_2292HOPLIMIT: i32 = 8;
const IPV6_JOIN_ANYCAST: i32 = 27;
const IPV6_LEAVE_ANYCAST: i32 = 28;
const IPV6_MULTICAST_ALL: i32 = 29;
const IPV6_ROUTER_ALERT_ISOLATE: i32 = 30;
const IPV6_RECVERR_RFC4884: i32 = 31;
const IPV6_FLOWINFO_SEND: i32 = 33;
const IPV6_ADDR_PREFERENCES: i32 = 72;
const IPV6_MINHOPCOUNT: i32 = 73;
pub(super) const IPV6_AUTOFLOWLABEL: i32 = 70;

/// Hop limit of packets for which nobody asked for another.
const DEFAULT_HOPS: i32 = 64;
/// IPV6_MIN_MTU (RFC 8200 §5).
const LEAST_MTU: i32 = 1280;

pub(super) static ROWS: &[Row] = &[
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_V6ONLY,
        on: On::All,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().v6_only)),
            // What a socket is bound to cannot change its meaning.
            set: Some(|s, v| {
                if matches!(s.endpoint.kind, Kind::Raw(_)) || s.local_addr()?.port() != 0 {
                    return Err(Errno::INVAL);
                }
                s.settings.lock().v6_only = v != 0;
                Ok(())
            }),
        },
    },
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_UNICAST_HOPS,
        on: On::All,
        access: Int {
            get: unicast_hops,
            set: Some(|s, v| {
                let hops = hops(v)?;
                change(s, |settings| {
                    settings.raw.datagram.v6.unicast_hops = hops;
                    settings.tcp.hops = hops;
                    Ok(())
                })
            }),
        },
    },
    engine!(IPPROTO_IPV6, libc::IPV6_MULTICAST_HOPS, On::Datagram,
        s => i32::from(s.raw.datagram.v6.multicast_hops), v => s.raw.datagram.v6.multicast_hops = hops(v)?.unwrap_or(1)),
    engine!(IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, On::All,
        s => i32::from(s.raw.datagram.v6.multicast_loop),
        v => s.raw.datagram.v6.multicast_loop = within(v, 0, 1)? != 0),
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_MULTICAST_IF,
        on: On::Datagram,
        access: Int {
            get: |s| Ok(s.settings.lock().raw.datagram.v6.multicast_on.map_or(0, |on| on.0 as i32)),
            set: Some(|s, v| {
                let on = one_of_ours(s, v as u32).map_err(|_| Errno::NODEV)?;
                change(s, |settings| {
                    settings.raw.datagram.v6.multicast_on = on;
                    Ok(())
                })
            }),
        },
    },
    // A stream's two low bits are ECN's, which are TCP's own.
    engine!(IPPROTO_IPV6, libc::IPV6_TCLASS, On::Stream, s => i32::from(s.tcp.traffic_class),
        v => s.tcp.traffic_class = within(v, -1, 255)?.max(0) as u8 & !3),
    engine!(IPPROTO_IPV6, libc::IPV6_TCLASS, On::Datagram, s => i32::from(s.raw.datagram.v6.traffic_class),
        v => s.raw.datagram.v6.traffic_class = within(v, -1, 255)?.max(0) as u8),
    engine!(IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, On::All, s => s.inet6.mtu_discover, v => {
        s.inet6.mtu_discover = within(v, libc::IPV6_PMTUDISC_DONT, libc::IPV6_PMTUDISC_OMIT)?;
        s.raw.datagram.v6.mtu_discovery = mtu_discovery(v);
    }),
    engine!(IPPROTO_IPV6, libc::IPV6_DONTFRAG, On::All, s => i32::from(s.raw.datagram.v6.dont_fragment),
        v => s.raw.datagram.v6.dont_fragment = v != 0),
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_RECVERR,
        on: On::All,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().raw.datagram.v6.report_errors)),
            set: Some(|s, v| set_reporting(s, v != 0, Settings::report_errors6)),
        },
    },
    engine!(IPPROTO_IPV6, IPV6_RECVERR_RFC4884, On::All, s => i32::from(s.tcp.report_extensions6), v => {
        s.tcp.report_extensions6 = within(v, 0, 1)? != 0;
        s.raw.datagram.v6.report_extensions = v != 0;
    }),
    engine!(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, On::All, s => i32::from(s.raw.datagram.v6.auto_flow_label), v => {
        s.raw.datagram.v6.auto_flow_label = v != 0;
        let label = s.raw.datagram.v6.flow_label;
        s.set_flow_label(label);
    }),
    engine!(IPPROTO_IPV6, IPV6_ADDR_PREFERENCES, On::All, s => preferences::shown(s.inet6.address_preferences), v => {
        s.inet6.address_preferences = preferences::checked(v)?;
        let temporary = preferences::temporary(s.inet6.address_preferences);
        s.raw.datagram.v6.temporary = temporary;
        s.tcp.temporary = temporary;
    }),
    local!(IPPROTO_IPV6, libc::IPV6_FLOWINFO, On::All, s => s.wanted.flow_info, v => s.wanted.flow_info = v != 0),
    local!(IPPROTO_IPV6, IPV6_FLOWINFO_SEND, On::All, s => s.inet6.flow_info_send,
        v => s.inet6.flow_info_send = v != 0),
    engine!(IPPROTO_IPV6, IPV6_MINHOPCOUNT, On::All, s => i32::from(s.tcp.least_hops),
        v => s.tcp.least_hops = within(v, 0, 255)? as u8),
    engine!(IPPROTO_IPV6, libc::IPV6_TRANSPARENT, On::All, s => i32::from(s.tcp.transparent),
        v => s.set_transparent(v != 0)),
    engine!(IPPROTO_IPV6, IPV6_MULTICAST_ALL, On::All, s => i32::from(s.raw.datagram.v6.multicast_all),
        v => s.raw.datagram.v6.multicast_all = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVORIGDSTADDR, On::All, s => s.wanted.original_destination6,
        v => s.wanted.original_destination6 = v != 0),
    // As RFC 2292 had them.
    local!(IPPROTO_IPV6, IPV6_2292PKTINFO, On::All, s => s.wanted.old_packet_info6,
        v => s.wanted.old_packet_info6 = v != 0),
    local!(IPPROTO_IPV6, IPV6_2292HOPLIMIT, On::All, s => s.wanted.old_hop_limit,
        v => s.wanted.old_hop_limit = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE, On::All, s => s.wanted.fragment_size6,
        v => s.wanted.fragment_size6 = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVPATHMTU, On::All, s => s.wanted.path_mtu, v => s.wanted.path_mtu = v != 0),
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_PATHMTU,
        on: On::All,
        access: Access::Sized { size: 32, get: |s| path_mtu(s).map(|mtu| PathMtu::of_peer(mtu as u32).encode()) },
    },
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_ADDRFORM,
        on: On::All,
        access: Int {
            get: |s| match s.endpoint.kind {
                Kind::Stream | Kind::Datagram => s.peer_addr().map(|_| s.domain()),
                _ => Err(Errno::NOPROTOOPT),
            },
            set: Some(Socket::convert),
        },
    },
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_UNICAST_IF,
        on: On::All,
        access: Access::Word {
            get: |s| Ok(shown_index(s.settings.lock().raw.datagram.v6.unicast_on)),
            set: |s, value| set_index(s, value, |s| &mut s.raw.datagram.v6.unicast_on),
        },
    },
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_MTU,
        on: On::All,
        access: Int {
            get: path_mtu,
            set: Some(|s, v| {
                change(s, |settings| {
                    let most = if v == 0 { None } else { Some(within(v, LEAST_MTU, i32::MAX)?) };
                    settings.raw.datagram.v6.most = most.map(|most| most.min(u16::MAX.into()) as u16);
                    Ok(())
                })
            }),
        },
    },
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_ROUTER_ALERT,
        on: On::All,
        access: Int { get: |s| Ok(i32::from(s.settings.lock().inet6.router_alert)), set: Some(router_alert) },
    },
    bytes(IPPROTO_IPV6, libc::IPV6_PKTINFO, On::All, None, Some(packet_info)),
    local!(IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE, On::All, s => s.inet6.router_alert_isolate,
        v => s.inet6.router_alert_isolate = v != 0),
    // A stream has those for groups to show.
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_MULTICAST_IF,
        on: On::Stream,
        access: Int { get: |_| Ok(0), set: None },
    },
    Row {
        level: IPPROTO_IPV6,
        name: libc::IPV6_MULTICAST_HOPS,
        on: On::Stream,
        access: Int { get: |_| Ok(1), set: None },
    },
    local!(IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, On::All, s => s.wanted.packet_info6,
        v => s.wanted.packet_info6 = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, On::All, s => s.wanted.hop_limit, v => s.wanted.hop_limit = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVTCLASS, On::All, s => s.wanted.traffic_class,
        v => s.wanted.traffic_class = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_FREEBIND, On::All, s => s.free_bind, v => s.free_bind = v != 0),
    bytes(IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, On::All, None, Some(|s, v| group(s, GroupChange::Join, v))),
    bytes(IPPROTO_IPV6, libc::IPV6_DROP_MEMBERSHIP, On::All, None, Some(|s, v| group(s, GroupChange::Leave, v))),
    bytes(IPPROTO_IPV6, IPV6_JOIN_ANYCAST, On::All, None, Some(|s, v| anycast(s, true, v))),
    bytes(IPPROTO_IPV6, IPV6_LEAVE_ANYCAST, On::All, None, Some(|s, v| anycast(s, false, v))),
];

/// Where the program says none: of a connected socket that of its way, as routers say.
fn unicast_hops(socket: &Socket) -> Result<i32> {
    if let Some(hops) = socket.settings.lock().raw.datagram.v6.unicast_hops {
        return Ok(hops.into());
    }
    let (_, remote) = socket.backend.call(Call::Names(socket.id()))?.names()?;
    match remote.map(|remote| socket.backend.call(Call::HopLimit(remote))) {
        Some(Ok(Reply::HopLimit(hops))) => Ok(hops.into()),
        _ => Ok(DEFAULT_HOPS),
    }
}

/// A hop limit; None for −1, the default.
fn hops(value: i32) -> Result<Option<u8>> {
    within(value, -1, 255).map(|hops| u8::try_from(hops).ok())
}

fn group(socket: &Socket, change: GroupChange, value: &[u8]) -> Result<()> {
    let (group, index) = membership(value)?;
    if socket.endpoint.kind == Kind::Stream {
        return Err(Errno::PROTO);
    }
    socket.backend.call(Call::Group(socket.id(), change, group.into(), index)).map(drop)
}

fn anycast(socket: &Socket, join: bool, value: &[u8]) -> Result<()> {
    let (addr, index) = membership(value)?;
    socket.backend.call(Call::Anycast(socket.id(), join, addr, index)).map(drop)
}

/// `struct ipv6_mreq`: an address and an interface. Errors: EINVAL.
fn membership(value: &[u8]) -> Result<(Ipv6Addr, u32)> {
    let (addr, index) = value.split_first_chunk::<16>().ok_or(Errno::INVAL)?;
    Ok((Ipv6Addr::from(*addr), u32::from_ne_bytes(*index.first_chunk().ok_or(Errno::INVAL)?)))
}

/// ip6_ra_control(): sockets of IPPROTO_RAW alone may ask, for one value. What is shown is what was last said.
fn router_alert(socket: &Socket, value: i32) -> Result<()> {
    if socket.endpoint.kind != Kind::Raw(libc::IPPROTO_RAW as u8) {
        return Err(Errno::NOPROTOOPT);
    }
    change(socket, |settings| {
        settings.raw.router_alert = match (u32::try_from(value), settings.raw.router_alert) {
            (Ok(_), Some(_)) => return Err(Errno::ADDRINUSE),
            (Ok(value), None) => Some(value),
            (Err(_), Some(_)) => None,
            (Err(_), None) => return Err(Errno::NOBUFS),
        };
        settings.inet6.router_alert = value != 0;
        Ok(())
    })
}

/// RFC 3542 §6.2, of which Linux heeds the interface alone, whether there is one or not.
fn packet_info(socket: &Socket, value: &[u8]) -> Result<()> {
    let (_address, index) = value.split_first_chunk::<16>().ok_or(Errno::INVAL)?;
    let on = IfIndex(u32::from_ne_bytes(*index.first_chunk().ok_or(Errno::INVAL)?));
    change(socket, |settings| {
        if settings.raw.datagram.bound_to.is_some_and(|only| only != on) {
            return Err(Errno::INVAL);
        }
        settings.raw.datagram.v6.sends_by = Some(on).filter(|on| on.0 != 0);
        Ok(())
    })
}
