//! What programs call that were built with _FORTIFY_SOURCE: the same as without, and the end of the program where the buffer is too small.
#![allow(unsafe_code)]

use std::ptr;

use libc::{MSG_PEEK, POLLIN, POLLOUT, c_int, c_long, c_void, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t};

use crate::Case;
use crate::errno::Errno;
use crate::net::{bound_udp, listener, must, pair, settle};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("fortified.read", read),
    ("fortified.recv", recv),
    ("fortified.recvfrom", recvfrom),
    ("fortified.poll", poll),
    ("fortified.ppoll", ppoll),
    ("fortified.select", select),
    ("fortified.read_too_much", |r| too_much(r, |fd, into| read_chk(fd, into, 9, 8))),
    ("fortified.recv_too_much", |r| too_much(r, |fd, into| recv_chk(fd, into, 9, 8, 0))),
    ("fortified.poll_too_many", poll_too_many),
    ("fortified.descriptor_too_high", descriptor_too_high),
];

unsafe extern "C" {
    fn __read_chk(fd: c_int, into: *mut c_void, len: size_t, space: size_t) -> ssize_t;
    fn __recv_chk(fd: c_int, into: *mut c_void, len: size_t, space: size_t, flags: c_int) -> ssize_t;
    fn __recvfrom_chk(
        fd: c_int,
        into: *mut c_void,
        len: size_t,
        space: size_t,
        flags: c_int,
        from: *mut sockaddr,
        from_len: *mut socklen_t,
    ) -> ssize_t;
    fn __poll_chk(fds: *mut pollfd, count: nfds_t, timeout: c_int, space: size_t) -> c_int;
    fn __ppoll_chk(
        fds: *mut pollfd,
        count: nfds_t,
        timeout: *const libc::timespec,
        mask: *const libc::sigset_t,
        space: size_t,
    ) -> c_int;
    fn __fdelt_chk(fd: c_long) -> c_long;
}

fn value(value: i64) -> Ret<i64> {
    if value < 0 { Err(Errno::last()) } else { Ok(value) }
}

/// With room for 8 bytes, whatever is said of it: a call that wrote more would be seen.
type Room = [u8; 32];

fn read_chk(fd: Fd, into: &mut Room, len: usize, space: usize) -> Ret<i64> {
    // SAFETY: `len` is at most the size of the room.
    value(unsafe { __read_chk(fd, into.as_mut_ptr().cast(), len, space) } as i64)
}

fn recv_chk(fd: Fd, into: &mut Room, len: usize, space: usize, flags: c_int) -> Ret<i64> {
    // SAFETY: as above.
    value(unsafe { __recv_chk(fd, into.as_mut_ptr().cast(), len, space, flags) } as i64)
}

fn readable() -> (Fd, Fd) {
    let (a, b) = pair();
    must("send", sys::send(a, b"a fortified program", 0));
    settle(b, POLLIN);
    (a, b)
}

fn read(r: &mut Report) {
    let ((a, b), mut room) = (readable(), Room::default());
    r.see("some", read_chk(b, &mut room, 8, 8));
    r.see("they are", room[..9].to_vec());
    r.see("the rest", read_chk(b, &mut room, 32, 32));
    must("close", sys::close(a));
    r.see("the end", read_chk(b, &mut room, 8, 8));
    must("close", sys::close(b));
    r.see("closed", read_chk(b, &mut room, 8, 8));
}

fn recv(r: &mut Report) {
    let ((_, b), mut room) = (readable(), Room::default());
    r.see("peek", recv_chk(b, &mut room, 8, 32, MSG_PEEK));
    r.see("all", recv_chk(b, &mut room, 32, 32, 0));
    r.see("they are", room[..19].to_vec());
    r.see("no more", recv_chk(b, &mut room, 8, 8, libc::MSG_DONTWAIT));
}

fn recvfrom(r: &mut Report) {
    let ((a, at_a), (b, at_b)) = (bound_udp(), bound_udp());
    must("sendto", sys::sendto(a, b"a datagram", 0, at_b));
    let mut room = Room::default();
    // SAFETY: zeros are an address of no family.
    let mut from: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    let mut len = size_of_val(&from) as socklen_t;
    // SAFETY: live locals, as long as is said.
    let n = unsafe {
        __recvfrom_chk(b, room.as_mut_ptr().cast(), 6, 32, libc::MSG_TRUNC, (&raw mut from).cast(), &raw mut len)
    };
    r.see("length", value(n as i64));
    r.see("cut", room[..7].to_vec());
    r.see("from", u16::from_be(from.sin_port) == at_a.port());
}

fn poll(r: &mut Report) {
    let (_, b) = readable();
    let mut fds = [pollfd { fd: b, events: POLLIN | POLLOUT, revents: 0 }];
    // SAFETY: one live row.
    r.see("ready", value(unsafe { __poll_chk(fds.as_mut_ptr(), 1, 0, size_of_val(&fds)) }.into()));
    r.see("how", u32::from(fds[0].revents.cast_unsigned()));
}

fn ppoll(r: &mut Report) {
    let (a, b) = readable();
    let (row, time) = (|fd| pollfd { fd, events: POLLIN, revents: 0 }, libc::timespec { tv_sec: 0, tv_nsec: 1000 });
    let mut fds = [row(a), row(b)];
    // SAFETY: two live rows, and a live time.
    let n = unsafe { __ppoll_chk(fds.as_mut_ptr(), 2, &raw const time, ptr::null(), size_of_val(&fds)) };
    r.see("ready", value(n.into()));
    r.see("how", fds.map(|fd| u32::from(fd.revents.cast_unsigned())).map(|how| how.to_string()).join(" "));
}

fn select(r: &mut Report) {
    let (_, b) = readable();
    // SAFETY: __fdelt_chk reads no memory. FD_SET of a fortified program is made of it.
    r.see("word of the set", unsafe { __fdelt_chk(b.into()) } == c_long::from(b) / 64);
    r.see("select", sys::select(&[b], &[], &[], 0).map(|(n, _)| n));
}

/// The program ends by SIGABRT, which is the line that is seen of the case.
fn too_much(r: &mut Report, call: fn(Fd, &mut Room) -> Ret<i64>) {
    let (_, b) = readable();
    no_core();
    r.see("room for", call(b, &mut Room::default()));
}

fn poll_too_many(r: &mut Report) {
    let mut fds = [listener(1).0, listener(1).0].map(|fd| pollfd { fd, events: POLLIN, revents: 0 });
    no_core();
    // SAFETY: two live rows; the space that is said is less.
    r.see("two in one", value(unsafe { __poll_chk(fds.as_mut_ptr(), 2, 0, size_of::<pollfd>()) }.into()));
}

fn descriptor_too_high(r: &mut Report) {
    no_core();
    // SAFETY: it reads no memory.
    r.see("1024", unsafe { __fdelt_chk(1024) } == 16);
}

fn no_core() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a live local.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
}
