//! The life of a connection: bind, connect, shutdown, close, reset.

use std::net::{Ipv4Addr, SocketAddrV4};

use libc::{
    AF_INET, AF_UNSPEC, MSG_NOSIGNAL, POLLIN, POLLOUT, POLLRDHUP, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_ERROR, SOL_SOCKET,
};

use crate::Case;
use crate::net::{connected, free_port, here, later, listener, must, nonblocking, pair, settle, tcp, udp};
use crate::report::{Report, place};
use crate::sys;

pub const CASES: &[Case] = &[
    ("life.bind_ephemeral", bind_ephemeral),
    ("life.bind_twice_one_socket", bind_twice_one_socket),
    ("life.bind_twice_one_port", bind_twice_one_port),
    ("life.bind_any_and_one", bind_any_and_one),
    ("life.bind_after_close", bind_after_close),
    ("life.bind_foreign_address", bind_foreign_address),
    ("life.bind_wrong_arguments", bind_wrong_arguments),
    ("life.bind_reuse_address", bind_reuse_address),
    ("life.bind_reuse_port", bind_reuse_port),
    ("life.bind_tcp_and_udp", bind_tcp_and_udp),
    ("life.bind_in_time_wait", bind_in_time_wait),
    ("life.connect_names", connect_names),
    ("life.connect_to_any", connect_to_any),
    ("life.connect_bound", connect_bound),
    ("life.connect_to_itself", connect_to_itself),
    ("life.connect_refused", connect_refused),
    ("life.connect_after_refused", connect_after_refused),
    ("life.connect_again", connect_again),
    ("life.connect_wrong_arguments", connect_wrong_arguments),
    ("life.connect_unreachable", connect_unreachable),
    ("life.connect_nonblocking", connect_nonblocking),
    ("life.connect_nonblocking_refused", connect_nonblocking_refused),
    ("life.connect_unspec", connect_unspec),
    ("life.not_connected", not_connected),
    ("life.half_close", half_close),
    ("life.shutdown_read", shutdown_read),
    ("life.shutdown_both", shutdown_both),
    ("life.shutdown_wrong", shutdown_wrong),
    ("life.shutdown_while_receiving", shutdown_while_receiving),
    ("life.close_with_unread_data", close_with_unread_data),
    ("life.close_with_zero_linger", close_with_zero_linger),
    ("life.close_delivers", close_delivers),
    ("life.close_lingers", close_lingers),
    ("life.close_while_receiving", close_while_receiving),
    ("life.send_after_peer_closed", send_after_peer_closed),
    ("life.many_connections", many_connections),
    ("life.errno_kept", errno_kept),
];

fn bind_ephemeral(r: &mut Report) {
    let fd = tcp();
    r.see("unbound name", place(sys::getsockname(fd)));
    r.see("bind port 0", sys::bind(fd, here(0)));
    let name = must("getsockname", sys::getsockname(fd));
    r.see("name", place(Ok(name)));
    r.see("port in 32768..=60999", (32768..=60999).contains(&name.port()));
    r.see("room for 4 bytes, length", sys::getsockname_room(fd, 4));
}

fn bind_twice_one_socket(r: &mut Report) {
    let fd = tcp();
    r.see("bind", sys::bind(fd, here(0)));
    r.see("bind again", sys::bind(fd, here(0)));
}

fn bind_twice_one_port(r: &mut Report) {
    let (_listener, at) = listener(1);
    let fd = tcp();
    r.see("bind the listener's port", sys::bind(fd, at));
    r.see("then another", sys::bind(fd, here(0)));
}

fn bind_any_and_one(r: &mut Report) {
    let (_listener, at) = listener(1);
    r.see("any address, same port", sys::bind(tcp(), SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, at.port())));
    r.see("another loopback address", sys::bind(tcp(), SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), at.port())));
}

fn bind_after_close(r: &mut Report) {
    let (first, at) = listener(1);
    r.see("close", sys::close(first));
    for round in ["second", "third", "fourth"] {
        let fd = tcp();
        r.see(&format!("{round} bind"), sys::bind(fd, at));
        r.see(&format!("{round} listen"), sys::listen(fd, 1));
        r.see(&format!("{round} close"), sys::close(fd));
    }
}

fn bind_foreign_address(r: &mut Report) {
    r.see("192.0.2.1", sys::bind(tcp(), SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 0)));
    r.see("127.1.2.3", sys::bind(tcp(), SocketAddrV4::new(Ipv4Addr::new(127, 1, 2, 3), 0)));
    r.see("udp 192.0.2.1", sys::bind(udp(), SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 0)));
}

