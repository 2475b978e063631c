//! aio(7): libc's threads would read and write the pair behind the descriptor, past the rump socket. Such requests fail with
//! ENOSYS, as on a system without asynchronous I/O; programs fall back.

use crate::socket;
use crate::user::{In, Out};
use kernel::{Errno, Result};
use std::ffi::{c_int, c_void};

/// aio_read(3), aio_write(3). A `struct aiocb` begins with its descriptor.
pub fn one(control: In<c_int>) -> Option<Result<c_int>> {
    socket::on(control.get().ok()?, |_| Err(Errno::NOSYS))
}

/// lio_listio(3): all or nothing.
pub fn list(_mode: c_int, list: In<Out<c_int>>, count: c_int, _event: In<c_void>) -> Option<Result<c_int>> {
    let list = list.slice(usize::try_from(count).ok()?).ok()?;
    list.iter().find_map(|control| one(control.as_in()))
}
