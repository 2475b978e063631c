//! Listeners: backlog, order, what an accepted socket is.

use libc::{
    EAGAIN, F_GETFD, F_GETFL, FD_CLOEXEC, O_NONBLOCK, POLLIN, POLLOUT, POLLRDHUP, SHUT_RD, SHUT_RDWR, SO_ERROR,
    SOL_SOCKET,
};

use crate::Case;
use crate::net::{bound_udp, connected, here, later, listener, must, nonblocking, settle, tcp, timed, within, woken};
use crate::report::{Report, made, place};
use crate::sys;

pub const CASES: &[Case] = &[
    ("listen.unbound", unbound),
    ("listen.wrong", wrong),
    ("listen.accept_wrong", accept_wrong),
    ("listen.accept_nonblocking", accept_nonblocking),
    ("listen.accept_order", accept_order),
    ("listen.accept_flags", accept_flags),
    ("listen.accept_inherits", accept_inherits),
    ("listen.accept_after_peer_closed", accept_after_peer_closed),
    ("listen.accept_after_peer_reset", accept_after_peer_reset),
    ("listen.accept_timeout", accept_timeout),
    ("listen.accept_waits", accept_waits),
    ("listen.backlog", backlog),
    ("listen.backlog_connect_pending", backlog_connect_pending),
    ("listen.close_resets_waiting", close_resets_waiting),
    ("listen.shutdown", shutdown),
    ("listen.shutdown_while_accepting", shutdown_while_accepting),
    ("listen.again", again),
    ("listen.polls", polls),
];

fn unbound(r: &mut Report) {
    let fd = tcp();
    r.see("listen", sys::listen(fd, 4));
    r.see("name", place(sys::getsockname(fd)));
    let at = must("getsockname", sys::getsockname(fd));
    r.see("connect", sys::connect(tcp(), here(at.port())));
    r.see("accept", made(sys::accept(fd).map(|(fd, _)| fd)));
}

fn wrong(r: &mut Report) {
    r.see("udp", sys::listen(bound_udp().0, 4));
    let (listening, at) = listener(4);
    r.see("connected", sys::listen(connected(at), 4));
    r.see("descriptor -1", sys::listen(-1, 4));
    r.see("negative backlog", sys::listen(tcp(), -1));
    r.see("huge backlog", sys::listen(tcp(), i32::MAX));
    r.see("bind a listener", sys::bind(listening, here(0)));
}

fn accept_wrong(r: &mut Report) {
    r.see("not listening", made(sys::accept(tcp()).map(|(fd, _)| fd)));
    r.see("udp", made(sys::accept(bound_udp().0).map(|(fd, _)| fd)));
    r.see("descriptor -1", made(sys::accept(-1).map(|(fd, _)| fd)));
    r.see("no socket", made(sys::accept(must("open", sys::open_null())).map(|(fd, _)| fd)));
    r.see("unknown flag", made(sys::accept4(listener(1).0, 1).map(|(fd, _)| fd)));
}

fn accept_nonblocking(r: &mut Report) {
    let (fd, at) = listener(4);
    nonblocking(fd);
    r.see("nobody there", made(sys::accept(fd).map(|(fd, _)| fd)));
    let _client = connected(at);
    settle(fd, POLLIN);
    r.see("somebody there", made(sys::accept(fd).map(|(fd, _)| fd)));
    r.see("nobody any more", made(sys::accept(fd).map(|(fd, _)| fd)));
}

fn accept_order(r: &mut Report) {
    let (fd, at) = listener(8);
    let clients: Vec<_> = (0..5).map(|_| connected(at)).collect();
    for (index, client) in clients.into_iter().enumerate() {
        let (_, from) = must("accept", sys::accept(fd));
        r.see(&format!("number {index} comes in its turn"), sys::getsockname(client).map(|name| name == from));
    }
}

fn accept_flags(r: &mut Report) {
    let (fd, at) = listener(4);
    for (name, flags) in [
        ("none", 0),
        ("NONBLOCK", libc::SOCK_NONBLOCK),
        ("CLOEXEC", libc::SOCK_CLOEXEC),
        ("both", libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC),
    ] {
        let _client = connected(at);
        let (new, _) = must("accept4", sys::accept4(fd, flags));
        r.see(&format!("{name}: O_NONBLOCK"), sys::fcntl(new, F_GETFL, 0).map(|f| f & O_NONBLOCK != 0));
        r.see(&format!("{name}: FD_CLOEXEC"), sys::fcntl(new, F_GETFD, 0).map(|f| f & FD_CLOEXEC != 0));
    }
}

fn accept_inherits(r: &mut Report) {
    let (fd, at) = listener(4);
    nonblocking(fd);
    for option in [libc::SO_KEEPALIVE, libc::SO_REUSEADDR] {
        must("setsockopt", sys::set_option(fd, SOL_SOCKET, option, 1));
    }
    must("nodelay", sys::set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1));
    must("timeout", sys::set_timeout(fd, libc::SO_RCVTIMEO, 70));
    let _client = connected(at);
    settle(fd, POLLIN);
    let (new, _) = must("accept", sys::accept(fd));
    r.see("O_NONBLOCK", sys::fcntl(new, F_GETFL, 0).map(|f| f & O_NONBLOCK != 0));
    r.see("SO_KEEPALIVE", sys::get_option(new, SOL_SOCKET, libc::SO_KEEPALIVE));
    r.see("SO_REUSEADDR", sys::get_option(new, SOL_SOCKET, libc::SO_REUSEADDR));
    r.see("SO_ACCEPTCONN", sys::get_option(new, SOL_SOCKET, libc::SO_ACCEPTCONN));
    r.see("TCP_NODELAY", sys::get_option(new, libc::IPPROTO_TCP, libc::TCP_NODELAY));
    let (result, in_time) = timed(70, || sys::recv(new, 4, 0));
    r.see("recv", result);
    r.see("after the listener's timeout", in_time);
}

