//! Making the pair behind a descriptor.
//!
//! P is made by connecting to the kernel's listener, an abstract AF_UNIX name, so that `getpeername` on any copy of P, in
//! any process, says whose socket it is.

use super::protected::{Protected, protect_new};
use crate::Result;
use crate::lock::lock;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::sync::{Mutex, MutexGuard};

/// How the names of kernels begin, in the abstract namespace.
pub(super) const PREFIX: &str = "rump/";

/// The kernel's end (K) of a pair.
pub(super) struct Kernel {
    fd: Protected,
    /// SO_COOKIE of P, by which a copy of P that comes from elsewhere is recognised.
    cookie: u64,
}

struct Listener {
    fd: Protected,
    name: SocketAddrUnix,
}

/// Locked while a pair is made: the connection that is accepted is the one just made.
static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);

/// A fresh pair: the program's descriptor, with the lowest free number, and the kernel's end out of the way.
pub(super) fn make(flags: SocketFlags) -> Result<(OwnedFd, Kernel)> {
    let mut listener = lock(&LISTENER);
    let listener = match &mut *listener {
        Some(listener) => listener,
        none => none.insert(Listener::open()?),
    };
    let program = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&program, &listener.name)?;
    let end = protect_new(|| {
        loop {
            let end = rustix::net::accept_with(&listener.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
            // A stranger may connect to an abstract name.
            if rustix::net::sockopt::socket_peercred(&end)?.pid == rustix::process::getpid() {
                break Ok(end);
            }
        }
    })?;
    let cookie = cookie(program.as_fd())?;
    Ok((program, Kernel { fd: end, cookie }))
}

/// What tells a socket of the host from every other, whoever holds it.
pub(super) fn cookie(fd: BorrowedFd<'_>) -> Result<u64> {
    rustix::net::sockopt::socket_cookie(fd)
}

/// Whether `fd` is a copy of a P of some kernel.
pub(super) fn is_program_end(fd: BorrowedFd<'_>) -> bool {
    let Ok(Some(peer)) = rustix::net::getpeername(fd) else { return false };
    let Ok(peer) = SocketAddrUnix::try_from(peer) else { return false };
    peer.abstract_name().is_some_and(|name| name.starts_with(PREFIX.as_bytes()))
}

impl Kernel {
    /// SO_COOKIE of P.
    pub(super) fn cookie(&self) -> u64 {
        self.cookie
    }

    /// Whether the last copy of P is gone.
    pub(super) fn hung_up(&self) -> bool {
        let mut fds = [self.pollfd()];
        let _ = crate::host::ppoll(&mut fds, Some(std::time::Duration::ZERO), None);
        fds[0].revents & libc::POLLHUP != 0
    }

    pub(super) fn pollfd(&self) -> libc::pollfd {
        libc::pollfd { fd: rustix::fd::AsRawFd::as_raw_fd(&self.fd.as_fd()), events: 0, revents: 0 }
    }
}

impl AsFd for Kernel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Listener {
    fn open() -> Result<Listener> {
        let fd = protect_new(|| {
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        })?;
        let mut random = [0u8; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let name = format!("{PREFIX}{:016x}", u64::from_ne_bytes(random));
        let name = SocketAddrUnix::new_abstract_name(name.as_bytes())?;
        rustix::net::bind(&fd, &name)?;
        rustix::net::listen(&fd, 128)?;
        Ok(Listener { fd, name })
    }
}

/// The lock of this file, held by a thread that forks.
pub(super) struct Held(MutexGuard<'static, Option<Listener>>);

pub(super) fn hold() -> Held {
    Held(lock(&LISTENER))
}

/// In a child: the listener is the parent's.
pub(super) fn forget(Held(mut listener): Held) {
    std::mem::forget(listener.take());
}
