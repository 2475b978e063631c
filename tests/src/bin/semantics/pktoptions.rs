//! `IPV6_2292PKTOPTIONS`: the extension headers of a socket, set all at once by control messages.

use libc::{AF_INET6, IPPROTO_IP, IPPROTO_IPV6, MSG_DONTWAIT, SOCK_DGRAM, SOCK_STREAM};

use crate::Case;
use crate::net::{here6, must, settle};
use crate::report::{Report, hex};
use crate::sys;

pub const CASES: &[Case] = &[("pktoptions.set", set), ("pktoptions.refused", refused)];

/// RFC 2292 §7.
const IPV6_2292PKTOPTIONS: i32 = 6;
const PADDING: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
const UNKNOWN: &[u8] = &[0, 0, 0x1e, 4, 1, 2, 3, 4];

/// A cmsg(3).
fn control(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let len = 16 + data.len();
    let mut bytes = [&len.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data].concat();
    bytes.resize(len.next_multiple_of(8), 0);
    bytes
}

/// What a socket of each kind says when its extension headers, which it had, are set by control messages, and what it has then.
fn set_by_messages(r: &mut Report, what: &str, value: &[u8]) {
    for (kind, shape) in [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM)] {
        let fd = must("socket", sys::socket(AF_INET6, shape, 0));
        for name in [libc::IPV6_HOPOPTS, libc::IPV6_DSTOPTS] {
            must("a header", sys::set_option_bytes(fd, IPPROTO_IPV6, name, PADDING));
        }
        r.see(&format!("{kind}, {what}"), sys::set_option_bytes(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, value));
        for name in [libc::IPV6_HOPOPTS, libc::IPV6_RTHDRDSTOPTS, libc::IPV6_RTHDR, libc::IPV6_DSTOPTS] {
            let then = sys::get_option_bytes(fd, IPPROTO_IPV6, name, 64).map(|bytes| hex(&bytes));
            r.see(&format!("{kind}, {what}, {name} then"), then);
        }
    }
}

/// What goes out then, and what does not.
fn set(r: &mut Report) {
    let of_ip6 = |kind: i32, data: &[u8]| control(IPPROTO_IPV6, kind, data);
    let (hops, both) = (of_ip6(libc::IPV6_HOPOPTS, UNKNOWN), of_ip6(libc::IPV6_DSTOPTS, UNKNOWN));
    let both = [hops.clone(), both].concat();
    let routing = |kind: u8| of_ip6(libc::IPV6_RTHDR, &[&[0, 2, kind, 1][..], &[0; 20]].concat());
    for (what, value) in [
        ("nothing", Vec::new()),
        ("hop-by-hop", hops.clone()),
        ("hop-by-hop, as of RFC 2292", of_ip6(3, UNKNOWN)),
        ("hop-by-hop, twice", hops.repeat(2)),
        ("hop-by-hop, short", of_ip6(libc::IPV6_HOPOPTS, &UNKNOWN[..4])),
        ("destination, as of RFC 2292", of_ip6(4, UNKNOWN)),
        ("destination, twice", of_ip6(libc::IPV6_DSTOPTS, PADDING).repeat(2)),
        ("before a routing header", of_ip6(libc::IPV6_RTHDRDSTOPTS, UNKNOWN)),
        ("hop-by-hop and destination", both.clone()),
        ("routing, type 0", routing(0)),
        ("routing, type 4", routing(4)),
        ("hop limit", of_ip6(libc::IPV6_HOPLIMIT, &7i32.to_ne_bytes())),
        ("hop limit, none", of_ip6(libc::IPV6_HOPLIMIT, &700i32.to_ne_bytes())),
        ("class", of_ip6(libc::IPV6_TCLASS, &7i32.to_ne_bytes())),
        ("flow", of_ip6(libc::IPV6_FLOWINFO, &7i32.to_be_bytes())),
        ("nobody's", of_ip6(99, &[0; 4])),
    ] {
        set_by_messages(r, what, &value);
    }
    let ear = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    must("bind", sys::bind_bytes(ear, &here6(0)));
    let to = must("name", sys::getsockname_bytes(ear));
    for name in [libc::IPV6_RECVHOPOPTS, libc::IPV6_RECVDSTOPTS, libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVTCLASS] {
        must("told", sys::set_option(ear, IPPROTO_IPV6, name, 1));
    }
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    let more = [both, of_ip6(libc::IPV6_HOPLIMIT, &7i32.to_ne_bytes())].concat();
    for value in [&more[..], &[]] {
        must("set", sys::set_option_bytes(fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, value));
        r.see("sent", sys::sendto_bytes(fd, b"text", 0, &to));
        settle(ear, libc::POLLIN);
        let got = must("receive", sys::recvmsg(ear, &[8], MSG_DONTWAIT, 256));
        for ((level, kind, _), data) in got.control.iter().zip(&got.control_data) {
            r.see("told", format!("{level} {kind} {}", hex(data)));
        }
    }
}

/// What else such a value may hold, and how long it may be.
fn refused(r: &mut Report) {
    let packet_info = |addr: &str, index: u32| {
        let addr: std::net::Ipv6Addr = addr.parse().expect("an address");
        control(IPPROTO_IPV6, libc::IPV6_PKTINFO, &[&addr.octets()[..], &index.to_ne_bytes()].concat())
    };
    for (addr, index) in [
        ("::", 0),
        ("::", 1),
        ("::", 99),
        ("::1", 0),
        ("::1", 1),
        ("fd00::5", 0),
        ("fd00::5", 1),
        ("fd00::5", 99),
        ("::ffff:127.0.0.1", 0),
        ("fe80::5", 0),
        ("fe80::5", 1),
        ("ff02::5", 1),
    ] {
        set_by_messages(r, &format!("{addr} on {index}"), &packet_info(addr, index));
    }
    let word = 7i32.to_ne_bytes();
    for (what, level, kind, data) in [
        ("IP_TTL", IPPROTO_IP, libc::IP_TTL, &word[..]),
        ("nobody's of IP", IPPROTO_IP, 99, &word),
        ("a segment's size", libc::IPPROTO_UDP, libc::UDP_SEGMENT, &word),
        ("nobody's of UDP", libc::IPPROTO_UDP, 99, &word),
        ("SO_MARK", libc::SOL_SOCKET, libc::SO_MARK, &word),
        ("SO_MARK, short", libc::SOL_SOCKET, libc::SO_MARK, &word[..3]),
        ("SCM_RIGHTS", libc::SOL_SOCKET, libc::SCM_RIGHTS, &word),
        ("nobody's of the socket", libc::SOL_SOCKET, 99, &word),
        ("nobody's level", 77, 1, &word),
    ] {
        set_by_messages(r, what, &control(level, kind, data));
        if level == libc::SOL_SOCKET {
            let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
            must("connect", sys::connect_bytes(fd, &here6(9)));
            r.see(&format!("sent with {what}"), sys::sendmsg_with(fd, b"text", 0, (level, kind, data)));
        }
    }
    for len in [0, 1, 4, 8, 15, 16, 17, 24, 64] {
        set_by_messages(r, &format!("{len} bytes of 0"), &vec![0; len]);
    }
    for len in [1 << 14, (1 << 14) + 1, 1 << 16, (1 << 16) + 1, 1 << 20] {
        set_by_messages(r, &format!("one of {len} bytes"), &control(77, 1, &vec![0; len - 16]));
    }
}
