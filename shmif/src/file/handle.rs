//! The open file of a bus and its locks.
//!
//! The locks are OFD locks (fcntl(2), F_OFD_SETLK): they belong to the open file, so they end with its last copy, also
//! after kill -9, and not, as POSIX locks do, when the program closes some other descriptor of the same file. A mapping is a
//! copy too: a fork child must give up both.
#![allow(unsafe_code)]

use rustix::fs::Stat;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// An open file that a fork child can give up through a shared reference, and that is not taken for ours when the program
/// has closed it and the number is another file's.
pub(crate) struct Handle {
    /// -1 after [`Handle::close`]. Shared with who may move the descriptor to another number.
    fd: Arc<AtomicI32>,
    device: u64,
    inode: u64,
}

impl Handle {
    /// `stat` is that of `fd`.
    pub(crate) fn new(fd: OwnedFd, stat: &Stat) -> Handle {
        Handle { fd: Arc::new(AtomicI32::new(fd.into_raw_fd())), device: stat.st_dev, inode: stat.st_ino }
    }

    /// Where the number is looked up at every use.
    pub(crate) fn number(&self) -> &Arc<AtomicI32> {
        &self.fd
    }

    /// The open file, unless it was given up or closed behind our back.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.stat().map(|(fd, _)| fd)
    }

    /// The same with what fstat(2) says of it.
    pub(crate) fn stat(&self) -> Option<(BorrowedFd<'_>, Stat)> {
        let fd = self.fd.load(Ordering::Relaxed);
        // SAFETY: the number is ours until `close`; where the program closed it, the host says EBADF or shows another file,
        // and the borrow ends here.
        let fd = (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })?;
        let stat = rustix::fs::fstat(fd).ok()?;
        ((stat.st_dev, stat.st_ino) == (self.device, self.inode)).then_some((fd, stat))
    }

    /// True where the program has closed the file behind our back.
    pub(crate) fn is_lost(&self) -> bool {
        self.fd.load(Ordering::Relaxed) >= 0 && self.fd().is_none()
    }

    /// Closes this process's copy.
    pub(crate) fn close(&self) {
        let ours = self.fd().is_some();
        let fd: RawFd = self.fd.swap(-1, Ordering::Relaxed);
        if fd >= 0 && ours {
            // SAFETY: the swap made us the only one who closes it, and it is still our file.
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
        let fd = self.fd().ok_or(io::ErrorKind::NotFound)?.as_raw_fd();
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
