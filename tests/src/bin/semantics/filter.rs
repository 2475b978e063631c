//! Classic BPF filters of sockets: SO_ATTACH_FILTER and its kin.

use libc::{
    AF_INET, AF_PACKET, IPPROTO_UDP, MSG_DONTWAIT, MSG_TRUNC, POLLIN, SO_ATTACH_FILTER, SO_DETACH_FILTER,
    SO_LOCK_FILTER, SOCK_DGRAM, SOCK_RAW, SOL_SOCKET,
};

use crate::Case;
use crate::net::{bound_udp, must, pair, settle, tcp, udp};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("filter.codes", codes),
    ("filter.programs", programs),
    ("filter.ancillary", ancillary),
    ("filter.arguments", arguments),
    ("filter.truncates", truncates),
    ("filter.loads", loads),
    ("filter.lock", lock),
    ("filter.get", get),
    ("filter.replaced", replaced),
    ("filter.raw", raw),
    ("filter.packet", packet),
    ("filter.stream", stream),
    ("filter.inherited", inherited),
];

/// Code, jumps, operand.
type Op = (u16, u8, u8, u32);

const fn ret(bytes: u32) -> Op {
    (0x06, 0, 0, bytes)
}

const RET_A: Op = (0x16, 0, 0, 0);

fn bytes(program: &[Op]) -> Vec<u8> {
    let op = |&(code, jt, jf, k): &Op| [&code.to_ne_bytes()[..], &[jt, jf], &k.to_ne_bytes()].concat();
    program.iter().flat_map(op).collect()
}

fn attach(fd: Fd, program: &[Op]) -> Ret {
    sys::attach(fd, &bytes(program), program.len())
}

fn codes(r: &mut Report) {
    let fd = udp();
    for k in [0, 1] {
        let taken = (0..0x200u16).filter(|code| attach(fd, &[(*code, 0, 0, k), ret(1)]).is_ok());
        r.see(&format!("taken with {k}"), format!("{:x?}", taken.collect::<Vec<_>>()));
    }
    r.see("none", attach(fd, &[(0xff, 0, 0, 0), ret(1)]));
}

fn programs(r: &mut Report) {
    let fd = udp();
    let cases: &[(&str, &[Op])] = &[
        ("no end", &[(0, 0, 0, 0)]),
        ("a jump beyond", &[(5, 0, 0, 1), ret(1)]),
        ("a jump that is enormous", &[(5, 0, 0, u32::MAX), ret(1)]),
        ("a condition's jump beyond", &[(0x15, 1, 0, 0), ret(1)]),
        ("another", &[(0x15, 0, 1, 0), ret(1)]),
        ("no jump", &[(0x15, 0, 0, 0), ret(1)]),
        ("memory 15", &[(2, 0, 0, 15), ret(1)]),
        ("memory 16", &[(2, 0, 0, 16), ret(1)]),
        ("load of nothing", &[(0x60, 0, 0, 1), ret(1)]),
        ("load of what is stored", &[(2, 0, 0, 1), (0x60, 0, 0, 1), ret(1)]),
        ("stored on one way", &[(0x15, 0, 1, 0), (2, 0, 0, 1), (0x60, 0, 0, 1), ret(1)]),
        ("division by 0", &[(0x34, 0, 0, 0), ret(1)]),
        ("shift by 31", &[(0x64, 0, 0, 31), ret(1)]),
        ("shift by 32", &[(0x74, 0, 0, 32), ret(1)]),
    ];
    for (what, program) in cases {
        r.see(what, attach(fd, program));
    }
    for count in [1, 4095, 4096, 4097, 65535] {
        let mut program = vec![(0, 0, 0, 0); count];
        program[count - 1] = ret(1);
        r.see(&format!("{count} instructions"), attach(fd, &program));
    }
}

fn ancillary(r: &mut Report) {
    let fd = udp();
    for code in [0x20, 0x28, 0x30, 0x40] {
        let taken = (0..0x60u32).filter(|at| attach(fd, &[(code, 0, 0, 0xffff_f000 + at), ret(1)]).is_ok());
        r.see(&format!("taken by {code:#x}"), format!("{:?}", taken.collect::<Vec<_>>()));
    }
}

fn arguments(r: &mut Report) {
    let program = bytes(&[ret(1)]);
    let fprog = |count: u16, at: u64| [u64::from(count).to_ne_bytes(), at.to_ne_bytes()].concat();
    let at = program.as_ptr() as u64;
    let fd = udp();
    for (what, value) in [
        ("good", fprog(1, at)),
        ("no pointer", fprog(1, 0)),
        ("a bad pointer", fprog(1, 8)),
        ("no instruction", fprog(0, at)),
        ("too short", fprog(1, at)[..15].to_vec()),
        ("too long", [&fprog(1, at)[..], &[0; 8]].concat()),
        ("an int", vec![0; 4]),
    ] {
        r.see(what, sys::set_option_bytes(fd, SOL_SOCKET, SO_ATTACH_FILTER, &value));
    }
}

