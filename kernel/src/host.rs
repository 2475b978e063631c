//! System calls of the host that rustix does not offer, made directly: a libc function would come back into our hooks.
#![allow(unsafe_code)]

use crate::{Errno, Result};
use rustix::fd::{BorrowedFd, RawFd};
use rustix::time::Timespec;
use std::time::Duration;

/// ppoll(2). `mask` replaces the signal mask during the call. Returns how many entries have revents.
pub fn ppoll(fds: &mut [libc::pollfd], timeout: Option<Duration>, mask: Option<&libc::sigset_t>) -> Result<usize> {
    let mut timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
    let timeout = timeout.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    let mask = mask.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `fds` is valid for its length, `timeout` is null or a live timespec of the kernel's layout on 64-bit, and
    // `mask` is null or a signal set of which the kernel reads the first 8 bytes.
    unsafe { syscall5(libc::SYS_ppoll, [fds.as_mut_ptr() as usize, fds.len(), timeout as usize, mask as usize, 8]) }
}

/// # Safety
/// The arguments must be what the system call expects.
#[cfg(target_arch = "x86_64")]
unsafe fn syscall5(number: libc::c_long, a: [usize; 5]) -> Result<usize> {
    let result: isize;
    // SAFETY: the system call instruction clobbers rcx and r11 only; the caller vouches for the arguments.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    value(result)
}

/// # Safety
/// The arguments must be what the system call expects.
#[cfg(target_arch = "aarch64")]
unsafe fn syscall5(number: libc::c_long, a: [usize; 5]) -> Result<usize> {
    let result: isize;
    // SAFETY: the system call instruction clobbers nothing but x0; the caller vouches for the arguments.
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") number as usize,
            inlateout("x0") a[0] => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4],
            options(nostack)
        );
    }
    value(result)
}

fn value(result: isize) -> Result<usize> {
    match usize::try_from(result) {
        Ok(n) => Ok(n),
        Err(_) => Err(Errno::from_raw_os_error(-result as i32)),
    }
}

/// close(2) of a number.
pub fn close(fd: RawFd) -> Result<()> {
    // SAFETY: close takes a number; whether it is ours to close is the caller's business, as in any close(2).
    unsafe { syscall5(libc::SYS_close, [fd as usize, 0, 0, 0, 0]) }.map(drop)
}

/// close_range(2).
pub fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    unsafe { syscall5(libc::SYS_close_range, [first as usize, last as usize, flags as usize, 0, 0]) }.map(drop)
}

/// exit_group(2): ends the process at once.
pub fn exit(status: i32) -> ! {
    // SAFETY: takes a number, and does not return.
    let _ = unsafe { syscall5(libc::SYS_exit_group, [status as usize, 0, 0, 0, 0]) };
    unreachable!("exit_group does not return")
}

/// A number as a borrowed descriptor: a wrong one makes the system call fail with EBADF. -1 gives one that always does.
pub fn borrow<'a>(fd: RawFd) -> BorrowedFd<'a> {
    // SAFETY: -1 is excluded; any other number is only handed to the host, which checks it.
    unsafe { BorrowedFd::borrow_raw(if fd == -1 { RawFd::MAX } else { fd }) }
}
