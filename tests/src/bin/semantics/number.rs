//! System calls by number, and functions of libc that make theirs inside.
#![allow(unsafe_code)]

use std::ptr;

use libc::{
    EPOLL_CTL_ADD, EPOLLIN, POLLIN, POLLOUT, SYS_epoll_pwait, SYS_ppoll, SYS_preadv2, SYS_pselect6, SYS_pwritev2, c_int,
};

use crate::Case;
use crate::errno::Errno;
use crate::net::{must, pair, settle, tcp};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("number.ppoll", ppoll),
    ("number.pselect", pselect),
    ("number.epoll_pwait", epoll_pwait),
    ("number.lengths_of_masks", lengths_of_masks),
    ("number.vectors", vectors),
    ("number.reused", reused),
    ("number.bindresvport", low_port),
];

/// What the kernel takes for a signal mask: 64 bits, of which nothing behind them may be read.
static MASK: u64 = 1 << (libc::SIGALRM - 1);
const MASK_LEN: usize = 8;
const AT_ONCE: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };

fn value(value: i64) -> Ret<i64> {
    if value < 0 { Err(Errno::last()) } else { Ok(value) }
}

/// A connection with something to read at its second end.
fn readable() -> (Fd, Fd) {
    let (a, b) = pair();
    must("send", sys::send(a, b"number", 0));
    settle(b, POLLIN);
    (a, b)
}

fn ppoll(r: &mut Report) {
    let (_, b) = readable();
    let (mut fds, mut time) = (libc::pollfd { fd: b, events: POLLIN | POLLOUT, revents: 0 }, AT_ONCE);
    // SAFETY: live locals of the call's types.
    let n = unsafe { libc::syscall(SYS_ppoll, &raw mut fds, 1, &raw mut time, &raw const MASK, MASK_LEN) };
    r.see("ready", value(n));
    r.see("how", u32::from(fds.revents.cast_unsigned()));
}

fn pselect(r: &mut Report) {
    let (a, b) = readable();
    // SAFETY: a set of zeros is an empty one.
    let mut set: libc::fd_set = unsafe { std::mem::zeroed() };
    let (mut time, mask) = (AT_ONCE, (&raw const MASK, MASK_LEN));
    // SAFETY: both descriptors are small; live locals of the call's types.
    let n = unsafe {
        libc::FD_SET(a, &raw mut set);
        libc::FD_SET(b, &raw mut set);
        let none: *mut libc::fd_set = ptr::null_mut();
        libc::syscall(SYS_pselect6, a.max(b) + 1, &raw mut set, none, none, &raw mut time, &raw const mask)
    };
    r.see("ready", value(n));
    // SAFETY: as above.
    r.see("which", unsafe { format!("{} {}", libc::FD_ISSET(a, &raw const set), libc::FD_ISSET(b, &raw const set)) });
}

fn epoll_pwait(r: &mut Report) {
    let (_, b) = readable();
    let epoll = must("epoll_create", sys::epoll_create());
    must("epoll_ctl", sys::epoll_ctl(epoll, EPOLL_CTL_ADD, b, EPOLLIN, 7));
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: live locals of the call's types.
    let n = unsafe { libc::syscall(SYS_epoll_pwait, epoll, &raw mut event, 1, 0, &raw const MASK, MASK_LEN) };
    r.see("ready", value(n));
    r.see("which", { event.u64 } as usize);
}

/// The kernel's mask has one length.
fn lengths_of_masks(r: &mut Report) {
    let (_, b) = readable();
    let epoll = must("epoll_create", sys::epoll_create());
    must("epoll_ctl", sys::epoll_ctl(epoll, EPOLL_CTL_ADD, b, EPOLLIN, 7));
    for (what, mask) in [("a mask", &raw const MASK), ("none", ptr::null())] {
        for len in [0usize, 4, 8, 128] {
            let mut event = libc::epoll_event { events: 0, u64: 0 };
            let (mut fds, mut time) = (libc::pollfd { fd: b, events: POLLIN, revents: 0 }, AT_ONCE);
            let both = (mask, len);
            // SAFETY: live locals of the calls' types, and a mask of which no more than its 8 bytes are read.
            let [waited, polled, selected] = unsafe {
                let none: *mut libc::fd_set = ptr::null_mut();
                [
                    value(libc::syscall(SYS_epoll_pwait, epoll, &raw mut event, 1, 0, mask, len)),
                    value(libc::syscall(SYS_ppoll, &raw mut fds, 1, &raw mut time, mask, len)),
                    value(libc::syscall(SYS_pselect6, 0, none, none, none, &raw mut time, &raw const both)),
                ]
            };
            r.see(&format!("epoll_pwait, {what} of {len}"), waited);
            r.see("ppoll", polled);
            r.see("pselect6", selected);
        }
    }
}

fn vectors(r: &mut Report) {
    let (a, b) = readable();
    let mut bytes = [0u8; 16];
    let vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let here: i64 = -1;
    // SAFETY: one vector over a live buffer.
    let read = |offset: i64| unsafe { libc::syscall(SYS_preadv2, b, &raw const vector, 1, offset, 0i64, 0) };
    r.see("from an offset", value(read(0)));
    r.see("from here", value(read(here)));
    // SAFETY: as above.
    let written = unsafe { libc::syscall(SYS_pwritev2, a, &raw const vector, 1, here, 0i64, 0) };
    r.see("to here", value(written));
}

/// The number of a socket that was closed becomes a file's, without libc knowing.
fn reused(r: &mut Report) {
    let fd = tcp();
    must("close", sys::close(fd));
    // SAFETY: a string.
    let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, c"/dev/zero".as_ptr(), libc::O_RDONLY) } as Fd;
    r.see("the same number", file == fd);
    r.see("is a file", sys::recv(file, 4, 0));
    let mut byte = 1u8;
    // SAFETY: one byte.
    r.see("and is read", value(unsafe { libc::read(file, (&raw mut byte).cast(), 1) } as i64));
}

unsafe extern "C" {
    fn bindresvport(fd: c_int, name: *mut libc::sockaddr_in) -> c_int;
}

fn bind_low(fd: Fd) -> Ret<i64> {
    // SAFETY: a null name is allowed.
    value(unsafe { bindresvport(fd, ptr::null_mut()) }.into())
}

fn low_port(r: &mut Report) {
    let fd = tcp();
    r.see("bound", bind_low(fd));
    let port = must("getsockname", sys::getsockname(fd)).port();
    r.see("to a low port", (512..1024).contains(&port));
    r.see("again", bind_low(fd));
}
