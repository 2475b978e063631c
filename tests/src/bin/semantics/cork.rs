//! Datagrams in pieces (MSG_MORE, UDP_CORK) and sends that are cut into several (UDP_SEGMENT).

use libc::{
    IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_RECVTTL, IP_TTL, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, MSG_DONTWAIT, MSG_MORE,
    MSG_TRUNC, POLLIN, POLLOUT, SHUT_WR, SO_SNDBUF, SOL_SOCKET, TCP_CORK, TCP_NODELAY, UDP_CORK, UDP_GRO, UDP_SEGMENT,
};

use crate::Case;
use crate::net::{bound_udp, here6, later, must, pair, settle, timed, udp, udp_pair};
use crate::report::{Report, place};
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("cork.pieces", pieces),
    ("cork.addresses", addresses),
    ("cork.addresses_unread", addresses_unread),
    ("cork.what_waits", what_waits),
    ("cork.option", option),
    ("cork.limits", limits),
    ("cork.forbidden_fragments", forbidden_fragments),
    ("cork.empty", empty),
    ("cork.connect", connect),
    ("cork.ends", ends),
    ("cork.time_to_live", time_to_live),
    ("cork.nowhere", nowhere),
    ("cork.many_messages", many_messages),
    ("cork.raw", raw),
    ("cork.segments", segments),
    ("cork.segment_option", segment_option),
    ("cork.segments_in_pieces", segments_in_pieces),
    ("cork.received_as_one", received_as_one),
    ("cork.stream", stream),
    ("cork.stream_let_go", stream_let_go),
    ("cork.stream_many_messages", stream_many_messages),
    ("cork.stream_sendfile", stream_sendfile),
];

/// The lengths of all datagrams that have come, and how the first begins.
fn see_arrived(r: &mut Report, what: &str, fd: Fd) {
    let mut lengths = Vec::new();
    let mut first = Vec::new();
    while let Ok((bytes, len)) = sys::recv_len(fd, 8, MSG_DONTWAIT | MSG_TRUNC) {
        if lengths.is_empty() {
            first = bytes;
        }
        lengths.push(len);
    }
    r.see(what, format!("{lengths:?}"));
    r.see("the first begins", first);
}

fn pieces(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("first", sys::send(a, b"one", MSG_MORE));
    r.see("nothing yet", sys::recv(b, 8, MSG_DONTWAIT));
    r.see("second", sys::sendmsg(a, &[b"t", b"wo"], MSG_MORE, None));
    r.see("last", sys::write(a, b"!"));
    r.see("bound", place(sys::getsockname(a)));
    see_arrived(r, "arrived", b);
}

/// The pieces so far are charged to the buffer (SO_SNDBUF).
fn what_waits(r: &mut Report) {
    for buffer in [None, Some(0)] {
        let (a, _b) = udp_pair();
        if let Some(bytes) = buffer {
            must("set", sys::set_option(a, SOL_SOCKET, SO_SNDBUF, bytes));
        }
        must("cork", sys::set_option(a, IPPROTO_UDP, UDP_CORK, 1));
        for len in [1, 100, 1000, 1, 5000, 0, 30_000] {
            r.see(&format!("send {len}"), sys::send(a, &vec![7; len], 0));
            r.see("SIOCOUTQ", sys::ioctl(a, libc::TIOCOUTQ, -7));
            r.see("poll", sys::poll(&[(a, POLLOUT | libc::POLLWRNORM | libc::POLLWRBAND)], 0));
        }
        must("take it off", sys::set_option(a, IPPROTO_UDP, UDP_CORK, 0));
        r.see("SIOCOUTQ then", sys::ioctl(a, libc::TIOCOUTQ, -7));
    }
}

