//! SO_TIMESTAMPING of what is sent, on the error queue, and SO_TIMESTAMP and its kin of what a stream receives
//! (Documentation/networking/timestamping.rst).

use libc::{
    AF_INET, AF_INET6, AF_PACKET, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_MORE, MSG_OOB, MSG_PEEK, MSG_TRUNC, POLLERR, POLLIN,
    POLLOUT, POLLPRI, SO_ERROR, SO_TIMESTAMP, SO_TIMESTAMPING, SO_TIMESTAMPNS, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM,
    SOL_SOCKET,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Case;
use crate::net::{bound_udp, connected, here6, listener, must, pair, settle, tcp, udp_pair};
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("stamping.datagrams", |r| datagrams(r, udp_pair)),
    ("stamping.datagrams6", |r| datagrams(r, udp_pair6)),
    ("stamping.numbers", numbers),
    ("stamping.by_message", by_message),
    ("stamping.by_message_wrong", by_message_wrong),
    ("stamping.flags_read_late", flags_read_late),
    ("stamping.poll", poll),
    ("stamping.pieces", pieces),
    ("stamping.raw", raw),
    ("stamping.packet", packet),
    ("stamping.stream", |r| stream(r, pair)),
    ("stamping.stream6", |r| stream(r, pair6)),
    ("stamping.stream_options", stream_options),
    ("stamping.stream_numbers", stream_numbers),
    ("stamping.stream_held_back", stream_held_back),
    ("stamping.stream_received", stream_received),
    ("stamping.stream_received_joined", stream_received_joined),
    ("stamping.stream_received_after_the_end", stream_received_after_the_end),
    ("stamping.stream_received_by_inheritance", stream_received_by_inheritance),
];

const TX_SOFTWARE: i32 = 2;
const RX_SOFTWARE: i32 = 8;
const SOFTWARE: i32 = 16;
const OPT_ID: i32 = 128;
const TX_SCHED: i32 = 256;
const TX_ACK: i32 = 512;
const OPT_CMSG: i32 = 1024;
const OPT_TSONLY: i32 = 2048;
const OPT_PKTINFO: i32 = 8192;
const OPT_TX_SWHW: i32 = 16384;
const OPT_ID_TCP: i32 = 65536;
const SO_TIMESTAMPING_NEW: i32 = 65;
const SCM_TS_OPT_ID: i32 = 81;
const SO_SELECT_ERR_QUEUE: i32 = 45;
const TCP_CORK: i32 = 3;
const UDP_SEGMENT: i32 = 103;