fn accept_after_peer_closed(r: &mut Report) {
    let (fd, at) = listener(4);
    let client = connected(at);
    r.see("send", sys::send(client, b"farewell", 0));
    r.see("close", sys::close(client));
    let (new, _) = must("accept", sys::accept(fd));
    r.see("recv", sys::recv(new, 16, libc::MSG_WAITALL));
    r.see("the end", sys::recv(new, 16, 0));
}

fn accept_after_peer_reset(r: &mut Report) {
    let (fd, at) = listener(4);
    let client = connected(at);
    settle(fd, POLLIN);
    must("linger", sys::set_linger(client, true, 0));
    must("close", sys::close(client));
    let new = sys::accept(fd).map(|(new, _)| new);
    r.see("accept", made(new));
    if let Ok(new) = new {
        settle(new, libc::POLLERR);
        r.see("recv", sys::recv(new, 4, 0));
        r.see("peer", place(sys::getpeername(new)));
    }
}

fn accept_timeout(r: &mut Report) {
    let (fd, _) = listener(4);
    must("timeout", sys::set_timeout(fd, libc::SO_RCVTIMEO, 100));
    let (result, in_time) = timed(100, || sys::accept(fd));
    r.see("accept", made(result.map(|(fd, _)| fd)));
    r.see("in time", in_time);
}

fn accept_waits(r: &mut Report) {
    let (fd, at) = listener(4);
    let client = later(100, move || connected(at));
    let (result, in_time) = woken(|| sys::accept(fd));
    r.see("accept", made(result.map(|(fd, _)| fd)));
    r.see("in time", in_time);
    drop(client.join());
}

fn backlog(r: &mut Report) {
    // Linux's accept queue holds one more than the backlog.
    for size in [0, 1, 3] {
        let (fd, at) = listener(size);
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let client = tcp();
                nonblocking(client);
                let _ = sys::connect(client, at);
                client
            })
            .collect();
        settle(fd, POLLIN);
        nonblocking(fd);
        let mut accepted = 0;
        // The others' SYNs were dropped: they retry after a second, later than this looks.
        within(std::time::Duration::from_millis(300), || {
            match sys::accept(fd) {
                Ok(_) => accepted += 1,
                Err(errno) if errno.0 == EAGAIN => {}
                Err(_) => return Some(()),
            }
            None::<()>
        });
        r.see(&format!("backlog {size}: accepted at once"), accepted);
        clients.into_iter().for_each(|client| must("close", sys::close(client)));
    }
}

fn backlog_connect_pending(r: &mut Report) {
    let (_fd, at) = listener(0);
    let _first = connected(at);
    let waiting = tcp();
    nonblocking(waiting);
    r.see("connect to a full queue", sys::connect(waiting, at));
    r.see("again", sys::connect(waiting, at));
    r.see("poll", sys::poll(&[(waiting, POLLIN | POLLOUT)], 50));
    r.see("SO_ERROR", sys::get_option(waiting, SOL_SOCKET, SO_ERROR));
    r.see("send", sys::send(waiting, b"x", libc::MSG_NOSIGNAL));
    r.see("recv", sys::recv(waiting, 4, 0));
    r.see("peer", place(sys::getpeername(waiting)));
    r.see("close", sys::close(waiting));
    let patient = tcp();
    must("timeout", sys::set_timeout(patient, libc::SO_SNDTIMEO, 100));
    let (result, in_time) = timed(100, || sys::connect(patient, at));
    r.see("connect with SO_SNDTIMEO", result);
    r.see("in time", in_time);
}

fn close_resets_waiting(r: &mut Report) {
    let (fd, at) = listener(4);
    let client = connected(at);
    settle(fd, POLLIN);
    r.see("close the listener", sys::close(fd));
    settle(client, libc::POLLERR);
    r.see("poll", sys::poll(&[(client, POLLIN | POLLOUT | POLLRDHUP)], 0));
    r.see("recv", sys::recv(client, 4, 0));
    r.see("connect to where it was", sys::connect(tcp(), at));
}

fn shutdown(r: &mut Report) {
    let (fd, at) = listener(4);
    r.see("shutdown", sys::shutdown(fd, SHUT_RDWR));
    r.see("accept", made(sys::accept(fd).map(|(fd, _)| fd)));
    r.see("connect", sys::connect(tcp(), at));
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT | POLLRDHUP)], 0));
    r.see("listen anew", sys::listen(fd, 4));
    r.see("connect", sys::connect(tcp(), must("getsockname", sys::getsockname(fd))));
}

fn shutdown_while_accepting(r: &mut Report) {
    let (fd, _) = listener(4);
    let other = later(100, move || sys::shutdown(fd, SHUT_RD));
    r.see("accept", made(sys::accept(fd).map(|(fd, _)| fd)));
    r.see("shutdown", other.join().expect("joined"));
}

fn again(r: &mut Report) {
    let (fd, at) = listener(0);
    r.see("a larger backlog", sys::listen(fd, 4));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let client = tcp();
            must("timeout", sys::set_timeout(client, libc::SO_SNDTIMEO, 500));
            sys::connect(client, at)
        })
        .collect();
    r.see("connected of 4", clients.iter().filter(|client| client.is_ok()).count());
}

fn polls(r: &mut Report) {
    let (fd, at) = listener(4);
    r.see("nobody", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    let _client = connected(at);
    r.see("somebody", sys::poll(&[(fd, POLLIN | POLLOUT)], 1000));
    r.see("FIONREAD", sys::ioctl(fd, libc::FIONREAD, 0));
    must("accept", sys::accept(fd));
    r.see("nobody any more", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
}
