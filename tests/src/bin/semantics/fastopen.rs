//! TCP Fast Open as far as Linux's default has it: programs that connect use it, listeners do not answer.

use libc::{
    IPPROTO_TCP, MSG_DONTWAIT, MSG_FASTOPEN, POLLIN, POLLOUT, SO_ERROR, SOL_SOCKET, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT,
    TCP_FASTOPEN_KEY, TCP_FASTOPEN_NO_COOKIE, TCP_INFO,
};
use std::net::SocketAddrV4;

use crate::Case;
use crate::net::{bound_udp, free_port, listener, must, nonblocking, pair, pattern, settle, tcp, udp};
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("fastopen.options", options),
    ("fastopen.key", key),
    ("fastopen.inherited", inherited),
    ("fastopen.blocking", blocking),
    ("fastopen.nonblocking", nonblocking_sends),
    ("fastopen.more_than_a_syn", more_than_a_syn),
    ("fastopen.connect", connect),
    ("fastopen.connect_nonblocking", connect_nonblocking),
    ("fastopen.connect_waits", connect_waits),
    ("fastopen.refused", refused),
    ("fastopen.refused_later", refused_later),
    ("fastopen.wrong_sockets", wrong_sockets),
];

/// State, TCPI_OPT_SYN_DATA and tcpi_fastopen_client_fail.
fn see_info(r: &mut Report, fd: Fd) {
    let info = must("TCP_INFO", sys::get_option_bytes(fd, IPPROTO_TCP, TCP_INFO, 104));
    r.see("info", format!("state {}, SYN data {}, fail {}", info[0], info[5] >> 5 & 1, info[7] >> 1 & 3));
}

fn without_cookie(fd: Fd) -> Fd {
    must("TCP_FASTOPEN_NO_COOKIE", sys::set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1));
    fd
}

fn options(r: &mut Report) {
    let connected = pair().0;
    for (state, fd) in [("fresh", tcp()), ("listening", listener(1).0), ("connected", connected), ("datagram", udp())] {
        for (name, option) in [
            ("TCP_FASTOPEN", TCP_FASTOPEN),
            ("TCP_FASTOPEN_CONNECT", TCP_FASTOPEN_CONNECT),
            ("TCP_FASTOPEN_NO_COOKIE", TCP_FASTOPEN_NO_COOKIE),
        ] {
            for value in [-1, 0, 2, 1, 5000, i32::MAX] {
                r.see(&format!("{state}: {name} := {value}"), sys::set_option(fd, IPPROTO_TCP, option, value));
                r.see("get", sys::get_option(fd, IPPROTO_TCP, option));
            }
        }
    }
}

fn key(r: &mut Report) {
    let bytes: Vec<u8> = (0..40).collect();
    for (state, fd) in [("fresh", tcp()), ("listening", listener(1).0), ("connected", pair().0), ("datagram", udp())] {
        r.see(state, sys::get_option_bytes(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, 64));
        for len in [0, 15, 16, 17, 32, 33] {
            let set = sys::set_option_bytes(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, &bytes[..len]);
            r.see(&format!("{state}: {len} bytes"), set);
            r.see("get", sys::get_option_bytes(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, 64));
            r.see("get 20", sys::get_option_bytes(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, 20));
        }
    }
}

fn inherited(r: &mut Report) {
    let (listener, at) = listener(1);
    must("TCP_FASTOPEN", sys::set_option(listener, IPPROTO_TCP, TCP_FASTOPEN, 5));
    must("TCP_FASTOPEN_KEY", sys::set_option_bytes(listener, IPPROTO_TCP, TCP_FASTOPEN_KEY, &[3; 16]));
    without_cookie(listener);
    must("connect", sys::connect(tcp(), at));
    let (server, _) = must("accept", sys::accept(listener));
    r.see("TCP_FASTOPEN", sys::get_option(server, IPPROTO_TCP, TCP_FASTOPEN));
    r.see("TCP_FASTOPEN_KEY", sys::get_option_bytes(server, IPPROTO_TCP, TCP_FASTOPEN_KEY, 64));
    r.see("TCP_FASTOPEN_NO_COOKIE", sys::get_option(server, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE));
}

/// What a server gets, which asked for Fast Open in vain.
fn see_server(r: &mut Report, listener: Fd) {
    settle(listener, POLLIN);
    let (server, _) = must("accept", sys::accept(listener));
    settle(server, POLLIN);
    r.see("the server reads", sys::recv(server, 64, MSG_DONTWAIT));
    see_info(r, server);
}

fn fast_listener() -> (Fd, SocketAddrV4) {
    let (fd, at) = listener(16);
    must("TCP_FASTOPEN", sys::set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, 5));
    (fd, at)
}

fn blocking(r: &mut Report) {
    let (listener, at) = fast_listener();
    for (what, fd) in [("asks for a cookie", tcp()), ("asks again", tcp()), ("without", without_cookie(tcp()))] {
        r.see(what, sys::sendto(fd, b"hello", MSG_FASTOPEN, at));
        r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
        see_server(r, listener);
        see_info(r, fd);
        r.see("again", sys::sendto(fd, b"hello", MSG_FASTOPEN, at));
    }
    r.see("sendmsg", sys::sendmsg(without_cookie(tcp()), &[b"a", b"", b"bc"], MSG_FASTOPEN, Some(at)));
    see_server(r, listener);
}

