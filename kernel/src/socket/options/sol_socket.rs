//! SOL_SOCKET: socket(7).

use super::Access::{AtMost, Int, Long};
use super::rows::{bytes, change, engine, local, reading, within};
use super::{On, Row, values};
use crate::backend::{Call, Reply};
use crate::endpoint::{Kind, State};
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::SOL_SOCKET;
use netstack::datagram::RECEIVE_BUFFER;
use netstack::link::IfIndex;

/// MSG_ZEROCOPY is heeded. Linux's number, which libc does not name.
const SO_ZEROCOPY: i32 = 60;
/// Linux's number, which libc does not name.
const SO_BINDTOIFINDEX: i32 = 62;
const SO_RCVTIMEO_NEW: i32 = 66;
const SO_SNDTIMEO_NEW: i32 = 67;
/// The same; and its bits.
const SO_BUF_LOCK: i32 = 72;
const SEND_LOCKED: i32 = 1;
const RECEIVE_LOCKED: i32 = 2;
/// Bounds of SO_RCVLOWAT of a stream: half of the most that net.ipv4.tcp_rmem allows.
const LOW_WATER_MAX: usize = 16 << 20;
/// net.core.rmem_max and wmem_max, to which SO_RCVBUF and SO_SNDBUF are cut.
const BUFFER_MAX: usize = 4 << 20;
/// SO_RCVBUFFORCE and SO_SNDBUFFORCE pass over it, up to the largest ring.
const FORCED_BUFFER_MAX: usize = 16 << 20;
/// The middle one of net.ipv4.tcp_wmem and tcp_rmem.
const STREAM_SEND_BUFFER: usize = 16 << 10;
const STREAM_RECEIVE_BUFFER: usize = 128 << 10;
/// Half of SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF, which show doubled.
const SEND_BUFFER_MIN: usize = 4608 / 2;
const RECEIVE_BUFFER_MIN: usize = 2304 / 2;

pub(super) static ROWS: &[Row] = &[
    reading(libc::SO_TYPE, |s| Ok(s.kind())),
    reading(libc::SO_DOMAIN, |s| Ok(s.domain())),
    reading(libc::SO_PROTOCOL, |s| Ok(s.protocol())),
    reading(libc::SO_ERROR, pending_error),
    reading(libc::SO_ACCEPTCONN, |s| Ok(i32::from(s.endpoint.state().contains(State::LISTENING)))),
    // 1 for ever: Linux does not let it be set either.
    reading(libc::SO_SNDLOWAT, |_| Ok(1)),
    local!(SOL_SOCKET, libc::SO_REUSEADDR, On::All, s => s.reuse as u8, v => s.reuse = super::Reuse::from(v != 0)),
    local!(SOL_SOCKET, libc::SO_REUSEPORT, On::All, s => s.reuse_port, v => s.reuse_port = v != 0),
    local!(SOL_SOCKET, libc::SO_PRIORITY, On::All, s => s.priority, v => s.priority = v),
    local!(SOL_SOCKET, libc::SO_MARK, On::All, s => s.mark, v => s.mark = v),
    Row {
        level: SOL_SOCKET,
        name: libc::SO_RCVLOWAT,
        on: On::All,
        access: Int { get: |s| Ok(s.endpoint.low_water() as i32), set: Some(set_low_water) },
    },
    Row {
        level: SOL_SOCKET,
        name: libc::SO_OOBINLINE,
        on: On::All,
        access: Int {
            get: |s| Ok(i32::from(s.endpoint.oob_inline())),
            set: Some(|s, v| {
                s.endpoint.set_oob_inline(v != 0);
                Ok(())
            }),
        },
    },
    Row {
        level: SOL_SOCKET,
        name: SO_ZEROCOPY,
        on: On::All,
        access: Int {
            get: |s| Ok(i32::from(s.settings.lock().zerocopy)),
            set: Some(|s, v| {
                if !matches!(s.endpoint.kind, Kind::Stream | Kind::Datagram) {
                    return Err(Errno::OPNOTSUPP);
                }
                s.settings.lock().zerocopy = within(v, 0, 1)? == 1;
                Ok(())
            }),
        },
    },
    buffer(libc::SO_RCVBUF, |s| Ok(buffer_sizes(s).1), |s, v| set_receive_buffer(s, v, BUFFER_MAX)),
    buffer(libc::SO_SNDBUF, |s| Ok(buffer_sizes(s).0), |s, v| set_send_buffer(s, v, BUFFER_MAX)),
    bytes(
        SOL_SOCKET,
        libc::SO_RCVBUFFORCE,
        On::All,
        None,
        Some(|s, value| set_receive_buffer(s, values::int(value)?.max(0), FORCED_BUFFER_MAX)),
    ),
    bytes(
        SOL_SOCKET,
        libc::SO_SNDBUFFORCE,
        On::All,
        None,
        Some(|s, value| set_send_buffer(s, values::int(value)?.max(0), FORCED_BUFFER_MAX)),
    ),
    // Datagrams are not paced: Linux leaves them to a queueing discipline.
    Row {
        level: SOL_SOCKET,
        name: libc::SO_MAX_PACING_RATE,
        on: On::All,
        access: Long {
            get: |s| Ok(s.settings.lock().tcp.max_pacing_rate),
            set: |s, rate| {
                change(s, |settings| {
                    settings.tcp.max_pacing_rate = rate;
                    Ok(())
                })
            },
        },
    },
    engine!(SOL_SOCKET, libc::SO_BROADCAST, On::All, s => i32::from(s.raw.datagram.broadcast),
        v => s.raw.datagram.broadcast = v != 0),
    engine!(SOL_SOCKET, libc::SO_NO_CHECK, On::All, s => i32::from(s.raw.datagram.no_checksum),
        v => s.raw.datagram.no_checksum = v != 0),
    Row {
        level: SOL_SOCKET,
        name: libc::SO_SELECT_ERR_QUEUE,
        on: On::All,
        access: Int {
            get: |s| Ok(i32::from(s.endpoint.errors_are_urgent())),
            set: Some(|s, v| {
                s.endpoint.set_errors_are_urgent(v != 0);
                Ok(())
            }),
        },
    },
    Row {
        level: SOL_SOCKET,
        name: libc::SO_PEERNAME,
        on: On::All,
        access: AtMost { get: |s| Ok(values::sockaddr(s.last_peer()?)) },
    },
    Row { level: SOL_SOCKET, name: SO_BUF_LOCK, on: On::All, access: Int { get: locked, set: Some(lock) } },
    engine!(SOL_SOCKET, libc::SO_DONTROUTE, On::All, s => i32::from(s.tcp.dont_route), v => {
        s.tcp.dont_route = v != 0;
        s.raw.datagram.dont_route = v != 0;
    }),
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
            let linger = values::linger(value)?;
            s.settings.lock().linger = linger;
            s.endpoint.set_resets(linger == Some(0));
            Ok(())
        }),
    ),
    bytes(SOL_SOCKET, libc::SO_RCVTIMEO, On::All, Some(receive_timeout), Some(set_receive_timeout)),
    bytes(SOL_SOCKET, libc::SO_SNDTIMEO, On::All, Some(send_timeout), Some(set_send_timeout)),
    // With seconds of 64 bits, as they are here in any case.
    bytes(SOL_SOCKET, SO_RCVTIMEO_NEW, On::All, Some(receive_timeout), Some(set_receive_timeout)),
    bytes(SOL_SOCKET, SO_SNDTIMEO_NEW, On::All, Some(send_timeout), Some(set_send_timeout)),
    bytes(SOL_SOCKET, libc::SO_BINDTODEVICE, On::All, Some(bound_device), Some(bind_to_device)),
    engine!(SOL_SOCKET, SO_BINDTOIFINDEX, On::All, s => s.tcp.bound_to.map_or(0, |on| on.0 as i32), v => {
        // As on Linux there need not be such an interface.
        let index = u32::try_from(v).map_err(|_| Errno::INVAL)?;
        s.bind_to((index != 0).then_some(IfIndex(index)));
    }),
];

