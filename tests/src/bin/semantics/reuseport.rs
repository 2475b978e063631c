//! Programs that choose among sockets of one address: SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF.

use std::net::SocketAddrV4;

use libc::{
    AF_INET, IPPROTO_UDPLITE, MSG_DONTWAIT, POLLIN, SO_ATTACH_REUSEPORT_CBPF, SO_LOCK_FILTER, SO_REUSEPORT, SOCK_DGRAM,
    SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};

use crate::Case;
use crate::net::{here, must, tcp, udp};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("reuseport.arguments", arguments),
    ("reuseport.datagrams", datagrams),
    ("reuseport.loads", loads),
    ("reuseport.leaves", leaves),
    ("reuseport.joins", joins),
    ("reuseport.streams", streams),
];

const SO_DETACH_REUSEPORT_BPF: i32 = 68;

/// Code, jumps, operand.
type Op = (u16, u8, u8, u32);

const RET_A: Op = (0x16, 0, 0, 0);

fn attach(fd: Fd, program: &[Op]) -> Ret {
    let op = |&(code, jt, jf, k): &Op| [&code.to_ne_bytes()[..], &[jt, jf], &k.to_ne_bytes()].concat();
    let bytes: Vec<u8> = program.iter().flat_map(op).collect();
    sys::attach_as(fd, SO_ATTACH_REUSEPORT_CBPF, &bytes, program.len())
}

fn choose(fd: Fd, number: u32) -> Ret {
    attach(fd, &[(0x06, 0, 0, number)])
}

