//! Netlink sockets of NETLINK_SOCK_DIAG: how sockets are told of (sock_diag(7)).

use std::time::Duration;

use libc::{
    AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, IPV6_V6ONLY,
    NETLINK_ROUTE, NETLINK_SOCK_DIAG, SO_PROTOCOL, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};

use crate::Case;
use crate::net::{bound_udp, connected, here6, listener, must, within};
use crate::netlink::{Message, address, come, dumped, port, request, see};
use crate::report::{Report, hex};
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("sockdiag.socket", socket),
    ("sockdiag.streams", streams),
    ("sockdiag.closing", closing),
    ("sockdiag.datagrams", datagrams),
    ("sockdiag.families", families),
    ("sockdiag.chosen", chosen),
    ("sockdiag.one", one),
    ("sockdiag.asked_for", asked_for),
    ("sockdiag.errors", errors),
];

const BY_FAMILY: u16 = 20;
const DUMP: u16 = 0x300;
const EVERY_STATE: u32 = 0xfff;
const ESTABLISHED: u8 = 1;
const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
const LISTEN: u8 = 10;
const INFO: u8 = 2;
const CONG: u8 = 4;
const SKV6ONLY: u8 = 11;

fn opened() -> Fd {
    must("socket", sys::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG))
}

/// `struct inet_diag_req_v2` for sockets with these ports; 0 for any.
fn wanted(family: i32, protocol: i32, extensions: &[u8], states: u32, ports: (u16, u16)) -> Vec<u8> {
    let extensions = extensions.iter().fold(0, |bits, extension| bits | 1 << (extension - 1));
    let mut body = vec![family as u8, protocol as u8, extensions, 0];
    body.extend(states.to_ne_bytes());
    body.extend([ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat());
    body.resize(56, 0);
    body
}

/// What one socket is told to be (`struct inet_diag_msg`).
struct Row(Vec<u8>);

impl Row {
    fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }

    fn ports(&self) -> (u16, u16) {
        let port = |at: usize| u16::from_be_bytes([self.0[at], self.0[at + 1]]);
        (port(4), port(6))
    }

    fn state(&self) -> u8 {
        self.0[1]
    }

    fn cookie(&self) -> &[u8] {
        &self.0[44..52]
    }

    /// Without what differs from run to run.
    fn shown(&self) -> String {
        let [family, state, timer, ..] = self.0[..] else { unreachable!("a head") };
        let (local, remote) = (hex(&self.0[8..24]), hex(&self.0[24..40]));
        let timer = if state == TIME_WAIT { timer } else { 0 };
        let (on, received, uid) = (self.word(40), self.word(56), self.word(64));
        format!("family {family} state {state} timer {timer} {local} {remote} if {on} queue {received} uid {uid}")
    }

    fn attribute(&self, kind: u8) -> Option<&[u8]> {
        let mut rest = &self.0[72..];
        while rest.len() >= 4 {
            let len = usize::from(u16::from_ne_bytes([rest[0], rest[1]])).clamp(4, rest.len());
            if u16::from_ne_bytes([rest[2], rest[3]]) == u16::from(kind) {
                return Some(&rest[4..len]);
            }
            rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        }
        None
    }
}

/// The rows of a table, in the order of their ports.
fn rows(body: &[u8]) -> Vec<Row> {
    let fd = opened();
    must("send", sys::send(fd, &request(BY_FAMILY, DUMP, 7, body), 0));
    let mut rows: Vec<Row> = dumped(fd).into_iter().filter(|m| m.kind == BY_FAMILY).map(|m| Row(m.body)).collect();
    rows.sort_by_key(|row| (row.state(), row.ports()));
    must("close", sys::close(fd));
    rows
}

fn tcp(ports: (u16, u16)) -> Vec<u8> {
    wanted(AF_INET, IPPROTO_TCP, &[], EVERY_STATE, ports)
}

fn name(fd: Fd) -> u16 {
    must("getsockname", sys::getsockname(fd)).port()
}

