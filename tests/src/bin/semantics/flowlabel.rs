//! Flow labels that sockets ask for (`IPV6_FLOWLABEL_MGR`), over ::1. The host's labels outlive a case: each case has its own, and
//! those that concern all sockets come last.

use libc::{AF_INET6, IPPROTO_ICMPV6, IPPROTO_IPV6, MSG_DONTWAIT, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

use crate::Case;
use crate::net::{here_mapped, here6, must, settle};
use crate::report::{Report, hex};
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("flowlabel.refused", refused),
    ("flowlabel.any_that_is_free", any_that_is_free),
    ("flowlabel.given_up", given_up),
    ("flowlabel.times", times),
    ("flowlabel.of_a_connection", of_a_connection),
    ("flowlabel.said_by_addresses", said_by_addresses),
    ("flowlabel.shared", shared),
    ("flowlabel.lingers", lingers),
    ("flowlabel.converted", converted),
    ("flowlabel.must_be_asked_for", must_be_asked_for),
    ("flowlabel.extension_headers", extension_headers),
];

const MANAGER: i32 = 32;
const FLOWINFO_SEND: i32 = 33;
const AUTOFLOWLABEL: i32 = 70;

const GET: u8 = 0;
const PUT: u8 = 1;
const RENEW: u8 = 2;
const CREATE: u16 = 1;
const NEW: u16 = 2;
const REFLECT: u16 = 4;
const REMOTE: u16 = 8;
const EXCLUSIVE: u8 = 1;
const PROCESS: u8 = 2;
const USER: u8 = 3;
const ANY: u8 = 255;

/// A socket that becomes one of AF_INET (IPV6_ADDRFORM) gives its labels up.
fn converted(r: &mut Report) {
    let (owner, other) = (socket(SOCK_DGRAM), socket(SOCK_DGRAM));
    let own = Request { share: EXCLUSIVE, ..label(0x4_0c0c) };
    r.see("one's own", own.ask(owner));
    r.see("another asks", own.ask(other));
    must("connect", sys::connect_bytes(owner, &here_mapped(9)));
    r.see("IPV6_ADDRFORM", sys::set_option(owner, IPPROTO_IPV6, libc::IPV6_ADDRFORM, libc::AF_INET));
    r.see("where it is", Request { flags: 0, ..own }.ask(other));
    r.see("made", own.ask(other));
    must("close", sys::close(owner));
    r.see("still there", Request { action: RENEW, ..own }.ask(other));
}

/// `struct in6_flowlabel_req`.
#[derive(Clone, Copy)]
struct Request {
    to: [u8; 16],
    label: u32,
    action: u8,
    share: u8,
    flags: u16,
    expires: u16,
    linger: u16,
}

/// A label for everybody, made if need be.
fn label(label: u32) -> Request {
    let to = std::net::Ipv6Addr::LOCALHOST.octets();
    Request { to, label, action: GET, share: ANY, flags: CREATE, expires: 0, linger: 0 }
}

impl Request {
    fn bytes(&self) -> Vec<u8> {
        let halves = [self.flags, self.expires, self.linger].map(u16::to_ne_bytes).concat();
        [&self.to[..], &self.label.to_be_bytes(), &[self.action, self.share], &halves, &[0; 4]].concat()
    }

    fn ask(&self, fd: Fd) -> Ret {
        sys::set_option_bytes(fd, IPPROTO_IPV6, MANAGER, &self.bytes())
    }

    fn with(&self, fd: Fd, control: &[u8]) -> Ret {
        sys::set_option_bytes(fd, IPPROTO_IPV6, MANAGER, &[&self.bytes(), control].concat())
    }
}

fn socket(kind: i32) -> Fd {
    must("socket", sys::socket(AF_INET6, kind, 0))
}

/// A datagram socket bound to ::1 that is told of flows, and its address.
fn ear() -> (Fd, Vec<u8>) {
    let fd = socket(SOCK_DGRAM);
    must("bind", sys::bind_bytes(fd, &here6(0)));
    for name in [libc::IPV6_FLOWINFO, libc::IPV6_RECVHOPOPTS, libc::IPV6_RECVDSTOPTS] {
        must("told", sys::set_option(fd, IPPROTO_IPV6, name, 1));
    }
    (fd, must("name", sys::getsockname_bytes(fd)))
}

