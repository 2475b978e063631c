//! Urgent data (tcp(7)): MSG_OOB, SO_OOBINLINE, SIOCATMARK, POLLPRI.

use libc::{
    EPOLLET, EPOLLIN, EPOLLPRI, FIONREAD, MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, POLLHUP, POLLIN,
    POLLOUT, POLLPRI, POLLRDHUP, SO_OOBINLINE, SO_RCVLOWAT, SOL_SOCKET,
};

use crate::Case;
use crate::net::{connected, later, listener, must, pair, settle, tcp, udp};
use crate::report::{Report, made};
use crate::sys::{self, Fd};

const SIOCATMARK: libc::Ioctl = 0x8905;
const ALL: i16 = POLLIN | POLLPRI | POLLOUT | POLLRDHUP;

pub const CASES: &[Case] = &[
    ("urgent.out_of_line", out_of_line),
    ("urgent.lost_when_passed", lost_when_passed),
    ("urgent.in_line", in_line),
    ("urgent.changed_to_in_line", changed_to_in_line),
    ("urgent.inherited", inherited),
    ("urgent.mark_stops_reading", mark_stops_reading),
    ("urgent.alone", alone),
    ("urgent.peek", peek),
    ("urgent.two", two),
    ("urgent.two_before_reading", two_before_reading),
    ("urgent.next_and_newer", next_and_newer),
    ("urgent.last_of_many", last_of_many),
    ("urgent.none", none),
    ("urgent.not_connected", not_connected),
    ("urgent.after_the_end", after_the_end),
    ("urgent.no_room", no_room),
    ("urgent.message", message),
    ("urgent.low_water", low_water),
    ("urgent.select", select),
    ("urgent.epoll", epoll),
    ("urgent.wakes", wakes),
    ("urgent.sockatmark", sockatmark),
];

/// What there is to see without reading.
fn look(r: &mut Report, when: &str, fd: Fd) {
    r.see(&format!("{when}: poll"), sys::poll(&[(fd, ALL)], 0));
    r.see(&format!("{when}: FIONREAD"), sys::ioctl(fd, FIONREAD, -7));
    r.see(&format!("{when}: SIOCATMARK"), sys::ioctl(fd, SIOCATMARK, -7));
}

/// Sends something urgent, and waits until it has come.
fn urgent(from: Fd, to: Fd, bytes: &[u8]) {
    must("send", sys::send(from, bytes, MSG_OOB));
    settle(to, POLLPRI);
}

fn out_of_line(r: &mut Report) {
    let (a, b) = pair();
    r.see("send", sys::send(a, b"before", 0));
    r.see("send urgent", sys::send(a, b"!", MSG_OOB));
    r.see("send behind", sys::send(a, b"behind", 0));
    settle(b, POLLPRI | POLLIN);
    look(r, "all there", b);
    r.see("the urgent byte", sys::recv(b, 8, MSG_OOB));
    look(r, "taken", b);
    r.see("again", sys::recv(b, 8, MSG_OOB));
    r.see("recv", sys::recv(b, 64, 0));
    look(r, "at the mark", b);
    r.see("recv behind", sys::recv(b, 64, 0));
    look(r, "passed", b);
    r.see("the urgent byte then", sys::recv(b, 8, MSG_OOB));
}

fn lost_when_passed(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"before", 0));
    urgent(a, b, b"!");
    must("send", sys::send(a, b"behind", 0));
    r.see("recv", sys::recv(b, 64, 0));
    look(r, "at the mark", b);
    r.see("recv behind", sys::recv(b, 64, 0));
    look(r, "passed", b);
    r.see("the urgent byte", sys::recv(b, 8, MSG_OOB));
}

fn in_line(r: &mut Report) {
    let (a, b) = pair();
    r.see("SO_OOBINLINE", sys::set_option(b, SOL_SOCKET, SO_OOBINLINE, 1));
    must("send", sys::send(a, b"before", 0));
    urgent(a, b, b"!");
    must("send", sys::send(a, b"behind", 0));
    look(r, "all there", b);
    r.see("out of line", sys::recv(b, 8, MSG_OOB));
    r.see("recv", sys::recv(b, 64, 0));
    look(r, "at the mark", b);
    r.see("recv the rest", sys::recv(b, 64, 0));
    look(r, "passed", b);
}

