//! Rump sockets as descriptors of the host.
//!
//! The number that a program holds is one end (P) of a connected AF_UNIX pair; the kernel holds the other (K). So the
//! host allocates the number, and dup, fork, exec, close-on-exec and SCM_RIGHTS keep their meaning; when the last copy of
//! P in the last process goes, K sees the hang-up, and that is the last close. The table from number to socket is a cache
//! for speed.

mod fork;
mod pair;
mod protected;
mod shared;
mod table;

pub use fork::{adopt_environment, forked, in_child, in_use, in_vfork_child, prepare_fork};
pub use protected::{Protected, is_protected, protect, protect_move, protect_new, protect_number};
pub use rustix::net::SocketFlags;
pub use table::{Lookup, lookup, netlink};

use crate::netlink::Netlink;
use crate::{Errno, Kernel, Result, Socket, host, log, poll};
use rustix::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use table::{Opened, Removed};

/// Makes the descriptor of a socket. `flags`: SOCK_CLOEXEC, SOCK_NONBLOCK. Errors: EMFILE, ENFILE, and what else socket(2) has.
pub fn install(socket: &Arc<Socket>, flags: SocketFlags) -> Result<RawFd> {
    socket.set_nonblocking(flags.contains(SocketFlags::NONBLOCK));
    reserve(flags)?.name(socket)
}

/// A new netlink socket. Errors: as of [`install`] and of [`Netlink::open`].
pub fn install_netlink(kernel: &Arc<Kernel>, kind: i32, protocol: i32, flags: SocketFlags) -> Result<RawFd> {
    fork::own();
    let (socket, program) = Netlink::open(kernel, kind, protocol, flags)?;
    cleared(program.as_raw_fd());
    if !table::insert(program.as_raw_fd(), Opened::Netlink(socket)) {
        return Err(Errno::MFILE);
    }
    Ok(program.into_raw_fd())
}

/// A descriptor for a socket that is yet to come. So accept(2) finds out about EMFILE before it takes a connection.
pub struct Reserved {
    program: OwnedFd,
    end: pair::Kernel,
}

/// Makes a descriptor. Errors as of [`install`].
pub fn reserve(flags: SocketFlags) -> Result<Reserved> {
    fork::own();
    let (program, end) = pair::make(flags)?;
    // The number is fresh: what the table has of it is stale.
    cleared(program.as_raw_fd());
    Ok(Reserved { program, end })
}

impl Reserved {
    /// Lets it name `socket`.
    pub fn name(self, socket: &Arc<Socket>) -> Result<RawFd> {
        if !table::insert(self.program.as_raw_fd(), Opened::Socket(socket.clone(), Arc::new(self.end))) {
            return Err(Errno::MFILE);
        }
        Ok(self.program.into_raw_fd())
    }
}

/// After the host gave `new` what `old` names (dup(2) and its kin).
pub fn duplicated(old: RawFd, new: RawFd) {
    if old != new && !in_vfork_child() {
        cleared(new);
        table::copy(old, new);
        poll::duplicated(old, new);
    }
}

/// After a call of the host that made `fd`: what the table has of it is stale, whoever closed it.
pub fn cleared(fd: RawFd) {
    if !in_vfork_child() {
        forget(fd);
    }
}

fn forget(fd: RawFd) {
    poll::forget(fd);
    forget_name(fd);
}

/// As [`cleared`], but an epoll set that `fd` names stays.
pub fn cleared_of_sockets(fd: RawFd) {
    if table::has(fd) && !in_vfork_child() {
        forget_name(fd);
    }
}

fn forget_name(fd: RawFd) {
    if let Removed::Last(socket, end) = table::remove(fd) {
        shared::last_name_gone(socket, end);
    }
}

/// close(2) of a rump descriptor; the effect of a last close is complete when it returns. None: it is not ours, and the
/// caller does what the host does. EBADF for the kernel's own descriptors, of which the program knows nothing.
pub fn close(fd: RawFd) -> Option<Result<()>> {
    if in_vfork_child() {
        return None;
    }
    if matches!(table::lookup(fd), Lookup::Host) && netlink(fd).is_none() {
        return is_protected(fd).then_some(Err(Errno::BADF));
    }
    let removed = table::remove(fd);
    let closed = host::close(fd);
    if let Removed::Last(socket, end) = removed {
        shared::last_name_gone(socket, end);
    }
    Some(closed)
}

/// close_range(2), which spares the kernel's own descriptors.
pub fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
    if first > last {
        return Err(Errno::INVAL);
    }
    if in_vfork_child() {
        return host::close_range(first, last, flags);
    }
    let number = |fd: u32| RawFd::try_from(fd).unwrap_or(RawFd::MAX);
    if flags & libc::CLOSE_RANGE_CLOEXEC == 0 {
        poll::forget_range(number(first), number(last));
        for fd in table::named(number(first), number(last)) {
            let _ = close(fd);
        }
    }
    let mut from = first;
    for own in protected::within(number(first), number(last)) {
        let own = own as u32;
        if own > from {
            host::close_range(from, own - 1, flags)?;
        }
        from = own + 1;
    }
    if from <= last { host::close_range(from, last, flags) } else { Ok(()) }
}

/// After the host gave `fd` to this process by SCM_RIGHTS: it may be a copy of a rump socket, of this process's kernel or of
/// another's, or of an epoll set.
pub fn arrived(fd: RawFd) {
    if in_vfork_child() {
        return;
    }
    forget(fd);
    let host = host::borrow(fd);
    if !pair::is_program_end(host) {
        poll::epoll::arrived(fd);
    } else if !pair::cookie(host).is_ok_and(|cookie| recognise(fd, cookie)) {
        table::set_inherited(fd);
    }
}

fn recognise(fd: RawFd, cookie: u64) -> bool {
    table::join(fd, cookie)
        || shared::take_back(cookie).is_some_and(|(socket, end)| table::insert(fd, Opened::Socket(socket, end)))
}

/// Copies of descriptors may now be in other processes (SCM_RIGHTS).
pub fn passed_on() {
    shared::all();
}

/// Says, once, that a socket of a parent's kernel cannot be used here yet.
pub fn report_inherited(fd: RawFd) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        log::warn(&format!(
            "descriptor {fd} is a socket of the parent's rump kernel, which this process ({}) cannot use yet: ENETDOWN",
            std::process::id()
        ));
    }
}
