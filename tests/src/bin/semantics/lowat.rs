//! How much of what was written may wait: TCP_NOTSENT_LOWAT, and SO_SNDBUF of a connection. How much must have come: SO_RCVLOWAT.

use libc::{IPPROTO_TCP, MSG_DONTWAIT, POLLIN, POLLOUT, SO_RCVBUF, SO_RCVLOWAT, SO_SNDBUF, SOL_SOCKET};
use std::thread;
use std::time::Duration;

use crate::Case;
use crate::net::{connected, listener, must, nonblocking, pair, pattern, settle, tcp, udp, within};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("lowat.options", options),
    ("lowat.inherited", inherited),
    ("lowat.not_sent", not_sent),
    ("lowat.bounds_what_waits", bounds_what_waits),
    ("lowat.wakes", wakes),
    ("lowat.blocking", blocking),
    ("lowat.buffers_set_late", buffers_set_late),
    ("lowat.set_larger_again", set_larger_again),
    ("lowat.more_than_the_buffer", more_than_the_buffer),
    ("lowat.receive_buffer_grows", receive_buffer_grows),
    ("lowat.receive_buffer_is_set", receive_buffer_is_set),
];

const TCP_NOTSENT_LOWAT: i32 = 25;
const SIOCOUTQNSD: libc::Ioctl = 0x894b;
const LOWAT: i32 = 16 << 10;

fn set(fd: Fd, value: i32) {
    must("TCP_NOTSENT_LOWAT", sys::set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value));
}

fn not_sent_of(fd: Fd) -> Ret<i32> {
    sys::ioctl(fd, SIOCOUTQNSD, -7)
}

fn options(r: &mut Report) {
    for (state, fd) in [("fresh", tcp()), ("listening", listener(1).0), ("connected", pair().0), ("datagram", udp())] {
        r.see(&format!("{state}: default"), sys::get_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT));
        for value in [0, 1, -1, LOWAT, i32::MAX] {
            r.see(&format!("{state} := {value}"), sys::set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value));
            r.see("get", sys::get_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT));
        }
    }
}

fn inherited(r: &mut Report) {
    let (listener, at) = listener(1);
    set(listener, 4321);
    let client = connected(at);
    let (server, _) = must("accept", sys::accept(listener));
    r.see("of the accepted", sys::get_option(server, IPPROTO_TCP, TCP_NOTSENT_LOWAT));
    r.see("of the client", sys::get_option(client, IPPROTO_TCP, TCP_NOTSENT_LOWAT));
}

fn not_sent(r: &mut Report) {
    for (state, fd) in [("fresh", tcp()), ("listening", listener(1).0), ("connected", pair().0), ("datagram", udp())] {
        r.see(state, not_sent_of(fd));
    }
    let (a, _b) = pair();
    must("send", sys::send(a, b"text", 0));
    r.see("what the window takes has left", not_sent_of(a));
}

/// A connection with much room, of which `a` has written until it was refused. How much that was.
fn filled() -> (Fd, Fd, usize) {
    let (a, b) = pair();
    nonblocking(a);
    must("SO_SNDBUF", sys::set_option(a, SOL_SOCKET, SO_SNDBUF, 1 << 20));
    set(a, LOWAT);
    let data = pattern(1 << 20);
    let mut sent = 0;
    // What was just written may leave a moment later, and make room.
    while must("poll", sys::poll(&[(a, POLLOUT)], 50)).0 > 0 {
        while let Ok(n) = sys::send(a, &data, 0) {
            sent += n as usize;
        }
    }
    (a, b, sent)
}

/// Reads so many bytes; true if there were.
fn drain(fd: Fd, bytes: usize) -> bool {
    let mut got = 0;
    within(Duration::from_secs(5), || {
        got += sys::recv(fd, 1 << 16, MSG_DONTWAIT).map_or(0, |bytes| bytes.len());
        (got >= bytes).then_some(())
    });
    got == bytes
}

fn bounds_what_waits(r: &mut Report) {
    let (a, b, sent) = filled();
    let waits = must("SIOCOUTQNSD", not_sent_of(a));
    r.see("as much waits as may, or a segment more", (LOWAT..LOWAT + (64 << 10)).contains(&waits));
    r.see("more", sys::send(a, b"x", 0));
    r.see("ready", sys::poll(&[(a, POLLOUT)], 0));
    set(a, 0);
    r.see("ready without a bound", sys::poll(&[(a, POLLOUT)], 0));
    set(a, LOWAT);
    r.see("ready again", sys::poll(&[(a, POLLOUT)], 0));
    r.see("all arrives", drain(b, sent));
    r.see("what waits then", not_sent_of(a));
    r.see("ready then", sys::poll(&[(a, POLLOUT)], 0));
    r.see("more", sys::send(a, b"x", 0));
}

fn wakes(r: &mut Report) {
    let (a, b, sent) = filled();
    let waiter = thread::spawn(move || sys::poll(&[(a, POLLOUT)], 20_000));
    drain(b, sent);
    r.see("who polls is woken", waiter.join().expect("no panic"));
}

