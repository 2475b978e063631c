//! What a receiver learns beside the bytes (times, drops, memory), and from where it peeks (SO_PEEK_OFF).

use libc::{MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, POLLIN, SO_RCVBUF, SO_RXQ_OVFL, SOL_SOCKET};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Case;
use crate::net::{bound_udp, must, pair, settle, udp, udp_pair};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("receiving.peek_off_datagrams", peek_off_datagrams),
    ("receiving.peek_off_empty", peek_off_empty),
    ("receiving.peek_off_stream", peek_off_stream),
    ("receiving.drops", drops),
    ("receiving.drops_told_late", drops_told_late),
    ("receiving.times", times),
    ("receiving.times_change", times_change),
    ("receiving.last_time", last_time),
    ("receiving.memory", memory),
];

const SO_PEEK_OFF: i32 = 42;
const SO_MEMINFO: i32 = 55;
const SIOCGSTAMP: libc::Ioctl = 0x8906;
const SIOCGSTAMPNS: libc::Ioctl = 0x8907;

fn peek_off(fd: Fd) -> Ret<i32> {
    sys::get_option(fd, SOL_SOCKET, SO_PEEK_OFF)
}

fn peek_off_datagrams(r: &mut Report) {
    let (a, b) = udp_pair();
    for word in [&b"first"[..], b"second one", b"3"] {
        must("send", sys::send(a, word, 0));
    }
    r.see("default", peek_off(b));
    r.see(":= 0", sys::set_option(b, SOL_SOCKET, SO_PEEK_OFF, 0));
    for (what, room, flags) in [
        ("part", 3, MSG_PEEK),
        ("the rest", 8, MSG_PEEK),
        ("of the next", 4, MSG_PEEK),
        ("its length", 3, MSG_PEEK | MSG_TRUNC),
        ("to its end", 10, MSG_PEEK),
        ("the last", 10, MSG_PEEK),
        ("none", 10, MSG_PEEK),
        ("read", 2, 0),
        ("peek again", 10, MSG_PEEK),
    ] {
        let seen = sys::recvmsg(b, &[room], flags | MSG_DONTWAIT, 0);
        r.see(what, seen.map(|m| (m.returned, m.parts.concat(), m.flags & MSG_TRUNC != 0)).map(show));
        r.see("then", peek_off(b));
    }
    for value in [8, -1] {
        r.see("set", sys::set_option(b, SOL_SOCKET, SO_PEEK_OFF, value));
        r.see("peek", sys::recv(b, 16, MSG_PEEK | MSG_DONTWAIT));
        r.see("again", sys::recv(b, 16, MSG_PEEK | MSG_DONTWAIT));
        r.see("then", peek_off(b));
    }
    r.see("the rest is there", sys::recv(b, 16, MSG_DONTWAIT));
    r.see("and the last", sys::recv(b, 16, MSG_DONTWAIT));
}

/// An empty datagram is peeked at once.
fn peek_off_empty(r: &mut Report) {
    let (a, b) = udp_pair();
    let send = |words: &[&[u8]]| {
        for word in words {
            must("send", sys::send(a, word, 0));
        }
    };
    send(&[b"", b"", b"text", b"", b"end"]);
    r.see("without", sys::recv(b, 16, MSG_PEEK | MSG_DONTWAIT));
    r.see(":= 0", sys::set_option(b, SOL_SOCKET, SO_PEEK_OFF, 0));
    for _ in 0..5 {
        r.see("peek", sys::recv(b, 16, MSG_PEEK | MSG_DONTWAIT));
        r.see("then", peek_off(b));
    }
    for at in [0, 4, 6] {
        r.see("set", sys::set_option(b, SOL_SOCKET, SO_PEEK_OFF, at));
        r.see("peek", sys::recv(b, 16, MSG_PEEK | MSG_DONTWAIT));
    }
    for _ in 0..5 {
        r.see("read", sys::recv(b, 16, MSG_DONTWAIT));
    }
    r.see(":= 0", sys::set_option(b, SOL_SOCKET, SO_PEEK_OFF, 0));
    send(&[b"", b"more"]);
    for _ in 0..3 {
        r.see("peek", sys::recv(b, 16, MSG_PEEK | MSG_DONTWAIT));
    }
}