/// What a socket with this filter gets of a datagram.
fn got(program: &[Op], text: &[u8]) -> Ret<Vec<u8>> {
    let ((to, at), from) = (bound_udp(), udp());
    attach(to, program)?;
    must("sendto", sys::sendto(from, text, 0, at));
    let got = sys::recv(to, 1024, MSG_DONTWAIT);
    let _ = (sys::close(to), sys::close(from));
    got
}

fn truncates(r: &mut Report) {
    for bytes in [0, 1, 7, 8, 9, 12, 13, 100, u32::MAX] {
        r.see(&format!("{bytes} bytes"), got(&[ret(bytes)], b"text"));
    }
}

/// The filter takes as many bytes as the accumulator says after the program: as many of the text.
fn loads(r: &mut Report) {
    let text = (1..=200).collect::<Vec<u8>>();
    let net = |at: u32| (-0x10_0000_i32 as u32) + at;
    let extra = |field: u32| (-0x1000_i32 as u32) + field;
    let cases: &[(&str, &[Op])] = &[
        ("a byte", &[(0x30, 0, 0, 8 + 40)]),
        ("the last byte", &[(0x30, 0, 0, 207), (0x14, 0, 0, 100)]),
        ("beyond", &[(0x30, 0, 0, 208)]),
        ("a half beyond", &[(0x28, 0, 0, 207)]),
        ("by the index", &[(1, 0, 0, 10), (0x50, 0, 0, 40)]),
        ("by an index that wraps", &[(1, 0, 0, 40), (0x50, 0, 0, -10_i32 as u32)]),
        ("the protocol in the IP header", &[(0x30, 0, 0, net(9))]),
        ("beyond the IP header", &[(0x30, 0, 0, net(28 + 30))]),
        ("the length", &[(0x80, 0, 0, 0), (0x14, 0, 0, 100)]),
        ("four times a nibble", &[(0xb1, 0, 0, 8 + 4), (0x87, 0, 0, 0), (4, 0, 0, 8)]),
        ("by zero", &[(1, 0, 0, 0), (0x3c, 0, 0, 0), (4, 0, 0, 20)]),
        ("a shift by 33", &[(0, 0, 0, 10), (1, 0, 0, 33), (0x6c, 0, 0, 0)]),
        ("protocol", &[(0x20, 0, 0, extra(0)), (0x74, 0, 0, 4), (0x14, 0, 0, 100)]),
        ("packet type", &[(0x20, 0, 0, extra(4)), (4, 0, 0, 20)]),
        ("interface", &[(0x20, 0, 0, extra(8)), (4, 0, 0, 20)]),
        ("mark", &[(0x20, 0, 0, extra(20)), (4, 0, 0, 20)]),
        ("hardware", &[(0x20, 0, 0, extra(28)), (0x14, 0, 0, 700)]),
        ("xor", &[(0, 0, 0, 50), (1, 0, 0, 3), (0x20, 0, 0, extra(40))]),
        ("VLAN", &[(0x20, 0, 0, extra(48)), (4, 0, 0, 20)]),
        ("payload", &[(0x20, 0, 0, extra(52)), (4, 0, 0, 20)]),
    ];
    for (what, program) in cases {
        let whole = [program, &[RET_A][..]].concat();
        r.see(what, got(&whole, &text).map(|bytes| bytes.len()));
    }
}

fn lock(r: &mut Report) {
    let fd = udp();
    r.see("detach nothing", sys::set_option(fd, SOL_SOCKET, SO_DETACH_FILTER, 0));
    r.see("detach by a byte", sys::set_option_bytes(fd, SOL_SOCKET, SO_DETACH_FILTER, &[0]));
    r.see("read what detaches", sys::get_option(fd, SOL_SOCKET, SO_DETACH_FILTER).map(i64::from));
    r.see("attach", attach(fd, &[ret(1)]));
    for value in [0, 2, 1, 0, -1] {
        r.see(&format!("lock := {value}"), sys::set_option(fd, SOL_SOCKET, SO_LOCK_FILTER, value));
        r.see("locked", sys::get_option(fd, SOL_SOCKET, SO_LOCK_FILTER).map(i64::from));
    }
    r.see("attach", attach(fd, &[ret(1)]));
    r.see("detach", sys::set_option(fd, SOL_SOCKET, SO_DETACH_FILTER, 0));
    let other = udp();
    r.see("attach", attach(other, &[ret(1)]));
    r.see("detach", sys::set_option(other, SOL_SOCKET, SO_DETACH_FILTER, 0));
    r.see("detach again", sys::set_option(other, SOL_SOCKET, SO_DETACH_FILTER, 0));
}

fn get(r: &mut Report) {
    let fd = udp();
    r.see("none", sys::get_filter(fd, 4).map(|(n, bytes)| format!("{n} {bytes:?}")));
    must("attach", attach(fd, &[(0x28, 0, 0, 12), (0x15, 0, 1, 0x800), ret(9), ret(0)]));
    for room in [0, 1, 3, 4, 5, 12] {
        r.see(&format!("room for {room}"), sys::get_filter(fd, room).map(|(n, bytes)| format!("{n} {bytes:?}")));
    }
}