fn changed_to_in_line(r: &mut Report) {
    let (a, b) = pair();
    urgent(a, b, b"!");
    r.see("before", sys::poll(&[(b, ALL)], 0));
    must("set", sys::set_option(b, SOL_SOCKET, SO_OOBINLINE, 1));
    look(r, "in line", b);
    must("set", sys::set_option(b, SOL_SOCKET, SO_OOBINLINE, 0));
    look(r, "out of line", b);
    r.see("recv", sys::recv(b, 8, MSG_OOB));
}

fn inherited(r: &mut Report) {
    let (listening, at) = listener(1);
    must("set", sys::set_option(listening, SOL_SOCKET, SO_OOBINLINE, 1));
    let client = connected(at);
    let (accepted, _) = must("accept", sys::accept(listening));
    r.see("of the accepted", sys::get_option(accepted, SOL_SOCKET, SO_OOBINLINE));
    urgent(client, accepted, b"in line");
    r.see("recv", sys::recv(accepted, 64, 0));
}

fn mark_stops_reading(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"abc", 0));
    urgent(a, b, b"!");
    must("send", sys::send(a, b"defgh", 0));
    r.see("WAITALL stops, too", sys::recv(b, 8, MSG_WAITALL));
    r.see("readv", sys::readv(b, &[2, 2, 4]));
    urgent(a, b, b"?");
    r.see("two bytes", sys::recv(b, 2, MSG_DONTWAIT));
    look(r, "then", b);
    must("send", sys::send(a, b"ijkl", 0));
    r.see("behind the second", sys::recv(b, 2, 0));
    r.see("the rest", sys::recv(b, 64, MSG_DONTWAIT));
}

fn alone(r: &mut Report) {
    let (a, b) = pair();
    urgent(a, b, b"!");
    look(r, "there", b);
    r.see("recv", sys::recv(b, 8, MSG_DONTWAIT));
    look(r, "after it", b);
    r.see("out of line", sys::recv(b, 8, MSG_OOB));
    urgent(a, b, b"?");
    r.see("the next", sys::recv(b, 8, MSG_OOB));
    look(r, "taken", b);
    must("send", sys::send(a, b"text", 0));
    r.see("recv text", sys::recv(b, 8, 0));
}

fn peek(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"ab", 0));
    urgent(a, b, b"!");
    must("send", sys::send(a, b"cd", 0));
    r.see("peek", sys::recv(b, 64, MSG_PEEK));
    r.see("peek urgent", sys::recv(b, 64, MSG_PEEK | MSG_OOB));
    r.see("peek urgent again", sys::recv(b, 64, MSG_PEEK | MSG_OOB));
    r.see("recv", sys::recv(b, 64, 0));
    r.see("peek at the mark", sys::recv(b, 64, MSG_PEEK));
    look(r, "at the mark", b);
    r.see("urgent", sys::recv(b, 64, MSG_OOB));
    r.see("peek behind", sys::recv(b, 64, MSG_PEEK));
    r.see("recv behind", sys::recv(b, 64, 0));
}

fn two(r: &mut Report) {
    let (a, b) = pair();
    for byte in [b"1", b"2", b"3"] {
        urgent(a, b, byte);
        r.see("out of line", sys::recv(b, 8, MSG_OOB));
        must("send", sys::send(a, b"text", 0));
    }
    settle(b, POLLIN);
    for _ in 0..5 {
        r.see("recv", sys::recv(b, 64, MSG_DONTWAIT));
    }
}

