//! setsockopt(2): what lengths of a value are taken for each kind of [`Access`].

use super::{Access, find, flow_label, has_level, ipv6, packet_fanout, pktoptions, values};
use crate::socket::Socket;
use crate::{Errno, Result};

impl Socket {
    /// setsockopt(2).
    pub fn setsockopt(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        if value.len() < size_of::<i32>() && has_level(self, level) && wants_int(level, name) {
            return Err(Errno::INVAL);
        }
        match &find(self, level, name, Errno::NOPROTOOPT)?.access {
            Access::Int { set, .. } => {
                let set = set.ok_or(Errno::NOPROTOOPT)?;
                match (values::int(value), value) {
                    (Err(_), [byte, ..]) if level == libc::IPPROTO_IP => set(self, i32::from(*byte)),
                    // Linux takes a shorter value of these to be 0.
                    (Err(_), _) if level == libc::IPPROTO_IPV6 && takes_less(name) => set(self, 0),
                    (Err(_), []) if level == libc::IPPROTO_IP && !wants_a_byte(name) => set(self, 0),
                    (int, _) => set(self, int?),
                }
            }
            Access::Whole { .. }
            | Access::Sized { .. }
            | Access::AtMost { .. }
            | Access::Taken { .. }
            | Access::Asks { .. } => Err(Errno::NOPROTOOPT),
            Access::Long { set, .. } => set(self, values::long(value)?),
            Access::Answers { set, .. } | Access::Word { set, .. } => set(self, value),
            Access::Request { set, .. } => set(self, &mut value.to_vec()),
            Access::Control { set, .. } | Access::Bytes { set, .. } => set.ok_or(Errno::NOPROTOOPT)?(self, value),
        }
    }

    /// Whether the value of [`setsockopt`](Self::setsockopt) is the instructions to which the program's `struct sock_fprog` points.
    pub fn setsockopt_follows(level: i32, name: i32) -> bool {
        [
            (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER),
            (libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF),
            (libc::SOL_PACKET, packet_fanout::PACKET_FANOUT_DATA),
        ]
        .contains(&(level, name))
    }

    /// The most bytes of its value at which [`setsockopt`](Self::setsockopt) looks.
    pub fn setsockopt_longest(level: i32, name: i32) -> usize {
        // Control messages, and a list of sources (MCAST_MSFILTER): more than Linux takes must be seen as that.
        let control = (level, name) == (libc::IPPROTO_IPV6, pktoptions::IPV6_2292PKTOPTIONS) || is_request(level, name);
        if control { 1 << 17 } else { 1 << 14 }
    }

    /// Whether an option must be set by [`setsockopt_request`](Self::setsockopt_request).
    pub fn setsockopt_answers(level: i32, name: i32) -> bool {
        is_request(level, name)
    }

    /// setsockopt(2) of an option that writes an answer into `value`.
    pub fn setsockopt_request(&self, level: i32, name: i32, value: &mut [u8]) -> Result<()> {
        match &find(self, level, name, Errno::NOPROTOOPT)?.access {
            Access::Request { set, .. } => set(self, value),
            _ => Err(Errno::NOPROTOOPT),
        }
    }
}

/// Whether setsockopt(2) writes an answer into the value.
pub(super) fn is_request(level: i32, name: i32) -> bool {
    (level, name) == (libc::IPPROTO_IPV6, flow_label::IPV6_FLOWLABEL_MGR)
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
