//! getsockopt(2) and setsockopt(2).

use crate::netlink;
use crate::socket::on;
use crate::user::{Out, OutBytes};
use kernel::socket::{MAX_INSTRUCTIONS, Passing, SocketOption};
use kernel::{Errno, Result};
use libc::socklen_t;
use std::ffi::c_int;

/// Bytes that no option's value needs more of; the rest of a longer one is not looked at, as on Linux.
const LONGEST_VALUE: usize = 2048;

/// getsockopt(2).
pub fn getsockopt(fd: c_int, level: c_int, name: c_int, value: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let option = socket.option(level, name);
        let space = match usize::try_from(len.get()?.cast_signed()) {
            Ok(space) => space,
            Err(_) => option.negative_room()?,
        };
        let mut found = [0; LONGEST_VALUE];
        let found = &mut found[..space.min(LONGEST_VALUE)];
        match option.passing() {
            Passing::Plain => {}
            Passing::Asked | Passing::InPlace => found.copy_from_slice(value.as_in().slice(found.len())?),
            Passing::SizedByValue => {
                let answer = option.answer(value.as_in().slice(found.len())?)?;
                value.put(&answer)?;
                return len.set(answer.len() as socklen_t).map(|()| 0);
            }
            Passing::Program => return get_program(&option, space, value, len),
        }
        let written = match option.get(found) {
            Err(Errno::INVAL) if let Some(room) = option.needs() => {
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
fn get_program(option: &SocketOption<'_>, space: usize, value: OutBytes, len: Out<socklen_t>) -> Result<c_int> {
    let mut found = vec![0; MAX_INSTRUCTIONS * INSTRUCTION];
    let written = option.get(&mut found)?;
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
        let option = socket.option(level, name);
        let most = len.min(option.longest());
        match option.passing() {
            Passing::Program => option.set(value.as_in().program(len)?)?,
            Passing::InPlace => {
                let asked = value.as_in().slice(most)?;
                let mut request = asked.to_vec();
                option.set_in_place(&mut request)?;
                // As on Linux, where the answer cannot be written it counts all the same.
                if request != asked {
                    let _ = value.put(&request);
                }
            }
            Passing::Plain | Passing::Asked | Passing::SizedByValue => option.set(value.as_in().slice(most)?)?,
        }
        Ok(0)
    })
    .or_else(|| netlink::setsockopt(fd, level, name, value.as_in(), len))
}
