//! What ip(7) and ipv6(7) are to streams: what ICMP says of a connection, options behind the IP header, what came with a SYN.

use std::time::Duration;

use libc::{AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP};
use libc::{MSG_DONTWAIT, MSG_ERRQUEUE, POLLERR, POLLIN, POLLOUT, SO_ERROR, SOCK_RAW, SOCK_STREAM, SOL_SOCKET};

use crate::Case;
use crate::net::{here, here6, must, nonblocking, settle, within};
use crate::report::{Report, hex};
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("streamip.errors_of_connect", errors_of_connect),
    ("streamip.errors_of_connect6", errors_of_connect6),
    ("streamip.errors_while_open", errors_while_open),
    ("streamip.errors_while_open6", errors_while_open6),
    ("streamip.extensions_of_errors", extensions_of_errors),
    ("streamip.extensions_of_errors6", extensions_of_errors6),
    ("streamip.options", options),
    ("streamip.options_of_listener", options_of_listener),
    ("streamip.options_of_mapped", options_of_mapped),
    ("streamip.extensions", extensions),
    ("streamip.extensions_of_listener", extensions_of_listener),
    ("streamip.packet_options", packet_options),
    ("streamip.packet_options6", packet_options6),
];

/// Type and code of messages of ICMP, with a word that means something to some.
const MESSAGES: &[(u8, u8, u32)] = &[
    (3, 0, 0),
    (3, 1, 0),
    (3, 2, 0),
    (3, 3, 7),
    (3, 5, 0),
    (3, 6, 0),
    (3, 7, 0),
    (3, 8, 0),
    (3, 9, 0),
    (3, 10, 0),
    (3, 11, 0),
    (3, 12, 0),
    (3, 13, 0),
    (3, 14, 0),
    (3, 15, 0),
    (3, 16, 0),
    (4, 0, 0),
    (11, 0, 9),
    (11, 1, 0),
    (12, 0, 0x1122_3344),
];

/// The same of ICMPv6.
const MESSAGES6: &[(u8, u8, u32)] = &[
    (1, 0, 0),
    (1, 1, 0),
    (1, 2, 0),
    (1, 3, 0),
    (1, 4, 7),
    (1, 5, 0),
    (1, 6, 0),
    (1, 7, 0),
    (3, 0, 9),
    (3, 1, 0),
    (4, 0, 6),
    (4, 1, 0x1122_3344),
];

/// The family that a case is of.
#[derive(Clone, Copy)]
struct Family {
    domain: i32,
    icmp: i32,
    /// IP_RECVERR, IPV6_RECVERR.
    asks: (i32, i32),
    messages: &'static [(u8, u8, u32)],
}

const V4: Family =
    Family { domain: AF_INET, icmp: IPPROTO_ICMP, asks: (IPPROTO_IP, libc::IP_RECVERR), messages: MESSAGES };
const V6: Family =
    Family { domain: AF_INET6, icmp: IPPROTO_ICMPV6, asks: (IPPROTO_IPV6, libc::IPV6_RECVERR), messages: MESSAGES6 };

