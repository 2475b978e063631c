//! poll and select with descriptors of the host, compared with the host's own calls.

use super::*;
use crate::Errno;
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

fn readable() -> OwnedFd {
    eventfd(1, EventfdFlags::CLOEXEC).expect("eventfd")
}

fn now() -> Option<Instant> {
    Some(Instant::now())
}

fn set(fds: &[RawFd]) -> Vec<libc::c_ulong> {
    let mut words = vec![0; 32];
    fds.iter().for_each(|&fd| words[fd as usize / 64] |= 1 << (fd as usize % 64));
    words
}

#[test]
fn host_descriptors_are_polled_by_the_host() {
    let ready = readable();
    let mut fds = [ready.as_raw_fd(), -1, i32::MAX].map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: -1 });
    assert!(!concerns(&fds));
    assert_eq!(poll(&mut fds, None, None), Ok(2));
    assert_eq!(fds.map(|fd| fd.revents), [libc::POLLIN, 0, libc::POLLNVAL]);
}

#[test]
fn a_poll_ends_at_its_deadline() {
    let begin = Instant::now();
    assert_eq!(poll(&mut [], Some(begin + Duration::from_millis(20)), None), Ok(0));
    assert!(begin.elapsed() >= Duration::from_millis(20));
}

#[test]
fn select_leaves_what_is_ready_and_counts_bits() {
    let (ready, silent) = (readable(), eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd"));
    let (r, s) = (ready.as_raw_fd(), silent.as_raw_fd());
    let (mut read, mut write, mut except) = (set(&[r, s]), set(&[r, s]), set(&[r]));
    let nfds = r.max(s) + 1;
    assert_eq!(select(nfds, Some(&mut read), Some(&mut write), Some(&mut except), now(), None), Ok(3));
    assert_eq!((read, write, except), (set(&[r]), set(&[r, s]), set(&[])));
}

#[test]
fn select_refuses_what_is_not_open_and_leaves_the_sets() {
    let closed = readable().as_raw_fd() + 500;
    let mut read = set(&[closed]);
    assert_eq!(select(closed + 1, Some(&mut read), None, None, now(), None), Err(Errno::BADF));
    assert_eq!(read, set(&[closed]));
    assert_eq!(select(closed, Some(&mut read), None, None, now(), None), Ok(0), "beyond nfds nothing is looked at");
    assert_eq!(select(-1, None, None, None, None, None), Err(Errno::INVAL));
}

#[test]
fn select_takes_sets_beyond_fd_setsize_and_ignores_what_is_beyond_the_table() {
    let ready = readable();
    let high = rustix::io::fcntl_dupfd_cloexec(&ready, 1500).expect("F_DUPFD_CLOEXEC");
    let mut read = set(&[high.as_raw_fd()]);
    assert_eq!(select(high.as_raw_fd() + 1, Some(&mut read), None, None, now(), None), Ok(1));
    assert_eq!(read, set(&[high.as_raw_fd()]));
    assert!(width(i32::MAX).expect("positive") < 1 << 20);
    assert_eq!(width(65), Ok(2));
    assert_eq!(width(-1), Err(Errno::INVAL));
}