fn bind_wrong_arguments(r: &mut Report) {
    r.see("family AF_UNIX", sys::bind_raw(tcp(), libc::AF_UNIX, 16));
    r.see("length 8", sys::bind_raw(tcp(), AF_INET, 8));
    r.see("descriptor -1", sys::bind(-1, here(0)));
    r.see("no socket", sys::bind(must("open", sys::open_null()), here(0)));
}

fn bind_reuse_address(r: &mut Report) {
    let (a, b) = (tcp(), tcp());
    for fd in [a, b] {
        r.see("SO_REUSEADDR", sys::set_option(fd, SOL_SOCKET, libc::SO_REUSEADDR, 1));
    }
    r.see("first bind", sys::bind(a, here(0)));
    let at = must("getsockname", sys::getsockname(a));
    r.see("second bind", sys::bind(b, at));
    r.see("first listen", sys::listen(a, 1));
    r.see("second listen", sys::listen(b, 1));
    let c = tcp();
    r.see("third SO_REUSEADDR", sys::set_option(c, SOL_SOCKET, libc::SO_REUSEADDR, 1));
    r.see("third bind, beside a listener", sys::bind(c, at));
}

fn bind_reuse_port(r: &mut Report) {
    let (a, b, c) = (tcp(), tcp(), tcp());
    for fd in [a, b] {
        r.see("SO_REUSEPORT", sys::set_option(fd, SOL_SOCKET, libc::SO_REUSEPORT, 1));
    }
    r.see("first bind", sys::bind(a, here(0)));
    let at = must("getsockname", sys::getsockname(a));
    r.see("first listen", sys::listen(a, 8));
    r.see("second bind", sys::bind(b, at));
    r.see("second listen", sys::listen(b, 8));
    r.see("without the option", sys::bind(c, at));
    let clients: Vec<_> = (0..4).map(|_| connected(at)).collect();
    for fd in [a, b] {
        nonblocking(fd);
    }
    let accepted = crate::net::within(std::time::Duration::from_secs(2), {
        let mut count = 0;
        move || {
            count += [a, b].iter().filter(|&&fd| sys::accept(fd).is_ok()).count();
            (count == 4).then_some(count)
        }
    });
    r.see("accepted of 4", accepted.unwrap_or(0));
    drop(clients);
}

fn bind_tcp_and_udp(r: &mut Report) {
    let (_listener, at) = listener(1);
    r.see("udp on the same port", sys::bind(udp(), at));
}

fn bind_in_time_wait(r: &mut Report) {
    // Linux wants SO_REUSEADDR of both, the one that was there and the one that comes.
    for before in [0, 1] {
        let listening = tcp();
        must("option", sys::set_option(listening, SOL_SOCKET, libc::SO_REUSEADDR, before));
        must("bind", sys::bind(listening, here(0)));
        must("listen", sys::listen(listening, 1));
        let at = must("getsockname", sys::getsockname(listening));
        let client = connected(at);
        let (server, _) = must("accept", sys::accept(listening));
        // The server's side closes first and keeps the port in TIME-WAIT.
        must("close", sys::close(server));
        settle(client, POLLIN | POLLRDHUP);
        must("close", sys::close(client));
        must("close", sys::close(listening));
        let fd = tcp();
        r.see(&format!("{before}: bind without SO_REUSEADDR"), sys::bind(fd, at));
        must("option", sys::set_option(fd, SOL_SOCKET, libc::SO_REUSEADDR, 1));
        r.see(&format!("{before}: bind with it"), sys::bind(fd, at));
        r.see(&format!("{before}: listen"), sys::listen(fd, 1));
    }
}

fn connect_names(r: &mut Report) {
    let (listening, at) = listener(1);
    let client = connected(at);
    let (server, from) = must("accept", sys::accept(listening));
    r.see("client's name", place(sys::getsockname(client)));
    r.see("client's peer is the listener", sys::getpeername(client).map(|peer| peer == at));
    r.see("accept's address is the client's", sys::getsockname(client).map(|name| name == from));
    r.see("server's peer is the client", sys::getpeername(server).map(|peer| peer == from));
    r.see("server's name is the listener's", sys::getsockname(server).map(|name| name == at));
    r.see("listener's peer", place(sys::getpeername(listening)));
}

fn connect_to_any(r: &mut Report) {
    let (_listening, at) = listener(1);
    let fd = tcp();
    r.see("connect to 0.0.0.0", sys::connect(fd, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, at.port())));
    r.see("peer", place(sys::getpeername(fd)));
    r.see("name", place(sys::getsockname(fd)));
}

