//! UDP-Lite (RFC 3828, udplite(7)): ports of its own, and checksums that cover only part of a datagram.

use libc::{
    AF_INET, AF_INET6, IPPROTO_UDP, IPPROTO_UDPLITE, MSG_DONTWAIT, SO_DOMAIN, SO_PROTOCOL, SO_TYPE, SOCK_DGRAM,
    SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Case;
use crate::net::{bound_udp, must, udp};
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("udplite.socket", socket),
    ("udplite.coverage", coverage),
    ("udplite.exchange", exchange),
    ("udplite.ports_are_its_own", ports_are_its_own),
    ("udplite.sent", sent),
    ("udplite.received", received),
    ("udplite.nobody", nobody),
    ("udplite.pieces", pieces),
    ("udplite.not_cut", not_cut),
    ("udplite.not_joined", not_joined),
];

const SEND: i32 = 10;
const RECEIVE: i32 = 11;
const FROM: u16 = 4001;
const TO: u16 = 4002;

fn at(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}

fn lite(port: u16) -> Fd {
    let fd = must("socket", sys::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
    must("bind", sys::bind(fd, at(port)));
    fd
}

fn socket(r: &mut Report) {
    for family in [AF_INET, AF_INET6] {
        for kind in [SOCK_DGRAM, SOCK_STREAM] {
            r.see(
                &format!("family {family}, kind {kind}"),
                sys::socket(family, kind, IPPROTO_UDPLITE).map(|_| "a descriptor"),
            );
        }
        let fd = must("socket", sys::socket(family, SOCK_DGRAM, IPPROTO_UDPLITE));
        for name in [SO_DOMAIN, SO_TYPE, SO_PROTOCOL] {
            r.see(&format!("option {name}"), sys::get_option(fd, SOL_SOCKET, name));
        }
    }
}

fn coverage(r: &mut Report) {
    for level in [IPPROTO_UDPLITE, IPPROTO_UDP] {
        for name in [SEND, RECEIVE] {
            for value in [0, 1, 7, 8, 9, 20, 65_535, 65_536, -1, i32::MIN] {
                let fd = must("socket", sys::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
                r.see("default", sys::get_option(fd, level, name));
                r.see(&format!("{level} {name} := {value}"), sys::set_option(fd, level, name, value));
                r.see("get", sys::get_option(fd, level, name));
            }
            r.see("short", sys::set_option_bytes(lite(0), level, name, &[9, 0, 0]));
            r.see("of UDP", sys::set_option(udp(), level, name, 8));
            r.see("get of UDP", sys::get_option(udp(), level, name));
        }
    }
}

fn exchange(r: &mut Report) {
    let (a, b) = (lite(FROM), lite(TO));
    for send in [-2, 0, 8, 12, 100] {
        if send >= 0 {
            must("coverage", sys::set_option(a, IPPROTO_UDPLITE, SEND, send));
        }
        r.see(&format!("sendto, covered {send}"), sys::sendto(a, b"some text", 0, at(TO)));
        r.see("recv", sys::recvfrom(b, 32, MSG_DONTWAIT).map(|(bytes, from)| format!("{bytes:?} of {}", from.port())));
        r.see("connect", sys::connect(a, at(TO)));
        r.see("empty", sys::send(a, b"", 0));
        r.see("recv", sys::recv(b, 32, MSG_DONTWAIT));
    }
    for least in [0, 8, 12, 13, 14, 100] {
        must("least", sys::set_option(b, IPPROTO_UDPLITE, RECEIVE, least));
        for send in [0, 8, 13, 100] {
            must("coverage", sys::set_option(a, IPPROTO_UDPLITE, SEND, send));
            must("send", sys::send(a, b"some text", 0));
            r.see(&format!("of {least} at least, {send}"), sys::recv(b, 32, MSG_DONTWAIT));
        }
    }
}

fn ports_are_its_own(r: &mut Report) {
    let (plain, name) = bound_udp();
    let fd = must("socket", sys::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
    r.see("bind to UDP's port", sys::bind(fd, name));
    let again = must("socket", sys::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE));
    r.see("bind to its own", sys::bind(again, name));
    must("sendto", sys::sendto(again, b"lite", 0, name));
    must("sendto", sys::sendto(udp(), b"plain", 0, name));
    r.see("UDP hears", sys::recv(plain, 16, MSG_DONTWAIT));
    r.see("and no more", sys::recv(plain, 16, MSG_DONTWAIT));
    r.see("UDP-Lite hears", sys::recv(fd, 16, MSG_DONTWAIT));
    r.see("and no more", sys::recv(fd, 16, MSG_DONTWAIT));
}

/// The header of what is sent: ports, coverage, checksum.
fn sent(r: &mut Report) {
    let raw = must("raw", sys::socket(AF_INET, SOCK_RAW, IPPROTO_UDPLITE));
    let (a, _b) = (lite(FROM), lite(TO));
    let mut see = |what: String| {
        for text in [&b""[..], b"x", b"even", b"some odd text"] {
            must("sendto", sys::sendto(a, text, 0, at(TO)));
            let bytes = must("recv", sys::recv(raw, 128, MSG_DONTWAIT));
            r.see(&what, format!("{:?}", &bytes[20..28]));
        }
    };
    see("default".to_owned());
    for value in [0, 8, 9, 10, 12, 200] {
        must("coverage", sys::set_option(a, IPPROTO_UDPLITE, SEND, value));
        see(format!("covered {value}"));
    }
}

/// A datagram with a coverage and the checksum of so many bytes.
fn made(coverage: u16, summed: usize, text: &[u8]) -> Vec<u8> {
    let len = 8 + text.len() as u16;
    let words = [FROM, TO, coverage, 0];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).chain(text.iter().copied()).collect();
    let pseudo = [&[127, 0, 0, 1, 127, 0, 0, 1, 0, 136][..], &len.to_be_bytes()].concat();
    let covered = &bytes[..summed];
    let mut sum: u32 = 0;
    for part in [&pseudo[..], covered] {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[6..8].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    bytes
}

fn received(r: &mut Report) {
    let raw = must("raw", sys::socket(AF_INET, SOCK_RAW, IPPROTO_UDPLITE));
    for least in [-1, 0, 8, 12] {
        let b = lite(TO);
        if least >= 0 {
            must("least", sys::set_option(b, IPPROTO_UDPLITE, RECEIVE, least));
        }
        for (what, coverage, summed, damaged) in [
            ("all", 0, 17, None),
            ("all, by its length", 17, 17, None),
            ("the header", 8, 8, None),
            ("some of the text", 12, 12, None),
            ("damage that is not covered", 12, 12, Some(13)),
            ("damage that is covered", 12, 12, Some(11)),
            ("damage of all", 0, 17, Some(16)),
            ("less than the header", 7, 7, None),
            ("more than there is", 18, 17, None),
        ] {
            let mut bytes = made(coverage, summed, b"some text");
            if let Some(at) = damaged {
                bytes[at] ^= 0x20;
            }
            must("sendto", sys::sendto(raw, &bytes, 0, at(0)));
            r.see(&format!("{least}: {what}"), sys::recv(b, 32, MSG_DONTWAIT));
        }
        let mut bytes = made(8, 8, b"some text");
        bytes[6..8].fill(0);
        must("sendto", sys::sendto(raw, &bytes, 0, at(0)));
        r.see(&format!("{least}: no checksum"), sys::recv(b, 32, MSG_DONTWAIT));
        must("close", sys::close(b));
    }
}

fn nobody(r: &mut Report) {
    let fd = lite(FROM);
    // Who has UDP's port does not count.
    must("bind", sys::bind(udp(), at(TO)));
    r.see("connect", sys::connect(fd, at(TO)));
    r.see("send", sys::send(fd, b"x", 0));
    r.see("refused", sys::send(fd, b"x", 0));
    r.see("poll", sys::poll(&[(fd, libc::POLLIN | libc::POLLOUT)], 100));
}

fn pieces(r: &mut Report) {
    let (a, b) = (lite(FROM), lite(TO));
    must("coverage", sys::set_option(a, IPPROTO_UDPLITE, SEND, 10));
    must("connect", sys::connect(a, at(TO)));
    r.see("a piece", sys::send(a, b"one, ", libc::MSG_MORE));
    r.see("the last", sys::send(a, b"two", 0));
    r.see("recv", sys::recv(b, 32, MSG_DONTWAIT));
    let long: Vec<u8> = (0..60_000u32).map(|n| n as u8).collect();
    r.see("long", sys::send(a, &long, 0));
    r.see("all of it", sys::recv(b, 65_536, MSG_DONTWAIT).map(|bytes| bytes == long));
}

/// UDP_SEGMENT is kept, and no datagram is sent with it.
fn not_cut(r: &mut Report) {
    let (a, b) = (lite(FROM), lite(TO));
    must("connect", sys::connect(a, at(TO)));
    r.see("set", sys::set_option(a, IPPROTO_UDP, libc::UDP_SEGMENT, 10));
    r.see("get", sys::get_option(a, IPPROTO_UDP, libc::UDP_SEGMENT));
    for len in [0, 5, 10, 25, 1290] {
        r.see(&format!("send {len}"), sys::send(a, &vec![7; len], 0));
    }
    r.see("nothing came", sys::recv(b, 32, MSG_DONTWAIT));
    must("set", sys::set_option(a, IPPROTO_UDP, libc::UDP_SEGMENT, 0));
    r.see("without it", sys::send(a, b"whole", 0));
    r.see("recv", sys::recv(b, 32, 0));
}

fn not_joined(r: &mut Report) {
    let (a, b) = (lite(FROM), lite(TO));
    must("connect", sys::connect(a, at(TO)));
    r.see("UDP_GRO", sys::set_option(b, IPPROTO_UDP, libc::UDP_GRO, 1));
    r.see("get", sys::get_option(b, IPPROTO_UDP, libc::UDP_GRO));
    for _ in 0..3 {
        must("send", sys::send(a, b"alike", 0));
    }
    for _ in 0..4 {
        r.see("recv", sys::recv(b, 64, MSG_DONTWAIT));
    }
}
