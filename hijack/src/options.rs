//! getsockopt(2) and setsockopt(2).

use crate::netlink;
use crate::socket::on;
use crate::user::{Out, OutBytes};
use kernel::socket::MAX_INSTRUCTIONS;
use kernel::{Errno, Result, Socket};
use libc::socklen_t;
use std::ffi::c_int;

/// Bytes that no option's value needs more of; the rest of a longer one is not looked at, as on Linux.
const LONGEST_VALUE: usize = 2048;
// linux/in.h: what is written is as long as the structure says, not the call.
const IP_MSFILTER: c_int = 41;
const MCAST_MSFILTER: c_int = 48;

/// getsockopt(2).
pub fn getsockopt(fd: c_int, level: c_int, name: c_int, value: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let space = match usize::try_from(len.get()?.cast_signed()) {
            Ok(space) => space,
            Err(_) => socket.negative_room(level, name)?,
        };
        if (level, name) == (libc::SOL_SOCKET, libc::SO_GET_FILTER) {
            return get_filter(socket, space, value, len);
        }
        if matches!(
            (level, name),
            (libc::IPPROTO_IP, IP_MSFILTER | MCAST_MSFILTER) | (libc::IPPROTO_IPV6, MCAST_MSFILTER)
        ) {
            let asked = value.as_in().slice(space.min(LONGEST_VALUE))?;
            if let Some(answer) = socket.getsockopt_answer(level, name, asked)? {
                value.put(&answer)?;
                return len.set(answer.len() as socklen_t).map(|()| 0);
            }
        }
        let mut found = [0; LONGEST_VALUE];
        let found = &mut found[..space.min(LONGEST_VALUE)];
        if Socket::getsockopt_asks(level, name) {
            found.copy_from_slice(value.as_in().slice(found.len())?);
        }
        let written = match socket.getsockopt(level, name, found) {
            Err(Errno::INVAL) if let Some(room) = socket.getsockopt_room(level, name) => {
                len.set(room as socklen_t)?;
                return Err(Errno::INVAL);
            }
            written => written?,
        };
        value.put(&found[..written])?;
        len.set(written as socklen_t).map(|()| 0)
    })
    .or_else(|| netlink::getsockopt(fd, level, name, value, len))
}

const INSTRUCTION: usize = size_of::<libc::sock_filter>();

/// SO_GET_FILTER, whose length counts instructions; 0 only asks how many there are.
fn get_filter(socket: &Socket, space: usize, value: OutBytes, len: Out<socklen_t>) -> Result<c_int> {
    let mut found = vec![0; MAX_INSTRUCTIONS * INSTRUCTION];
    let written = socket.getsockopt(libc::SOL_SOCKET, libc::SO_GET_FILTER, &mut found)?;
    let count = written / INSTRUCTION;
    if space > 0 && space < count {
        return Err(Errno::INVAL);
    }
    if space > 0 {
        value.put(&found[..written])?;
    }
    len.set(count as socklen_t).map(|()| 0)
}

/// setsockopt(2).
pub fn setsockopt(fd: c_int, level: c_int, name: c_int, value: OutBytes, len: socklen_t) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let len = usize::try_from(len.cast_signed()).map_err(|_| Errno::INVAL)?;
        if Socket::setsockopt_follows(level, name) {
            return socket.setsockopt(level, name, value.as_in().program(len)?).map(|()| 0);
        }
        let len = len.min(Socket::setsockopt_longest(level, name));
        if Socket::setsockopt_answers(level, name) {
            let asked = value.as_in().slice(len)?;
            let mut request = asked.to_vec();
            socket.setsockopt_request(level, name, &mut request)?;
            // As on Linux, where the answer cannot be written it counts all the same.
            if request != asked {
                let _ = value.put(&request);
            }
            return Ok(0);
        }
        socket.setsockopt(level, name, value.as_in().slice(len)?).map(|()| 0)
    })
    .or_else(|| netlink::setsockopt(fd, level, name, value.as_in(), len))
}