/// A socket whose addresses say flows, and that sends no label of its own.
fn mouth(kind: i32) -> Fd {
    let fd = socket(kind);
    must("send flows", sys::set_option(fd, IPPROTO_IPV6, FLOWINFO_SEND, 1));
    must("no others", sys::set_option(fd, IPPROTO_IPV6, AUTOFLOWLABEL, 0));
    fd
}

/// The address, with a flow.
fn flow(address: &[u8], label: u32) -> Vec<u8> {
    let mut address = address.to_vec();
    address[4..8].copy_from_slice(&label.to_be_bytes());
    address
}

fn heard(r: &mut Report, what: &str, fd: Fd) {
    settle(fd, libc::POLLIN);
    match sys::recvmsg(fd, &[8], MSG_DONTWAIT, 256) {
        Err(errno) => r.see(what, errno.to_string()),
        Ok(got) => {
            let told =
                got.control.iter().zip(&got.control_data).map(|((_, kind, _), data)| format!("{kind} {}", hex(data)));
            r.see(what, told.collect::<Vec<_>>().join(", "));
        }
    }
}

/// The label as getsockopt(2) tells it: where to, label, share, whether the times are about right.
fn shown(fd: Fd, flags: u16) -> Ret<String> {
    let asked = Request { flags, ..label(0) }.bytes();
    let got = sys::ask_option(fd, IPPROTO_IPV6, MANAGER, &asked)?;
    let half = |at: usize| u16::from_ne_bytes([got[at], got[at + 1]]);
    // What has begun to pass may be told already: of an even time that makes no difference.
    let expires = half(24).next_multiple_of(2);
    Ok(format!("{} bytes, {}, expires {expires}, lingers {}", got.len(), hex(&got[..24]), half(26)))
}

fn refused(r: &mut Report) {
    for (what, kind) in [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM)] {
        let fd = socket(kind);
        let mut see = |about: &str, request: Request| r.see(&format!("{what}, {about}"), request.ask(fd));
        see("nobody's share", Request { share: 0, ..label(0x101) });
        see("another share", Request { share: 4, ..label(0x101) });
        see("more than 20 bits", label(0x10_0000));
        see("20 bits", label(0xf_ff01));
        see("to nowhere", Request { to: [0; 16], ..label(0x101) });
        see("to IPv4", Request { to: here_mapped(0)[8..24].try_into().expect("16"), ..label(0x101) });
        see("unknown", Request { flags: 0, ..label(0x101) });
        see("unknown, given up", Request { action: PUT, ..label(0x101) });
        see("unknown, renewed", Request { action: RENEW, ..label(0x101) });
        see("unknown, renewed by whoever may", Request { action: RENEW, share: 0, ..label(0x101) });
        see("none, given up", Request { action: PUT, ..label(0) });
        see("another action", Request { action: 3, ..label(0x101) });
        see("the peer's", Request { flags: REFLECT, ..label(0) });
        see("the peer's, given up", Request { flags: REFLECT, action: PUT, ..label(0) });
        let bytes = [&label(0x102).bytes()[..], &[0; 32]].concat();
        for len in [0, 4, 31, 32, 33, 40, 47, 48, 64] {
            let set = sys::set_option_bytes(fd, IPPROTO_IPV6, MANAGER, &bytes[..len]);
            r.see(&format!("{what}, {len} bytes"), set);
        }
        for action in [GET, PUT, RENEW, 3] {
            let asked = Request { action, ..label(0x102) }.bytes();
            r.see(&format!("{what}, told by action {action}"), sys::ask_option(fd, IPPROTO_IPV6, MANAGER, &asked));
        }
        for room in [0, 4, 31, 32, 64] {
            r.see(&format!("{what}, room for {room}"), sys::get_option_bytes(fd, IPPROTO_IPV6, MANAGER, room));
        }
        r.see(&format!("{what}, of a peer"), shown(fd, REMOTE));
    }
    let fd = must("socket", sys::socket(libc::AF_INET, SOCK_DGRAM, 0));
    r.see("of IPv4", label(0x103).ask(fd));
}

