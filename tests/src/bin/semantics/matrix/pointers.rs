//! Calls with a pointer that points nowhere: EFAULT, or another error first. Each is a case of its own, because it may end the process.
#![allow(unsafe_code)]

use std::ptr;

use libc::{c_int, c_void, socklen_t};

use super::kinds::{self, Kind};
use super::states::{self, Subject};
use crate::errno::Errno;
use crate::report::{Report, Show};
use crate::sys::{self, Fd, Ret};

/// A row: the name and the call.
pub struct Row {
    pub name: &'static str,
    call: fn(Fd) -> Ret<i64>,
}

/// On a connected stream with data waiting, and on a listener that has a connection.
pub fn probe(row: &Row, r: &mut Report) {
    for (what, kind, state) in [
        ("stream", &kinds::TCP, "data waiting"),
        ("listener", &kinds::TCP, "listening, one waiting"),
        ("datagram", &kinds::UDP, "data waiting"),
    ] {
        let subject = made(kind, state);
        r.see(what, (row.call)(subject.fd).show());
        r.see(&format!("{what}, and then recv"), sys::recv(subject.fd, 64, libc::MSG_DONTWAIT).show());
    }
}

fn made(kind: &'static Kind, name: &str) -> Subject {
    let (_, state) =
        states::all().find(|(of, state)| of.name == kind.name && state.name == name).expect("a state's name");
    state.make(kind)
}

fn nowhere<T>() -> *mut T {
    ptr::without_provenance_mut(8)
}

/// The last `len` bytes before memory ends; `protection` is what may be done to them.
fn edge<T>(len: usize, protection: c_int) -> *mut T {
    const PAGE: usize = 4096;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory, of which the second half is given back.
    unsafe {
        let both = libc::mmap(ptr::null_mut(), 2 * PAGE, protection, kind, -1, 0);
        libc::munmap(both.byte_add(PAGE), PAGE);
        both.byte_add(PAGE - len).cast()
    }
}

const READ_WRITE: c_int = libc::PROT_READ | libc::PROT_WRITE;

/// Two buffers, of which the second is nowhere.
fn second_nowhere() -> [libc::iovec; 2] {
    let first = libc::iovec { iov_base: edge(2, READ_WRITE), iov_len: 2 };
    [first, libc::iovec { iov_base: nowhere(), iov_len: 2 }]
}

macro_rules! row {
    ($name:literal, $fd:ident => $call:expr) => {
        Row {
            name: $name,
            call: |$fd| {
                // SAFETY: the pointers that are invalid are so on purpose, and the call must refuse them: no Rust object is there.
                let value = unsafe { $call } as i64;
                if value < 0 { Err(Errno::last()) } else { Ok(value) }
            },
        }
    };
}

const NAME: socklen_t = 16;

pub const ROWS: &[Row] = &[
    row!("read", fd => libc::read(fd, nowhere(), 4)),
    row!("write", fd => libc::write(fd, nowhere::<c_void>(), 4)),
    row!("readv", fd => libc::readv(fd, nowhere(), 1)),
    row!("writev", fd => libc::writev(fd, nowhere(), 1)),
    row!("recv", fd => libc::recv(fd, nowhere(), 4, 0)),
    row!("send", fd => libc::send(fd, nowhere::<c_void>(), 4, libc::MSG_NOSIGNAL)),
    row!("sendto its name", fd => libc::sendto(fd, [0u8; 4].as_ptr().cast(), 4, libc::MSG_NOSIGNAL, nowhere(), NAME)),
    row!("recvmsg", fd => libc::recvmsg(fd, nowhere(), 0)),
    row!("sendmsg", fd => libc::sendmsg(fd, nowhere(), libc::MSG_NOSIGNAL)),
    row!("read into what ends too early", fd => libc::read(fd, edge(2, READ_WRITE), 4)),
    row!("read into what is read-only", fd => libc::read(fd, edge(4, libc::PROT_READ), 4)),
    row!("write of what ends too early", fd => libc::write(fd, edge::<c_void>(2, READ_WRITE), 4)),
    row!("readv, the second", fd => libc::readv(fd, second_nowhere().as_ptr(), 2)),
    row!("writev, the second", fd => libc::writev(fd, second_nowhere().as_ptr(), 2)),
    row!("peek", fd => libc::recv(fd, nowhere(), 4, libc::MSG_PEEK)),
    row!("recvfrom its name", fd => libc::recvfrom(fd, [0u8; 64].as_mut_ptr().cast(), 64, 0, nowhere(), ptr::from_mut(&mut { NAME }))),
    row!("recvfrom its length", fd => libc::recvfrom(fd, [0u8; 64].as_mut_ptr().cast(), 64, 0, edge(64, READ_WRITE), nowhere())),
    row!("write of much that ends too early", fd => {
        libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK);
        const MUCH: usize = 64 * 1024;
        let both = libc::mmap(ptr::null_mut(), 2 * MUCH, READ_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
        libc::munmap(both.byte_add(MUCH), MUCH);
        libc::write(fd, both, MUCH + 1000)
    }),
    row!("bind", fd => libc::bind(fd, nowhere(), NAME)),
    row!("connect", fd => libc::connect(fd, nowhere(), NAME)),
    row!("accept", fd => libc::accept(fd, nowhere(), nowhere())),
    row!("getsockname", fd => libc::getsockname(fd, nowhere(), nowhere())),
    row!("getsockname its name", fd => libc::getsockname(fd, nowhere(), ptr::from_mut(&mut { NAME }))),
    row!("getpeername", fd => libc::getpeername(fd, nowhere(), nowhere())),
    row!("setsockopt", fd => libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, nowhere::<c_void>(), 4)),
    row!("getsockopt", fd => libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, nowhere(), ptr::from_mut(&mut { NAME }))),
    row!("getsockopt its length", fd => {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, ptr::from_mut(&mut [0u8; 4]).cast(), nowhere())
    }),
    row!("ioctl", fd => libc::ioctl(fd, libc::FIONREAD, nowhere::<c_int>())),
    row!("poll", fd => { let _ = fd; libc::poll(nowhere(), 1, 0) }),
    row!("epoll_ctl", fd => {
        let set = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, fd, nowhere())
    }),
];