fn connect_bound(r: &mut Report) {
    let (listening, at) = listener(1);
    let fd = tcp();
    r.see("bind to any", sys::bind(fd, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)));
    let before = must("getsockname", sys::getsockname(fd));
    r.see("connect", sys::connect(fd, at));
    r.see("name", place(sys::getsockname(fd)));
    r.see("same port", sys::getsockname(fd).map(|name| name.port() == before.port()));
    let (_, from) = must("accept", sys::accept(listening));
    r.see("the peer sees it", from.port() == before.port());
}

fn connect_to_itself(r: &mut Report) {
    // RFC 9293 §3.5: simultaneous open, with oneself.
    let fd = tcp();
    must("bind", sys::bind(fd, here(0)));
    let at = must("getsockname", sys::getsockname(fd));
    r.see("connect", sys::connect(fd, at));
    r.see("send", sys::send(fd, b"mirror", 0));
    r.see("recv", sys::recv(fd, 16, 0));
    r.see("close", sys::close(fd));
}

fn connect_refused(r: &mut Report) {
    let fd = tcp();
    r.see("connect", sys::connect(fd, free_port()));
    r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    r.see("recv", sys::recv(fd, 4, 0));
    r.see("peer", place(sys::getpeername(fd)));
}

fn connect_after_refused(r: &mut Report) {
    let (_listening, at) = listener(1);
    let fd = tcp();
    r.see("connect to nobody", sys::connect(fd, free_port()));
    r.see("connect to a listener", sys::connect(fd, at));
    r.see("send", sys::send(fd, b"x", 0));
}

fn connect_again(r: &mut Report) {
    let (_listening, at) = listener(4);
    let fd = connected(at);
    r.see("same peer", sys::connect(fd, at));
    r.see("another peer", sys::connect(fd, free_port()));
    r.see("still connected", sys::send(fd, b"x", 0));
}

fn connect_wrong_arguments(r: &mut Report) {
    r.see("family AF_UNIX", sys::connect_raw(tcp(), libc::AF_UNIX, 16));
    r.see("length 8", sys::connect_raw(tcp(), AF_INET, 8));
    r.see("descriptor -1", sys::connect(-1, here(9)));
    r.see("no socket", sys::connect(must("open", sys::open_null()), here(9)));
    r.see("port 0", sys::connect(tcp(), here(0)));
    r.see("a listener", sys::connect(listener(1).0, here(9)));
}

fn connect_unreachable(r: &mut Report) {
    let nowhere = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 80);
    r.see("tcp", sys::connect(tcp(), nowhere));
    r.see("udp connect", sys::connect(udp(), nowhere));
    r.see("udp send", sys::sendto(udp(), b"x", 0, nowhere));
    let fd = tcp();
    nonblocking(fd);
    r.see("tcp, non-blocking", sys::connect(fd, nowhere));
}

fn connect_nonblocking(r: &mut Report) {
    let (listening, at) = listener(4);
    let fd = tcp();
    nonblocking(fd);
    r.see("connect", sys::connect(fd, at));
    r.see("poll", sys::poll(&[(fd, POLLOUT)], 2000));
    r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    r.see("connect to ask", sys::connect(fd, at));
    r.see("connect once more", sys::connect(fd, at));
    r.see("recv", sys::recv(fd, 4, 0));
    r.see("accept", sys::accept(listening).map(|_| "accepted"));
}

fn connect_nonblocking_refused(r: &mut Report) {
    let fd = tcp();
    nonblocking(fd);
    let at = free_port();
    r.see("connect", sys::connect(fd, at));
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT | POLLRDHUP)], 2000));
    r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    r.see("SO_ERROR again", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    r.see("poll again", sys::poll(&[(fd, POLLIN | POLLOUT | POLLRDHUP)], 0));
    let fd = tcp();
    nonblocking(fd);
    r.see("second socket", sys::connect(fd, at));
    settle(fd, libc::POLLERR);
    r.see("connect to ask", sys::connect(fd, at));
}

fn connect_unspec(r: &mut Report) {
    let (listening, at) = listener(4);
    let fd = connected(at);
    let (server, _) = must("accept", sys::accept(listening));
    r.see("disconnect", sys::connect_raw(fd, AF_UNSPEC, 16));
    r.see("peer", place(sys::getpeername(fd)));
    settle(server, POLLIN);
    r.see("the other side reads", sys::recv(server, 4, 0));
    r.see("connect anew", sys::connect(fd, at));
    r.see("send", sys::send(fd, b"anew", 0));
    let (server, _) = must("accept", sys::accept(listening));
    r.see("recv", sys::recv(server, 8, 0));
}