/// Where a datagram goes is settled by its first piece.
fn addresses(r: &mut Report) {
    let ((b, at_b), (c, at_c)) = (bound_udp(), bound_udp());
    let a = udp();
    r.see("nowhere", sys::send(a, b"x", MSG_MORE));
    r.see("to b", sys::sendto(a, b"ab", MSG_MORE, at_b));
    r.see("bound", place(sys::getsockname(a)));
    r.see("to c", sys::sendto(a, b"cd", MSG_MORE, at_c));
    let mut nowhere = at_c;
    nowhere.set_port(0);
    r.see("to port 0", sys::sendto(a, b"ef", MSG_MORE, nowhere));
    r.see("to nobody", sys::send(a, b"gh", 0));
    see_arrived(r, "b", b);
    see_arrived(r, "c", c);
    must("connect", sys::connect(a, at_c));
    r.see("to b", sys::sendto(a, b"ab", MSG_MORE, at_b));
    r.see("to the peer", sys::send(a, b"cd", 0));
    see_arrived(r, "b", b);
    see_arrived(r, "c", c);
}

/// Nobody looks at the address of another piece, except of AF_INET6.
fn addresses_unread(r: &mut Report) {
    let (a, b) = udp_pair();
    let unix = [&(libc::AF_UNIX as u16).to_ne_bytes()[..], &[0; 14]].concat();
    let names = [("another family", &unix[..]), ("too short", &unix[..3]), ("none", &[]), ("too long", &[0; 200])];
    for (what, name) in names {
        r.see("a piece", sys::send(a, b"one", MSG_MORE));
        r.see(what, sys::sendto_bytes(a, b"two", 0, name));
        see_arrived(r, "arrived", b);
    }
    let six = must("socket", sys::socket(libc::AF_INET6, libc::SOCK_DGRAM, 0));
    must("connect", sys::connect_bytes(six, &here6(9)));
    for (what, name) in names {
        r.see("a piece", sys::send(six, b"one", MSG_MORE));
        r.see(what, sys::sendto_bytes(six, b"two", 0, name));
    }
}

fn option(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("at first", sys::get_option(a, IPPROTO_UDP, UDP_CORK));
    r.see("set", sys::set_option(a, IPPROTO_UDP, UDP_CORK, 5));
    r.see("get", sys::get_option(a, IPPROTO_UDP, UDP_CORK));
    r.see("one", sys::send(a, b"one", 0));
    r.see("two", sys::send(a, b"two", MSG_MORE));
    see_arrived(r, "held", b);
    r.see("off", sys::set_option(a, IPPROTO_UDP, UDP_CORK, 0));
    see_arrived(r, "let go", b);
    r.see("MSG_MORE", sys::send(a, b"three", MSG_MORE));
    r.see("off though it was", sys::set_option(a, IPPROTO_UDP, UDP_CORK, 0));
    see_arrived(r, "let go", b);
    r.see("off with nothing", sys::set_option(a, IPPROTO_UDP, UDP_CORK, 0));
    see_arrived(r, "nothing", b);
}

/// What is refused takes the pieces before it along, unless it is longer than any datagram.
fn limits(r: &mut Report) {
    let (a, b) = udp_pair();
    let bytes = vec![b'.'; 70_000];
    for lengths in
        [&[40_000, 30_000, 1][..], &[40_000, 65_536, 1], &[65_507, 1, 1], &[65_500, 7, 0], &[65_508, 1], &[0xffff, 0]]
    {
        let (last, before) = lengths.split_last().expect("some");
        for len in before {
            r.see(&format!("{len} more"), sys::send(a, &bytes[..*len], MSG_MORE));
        }
        r.see(&format!("{last}"), sys::send(a, &bytes[..*last], 0));
        see_arrived(r, "arrived", b);
    }
}

fn forbidden_fragments(r: &mut Report) {
    let (a, b) = udp_pair();
    must("setsockopt", sys::set_option(a, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO));
    r.see("40000", sys::send(a, &[b'.'; 40_000], MSG_MORE));
    r.see("25600", sys::send(a, &[b'.'; 25_600], MSG_MORE));
    r.see("empty", sys::send(a, b"", 0));
    see_arrived(r, "arrived", b);
}