/// SO_ERROR: of a stream also what was only remembered (Linux: sk_err_soft).
fn pending_error(socket: &Socket) -> Result<i32> {
    match (socket.endpoint.record.take_error(), socket.endpoint.kind) {
        (0, Kind::Stream) => match socket.backend.call(Call::TakeSoftError(socket.id()))? {
            Reply::SoftError(error) => Ok(error.map_or(0, |error| error.raw_os_error())),
            _ => Err(Errno::PROTO),
        },
        (error, _) => Ok(error),
    }
}

/// A row of SO_SNDBUF and its kin.
const fn buffer(name: i32, get: fn(&Socket) -> Result<i32>, set: fn(&Socket, i32) -> Result<()>) -> Row {
    Row { level: SOL_SOCKET, name, on: On::All, access: Int { get, set: Some(set) } }
}

/// Sizes of the buffers, sending and receiving: as the program set them, doubled as on Linux; else as the path has made them, and
/// before there is one as Linux's are.
pub(super) fn buffer_sizes(socket: &Socket) -> (i32, i32) {
    let buffers = socket.buffers();
    let (tx, rx) = match (socket.endpoint.kind, socket.endpoint.rings()) {
        (Kind::Stream, Some(rings)) => rings.sizes(),
        (Kind::Stream, None) => (STREAM_SEND_BUFFER, STREAM_RECEIVE_BUFFER),
        _ => (RECEIVE_BUFFER, RECEIVE_BUFFER),
    };
    let settings = socket.settings.lock();
    let send = settings.send_buffer.map_or(tx, |_| buffers.send);
    let awaited = 2 * settings.tcp.receive_low_water as usize;
    let receive = settings.receive_buffer.map_or(rx.max(awaited), |_| buffers.receive);
    (send as i32, receive as i32)
}

