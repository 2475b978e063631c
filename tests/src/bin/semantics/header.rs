//! Options of IPv4 (RFC 791 §3.1) and extension headers of IPv6 (RFC 3542 §6 to §9) that a program sends and is told of.

use libc::{AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, MSG_DONTWAIT, SOCK_DGRAM, SOCK_RAW};

use crate::Case;
use crate::net::{bound_udp, here, here_mapped, here6, must, settle, udp};
use crate::report::{Report, hex};
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("header.options_set", options_set),
    ("header.options_received", options_received),
    ("header.options_of_one", options_of_one),
    ("header.options_of_others", options_of_others),
    ("header.extensions_set", extensions_set),
    ("header.extensions_received", extensions_received),
    ("header.extensions_of_one", extensions_of_one),
    ("header.extensions_refused", extensions_refused),
    ("header.router_alert", router_alert),
];

const RECORD_ROUTE: &[u8] = &[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0];
const ROUTER_ALERT: &[u8] = &[148, 4, 0, 0];

/// What a program may ask for, and what it may not.
const OPTIONS: &[(&str, &[u8])] = &[
    ("nothing", &[]),
    ("record route", RECORD_ROUTE),
    ("record route, full", &[7, 7, 8, 1, 2, 3, 4]),
    (
        "record route, long",
        &[
            7, 39, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0,
        ],
    ),
    ("record route, short", &[7, 2]),
    ("record route, pointer 3", &[7, 7, 3, 0, 0, 0, 0]),
    ("record route, pointer 5", &[7, 7, 5, 0, 0, 0, 0]),
    ("record route twice", &[7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0]),
    ("a type alone", &[7]),
    ("too long", &[7, 9, 4]),
    ("times, none has room", &[68, 4, 5, 0]),
    ("times, full", &[68, 8, 9, 0, 0, 0, 0, 0]),
    ("times, full and counted to the end", &[68, 8, 9, 0xf0, 0, 0, 0, 0]),
    ("times, of nobody's kind", &[68, 8, 5, 2, 0, 0, 0, 0]),
    ("router alert", ROUTER_ALERT),
    ("loose source route", &[131, 7, 4, 127, 0, 0, 1]),
    ("strict source route", &[137, 11, 4, 127, 0, 0, 2, 127, 0, 0, 3]),
    ("source route, pointer 8", &[131, 7, 8, 1, 2, 3, 4]),
    ("source route, short", &[131, 6, 4, 1, 2, 3]),
    ("both source routes", &[131, 7, 4, 127, 0, 0, 1, 137, 7, 4, 127, 0, 0, 1]),
    ("nobody's", &[30, 4, 1, 2]),
    ("no-operations", &[1, 1]),
    ("behind the end", &[0, 5, 6]),
    ("40 no-operations", &[1; 40]),
    ("41 no-operations", &[1; 41]),
    ("security", &[130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("CIPSO", &[134, 6, 0, 0, 0, 0]),
    ("alert and route", &[1, 1, 148, 4, 0, 0, 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]),
];

/// The next message and what is told with it.
fn told(r: &mut Report, what: &str, fd: Fd, flags: i32) {
    match sys::recvmsg(fd, &[64], flags, 256) {
        Err(errno) => r.see(what, errno.to_string()),
        Ok(got) => {
            r.see(what, got.returned);
            for ((level, kind, _), data) in got.control.iter().zip(&got.control_data) {
                r.see(&format!("{what}, control"), format!("{level} {kind} {}", hex(data)));
            }
        }
    }
}

fn options_set(r: &mut Report) {
    let get = |fd, room| sys::get_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, room).map(|value| hex(&value));
    for (what, options) in OPTIONS {
        let fd = udp();
        r.see(what, sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, options));
        for room in [64, 8, 2] {
            r.see(&format!("{what}, room for {room}"), get(fd, room));
        }
    }
    let fd = udp();
    must("set", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, RECORD_ROUTE));
    r.see("refused", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, &[7]));
    r.see("the old ones stay", get(fd, 64));
    r.see("taken away", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, &[]));
    r.see("none", get(fd, 64));
}