fn detach(fd: Fd) -> Ret {
    sys::set_option(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
}

fn share(fd: Fd, on: i32) {
    must("SO_REUSEPORT", sys::set_option(fd, SOL_SOCKET, SO_REUSEPORT, on));
}

/// So many of one address; streams listen.
fn group(open: fn() -> Fd, count: usize) -> (Vec<Fd>, SocketAddrV4) {
    let mut at = here(0);
    let members = (0..count).map(|_| {
        let fd = open();
        share(fd, 1);
        must("bind", sys::bind(fd, at));
        at = must("getsockname", sys::getsockname(fd));
        let _ = sys::listen(fd, 8);
        fd
    });
    (members.collect(), at)
}

/// Which of the sockets get these datagrams.
fn receivers(members: &[Fd], at: SocketAddrV4, texts: &[&[u8]]) -> Vec<Option<usize>> {
    let from = udp();
    let set: Vec<_> = members.iter().map(|fd| (*fd, POLLIN)).collect();
    let got = texts.iter().map(|text| {
        must("sendto", sys::sendto(from, text, 0, at));
        let _ = sys::poll(&set, 300);
        members.iter().position(|fd| sys::recv(*fd, 64, MSG_DONTWAIT).is_ok())
    });
    let got = got.collect();
    let _ = sys::close(from);
    got
}

/// Which of the listeners get so many connections.
fn acceptors(members: &[Fd], at: SocketAddrV4, count: usize) -> Vec<Option<usize>> {
    let set: Vec<_> = members.iter().map(|fd| (*fd, POLLIN)).collect();
    let got = (0..count).map(|_| {
        let client = tcp();
        must("connect", sys::connect(client, at));
        let (_, events) = must("poll", sys::poll(&set, 300));
        let ready = events.iter().position(|events| *events != 0);
        if let Some(ready) = ready {
            let (fd, _) = must("accept", sys::accept(members[ready]));
            let _ = sys::close(fd);
        }
        let _ = sys::close(client);
        ready
    });
    got.collect()
}

fn arguments(r: &mut Report) {
    for (what, kind, protocol) in [
        ("udp", SOCK_DGRAM, 0),
        ("udp-lite", SOCK_DGRAM, IPPROTO_UDPLITE),
        ("tcp", SOCK_STREAM, 0),
        ("raw", SOCK_RAW, 1),
    ] {
        let open = || must("socket", sys::socket(AF_INET, kind, protocol));
        let fd = open();
        r.see(&format!("{what}, not shared"), format!("{:?}", (choose(fd, 0), detach(fd))));
        share(fd, 1);
        r.see(&format!("{what}, nothing to take away"), detach(fd));
        r.see(&format!("{what}, not bound"), format!("{:?}", (choose(fd, 0), choose(fd, 1), detach(fd))));
        r.see(&format!("{what}, none again"), detach(fd));
        let fd = open();
        must("bind", sys::bind(fd, here(0)));
        r.see(&format!("{what}, bound alone"), format!("{:?}", (choose(fd, 0), detach(fd))));
        share(fd, 1);
        r.see(&format!("{what}, shared later"), choose(fd, 0));
        let fd = open();
        share(fd, 1);
        must("bind", sys::bind(fd, here(0)));
        r.see(&format!("{what}, bound"), format!("{:?}", (choose(fd, 0), choose(fd, 0), detach(fd), detach(fd))));
        r.see(&format!("{what}, none"), attach(fd, &[]));
        r.see(&format!("{what}, no end"), attach(fd, &[(0, 0, 0, 1)]));
        r.see(&format!("{what}, short"), sys::set_option_bytes(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &[0; 4]));
        r.see(&format!("{what}, short"), sys::set_option_bytes(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &[0; 3]));
        r.see(&format!("{what}, get"), sys::get_option(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF).map(i64::from));
        r.see(&format!("{what}, get"), sys::get_option(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF).map(i64::from));
        share(fd, 0);
        r.see(&format!("{what}, bound, shared no more"), detach(fd));
        let other = open();
        share(other, 1);
        let attached = choose(other, 0);
        share(other, 0);
        r.see(
            &format!("{what}, shared no more"),
            format!("{:?}", (attached, detach(other), detach(other), choose(other, 0))),
        );
        must("lock", sys::set_option(fd, SOL_SOCKET, SO_LOCK_FILTER, 1));
        r.see(&format!("{what}, locked"), choose(fd, 0));
    }
}

fn datagrams(r: &mut Report) {
    let (members, at) = group(udp, 3);
    for number in 0..3 {
        r.see("attach", choose(members[1], number));
        r.see("who", format!("{:?}", receivers(&members, at, &[b"a", b"b", b"c", b"d"])));
    }
    // Nobody's number: by the flow, so that one socket gets all of one.
    r.see("attach", choose(members[2], 3));
    let got = receivers(&members, at, &[b"a", b"b", b"c"]);
    r.see("one of them", format!("{:?}", (got[0].is_some(), got[1] == got[0], got[2] == got[0])));
    r.see("attach", choose(members[0], 2));
    let flows: Vec<_> = (0..64).map(|_| receivers(&members, at, &[b"a"])[0]).collect();
    r.see("the last", flows.iter().all(|who| *who == Some(2)));
    r.see("detach", detach(members[1]));
    let flows: Vec<_> = (0..64).map(|_| receivers(&members, at, &[b"a"])[0]).collect();
    r.see("all", format!("{:?}", (0..3).all(|member| flows.contains(&Some(member)))));
}

fn loads(r: &mut Report) {
    let (members, at) = group(udp, 3);
    let network = |at: u32| (-0x10_0000_i32 as u32) + at;
    let extra = |field: u32| (-0x1000_i32 as u32) + field;
    type Case<'a> = (&'a str, &'a [Op], &'a [&'a [u8]]);
    let cases: &[Case] = &[
        ("the first byte", &[(0x30, 0, 0, 0)], &[b"\0", b"\x01", b"\x02", b"\0", b"\x02"]),
        ("a byte that is not there", &[(0x30, 0, 0, 5)], &[b"\x02", b"\x01"]),
        ("length", &[(0x80, 0, 0, 0)], &[b"", b"1", b"12"]),
        ("the protocol", &[(0x30, 0, 0, network(9)), (0x14, 0, 0, 16)], &[b"x"]),
        ("the destination's last byte", &[(0x30, 0, 0, network(19))], &[b"x"]),
        ("packet type", &[(0x20, 0, 0, extra(4))], &[b"x"]),
        ("interface", &[(0x20, 0, 0, extra(8))], &[b"x"]),
    ];
    for (what, program, texts) in cases {
        r.see("attach", attach(members[0], &[program, &[RET_A][..]].concat()));
        r.see(what, format!("{:?}", receivers(&members, at, texts)));
    }
}

fn leaves(r: &mut Report) {
    let (mut members, at) = group(udp, 4);
    must("attach", choose(members[0], 0));
    r.see("the first", format!("{:?}", receivers(&members, at, &[b"x"])));
    let _ = sys::close(members.remove(0));
    r.see("the last in its place", format!("{:?}", receivers(&members, at, &[b"x"])));
    r.see("attach", choose(members[0], 1));
    r.see("the second", format!("{:?}", receivers(&members, at, &[b"x"])));
}

fn joins(r: &mut Report) {
    let first = udp();
    share(first, 1);
    r.see("before bind", choose(first, 1));
    must("bind", sys::bind(first, here(0)));
    let at = must("getsockname", sys::getsockname(first));
    let second = udp();
    share(second, 1);
    r.see("join", sys::bind(second, at));
    r.see("the program stays", format!("{:?}", receivers(&[first, second], at, &[b"x"])));
    let third = udp();
    share(third, 1);
    r.see("attach", choose(third, 0));
    r.see("joins none", sys::bind(third, at));
    r.see("detach", detach(third));
    r.see("joins none", sys::bind(third, at));
    let fourth = tcp();
    share(fourth, 1);
    r.see("attach", choose(fourth, 0));
    let (_members, at) = group(tcp, 1);
    r.see("joins none", sys::bind(fourth, at));
    r.see("detach", detach(fourth));
    r.see("joins none", sys::bind(fourth, at));
    r.see("is alone", sys::bind(fourth, here(0)));
}

fn streams(r: &mut Report) {
    let (mut members, at) = group(tcp, 3);
    for number in 0..3 {
        r.see("attach", choose(members[1], number));
        r.see("who", format!("{:?}", acceptors(&members, at, 4)));
    }
    // A SYN has no text.
    r.see("attach", attach(members[0], &[(0x80, 0, 0, 0), RET_A]));
    r.see("length", format!("{:?}", acceptors(&members, at, 2)));
    let _ = sys::close(members.remove(0));
    r.see("the last in its place", format!("{:?}", acceptors(&members, at, 2)));
    r.see("detach", format!("{:?}", (detach(members[0]), detach(members[1]))));
    let child = tcp();
    must("connect", sys::connect(child, at));
    share(child, 1);
    r.see("of a connection", format!("{:?}", (choose(child, 0), detach(child))));
}
