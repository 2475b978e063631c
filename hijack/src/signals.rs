//! sigaction(2), signal(3) and their kin: the program's handlers, behind the trampoline of [`kernel::signal`].

use crate::table::host;
use crate::user::{In, Out};
use kernel::Result;
use kernel::signal::{actions, io};
use libc::{sigaction as Action, siginfo_t, sigset_t, timespec};
use std::ffi::c_int;

/// sigaction(2).
pub fn sigaction(signal: c_int, new: In<Action>, old: Out<Action>) -> Option<Result<c_int>> {
    if !actions::taken() {
        return None;
    }
    Some(new.optional().and_then(|new| actions::sigaction(signal, new)).and_then(|previous| {
        if !old.is_null() {
            old.set(previous)?;
        }
        Ok(0)
    }))
}

/// signal(3), with BSD's semantics.
pub fn signal(signal: c_int, handler: usize) -> Option<Result<usize>> {
    by_address(signal, handler, host::signal)
}

/// signal(3), with System V's semantics.
pub fn sysv_signal(signal: c_int, handler: usize) -> Option<Result<usize>> {
    by_address(signal, handler, host::__sysv_signal)
}

/// sigset(3).
pub fn sigset(signal: c_int, handler: usize) -> Option<Result<usize>> {
    by_address(signal, handler, host::sigset)
}

fn by_address(signal: c_int, handler: usize, host: fn(c_int, usize) -> usize) -> Option<Result<usize>> {
    if !actions::taken() {
        return None;
    }
    Some(Ok(actions::by_address(signal, handler, |address| host(signal, address))))
}

/// siginterrupt(3), which changes SA_RESTART of a handler that is there.
pub fn siginterrupt(result: c_int, signal: c_int, _: c_int) {
    if result == 0 && actions::taken() {
        actions::resync(signal);
    }
}

/// sigwaitinfo(2).
pub fn sigwaitinfo(result: c_int, _: In<sigset_t>, info: Out<siginfo_t>) {
    if result < 0 || !actions::taken() {
        return;
    }
    if let Ok(mut taken) = info.get() {
        io::shown(&mut taken);
        // The host has just written there.
        let _ = info.set(taken);
    }
}

/// sigtimedwait(2).
pub fn sigtimedwait(result: c_int, set: In<sigset_t>, info: Out<siginfo_t>, _: In<timespec>) {
    sigwaitinfo(result, set, info);
}