fn any_that_is_free(r: &mut Report) {
    let fd = socket(SOCK_DGRAM);
    let mut labels = Vec::new();
    for flags in [CREATE, CREATE | NEW, CREATE, 0] {
        let mut value = Request { flags, ..label(0) }.bytes();
        r.see(&format!("get with flags {flags}"), sys::set_option_answer(fd, IPPROTO_IPV6, MANAGER, &mut value));
        let got = u32::from_be_bytes(value[16..20].try_into().expect("4"));
        r.see("a label of 20 bits", (1..1 << 20).contains(&got));
        labels.push(got);
    }
    labels.dedup();
    r.see("different ones", labels.len() as i64);
    r.see("given up", Request { action: PUT, ..label(labels[0]) }.ask(fd));
}

fn given_up(r: &mut Report) {
    let (fd, other) = (socket(SOCK_DGRAM), socket(SOCK_STREAM));
    for what in ["first", "second"] {
        r.see(what, label(0x301).ask(fd));
    }
    r.see("as new", Request { flags: CREATE | NEW, ..label(0x301) }.ask(fd));
    r.see("by another", Request { action: PUT, ..label(0x301) }.ask(other));
    r.see("found by another", Request { flags: 0, ..label(0x301) }.ask(other));
    for what in ["once", "twice", "again"] {
        r.see(what, Request { action: PUT, ..label(0x301) }.ask(fd));
    }
    r.see("found when one has it", Request { flags: 0, ..label(0x301) }.ask(fd));
    must("close", sys::close(other));
    r.see("given up", Request { action: PUT, ..label(0x301) }.ask(fd));
    r.see("found when nobody has it", Request { flags: 0, ..label(0x301) }.ask(fd));
    r.see("made when it lingers", label(0x301).ask(fd));
}

fn times(r: &mut Report) {
    let (ear, to) = ear();
    let fd = mouth(SOCK_DGRAM);
    r.see("made", Request { linger: 7, expires: 12, ..label(0x401) }.ask(fd));
    must("connect", sys::connect_bytes(fd, &flow(&to, 0x401)));
    r.see("shown", shown(fd, 0));
    r.see("less", Request { action: RENEW, linger: 0, expires: 0, ..label(0x401) }.ask(fd));
    r.see("then", shown(fd, 0));
    r.see("more", Request { action: RENEW, linger: 20, expires: 30, ..label(0x401) }.ask(fd));
    r.see("then", shown(fd, 0));
    let other = socket(SOCK_DGRAM);
    r.see("another's", Request { action: RENEW, linger: 40, expires: 50, ..label(0x401) }.ask(other));
    r.see("then", shown(fd, 0));
    r.see("another's, asked again", Request { linger: 40, expires: 50, ..label(0x401) }.ask(other));
    r.see("then", shown(fd, 0));
    r.see(
        "anybody's",
        Request { action: RENEW, share: 0, linger: 60, expires: 0, ..label(0x401) }.ask(socket(SOCK_DGRAM)),
    );
    r.see("then", shown(fd, 0));
    must("close", sys::close(ear));
}

fn of_a_connection(r: &mut Report) {
    let (ear, to) = ear();
    let listening = socket(SOCK_STREAM);
    must("bind", sys::bind_bytes(listening, &here6(0)));
    must("listen", sys::listen(listening, 4));
    let stream_to = must("name", sys::getsockname_bytes(listening));
    for (what, kind, to) in [("datagram", SOCK_DGRAM, &to), ("stream", SOCK_STREAM, &stream_to)] {
        let fd = mouth(kind);
        r.see(&format!("{what}, made"), label(0x501).ask(fd));
        r.see(&format!("{what}, before"), shown(fd, 0));
        r.see(&format!("{what}, connect"), sys::connect_bytes(fd, &flow(to, 0x501)));
        r.see(&format!("{what}, shown"), shown(fd, 0));
        r.see(&format!("{what}, of the peer"), shown(fd, REMOTE));
        if kind == SOCK_STREAM {
            settle(listening, libc::POLLIN);
            let (accepted, _) = must("accept", sys::accept(listening));
            r.see("accepted, of the peer", shown(accepted, REMOTE));
            r.see("accepted, shown", shown(accepted, 0));
        } else {
            must("send", sys::send(fd, b"text", 0));
            heard(r, "sent", ear);
        }
        r.see(&format!("{what}, given up"), Request { action: PUT, ..label(0x501) }.ask(fd));
        r.see(&format!("{what}, then"), shown(fd, 0));
        if kind == SOCK_DGRAM {
            must("send", sys::send(fd, b"text", 0));
            heard(r, "sent then", ear);
        }
    }
}