impl Family {
    fn here(self, port: u16) -> Vec<u8> {
        if self.domain == AF_INET6 {
            return here6(port);
        }
        [&(AF_INET as u16).to_ne_bytes()[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat()
    }

    fn tcp(self) -> Fd {
        must("socket", sys::socket(self.domain, SOCK_STREAM, 0))
    }

    fn listener(self, backlog: i32) -> (Fd, Vec<u8>) {
        let fd = self.tcp();
        must("bind", sys::bind_bytes(fd, &self.here(0)));
        must("listen", sys::listen(fd, backlog));
        (fd, self.here(port(fd)))
    }
}

fn port(fd: Fd) -> u16 {
    let name = must("getsockname", sys::getsockname_bytes(fd));
    u16::from_be_bytes([name[2], name[3]])
}

/// Sees the segments that go by and says of them what a router would.
struct Router {
    family: Family,
    segments: Fd,
    icmp: Fd,
}

impl Router {
    fn new(family: Family) -> Router {
        let raw = |protocol| must("raw socket", sys::socket(family.domain, SOCK_RAW, protocol));
        Router { family, segments: raw(IPPROTO_TCP), icmp: raw(family.icmp) }
    }

    /// The last segment from this port, of at least so many bytes of text, from its TCP header on.
    fn segment(&self, from: u16, text: usize) -> Vec<u8> {
        let look = || {
            let mut found = None;
            while let Ok(packet) = sys::recv(self.segments, 4096, MSG_DONTWAIT) {
                let at = if self.family.domain == AF_INET { usize::from(packet[0] & 15) * 4 } else { 0 };
                let segment = &packet[at..];
                let is_it = segment[..2] == from.to_be_bytes() && segment.len() - data_at(segment) >= text;
                found = if is_it { Some(segment.to_vec()) } else { found };
            }
            found
        };
        within(Duration::from_secs(3), look).expect("a segment")
    }

    /// Says `message` of the segment, of which eight bytes are quoted.
    fn says(&self, message: (u8, u8, u32), segment: &[u8]) {
        self.adds(message, segment, &[]);
    }

    /// The same with what follows behind 128 bytes of quoted packet.
    fn adds(&self, (kind, code, rest): (u8, u8, u32), segment: &[u8], added: &[u8]) {
        let v4 = self.family.domain == AF_INET;
        let quoted = match v4 {
            true => {
                let fixed = [0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0];
                [&fixed[..], &[127, 0, 0, 1, 127, 0, 0, 1], &segment[..8]].concat()
            }
            false => {
                let one = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
                [&[0x60, 0, 0, 0, 0, segment.len() as u8, 6, 64][..], &one, &one, &segment[..8]].concat()
            }
        };
        let mut quoted = quoted;
        if !added.is_empty() {
            quoted.resize(128, 7);
        }
        let mut message = [&[kind, code, 0, 0][..], &rest.to_be_bytes(), &quoted, added].concat();
        if v4 {
            let sum: u32 = message.as_chunks().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
            let sum = (sum & 0xffff) + (sum >> 16);
            message[2..4].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
            must("sendto", sys::sendto(self.icmp, &message, 0, here(0)));
        } else {
            must("sendto", sys::sendto_bytes(self.icmp, &message, 0, &here6(0)));
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        for fd in [self.segments, self.icmp] {
            let _ = sys::close(fd);
        }
    }
}

fn data_at(segment: &[u8]) -> usize {
    usize::from(segment[12] >> 4) * 4
}

fn close_all(descriptors: &[Fd]) {
    for fd in descriptors {
        must("close", sys::close(*fd));
    }
}

/// All that the error queue holds, what it quotes of sequence numbers left out.
fn queued(r: &mut Report, what: &str, fd: Fd) {
    loop {
        match sys::recvmsg(fd, &[256], MSG_ERRQUEUE, 256) {
            Err(errno) => return r.see(&format!("{what}, queue"), errno.to_string()),
            Ok(got) => {
                r.see(&format!("{what}, queue"), format!("{} {:#x}", got.returned, got.flags));
                for ((level, kind, _), data) in got.control.iter().zip(&got.control_data) {
                    r.see(&format!("{what}, queued"), format!("{level} {kind} {}", hex(data)));
                }
            }
        }
    }
}

fn looks(r: &mut Report, what: &str, fd: Fd) {
    r.see(&format!("{what}, poll"), sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    r.see(&format!("{what}, SO_ERROR"), sys::get_option(fd, SOL_SOCKET, SO_ERROR));
}

fn errors_of_connect(r: &mut Report) {
    connecting(r, V4);
}

fn errors_of_connect6(r: &mut Report) {
    connecting(r, V6);
}

/// Somebody whose SYN is not answered, since the listener's queue is full.
fn connecting(r: &mut Report, family: Family) {
    for asks in [0, 1] {
        for &message in family.messages {
            let what = format!("asks {asks}: {} {}", message.0, message.1);
            let (ear, at) = family.listener(0);
            let first = family.tcp();
            must("connect", sys::connect_bytes(first, &at));
            settle(ear, POLLIN);
            let router = Router::new(family);
            let fd = family.tcp();
            nonblocking(fd);
            must("IP_RECVERR", sys::set_option(fd, family.asks.0, family.asks.1, asks));
            r.see("connect", sys::connect_bytes(fd, &at));
            router.says(message, &router.segment(port(fd), 0));
            within(Duration::from_millis(50), || sys::poll(&[(fd, POLLERR)], 0).ok().filter(|(n, _)| *n > 0));
            looks(r, &what, fd);
            queued(r, &what, fd);
            looks(r, &format!("{what}, then"), fd);
            close_all(&[fd, first, ear]);
        }
    }
}

/// A header of RFC 4884, without its checksum, and one object.
const ADDED: [u8; 12] = [0x20, 0, 0, 0, 0, 8, 1, 1, 1, 2, 3, 4];

fn extensions_of_errors(r: &mut Report) {
    for name in [libc::IP_RECVERR, 26] {
        for value in [0, 1, 2, -1] {
            let fd = V4.tcp();
            r.see("set", sys::set_option(fd, IPPROTO_IP, name, value));
            r.see("get", sys::get_option(fd, IPPROTO_IP, name));
        }
    }
    added(
        r,
        V4,
        (IPPROTO_IP, 26),
        &[(3, 1, 32 << 16), (3, 1, 31 << 16), (3, 1, 34 << 16), (11, 0, 32 << 16), (12, 0, 32 << 16)],
    );
}

fn extensions_of_errors6(r: &mut Report) {
    added(r, V6, (IPPROTO_IPV6, 31), &[(1, 3, 16 << 24), (1, 3, 15 << 24), (3, 0, 16 << 24), (4, 0, 16 << 24)]);
}

/// Of an attempt to connect, and of a datagram.
fn added(r: &mut Report, family: Family, option: (i32, i32), messages: &[(u8, u8, u32)]) {
    let wrong_sum = [&[0x20, 0, 1, 1], &ADDED[4..]].concat();
    let cases = [("whole", &ADDED[..]), ("cut", &ADDED[..10]), ("wrong sum", &wrong_sum[..]), ("short", &ADDED[..3])];
    for (asks, (added, bytes)) in cases.iter().flat_map(|case| [(0, case), (1, case)]) {
        for &message in messages {
            let what = format!("asks {asks}, {added}: {} {:x}", message.0, message.2);
            let router = Router::new(family);
            let (ear, at) = family.listener(0);
            let first = family.tcp();
            must("connect", sys::connect_bytes(first, &at));
            settle(ear, POLLIN);
            let fd = family.tcp();
            nonblocking(fd);
            must("IP_RECVERR", sys::set_option(fd, family.asks.0, family.asks.1, 1));
            must("set", sys::set_option(fd, option.0, option.1, asks));
            let _ = sys::connect_bytes(fd, &at);
            router.adds(message, &router.segment(port(fd), 0), bytes);
            settle(fd, POLLERR);
            queued(r, &what, fd);
            close_all(&[fd, first, ear]);
        }
    }
}

fn errors_while_open(r: &mut Report) {
    open(r, V4);
}

fn errors_while_open6(r: &mut Report) {
    open(r, V6);
}

/// Somebody whose text is not acknowledged, since the peer's filter drops it.
fn open(r: &mut Report, family: Family) {
    const NOTHING: [u8; 8] = [6, 0, 0, 0, 0, 0, 0, 0];
    for asks in [0, 1] {
        for &message in family.messages {
            let what = format!("asks {asks}: {} {}", message.0, message.1);
            let (ear, at) = family.listener(1);
            let fd = family.tcp();
            must("connect", sys::connect_bytes(fd, &at));
            settle(ear, POLLIN);
            let (peer, _) = must("accept", sys::accept(ear));
            must("filter", sys::attach(peer, &NOTHING, 1));
            must("IP_RECVERR", sys::set_option(fd, family.asks.0, family.asks.1, asks));
            let router = Router::new(family);
            must("send", sys::send(fd, b"text", 0));
            router.says(message, &router.segment(port(fd), 1));
            within(Duration::from_millis(50), || sys::poll(&[(fd, POLLERR)], 0).ok().filter(|(n, _)| *n > 0));
            if message.1 % 2 == 0 {
                looks(r, &what, fd);
            }
            r.see(&format!("{what}, recv"), sys::recv(fd, 4, MSG_DONTWAIT));
            queued(r, &what, fd);
            looks(r, &format!("{what}, then"), fd);
            r.see(&format!("{what}, send"), sys::send(fd, b"more", 0));
            close_all(&[fd, peer, ear]);
        }
    }
}

const RECORD_ROUTE: &[u8] = &[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0];
const FULL_ROUTE: &[u8] = &[7, 7, 8, 1, 2, 3, 4];

/// What a program may set, and what of it a SYN's answer repeats.
const OPTIONS: &[&[u8]] = &[
    &[],
    RECORD_ROUTE,
    FULL_ROUTE,
    &[1, 1, 7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[148, 4, 0, 0],
    &[1, 1],
    &[130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    &[136, 4, 1, 2],
    &[1; 40],
    &[7],
];

fn ip_options(fd: Fd) -> String {
    must("IP_OPTIONS", sys::get_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, 64).map(|options| hex(&options)))
}

/// IP headers behind their first twenty bytes, of what goes by until there is a segment with this much text.
fn options_on_the_wire(r: &mut Report, what: &str, segments: Fd, from: u16, text: usize) {
    let look = || {
        let packet = sys::recv(segments, 4096, MSG_DONTWAIT).ok()?;
        let (options, segment) = packet[20..].split_at(usize::from(packet[0] & 15) * 4 - 20);
        let found = segment[..2] == from.to_be_bytes() && segment.len() - data_at(segment) == text;
        found.then(|| hex(options))
    };
    r.see(&format!("{what}, behind the header"), within(Duration::from_secs(3), look).unwrap_or_default());
}

fn options(r: &mut Report) {
    let segments = must("raw socket", sys::socket(AF_INET, SOCK_RAW, IPPROTO_TCP));
    for options in OPTIONS {
        let what = hex(options);
        let (ear, at) = V4.listener(1);
        let fd = V4.tcp();
        let set = sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, options);
        r.see(&format!("{what}, set"), set);
        r.see(&format!("{what}, get"), ip_options(fd));
        must("connect", sys::connect_bytes(fd, &at));
        options_on_the_wire(r, &format!("{what}, SYN"), segments, port(fd), 0);
        options_on_the_wire(r, &format!("{what}, SYN-ACK"), segments, port(ear), 0);
        settle(ear, POLLIN);
        let (child, _) = must("accept", sys::accept(ear));
        for (who, fd) in [("client", fd), ("child", child), ("listener", ear)] {
            r.see(&format!("{what}, {who}"), ip_options(fd));
        }
        for (who, from, to) in [("client", fd, child), ("child", child, fd)] {
            must("send", sys::send(from, b"some text", 0));
            options_on_the_wire(r, &format!("{what}, {who}"), segments, port(from), 9);
            r.see(&format!("{what}, {who}, recv"), sys::recv(to, 32, 0).map(|text| text.len()));
        }
        for change in [&[1; 8][..], &[], RECORD_ROUTE, &[7, 2]] {
            let what = format!("{what}, then {}", hex(change));
            r.see(&what, sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, change));
            r.see(&format!("{what}, get"), ip_options(fd));
            must("send", sys::send(fd, b"text", 0));
            options_on_the_wire(r, &what, segments, port(fd), 4);
        }
        let long = crate::net::pattern(100_000);
        r.see(&format!("{what}, much"), sys::send(fd, &long, 0));
        let mut got = Vec::new();
        while got.len() < long.len() + 16 {
            got.extend(must("recv", sys::recv(child, 65536, 0)));
        }
        r.see(&format!("{what}, whole"), got[16..] == long);
        close_all(&[fd, child, ear]);
    }
}

fn options_of_listener(r: &mut Report) {
    for options in [RECORD_ROUTE, &[]] {
        let (ear, at) = V4.listener(1);
        must("set", sys::set_option_bytes(ear, IPPROTO_IP, libc::IP_OPTIONS, RECORD_ROUTE));
        let fd = V4.tcp();
        must("set", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, options));
        must("connect", sys::connect_bytes(fd, &at));
        settle(ear, POLLIN);
        let (child, _) = must("accept", sys::accept(ear));
        r.see("child", ip_options(child));
        r.see("listener", ip_options(ear));
        close_all(&[fd, child, ear]);
    }
}

/// A socket of IPv6 that speaks IPv4.
fn options_of_mapped(r: &mut Report) {
    let (ear, at) = V4.listener(1);
    let fd = V6.tcp();
    r.see("set", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_OPTIONS, RECORD_ROUTE));
    r.see("get", ip_options(fd));
    must("connect", sys::connect_bytes(fd, &crate::net::here_mapped(u16::from_be_bytes([at[2], at[3]]))));
    settle(ear, POLLIN);
    let (child, _) = must("accept", sys::accept(ear));
    r.see("child", ip_options(child));
    close_all(&[fd, child, ear]);
}

const ALERT: &[u8] = &[0, 0, 5, 2, 0, 0, 1, 0];
const PADDING: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
const STICKY: [(&str, i32); 4] = [
    ("IPV6_HOPOPTS", libc::IPV6_HOPOPTS),
    ("IPV6_RTHDRDSTOPTS", libc::IPV6_RTHDRDSTOPTS),
    ("IPV6_RTHDR", libc::IPV6_RTHDR),
    ("IPV6_DSTOPTS", libc::IPV6_DSTOPTS),
];

fn sticky(r: &mut Report, what: &str, fd: Fd) {
    for (name, option) in STICKY {
        let got = sys::get_option_bytes(fd, IPPROTO_IPV6, option, 64).map(|header| hex(&header));
        r.see(&format!("{what}, {name}"), got);
    }
}

fn extensions(r: &mut Report) {
    for (name, option, header) in [
        ("none", libc::IPV6_DSTOPTS, &[][..]),
        ("IPV6_HOPOPTS", libc::IPV6_HOPOPTS, ALERT),
        ("IPV6_DSTOPTS", libc::IPV6_DSTOPTS, PADDING),
        ("IPV6_DSTOPTS, short", libc::IPV6_DSTOPTS, &PADDING[..4]),
    ] {
        let (ear, at) = V6.listener(1);
        let fd = V6.tcp();
        r.see(&format!("{name}, set"), sys::set_option_bytes(fd, IPPROTO_IPV6, option, header));
        must("connect", sys::connect_bytes(fd, &at));
        settle(ear, POLLIN);
        let (child, _) = must("accept", sys::accept(ear));
        sticky(r, &format!("{name}, client"), fd);
        sticky(r, &format!("{name}, child"), child);
        r.see(&format!("{name}, another"), sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_HOPOPTS, PADDING));
        sticky(r, &format!("{name}, then"), fd);
        let long = crate::net::pattern(100_000);
        r.see(&format!("{name}, much"), sys::send(fd, &long, 0));
        let mut got = Vec::new();
        while got.len() < long.len() {
            got.extend(must("recv", sys::recv(child, 65536, 0)));
        }
        r.see(&format!("{name}, whole"), got == long);
        close_all(&[fd, child, ear]);
    }
}

