//! MSG_ZEROCOPY: completions on the error queue.

use libc::{
    MSG_DONTWAIT, MSG_ERRQUEUE, MSG_ZEROCOPY, POLLERR, POLLIN, POLLOUT, SO_ERROR, SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};

use crate::Case;
use crate::net::{must, pair, settle, tcp, udp, udp_pair};
use crate::report::Report;
use crate::sys::{self, Fd};

const SO_ZEROCOPY: i32 = 60;

pub const CASES: &[Case] = &[
    ("zerocopy.option", option),
    ("zerocopy.stream", |r| completions(r, pair(), true)),
    ("zerocopy.datagram", |r| completions(r, udp_pair(), false)),
    ("zerocopy.many_messages", many_messages),
    ("zerocopy.nothing", nothing),
    ("zerocopy.inherited", inherited),
];

/// All that the error queue has.
fn see_completions(r: &mut Report, what: &str, fd: Fd) {
    loop {
        match sys::recvmsg(fd, &[8], MSG_ERRQUEUE, 256) {
            Err(errno) => return r.see(what, Err::<(), _>(errno)),
            Ok(message) => {
                r.see(
                    what,
                    format!("{} bytes, flags {:#x}, name {}", message.returned, message.flags, message.name_len),
                );
                for ((level, kind, _), data) in message.control.into_iter().zip(message.control_data) {
                    r.see(what, format!("level {level} type {kind} {data:?}"));
                }
            }
        }
    }
}

fn option(r: &mut Report) {
    let raw = sys::socket(libc::AF_INET, SOCK_RAW, 253);
    for (what, fd) in [("stream", tcp()), ("datagram", udp())].into_iter().chain(raw.map(|raw| ("raw", raw))) {
        for value in [-1, 2, 1] {
            r.see(&format!("{what} := {value}"), sys::set_option(fd, SOL_SOCKET, SO_ZEROCOPY, value));
            r.see("get", sys::get_option(fd, SOL_SOCKET, SO_ZEROCOPY));
        }
    }
}

fn completions(r: &mut Report, (a, b): (Fd, Fd), stream: bool) {
    r.see("without the option", sys::send(a, b"ab", MSG_ZEROCOPY));
    see_completions(r, "nothing", a);
    must("setsockopt", sys::set_option(a, SOL_SOCKET, SO_ZEROCOPY, 1));
    for _ in 0..3 {
        r.see("send", sys::send(a, b"ab", MSG_ZEROCOPY));
        settle(a, POLLERR);
    }
    // The last of them completes a little later than the poll may see.
    std::thread::sleep(std::time::Duration::from_millis(20));
    r.see("poll", sys::poll(&[(a, POLLIN | POLLOUT)], 0));
    r.see("SO_ERROR", sys::get_option(a, SOL_SOCKET, SO_ERROR));
    r.see("receiving has no error", sys::recv(a, 8, MSG_DONTWAIT));
    see_completions(r, "three in one", a);
    r.see("poll", sys::poll(&[(a, POLLIN | POLLOUT)], 0));
    r.see("send", sys::sendmsg(a, &[b"c", b"d"], MSG_ZEROCOPY, None));
    r.see("one without", sys::send(a, b"ef", 0));
    settle(a, POLLERR);
    see_completions(r, "the fourth", a);
    r.see("empty", sys::send(a, b"", MSG_ZEROCOPY));
    if !stream {
        settle(a, POLLERR);
        r.see("too long", sys::send(a, &[0; 70_000], MSG_ZEROCOPY));
    }
    see_completions(r, "of nothing", a);
    r.see("arrived", sys::recv(b, 64, MSG_DONTWAIT));
}

fn many_messages(r: &mut Report) {
    let (a, b) = udp_pair();
    must("setsockopt", sys::set_option(a, SOL_SOCKET, SO_ZEROCOPY, 1));
    let to = must("getsockname", sys::getsockname(b));
    r.see("sendmmsg", sys::sendmmsg_flags(a, &[b"one", b"two", b"three"], to, MSG_ZEROCOPY));
    settle(b, POLLIN);
    r.see("recvmmsg", sys::recvmmsg(b, 8, 8, MSG_DONTWAIT).map(|got| got.concat()));
    settle(a, POLLERR);
    r.see("reading errors, many", sys::recvmmsg(a, 8, 8, MSG_ERRQUEUE).map(|got| got.len()));
    r.see("no more", sys::recvmmsg(a, 8, 8, MSG_ERRQUEUE).map(|got| got.len()));
}

/// Streams have an error queue, too, with nothing in it.
fn nothing(r: &mut Report) {
    let (a, _b) = pair();
    let error = |fd| sys::recv(fd, 8, MSG_ERRQUEUE);
    r.see("connected", error(a));
    r.see("fresh", error(must("socket", sys::socket(libc::AF_INET, SOCK_STREAM, 0))));
}

fn inherited(r: &mut Report) {
    let (listener, at) = crate::net::listener(1);
    r.see("listening", sys::set_option(listener, SOL_SOCKET, SO_ZEROCOPY, 1));
    let client = crate::net::connected(at);
    let (server, _) = must("accept", sys::accept(listener));
    r.see("accepted", sys::get_option(server, SOL_SOCKET, SO_ZEROCOPY));
    r.see("the other end", sys::get_option(client, SOL_SOCKET, SO_ZEROCOPY));
}