/// As long as nobody has a label for himself, any may be sent.
fn said_by_addresses(r: &mut Report) {
    let (ear, to) = ear();
    let fd = mouth(SOCK_DGRAM);
    for said in [0x601, 0] {
        r.see(&format!("sendto {said:#x}"), sys::sendto_bytes(fd, b"text", 0, &flow(&to, said)));
        heard(r, "heard", ear);
    }
    must("connect", sys::connect_bytes(fd, &flow(&to, 0x602)));
    r.see("send", sys::send(fd, b"text", 0));
    heard(r, "heard", ear);
    r.see("sendto none", sys::sendto_bytes(fd, b"text", 0, &to));
    heard(r, "heard", ear);
    must("off", sys::set_option(fd, IPPROTO_IPV6, FLOWINFO_SEND, 0));
    r.see("sendto while off", sys::sendto_bytes(fd, b"text", 0, &flow(&to, 0x603)));
    heard(r, "heard", ear);
    let hops = (IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &7i32.to_ne_bytes()[..]);
    r.see("sendmsg with a hop limit", sys::sendmsg_with(fd, b"text", 0, hops));
    heard(r, "heard", ear);
}

fn shared(r: &mut Report) {
    let (fd, other) = (socket(SOCK_DGRAM), socket(SOCK_DGRAM));
    let shares = [("one", EXCLUSIVE), ("process", PROCESS), ("user", USER), ("any", ANY)];
    for (what, share) in shares {
        let request = Request { share, ..label(0x700 + u32::from(share)) };
        r.see(&format!("for {what}"), request.ask(fd));
        r.see(&format!("for {what}, again"), request.ask(fd));
        for (by, share) in shares {
            r.see(&format!("for {what}, another asks for {by}"), Request { share, ..request }.ask(other));
            r.see(&format!("for {what}, another finds for {by}"), Request { share, flags: 0, ..request }.ask(other));
        }
        r.see(&format!("for {what}, as new"), Request { flags: CREATE | NEW, ..request }.ask(other));
    }
}

fn lingers(r: &mut Report) {
    let (fd, other) = (socket(SOCK_DGRAM), socket(SOCK_DGRAM));
    for (what, share) in [("one", EXCLUSIVE), ("process", PROCESS)] {
        let request = Request { share, ..label(0x800 + u32::from(share)) };
        r.see(&format!("for {what}"), request.ask(fd));
        r.see(&format!("for {what}, given up"), Request { action: PUT, ..request }.ask(fd));
        r.see(&format!("for {what}, found"), Request { flags: 0, ..request }.ask(other));
        r.see(&format!("for {what}, renewed"), Request { action: RENEW, share: 0, ..request }.ask(other));
        r.see(&format!("for {what}, as new"), Request { flags: CREATE | NEW, ..request }.ask(other));
        r.see(&format!("for {what}, made"), request.ask(other));
    }
}

