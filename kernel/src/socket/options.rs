//! Socket options: tables of rows, a row an option.
//!
//! An option that has no row is ENOPROTOOPT, never a silent success. To add one, add a row.

mod carrier;
mod filter;
mod flow_label;
mod header;
mod ip;
mod ipv6;
mod kept;
mod multicast;
mod packet;
mod packet_fanout;
mod packet_ring;
mod preferences;
mod receiving;
mod rows;
mod settings;
mod sol_socket;
mod sources;
mod tcp;
mod udp;
mod values;

pub(super) use filter::FilterSettings;
pub(super) use header::{v4_options, whole_header};
pub(super) use packet::PacketSettings;
pub(super) use settings::Settings;

use super::{Family, Socket};
use crate::control_message::Writer;
use crate::endpoint::Kind;
use crate::{Errno, Result};

/// How a program reads and writes an option.
enum Access {
    /// An `int`. A shorter value is EINVAL, but those of IPPROTO_IP may also be a single byte, as on Linux. Without `set` it is
    /// read-only.
    Int { get: fn(&Socket) -> Result<i32>, set: Option<fn(&Socket, i32) -> Result<()>> },
    /// An `unsigned long`, or an `unsigned int` if the program's buffer is as short; the largest value of either means no bound.
    Long { get: fn(&Socket) -> Result<u64>, set: fn(&Socket, u64) -> Result<()> },
    /// Read-only, and only whole: EINVAL if the buffer is shorter, or with `exact` longer.
    Whole { get: GetBytes, exact: bool },
    /// Read-only, of a fixed size: EINVAL if the buffer is shorter, before anything else is checked.
    Sized { size: usize, get: GetBytes },
    /// Read-only, into a buffer that is no longer than the value: EINVAL.
    AtMost { get: GetBytes },
    /// Read-only and read once. If the buffer is too short it is EINVAL, the length that it needs is reported, and it stays.
    Taken { take: fn(&Socket, usize) -> Result<Taken> },
    /// Control messages, truncated as those of recvmsg(2).
    Control { get: fn(&Socket, &mut Writer<'_>) -> Result<()>, set: Option<SetBytes> },
    /// Read-only; the answer depends on what the program has put into the buffer.
    Asks { get: fn(&[u8]) -> Result<Vec<u8>> },
    /// A structure; the answer depends on what the program has put into the buffer, and only that says how long the buffer is.
    Answers { get: fn(&Socket, &[u8]) -> Result<Vec<u8>>, set: SetBytes },
    /// A request, into which the answer is written; getsockopt(2) takes a request, too, and returns the whole answer.
    Request { get: fn(&Socket, &[u8]) -> Result<Vec<u8>>, set: fn(&Socket, &mut [u8]) -> Result<()> },
    /// Four bytes, with the length rules of an `int`.
    Word { get: fn(&Socket) -> Result<[u8; 4]>, set: SetBytes },
    /// A structure or a string.
    Bytes { get: Option<GetBytes>, set: Option<SetBytes> },
}

type GetBytes = fn(&Socket) -> Result<Vec<u8>>;
type SetBytes = fn(&Socket, &[u8]) -> Result<()>;
/// The value, or the length that it needs if the buffer is shorter.
type Taken = std::result::Result<Box<[u8]>, usize>;

/// Which sockets have an option.
#[derive(Clone, Copy, PartialEq)]
enum On {
    All,
    Stream,
    Datagram,
    Raw,
    Packet,
}

/// All tables.
static TABLES: &[&[Row]] = &[
    sol_socket::ROWS,
    kept::ROWS,
    receiving::ROWS,
    ip::ROWS,
    header::ROWS,
    carrier::ROWS,
    flow_label::ROWS,
    multicast::ROWS,
    sources::ROWS,
    sources::ROWS_BY_SOURCE,
    ipv6::ROWS,
    tcp::ROWS,
    packet::ROWS,
    packet_ring::ROWS,
    packet_fanout::ROWS,
    filter::ROWS,
    udp::ROWS,
    udp::LITE_ROWS,
];

struct Row {
    level: i32,
    name: i32,
    on: On,
    access: Access,
}

impl Socket {
    /// connect(2): the flow label that the address has said, or none.
    pub(super) fn set_flow_label(&self, label: u32) -> Result<()> {
        if self.settings.lock().raw.datagram.v6.flow_label == label {
            return Ok(());
        }
        rows::change(self, |settings| {
            settings.set_flow_label(label);
            Ok(())
        })
    }
}

/// getsockopt(2): the length written into `into`, to which the value is cut.
pub(super) fn get(socket: &Socket, level: i32, name: i32, into: &mut [u8]) -> Result<usize> {
    let value = match &find(socket, level, name, Errno::OPNOTSUPP)?.access {
        Access::Int { get, .. } => as_int(level, get(socket)?.to_ne_bytes(), into.len()),
        Access::Word { get, .. } => as_int(level, get(socket)?, into.len()),
        Access::Long { get, .. } if into.len() >= size_of::<u64>() => get(socket)?.to_ne_bytes().to_vec(),
        Access::Long { get, .. } => u32::try_from(get(socket)?).unwrap_or(u32::MAX).to_ne_bytes().to_vec(),
        Access::Whole { get, exact } => {
            let value = get(socket)?;
            if into.len() < value.len() || *exact && into.len() > value.len() {
                return Err(Errno::INVAL);
            }
            value
        }
        Access::Sized { size, .. } if into.len() < *size => return Err(Errno::INVAL),
        Access::Sized { get, .. } => get(socket)?,
        Access::AtMost { get } => {
            let value = get(socket)?;
            if into.len() > value.len() {
                return Err(Errno::INVAL);
            }
            value
        }
        Access::Taken { take } => take(socket, into.len())?.map_err(|_| Errno::INVAL)?.into(),
        Access::Control { get, .. } => {
            let mut control = Writer::new(into);
            get(socket, &mut control)?;
            return Ok(control.used());
        }
        Access::Asks { get } => get(into)?,
        Access::Answers { get, .. } | Access::Request { get, .. } => get(socket, into)?,
        Access::Bytes { get: Some(get), .. } => get(socket)?,
        Access::Bytes { get: None, .. } => return Err(Errno::NOPROTOOPT),
    };
    let n = value.len().min(into.len());
    into[..n].copy_from_slice(&value[..n]);
    Ok(n)
}

/// getsockopt(2) of [`Access::Answers`]: the whole answer, however much room the call says there is; None: it is another kind.
pub(super) fn answer(socket: &Socket, level: i32, name: i32, asked: &[u8]) -> Result<Option<Vec<u8>>> {
    let is_this = |row: &Row| matches!(row.access, Access::Answers { .. }) && (row.level, row.name) == (level, name);
    if !TABLES.iter().flat_map(|table| table.iter()).any(is_this) {
        return Ok(None);
    }
    match &find(socket, level, name, Errno::OPNOTSUPP)?.access {
        Access::Answers { get, .. } => get(socket, asked).map(Some),
        _ => Ok(None),
    }
}

/// How much room getsockopt(2) should have had that was EINVAL for want of it.
pub(super) fn room_for(socket: &Socket, level: i32, name: i32) -> Option<usize> {
    match &find(socket, level, name, Errno::OPNOTSUPP).ok()?.access {
        Access::Taken { take } => take(socket, 0).ok()?.err(),
        _ => None,
    }
}

/// setsockopt(2).
pub(super) fn set(socket: &Socket, level: i32, name: i32, value: &[u8]) -> Result<()> {
    if value.len() < size_of::<i32>() && has_level(socket, level) && wants_int(level, name) {
        return Err(Errno::INVAL);
    }
    match &find(socket, level, name, Errno::NOPROTOOPT)?.access {
        Access::Int { set, .. } => {
            let set = set.ok_or(Errno::NOPROTOOPT)?;
            match (values::int(value), value) {
                (Err(_), [byte, ..]) if level == libc::IPPROTO_IP => set(socket, i32::from(*byte)),
                // Of these Linux takes what is shorter for nothing.
                (Err(_), _) if level == libc::IPPROTO_IPV6 && takes_less(name) => set(socket, 0),
                (Err(_), []) if level == libc::IPPROTO_IP && !wants_a_byte(name) => set(socket, 0),
                (int, _) => set(socket, int?),
            }
        }
        Access::Whole { .. }
        | Access::Sized { .. }
        | Access::AtMost { .. }
        | Access::Taken { .. }
        | Access::Asks { .. } => Err(Errno::NOPROTOOPT),
        Access::Long { set, .. } => set(socket, values::long(value)?),
        Access::Answers { set, .. } | Access::Word { set, .. } => set(socket, value),
        Access::Request { set, .. } => set(socket, &mut value.to_vec()),
        Access::Control { set, .. } | Access::Bytes { set, .. } => set.ok_or(Errno::NOPROTOOPT)?(socket, value),
    }
}

/// Linux looks for an `int` before it looks at the option, the few that are strings excepted.
fn wants_int(level: i32, name: i32) -> bool {
    match level {
        libc::SOL_SOCKET => name != libc::SO_BINDTODEVICE,
        libc::IPPROTO_TCP => !matches!(name, libc::TCP_CONGESTION | libc::TCP_ULP | libc::TCP_FASTOPEN_KEY),
        libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => true,
        _ => false,
    }
}

/// An `int`: of IPPROTO_IP's a small one as a byte where there is no more room.
fn as_int(level: i32, value: [u8; 4], room: usize) -> Vec<u8> {
    match u8::try_from(i32::from_ne_bytes(value)) {
        Ok(byte) if level == libc::IPPROTO_IP && (1..4).contains(&room) => vec![byte],
        _ => value.to_vec(),
    }
}

/// Of IPPROTO_IPV6's, those that take what is shorter than an int.
fn takes_less(name: i32) -> bool {
    matches!(name, libc::IPV6_DONTFRAG | libc::IPV6_RECVFRAGSIZE | ipv6::IPV6_AUTOFLOWLABEL)
}

/// Of IPPROTO_IP's, those for which no bytes are not a 0.
fn wants_a_byte(name: i32) -> bool {
    matches!(
        name,
        libc::IP_MULTICAST_TTL
            | libc::IP_MULTICAST_LOOP
            | libc::IP_MULTICAST_ALL
            | libc::IP_FREEBIND
            | libc::IP_TRANSPARENT
            | libc::IP_MINTTL
    )
}

/// `foreign`: what Linux says of a level that the socket does not have, which is not the same for both calls.
fn find(socket: &Socket, level: i32, name: i32, foreign: Errno) -> Result<&'static Row> {
    if socket.goes_by_name() && level != libc::SOL_SOCKET {
        return Err(Errno::OPNOTSUPP);
    }
    let (kind, inet) = (socket.endpoint.kind, socket.family() == Family::Inet);
    let fits = |row: &&Row| {
        row.level == level
            && row.name == name
            && match row.on {
                On::All => true,
                On::Stream => kind == Kind::Stream,
                On::Datagram => kind != Kind::Stream,
                On::Raw => matches!(kind, Kind::Raw(_)),
                On::Packet => matches!(kind, Kind::Packet(_)),
            }
    };
    let known_level = has_level(socket, level);
    let found = known_level.then(|| TABLES.iter().flat_map(|table| table.iter()).find(fits)).flatten();
    found.ok_or_else(|| {
        crate::log::boot(&format!("socket option {name} of level {level} is not there"));
        if known_level || !inet { Errno::NOPROTOOPT } else { foreign }
    })
}

/// Is the value of setsockopt(2) a `struct sock_fprog`, so that [`set`] wants the instructions to which it points?
pub(super) fn is_program(level: i32, name: i32) -> bool {
    [
        (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER),
        (libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF),
        (libc::SOL_PACKET, packet_fanout::PACKET_FANOUT_DATA),
    ]
    .contains(&(level, name))
}

/// How much of the value setsockopt(2) looks at, or more.
pub(super) fn longest(level: i32, name: i32) -> usize {
    // Control messages, and a list of sources (MCAST_MSFILTER): more than Linux takes must be seen as that.
    let control = (level, name) == (libc::IPPROTO_IPV6, carrier::IPV6_2292PKTOPTIONS) || is_request(level, name);
    if control { 1 << 17 } else { 1 << 14 }
}

/// Does setsockopt(2) put an answer into its value?
pub(super) fn is_request(level: i32, name: i32) -> bool {
    (level, name) == (libc::IPPROTO_IPV6, flow_label::IPV6_FLOWLABEL_MGR)
}

/// setsockopt(2) of such an option.
pub(super) fn request(socket: &Socket, level: i32, name: i32, value: &mut [u8]) -> Result<()> {
    match &find(socket, level, name, Errno::NOPROTOOPT)?.access {
        Access::Request { set, .. } => set(socket, value),
        _ => Err(Errno::NOPROTOOPT),
    }
}

/// Does getsockopt(2) look at what is where its answer goes?
pub(super) fn asks(level: i32, name: i32) -> bool {
    [(libc::SOL_PACKET, packet_ring::PACKET_HDRLEN), (libc::IPPROTO_IPV6, flow_label::IPV6_FLOWLABEL_MGR)]
        .contains(&(level, name))
}

/// How much getsockopt(2) gives to a negative length, which Linux looks at after the level and before the option; of ipv6(7) it
/// takes it for a large one.
pub(super) fn negative_room(socket: &Socket, level: i32, name: i32) -> Result<usize> {
    match (has_level(socket, level), socket.family()) {
        (true, _) if is_request(level, name) => Ok(flow_label::REQUEST_LEN),
        (true, _) if level == libc::IPPROTO_IPV6 => Ok(size_of::<i32>()),
        (true, _) => Err(Errno::INVAL),
        (false, Family::Inet) => Err(Errno::OPNOTSUPP),
        _ if level != libc::SOL_SOCKET && socket.goes_by_name() => Err(Errno::OPNOTSUPP),
        (false, _) => Err(Errno::NOPROTOOPT),
    }
}

fn has_level(socket: &Socket, level: i32) -> bool {
    let (kind, inet6) = (socket.endpoint.kind, socket.family() == Family::Inet6);
    let packet = matches!(kind, Kind::Packet(_));
    match level {
        libc::SOL_SOCKET => true,
        libc::SOL_PACKET => packet && !socket.goes_by_name(),
        libc::IPPROTO_IP if packet => false,
        libc::IPPROTO_IP => !inet6 || !matches!(kind, Kind::Raw(_)),
        libc::IPPROTO_IPV6 => inet6,
        libc::IPPROTO_ICMPV6 => inet6 && matches!(kind, Kind::Raw(_)),
        libc::IPPROTO_TCP => kind == Kind::Stream,
        libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => kind == Kind::Datagram,
        libc::SOL_RAW => matches!(kind, Kind::Raw(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