fn not_connected(r: &mut Report) {
    let fd = tcp();
    r.see("send", sys::send(fd, b"x", MSG_NOSIGNAL));
    r.see("recv", sys::recv(fd, 4, 0));
    r.see("peer", place(sys::getpeername(fd)));
    for how in [SHUT_RD, SHUT_WR, SHUT_RDWR] {
        r.see("shutdown", sys::shutdown(fd, how));
    }
    r.see("sendto an address", sys::sendto(fd, b"x", MSG_NOSIGNAL, here(9)));
    let (listening, _) = listener(1);
    r.see("listener: send", sys::send(listening, b"x", MSG_NOSIGNAL));
    r.see("listener: recv", sys::recv(listening, 4, 0));
}

fn half_close(r: &mut Report) {
    let (a, b) = pair();
    r.see("send", sys::send(a, b"question", 0));
    r.see("shutdown", sys::shutdown(a, SHUT_WR));
    r.see("send after", sys::send(a, b"x", MSG_NOSIGNAL));
    r.see("peer reads", sys::recv(b, 16, libc::MSG_WAITALL));
    r.see("peer reads the end", sys::recv(b, 16, 0));
    r.see("and again", sys::recv(b, 16, 0));
    r.see("peer answers", sys::send(b, b"answer", 0));
    r.see("peer closes", sys::close(b));
    r.see("recv", sys::recv(a, 16, libc::MSG_WAITALL));
    r.see("recv the end", sys::recv(a, 16, 0));
    r.see("shutdown again", sys::shutdown(a, SHUT_WR));
}

fn shutdown_read(r: &mut Report) {
    let (a, b) = pair();
    r.see("shutdown", sys::shutdown(a, SHUT_RD));
    r.see("recv", sys::recv(a, 4, 0));
    r.see("poll", sys::poll(&[(a, POLLIN | POLLOUT | POLLRDHUP)], 0));
    r.see("send still works", sys::send(a, b"out", 0));
    r.see("peer reads", sys::recv(b, 8, 0));
    r.see("peer sends", sys::send(b, b"in", 0));
    settle(a, POLLIN);
    r.see("peer sees nothing", sys::poll(&[(b, POLLIN | POLLOUT | POLLRDHUP)], 50));
}

fn shutdown_both(r: &mut Report) {
    let (a, b) = pair();
    r.see("shutdown", sys::shutdown(a, SHUT_RDWR));
    r.see("recv", sys::recv(a, 4, 0));
    r.see("send", sys::send(a, b"x", MSG_NOSIGNAL));
    r.see("peer reads the end", sys::recv(b, 4, 0));
    r.see("peer closes", sys::close(b));
    settle(a, libc::POLLHUP);
    r.see("poll", sys::poll(&[(a, POLLIN | POLLOUT | POLLRDHUP)], 0));
    r.see("peer name", place(sys::getpeername(a)));
}

fn shutdown_wrong(r: &mut Report) {
    let (a, _b) = pair();
    r.see("how 7", sys::shutdown(a, 7));
    r.see("descriptor -1", sys::shutdown(-1, SHUT_RD));
    r.see("no socket", sys::shutdown(must("open", sys::open_null()), SHUT_RD));
}

fn shutdown_while_receiving(r: &mut Report) {
    let (a, _b) = pair();
    let other = later(100, move || sys::shutdown(a, SHUT_RD));
    r.see("recv", sys::recv(a, 4, 0));
    r.see("shutdown", other.join().expect("joined"));
}

fn close_with_unread_data(r: &mut Report) {
    // RFC 2525 §2.17: a reset, so that the sender knows that its data was lost.
    let (a, b) = pair();
    r.see("send", sys::send(a, b"never read", 0));
    settle(b, POLLIN);
    r.see("peer closes", sys::close(b));
    settle(a, libc::POLLERR);
    r.see("poll", sys::poll(&[(a, POLLIN | POLLOUT | POLLRDHUP)], 0));
    r.see("recv", sys::recv(a, 4, 0));
    r.see("recv again", sys::recv(a, 4, 0));
    r.see("send", sys::send(a, b"x", MSG_NOSIGNAL));
    r.see("SO_ERROR", sys::get_option(a, SOL_SOCKET, SO_ERROR));
}

