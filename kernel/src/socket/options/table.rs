//! The options, a row each.

use super::Access::{Bytes, Int};
use super::{GetBytes, On, Row, SetBytes, values};
use crate::backend::{Call, Reply};
use crate::endpoint::{Kind, State};
use crate::socket::Socket;
use crate::tcp_info;
use crate::{Errno, Result};
use libc::{IPPROTO_IP, IPPROTO_TCP, SOL_SOCKET};
use netstack::link::IfIndex;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A row of an option that is a field of the settings and that only this side of the backend looks at.
macro_rules! local {
    ($level:expr, $name:expr, $on:expr, $s:ident => $get:expr, $v:ident => $set:expr) => {
        Row {
            level: $level,
            name: $name,
            on: $on,
            access: Int {
                get: |socket| {
                    let $s = &*socket.settings.lock();
                    Ok(i32::from($get))
                },
                set: Some(|socket, $v| {
                    let $s = &mut *socket.settings.lock();
                    $set;
                    Ok(())
                }),
            },
        }
    };
}

/// A row of an option that the engine must know: the setting changes, then the engine is told.
macro_rules! engine {
    ($level:expr, $name:expr, $on:expr, $s:ident => $get:expr, $v:ident => $set:expr) => {
        Row {
            level: $level,
            name: $name,
            on: $on,
            access: Int {
                get: |socket| {
                    let $s = &*socket.settings.lock();
                    Ok($get)
                },
                set: Some(|socket, $v| {
                    change(socket, |$s| {
                        $set;
                        Ok(())
                    })
                }),
            },
        }
    };
}

/// A row of what can only be read.
const fn reading(name: i32, get: fn(&Socket) -> Result<i32>) -> Row {
    Row { level: SOL_SOCKET, name, on: On::All, access: Int { get, set: None } }
}

const fn bytes(level: i32, name: i32, on: On, get: Option<GetBytes>, set: Option<SetBytes>) -> Row {
    Row { level, name, on, access: Bytes { get, set } }
}

/// raw(7); the libc crate does not have it.
const ICMP_FILTER: i32 = 1;

/// net.core.rmem_max and wmem_max, to which SO_RCVBUF and SO_SNDBUF are cut.
const BUFFER_MAX: usize = 4 << 20;
/// Half of SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF, which show doubled.
const SEND_BUFFER_MIN: usize = 4608 / 2;
const RECEIVE_BUFFER_MIN: usize = 2304 / 2;