fn nonblocking_sends(r: &mut Report) {
    let (listener, at) = fast_listener();
    for (what, fd) in [("asks for a cookie", tcp()), ("without", without_cookie(tcp()))] {
        r.see(what, sys::sendto(fd, b"hello", MSG_FASTOPEN | MSG_DONTWAIT, at));
        settle(fd, POLLOUT);
        r.see("goes on", sys::send(fd, b" world", 0));
        settle(listener, POLLIN);
        let (server, _) = must("accept", sys::accept(listener));
        let whole = if what == "without" { 11 } else { 6 };
        r.see("the server reads", sys::recv(server, whole, libc::MSG_WAITALL));
        see_info(r, fd);
    }
    let fd = without_cookie(tcp());
    nonblocking(fd);
    r.see("O_NONBLOCK", sys::sendto(fd, b"hello", MSG_FASTOPEN, at));
    let fd = without_cookie(tcp());
    r.see("nothing", sys::sendto(fd, b"", MSG_FASTOPEN | MSG_DONTWAIT, at));
}

fn more_than_a_syn(r: &mut Report) {
    let (listener, at) = fast_listener();
    let text = pattern(100_000);
    let fd = without_cookie(tcp());
    r.see("what a SYN takes", sys::sendto(fd, &text, MSG_FASTOPEN | MSG_DONTWAIT, at));
    must("accept", sys::accept(listener));
    let fd = without_cookie(tcp());
    r.see("blocking: all", sys::sendto(fd, &text, MSG_FASTOPEN, at));
    let (server, _) = must("accept", sys::accept(listener));
    let got = sys::recv(server, text.len(), libc::MSG_WAITALL);
    r.see("arrived whole", got.map(|got| got == text));
}

fn fast_connecting() -> Fd {
    let fd = tcp();
    must("TCP_FASTOPEN_CONNECT", sys::set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1));
    fd
}

fn connect(r: &mut Report) {
    let (listener, at) = fast_listener();
    let fd = fast_connecting();
    r.see("no cookie: connects", sys::connect(fd, at));
    see_info(r, fd);
    r.see("again", sys::connect(fd, at));
    r.see("send", sys::send(fd, b"hello", 0));
    see_server(r, listener);
    r.see("too late", sys::set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0));
    let fd = fast_connecting();
    r.see("with MSG_FASTOPEN", sys::sendto(fd, b"hello", MSG_FASTOPEN, at));
    see_server(r, listener);
}

fn connect_nonblocking(r: &mut Report) {
    let (listener, at) = fast_listener();
    let fd = fast_connecting();
    nonblocking(fd);
    r.see("no cookie", sys::connect(fd, at));
    settle(fd, POLLOUT);
    r.see("send", sys::send(fd, b"hello", 0));
    see_server(r, listener);
}

/// The SYN waits for the first text.
fn connect_waits(r: &mut Report) {
    let (listener, at) = fast_listener();
    for blocks in [true, false] {
        let fd = without_cookie(fast_connecting());
        if !blocks {
            nonblocking(fd);
        }
        r.see("connect", sys::connect(fd, at));
        r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
        r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
        r.see("peer", sys::getpeername(fd).map(drop));
        r.see("bound", sys::getsockname(fd).map(|at| at.port() != 0));
        r.see("state", sys::get_option_bytes(fd, IPPROTO_TCP, TCP_INFO, 1));
        r.see("recv", sys::recv(fd, 1, MSG_DONTWAIT));
        r.see("nobody knows of it", sys::poll(&[(listener, POLLIN)], 20));
        if !blocks {
            r.see("connect again", sys::connect(fd, at));
        }
        r.see("send", sys::send(fd, b"hello", 0));
        see_server(r, listener);
        see_info(r, fd);
    }
    let fd = without_cookie(fast_connecting());
    must("connect", sys::connect(fd, at));
    r.see("nothing sent", sys::send(fd, b"", 0));
    settle(listener, POLLIN);
    r.see("accept", sys::accept(listener).map(drop));
    let fd = without_cookie(fast_connecting());
    must("connect", sys::connect(fd, at));
    r.see("closed before", sys::close(fd));
    r.see("nobody knows of it", sys::poll(&[(listener, POLLIN)], 20));
}

fn refused(r: &mut Report) {
    let at = free_port();
    for fd in [tcp(), without_cookie(tcp())] {
        r.see("blocking", sys::sendto(fd, b"hello", MSG_FASTOPEN, at));
        r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
        r.see("again", sys::sendto(fd, b"hello", MSG_FASTOPEN, at));
    }
    let fd = without_cookie(fast_connecting());
    r.see("connect", sys::connect(fd, at));
    r.see("send", sys::send(fd, b"hello", 0));
    r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
}

fn refused_later(r: &mut Report) {
    let at = free_port();
    for fd in [tcp(), without_cookie(tcp())] {
        r.see("nonblocking", sys::sendto(fd, b"hello", MSG_FASTOPEN | MSG_DONTWAIT, at));
        settle(fd, POLLIN);
        r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
        r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
        r.see("send", sys::send(fd, b"hello", libc::MSG_NOSIGNAL));
    }
}

fn wrong_sockets(r: &mut Report) {
    let (listener, at) = fast_listener();
    let (a, _b) = pair();
    r.see("connected", sys::sendto(a, b"x", MSG_FASTOPEN, at));
    r.see("connected, nowhere", sys::send(a, b"x", MSG_FASTOPEN));
    r.see("fresh, nowhere", sys::send(tcp(), b"x", MSG_FASTOPEN));
    r.see("listening", sys::sendto(listener, b"x", MSG_FASTOPEN, at));
    r.see("listening, nowhere", sys::send(listener, b"x", MSG_FASTOPEN));
    let (_receiver, at) = bound_udp();
    r.see("datagram", sys::sendto(udp(), b"x", MSG_FASTOPEN, at));
    r.see("unreadable", sys::send_nowhere(without_cookie(tcp()), MSG_FASTOPEN));
}
