//! Socket options: tables of rows, a row an option.
//!
//! An option that has no row is ENOPROTOOPT, never a silent success. To add one, add a row.

mod filter;
mod flow_label;
mod getsockopt;
mod header;
mod ip;
mod ipv6;
mod kept;
mod multicast;
mod packet;
mod packet_fanout;
mod packet_ring;
mod pktoptions;
mod preferences;
mod raw;
mod receiving;
mod rows;
mod setsockopt;
mod settings;
mod sol_socket;
mod sources;
mod tcp;
mod udp;
mod values;

pub(super) use filter::FilterSettings;
pub(super) use header::{v4_options, whole_header};
pub(super) use packet::PacketSettings;
pub(super) use settings::{Reuse, Settings};

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
    /// A structure of a fixed size, which is read only whole: EINVAL for another length, before anything else is checked.
    Structure { size: usize, get: GetBytes, set: SetBytes },
    /// Read-only, into a buffer that is no longer than the value: EINVAL.
    AtMost { get: GetBytes },
    /// Read-only and read once. If the buffer is too short it is EINVAL, the length that it needs is reported, and it stays.
    Taken { take: fn(&Socket, usize) -> Result<Taken> },
    /// Control messages, truncated as those of recvmsg(2).
    Control { get: fn(&Socket, &mut Writer<'_>) -> Result<()>, set: Option<SetBytes> },
    /// Read-only; the answer depends on what the program has put into the buffer.
    Asked { get: fn(&[u8]) -> Result<Vec<u8>> },
    /// A structure; the answer depends on what the program has put into the buffer, and only that says how long the buffer is.
    SizedByValue { get: fn(&Socket, &[u8]) -> Result<Vec<u8>>, set: SetBytes },
    /// A request, into which the answer is written; getsockopt(2) takes a request, too, and returns the whole answer.
    InPlace { get: fn(&Socket, &[u8]) -> Result<Vec<u8>>, set: fn(&Socket, &mut [u8]) -> Result<()> },
    /// Four bytes, with the length rules of an `int`.
    Word { get: fn(&Socket) -> Result<[u8; 4]>, set: SetBytes },
    /// A BPF program: the instructions (`struct sock_filter`) themselves.
    Program { get: Option<GetBytes>, set: SetBytes },
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
    /// Those of AF_INET.
    Raw4,
    /// Those of AF_INET6.
    Raw6,
    Packet,
}

/// All tables.
static TABLES: &[&[Row]] = &[
    sol_socket::ROWS,
    kept::ROWS,
    receiving::ROWS,
    ip::ROWS,
    header::ROWS,
    pktoptions::ROWS,
    flow_label::ROWS,
    multicast::ROWS,
    sources::ROWS,
    sources::ROWS_BY_SOURCE,
    ipv6::ROWS,
    raw::ROWS,
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

/// A socket's option, looked up once. Whether there is such a one is told where it is read or written: Linux looks at lengths before.
pub struct SocketOption<'a> {
    socket: &'a Socket,
    level: i32,
    name: i32,
    row: Option<&'static Row>,
}

/// How an option's value passes between the program's memory and the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// getsockopt(2) writes it, setsockopt(2) reads it.
    Plain,
    /// getsockopt(2) also reads what stands in the program's buffer.
    Asked,
    /// The same, and what stands there says how long the buffer is, not the call.
    SizedByValue,
    /// Both calls read it and write an answer in its place.
    InPlace,
    /// Instructions of BPF, to which the program's `struct sock_fprog` points; getsockopt(2) counts them.
    Program,
}

impl Socket {
    /// The option that a level and a name mean to this socket.
    pub fn option(&self, level: i32, name: i32) -> SocketOption<'_> {
        let (kind, family) = (self.endpoint.kind, self.family());
        let fits = |row: &&Row| {
            row.level == level
                && row.name == name
                && match row.on {
                    On::All => true,
                    On::Stream => kind == Kind::Stream,
                    On::Datagram => kind != Kind::Stream,
                    On::Raw => matches!(kind, Kind::Raw(_)),
                    On::Raw4 => matches!(kind, Kind::Raw(_)) && family == Family::Inet,
                    On::Raw6 => matches!(kind, Kind::Raw(_)) && family == Family::Inet6,
                    On::Packet => matches!(kind, Kind::Packet(_)),
                }
        };
        let rows = || TABLES.iter().flat_map(|table| table.iter());
        let row = has_level(self, level).then(|| rows().find(fits)).flatten();
        SocketOption { socket: self, level, name, row }
    }

    /// getsockopt(2): see [`SocketOption::get`].
    pub fn getsockopt(&self, level: i32, name: i32, into: &mut [u8]) -> Result<usize> {
        self.option(level, name).get(into)
    }

    /// setsockopt(2).
    pub fn setsockopt(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        self.option(level, name).set(value)
    }
}

impl SocketOption<'_> {
    /// How its value passes.
    pub fn passing(&self) -> Passing {
        match self.row.map(|row| &row.access) {
            Some(Access::Asked { .. }) => Passing::Asked,
            Some(Access::SizedByValue { .. }) => Passing::SizedByValue,
            Some(Access::InPlace { .. }) => Passing::InPlace,
            Some(Access::Program { .. }) => Passing::Program,
            _ => Passing::Plain,
        }
    }

    /// `foreign`: what Linux says of a level that the socket does not have, which is not the same for both calls.
    fn access(&self, foreign: Errno) -> Result<&'static Access> {
        let SocketOption { socket, level, name, row } = *self;
        if socket.goes_by_name() && level != libc::SOL_SOCKET {
            return Err(Errno::OPNOTSUPP);
        }
        if level == libc::IPPROTO_ICMPV6 && has_level(socket, level) && !raw::is_icmpv6(socket) {
            return Err(Errno::OPNOTSUPP);
        }
        row.map(|row| &row.access).ok_or_else(|| {
            crate::log::boot(&format!("socket option {name} of level {level} is not there"));
            if has_level(socket, level) || socket.family() != Family::Inet { Errno::NOPROTOOPT } else { foreign }
        })
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