fn show((returned, bytes, cut): (i64, Vec<u8>, bool)) -> String {
    format!("{returned} {:?}{}", String::from_utf8_lossy(&bytes), if cut { " cut" } else { "" })
}

fn peek_off_stream(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"0123456789", 0));
    settle(b, POLLIN);
    r.see(":= 2", sys::set_option(b, SOL_SOCKET, SO_PEEK_OFF, 2));
    for room in [3, 3, 8, 8] {
        r.see("peek", sys::recv(b, room, MSG_PEEK | MSG_DONTWAIT));
        r.see("then", peek_off(b));
    }
    r.see("read", sys::recv(b, 4, 0));
    r.see("then", peek_off(b));
    r.see("peek", sys::recv(b, 8, MSG_PEEK | MSG_DONTWAIT));
    must("send", sys::send(a, b"abc", 0));
    r.see("waits for more", sys::recv(b, 8, MSG_PEEK));
    r.see("discard", sys::recv(b, 20, MSG_TRUNC).map(|bytes| bytes.len()));
    r.see("then", peek_off(b));
}

/// The control messages of the next datagram as (type, length, first word).
fn control(fd: Fd) -> Ret<Vec<(i32, usize, u32)>> {
    let message = sys::recvmsg(fd, &[2000], MSG_DONTWAIT, 256)?;
    Ok(message.control.iter().zip(&message.control_data).map(|((_, kind, word), d)| (*kind, d.len(), *word)).collect())
}

fn kinds(fd: Fd) -> String {
    match control(fd) {
        Ok(all) => all.iter().map(|(kind, len, _)| format!("{kind} of {len} ")).collect(),
        Err(errno) => errno.to_string(),
    }
}

fn flood(to: std::net::SocketAddrV4, n: usize) {
    let fd = udp();
    for _ in 0..n {
        must("sendto", sys::sendto(fd, &[7; 1000], 0, to));
    }
}

fn drops(r: &mut Report) {
    let (fd, at) = bound_udp();
    must("buffer", sys::set_option(fd, SOL_SOCKET, SO_RCVBUF, 8192));
    r.see("SO_RXQ_OVFL", sys::set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1));
    flood(at, 50);
    r.see("nothing was dropped before the first", control(fd).map(|c| format!("{c:?}")));
    while sys::recv(fd, 2000, MSG_DONTWAIT).is_ok() {}
    flood(at, 1);
    r.see("43 before the next", control(fd).map(|c| format!("{c:?}")));
    flood(at, 20);
    r.see("no more before this", control(fd).map(|c| format!("{c:?}")));
    r.see("off", sys::set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 0));
    r.see("not told", control(fd).map(|c| format!("{c:?}")));
}

fn drops_told_late(r: &mut Report) {
    let (fd, at) = bound_udp();
    must("buffer", sys::set_option(fd, SOL_SOCKET, SO_RCVBUF, 8192));
    flood(at, 50);
    while sys::recv(fd, 2000, MSG_DONTWAIT).is_ok() {}
    r.see("SO_RXQ_OVFL", sys::set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1));
    flood(at, 1);
    r.see("all are counted", control(fd).map(|c| format!("{c:?}")));
}