fn replaced(r: &mut Report) {
    let ((to, at), from) = (bound_udp(), udp());
    r.see("nothing", attach(to, &[ret(0)]));
    r.see("all", attach(to, &[ret(100)]));
    r.see("a bad one", attach(to, &[(0xff, 0, 0, 0)]));
    must("sendto", sys::sendto(from, b"text", 0, at));
    r.see("the last good one", sys::recv(to, 32, MSG_DONTWAIT));
    // Who sends what is not wanted does not hear of it.
    must("attach", attach(to, &[ret(0)]));
    must("connect", sys::connect(from, at));
    for _ in 0..2 {
        r.see("send", sys::send(from, b"text", 0));
        r.see("poll", sys::poll(&[(to, POLLIN)], 20));
    }
}

fn raw(r: &mut Report) {
    let (_at, at) = bound_udp();
    let (fd, from) = (must("socket", sys::socket(AF_INET, SOCK_RAW, IPPROTO_UDP)), udp());
    // The IP header comes first.
    for (what, version) in [("version 4", 0x45), ("version 6", 0x60)] {
        must("attach", attach(fd, &[(0x30, 0, 0, 0), (0x15, 0, 1, version), ret(24), ret(0)]));
        must("sendto", sys::sendto(from, b"text", 0, at));
        r.see(what, sys::recv_len(fd, 64, MSG_DONTWAIT).map(|(_, n)| n));
    }
}

fn packet(r: &mut Report) {
    let (_at, at) = bound_udp();
    let from = udp();
    let all = i32::from(3u16.to_be());
    let link = |at: u32| (-0x20_0000_i32 as u32) + at;
    let extra = |field: u32| (-0x1000_i32 as u32) + field;
    for (what, kind) in [("frames", SOCK_RAW), ("datagrams", SOCK_DGRAM)] {
        let cases: &[(&str, &[Op])] = &[
            ("the first byte", &[(0x30, 0, 0, 0)]),
            ("length", &[(0x80, 0, 0, 0), (0x14, 0, 0, 10)]),
            ("the ethertype", &[(0x28, 0, 0, link(12)), (0x74, 0, 0, 6)]),
            ("protocol", &[(0x20, 0, 0, extra(0)), (0x74, 0, 0, 6)]),
            ("packet type", &[(0x20, 0, 0, extra(4)), (4, 0, 0, 20)]),
            ("hardware", &[(0x20, 0, 0, extra(28)), (0x14, 0, 0, 750)]),
            ("payload", &[(0x20, 0, 0, extra(52))]),
        ];
        for (case, program) in cases {
            let fd = must("socket", sys::socket(AF_PACKET, kind, all));
            must("attach", attach(fd, &[program, &[RET_A][..]].concat()));
            must("sendto", sys::sendto(from, b"some text to be cut somewhere", 0, at));
            for _ in 0..2 {
                let seen = sys::recv_len(fd, 128, MSG_DONTWAIT | MSG_TRUNC).map(|(_, n)| n);
                r.see(&format!("{what}, {case}"), seen);
            }
            let _ = sys::close(fd);
        }
    }
}

fn stream(r: &mut Report) {
    let (a, b) = pair();
    r.see("nothing", attach(b, &[ret(0)]));
    r.see("send", sys::send(a, b"text", 0));
    r.see("poll", sys::poll(&[(b, POLLIN)], 300));
    r.see("all", sys::set_option(b, SOL_SOCKET, SO_DETACH_FILTER, 0));
    settle(b, POLLIN);
    r.see("it is sent again", sys::recv(b, 32, 0));
    // The filter sees the port of the sender first.
    let port = must("getsockname", sys::getsockname(a)).port();
    r.see("by port", attach(b, &[(0x28, 0, 0, 0), (0x15, 0, 1, u32::from(port)), ret(u32::MAX), ret(0)]));
    r.see("send", sys::send(a, b"more", 0));
    r.see("recv", sys::recv(b, 32, 0));
}

fn inherited(r: &mut Report) {
    let listener = tcp();
    must("bind", sys::bind(listener, crate::net::here(0)));
    must("listen", sys::listen(listener, 4));
    must("attach", attach(listener, &[ret(0xffff)]));
    must("lock", sys::set_option(listener, SOL_SOCKET, SO_LOCK_FILTER, 1));
    let client = tcp();
    must("connect", sys::connect(client, must("getsockname", sys::getsockname(listener))));
    let (child, _) = must("accept", sys::accept(listener));
    r.see("instructions", sys::get_filter(child, 4).map(|(n, bytes)| format!("{n} {bytes:?}")));
    r.see("locked", sys::get_option(child, SOL_SOCKET, SO_LOCK_FILTER).map(i64::from));
    r.see("detach", sys::set_option(child, SOL_SOCKET, SO_DETACH_FILTER, 0));
    r.see("send", sys::send(client, b"text", 0));
    r.see("recv", sys::recv(child, 32, 0));
}