fn listening() -> (Fd, std::net::SocketAddrV4) {
    let (ear, to) = bound_udp();
    must("IP_RECVOPTS", sys::set_option(ear, IPPROTO_IP, libc::IP_RECVOPTS, 1));
    must("IP_RETOPTS", sys::set_option(ear, IPPROTO_IP, libc::IP_RETOPTS, 1));
    (ear, to)
}

fn options_received(r: &mut Report) {
    let (ear, to) = listening();
    for (what, options) in OPTIONS {
        let fd = udp();
        if sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, options).is_ok() {
            r.see(&format!("sent with {what}"), sys::sendto(fd, b"text", 0, to));
            if !what.contains("source route") {
                settle(ear, libc::POLLIN);
            }
            told(r, what, ear, MSG_DONTWAIT);
        }
    }
    // With addresses and times: the times are not the same twice.
    let fd = udp();
    let times = [&[68, 20, 5, 1][..], &[0; 16]].concat();
    must("set", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, &times));
    must("sendto", sys::sendto(fd, b"text", 0, to));
    settle(ear, libc::POLLIN);
    let got = must("recvmsg", sys::recvmsg(ear, &[8], 0, 256));
    for data in &got.control_data {
        r.see("times", format!("{} {} {}", hex(&data[..8]), hex(&data[12..16]), data[8..12] != [0; 4]));
    }
    r.see("off", sys::set_option(ear, IPPROTO_IP, libc::IP_RETOPTS, 0));
    must("sendto", sys::sendto(fd, b"text", 0, to));
    settle(ear, libc::POLLIN);
    r.see("then", must("recvmsg", sys::recvmsg(ear, &[8], 0, 256)).control.len());
    for len in [65507, 65488, 65487] {
        r.see(&format!("{len} bytes"), sys::sendto(fd, &vec![7; len], 0, to));
    }
}

/// IP_RETOPTS of sendmsg(2).
fn options_of_one(r: &mut Report) {
    let (ear, to) = listening();
    let fd = udp();
    must("connect", sys::connect(fd, to));
    must("set", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, ROUTER_ALERT));
    let cases: &[(&str, i32, &[u8])] = &[
        ("a route", libc::IP_RETOPTS, RECORD_ROUTE),
        ("none", libc::IP_RETOPTS, &[]),
        ("no sense", libc::IP_RETOPTS, &[7, 2]),
        ("too long", libc::IP_RETOPTS, &[1; 48]),
        ("IP_RECVOPTS", libc::IP_RECVOPTS, RECORD_ROUTE),
        ("IP_OPTIONS", libc::IP_OPTIONS, RECORD_ROUTE),
    ];
    for (what, kind, options) in cases {
        let sent = sys::sendmsg_with(fd, b"text", 0, (IPPROTO_IP, *kind, options));
        r.see(&format!("sent with {what}"), sent);
        if sent.is_ok() {
            settle(ear, libc::POLLIN);
        }
        told(r, what, ear, MSG_DONTWAIT);
    }
}

/// Raw sockets have them, too, and sockets of IPv6 for what goes by IPv4.
fn options_of_others(r: &mut Report) {
    let fd = must("socket", sys::socket(AF_INET, SOCK_RAW, 253));
    must("set", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, ROUTER_ALERT));
    must("set", sys::set_option(fd, IPPROTO_IP, libc::IP_RECVOPTS, 1));
    r.see("raw", sys::sendto(fd, b"text", 0, here(0)));
    settle(fd, libc::POLLIN);
    told(r, "raw, received", fd, 0);
    let (ear, to) = listening();
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    r.see("IPv6", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, RECORD_ROUTE));
    r.see("IPv6, sent", sys::sendto_bytes(fd, b"text", 0, &here_mapped(to.port())));
    settle(ear, libc::POLLIN);
    told(r, "IPv6, received", ear, 0);
}