/// Once somebody has a label for himself, who sends one must have asked for it.
fn must_be_asked_for(r: &mut Report) {
    let (ear, to) = ear();
    let connected = mouth(SOCK_DGRAM);
    let _ = sys::connect_bytes(connected, &flow(&to, 0x901));
    let fd = mouth(SOCK_DGRAM);
    must("a label", Request { share: EXCLUSIVE, ..label(0x902) }.ask(fd));
    for said in [0x901, 0x902, 0] {
        let sent = sys::sendto_bytes(fd, b"text", 0, &flow(&to, said));
        r.see(&format!("sendto {said:#x}"), sent);
        if sent.is_ok() {
            heard(r, "heard", ear);
        }
        let info = (IPPROTO_IPV6, libc::IPV6_FLOWINFO, &said.to_be_bytes()[..]);
        let named = mouth(SOCK_DGRAM);
        must("connect", sys::connect_bytes(named, &to));
        r.see(&format!("another's IPV6_FLOWINFO {said:#x}"), sys::sendmsg_with(named, b"text", MSG_DONTWAIT, info));
    }
    for (what, kind) in [("datagram", SOCK_DGRAM), ("stream", SOCK_STREAM)] {
        let fd = mouth(kind);
        r.see(&format!("{what}, connect"), sys::connect_bytes(fd, &flow(&here6(9), 0x902)));
        r.see(&format!("{what}, connect with none"), sys::connect_bytes(fd, &here6(9)));
        r.see(&format!("{what}, to IPv4"), sys::connect_bytes(mouth(kind), &flow(&here_mapped(9), 0x902)));
    }
    r.see("sendto IPv4", sys::sendto_bytes(mouth(SOCK_DGRAM), b"text", 0, &flow(&here_mapped(9), 0x902)));
    let raw = must("raw", sys::socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    must("send flows", sys::set_option(raw, IPPROTO_IPV6, FLOWINFO_SEND, 1));
    r.see("raw", sys::sendto_bytes(raw, &[200, 0, 0, 0, 0, 0, 0, 0], 0, &flow(&here6(0), 0x901)));
}

/// A cmsg(3) of IPPROTO_IPV6.
fn control(kind: i32, data: &[u8]) -> Vec<u8> {
    let len = 16 + data.len();
    let mut bytes = [&len.to_ne_bytes()[..], &IPPROTO_IPV6.to_ne_bytes(), &kind.to_ne_bytes(), data].concat();
    bytes.resize(len.next_multiple_of(8), 0);
    bytes
}

/// Extension headers that go with a label, in place of the socket's own but for those that only the destination reads.
fn extension_headers(r: &mut Report) {
    const PADDING: &[u8] = &[0, 0, 1, 4, 0, 0, 0, 0];
    const UNKNOWN: &[u8] = &[0, 0, 0x1e, 4, 1, 2, 3, 4];
    const OTHER: &[u8] = &[0, 0, 0x1e, 4, 5, 6, 7, 8];
    let (ear, to) = ear();
    let fd = mouth(SOCK_DGRAM);
    r.see("hop-by-hop", label(0xa01).with(fd, &control(libc::IPV6_HOPOPTS, UNKNOWN)));
    r.see("for the destination", label(0xa02).with(fd, &control(libc::IPV6_DSTOPTS, UNKNOWN)));
    r.see("too short", label(0xa03).with(fd, &control(libc::IPV6_HOPOPTS, &UNKNOWN[..4])));
    r.see("twice", label(0xa04).with(fd, &control(libc::IPV6_HOPOPTS, UNKNOWN).repeat(2)));
    r.see("before a routing header", label(0xa05).with(fd, &control(libc::IPV6_RTHDRDSTOPTS, PADDING)));
    r.see("a hop limit", label(0xa06).with(fd, &control(libc::IPV6_HOPLIMIT, &7i32.to_ne_bytes())));
    r.see("no headers", label(0xa07).ask(fd));
    for what in ["without its own", "with its own"] {
        for said in [0xa01, 0xa07, 0] {
            r.see(&format!("{what}, sendto {said:#x}"), sys::sendto_bytes(fd, b"text", 0, &flow(&to, said)));
            heard(r, "heard", ear);
        }
        must("its own", sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_HOPOPTS, OTHER));
        must("its own", sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_DSTOPTS, OTHER));
    }
    must("connect", sys::connect_bytes(fd, &flow(&to, 0xa01)));
    r.see("send", sys::send(fd, b"text", 0));
    heard(r, "heard", ear);
    let hops = (IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &7i32.to_ne_bytes()[..]);
    r.see("sendmsg with a hop limit", sys::sendmsg_with(fd, b"text", 0, hops));
    heard(r, "heard", ear);
}