fn socket(r: &mut Report) {
    for kind in [SOCK_RAW, SOCK_DGRAM, SOCK_STREAM] {
        let fd = sys::socket(AF_NETLINK, kind, NETLINK_SOCK_DIAG);
        r.see(&format!("kind {kind}"), fd.map(|_| ()));
        if let Ok(fd) = fd {
            r.see("protocol", sys::get_option(fd, SOL_SOCKET, SO_PROTOCOL).map(i64::from));
        }
    }
    // Each protocol has ports of its own.
    let route = must("socket", sys::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    r.see("bind", sys::bind_bytes(route, &address(AF_NETLINK, 77, 0)));
    r.see("bind of this", sys::bind_bytes(opened(), &address(AF_NETLINK, 77, 0)));
    r.see("again", sys::bind_bytes(opened(), &address(AF_NETLINK, 77, 0)));
    r.see("join", sys::set_option(opened(), libc::SOL_NETLINK, 1, 32));
    r.see("join too far", sys::set_option(opened(), libc::SOL_NETLINK, 1, 33));
}

fn streams(r: &mut Report) {
    let (listener, at) = listener(5);
    let unbound = must("socket", sys::socket(AF_INET, SOCK_STREAM, 0));
    let first = connected(at);
    let (server, _) = must("accept", sys::accept(listener));
    let second = connected(at);
    must("send", sys::send(first, b"five!", 0));
    let arrived =
        within(Duration::from_secs(2), || rows(&tcp((at.port(), name(first)))).pop().filter(|row| row.word(56) == 5));
    r.see("the accepting end", arrived.map_or_else(String::new, |row| row.shown()));
    let all = rows(&tcp((at.port(), 0)));
    r.see("listener and accepting ends", all.len());
    for row in &all {
        r.see("one", row.shown());
    }
    r.see("backlog", i64::from(all.last().expect("a listener").word(60)));
    let ends = rows(&tcp((0, at.port())));
    r.see("connecting ends", ends.iter().map(Row::shown).collect::<Vec<_>>().join("; "));
    let names = [name(first), name(second)];
    r.see("as they are named", ends.iter().all(|row| names.contains(&row.ports().0)));
    must("close", sys::close(server));
    must("close", sys::close(unbound));
}

fn closing(r: &mut Report) {
    let (listener, at) = listener(5);
    let client = connected(at);
    let from = name(client);
    let (server, _) = must("accept", sys::accept(listener));
    must("close", sys::close(client));
    let in_state = |state: u8| {
        within(Duration::from_secs(2), || rows(&tcp((from, at.port()))).pop().filter(|row| row.state() == state))
    };
    r.see("the peer has not closed", in_state(FIN_WAIT_2).map_or_else(String::new, |row| row.shown()));
    must("close", sys::close(server));
    let left = in_state(TIME_WAIT).expect("it waits");
    r.see("both have", left.shown());
    r.see("inode", i64::from(left.word(68)));
    r.see("the other end", rows(&tcp((at.port(), from))).len());
    r.see("not asked for", rows(&wanted(AF_INET, IPPROTO_TCP, &[], EVERY_STATE & !(1 << TIME_WAIT), (from, 0))).len());
}

fn datagrams(r: &mut Report) {
    let udp = |ports| rows(&wanted(AF_INET, IPPROTO_UDP, &[], EVERY_STATE, ports));
    let before = udp((0, 0)).len();
    let unbound = must("socket", sys::socket(AF_INET, SOCK_DGRAM, 0));
    r.see("a socket without a port", udp((0, 0)).len() == before);
    must("close", sys::close(unbound));
    let (a, at) = bound_udp();
    r.see("bound", udp((at.port(), 0))[0].shown());
    let (b, to) = bound_udp();
    must("connect", sys::connect(a, to));
    r.see("connected", udp((at.port(), to.port()))[0].shown());
    must("send", sys::send(a, b"ten bytes!", 0));
    let waits = within(Duration::from_secs(2), || udp((to.port(), 0)).pop().filter(|row| row.word(56) > 0));
    r.see("with a datagram", waits.map_or_else(String::new, |row| row.shown()));
    must("recv", sys::recv(b, 100, 0));
    r.see("read", udp((to.port(), 0))[0].shown());
    must("close", sys::close(b));
    r.see("closed", udp((to.port(), 0)).len());
}

fn families(r: &mut Report) {
    let tcp6 = |ports| rows(&wanted(AF_INET6, IPPROTO_TCP, &[], EVERY_STATE, ports));
    for only in [0, 1] {
        let fd = must("socket", sys::socket(AF_INET6, SOCK_STREAM, 0));
        must("set", sys::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only));
        must("bind", sys::bind_bytes(fd, &here6(0)));
        must("listen", sys::listen(fd, 3));
        let named = must("getsockname", sys::getsockname_bytes(fd));
        let port = u16::from_be_bytes([named[2], named[3]]);
        let found = &tcp6((port, 0))[0];
        r.see("listener", found.shown());
        r.see("for IPv6 alone", found.attribute(SKV6ONLY).map_or_else(String::new, hex));
        r.see("not of IPv4", rows(&tcp((port, 0))).len());
        let client = must("socket", sys::socket(AF_INET6, SOCK_STREAM, 0));
        must("connect", sys::connect_bytes(client, &here6(port)));
        let connecting = &tcp6((0, port))[0];
        r.see("connecting end", connecting.shown());
        r.see("for IPv6 alone", connecting.attribute(SKV6ONLY).is_some());
    }
}

