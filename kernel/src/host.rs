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
    unsafe { syscall6(libc::SYS_ppoll, [fds.as_mut_ptr() as usize, fds.len(), timeout as usize, mask as usize, 8, 0]) }
}

/// epoll_ctl(2): a number that is not open, or no epoll, is what the host says of it.
pub fn epoll_ctl(epfd: RawFd, op: i32, fd: RawFd, event: Option<&libc::epoll_event>) -> Result<()> {
    let event = event.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the event is only read, and null is EFAULT or unused; the rest are numbers.
    unsafe { syscall6(libc::SYS_epoll_ctl, [epfd as usize, op as usize, fd as usize, event as usize, 0, 0]) }.map(drop)
}

/// Whether two descriptors of this process are of one open file description (kcmp(2)); no where the host does not tell.
pub fn is_same_file(one: RawFd, other: RawFd) -> bool {
    const KCMP_FILE: usize = 0;
    let own = std::process::id() as usize;
    // SAFETY: takes numbers.
    let compared = unsafe { syscall6(libc::SYS_kcmp, [own, own, KCMP_FILE, one as usize, other as usize, 0]) };
    compared == Ok(0)
}

/// epoll_pwait2(2), or epoll_pwait(2) before Linux 5.11. No `timeout` is for ever.
pub fn epoll_wait(
    epfd: RawFd,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
    mask: Option<&libc::sigset_t>,
) -> Result<usize> {
    let mask = mask.map_or(std::ptr::null(), std::ptr::from_ref) as usize;
    let room = i32::try_from(events.len()).unwrap_or(i32::MAX) as usize;
    let (epfd, at) = (epfd as usize, events.as_mut_ptr() as usize);
    let time = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref) as usize;
    // SAFETY: at most `room` events are written; the time and the first 8 bytes of the mask are read, if there.
    match unsafe { syscall6(libc::SYS_epoll_pwait2, [epfd, at, room, time, mask, 8]) } {
        Err(Errno::NOSYS) => {
            // Rounded up, so that a wait never ends early; -1 is for ever.
            let millis = timeout.map_or(-1, |t| i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
            // SAFETY: as above.
            unsafe { syscall6(libc::SYS_epoll_pwait, [epfd, at, room, millis as usize, mask, 8]) }
        }
        done => done,
    }
}

/// What is ready in the host's epoll set now; never sleeps.
pub fn epoll_look(epfd: RawFd, events: &mut [libc::epoll_event]) -> Result<usize> {
    let room = i32::try_from(events.len()).unwrap_or(i32::MAX);
    // SAFETY: at most `room` events are written.
    unsafe { syscall6(libc::SYS_epoll_pwait, [epfd as usize, events.as_mut_ptr() as usize, room as usize, 0, 0, 8]) }
}

/// # Safety
/// The arguments must be what the system call expects.
#[cfg(target_arch = "x86_64")]
unsafe fn syscall6(number: libc::c_long, a: [usize; 6]) -> Result<usize> {
    let result: isize;
    // SAFETY: the system call instruction clobbers rcx and r11 only; the caller vouches for the arguments.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    value(result)
}

/// # Safety
/// The arguments must be what the system call expects.
#[cfg(target_arch = "aarch64")]
unsafe fn syscall6(number: libc::c_long, a: [usize; 6]) -> Result<usize> {
    let result: isize;
    // SAFETY: the system call instruction clobbers nothing but x0; the caller vouches for the arguments.
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") number as usize,
            inlateout("x0") a[0] => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4], in("x5") a[5],
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
    unsafe { syscall6(libc::SYS_close, [fd as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// close_range(2).
pub fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    unsafe { syscall6(libc::SYS_close_range, [first as usize, last as usize, flags as usize, 0, 0, 0]) }.map(drop)
}

/// exit_group(2): ends the process at once.
pub fn exit(status: i32) -> ! {
    // SAFETY: takes a number, and does not return.
    let _ = unsafe { syscall6(libc::SYS_exit_group, [status as usize, 0, 0, 0, 0, 0]) };
    unreachable!("exit_group does not return")
}

/// A number as a borrowed descriptor: a wrong one makes the system call fail with EBADF. -1 gives one that always does.
pub fn borrow<'a>(fd: RawFd) -> BorrowedFd<'a> {
    // SAFETY: -1 is excluded; any other number is only handed to the host, which checks it.
    unsafe { BorrowedFd::borrow_raw(if fd == -1 { RawFd::MAX } else { fd }) }
}