/// Linux begins to stamp what comes a little after the first socket has asked for it.
fn until_all_is_stamped() {
    let (fd, at) = bound_udp();
    must("set", sys::set_option(fd, SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE));
    for _ in 0..2000 {
        must("sendto", sys::sendto(fd, b"x", 0, at));
        if !must("recvmsg", sys::recvmsg(fd, &[8], 0, 256)).control.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn stamping(fd: Fd, flags: i32) {
    must("SO_TIMESTAMPING", sys::set_option(fd, SOL_SOCKET, SO_TIMESTAMPING, flags));
}

fn nanos(words: &[u8]) -> u128 {
    let word =
        |at: usize| words.get(at..at + 8).and_then(|bytes| bytes.first_chunk()).map_or(0, |b| u64::from_ne_bytes(*b));
    u128::from(word(0)) * 1_000_000_000 + u128::from(word(8))
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}

/// Control messages: of times whether they are of the last seconds, of the others all bytes.
fn see_control(r: &mut Report, what: &str, message: &sys::Message) {
    for ((level, kind, _), data) in message.control.iter().zip(&message.control_data) {
        match (*level, *kind) {
            (SOL_SOCKET, SO_TIMESTAMPING | SO_TIMESTAMPING_NEW) => {
                let recent = now().saturating_sub(nanos(data)) < 10_000_000_000;
                r.see(what, format!("type {kind}, recent: {recent}, others {:?}", &data[16..]));
            }
            (SOL_SOCKET, _) => r.see(what, format!("type {kind} of {}", data.len())),
            _ => r.see(what, format!("level {level} type {kind} {data:?}")),
        }
    }
}

/// All that the error queue has, in its order. Of a packet the headers that differ from one to the next are not looked at.
fn see_tx_timestamps(r: &mut Report, what: &str, fd: Fd) {
    // There need not be anything; and what is acknowledged is so a little later.
    let _ = sys::poll(&[(fd, 0)], 50);
    std::thread::sleep(Duration::from_millis(20));
    loop {
        match sys::recvmsg(fd, &[2000], MSG_ERRQUEUE, 256) {
            Err(errno) => return r.see(what, Err::<(), _>(errno)),
            Ok(message) => {
                let bytes = &message.parts[0][..message.returned as usize];
                let (first, last) = (&bytes[..bytes.len().min(15)], &bytes[bytes.len().saturating_sub(3)..]);
                r.see(what, format!("{} bytes: {first:?} to {last:?}", bytes.len()));
                r.see(what, format!("flags {:#x}, name {}", message.flags, message.name_len));
                see_control(r, what, &message);
            }
        }
    }
}

fn udp_pair6() -> (Fd, Fd) {
    let bound = || {
        let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
        must("bind", sys::bind_bytes(fd, &here6(0)));
        fd
    };
    let (a, b) = (bound(), bound());
    must("connect", sys::connect_bytes(a, &must("getsockname", sys::getsockname_bytes(b))));
    (a, b)
}

fn pair6() -> (Fd, Fd) {
    let listener = must("socket", sys::socket(AF_INET6, SOCK_STREAM, 0));
    must("bind", sys::bind_bytes(listener, &here6(0)));
    must("listen", sys::listen(listener, 1));
    let client = must("socket", sys::socket(AF_INET6, SOCK_STREAM, 0));
    must("connect", sys::connect_bytes(client, &must("getsockname", sys::getsockname_bytes(listener))));
    (client, must("accept", sys::accept(listener)).0)
}

fn datagrams(r: &mut Report, make: fn() -> (Fd, Fd)) {
    for flags in [
        TX_SOFTWARE | SOFTWARE,
        TX_SCHED | TX_SOFTWARE | SOFTWARE,
        TX_SCHED | SOFTWARE,
        TX_SOFTWARE | SOFTWARE | OPT_TSONLY,
        TX_SOFTWARE | SOFTWARE | OPT_CMSG,
        TX_SOFTWARE | SOFTWARE | OPT_CMSG | OPT_PKTINFO | OPT_TX_SWHW,
        TX_SOFTWARE | SOFTWARE | OPT_CMSG | OPT_TSONLY,
        TX_SOFTWARE,
        TX_ACK | SOFTWARE,
        SOFTWARE,
    ] {
        let (a, b) = make();
        stamping(a, flags);
        for word in [&b"abc"[..], b""] {
            r.see(&format!("flags {flags:#x}"), sys::send(a, word, 0));
            settle(b, POLLIN);
            see_tx_timestamps(r, "error queue", a);
        }
    }
    let (a, _b) = make();
    must("set", sys::set_option(a, SOL_SOCKET, SO_TIMESTAMPING_NEW, TX_SOFTWARE | SOFTWARE | OPT_TSONLY));
    must("set", sys::set_option(a, SOL_SOCKET, SO_TIMESTAMP, 1));
    must("send", sys::send(a, b"abc", 0));
    see_tx_timestamps(r, "new types, and SO_TIMESTAMP", a);
}

fn numbers(r: &mut Report) {
    let (a, _b) = udp_pair();
    let all = TX_SOFTWARE | SOFTWARE | OPT_TSONLY;
    for flags in [all | OPT_ID, all | OPT_ID, all, all | OPT_ID, all | OPT_ID | TX_SCHED] {
        stamping(a, flags);
        must("send", sys::send(a, b"1", 0));
        must("send", sys::send(a, b"2", 0));
        see_tx_timestamps(r, &format!("{flags:#x}"), a);
    }
    r.see("too long", sys::send(a, &[0; 70_000], 0));
    must("send", sys::send(a, b"3", 0));
    see_tx_timestamps(r, "what fails has no number", a);
}

fn asks(fd: Fd, name: i32, data: &[u8]) -> sys::Ret<i64> {
    sys::sendmsg_with(fd, b"abc", 0, (SOL_SOCKET, name, data))
}

fn by_message(r: &mut Report) {
    let (a, _b) = udp_pair();
    stamping(a, SOFTWARE | OPT_TSONLY | OPT_ID);
    for flags in [TX_SOFTWARE, TX_SCHED | TX_SOFTWARE, TX_ACK | TX_SOFTWARE, TX_ACK, 0, 1, 1 << 18] {
        r.see(&format!("{flags:#x}"), asks(a, SO_TIMESTAMPING, &flags.to_ne_bytes()));
        see_tx_timestamps(r, "error queue", a);
    }
    r.see("by the new name", asks(a, SO_TIMESTAMPING_NEW, &TX_SOFTWARE.to_ne_bytes()));
    see_tx_timestamps(r, "error queue", a);
    stamping(a, SOFTWARE | OPT_TSONLY | OPT_ID | TX_SOFTWARE);
    r.see("nothing of this one", asks(a, SO_TIMESTAMPING, &[0; 4]));
    r.see("a number of its own", asks(a, SCM_TS_OPT_ID, &77u32.to_ne_bytes()));
    r.see("counted", sys::send(a, b"abc", 0));
    see_tx_timestamps(r, "error queue", a);
    let (a, _b) = pair();
    stamping(a, SOFTWARE | OPT_TSONLY | OPT_ID);
    for flags in [TX_SOFTWARE, TX_ACK, TX_SCHED, 0] {
        r.see(&format!("stream {flags:#x}"), asks(a, SO_TIMESTAMPING, &flags.to_ne_bytes()));
        see_tx_timestamps(r, "error queue", a);
    }
}

fn by_message_wrong(r: &mut Report) {
    let (a, _b) = udp_pair();
    for flags in [TX_SOFTWARE | OPT_ID, SOFTWARE, RX_SOFTWARE, 4, 1 << 10, 1 << 17, 1 << 30] {
        r.see(&format!("{flags:#x}"), asks(a, SO_TIMESTAMPING, &flags.to_ne_bytes()));
    }
    for data in [&[][..], &[2, 0], &[2, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 0, 0, 0]] {
        r.see(&format!("{} bytes", data.len()), asks(a, SO_TIMESTAMPING, data));
    }
    for name in [SO_TIMESTAMP, SO_TIMESTAMPNS, 63, 64] {
        r.see(&format!("type {name}"), asks(a, name, &TX_SOFTWARE.to_ne_bytes()));
    }
    r.see("a number that nobody counts", asks(a, SCM_TS_OPT_ID, &[1, 0, 0, 0]));
    stamping(a, OPT_ID);
    r.see("a number", asks(a, SCM_TS_OPT_ID, &[1, 0, 0, 0]));
    r.see("a short number", asks(a, SCM_TS_OPT_ID, &[1, 0]));
    let (a, _b) = pair();
    stamping(a, OPT_ID);
    r.see("a stream's number", asks(a, SCM_TS_OPT_ID, &[1, 0, 0, 0]));
}

fn flags_read_late(r: &mut Report) {
    let (a, _b) = udp_pair();
    stamping(a, TX_SOFTWARE | OPT_ID);
    must("send", sys::send(a, b"1", 0));
    see_tx_timestamps(r, "without SOFTWARE", a);
    must("send", sys::send(a, b"2", 0));
    settle(a, POLLERR);
    stamping(a, SOFTWARE);
    see_tx_timestamps(r, "SOFTWARE afterwards", a);
    stamping(a, TX_SOFTWARE | SOFTWARE);
    must("send", sys::send(a, b"3", 0));
    settle(a, POLLERR);
    stamping(a, 0);
    see_tx_timestamps(r, "switched off", a);
}

fn poll(r: &mut Report) {
    for (a, b) in [udp_pair(), pair()] {
        stamping(a, TX_SOFTWARE | SOFTWARE | OPT_TSONLY);
        r.see("before", sys::poll(&[(a, POLLIN | POLLOUT | POLLPRI)], 0));
        must("send", sys::send(a, b"1", 0));
        settle(b, POLLIN);
        settle(a, POLLERR);
        r.see("then", sys::poll(&[(a, POLLIN | POLLOUT | POLLPRI)], 0));
        r.see("SO_ERROR", sys::get_option(a, SOL_SOCKET, SO_ERROR));
        r.see("no error for who receives", sys::recv(a, 8, MSG_DONTWAIT));
        must("set", sys::set_option(a, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1));
        r.see("urgent, too", sys::poll(&[(a, POLLIN | POLLOUT | POLLPRI)], 0));
        r.see("room for nothing", sys::recvmsg(a, &[0], MSG_ERRQUEUE, 256).map(|message| message.returned));
        r.see("after", sys::poll(&[(a, POLLIN | POLLOUT | POLLPRI)], 0));
    }
}

fn pieces(r: &mut Report) {
    let (a, _b) = udp_pair();
    stamping(a, TX_SOFTWARE | SOFTWARE | OPT_TSONLY | OPT_ID);
    must("send", sys::send(a, b"1", MSG_MORE));
    must("send", sys::send(a, b"2", 0));
    see_tx_timestamps(r, "in pieces", a);
    must("set", sys::set_option(a, libc::IPPROTO_UDP, UDP_SEGMENT, 100));
    must("send", sys::send(a, &[7; 350], 0));
    see_tx_timestamps(r, "cut", a);
    let (a, _b) = udp_pair();
    stamping(a, TX_SOFTWARE | SOFTWARE);
    must("send", sys::send(a, &[7; 5000], 0));
    let message = must("recvmsg", sys::recvmsg(a, &[100], MSG_ERRQUEUE, 256));
    r.see("more than there is room for", format!("{} {}", message.returned, message.flags & MSG_TRUNC != 0));
}

fn raw(r: &mut Report) {
    let Ok(fd) = sys::socket(AF_INET, SOCK_RAW, 253) else { return };
    stamping(fd, TX_SCHED | TX_SOFTWARE | SOFTWARE | OPT_ID);
    for _ in 0..2 {
        r.see("raw", sys::sendto(fd, b"abc", 0, crate::net::here(0)));
        see_tx_timestamps(r, "error queue", fd);
    }
}

fn packet(r: &mut Report) {
    let Ok(fd) = sys::socket(AF_PACKET, SOCK_RAW, 0) else { return };
    let lo = must("if_nametoindex", sys::if_nametoindex("lo")) as i32;
    let mut name = [0; 20];
    name[..2].copy_from_slice(&(AF_PACKET as u16).to_ne_bytes());
    name[2..4].copy_from_slice(&0x88b5u16.to_be_bytes());
    name[4..8].copy_from_slice(&lo.to_ne_bytes());
    must("bind", sys::bind_bytes(fd, &name));
    let frame = [&[0; 12][..], &[0x88, 0xb5], b"hello"].concat();
    for flags in [0, OPT_TSONLY, OPT_CMSG] {
        stamping(fd, TX_SCHED | TX_SOFTWARE | SOFTWARE | OPT_ID | flags);
        r.see("packet", sys::send(fd, &frame, 0));
        see_tx_timestamps(r, "error queue", fd);
    }
    stamping(fd, SOFTWARE);
    let data = TX_SOFTWARE.to_ne_bytes();
    r.see("by message", sys::sendmsg_with(fd, &frame, 0, (SOL_SOCKET, SO_TIMESTAMPING, &data)));
    see_tx_timestamps(r, "error queue", fd);
}

fn stream(r: &mut Report, make: fn() -> (Fd, Fd)) {
    for flags in [
        TX_SOFTWARE | SOFTWARE,
        TX_SCHED | TX_SOFTWARE | TX_ACK | SOFTWARE | OPT_ID,
        TX_SCHED | TX_SOFTWARE | TX_ACK | SOFTWARE | OPT_ID | OPT_TSONLY,
        TX_ACK | SOFTWARE | OPT_CMSG,
        TX_ACK | OPT_TSONLY,
    ] {
        let (a, b) = make();
        must("send", sys::send(a, b"before", 0));
        settle(b, POLLIN);
        must("recv", sys::recv(b, 16, 0));
        stamping(a, flags);
        for word in [&b"abc"[..], b"defgh"] {
            r.see(&format!("flags {flags:#x}"), sys::send(a, word, 0));
            settle(b, POLLIN);
            see_tx_timestamps(r, "error queue", a);
        }
        r.see("nothing", sys::send(a, b"", 0));
        see_tx_timestamps(r, "of nothing", a);
    }
}

fn stream_options(r: &mut Report) {
    let (listening, at) = listener(1);
    let closed = tcp();
    let open = connected(at);
    for (what, fd) in [("listening", listening), ("closed", closed), ("open", open)] {
        for flags in [OPT_ID, OPT_ID | OPT_ID_TCP, OPT_ID_TCP, TX_ACK, 1 << 17, 1 << 18, 1 << 19] {
            r.see(&format!("{what} := {flags:#x}"), sys::set_option(fd, SOL_SOCKET, SO_TIMESTAMPING, flags));
            r.see("get", sys::get_option(fd, SOL_SOCKET, SO_TIMESTAMPING));
        }
    }
}

fn stream_numbers(r: &mut Report) {
    for more in [0, OPT_ID_TCP] {
        let (a, b) = pair();
        must("cork", sys::set_option(a, libc::IPPROTO_TCP, TCP_CORK, 1));
        must("send", sys::send(a, b"12345", 0));
        let flags = TX_SOFTWARE | TX_ACK | SOFTWARE | OPT_TSONLY | OPT_ID | more;
        stamping(a, flags);
        must("uncork", sys::set_option(a, libc::IPPROTO_TCP, TCP_CORK, 0));
        must("send", sys::send(a, b"abc", 0));
        settle(b, POLLIN);
        see_tx_timestamps(r, "some waited", a);
        stamping(a, flags);
        must("send", sys::send(a, b"d", 0));
        see_tx_timestamps(r, "set again", a);
        stamping(a, 0);
        stamping(a, flags);
        must("send", sys::send(a, b"e", 0));
        see_tx_timestamps(r, "begun again", a);
    }
}

fn stream_held_back(r: &mut Report) {
    let (a, b) = pair();
    stamping(a, TX_SCHED | TX_SOFTWARE | TX_ACK | SOFTWARE | OPT_TSONLY | OPT_ID);
    must("cork", sys::set_option(a, libc::IPPROTO_TCP, TCP_CORK, 1));
    for word in [b"1", b"2", b"3"] {
        must("send", sys::send(a, word, 0));
    }
    r.see("nothing has left", sys::recv(a, 8, MSG_ERRQUEUE));
    must("uncork", sys::set_option(a, libc::IPPROTO_TCP, TCP_CORK, 0));
    settle(b, POLLIN);
    see_tx_timestamps(r, "together", a);
    must("send", sys::send(a, b"4", MSG_MORE));
    must("send", sys::send(a, b"5", 0));
    see_tx_timestamps(r, "in pieces", a);
}

/// A read of a stream: how much, and its control messages.
fn see_read(r: &mut Report, what: &str, fd: Fd, room: usize, flags: i32) -> u128 {
    match sys::recvmsg(fd, &[room], flags | MSG_DONTWAIT, 256) {
        Err(errno) => {
            r.see(what, Err::<(), _>(errno));
            0
        }
        Ok(message) => {
            r.see(what, format!("{} bytes, flags {:#x}", message.returned, message.flags));
            see_control(r, what, &message);
            message.control_data.last().map_or(0, |data| nanos(data))
        }
    }
}

fn stream_received(r: &mut Report) {
    until_all_is_stamped();
    for (name, value) in [
        (SO_TIMESTAMP, 1),
        (SO_TIMESTAMPNS, 1),
        (63, 1),
        (64, 1),
        (SO_TIMESTAMPING, RX_SOFTWARE | SOFTWARE),
        (SO_TIMESTAMPING_NEW, RX_SOFTWARE | SOFTWARE),
        (SO_TIMESTAMPING, RX_SOFTWARE),
    ] {
        let (a, b) = pair();
        must("set", sys::set_option(b, SOL_SOCKET, name, value));
        must("send", sys::send(a, b"abc", 0));
        settle(b, POLLIN);
        see_read(r, &format!("{name} := {value}"), b, 8, 0);
    }
    let (a, b) = pair();
    must("set", sys::set_option(b, SOL_SOCKET, SO_TIMESTAMPNS, 1));
    stamping(b, RX_SOFTWARE | SOFTWARE);
    must("TCP_INQ", sys::set_option(b, libc::IPPROTO_TCP, libc::TCP_INQ, 1));
    must("send", sys::send(a, b"abcd", 0));
    settle(b, POLLIN);
    see_read(r, "peek", b, 8, MSG_PEEK);
    see_read(r, "nothing", b, 0, 0);
    see_read(r, "a part", b, 1, 0);
    see_read(r, "thrown away", b, 8, MSG_TRUNC);
    see_read(r, "nothing there", b, 8, 0);
    must("send", sys::send(a, b"u", MSG_OOB));
    settle(b, POLLPRI);
    see_read(r, "urgent", b, 8, MSG_OOB);
    must("set", sys::set_option(b, SOL_SOCKET, SO_TIMESTAMPNS, 0));
    stamping(b, 0);
    must("send", sys::send(a, b"e", 0));
    settle(b, POLLIN);
    see_read(r, "switched off", b, 8, 0);
    must("shutdown", sys::shutdown(a, libc::SHUT_WR));
    settle(b, POLLIN);
    see_read(r, "the end", b, 8, 0);
}

fn stream_received_joined(r: &mut Report) {
    until_all_is_stamped();
    let (a, b) = pair();
    stamping(b, RX_SOFTWARE | SOFTWARE);
    let before = now();
    must("send", sys::send(a, b"abcd", 0));
    std::thread::sleep(Duration::from_millis(30));
    let between = now();
    must("send", sys::send(a, b"efgh", 0));
    std::thread::sleep(Duration::from_millis(10));
    let after = now();
    for (what, room, flags) in [("peek", 1, MSG_PEEK), ("one", 1, 0), ("three", 3, 0), ("the rest", 8, 0)] {
        let at = see_read(r, what, b, room, flags);
        r.see("of the newest", (between..after).contains(&at));
    }
    must("send", sys::send(a, b"ijkl", 0));
    settle(b, POLLIN);
    let at = see_read(r, "alone", b, 8, 0);
    r.see("its own", at >= after && at > before);
}

fn stream_received_after_the_end(r: &mut Report) {
    until_all_is_stamped();
    let (a, b) = pair();
    stamping(b, RX_SOFTWARE | SOFTWARE);
    must("shutdown", sys::shutdown(b, libc::SHUT_WR));
    must("send", sys::send(a, b"last words", 0));
    must("close", sys::close(a));
    std::thread::sleep(Duration::from_millis(20));
    see_read(r, "last words", b, 16, 0);
    see_read(r, "the end", b, 16, 0);
}

fn stream_received_by_inheritance(r: &mut Report) {
    until_all_is_stamped();
    let (listening, at) = listener(1);
    must("set", sys::set_option(listening, SOL_SOCKET, SO_TIMESTAMPNS, 1));
    stamping(listening, RX_SOFTWARE | SOFTWARE);
    let a = connected(at);
    must("send", sys::send(a, b"early", 0));
    std::thread::sleep(Duration::from_millis(20));
    let (b, _) = must("accept", sys::accept(listening));
    see_read(r, "before accept", b, 16, 0);
    for name in [SO_TIMESTAMPNS, SO_TIMESTAMPING] {
        r.see("inherited", sys::get_option(b, SOL_SOCKET, name));
    }
}
