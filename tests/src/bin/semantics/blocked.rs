//! A descriptor is closed while a call waits on it: the call keeps the socket, and ends as if the name were still there.

use libc::{EPOLL_CTL_ADD, EPOLLIN, MSG_DONTWAIT, POLLIN, POLLPRI, SHUT_RD, SHUT_RDWR};

use crate::Case;
use crate::net::{bound_udp, later, listener, must, pair, settle, tcp, udp};
use crate::report::{Report, made};
use crate::sys;

pub const CASES: &[Case] = &[
    ("blocked.accept", accept),
    ("blocked.accept_shut", accept_shut),
    ("blocked.read", read),
    ("blocked.datagram", datagram),
    ("blocked.send", send),
    ("blocked.poll", poll),
    ("blocked.poll_of_another", poll_of_another),
    ("blocked.poll_times_out", poll_times_out),
    ("blocked.select", select),
    ("blocked.epoll", epoll),
    ("blocked.shut_down", shut_down),
    ("blocked.number_is_free", number_is_free),
];

const FIRST: u64 = 100;
const THEN: u64 = 250;

fn accept(r: &mut Report) {
    let (fd, at) = listener(8);
    let closer = later(FIRST, move || sys::close(fd));
    let client = tcp();
    let client = later(THEN, move || sys::connect(client, at));
    r.see("accept goes on", made(sys::accept(fd).map(|(fd, _)| fd)));
    r.see("close", closer.join().expect("joined"));
    r.see("connect", client.join().expect("joined"));
    r.see("nobody listens any more", sys::connect(tcp(), at));
}

fn accept_shut(r: &mut Report) {
    let (fd, at) = listener(8);
    let other = later(FIRST, move || (sys::shutdown(fd, SHUT_RD), sys::close(fd)));
    r.see("accept", made(sys::accept(fd).map(|(fd, _)| fd)));
    let (shut, closed) = other.join().expect("joined");
    r.see("shutdown", shut);
    r.see("close", closed);
    r.see("connect", sys::connect(tcp(), at));
}

fn read(r: &mut Report) {
    let (a, b) = pair();
    let closer = later(FIRST, move || sys::close(a));
    let other = later(THEN, move || sys::close(b));
    r.see("read until the peer's end", sys::read(a, 16));
    r.see("close", closer.join().expect("joined"));
    r.see("the peer's close", other.join().expect("joined"));
}

fn datagram(r: &mut Report) {
    let ((fd, at), from) = (bound_udp(), udp());
    let closer = later(FIRST, move || sys::close(fd));
    let sender = later(THEN, move || sys::sendto(from, b"after close", 0, at));
    r.see("recvfrom goes on", sys::recvfrom(fd, 16, 0).map(|(bytes, _)| bytes));
    r.see("close", closer.join().expect("joined"));
    r.see("sendto", sender.join().expect("joined"));
    r.see("the port is free", sys::bind(udp(), at));
}

fn send(r: &mut Report) {
    let (a, b) = pair();
    let full = vec![0; 8 << 20];
    let closer = later(FIRST, move || sys::close(a));
    let reader = later(THEN, move || {
        let mut total = 0;
        while let Ok(bytes) = sys::recv(b, 1 << 20, 0) {
            if bytes.is_empty() {
                break;
            }
            total += bytes.len();
        }
        total
    });
    r.see("send goes on", sys::send(a, &full, 0).map(|n| n as usize == full.len()));
    r.see("close", closer.join().expect("joined"));
    r.see("all came, and the end", reader.join().expect("joined") == full.len());
}

fn poll(r: &mut Report) {
    let ((fd, at), from) = (bound_udp(), udp());
    let closer = later(FIRST, move || sys::close(fd));
    let sender = later(THEN, move || sys::sendto(from, b"after close", 0, at));
    r.see("poll goes on", sys::poll(&[(fd, POLLIN)], 5000));
    r.see("close", closer.join().expect("joined"));
    r.see("sendto", sender.join().expect("joined"));
    r.see("poll again", sys::poll(&[(fd, POLLIN)], 0));
}

/// The number has become another socket's.
fn poll_of_another(r: &mut Report) {
    let ((fd, at), (other, at_other), from) = (bound_udp(), bound_udp(), udp());
    must("sendto", sys::sendto(from, b"for the other", 0, at_other));
    let changer = later(FIRST, move || sys::dup2(other, fd));
    let sender = later(THEN, move || sys::sendto(from, b"for the first", 0, at));
    r.see("poll sees the other", sys::poll(&[(fd, POLLIN | POLLPRI)], 5000));
    r.see("dup2", changer.join().expect("joined").map(|_| ()));
    drop(sender.join());
    r.see("recv", sys::recv(fd, 32, MSG_DONTWAIT));
}

fn poll_times_out(r: &mut Report) {
    let (fd, _) = bound_udp();
    let closer = later(FIRST, move || sys::close(fd));
    r.see("poll to its end", sys::poll(&[(fd, POLLIN)], THEN as i32));
    r.see("close", closer.join().expect("joined"));
}

fn select(r: &mut Report) {
    let (a, b) = pair();
    let closer = later(FIRST, move || sys::close(b));
    let sender = later(THEN, move || sys::send(a, b"after close", 0));
    r.see("select goes on", sys::select(&[b], &[], &[], 5000).map(|(n, _)| n));
    r.see("close", closer.join().expect("joined"));
    r.see("send", sender.join().expect("joined"));
}

fn epoll(r: &mut Report) {
    let (a, b) = pair();
    let set = must("epoll", sys::epoll_create());
    must("add", sys::epoll_ctl(set, EPOLL_CTL_ADD, b, EPOLLIN, 7));
    // A set holds no socket: with the last name it goes from there.
    let closer = later(FIRST, move || sys::close(b));
    let sender = later(THEN, move || sys::send(a, b"after close", libc::MSG_NOSIGNAL));
    r.see("epoll_wait", sys::epoll_wait(set, 8, 500).map(|events| events.len()));
    r.see("close", closer.join().expect("joined"));
    drop(sender.join());
}

fn shut_down(r: &mut Report) {
    let (a, b) = pair();
    let other = later(FIRST, move || sys::shutdown(a, SHUT_RDWR));
    r.see("recv ends", sys::recv(a, 16, 0));
    r.see("shutdown", other.join().expect("joined"));
    let (fd, _) = bound_udp();
    let other = later(FIRST, move || sys::shutdown(fd, SHUT_RDWR));
    r.see("a datagram's recv ends", sys::recv(fd, 16, 0));
    r.see("its shutdown", other.join().expect("joined"));
    settle(b, POLLIN);
    r.see("the peer sees the end", sys::recv(b, 16, MSG_DONTWAIT));
}

fn number_is_free(r: &mut Report) {
    let (a, b) = pair();
    // The listener's number, which is lower.
    must("open", sys::open_null());
    let other = later(FIRST, move || {
        let closed = sys::close(a);
        (closed, must("socket", sys::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)))
    });
    let sender = later(THEN, move || sys::send(b, b"to the first", 0));
    r.see("recv is of the first", sys::recv(a, 16, 0));
    let (closed, next) = other.join().expect("joined");
    r.see("close", closed);
    r.see("the number is another's", next == a);
    r.see("send", sender.join().expect("joined"));
    r.see("recv is of the next", sys::recv(a, 16, MSG_DONTWAIT));
}
