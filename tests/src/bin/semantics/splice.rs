//! splice(2) and sendfile(2): bytes between pipes, files and sockets, and what stays where it was when they fail.

use libc::{IPPROTO_TCP, MSG_DONTWAIT, POLLERR, POLLIN, SHUT_WR, SPLICE_F_NONBLOCK, TCP_INFO};
use std::os::fd::IntoRawFd;
use std::thread;
use std::time::Duration;

use crate::Case;
use crate::net::{later, listener, must, nonblocking, pair, pattern, receive_all, settle, tcp, udp, udp_pair, woken};
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("splice.both_ways", both_ways),
    ("splice.refused", refused),
    ("splice.reset", reset),
    ("splice.an_empty_pipe", an_empty_pipe),
    ("splice.waiting", waiting),
    ("splice.a_full_socket", a_full_socket),
    ("splice.a_full_socket_is_reset", a_full_socket_is_reset),
    ("splice.another_reader", another_reader),
    ("splice.the_wrong_end", the_wrong_end),
    ("splice.sendfile", sendfile),
    ("splice.sendfile_from", sendfile_from),
    ("splice.sendfile_of_other_files", sendfile_of_other_files),
];

fn both_ways(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    must("write", sys::write(into, b"through a pipe"));
    r.see("pipe to socket", sys::splice(out, a, 100, 0));
    settle(b, POLLIN);
    r.see("socket to pipe", sys::splice(b, into, 100, 0));
    r.see("read", sys::read(out, 32));
}

/// What a socket does not take stays in the pipe.
fn refused(r: &mut Report) {
    let (shut, _peer) = pair();
    must("shutdown", sys::shutdown(shut, SHUT_WR));
    let (waiting, _peer) = pair();
    must("shutdown", sys::shutdown(waiting, SHUT_WR));
    nonblocking(waiting);
    let (shut_datagrams, _peer) = udp_pair();
    must("shutdown", sys::shutdown(shut_datagrams, SHUT_WR));
    let sockets = [
        ("shut for writing", shut),
        ("the same, non-blocking", waiting),
        ("not connected", tcp()),
        ("a listener", listener(1).0),
        ("datagrams to nobody", udp()),
        ("datagrams, shut for writing", shut_datagrams),
    ];
    for (what, socket) in sockets {
        let (out, into) = must("pipe", sys::pipe());
        must("write", sys::write(into, b"kept"));
        r.see(what, sys::splice(out, socket, 100, 0));
        r.see("without waiting", sys::splice(out, socket, 100, SPLICE_F_NONBLOCK));
        r.see("nothing", sys::splice(out, socket, 0, 0));
        r.see("in the pipe", left(out));
    }
}

fn reset(r: &mut Report) {
    let (a, b) = pair();
    must("SO_LINGER", sys::set_linger(b, true, 0));
    must("close", sys::close(b));
    settle(a, POLLERR);
    let (out, into) = must("pipe", sys::pipe());
    must("write", sys::write(into, b"kept"));
    r.see("reset", sys::splice(out, a, 100, 0));
    r.see("again", sys::splice(out, a, 100, 0));
    r.see("in the pipe", left(out));
}

fn an_empty_pipe(r: &mut Report) {
    let (a, _b) = pair();
    must("shutdown", sys::shutdown(a, SHUT_WR));
    let (out, into) = must("pipe", sys::pipe());
    r.see("into what is shut", sys::splice(out, a, 100, SPLICE_F_NONBLOCK));
    must("close", sys::close(into));
    r.see("at its end", sys::splice(out, a, 100, 0));
}

fn waiting(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    let writer = later(100, move || sys::write(into, b"late"));
    r.see("a pipe that blocks", woken(|| sys::splice(out, a, 100, 0)).0);
    must("write", writer.join().expect("the writer"));
    r.see("recv", sys::recv(b, 16, 0));
    nonblocking(out);
    r.see("one that does not", sys::splice(out, a, 100, 0));
}

/// Two connected sockets of which the first has no room.
fn full_pair() -> (Fd, Fd) {
    let (a, b) = pair();
    let unacknowledged = || must("TCP_INFO", sys::get_option_bytes(a, IPPROTO_TCP, TCP_INFO, 28))[24..] != [0; 4];
    while sys::send(a, &[0; 65536], MSG_DONTWAIT).is_ok() || unacknowledged() {
        // What is under way makes room when it has come.
        thread::sleep(Duration::from_millis(1));
    }
    (a, b)
}