pub(super) static ROWS: &[Row] = &[
    reading(libc::SO_TYPE, |s| Ok(s.kind())),
    reading(libc::SO_DOMAIN, |s| Ok(s.domain())),
    reading(libc::SO_PROTOCOL, |s| Ok(s.protocol())),
    reading(libc::SO_ERROR, |s| Ok(s.endpoint.record.take_error())),
    reading(libc::SO_ACCEPTCONN, |s| Ok(i32::from(s.endpoint.state().contains(State::LISTENING)))),
    // 1 for ever: Linux does not let it be set either.
    reading(libc::SO_SNDLOWAT, |_| Ok(1)),
    // Cannot be set yet; this is what it is.
    reading(libc::SO_DONTROUTE, |_| Ok(0)),
    local!(SOL_SOCKET, libc::SO_REUSEADDR, On::All, s => s.reuse_addr, v => s.reuse_addr = v != 0),
    local!(SOL_SOCKET, libc::SO_REUSEPORT, On::All, s => s.reuse_port, v => s.reuse_port = v != 0),
    local!(SOL_SOCKET, libc::SO_OOBINLINE, On::All, s => s.oob_inline, v => s.oob_inline = v != 0),
    local!(SOL_SOCKET, libc::SO_PRIORITY, On::All, s => s.priority, v => s.priority = v),
    local!(SOL_SOCKET, libc::SO_MARK, On::All, s => s.mark, v => s.mark = v),
    local!(SOL_SOCKET, libc::SO_TIMESTAMP, On::All, s => s.wanted.timestamp, v => s.wanted.timestamp = v != 0),
    local!(SOL_SOCKET, libc::SO_TIMESTAMPNS, On::All, s => s.wanted.timestamp_ns, v => s.wanted.timestamp_ns = v != 0),
    Row {
        level: SOL_SOCKET,
        name: libc::SO_RCVLOWAT,
        on: On::All,
        access: Int {
            get: |s| Ok(s.endpoint.low_water() as i32),
            set: Some(|s, v| {
                // A negative one is the most, 0 the least (Linux: sk_setsockopt).
                let bytes = if v < 0 { i32::MAX } else { v.max(1) };
                s.endpoint.set_low_water(bytes as usize);
                Ok(())
            }),
        },
    },
    local!(SOL_SOCKET, libc::SO_RCVBUF, On::All, s => s.buffers().receive as i32,
        v => s.receive_buffer = Some(buffer(v, RECEIVE_BUFFER_MIN))),
    local!(SOL_SOCKET, libc::SO_SNDBUF, On::All, s => s.buffers().send as i32,
        v => s.send_buffer = Some(buffer(v, SEND_BUFFER_MIN))),
    engine!(SOL_SOCKET, libc::SO_BROADCAST, On::All, s => i32::from(s.raw.datagram.broadcast),
        v => s.raw.datagram.broadcast = v != 0),
    engine!(SOL_SOCKET, libc::SO_KEEPALIVE, On::All, s => i32::from(s.tcp.keepalive.on),
        v => s.tcp.keepalive.on = v != 0),
    bytes(
        SOL_SOCKET,
        libc::SO_LINGER,
        On::All,
        Some(|s| {
            let linger = s.settings.lock().linger;
            let mut value = i32::from(linger.is_some()).to_ne_bytes().to_vec();
            value.extend((linger.unwrap_or(0) as i32).to_ne_bytes());
            Ok(value)
        }),
        Some(|s, value| {
            s.settings.lock().linger = values::linger(value)?;
            Ok(())
        }),
    ),
    bytes(
        SOL_SOCKET,
        libc::SO_RCVTIMEO,
        On::All,
        Some(|s| Ok(values::timeval_bytes(s.settings.lock().receive_timeout))),
        Some(|s, value| {
            s.settings.lock().receive_timeout = values::timeval(value)?;
            Ok(())
        }),
    ),
    bytes(
        SOL_SOCKET,
        libc::SO_SNDTIMEO,
        On::All,
        Some(|s| Ok(values::timeval_bytes(s.settings.lock().send_timeout))),
        Some(|s, value| {
            s.settings.lock().send_timeout = values::timeval(value)?;
            Ok(())
        }),
    ),
    bytes(SOL_SOCKET, libc::SO_BINDTODEVICE, On::All, Some(bound_device), Some(bind_to_device)),
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
    engine!(IPPROTO_IP, libc::IP_MULTICAST_TTL, On::Datagram,
    s => i32::from(s.raw.datagram.multicast_ttl), v => {
        s.raw.datagram.multicast_ttl = if v == -1 { 1 } else { u8::try_from(v).map_err(|_| Errno::INVAL)? };
    }),
    engine!(IPPROTO_IP, libc::IP_MULTICAST_LOOP, On::Datagram,
        s => i32::from(s.raw.datagram.multicast_loop), v => s.raw.datagram.multicast_loop = v != 0),
    engine!(IPPROTO_IP, libc::IP_HDRINCL, On::Raw, s => i32::from(s.raw.header_included),
        v => s.raw.header_included = v != 0),
    engine!(IPPROTO_IP, libc::IP_MTU_DISCOVER, On::All, s => s.mtu_discover, v => {
        if !(libc::IP_PMTUDISC_DONT..=libc::IP_PMTUDISC_OMIT).contains(&v) {
            return Err(Errno::INVAL);
        }
        s.mtu_discover = v;
        s.raw.datagram.dont_fragment = matches!(v, libc::IP_PMTUDISC_DO | libc::IP_PMTUDISC_PROBE);
    }),
    local!(IPPROTO_IP, libc::IP_PKTINFO, On::All, s => s.wanted.packet_info, v => s.wanted.packet_info = v != 0),
    local!(IPPROTO_IP, libc::IP_RECVTTL, On::All, s => s.wanted.ttl, v => s.wanted.ttl = v != 0),
    local!(IPPROTO_IP, libc::IP_RECVTOS, On::All, s => s.wanted.tos, v => s.wanted.tos = v != 0),
    engine!(IPPROTO_IP, libc::IP_RECVERR, On::All, s => i32::from(s.raw.datagram.report_errors),
        v => s.raw.datagram.report_errors = v != 0),
    local!(IPPROTO_IP, libc::IP_FREEBIND, On::All, s => s.free_bind, v => s.free_bind = v != 0),
    local!(IPPROTO_IP, libc::IP_MULTICAST_ALL, On::All, s => s.multicast_all, v => s.multicast_all = v != 0),
    bytes(IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, On::Datagram, None, Some(|s, value| group(s, true, value))),
    bytes(IPPROTO_IP, libc::IP_DROP_MEMBERSHIP, On::Datagram, None, Some(|s, value| group(s, false, value))),
    bytes(IPPROTO_IP, libc::IP_MULTICAST_IF, On::Datagram, None, Some(multicast_interface)),
    engine!(libc::SOL_RAW, ICMP_FILTER, On::Raw, s => s.raw.icmp_filter as i32, v => s.raw.icmp_filter = v as u32),
    engine!(IPPROTO_TCP, libc::TCP_NODELAY, On::Stream, s => i32::from(s.tcp.nodelay), v => s.tcp.nodelay = v != 0),
    engine!(IPPROTO_TCP, libc::TCP_CORK, On::Stream, s => i32::from(s.tcp.cork), v => s.tcp.cork = v != 0),
    engine!(IPPROTO_TCP, libc::TCP_QUICKACK, On::Stream, s => i32::from(s.tcp.quickack.unwrap_or(true)),
        v => s.tcp.quickack = Some(v != 0)),
    engine!(IPPROTO_TCP, libc::TCP_KEEPIDLE, On::Stream, s => s.tcp.keepalive.idle.as_secs() as i32,
        v => s.tcp.keepalive.idle = seconds(v, 32767)?),
    engine!(IPPROTO_TCP, libc::TCP_KEEPINTVL, On::Stream, s => s.tcp.keepalive.interval.as_secs() as i32,
        v => s.tcp.keepalive.interval = seconds(v, 32767)?),
    engine!(IPPROTO_TCP, libc::TCP_KEEPCNT, On::Stream, s => i32::from(s.tcp.keepalive.count),
        v => s.tcp.keepalive.count = within(v, 1, 127)? as u8),
    engine!(IPPROTO_TCP, libc::TCP_SYNCNT, On::Stream, s => i32::from(s.tcp.syn_retries),
        v => s.tcp.syn_retries = within(v, 1, 127)? as u8),
    engine!(IPPROTO_TCP, libc::TCP_USER_TIMEOUT, On::Stream,
    s => s.tcp.user_timeout.map_or(0, |t| t.as_millis() as i32), v => {
        let ms = within(v, 0, i32::MAX)?;
        s.tcp.user_timeout = (ms > 0).then(|| Duration::from_millis(ms as u64));
    }),
    engine!(IPPROTO_TCP, libc::TCP_LINGER2, On::Stream,
    s => s.tcp.linger2.map_or(-1, |t| t.as_secs() as i32), v => s.tcp.linger2 = match v {
        ..0 => None,
        0 => Some(Duration::from_secs(60)),
        _ => Some(Duration::from_secs(v.min(120) as u64)),
    }),
    Row {
        level: IPPROTO_TCP,
        name: libc::TCP_MAXSEG,
        on: On::Stream,
        access: Int {
            get: |s| match s.backend.call(Call::TcpInfo(s.id()))? {
                Reply::TcpInfo(info) if info.snd_mss > 0 => Ok(info.snd_mss as i32),
                _ => Ok(s.settings.lock().tcp.maxseg.map_or(536, i32::from)),
            },
            set: Some(|s, v| {
                change(s, |settings| {
                    settings.tcp.maxseg = if v == 0 { None } else { Some(within(v, 88, 32767)? as u16) };
                    Ok(())
                })
            }),
        },
    },
    bytes(
        IPPROTO_TCP,
        libc::TCP_INFO,
        On::Stream,
        Some(|s| match s.backend.call(Call::TcpInfo(s.id()))? {
            Reply::TcpInfo(info) => Ok(tcp_info::encode(&info)),
            _ => Err(Errno::PROTO),
        }),
        None,
    ),
    bytes(
        IPPROTO_TCP,
        libc::TCP_CONGESTION,
        On::Stream,
        Some(|_| Ok(b"reno\0\0\0\0\0\0\0\0\0\0\0\0".to_vec())),
        Some(|_, value| if value.strip_suffix(b"\0").unwrap_or(value) == b"reno" { Ok(()) } else { Err(Errno::NOENT) }),
    ),
];

