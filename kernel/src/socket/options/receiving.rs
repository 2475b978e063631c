//! Options of SOL_SOCKET about what a receiver learns beside the bytes: times, drops, memory; and from where it peeks.

use super::Access::Int;
use super::rows::{bytes, change, local};
use super::sol_socket::buffer_sizes;
use super::{On, Row, values};
use crate::backend::{Call, Reply};
use crate::endpoint::{Kind, State};
use crate::socket::{Socket, Stamp, Stamps};
use crate::{Errno, Result};
use libc::SOL_SOCKET;
use std::sync::atomic::Ordering;

// Linux's numbers, which libc does not name.
const SO_MEMINFO: i32 = 55;
const SO_TIMESTAMP_NEW: i32 = 63;
const SO_TIMESTAMPNS_NEW: i32 = 64;
const SO_TIMESTAMPING_NEW: i32 = 65;

pub(super) static ROWS: &[Row] = &[
    stamp(libc::SO_TIMESTAMP, |s| shown(s, Some(Stamp::Micros), false), |s, v| set_stamp(s, v, Stamp::Micros, false)),
    stamp(libc::SO_TIMESTAMPNS, |s| shown(s, Some(Stamp::Nanos), false), |s, v| set_stamp(s, v, Stamp::Nanos, false)),
    // Linux shows it for either unit.
    stamp(SO_TIMESTAMP_NEW, |s| shown(s, None, true), |s, v| set_stamp(s, v, Stamp::Micros, true)),
    stamp(SO_TIMESTAMPNS_NEW, |s| shown(s, Some(Stamp::Nanos), true), |s, v| set_stamp(s, v, Stamp::Nanos, true)),
    bytes(
        SOL_SOCKET,
        libc::SO_TIMESTAMPING,
        On::All,
        Some(|s| Ok(stamping_bytes(s.settings.lock().wanted.stamps.flags))),
        Some(|s, value| set_stamping(s, value, false)),
    ),
    bytes(
        SOL_SOCKET,
        SO_TIMESTAMPING_NEW,
        On::All,
        Some(|s| {
            let Stamps { new, flags, .. } = s.settings.lock().wanted.stamps;
            Ok(if new { stamping_bytes(flags) } else { vec![0; 8] })
        }),
        Some(|s, value| set_stamping(s, value, true)),
    ),
    local!(SOL_SOCKET, libc::SO_RXQ_OVFL, On::All, s => s.wanted.drops, v => s.wanted.drops = v != 0),
    Row {
        level: SOL_SOCKET,
        name: libc::SO_PEEK_OFF,
        on: On::All,
        access: Int {
            get: |s| peeks(s).map(|()| s.peek_offset.load(Ordering::Relaxed)),
            set: Some(|s, v| peeks(s).map(|()| s.peek_offset.store(v, Ordering::Relaxed))),
        },
    },
    bytes(SOL_SOCKET, SO_MEMINFO, On::All, Some(memory), None),
];

/// A row of SO_TIMESTAMP and its kin.
const fn stamp(name: i32, get: fn(&Socket) -> Result<i32>, set: fn(&Socket, i32) -> Result<()>) -> Row {
    Row { level: SOL_SOCKET, name, on: On::All, access: Int { get, set: Some(set) } }
}

fn shown(socket: &Socket, unit: Option<Stamp>, new: bool) -> Result<i32> {
    let stamps = socket.settings.lock().wanted.stamps;
    let same = stamps.unit.is_some() && unit.is_none_or(|unit| stamps.unit == Some(unit));
    Ok(i32::from(same && stamps.new == new))
}

/// All of them are one setting; any of them switches it off.
fn set_stamp(socket: &Socket, value: i32, unit: Stamp, new: bool) -> Result<()> {
    set_stamps(socket, |stamps| match value {
        0 => Stamps { unit: None, ..stamps },
        _ => Stamps { unit: Some(unit), new, ..stamps },
    })
}

/// The engine keeps the times of what streams receive only where somebody wants them.
fn set_stamps(socket: &Socket, to: impl FnOnce(Stamps) -> Stamps) -> Result<()> {
    change(socket, |settings| {
        settings.wanted.stamps = to(settings.wanted.stamps);
        settings.tcp.receive_times = settings.wanted.stamps.wants_arrivals();
        Ok(())
    })
}

/// `struct so_timestamping`: flags, and a clock of a card.
fn stamping_bytes(flags: u32) -> Vec<u8> {
    [flags.to_ne_bytes(), [0; 4]].concat()
}

/// The flags, or a whole `struct so_timestamping`.
fn set_stamping(socket: &Socket, value: &[u8], new: bool) -> Result<()> {
    // linux/net_tstamp.h.
    const ALL: u32 = (1 << 19) - 1;
    const OPT_ID: u32 = 1 << 7;
    const OPT_TSONLY: u32 = 1 << 11;
    const OPT_STATS: u32 = 1 << 12;
    const BIND_PHC: u32 = 1 << 15;
    const OPT_ID_TCP: u32 = 1 << 16;
    let flags = values::int(value)? as u32;
    let settings = socket.settings.lock();
    let wanted = &settings.wanted;
    let stream = socket.endpoint.kind == Kind::Stream;
    let numbers_nothing = socket.endpoint.state().intersects(State::CLOSED | State::LISTENING);
    if flags & !ALL != 0
        || flags & OPT_ID_TCP != 0 && flags & OPT_ID == 0
        || stream && flags & OPT_ID != 0 && wanted.stamps.flags & OPT_ID == 0 && numbers_nothing
        || flags & OPT_STATS != 0 && flags & OPT_TSONLY == 0
    {
        return Err(Errno::INVAL);
    }
    // No interface has a clock.
    if flags & BIND_PHC != 0 {
        return Err(Errno::OPNOTSUPP);
    }
    socket.count_tx_timestamps(wanted.stamps.flags, flags);
    drop(settings);
    set_stamps(socket, |stamps| Stamps { flags, new, ..stamps })
}

/// SO_PEEK_OFF is of TCP and UDP.
fn peeks(socket: &Socket) -> Result<()> {
    match socket.endpoint.kind {
        Kind::Stream | Kind::Datagram => Ok(()),
        _ => Err(Errno::OPNOTSUPP),
    }
}

/// SK_MEMINFO_*: bytes received and their bound, bytes that wait to leave and theirs, a reserve, bytes of a stream to send, options,
/// backlog, drops.
fn memory(socket: &Socket) -> Result<Vec<u8>> {
    let (send, receive) = buffer_sizes(socket);
    let (queued, waiting, unsent, drops) = match (socket.endpoint.kind, socket.endpoint.rings()) {
        (Kind::Stream, Some(rings)) => (rings.readable(), 0, rings.unsent(), 0),
        (Kind::Stream, None) => (0, 0, 0, 0),
        _ => match socket.backend.call(Call::Memory(socket.id()))? {
            Reply::Memory(memory) => (memory.received, memory.sent, 0, memory.dropped as u32),
            _ => return Err(Errno::PROTO),
        },
    };
    let words = [queued as u32, receive as u32, waiting as u32, send as u32, 0, unsent as u32, 0, 0, drops];
    Ok(words.into_iter().flat_map(u32::to_ne_bytes).collect())
}