const PADDED: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
const ALERT: &[u8] = &[0, 0, 5, 2, 0, 0, 1, 0];
const UNKNOWN: &[u8] = &[0, 0, 0x1e, 4, 1, 2, 3, 4];
const HEADERS: &[(&str, i32)] = &[
    ("IPV6_HOPOPTS", libc::IPV6_HOPOPTS),
    ("IPV6_DSTOPTS", libc::IPV6_DSTOPTS),
    ("IPV6_RTHDRDSTOPTS", libc::IPV6_RTHDRDSTOPTS),
];

/// A routing header of a type with one segment, `left` of which are left.
fn routing(kind: u8, left: u8) -> Vec<u8> {
    let mut bytes = [&[0, 2, kind, left, 0, 0, 0, 0][..], &[0; 16]].concat();
    bytes[23] = 1;
    bytes
}

fn extensions_set(r: &mut Report) {
    let see = |r: &mut Report, what: &str, name: i32, value: &[u8]| {
        let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
        r.see(what, sys::set_option_bytes(fd, IPPROTO_IPV6, name, value));
        for room in [64, 8, 7, 1] {
            let got = sys::get_option_bytes(fd, IPPROTO_IPV6, name, room).map(|value| hex(&value));
            r.see(&format!("{what}, room for {room}"), got);
        }
    };
    let long = [&[0, 255][..], &[0; 2038]].concat();
    for (name, number) in HEADERS {
        for (what, value) in [
            ("nothing", &[][..]),
            ("seven bytes", &PADDED[..7]),
            ("padding", PADDED),
            ("nobody's option", UNKNOWN),
            ("more than the header", &[PADDED, PADDED].concat()),
            ("less than the header", &[0, 1, 0, 0, 0, 0, 0, 0]),
            ("nine bytes", &[PADDED, &[0]].concat()),
            ("no header", &[0, 0, 0, 0]),
            ("2040 bytes of 2048", &long),
        ] {
            see(r, &format!("{name}, {what}"), *number, value);
        }
    }
    for (kind, left) in [(0, 1), (2, 1), (3, 0), (4, 0), (4, 1), (4, 2)] {
        see(r, &format!("IPV6_RTHDR, type {kind}, {left} left"), libc::IPV6_RTHDR, &routing(kind, left));
    }
    see(r, "IPV6_RTHDR, nothing", libc::IPV6_RTHDR, &[]);
}

/// A socket at ::1 that is told all, and its address.
fn told_all() -> (Fd, Vec<u8>) {
    let ear = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    must("bind", sys::bind_bytes(ear, &here6(0)));
    for name in [libc::IPV6_RECVHOPOPTS, 58, libc::IPV6_RECVRTHDR] {
        must("set", sys::set_option(ear, IPPROTO_IPV6, name, 1));
    }
    (ear, must("name", sys::getsockname_bytes(ear)))
}

fn extensions_received(r: &mut Report) {
    let (ear, to) = told_all();
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    let send = |r: &mut Report, what: &str| {
        r.see(&format!("sent, {what}"), sys::sendto_bytes(fd, b"text", 0, &to));
        settle(ear, libc::POLLIN);
        told(r, what, ear, MSG_DONTWAIT);
    };
    for (name, number) in HEADERS {
        must(
            "set",
            sys::set_option_bytes(
                fd,
                IPPROTO_IPV6,
                *number,
                if number == &libc::IPV6_HOPOPTS { ALERT } else { UNKNOWN },
            ),
        );
        send(r, &format!("with {name}"));
    }
    for name in [3, 4, 5] {
        r.see(&format!("RFC 2292, {name}"), sys::set_option(ear, IPPROTO_IPV6, name, 1));
    }
    send(r, "both ways");
    must("set", sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_HOPOPTS, &[]));
    send(r, "without hop-by-hop options");
    for len in [65_487, 65_479, 65_000] {
        r.see(&format!("{len} bytes"), sys::sendto_bytes(fd, &vec![7; len], 0, &to));
    }
    let raw = must("socket", sys::socket(AF_INET6, SOCK_RAW, 253));
    must("set", sys::set_option_bytes(raw, IPPROTO_IPV6, libc::IPV6_DSTOPTS, UNKNOWN));
    must("set", sys::set_option(raw, IPPROTO_IPV6, 58, 1));
    r.see("raw", sys::sendto_bytes(raw, b"text", 0, &here6(0)));
    settle(raw, libc::POLLIN);
    told(r, "raw, received", raw, 0);
}

