//! epoll(7) over rump sockets and descriptors of the host.
//!
//! A set is a real epoll descriptor of the host. Members of the host live in the host's set; rump sockets live in an
//! `EpollSet` beside it, found by the descriptor's number. A set without rump sockets is waited for by the host's own
//! call.
//!
//! Reading order: this file, `set`, `member`, `ready`, `wait`, `hostside`; then `table`, `passed`, `nest`, `exclusive`.

mod current;
mod exclusive;
mod hostside;
mod member;
mod members;
mod nest;
mod passed;
mod ready;
mod set;
mod table;
mod wait;

#[cfg(test)]
mod oracle_tests;
#[cfg(test)]
mod tests;

pub use wait::{Begin, begin, end, wait};

pub(super) use current::in_child;
pub use passed::{arrived, passed_on};
pub(super) use set::EpollSet;
pub(super) use table::{any_may_hold_rump, duplicated, find, forget, forget_range};

use super::pollable::{Pollable, address};
use crate::descriptor::{self, Lookup, lookup, report_inherited};
use crate::{Errno, Result, host};
use member::Interest;
use rustix::event::epoll;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::Arc;
use table::{in_vfork_child, is_set};

/// epoll_create1(2); epoll_create(2) is the same with 0, after it has refused a size below 1.
///
/// # Errors
/// EINVAL for flags other than EPOLL_CLOEXEC; what the host's call says.
pub fn create(flags: i32) -> Result<RawFd> {
    let flags = epoll::CreateFlags::from_bits_retain(flags.cast_unsigned());
    let fd = epoll::create(flags)?.into_raw_fd();
    if !in_vfork_child() {
        descriptor::cleared(fd);
        table::register(fd);
    }
    Ok(fd)
}

/// epoll_ctl(2).
///
/// # Errors
/// As Linux: EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM, EPERM. ENETDOWN for a socket inherited from a parent.
pub fn ctl(epfd: RawFd, op: i32, fd: RawFd, event: Option<&libc::epoll_event>) -> Result<()> {
    match lookup(fd) {
        // The set holds what program and engine share, not the socket: a membership does not put the last close off.
        Lookup::Rump(socket) => ctl_rump(epfd, op, fd, socket.endpoint().clone(), event),
        Lookup::Inherited if op == libc::EPOLL_CTL_DEL => Err(Errno::NOENT),
        Lookup::Inherited => {
            report_inherited(fd);
            Err(Errno::NETDOWN)
        }
        Lookup::Host => match find(fd) {
            Some(inner) if !in_vfork_child() && (op == libc::EPOLL_CTL_ADD || is_set(epfd)) => {
                nest::ctl(epfd, op, fd, &inner, event)
            }
            _ => ctl_host(epfd, op, fd, event),
        },
    }
}

fn ctl_host(epfd: RawFd, op: i32, fd: RawFd, event: Option<&libc::epoll_event>) -> Result<()> {
    host::epoll_ctl(epfd, op, fd, event)?;
    match find(epfd) {
        Some(set) if op == libc::EPOLL_CTL_ADD => set.host_member_added(),
        Some(set) if op == libc::EPOLL_CTL_DEL => set.host.removed(),
        _ => {}
    }
    Ok(())
}

fn ctl_rump(
    epfd: RawFd,
    op: i32,
    fd: RawFd,
    target: Arc<dyn Pollable>,
    event: Option<&libc::epoll_event>,
) -> Result<()> {
    if in_vfork_child() {
        return Err(Errno::NETDOWN);
    }
    if op != libc::EPOLL_CTL_DEL && event.is_none() {
        return Err(Errno::FAULT);
    }
    let set = table::adopt(epfd, fd)?;
    if op == libc::EPOLL_CTL_ADD {
        nest::make_mixed(&set)?;
    }
    set.ctl(op, target, fd, event)
}

/// The last descriptor of the open file description at `address` is closed.
pub(super) fn target_closed(address: usize) {
    for set in table::all_mixed() {
        set.target_closed(address);
    }
}

impl EpollSet {
    /// epoll_ctl(2) with a member of ours.
    fn ctl(&self, op: i32, target: Arc<dyn Pollable>, fd: RawFd, event: Option<&libc::epoll_event>) -> Result<()> {
        let key = (address(&target), fd);
        match op {
            libc::EPOLL_CTL_ADD => self.add(target, fd, Interest::to_add(event.ok_or(Errno::FAULT)?)?),
            libc::EPOLL_CTL_MOD => self.modify(key, Interest::to_modify(event.ok_or(Errno::FAULT)?)?),
            libc::EPOLL_CTL_DEL => self.delete(key),
            _ => Err(Errno::INVAL),
        }
    }

    /// The host's set has one more member: those who sleep without it have to know.
    fn host_member_added(&self) {
        if self.host.added() && self.host.mixed() {
            self.wake_all();
        }
    }
}