/// A negative one is the most, 0 the least (Linux: sk_setsockopt). Of a stream it is at most half of a buffer, which grows for it
/// where its size is not set (tcp_set_rcvlowat()).
fn set_low_water(socket: &Socket, value: i32) -> Result<()> {
    let mut bytes = if value < 0 { i32::MAX as usize } else { value.max(1) as usize };
    if socket.endpoint.kind == Kind::Stream {
        change(socket, |s| {
            bytes = bytes.min(s.receive_buffer.unwrap_or(LOW_WATER_MAX));
            s.tcp.receive_low_water = bytes as u32;
            Ok(())
        })?;
    }
    socket.endpoint.set_low_water(bytes);
    Ok(())
}

fn receive_timeout(socket: &Socket) -> Result<Vec<u8>> {
    Ok(values::timeval_bytes(socket.settings.lock().receive_timeout))
}

fn set_receive_timeout(socket: &Socket, value: &[u8]) -> Result<()> {
    socket.settings.lock().receive_timeout = values::timeval(value)?;
    Ok(())
}

fn send_timeout(socket: &Socket) -> Result<Vec<u8>> {
    Ok(values::timeval_bytes(socket.settings.lock().send_timeout))
}

fn set_send_timeout(socket: &Socket, value: &[u8]) -> Result<()> {
    socket.settings.lock().send_timeout = values::timeval(value)?;
    Ok(())
}

/// SO_BUF_LOCK: which buffers do not follow the path any more.
fn locked(socket: &Socket) -> Result<i32> {
    let settings = socket.settings.lock();
    let send = if settings.send_buffer.is_some() { SEND_LOCKED } else { 0 };
    Ok(send | if settings.receive_buffer.is_some() { RECEIVE_LOCKED } else { 0 })
}

fn lock(socket: &Socket, bits: i32) -> Result<()> {
    within(bits, 0, SEND_LOCKED | RECEIVE_LOCKED)?;
    let (send, receive) = buffer_sizes(socket);
    let half = |size: i32| size as usize / 2;
    change(socket, |s| {
        s.send_buffer = (bits & SEND_LOCKED != 0).then(|| s.send_buffer.unwrap_or(half(send)));
        s.receive_buffer = (bits & RECEIVE_LOCKED != 0).then(|| s.receive_buffer.unwrap_or(half(receive)));
        s.tcp.buffers.send = s.send_buffer.map(|bytes| 2 * bytes as u32);
        s.tcp.buffers.receive = s.receive_buffer.map(|bytes| 2 * bytes as u32);
        Ok(())
    })?;
    if socket.endpoint.kind == Kind::Stream {
        socket.settings.lock().bound_rings(&socket.endpoint);
    }
    Ok(())
}

/// SO_SNDBUF and SO_RCVBUF: taken as unsigned, cut, and never below Linux's minimum. They end autotuning.
fn set_send_buffer(socket: &Socket, value: i32, most: usize) -> Result<()> {
    let bytes = (value as u32 as usize).clamp(SEND_BUFFER_MIN, most);
    change(socket, |s| {
        s.send_buffer = Some(bytes);
        s.tcp.buffers.send = Some(2 * bytes as u32);
        Ok(())
    })?;
    resized(socket, Call::SetSendBuffer(socket.id(), 2 * bytes))
}

fn set_receive_buffer(socket: &Socket, value: i32, most: usize) -> Result<()> {
    let bytes = (value as u32 as usize).clamp(RECEIVE_BUFFER_MIN, most);
    change(socket, |s| {
        s.receive_buffer = Some(bytes);
        s.tcp.buffers.receive = Some(2 * bytes as u32);
        Ok(())
    })?;
    resized(socket, Call::SetReceiveBuffer(socket.id(), 2 * bytes))
}

/// Makes a new size count, by `call` where there is no stream.
fn resized(socket: &Socket, call: Call<'_>) -> Result<()> {
    if socket.endpoint.kind == Kind::Stream {
        socket.settings.lock().bound_rings(&socket.endpoint);
        return Ok(());
    }
    socket.backend.call(call).map(drop)
}

fn interface_named(socket: &Socket, name: &str) -> Result<u32> {
    socket.interfaces()?.iter().find(|i| i.name == name).map(|i| i.index).ok_or(Errno::NODEV)
}

/// SO_BINDTODEVICE: a name, or nothing for every device.
fn bind_to_device(socket: &Socket, value: &[u8]) -> Result<()> {
    let name = value.split(|&b| b == 0).next().unwrap_or_default();
    let on = match std::str::from_utf8(name) {
        Ok("") => None,
        Ok(name) => Some(IfIndex(interface_named(socket, name)?)),
        Err(_) => return Err(Errno::NODEV),
    };
    change(socket, |settings| {
        settings.bind_to(on);
        Ok(())
    })
}

fn bound_device(socket: &Socket) -> Result<Vec<u8>> {
    let Some(IfIndex(index)) = socket.settings.lock().tcp.bound_to else { return Ok(Vec::new()) };
    let name = socket.interfaces()?.iter().find(|i| i.index == index).map(|i| format!("{}\0", i.name));
    Ok(name.unwrap_or_default().into_bytes())
}
