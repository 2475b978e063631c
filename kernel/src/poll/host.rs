//! The host's own calls, where rustix has no face for them (a signal mask) or wants an owned descriptor (any number may
//! come from the program, also one that is not open).
#![allow(unsafe_code)]

use crate::{Errno, Result};
use std::os::fd::RawFd;
use std::ptr::{from_ref, null};
use std::time::Duration;

/// The bytes of a signal set that the host's kernel reads.
const SIGSET_BYTES: usize = 8;

/// ppoll(2). No `timeout` is for ever.
pub(super) fn ppoll(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
    mask: Option<&libc::sigset_t>,
) -> Result<usize> {
    let timeout = timeout.map(timespec);
    let timeout = timeout.as_ref().map_or(null(), from_ref);
    // SAFETY: the array, the time and the set are borrowed for the call, and the lengths are theirs.
    let n = unsafe { libc::syscall(libc::SYS_ppoll, fds.as_mut_ptr(), fds.len(), timeout, sigset(mask), SIGSET_BYTES) };
    count(n)
}

/// Which of `fds` are ready now; never sleeps.
pub(super) fn look(fds: &mut [libc::pollfd]) -> Result<usize> {
    if fds.is_empty() { Ok(0) } else { ppoll(fds, Some(Duration::ZERO), None) }
}

/// epoll_ctl(2).
pub(super) fn epoll_ctl(epfd: RawFd, op: i32, fd: RawFd, event: Option<&libc::epoll_event>) -> Result<()> {
    let event = event.map_or(null(), from_ref);
    // SAFETY: the kernel only reads the event, which is borrowed for the call; null is EFAULT or unused.
    count(unsafe { libc::syscall(libc::SYS_epoll_ctl, epfd, op, fd, event) }).map(drop)
}

/// epoll_pwait2(2), or epoll_pwait(2) before Linux 5.11. No `timeout` is for ever.
pub(super) fn epoll_wait(
    epfd: RawFd,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
    mask: Option<&libc::sigset_t>,
) -> Result<usize> {
    let room = i32::try_from(events.len()).unwrap_or(i32::MAX);
    let time = timeout.map(timespec);
    let time = time.as_ref().map_or(null(), from_ref);
    let at = events.as_mut_ptr();
    // SAFETY: the kernel writes at most `room` events, which are borrowed for the call, and reads the time and the set.
    let n = unsafe { libc::syscall(libc::SYS_epoll_pwait2, epfd, at, room, time, sigset(mask), SIGSET_BYTES) };
    match count(n) {
        Err(Errno::NOSYS) => {
            // SAFETY: as above.
            let n = unsafe {
                libc::syscall(libc::SYS_epoll_pwait, epfd, at, room, millis(timeout), sigset(mask), SIGSET_BYTES)
            };
            count(n)
        }
        done => done,
    }
}

/// What is ready in the host's set now; never sleeps.
pub(super) fn epoll_look(epfd: RawFd, events: &mut [libc::epoll_event]) -> Result<usize> {
    let room = i32::try_from(events.len()).unwrap_or(i32::MAX);
    let no_mask = null::<libc::sigset_t>();
    // SAFETY: the kernel writes at most `room` events, which are borrowed for the call.
    count(unsafe { libc::syscall(libc::SYS_epoll_pwait, epfd, events.as_mut_ptr(), room, 0, no_mask, SIGSET_BYTES) })
}

fn count(n: libc::c_long) -> Result<usize> {
    usize::try_from(n).map_err(|_| {
        let raw = std::io::Error::last_os_error().raw_os_error();
        raw.map_or(Errno::INVAL, Errno::from_raw_os_error)
    })
}

fn sigset(mask: Option<&libc::sigset_t>) -> *const libc::sigset_t {
    mask.map_or(null(), from_ref)
}

fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Rounded up, so that a wait never ends early; −1 is for ever.
fn millis(time: Option<Duration>) -> i32 {
    let Some(time) = time else { return -1 };
    i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}
