//! What a read of a netlink socket says besides its bytes. The host, which does the reading, knows nothing of it.

use super::{ADDRESS, encode};
use crate::user::{self, Message, Out, OutBytes};
use kernel::control_message::Writer;
use kernel::netlink::{self, Netlink};
use kernel::{Errno, Result, descriptor, fault};
use libc::{MSG_CTRUNC, NETLINK_PKTINFO, SOL_NETLINK, msghdr, socklen_t};
use std::ffi::c_int;
use std::io::IoSlice;
use std::sync::Arc;

/// CMSG_SPACE of a `struct nl_pktinfo`.
const PKTINFO: usize = 24;

/// Before any read: ENOBUFS once where messages were lost. `None`: the host reads.
pub fn lost<R>(fd: c_int) -> Option<Result<R>> {
    descriptor::netlink(fd)?.take_lost().then_some(Err(Errno::NOBUFS))
}

/// A call that reads, and where it puts what it says.
pub struct Reading {
    socket: Arc<Netlink>,
    name: OutBytes,
    /// How much room there is for it; the host overwrites that.
    space: usize,
    call: Call,
}

enum Call {
    /// recvfrom(2): the buffer, and where the length of the name goes.
    From(OutBytes, usize, Out<socklen_t>),
    /// recvmsg(2): and the room for control messages.
    Message(Out<msghdr>, usize),
}

impl Reading {
    /// Before recvfrom(2); `None` where `fd` is something else.
    pub fn of_call(fd: c_int, buf: OutBytes, len: usize, name: OutBytes, name_len: Out<socklen_t>) -> Option<Reading> {
        let socket = descriptor::netlink(fd)?;
        let space = usize::try_from(name_len.get().ok()?.cast_signed()).ok()?;
        Some(Reading { socket, name, space, call: Call::From(buf, len, name_len) })
    }

    /// Before recvmsg(2); `None` where `fd` is something else.
    pub fn of_message(fd: c_int, header: Out<msghdr>) -> Option<Reading> {
        let socket = descriptor::netlink(fd)?;
        let Message { name, name_len, control_len, .. } = header.parts().ok()?;
        Some(Reading { socket, name, space: name_len as usize, call: Call::Message(header, control_len) })
    }

    /// After it: what was read comes from the kernel, which has told a group, or this socket alone. What cannot be written is left
    /// out: the message has come.
    pub fn finish(&self, received: usize) {
        let group = self.beginning(received).map_or(0, |bytes| netlink::group_of(&bytes));
        let _ = self.put_name(group);
        if let Call::Message(header, room) = self.call
            && self.socket.getsockopt(NETLINK_PKTINFO) == Ok(1)
        {
            let _ = put_group(header, room, group);
        }
    }

    fn put_name(&self, group: u32) -> Result<()> {
        if self.name.is_null() {
            return Ok(());
        }
        // As on Linux a bit, where there is one for it.
        let groups = group.checked_sub(1).and_then(|shift| 1u32.checked_shl(shift)).unwrap_or(0);
        self.name.put(&encode(0, groups)[..self.space.min(ADDRESS)])?;
        match self.call {
            Call::From(_, _, len) => len.set(ADDRESS as socklen_t),
            Call::Message(header, _) => header.set_name_len(ADDRESS as socklen_t),
        }
    }

    /// As much of what was read as tells whom it was for.
    fn beginning(&self, received: usize) -> Result<Vec<u8>> {
        let enough = received.min(netlink::BEGINNING);
        let copy = |parts: &[IoSlice<'_>]| {
            let mut bytes = Vec::new();
            for part in parts {
                let more = (enough - bytes.len()).min(part.len());
                fault::readable(part.as_ptr(), more).map_err(|_| Errno::FAULT)?;
                bytes.extend(&part[..more]);
            }
            Ok(bytes)
        };
        match self.call {
            Call::From(buf, len, _) => copy(&[IoSlice::new(buf.as_in().unseen(len)?)]),
            Call::Message(header, _) => {
                let Message { vectors, count, .. } = header.parts()?;
                user::gather(vectors, count, copy)
            }
        }
    }
}

/// NETLINK_PKTINFO, after what the host has put there.
fn put_group(header: Out<msghdr>, room: usize, group: u32) -> Result<()> {
    let Message { control, control_len: used, .. } = header.parts()?;
    let mut space = [0; PKTINFO];
    let left = room.saturating_sub(used).min(PKTINFO);
    let mut writer = Writer::new(&mut space[..left]);
    writer.put(SOL_NETLINK, NETLINK_PKTINFO, &group.to_ne_bytes());
    let (len, flags) = (writer.used(), if writer.truncated() { MSG_CTRUNC } else { 0 });
    control.nth(used).put(&space[..len])?;
    header.add_control(used + len, flags)
}
