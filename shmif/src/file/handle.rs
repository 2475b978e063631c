//! The open file of a bus and its locks.
//!
//! The locks are OFD locks (fcntl(2), F_OFD_SETLK): they belong to the open file, so they end with its last copy, also
//! after kill -9, and not, as POSIX locks do, when the program closes some other descriptor of the same file.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// An open file that a fork child can give up through a shared reference.
pub(crate) struct Handle {
    /// -1 after [`Handle::close`].
    fd: AtomicI32,
}

impl Handle {
    pub(crate) fn new(fd: OwnedFd) -> Handle {
        Handle { fd: AtomicI32::new(fd.into_raw_fd()) }
    }

    /// The open file, unless it was given up.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        let fd = self.fd.load(Ordering::Relaxed);
        // SAFETY: `fd` came from an `OwnedFd` and is closed only by `close`, which runs in a fork child before any other
        // use there, or in `drop`.
        (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Closes this process's copy.
    pub(crate) fn close(&self) {
        let fd: RawFd = self.fd.swap(-1, Ordering::Relaxed);
        if fd >= 0 {
            // SAFETY: the swap made us the only one who closes it.
            unsafe { rustix::io::close(fd) };
        }
    }

    /// F_OFD_SETLK: an exclusive lock on one byte; false where another open file has it.
    pub(crate) fn try_lock(&self, byte: u64) -> io::Result<bool> {
        match self.control(libc::F_OFD_SETLK, libc::F_WRLCK, byte) {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// F_OFD_SETLK with F_UNLCK.
    pub(crate) fn unlock(&self, byte: u64) {
        let _ = self.control(libc::F_OFD_SETLK, libc::F_UNLCK, byte);
    }

    /// F_OFD_GETLK: whether another open file has the byte locked. Our own lock does not count.
    pub(crate) fn is_locked(&self, byte: u64) -> io::Result<bool> {
        Ok(self.control(libc::F_OFD_GETLK, libc::F_WRLCK, byte)?.l_type != libc::F_UNLCK as libc::c_short)
    }

    fn control(&self, command: libc::c_int, kind: libc::c_int, byte: u64) -> io::Result<libc::flock> {
        let mut lock = libc::flock {
            l_type: kind as libc::c_short,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: byte as libc::off_t,
            l_len: 1,
            l_pid: 0,
        };
        let fd = self.fd.load(Ordering::Relaxed);
        // rustix has no OFD locks; `syscall` because `fcntl` may be hooked in this process.
        // SAFETY: `lock` is a valid `struct flock` for the host to read and write, and outlives the call.
        match unsafe { libc::syscall(libc::SYS_fcntl, fd, command, &raw mut lock) } {
            0.. => Ok(lock),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}