fn empty(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("more", sys::send(a, b"", MSG_MORE));
    see_arrived(r, "nothing", b);
    r.see("last", sys::send(a, b"", 0));
    see_arrived(r, "one", b);
    r.see("more", sys::send(a, b"", MSG_MORE));
    r.see("off", sys::set_option(a, IPPROTO_UDP, UDP_CORK, 0));
    see_arrived(r, "one", b);
    r.see("next", sys::send(a, b"next", 0));
    see_arrived(r, "next", b);
}

fn connect(r: &mut Report) {
    let ((b, at_b), (c, at_c)) = (bound_udp(), bound_udp());
    let a = udp();
    must("connect", sys::connect(a, at_b));
    r.see("to b", sys::send(a, b"ab", MSG_MORE));
    r.see("connect to c", sys::connect(a, at_c));
    r.see("last", sys::send(a, b"cd", 0));
    see_arrived(r, "b", b);
    see_arrived(r, "c", c);
    r.see("to c", sys::send(a, b"ab", MSG_MORE));
    r.see("disconnect", sys::connect_raw(a, libc::AF_UNSPEC, 16));
    r.see("last", sys::send(a, b"cd", 0));
    see_arrived(r, "c", c);
    r.see("the next has no way", sys::send(a, b"ef", 0));
}

fn ends(r: &mut Report) {
    let (b, at_b) = bound_udp();
    let a = udp();
    must("connect", sys::connect(a, at_b));
    r.see("more", sys::send(a, b"ab", MSG_MORE));
    r.see("shutdown", sys::shutdown(a, libc::SHUT_WR));
    r.see("last", sys::send(a, b"cd", 0));
    see_arrived(r, "arrived", b);
    r.see("the next", sys::send(a, b"ef", MSG_MORE));
    let a = udp();
    must("connect", sys::connect(a, at_b));
    r.see("more", sys::send(a, b"ab", MSG_MORE));
    r.see("close", sys::close(a));
    see_arrived(r, "nothing", b);
}

/// The option counts as it is when the datagram goes.
fn time_to_live(r: &mut Report) {
    let (a, b) = udp_pair();
    must("setsockopt", sys::set_option(b, IPPROTO_IP, IP_RECVTTL, 1));
    r.see("more", sys::send(a, b"ab", MSG_MORE));
    must("setsockopt", sys::set_option(a, IPPROTO_IP, IP_TTL, 9));
    r.see("last", sys::send(a, b"cd", 0));
    settle(b, POLLIN);
    r.see("got", sys::recvmsg(b, &[8], 0, 64).map(|message| message.control_data.concat()));
}

/// Memory that is not there takes the pieces before it along.
fn nowhere(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("more", sys::send(a, b"ab", MSG_MORE));
    r.see("from nowhere", sys::send_nowhere(a, MSG_MORE));
    r.see("last", sys::send(a, b"cd", 0));
    see_arrived(r, "arrived", b);
}

fn many_messages(r: &mut Report) {
    let ((b, at_b), (c, at_c)) = (bound_udp(), bound_udp());
    let a = udp();
    r.see("three more", sys::sendmmsg_flags(a, &[b"one", b"two", b"three"], at_b, MSG_MORE));
    see_arrived(r, "nothing", b);
    r.see("two", sys::sendmmsg(a, &[b"four", b"five"], at_c));
    see_arrived(r, "b", b);
    see_arrived(r, "c", c);
}