fn extensions_of_listener(r: &mut Report) {
    let (ear, at) = V6.listener(4);
    must("set", sys::set_option_bytes(ear, IPPROTO_IPV6, libc::IPV6_HOPOPTS, ALERT));
    must("set", sys::set_option_bytes(ear, IPPROTO_IPV6, libc::IPV6_DSTOPTS, PADDING));
    let fd = V6.tcp();
    must("connect", sys::connect_bytes(fd, &at));
    settle(ear, POLLIN);
    let (child, _) = must("accept", sys::accept(ear));
    sticky(r, "child", child);
    sticky(r, "client", fd);
    must("send", sys::send(child, b"text", 0));
    r.see("recv", sys::recv(fd, 16, 0));
    close_all(&[fd, child, ear]);
}

// linux/in.h and linux/in6.h; the libc crate does not have them.
const IP_PKTOPTIONS: i32 = 9;
const IPV6_2292PKTINFO: i32 = 2;
const IPV6_2292PKTOPTIONS: i32 = 6;
const IPV6_2292HOPLIMIT: i32 = 8;
const IPV6_AUTOFLOWLABEL: i32 = 70;

fn packet_options(r: &mut Report) {
    let asks = [libc::IP_PKTINFO, libc::IP_RECVTTL, libc::IP_RECVTOS];
    carried(r, V4, (IPPROTO_IP, IP_PKTOPTIONS), &asks, [libc::IP_TOS, libc::IP_TTL]);
    let six = V6.tcp();
    for option in asks {
        must("set", sys::set_option(six, IPPROTO_IP, option, 1));
    }
    r.see("of IPv6", sys::get_option_bytes(six, IPPROTO_IP, IP_PKTOPTIONS, 256).map(|told| hex(&told)));
}

