//! Waiting for many descriptors at once: poll(2), select(2) and epoll(7) over rump sockets and descriptors of the host.
//!
//! A rump socket answers from its own [state](crate::Socket::readiness), never from the socket pair that stands for it; a
//! descriptor of the host answers from the host. Reading order: [`poll()`], [`select()`], [`epoll`].
//!
//! What the hooks do:
//! - poll and ppoll, select and pselect: if [`concerns`] (or [`select_concerns`]) says no, the real function with the
//!   program's own arguments; else [`poll()`], [`select()`].
//! - epoll_create, epoll_create1: [`epoll::create`]. epoll_ctl: [`epoll::ctl`]. epoll_wait and its like: as
//!   [`epoll::begin`] says.
//! - before a close, and after a call that made a descriptor: [`forget`]; after a dup of any kind: [`duplicated`]. Also
//!   before the process has a rump kernel: a set may be older than its first rump socket. They cost a load where the
//!   process never made a set. [`descriptor`](crate::descriptor)'s `cleared`, `duplicated`, `close` and `close_range` do
//!   it by themselves.
//!
//! Known deviations from Linux:
//! - EPOLLEXCLUSIVE is kept among the sets of one process.
//! - A poll(2) that sleeps on an epoll descriptor since before the process had a rump kernel does not see a rump socket
//!   that is added to that set; an epoll_wait(2) does.
//! - A set with members of both kinds that is itself an edge-triggered member of another is reported for its host's
//!   members once, and again after each wait on it that finds some.
//! - Who is not hooked (another process that shares the set, io_uring) sees the host's members of a set alone.

pub mod epoll;
mod pollable;
mod ppoll;
mod select;

#[cfg(test)]
mod loopback_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use ppoll::{concerns, poll};
pub use select::{FdSet, concerns as select_concerns, select, width};

use crate::endpoint::Endpoint;
use crate::{Result, host};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The number `fd` has been closed, or the host has just made it anew: if it named an epoll set, it no longer does, and
/// the set ends with its last number. A set keeps a member whose number is closed until the socket itself ends.
pub fn forget(fd: RawFd) {
    epoll::forget(fd);
}

/// As [`forget`] for all of `first..=last`.
pub fn forget_range(first: RawFd, last: RawFd) {
    epoll::forget_range(first, last);
}

/// dup(2) and its like have succeeded: `new` now names what `old` names.
pub fn duplicated(old: RawFd, new: RawFd) {
    if old != new {
        epoll::duplicated(old, new);
    }
}

/// In the child of a fork: it has no sets. What it inherited lives on in the host's sets, and the sockets are the parent's.
pub fn in_child() {
    epoll::in_child();
}

/// The last descriptor of a socket has been closed: every epoll set forgets it, as epoll(7) says of an open file
/// description.
pub(crate) fn socket_closed(endpoint: &Arc<Endpoint>) {
    epoll::target_closed(pollable::address(endpoint));
}

/// Which of `fds` are ready now; never sleeps.
fn look(fds: &mut [libc::pollfd]) -> Result<usize> {
    if fds.is_empty() { Ok(0) } else { host::ppoll(fds, Some(Duration::ZERO), None) }
}

/// Runs the engine on what has arrived, if anything has: a look of a program that polls must see it. False: nothing new.
fn take_in() -> bool {
    crate::booted().inspect(|kernel| kernel.backend().look()).is_some()
}

/// Whether `deadline` has passed.
fn expired(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// The time left until `deadline`; `None` is for ever.
fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}