fn extensions_of_one(r: &mut Report) {
    let (ear, to) = told_all();
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    must("connect", sys::connect_bytes(fd, &to));
    must("set", sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_HOPOPTS, ALERT));
    must("set", sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_DSTOPTS, PADDED));
    let longer = [PADDED, &[0; 8]].concat();
    let cases: &[(&str, i32, &[u8])] = &[
        ("hop-by-hop options", libc::IPV6_HOPOPTS, PADDED),
        ("hop-by-hop options, short", libc::IPV6_HOPOPTS, &PADDED[..7]),
        ("hop-by-hop options, none", libc::IPV6_HOPOPTS, &[]),
        ("hop-by-hop options, longer", libc::IPV6_HOPOPTS, &longer),
        ("destination options", libc::IPV6_DSTOPTS, UNKNOWN),
        ("destination options, none", libc::IPV6_DSTOPTS, &[]),
        ("options before routing", libc::IPV6_RTHDRDSTOPTS, PADDED),
        ("RFC 2292's hop-by-hop options", 3, PADDED),
        ("RFC 2292's destination options", 4, UNKNOWN),
        ("nobody's", 99, PADDED),
        ("IPV6_PATHMTU", libc::IPV6_PATHMTU, PADDED),
    ];
    for (what, kind, data) in cases {
        let sent = sys::sendmsg_with(fd, b"text", 0, (IPPROTO_IPV6, *kind, data));
        r.see(&format!("sent with {what}"), sent);
        if sent.is_ok() {
            settle(ear, libc::POLLIN);
        }
        told(r, what, ear, MSG_DONTWAIT);
    }
    for kind in [0, 2, 3, 4] {
        let sent = sys::sendmsg_with(fd, b"text", 0, (IPPROTO_IPV6, libc::IPV6_RTHDR, &routing(kind, 1)));
        r.see(&format!("routing header of type {kind}"), sent);
    }
}

/// An option that says that who does not know it is to refuse it: the sender hears so.
fn extensions_refused(r: &mut Report) {
    let (ear, to) = told_all();
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    must("set", sys::set_option(fd, IPPROTO_IPV6, libc::IPV6_RECVERR, 1));
    must("set", sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_DSTOPTS, &[0, 0, 0x9e, 4, 1, 2, 3, 4]));
    must("sendto", sys::sendto_bytes(fd, b"text", 0, &to));
    settle(fd, libc::POLLERR);
    told(r, "told", fd, libc::MSG_ERRQUEUE);
    told(r, "not received", ear, MSG_DONTWAIT);
}

/// IP_ROUTER_ALERT and IPV6_ROUTER_ALERT: who may ask, and how often.
fn router_alert(r: &mut Report) {
    let (icmp, icmp6) = (libc::IPPROTO_ICMP, libc::IPPROTO_ICMPV6);
    for (domain, level, name, kinds) in [
        (libc::AF_INET, IPPROTO_IP, libc::IP_ROUTER_ALERT, [(3, 2), (3, 255), (3, icmp), (2, 0), (1, 0)]),
        (libc::AF_INET6, IPPROTO_IPV6, libc::IPV6_ROUTER_ALERT, [(3, 2), (3, 255), (3, icmp6), (2, 0), (1, 0)]),
    ] {
        for (shape, protocol) in kinds {
            let Ok(fd) = sys::socket(domain, shape, protocol) else { continue };
            let mut see = |what: String, done: sys::Ret| {
                r.see(&format!("{domain}, {shape}, {protocol}: {what}"), done);
                r.see("get", sys::get_option(fd, level, name));
            };
            for value in [0, -1, 1, 1, 70_000, 0, -1, 5, 0, -1, -1] {
                see(format!("set {value}"), sys::set_option(fd, level, name, value));
            }
            for bytes in [&[][..], &[1], &[1, 0], &[0, 0, 0]] {
                see(format!("set {bytes:?}"), sys::set_option_bytes(fd, level, name, bytes));
            }
        }
    }
}