/// Linux begins to stamp what comes a little after the first socket has asked for it (net_enable_timestamp() leaves it to a work queue).
fn until_all_is_stamped() {
    let (fd, at) = bound_udp();
    must("set", sys::set_option(fd, SOL_SOCKET, libc::SO_TIMESTAMPING, 24));
    for _ in 0..2000 {
        flood(at, 1);
        if !must("recvmsg", sys::recvmsg(fd, &[8], 0, 256)).control.is_empty() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn times(r: &mut Report) {
    until_all_is_stamped();
    // SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW; SO_TIMESTAMPING and its _NEW.
    for name in [29, 35, 63, 64] {
        let (fd, at) = bound_udp();
        must("set", sys::set_option(fd, SOL_SOCKET, name, 1));
        flood(at, 1);
        let message = must("recvmsg", sys::recvmsg(fd, &[8], 0, 256));
        let word = |at: usize| {
            let bytes = message.control_data.first().and_then(|data| data.get(at..at + 8)?.first_chunk());
            bytes.map_or(-1, |bytes| i64::from_ne_bytes(*bytes))
        };
        r.see("type", message.control.iter().map(|(_, kind, _)| *kind as i64).sum::<i64>());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
        r.see("seconds", (0..5).contains(&(now - word(0))));
        r.see("a fraction", (0..1_000_000_000).contains(&word(8)));
    }
    for name in [37, 65] {
        for flags in [0, 8, 16, 24] {
            let (fd, at) = bound_udp();
            must("set", sys::set_option(fd, SOL_SOCKET, name, flags));
            flood(at, 1);
            if flags != 16 {
                r.see(&format!("option {name}, flags {flags}"), kinds(fd));
            }
        }
    }
    let (fd, at) = bound_udp();
    for (name, value) in [(35, 1), (37, 24), (SO_RXQ_OVFL, 1)] {
        must("set", sys::set_option(fd, SOL_SOCKET, name, value));
    }
    flood(at, 1);
    r.see("together", kinds(fd));
}

fn times_change(r: &mut Report) {
    let fd = udp();
    for (name, value) in
        [(29, 1), (35, 1), (63, 1), (64, 1), (29, 0), (64, 1), (37, 24), (65, 8), (35, 1), (37, 0), (63, 0)]
    {
        r.see(&format!("{name} := {value}"), sys::set_option(fd, SOL_SOCKET, name, value));
        let all = [29, 35, 63, 64, 37, 65].map(|name| sys::get_option(fd, SOL_SOCKET, name).unwrap_or(-1));
        r.see("all", format!("{all:?}"));
    }
}

fn last_time(r: &mut Report) {
    let (fd, at) = bound_udp();
    let asked = |fd, name, fraction| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
        let stamp = sys::last_stamp(fd, name);
        stamp.map(|[seconds, part]| (0..5).contains(&(now - seconds)) && (0..fraction).contains(&part))
    };
    r.see("before anything came", asked(fd, SIOCGSTAMP, 1_000_000));
    flood(at, 2);
    r.see("before anything was received", asked(fd, SIOCGSTAMPNS, 1_000_000_000));
    must("recv", sys::recv(fd, 2000, 0));
    let first = sys::last_stamp(fd, SIOCGSTAMPNS);
    r.see("then", asked(fd, SIOCGSTAMP, 1_000_000));
    r.see("in nanoseconds", asked(fd, SIOCGSTAMPNS, 1_000_000_000));
    r.see("always the same", sys::last_stamp(fd, SIOCGSTAMPNS) == first);
    must("recv", sys::recv(fd, 2000, 0));
    r.see("another's", sys::last_stamp(fd, SIOCGSTAMPNS) == first);
    let (fd, at) = bound_udp();
    flood(at, 1);
    must("recv", sys::recv(fd, 2000, 0));
    r.see("received before it was asked", asked(fd, SIOCGSTAMP, 1_000_000));
    r.see("of a stream", asked(pair().0, SIOCGSTAMP, 1_000_000));
}

fn memory(r: &mut Report) {
    let (fd, at) = bound_udp();
    must("buffer", sys::set_option(fd, SOL_SOCKET, SO_RCVBUF, 8192));
    let words = || {
        let bytes = sys::get_option_bytes(fd, SOL_SOCKET, SO_MEMINFO, 64).unwrap_or_default();
        let words: Vec<u32> = bytes.chunks_exact(4).map(|w| u32::from_ne_bytes([w[0], w[1], w[2], w[3]])).collect();
        // The reserve is the host's own affair.
        format!("{:?} {:?}", &words[..4.min(words.len())], &words[5.min(words.len())..])
    };
    r.see("at first", words());
    flood(at, 3);
    r.see("three wait", words());
    flood(at, 10);
    r.see("six were dropped", words());
}