/// Changes the settings and tells the engine; nothing changes where `f` or the engine refuses.
fn change(socket: &Socket, f: impl FnOnce(&mut super::Settings) -> Result<()>) -> Result<()> {
    let mut settings = socket.settings.lock();
    let mut changed = settings.clone();
    f(&mut changed)?;
    let call = match socket.endpoint.kind {
        Kind::Stream => Call::SetTcpOptions(socket.id(), changed.tcp),
        _ => Call::SetDatagramOptions(socket.id(), changed.raw),
    };
    socket.backend.call(call)?;
    *settings = changed;
    Ok(())
}

fn within(value: i32, least: i32, most: i32) -> Result<i32> {
    if (least..=most).contains(&value) { Ok(value) } else { Err(Errno::INVAL) }
}

fn seconds(value: i32, most: i32) -> Result<Duration> {
    Ok(Duration::from_secs(within(value, 1, most)? as u64))
}

/// SO_SNDBUF and SO_RCVBUF: taken as unsigned, cut, and never below Linux's minimum.
fn buffer(value: i32, least: usize) -> usize {
    (value as u32 as usize).clamp(least, BUFFER_MAX)
}

fn interface_named(socket: &Socket, name: &str) -> Result<u32> {
    match socket.backend.call(Call::Interfaces)? {
        Reply::Interfaces(list) => list.iter().find(|i| i.name == name).map(|i| i.index).ok_or(Errno::NODEV),
        _ => Err(Errno::PROTO),
    }
}