/// More than fits is moved by one call.
fn a_full_socket(r: &mut Report) {
    let (a, b) = full_pair();
    let (out, into) = must("pipe", sys::pipe());
    must("write", sys::write(into, &pattern(50_000)));
    let reader = later(100, move || receive_all(b, 65536).ends_with(&pattern(50_000)));
    r.see("moved", woken(|| sys::splice(out, a, 65536, 0)).0);
    must("shutdown", sys::shutdown(a, SHUT_WR));
    r.see("came", reader.join().expect("the reader"));
}

/// What the socket has no room for stays in the pipe.
fn a_full_socket_is_reset(r: &mut Report) {
    let (a, b) = full_pair();
    let (out, into) = must("pipe", sys::pipe());
    must("write", sys::write(into, b"kept"));
    let resetter = later(100, move || {
        must("SO_LINGER", sys::set_linger(b, true, 0));
        must("close", sys::close(b));
    });
    r.see("reset", woken(|| sys::splice(out, a, 100, 0)).0);
    resetter.join().expect("the resetter");
    r.see("in the pipe", left(out));
}

/// The pipe is empty by the time that the socket has room.
fn another_reader(r: &mut Report) {
    let (a, b) = full_pair();
    let (out, into) = must("pipe", sys::pipe());
    must("write", sys::write(into, b"stolen"));
    nonblocking(out);
    let thief = later(50, move || sys::read(out, 100));
    let drain = later(150, move || receive_all(b, 65536).len());
    let (moved, in_time) = woken(|| sys::splice(out, a, 65536, SPLICE_F_NONBLOCK));
    r.see("in time", in_time);
    let stolen = thief.join().expect("the thief");
    // On Linux the pipe is locked meanwhile, and the thief comes too late.
    r.see("one of them has it", moved.is_ok() != stolen.is_ok());
    must("shutdown", sys::shutdown(a, SHUT_WR));
    drain.join().expect("the drain");
}

fn the_wrong_end(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    must("send", sys::send(b, b"kept", 0));
    settle(a, POLLIN);
    r.see("out of the end to write", sys::splice(into, a, 100, 0));
    r.see("into the end to read", sys::splice(a, out, 100, 0));
    r.see("sendfile", sys::sendfile(out, a, 100));
    r.see("nothing", sys::splice(a, out, 0, 0));
    r.see("into a file", sys::splice(a, must("open", sys::open_null()), 100, 0));
    r.see("in the socket", sys::recv(a, 16, 0));
}

/// What waits in a pipe.
fn left(out: Fd) -> sys::Ret<Vec<u8>> {
    nonblocking(out);
    sys::read(out, 100)
}

fn sendfile(r: &mut Report) {
    let (a, b) = pair();
    let data = pattern(50_000);
    let file = must("memfd", sys::memfd(&data));
    r.see("sendfile", sys::sendfile(a, file, 20_000));
    r.see("sendfile of the rest", sys::sendfile(a, file, 100_000));
    r.see("at its end", sys::sendfile(a, file, 10));
    must("close", sys::close(a));
    r.see("all came", receive_all(b, 65536) == data);
    r.see("into no socket", sys::sendfile(-1, file, 10));
}
/// From a socket: into a pipe alone.
fn sendfile_from(r: &mut Report) {
    let (a, b) = pair();
    let (out, into) = must("pipe", sys::pipe());
    must("send", sys::send(b, b"abcdef", 0));
    settle(a, POLLIN);
    r.see("into a pipe", sys::sendfile(into, a, 4));
    r.see("read", sys::read(out, 16));
    r.see("the rest", sys::recv(a, 16, 0));
    r.see("into a socket", sys::sendfile(b, a, 4));
    r.see("into nothing", sys::sendfile(-1, a, 4));
    must("shutdown", sys::shutdown(b, SHUT_WR));
    r.see("at the end", sys::sendfile(into, a, 4));
}

/// Files that cannot be spliced.
fn sendfile_of_other_files(r: &mut Report) {
    let (a, _b) = pair();
    for path in ["/", "/proc/self/cmdline", "/proc/self/maps", "/proc/version", "/dev/zero", "/dev/null"] {
        let file = std::fs::File::open(path).map(IntoRawFd::into_raw_fd).expect("a file that all have");
        r.see(path, sys::sendfile(a, file, 4));
    }
    r.see("eventfd", sys::sendfile(a, must("eventfd", sys::eventfd()), 4));
    r.see("an empty file", sys::sendfile(a, must("memfd", sys::memfd(b"")), 4));
}
