//! Making, duplicating and closing descriptors: close(2), dup(2), fcntl(2).
//!
//! Rump sockets are descriptors of the host, so the host's call always does the work. These functions keep the kernel's table
//! up to date, and the kernel's own descriptors out of the program's reach. A vfork child shares the parent's table but has
//! descriptors of its own, so it leaves the table alone.

use crate::hook::outcome;
use crate::signal_driven;
use crate::socket;
use crate::standard;
use crate::table::host;
use crate::user::{Argument, Out};
use kernel::descriptor::{self, Lookup};
use kernel::signal::cancel;
use kernel::{Errno, Result, poll};
use std::ffi::{c_int, c_uint};

/// close(2).
pub fn close(fd: c_int) -> Option<Result<c_int>> {
    if descriptor::is_protected(fd) {
        return Some(Err(Errno::BADF));
    }
    if matches!(descriptor::lookup(fd), Lookup::Host) {
        // Before the host's close, after which the number may be another thread's.
        poll::forget(fd);
        descriptor::netlink(fd)?;
    }
    if descriptor::in_vfork_child() {
        return None;
    }
    let closed = descriptor::close(fd)?;
    // A thread that is cancelled while it lingers ends without an answer.
    if cancel::interrupted() {
        return Some(Err(Errno::INTR));
    }
    Some(closed.map(|()| 0))
}

/// close_range(2).
pub fn close_range(first: c_uint, last: c_uint, flags: c_int) -> Option<Result<c_int>> {
    if !descriptor::in_use() || descriptor::in_vfork_child() {
        return None;
    }
    Some(descriptor::close_range(first, last, flags.cast_unsigned()).map(|()| 0))
}

/// closefrom(3).
pub fn closefrom(first: c_int) -> Option<Result<()>> {
    close_range(c_uint::try_from(first).unwrap_or(0), c_uint::MAX, 0).map(|closed| closed.map(|_| ()))
}

/// dup(2).
pub fn dup(new: c_int, old: c_int) {
    copied(old, new);
}

/// dup2(2).
pub fn dup2(old: c_int, new: c_int) -> Option<Result<c_int>> {
    onto(old, new, || host::dup2(old, new))
}

/// dup3(2).
pub fn dup3(old: c_int, new: c_int, flags: c_int) -> Option<Result<c_int>> {
    onto(old, new, || host::dup3(old, new, flags))
}

fn onto(old: c_int, new: c_int, host: impl FnOnce() -> c_int) -> Option<Result<c_int>> {
    Some(make_way(old, new).and_then(|()| outcome(host())).inspect(|new| copied(old, *new)))
}

/// The program knows nothing of the kernel's own descriptors: what it does to their numbers must work and must not hurt.
fn make_way(old: c_int, new: c_int) -> Result<()> {
    if descriptor::in_vfork_child() {
        return Ok(());
    }
    if descriptor::is_protected(old) {
        return Err(Errno::BADF);
    }
    if descriptor::is_protected(new) { descriptor::protect_move(new) } else { Ok(()) }
}

fn copied(old: c_int, new: c_int) {
    if new < 0 || new == old {
        return;
    }
    if descriptor::in_use() {
        descriptor::duplicated(old, new);
    } else {
        poll::duplicated(old, new);
    }
    standard::follow(new);
}

/// fcntl(2): what doubles a descriptor, and O_NONBLOCK. All else the host answers truly for the pair's end.
pub fn fcntl(fd: c_int, command: c_int, argument: Argument) -> Option<Result<c_int>> {
    let call = || outcome(host::fcntl(fd, command, argument));
    match command {
        _ if descriptor::is_protected(fd) => Some(Err(Errno::BADF)),
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => Some(call().inspect(|new| copied(fd, *new))),
        libc::F_SETFL => socket::on(fd, |socket| {
            let done = call()?;
            socket.set_nonblocking(argument.int() & libc::O_NONBLOCK != 0);
            if (argument.int() & libc::O_ASYNC != 0) != socket.signal_driven().fd.is_some() {
                signal_driven::learn(fd, socket);
            }
            Ok(done)
        }),
        signal_driven::F_SETOWN | signal_driven::F_SETOWN_EX | signal_driven::F_SETSIG => socket::on(fd, |socket| {
            let done = call()?;
            signal_driven::learn(fd, socket);
            Ok(done)
        }),
        _ => None,
    }
}

/// The host has made `fd`: whatever the tables held under that number is gone.
pub fn made(fd: c_int) {
    if fd >= 0 {
        poll::forget(fd);
        descriptor::cleared_of_sockets(fd);
        standard::follow(fd);
    }
}

/// pipe(2).
pub fn pipe(result: c_int, ends: Out<c_int>) {
    if let (0, Ok(ends)) = (result, ends.slice(2)) {
        ends.iter().copied().for_each(made);
    }
}

/// socketpair(2): AF_UNIX is the host's, and Linux has no other.
pub fn socketpair(result: c_int, _: c_int, _: c_int, _: c_int, ends: Out<c_int>) {
    pipe(result, ends);
}

/// pipe2(2).
pub fn pipe2(result: c_int, ends: Out<c_int>, _flags: c_int) {
    pipe(result, ends);
}

/// openpty(3).
pub fn openpty<N, T, W>(result: c_int, master: Out<c_int>, slave: Out<c_int>, _: N, _: T, _: W) {
    if result == 0 {
        [master, slave].into_iter().filter_map(|end| end.get().ok()).for_each(made);
    }
}