fn interface_of(socket: &Socket, address: Ipv4Addr) -> Result<u32> {
    match socket.backend.call(Call::Interfaces)? {
        Reply::Interfaces(list) => list
            .iter()
            .find(|i| i.addresses.iter().any(|(a, _)| *a == address))
            .map(|i| i.index)
            .ok_or(Errno::ADDRNOTAVAIL),
        _ => Err(Errno::PROTO),
    }
}

/// SO_BINDTODEVICE: a name, or nothing for every device. A stream leaves by the route of its address.
fn bind_to_device(socket: &Socket, value: &[u8]) -> Result<()> {
    let name = value.split(|&b| b == 0).next().unwrap_or_default();
    let on = match std::str::from_utf8(name) {
        Ok("") => None,
        Ok(name) => Some(IfIndex(interface_named(socket, name)?)),
        Err(_) => return Err(Errno::NODEV),
    };
    if socket.endpoint.kind == Kind::Stream && on.is_some() {
        return Err(Errno::NOPROTOOPT);
    }
    change(socket, |settings| {
        settings.raw.datagram.bound_to = on;
        Ok(())
    })
}

fn bound_device(socket: &Socket) -> Result<Vec<u8>> {
    let Some(IfIndex(index)) = socket.settings.lock().raw.datagram.bound_to else { return Ok(Vec::new()) };
    match socket.backend.call(Call::Interfaces)? {
        Reply::Interfaces(list) => {
            let name = list.iter().find(|i| i.index == index).map(|i| format!("{}\0", i.name));
            Ok(name.unwrap_or_default().into_bytes())
        }
        _ => Err(Errno::PROTO),
    }
}

fn group(socket: &Socket, join: bool, value: &[u8]) -> Result<()> {
    let (group, local, mut index) = values::membership(value)?;
    if index == 0 && !local.is_unspecified() {
        index = interface_of(socket, local).map_err(|_| Errno::NODEV)?;
    }
    socket.backend.call(Call::Group(socket.id(), join, IpAddr::V4(group), index)).map(drop)
}

fn multicast_interface(socket: &Socket, value: &[u8]) -> Result<()> {
    let index = match *value {
        [a, b, c, d] if [a, b, c, d] == [0; 4] => 0,
        [a, b, c, d] => interface_of(socket, Ipv4Addr::new(a, b, c, d))?,
        _ => match values::membership(value)? {
            (_, local, 0) if !local.is_unspecified() => interface_of(socket, local)?,
            (_, _, index) => index,
        },
    };
    change(socket, |settings| {
        settings.raw.datagram.multicast_on = (index != 0).then_some(IfIndex(index));
        Ok(())
    })
}
