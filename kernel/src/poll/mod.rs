//! Waiting for many descriptors at once: poll(2), select(2) and epoll(7) over rump sockets and descriptors of the host.
//!
//! A rump socket answers from [`Socket::readiness`], never from the socket pair that stands for it; a descriptor of the
//! host answers from the host. Reading order: [`poll()`], [`select()`], [`epoll`].
//!
//! What the hooks do:
//! - poll and ppoll, select and pselect: if [`concerns`] (or [`select_concerns`]) says no, the real function with the
//!   program's own arguments; else [`poll()`], [`select()`].
//! - epoll_create, epoll_create1: [`epoll::create`]. epoll_ctl: [`epoll::ctl`]. epoll_wait and its like: as
//!   [`epoll::begin`] says.
//! - after a close, and after a call that made a descriptor: [`forget`]; after a dup of any kind: [`duplicated`]; after
//!   the last close of a rump socket: [`socket_closed`].

pub mod epoll;
mod host;
mod pollable;
mod ppoll;
mod select;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use ppoll::{concerns, poll};
pub use select::{FdSet, concerns as select_concerns, select, width};

use crate::Socket;
use crate::descriptor::in_vfork_child;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The number `fd` has been closed, or the host has just made it anew: if it named an epoll set, it no longer does, and
/// the set ends with its last number. A set keeps a member whose number is closed: it goes with [`socket_closed`].
pub fn forget(fd: RawFd) {
    if epoll::is_set(fd) && !in_vfork_child() {
        epoll::forget(fd);
    }
}

/// dup(2) and its like have succeeded: `new` now names what `old` names.
pub fn duplicated(old: RawFd, new: RawFd) {
    if old != new && (epoll::is_set(old) || epoll::is_set(new)) && !in_vfork_child() {
        epoll::duplicated(old, new);
    }
}

/// The last descriptor of `socket` has been closed: every epoll set forgets it, as epoll(7) says of an open file
/// description.
pub fn socket_closed(socket: &Arc<Socket>) {
    epoll::target_closed(pollable::address(socket));
}

/// Whether `deadline` has passed.
fn expired(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// The time left until `deadline`; `None` is for ever.
fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}
