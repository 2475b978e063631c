//! SOL_SOCKET: socket(7).

use super::Access::Int;
use super::rows::{bytes, change, engine, local, reading};
use super::{On, Row, values};
use crate::backend::{Call, Reply};
use crate::endpoint::{Kind, State};
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_SOCKET;
use netstack::link::IfIndex;

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
];

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