fn close_with_zero_linger(r: &mut Report) {
    let (a, b) = pair();
    r.see("linger", sys::set_linger(b, true, 0));
    r.see("close", sys::close(b));
    settle(a, libc::POLLERR);
    r.see("SO_ERROR", sys::get_option(a, SOL_SOCKET, SO_ERROR));
    r.see("recv", sys::recv(a, 4, 0));
    r.see("peer", place(sys::getpeername(a)));
}

fn close_delivers(r: &mut Report) {
    let (a, b) = pair();
    let data = crate::net::pattern(100_000);
    r.see("send", sys::send(a, &data, 0));
    r.see("close", sys::close(a));
    let mut got = Vec::new();
    loop {
        match sys::recv(b, 65536, 0) {
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => got.extend(bytes),
            Err(errno) => return r.see("recv", errno.to_string()),
        }
    }
    r.see("all came", got == data);
}

fn close_lingers(r: &mut Report) {
    let (a, b) = pair();
    r.see("linger 5 s", sys::set_linger(a, true, 5));
    r.see("send", sys::send(a, b"lingering", 0));
    let (result, quick) = crate::net::timed(0, || sys::close(a));
    r.see("close", result);
    r.see("at once, since the peer is there", quick);
    r.see("recv", sys::recv(b, 16, 0));
    r.see("the end", sys::recv(b, 16, 0));
}

fn close_while_receiving(r: &mut Report) {
    let (a, b) = pair();
    let other = later(100, move || sys::close(a));
    let sender = later(250, move || sys::send(b, b"after close", 0));
    r.see("recv goes on after the close", sys::recv(a, 16, 0));
    r.see("close", other.join().expect("joined"));
    r.see("send", sender.join().expect("joined"));
    r.see("the descriptor is gone", sys::recv(a, 4, 0));
}

fn send_after_peer_closed(r: &mut Report) {
    let (a, b) = pair();
    must("close", sys::close(b));
    settle(a, POLLIN | POLLRDHUP);
    r.see("first send", sys::send(a, b"x", MSG_NOSIGNAL));
    settle(a, libc::POLLERR | libc::POLLHUP);
    r.see("second send", sys::send(a, b"x", MSG_NOSIGNAL));
    r.see("third send", sys::send(a, b"x", MSG_NOSIGNAL));
    r.see("recv", sys::recv(a, 4, 0));
}

fn many_connections(r: &mut Report) {
    const COUNT: usize = 300;
    let (listening, at) = listener(COUNT as i32);
    let mut pairs = Vec::new();
    for _ in 0..COUNT {
        let client = connected(at);
        let (server, _) = must("accept", sys::accept(listening));
        pairs.push((client, server));
    }
    let mut right = 0;
    for (index, (client, server)) in pairs.iter().enumerate() {
        let word = format!("number {index}");
        must("send", sys::send(*client, word.as_bytes(), 0));
        right += usize::from(sys::recv(*server, 64, 0).is_ok_and(|got| got == word.as_bytes()));
    }
    r.see("right words", right);
    let closed =
        pairs.iter().filter(|(client, server)| sys::close(*client).is_ok() && sys::close(*server).is_ok()).count();
    r.see("closed", closed);
}

/// A call that succeeds leaves errno as it was, the first of all included.
fn errno_kept(r: &mut Report) {
    fn kept<T>(r: &mut Report, what: &str, call: impl FnOnce() -> sys::Ret<T>) -> T {
        sys::set_errno(4711);
        let value = call();
        let errno = sys::Errno::last();
        r.see(what, value.as_ref().map(|_| errno.0).map_err(|errno| *errno));
        must(what, value)
    }
    let listener = kept(r, "socket", || sys::socket(AF_INET, libc::SOCK_STREAM, 0));
    kept(r, "bind", || sys::bind(listener, here(0)));
    kept(r, "listen", || sys::listen(listener, 1));
    let to = kept(r, "getsockname", || sys::getsockname(listener));
    let client = kept(r, "another socket", || sys::socket(AF_INET, libc::SOCK_STREAM, 0));
    kept(r, "connect", || sys::connect(client, to));
    let (server, _) = kept(r, "accept", || sys::accept(listener));
    kept(r, "send", || sys::send(client, b"text", 0));
    kept(r, "poll", || sys::poll(&[(server, POLLIN)], -1));
    kept(r, "recv", || sys::recv(server, 4, 0));
    let later = later(50, move || sys::send(client, b"more", 0));
    kept(r, "recv that waits", || sys::recv(server, 4, 0));
    let _ = later.join();
    let copy = kept(r, "dup", || sys::dup(server));
    kept(r, "close", || sys::close(copy));
    kept(r, "last close", || sys::close(server));
}