fn packet_options6(r: &mut Report) {
    let asks = [
        libc::IPV6_RECVPKTINFO,
        libc::IPV6_RECVHOPLIMIT,
        libc::IPV6_RECVTCLASS,
        IPV6_2292PKTINFO,
        IPV6_2292HOPLIMIT,
        libc::IPV6_FLOWINFO,
    ];
    carried(r, V6, (IPPROTO_IPV6, IPV6_2292PKTOPTIONS), &asks, [libc::IPV6_TCLASS, libc::IPV6_UNICAST_HOPS]);
}

/// What is told of the packets that brought a connection, before, in it, and after more have come.
fn carried(r: &mut Report, family: Family, (level, name): (i32, i32), asks: &[i32], said: [i32; 2]) {
    let mut told = |what: &str, fd| {
        for room in [256, 80, 40, 33, 32, 20, 16, 15, 4, 0] {
            let got = sys::get_option_bytes(fd, level, name, room).map(|told| hex(&told));
            r.see(&format!("{what}, room for {room}"), got);
        }
    };
    let ask = |fd, on| asks.iter().for_each(|option| must("set", sys::set_option(fd, level, *option, on)));
    let say = |fd, class, hops| {
        must("set", sys::set_option(fd, level, said[0], class));
        must("set", sys::set_option(fd, level, said[1], hops));
    };
    let (ear, at) = family.listener(1);
    let fd = family.tcp();
    told("fresh", fd);
    for fd in [fd, ear] {
        ask(fd, 1);
        if family.domain == AF_INET6 {
            must("set", sys::set_option(fd, level, IPV6_AUTOFLOWLABEL, 0));
        }
    }
    told("fresh, asks", fd);
    told("listener", ear);
    say(fd, 0x10, 33);
    must("connect", sys::connect_bytes(fd, &at));
    settle(ear, POLLIN);
    let (child, _) = must("accept", sys::accept(ear));
    told("child", child);
    told("client", fd);
    say(fd, 0x20, 44);
    must("send", sys::send(fd, b"text", 0));
    settle(child, POLLIN);
    told("child, then", child);
    must("send", sys::send(child, b"text", 0));
    settle(fd, POLLIN);
    told("client, then", fd);
    ask(child, 0);
    told("asks no more", child);
    must("set", sys::set_option(child, level, asks[1], 1));
    told("asks one", child);
    close_all(&[fd, child, ear]);
}