/// Of two that come before anything is read, the first is text.
fn two_before_reading(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"a", 0));
    urgent(a, b, b"1");
    must("send", sys::send(a, b"b", 0));
    must("send", sys::send(a, b"2", MSG_OOB));
    must("send", sys::send(a, b"c", 0));
    crate::net::within(std::time::Duration::from_secs(3), || {
        (sys::recv(b, 8, MSG_OOB | MSG_PEEK) == Ok(b"2".to_vec())).then_some(())
    });
    look(r, "all there", b);
    r.see("recv", sys::recv(b, 64, 0));
    r.see("urgent", sys::recv(b, 64, MSG_OOB));
    r.see("recv behind", sys::recv(b, 64, 0));
}

/// One that was the next to be read stays out of line when a newer one comes.
fn next_and_newer(r: &mut Report) {
    let (a, b) = pair();
    urgent(a, b, b"1");
    must("send", sys::send(a, b"text", 0));
    must("send", sys::send(a, b"2", MSG_OOB));
    crate::net::within(std::time::Duration::from_secs(3), || {
        (sys::recv(b, 8, MSG_OOB | MSG_PEEK) == Ok(b"2".to_vec())).then_some(())
    });
    r.see("recv", sys::recv(b, 64, 0));
    r.see("urgent", sys::recv(b, 64, MSG_OOB));
    r.see("nothing more", sys::recv(b, 64, MSG_DONTWAIT));
}

fn last_of_many(r: &mut Report) {
    let (a, b) = pair();
    r.see("send", sys::send(a, b"only the last", MSG_OOB));
    settle(b, POLLPRI);
    look(r, "there", b);
    r.see("recv", sys::recv(b, 64, 0));
    r.see("urgent", sys::recv(b, 64, MSG_OOB));
    r.see("nothing urgent", sys::send(a, b"", MSG_OOB));
    r.see("poll", sys::poll(&[(b, ALL)], 20));
}

fn none(r: &mut Report) {
    let (a, b) = pair();
    r.see("none", sys::recv(b, 8, MSG_OOB));
    r.see("none, not to wait for", sys::recv(b, 8, MSG_OOB | MSG_DONTWAIT));
    must("send", sys::send(a, b"text", 0));
    settle(b, POLLIN);
    r.see("text is not urgent", sys::recv(b, 8, MSG_OOB));
    look(r, "text", b);
}

fn not_connected(r: &mut Report) {
    let fresh = tcp();
    r.see("fresh: recv", sys::recv(fresh, 8, MSG_OOB));
    r.see("fresh: SIOCATMARK", sys::ioctl(fresh, SIOCATMARK, -7));
    let (listening, _) = listener(1);
    r.see("listening: recv", sys::recv(listening, 8, MSG_OOB));
    r.see("listening: send", sys::send(listening, b"x", MSG_OOB | libc::MSG_NOSIGNAL));
    r.see("listening: SIOCATMARK", sys::ioctl(listening, SIOCATMARK, -7));
    let datagram = udp();
    r.see("udp: recv", sys::recv(datagram, 8, MSG_OOB | MSG_DONTWAIT));
    r.see("udp: SIOCATMARK", sys::ioctl(datagram, SIOCATMARK, -7));
    r.see("udp: SO_OOBINLINE", sys::set_option(datagram, SOL_SOCKET, SO_OOBINLINE, 1));
    r.see("udp: SO_OOBINLINE", sys::get_option(datagram, SOL_SOCKET, SO_OOBINLINE));
}

fn after_the_end(r: &mut Report) {
    let (a, b) = pair();
    urgent(a, b, b"!");
    must("close", sys::close(a));
    settle(b, POLLRDHUP);
    look(r, "ended", b);
    r.see("urgent", sys::recv(b, 8, MSG_OOB));
    r.see("again", sys::recv(b, 8, MSG_OOB));
    r.see("the end", sys::recv(b, 8, 0));
    r.see("none", sys::recv(b, 8, MSG_OOB));
    let (a, b) = pair();
    urgent(a, b, b"!");
    must("shutdown", sys::shutdown(b, libc::SHUT_RDWR));
    settle(b, POLLHUP);
    r.see("shut down: urgent", sys::recv(b, 8, MSG_OOB));
}