/// Raw sockets look at the address of each piece.
fn raw(r: &mut Report) {
    const PROTOCOL: i32 = 253;
    let to = crate::net::here(0);
    let (Ok(a), Ok(b)) = (sys::socket(libc::AF_INET, libc::SOCK_RAW, PROTOCOL), {
        sys::socket(libc::AF_INET, libc::SOCK_RAW, PROTOCOL)
    }) else {
        return;
    };
    r.see("more", sys::sendto(a, b"ab", MSG_MORE, to));
    r.see("to nobody", sys::send(a, b"cd", MSG_MORE));
    must("setsockopt", sys::set_option(a, IPPROTO_IP, IP_TTL, 9));
    r.see("last", sys::sendto(a, b"ef", 0, to));
    settle(b, POLLIN);
    r.see("got", sys::recv(b, 64, MSG_DONTWAIT).map(|packet| packet[20..].to_vec()));
    r.see("40000", sys::sendto(a, &[b'.'; 40_000], MSG_MORE, to));
    r.see("30000", sys::sendto(a, &[b'.'; 30_000], MSG_MORE, to));
    r.see("last", sys::sendto(a, b"gh", 0, to));
    settle(b, POLLIN);
    r.see("got", sys::recv(b, 64, MSG_DONTWAIT).map(|packet| packet[20..].to_vec()));
}

fn segments(r: &mut Report) {
    let (a, b) = udp_pair();
    must("setsockopt", sys::set_option(b, libc::SOL_SOCKET, libc::SO_RCVBUF, 1 << 20));
    let bytes = vec![b'.'; 70_000];
    for (len, segment) in [
        (1000, 300),
        (1000, 1000),
        (1000, 2000),
        (1000, 0),
        (0, 5),
        (128, 1),
        (129, 1),
        (64_000, 500),
        (64_001, 500),
        (65_507, 60_000),
        (65_508, 60_000),
        (60_000, 65_535),
    ] {
        let control = (IPPROTO_UDP, UDP_SEGMENT, &u16::to_ne_bytes(segment)[..]);
        r.see(&format!("{len} by {segment}"), sys::sendmsg_with(a, &bytes[..len], 0, control));
        see_arrived(r, "arrived", b);
    }
    r.see("an int", sys::sendmsg_with(a, b"ab", 0, (IPPROTO_UDP, UDP_SEGMENT, &1u32.to_ne_bytes())));
    r.see("another", sys::sendmsg_with(a, b"ab", 0, (IPPROTO_UDP, 99, &1u16.to_ne_bytes())));
    see_arrived(r, "nothing", b);
}

fn segment_option(r: &mut Report) {
    let (a, b) = udp_pair();
    for value in [-1, 65_535, 65_536, 300] {
        r.see(&format!("set {value}"), sys::set_option(a, IPPROTO_UDP, UDP_SEGMENT, value));
        r.see("get", sys::get_option(a, IPPROTO_UDP, UDP_SEGMENT));
    }
    for (what, segment) in [("the option's", None), ("none", Some(0)), ("500", Some(500))] {
        let sent = match segment {
            None => sys::send(a, &[b'.'; 1000], 0),
            Some(segment) => {
                sys::sendmsg_with(a, &[b'.'; 1000], 0, (IPPROTO_UDP, UDP_SEGMENT, &u16::to_ne_bytes(segment)))
            }
        };
        r.see(what, sent);
        see_arrived(r, "arrived", b);
    }
}

/// The first piece says how the whole is cut.
fn segments_in_pieces(r: &mut Report) {
    let (a, b) = udp_pair();
    let by_300 = (IPPROTO_UDP, UDP_SEGMENT, &300u16.to_ne_bytes()[..]);
    r.see("first", sys::sendmsg_with(a, &[b'.'; 200], MSG_MORE, by_300));
    r.see("last", sys::send(a, &[b'.'; 500], 0));
    see_arrived(r, "arrived", b);
    r.see("first", sys::send(a, &[b'.'; 200], MSG_MORE));
    r.see("last", sys::sendmsg_with(a, &[b'.'; 500], 0, by_300));
    see_arrived(r, "arrived", b);
    r.see("first", sys::send(a, &[b'.'; 200], MSG_MORE));
    r.see("wrong", sys::sendmsg_with(a, b"ab", 0, (IPPROTO_IP, IP_TTL, &777u32.to_ne_bytes())));
    see_arrived(r, "arrived", b);
}