fn blocking(r: &mut Report) {
    const BYTES: usize = 3 << 20;
    let (a, b) = pair();
    set(a, 1);
    let writer = thread::spawn(move || sys::send(a, &pattern(BYTES), 0));
    let mut got = Vec::new();
    while got.len() < BYTES {
        settle(b, POLLIN);
        got.extend(must("recv", sys::recv(b, 1 << 16, 0)));
    }
    r.see("sent", writer.join().expect("no panic"));
    r.see("whole", got == pattern(BYTES));
}

/// SO_SNDBUF and SO_RCVBUF bound a connection that has had larger buffers, too.
fn buffers_set_late(r: &mut Report) {
    let (a, b) = pair();
    must("SO_SNDBUF", sys::set_option(a, SOL_SOCKET, SO_SNDBUF, 4096));
    must("SO_RCVBUF", sys::set_option(b, SOL_SOCKET, libc::SO_RCVBUF, 2048));
    nonblocking(a);
    let mut sent = 0;
    for _ in 0..50 {
        sent += sys::send(a, &pattern(1 << 18), 0).unwrap_or(0);
        thread::sleep(Duration::from_millis(2));
    }
    // A window that has been offered is not taken back.
    r.see("little is taken", sent > 0 && sent < 100_000);
    r.see("there is no room", sys::poll(&[(a, POLLOUT)], 0));
    let mut received = 0;
    while received < sent {
        settle(b, POLLIN);
        received += must("recv", sys::recv(b, 1 << 16, 0)).len() as i64;
    }
    r.see("there is some", sys::poll(&[(a, POLLOUT)], 2000));
}

/// Who waits for room has it when SO_SNDBUF gives some.
fn set_larger_again(r: &mut Report) {
    let (a, b) = pair();
    must("SO_RCVBUF", sys::set_option(b, SOL_SOCKET, libc::SO_RCVBUF, 2048));
    must("SO_SNDBUF", sys::set_option(a, SOL_SOCKET, SO_SNDBUF, 4096));
    nonblocking(a);
    for _ in 0..50 {
        let _ = sys::send(a, &pattern(1 << 18), 0);
        thread::sleep(Duration::from_millis(2));
    }
    r.see("there is no room", sys::poll(&[(a, POLLOUT)], 0));
    let waiter = thread::spawn(move || sys::poll(&[(a, POLLOUT)], 5000));
    thread::sleep(Duration::from_millis(50));
    must("SO_SNDBUF", sys::set_option(a, SOL_SOCKET, SO_SNDBUF, 1 << 20));
    r.see("who polls is woken", waiter.join().expect("no panic"));
    r.see("as much is taken", sys::send(a, &pattern(1 << 16), 0));
}

/// SO_RCVLOWAT of more than the receive buffer can hold does not keep the program from reading.
fn more_than_the_buffer(r: &mut Report) {
    let (a, b) = pair();
    must("SO_RCVLOWAT", sys::set_option(b, SOL_SOCKET, SO_RCVLOWAT, 100_000));
    must("SO_RCVBUF", sys::set_option(b, SOL_SOCKET, libc::SO_RCVBUF, 2048));
    nonblocking(a);
    for _ in 0..50 {
        let _ = sys::send(a, &pattern(1 << 16), 0);
        thread::sleep(Duration::from_millis(2));
    }
    r.see("ready", sys::poll(&[(b, POLLIN)], 2000));
}

const MIB: i32 = 1 << 20;

fn receive_low_water(r: &mut Report, fd: Fd, value: i32) {
    r.see(&format!("SO_RCVLOWAT := {value}"), sys::set_option(fd, SOL_SOCKET, SO_RCVLOWAT, value));
    r.see("get", sys::get_option(fd, SOL_SOCKET, SO_RCVLOWAT));
    r.see("SO_RCVBUF", sys::get_option(fd, SOL_SOCKET, SO_RCVBUF));
}

/// poll(2) waits for all of it, and the window lets it come.
fn receive_buffer_grows(r: &mut Report) {
    let (a, b) = pair();
    receive_low_water(r, b, MIB);
    must("send", sys::send(a, &pattern(MIB as usize - 1), 0));
    r.see("one byte less", sys::poll(&[(b, POLLIN)], 300).map(|(ready, _)| ready));
    must("send", sys::send(a, b"x", 0));
    r.see("all", sys::poll(&[(b, POLLIN)], 2000).map(|(ready, _)| ready));
    r.see("FIONREAD", sys::ioctl(b, libc::FIONREAD, -7));
}

fn receive_buffer_is_set(r: &mut Report) {
    let (_a, b) = pair();
    must("SO_RCVBUF", sys::set_option(b, SOL_SOCKET, SO_RCVBUF, 100_000));
    receive_low_water(r, b, 10_000);
    receive_low_water(r, b, MIB);
    let fresh = tcp();
    receive_low_water(r, fresh, MIB);
}