fn no_room(r: &mut Report) {
    let (a, b) = pair();
    urgent(a, b, b"!");
    r.see("no bytes", sys::recv(b, 0, MSG_OOB));
    r.see("then", sys::recv(b, 8, MSG_OOB));
    urgent(a, b, b"!");
    r.see("thrown away", sys::recv_len(b, 8, MSG_OOB | MSG_TRUNC).map(|(_, n)| n));
    urgent(a, b, b"!");
    r.see("a bad pointer", sys::recvmsg(b, &[], MSG_OOB, 0).map(|m| format!("{} flags {:#x}", m.returned, m.flags)));
}

fn message(r: &mut Report) {
    let (a, b) = pair();
    urgent(a, b, b"!");
    r.see(
        "recvmsg",
        sys::recvmsg(b, &[4, 4], MSG_OOB, 64)
            .map(|m| format!("{} flags {:#x} name {}", m.returned, m.flags, m.name_len)),
    );
    must("send", sys::send(a, b"x", 0));
    r.see("text", sys::recvmsg(b, &[4], 0, 64).map(|m| format!("{} flags {:#x}", m.returned, m.flags)));
}

fn low_water(r: &mut Report) {
    let (a, b) = pair();
    must("low water", sys::set_option(b, SOL_SOCKET, SO_RCVLOWAT, 3));
    urgent(a, b, b"!");
    must("send", sys::send(a, b"ab", 0));
    settle(b, POLLPRI);
    crate::net::within(std::time::Duration::from_millis(200), || None::<()>);
    look(r, "two behind", b);
    must("send", sys::send(a, b"c", 0));
    settle(b, POLLIN);
    look(r, "three behind", b);
}

fn select(r: &mut Report) {
    let (a, b) = pair();
    let named = |result: crate::sys::Ret<(i64, [Vec<Fd>; 3])>| {
        result.map(|(n, sets)| format!("{n}: {:?}", sets.map(|set| set.len())))
    };
    r.see("nothing", named(sys::select(&[b], &[], &[b], 0)));
    urgent(a, b, b"!");
    r.see("exceptional", named(sys::select(&[b], &[], &[b], 1000)));
    must("recv", sys::recv(b, 1, MSG_OOB));
    r.see("taken", named(sys::select(&[b], &[], &[b], 0)));
}

fn epoll(r: &mut Report) {
    let (a, b) = pair();
    let set = must("epoll", sys::epoll_create());
    must("ctl", sys::epoll_ctl(set, libc::EPOLL_CTL_ADD, b, EPOLLIN | EPOLLPRI | EPOLLET, 1));
    r.see("nothing", sys::epoll_wait(set, 4, 0));
    urgent(a, b, b"!");
    r.see("urgent", sys::epoll_wait(set, 4, 1000));
    r.see("no edge", sys::epoll_wait(set, 4, 0));
    must("recv", sys::recv(b, 1, MSG_OOB));
    urgent(a, b, b"?");
    r.see("another", sys::epoll_wait(set, 4, 1000));
}

fn wakes(r: &mut Report) {
    let (a, b) = pair();
    let sender = later(60, move || sys::send(a, b"!", MSG_OOB));
    r.see("poll", sys::poll(&[(b, POLLPRI)], 5000));
    drop(sender.join());
    let (a, b) = pair();
    let sender = later(60, move || {
        let first = sys::send(a, b"!", MSG_OOB);
        std::thread::sleep(std::time::Duration::from_millis(60));
        (first, sys::send(a, b"text", 0))
    });
    r.see("recv is not ended by an urgent byte", sys::recv(b, 8, 0));
    drop(sender.join());
}

fn sockatmark(r: &mut Report) {
    let (a, b) = pair();
    r.see("no mark", sys::sockatmark(b));
    urgent(a, b, b"x!");
    r.see("before", sys::sockatmark(b));
    must("recv", sys::recv(b, 8, 0));
    r.see("at", sys::sockatmark(b));
    r.see("of a file", sys::sockatmark(must("open", sys::open_null())));
    r.see("a socket", made(sys::socket(libc::AF_INET, libc::SOCK_STREAM, 0)));
}