/// UDP_GRO: what was cut by one send may come as one, and does so on the loopback.
fn received_as_one(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("set", sys::set_option(b, IPPROTO_UDP, UDP_GRO, 3));
    r.see("get", sys::get_option(b, IPPROTO_UDP, UDP_GRO));
    must("setsockopt", sys::set_option(b, IPPROTO_IP, IP_RECVTTL, 1));
    for (len, segment) in [(1000, 300), (900, 300), (200, 300), (0, 300)] {
        let by = (IPPROTO_UDP, UDP_SEGMENT, &u16::to_ne_bytes(segment)[..]);
        r.see(&format!("{len} by {segment}"), sys::sendmsg_with(a, &vec![b'.'; len], 0, by));
        settle(b, POLLIN);
        r.see("peek", sys::recv(b, 4000, libc::MSG_PEEK));
        match sys::recvmsg(b, &[150, 3850], MSG_DONTWAIT, 128) {
            Err(errno) => r.see("got", Err::<(), _>(errno)),
            Ok(message) => {
                r.see("got", (message.returned, message.parts));
                for ((level, kind, _), data) in message.control.into_iter().zip(message.control_data) {
                    r.see("control", format!("level {level} type {kind} {data:?}"));
                }
            }
        }
        r.see("no more", sys::recv(b, 8, MSG_DONTWAIT));
    }
}

/// What comes, and whether it took 200 ms.
fn see_held(r: &mut Report, what: &str, fd: Fd) {
    let (got, held) = timed(150, || sys::recv(fd, 64, 0));
    r.see(what, got);
    r.see("held back", held);
}

fn stream(r: &mut Report) {
    let (a, b) = pair();
    r.see("more", sys::send(a, b"ab", MSG_MORE));
    see_held(r, "alone", b);
    r.see("more", sys::send(a, b"cd", MSG_MORE));
    r.see("last", sys::send(a, b"ef", 0));
    see_held(r, "together", b);
    r.see("nodelay", sys::set_option(a, IPPROTO_TCP, TCP_NODELAY, 1));
    r.see("more", sys::send(a, b"gh", MSG_MORE));
    see_held(r, "alone", b);
    r.see("more", sys::send(a, b"ij", MSG_MORE));
    r.see("nothing", sys::send(a, b"", 0));
    see_held(r, "nothing does not let go", b);
}

/// Other things that let go what is held back.
fn stream_let_go(r: &mut Report) {
    for (what, option, value) in [("nodelay", TCP_NODELAY, 1), ("cork off", TCP_CORK, 0)] {
        let (a, b) = pair();
        r.see("more", sys::send(a, b"ab", MSG_MORE));
        r.see(what, sys::set_option(a, IPPROTO_TCP, option, value));
        see_held(r, "let go", b);
    }
    let (a, b) = pair();
    r.see("more", sys::send(a, b"ab", MSG_MORE));
    r.see("shutdown", sys::shutdown(a, SHUT_WR));
    see_held(r, "let go", b);
    let (a, b) = pair();
    r.see("more", sys::send(a, b"ab", MSG_MORE));
    let writer = later(30, move || sys::write(a, b"cd"));
    see_held(r, "let go by another", b);
    r.see("write", writer.join().expect("the writer"));
}

fn stream_many_messages(r: &mut Report) {
    let (a, b) = pair();
    let peer = must("getpeername", sys::getpeername(a));
    r.see("two more", sys::sendmmsg_flags(a, &[b"one", b"two"], peer, MSG_MORE));
    see_held(r, "together", b);
    r.see("two", sys::sendmmsg(a, &[b"three", b"four"], peer));
    settle(b, POLLIN);
    r.see("at once", sys::recv(b, 9, libc::MSG_WAITALL));
}

fn stream_sendfile(r: &mut Report) {
    let (a, b) = pair();
    let file = must("memfd", sys::memfd(b"the body"));
    r.see("the head", sys::send(a, b"head ", MSG_MORE));
    r.see("the body", sys::sendfile(a, file, 8));
    see_held(r, "together", b);
}