fn chosen(r: &mut Report) {
    let (_listener, at) = listener(5);
    let client = connected(at);
    let of = |states: u32, ports| rows(&wanted(AF_INET, IPPROTO_TCP, &[], states, ports)).len();
    for (what, states) in
        [("none", 0), ("listeners", 1 << LISTEN), ("connections", 1 << ESTABLISHED), ("all", EVERY_STATE)]
    {
        r.see(what, of(states, (at.port(), 0)));
    }
    r.see("both ports", of(EVERY_STATE, (name(client), at.port())));
    r.see("another port", of(EVERY_STATE, (name(client), name(client))));
    r.see("of UDP", rows(&wanted(AF_INET, IPPROTO_UDP, &[], EVERY_STATE, (at.port(), 0))).len());
}

fn one(r: &mut Report) {
    let (_listener, at) = listener(5);
    let client = connected(at);
    let exact = |ports: (u16, u16), cookie: &[u8]| {
        let mut body = wanted(AF_INET, IPPROTO_TCP, &[], 0, ports);
        for end in [12, 28] {
            body[end..end + 4].copy_from_slice(&[127, 0, 0, 1]);
        }
        body[48..].copy_from_slice(cookie);
        let fd = opened();
        must("send", sys::send(fd, &request(BY_FAMILY, 0, 7, &body), 0));
        (come(fd).remove(0), port(fd))
    };
    let any = [0xff; 8];
    let (found, own) = exact((name(client), at.port()), &any);
    see(r, "connection", own, &found);
    let row = Row(found.body);
    r.see("it is", row.shown());
    let (found, own) = exact((name(client), at.port()), row.cookie());
    see(r, "by its cookie", own, &found);
    let mut another = row.cookie().to_vec();
    another[0] ^= 1;
    let (found, own) = exact((name(client), at.port()), &another);
    see(r, "another cookie", own, &found);
    let (found, _) = exact((at.port(), 9), &any);
    r.see("listener", Row(found.body).shown());
    let (found, own) = exact((1, 9), &any);
    see(r, "nobody", own, &found);
}

fn asked_for(r: &mut Report) {
    let (listener, at) = listener(5);
    let client = connected(at);
    for (what, ports) in [("listener", (at.port(), 0)), ("connection", (name(client), at.port()))] {
        let bare = rows(&tcp(ports)).pop().expect("a row");
        let full = rows(&wanted(AF_INET, IPPROTO_TCP, &[INFO, CONG], EVERY_STATE, ports)).pop().expect("a row");
        for (name, attribute) in [("info", INFO), ("congestion", CONG)] {
            r.see(&format!("{name} of a {what}"), bare.attribute(attribute).is_some());
            r.see("asked for", full.attribute(attribute).is_some());
        }
        r.see("its state", full.attribute(INFO).map_or_else(String::new, |info| hex(&info[..1])));
        r.see("shut", hex(full.attribute(8).unwrap_or_default()));
    }
    must("shutdown", sys::shutdown(client, libc::SHUT_WR));
    let (server, _) = must("accept", sys::accept(listener));
    r.see("end of file", sys::recv(server, 10, 0));
    r.see("shut", hex(rows(&tcp((name(client), at.port())))[0].attribute(8).unwrap_or_default()));
    r.see("shut by the peer", hex(rows(&tcp((at.port(), name(client))))[0].attribute(8).unwrap_or_default()));
}

fn errors(r: &mut Report) {
    let every = |family, protocol| wanted(family, protocol, &[], EVERY_STATE, (0, 0));
    let asks: [(&str, u16, u16, Vec<u8>); 9] = [
        ("a protocol that nobody has", BY_FAMILY, DUMP, every(AF_INET, 200)),
        ("one of it", BY_FAMILY, 0, every(AF_INET, 200)),
        ("a family that nobody has", BY_FAMILY, DUMP, every(3, 0)),
        ("no family", BY_FAMILY, DUMP, every(100, 0)),
        ("too short for a family", BY_FAMILY, DUMP, vec![AF_INET as u8]),
        ("too short for IPv4", BY_FAMILY, DUMP, every(AF_INET, IPPROTO_TCP)[..52].to_vec()),
        ("too short for IPv6", BY_FAMILY, 0, every(AF_INET6, IPPROTO_TCP)[..8].to_vec()),
        ("a type that nobody has", 22, DUMP, every(AF_INET, IPPROTO_TCP)),
        ("an old type", 19, DUMP, every(AF_INET, IPPROTO_TCP)),
    ];
    for (what, kind, flags, body) in asks {
        let fd = opened();
        must("send", sys::send(fd, &request(kind, flags, 5, &body), 0));
        see(r, what, port(fd), dumped(fd).last().expect("an answer"));
    }
    for (what, family) in [("unix", AF_UNIX), ("packet", AF_PACKET), ("netlink", AF_NETLINK)] {
        let fd = opened();
        let mut body = vec![0; if family == AF_UNIX { 24 } else { 20 }];
        body[0] = family as u8;
        must("send", sys::send(fd, &request(BY_FAMILY, DUMP, 5, &body), 0));
        let all: Vec<Message> = dumped(fd);
        see(r, what, port(fd), all.last().expect("an end"));
    }
}
