//! setsockopt(2): what lengths of a value are taken for each kind of [`Access`].

use super::{Access, SocketOption, has_level, ipv6, values};
use crate::socket::{Family, Socket};
use crate::{Errno, Result};

impl SocketOption<'_> {
    /// setsockopt(2).
    pub fn set(&self, value: &[u8]) -> Result<()> {
        let SocketOption { socket, level, name, .. } = *self;
        if value.len() < size_of::<i32>() && has_level(socket, level) && wants_int(socket, level, name) {
            return Err(Errno::INVAL);
        }
        match self.access(Errno::NOPROTOOPT)? {
            Access::Int { set, .. } => {
                let set = set.ok_or(Errno::NOPROTOOPT)?;
                match (values::int(value), value) {
                    (Err(_), [byte, ..]) if level == libc::IPPROTO_IP => set(socket, i32::from(*byte)),
                    // Linux takes a shorter value of these to be 0.
                    (Err(_), _) if level == libc::IPPROTO_IPV6 && takes_less(name) => set(socket, 0),
                    (Err(_), []) if level == libc::IPPROTO_IP && !wants_a_byte(name) => set(socket, 0),
                    (int, _) => set(socket, int?),
                }
            }
            Access::Whole { .. }
            | Access::Sized { .. }
            | Access::AtMost { .. }
            | Access::Taken { .. }
            | Access::Asked { .. } => Err(Errno::NOPROTOOPT),
            Access::Long { set, .. } => set(socket, values::long(value)?),
            Access::Structure { set, .. }
            | Access::SizedByValue { set, .. }
            | Access::Word { set, .. }
            | Access::Program { set, .. } => set(socket, value),
            Access::InPlace { set, .. } => set(socket, &mut value.to_vec()),
            Access::Control { set, .. } | Access::Bytes { set, .. } => set.ok_or(Errno::NOPROTOOPT)?(socket, value),
        }
    }

    /// setsockopt(2) of one that is [`InPlace`](super::Passing::InPlace): writes the answer into `value`.
    pub fn set_in_place(&self, value: &mut [u8]) -> Result<()> {
        match self.access(Errno::NOPROTOOPT)? {
            Access::InPlace { set, .. } => set(self.socket, value),
            _ => Err(Errno::NOPROTOOPT),
        }
    }

    /// The most bytes of its value at which setsockopt(2) looks.
    pub fn longest(&self) -> usize {
        match self.row.map(|row| &row.access) {
            // What control messages Linux does not take, being too long, must be seen as that.
            Some(Access::Control { .. } | Access::InPlace { .. }) => 1 << 17,
            _ => 1 << 14,
        }
    }
}

/// Linux looks for an `int` before it looks at the option, the few that are strings excepted.
fn wants_int(socket: &Socket, level: i32, name: i32) -> bool {
    match level {
        libc::SOL_SOCKET => name != libc::SO_BINDTODEVICE,
        libc::IPPROTO_TCP => !matches!(name, libc::TCP_CONGESTION | libc::TCP_ULP | libc::TCP_FASTOPEN_KEY),
        libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => true,
        libc::SOL_RAW => socket.family() == Family::Inet6,
        _ => false,
    }
}

/// Of IPPROTO_IPV6's, those that take what is shorter than an int.
pub(super) fn takes_less(name: i32) -> bool {
    matches!(name, libc::IPV6_DONTFRAG | libc::IPV6_RECVFRAGSIZE | ipv6::IPV6_AUTOFLOWLABEL)
}

/// Of IPPROTO_IP's, those for which no bytes are not a 0.
pub(super) fn wants_a_byte(name: i32) -> bool {
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
