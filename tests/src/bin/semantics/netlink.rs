//! Netlink sockets of NETLINK_ROUTE: how requests are answered, whatever the network is like (netlink(7), rtnetlink(7)).

use std::sync::atomic::{AtomicI32, Ordering};

use libc::{
    AF_INET, AF_NETLINK, AF_UNSPEC, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, NETLINK_ROUTE, POLLIN, POLLOUT, SA_RESTART,
    SIGALRM, SO_DOMAIN, SO_PROTOCOL, SO_TYPE, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_RAW, SOCK_STREAM,
    SOL_NETLINK, SOL_SOCKET,
};

use crate::Case;
use crate::net::must;
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("netlink.socket", socket),
    ("netlink.names", names),
    ("netlink.options", options),
    ("netlink.memberships", memberships),
    ("netlink.packet_info", packet_info),
    ("netlink.dump", dump),
    ("netlink.dump_by_one_bit", dump_by_one_bit),
    ("netlink.one", one),
    ("netlink.errors", errors),
    ("netlink.errors_without_request", errors_without_request),
    ("netlink.several", several),
    ("netlink.reading", reading),
    ("netlink.waiting", waiting),
    ("netlink.copies", copies),
    ("netlink.way", way),
];

const REQUEST: u16 = 1;
const ACK: u16 = 4;
/// NLM_F_ROOT and NLM_F_MATCH.
const DUMP: u16 = 0x300;
const GETLINK: u16 = 18;
const GETADDR: u16 = 22;
const GETROUTE: u16 = 26;
const GETNEIGH: u16 = 30;
const DONE: u16 = 3;
const ERROR: u16 = 2;
const ADD_MEMBERSHIP: i32 = 1;
const DROP_MEMBERSHIP: i32 = 2;
const PKTINFO: i32 = 3;
const LIST_MEMBERSHIPS: i32 = 9;
const CAP_ACK: i32 = 10;
const STRICT: i32 = 12;

fn opened() -> Fd {
    must("socket", sys::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE))
}

pub fn address(family: i32, port: u32, groups: u32) -> Vec<u8> {
    [&(family as u16).to_ne_bytes()[..], &[0; 2], &port.to_ne_bytes(), &groups.to_ne_bytes()].concat()
}

pub fn request(kind: u16, flags: u16, number: u32, body: &[u8]) -> Vec<u8> {
    let len = 16 + body.len() as u32;
    let mut bytes = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), &(REQUEST | flags).to_ne_bytes()].concat();
    bytes.extend([number.to_ne_bytes(), [0; 4]].concat());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// `struct ifinfomsg`.
fn link(index: i32) -> Vec<u8> {
    [&[0; 4][..], &index.to_ne_bytes(), &[0; 8]].concat()
}

/// `struct rtmsg` and where to.
fn to(addr: [u8; 4]) -> Vec<u8> {
    [&[AF_INET as u8, 32, 0, 0, 0, 0, 0, 0][..], &[0; 4], &[8, 0, 1, 0], &addr].concat()
}

/// A message that came.
pub struct Message {
    pub kind: u16,
    flags: u16,
    number: u32,
    port: u32,
    pub body: Vec<u8>,
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    while bytes.len() >= 16 {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let len = (word(0) as usize).clamp(16, bytes.len());
        let (kind, flags, number, port) = (half(4), half(6), word(8), word(12));
        found.push(Message { kind, flags, number, port, body: bytes[16..len].to_vec() });
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
    }
    found
}

pub fn come(fd: Fd) -> Vec<Message> {
    messages(&must("recv", sys::recv(fd, 65_536, MSG_DONTWAIT)))
}

/// Everything up to the end of a dump.
pub fn dumped(fd: Fd) -> Vec<Message> {
    let mut all = Vec::new();
    while all.last().is_none_or(|last: &Message| !matches!(last.kind, DONE | ERROR)) {
        all.extend(come(fd));
    }
    all
}

pub fn see(r: &mut Report, what: &str, own: u32, message: &Message) {
    let port = if message.port == own { "ours" } else { "another" };
    let shown = match message.kind {
        ERROR => crate::report::hex(&message.body[..4.min(message.body.len())]),
        DONE => crate::report::hex(&message.body),
        _ => String::new(),
    };
    let (kind, flags, number) = (message.kind, message.flags, message.number);
    r.see(what, format!("type {kind} flags {flags:#x} number {number} port {port} {shown}"));
}

pub fn port(fd: Fd) -> u32 {
    let name = must("getsockname", sys::getsockname_bytes(fd));
    u32::from_ne_bytes([name[4], name[5], name[6], name[7]])
}

fn socket(r: &mut Report) {
    for kind in [SOCK_RAW, SOCK_DGRAM, SOCK_STREAM, SOCK_RAW | SOCK_NONBLOCK] {
        let fd = sys::socket(AF_NETLINK, kind, NETLINK_ROUTE);
        r.see(&format!("kind {kind:#x}"), fd.map(|_| ()));
        if let Ok(fd) = fd {
            for (name, option) in [("SO_DOMAIN", SO_DOMAIN), ("SO_TYPE", SO_TYPE), ("SO_PROTOCOL", SO_PROTOCOL)] {
                r.see(name, sys::get_option(fd, SOL_SOCKET, option).map(i64::from));
            }
            r.see("flags", sys::fcntl(fd, libc::F_GETFL, 0).map(|flags| flags & libc::O_NONBLOCK != 0));
            r.see("events", sys::poll(&[(fd, POLLIN | POLLOUT)], 0).map(|(_, events)| i64::from(events[0])));
            r.see("listen", sys::listen(fd, 1));
            r.see("close", sys::close(fd));
        }
    }
}

fn names(r: &mut Report) {
    let (a, b) = (opened(), opened());
    r.see("fresh", sys::getsockname_bytes(a));
    r.see("bind short", sys::bind_bytes(a, &address(AF_NETLINK, 0, 0)[..11]));
    r.see("bind of another family", sys::bind_bytes(a, &address(AF_INET, 0, 0)));
    r.see("bind", sys::bind_bytes(a, &address(AF_NETLINK, 0, 0)));
    r.see("the process's number", port(a) == std::process::id());
    r.see("bind again", sys::bind_bytes(a, &address(AF_NETLINK, 0, 0)));
    r.see("bind to it", sys::bind_bytes(a, &address(AF_NETLINK, port(a), 0)));
    r.see("bind to another", sys::bind_bytes(a, &address(AF_NETLINK, 77, 0)));
    r.see("taken", sys::bind_bytes(b, &address(AF_NETLINK, port(a), 0)));
    r.see("the second", sys::bind_bytes(b, &address(AF_NETLINK, 0, 0)));
    r.see("it has another", port(b) != port(a) && port(b) != 0);
    r.see("connect short", sys::connect_bytes(b, &address(AF_NETLINK, 0, 0)[..8]));
    r.see("connect", sys::connect_bytes(b, &address(AF_NETLINK, 0, 0)));
    r.see("connect to nobody", sys::connect_bytes(b, &address(AF_UNSPEC, 9, 0)[..2]));
    r.see("is to the kernel", sys::send(b, &request(GETLINK, 0, 1, &link(1)), 0));
    r.see("shutdown", sys::shutdown(b, libc::SHUT_RDWR));
    let c = opened();
    r.see("one of its own", sys::bind_bytes(c, &address(AF_NETLINK, 0x4000_0007, 0)));
    r.see("is that", sys::getsockname_bytes(c));
    must("close", sys::close(a));
    let d = opened();
    r.see("free again", sys::bind_bytes(d, &address(AF_NETLINK, std::process::id(), 0)));
}

fn options(r: &mut Report) {
    let fd = opened();
    for name in [PKTINFO, 4, 5, 8, CAP_ACK, 11, STRICT] {
        r.see(&format!("{name}"), sys::get_option(fd, SOL_NETLINK, name).map(i64::from));
        r.see("set", sys::set_option(fd, SOL_NETLINK, name, 5));
        r.see("is", sys::get_option(fd, SOL_NETLINK, name).map(i64::from));
        r.see("short", sys::get_option_bytes(fd, SOL_NETLINK, name, 3));
        r.see("set short", sys::set_option_bytes(fd, SOL_NETLINK, name, &[1]));
        r.see("is", sys::get_option(fd, SOL_NETLINK, name).map(i64::from));
    }
    r.see("join", sys::set_option(fd, SOL_NETLINK, 1, 1));
    r.see("joined", sys::getsockname_bytes(fd).map(|name| crate::report::hex(&name[8..])));
    r.see("leave", sys::set_option(fd, SOL_NETLINK, 2, 1));
    r.see("left", sys::getsockname_bytes(fd).map(|name| crate::report::hex(&name[8..])));
    r.see("join nothing", sys::set_option(fd, SOL_NETLINK, 1, 0));
    r.see("join too far", sys::set_option(fd, SOL_NETLINK, 1, 1000));
    r.see("no such", sys::get_option(fd, SOL_NETLINK, 99).map(i64::from));
    r.see("set no such", sys::set_option(fd, SOL_NETLINK, 99, 1));
}

/// Groups that a name has no room for, and what bind(2) does to those that were joined by option.
fn memberships(r: &mut Report) {
    let fd = opened();
    let list =
        |fd| sys::get_option_bytes(fd, SOL_NETLINK, LIST_MEMBERSHIPS, 64).map(|bytes| crate::report::hex(&bytes));
    let groups = |fd| sys::getsockname_bytes(fd).map(|name| crate::report::hex(&name[8..]));
    r.see("fresh", list(fd));
    for group in [1, 11, 33, 34] {
        r.see("join", sys::set_option(fd, SOL_NETLINK, ADD_MEMBERSHIP, group));
    }
    r.see("joined", list(fd));
    r.see("its name", sys::getsockname_bytes(fd).map(|name| crate::report::hex(&name)));
    for room in [0, 3, 4, 6, 8] {
        let (got, len) = sys::get_option_told(fd, SOL_NETLINK, LIST_MEMBERSHIPS, room);
        r.see(&format!("in {room} bytes"), got.map(|()| i64::from(len)));
    }
    r.see("bind", sys::bind_bytes(fd, &address(AF_NETLINK, 0, 4)));
    r.see("bound", list(fd));
    r.see("its groups", groups(fd));
    r.see("leave", sys::set_option(fd, SOL_NETLINK, DROP_MEMBERSHIP, 33));
    r.see("left", list(fd));
    r.see("bind to none", sys::bind_bytes(fd, &address(AF_NETLINK, port(fd), 0)));
    r.see("in those of no name", list(fd));
    r.see("its groups", groups(fd));
    let other = opened();
    r.see("bind to none at first", sys::bind_bytes(other, &address(AF_NETLINK, 0, 0)));
    r.see("never in one", list(other));
    r.see("bind to all", sys::bind_bytes(other, &address(AF_NETLINK, port(other), u32::MAX)));
    r.see("its groups", groups(other));
}

/// NETLINK_PKTINFO of an answer, which is for no group.
fn packet_info(r: &mut Report) {
    let fd = opened();
    r.see("set", sys::set_option(fd, SOL_NETLINK, PKTINFO, 1));
    for room in [64, 24, 20, 18, 16, 8, 0] {
        must("send", sys::send(fd, &request(GETLINK, 0, 1, &link(1)), 0));
        let message = must("recvmsg", sys::recvmsg(fd, &[20, 65_536], 0, room));
        r.see(&format!("in {room} bytes"), format!("{:?} flags {}", message.control, message.flags));
        r.see("all of it", message.returned > 20);
        r.see("a whole name", message.name_len);
    }
    r.see("clear", sys::set_option(fd, SOL_NETLINK, PKTINFO, 0));
    must("send", sys::send(fd, &request(GETLINK, 0, 1, &link(1)), 0));
    r.see("without", must("recvmsg", sys::recvmsg(fd, &[65_536], 0, 64)).control.len());
}

fn dump(r: &mut Report) {
    for (kind, body) in [
        (GETLINK, vec![0]),
        (GETLINK, link(0)),
        (GETADDR, vec![AF_INET as u8]),
        (GETROUTE, vec![0; 12]),
        (GETNEIGH, vec![0; 12]),
    ] {
        let fd = opened();
        let sent = request(kind, DUMP, 7, &body);
        r.see("sent all", sys::send(fd, &sent, 0).map(|n| n == sent.len() as i64));
        let all = dumped(fd);
        let own = port(fd);
        let (last, rows) = all.split_last().expect("an end");
        let alike = rows.iter().all(|m| (m.kind, m.flags, m.number, m.port) == (kind - 2, 2, 7, own));
        r.see("rows are alike", alike);
        r.see("some rows", !rows.is_empty() || kind == GETNEIGH);
        see(r, "end", own, last);
        r.see("nothing after", sys::recv(fd, 10, MSG_DONTWAIT));
        must("close", sys::close(fd));
    }
}

fn dump_by_one_bit(r: &mut Report) {
    for flags in [0x100, 0x200] {
        let fd = opened();
        must("send", sys::send(fd, &request(GETLINK, flags, 7, &link(0)), 0));
        see(r, "end", port(fd), dumped(fd).last().expect("an end"));
    }
}

fn one(r: &mut Report) {
    let fd = opened();
    must("send", sys::send(fd, &request(GETLINK, 0, 1, &link(1)), 0));
    let found = come(fd);
    r.see("messages", found.len());
    see(r, "lo", port(fd), &found[0]);
    let name = found[0].body.windows(7).any(|bytes| bytes == [7, 0, 3, 0, b'l', b'o', 0]);
    r.see("its name", name);
    must("send", sys::send(fd, &request(GETLINK, ACK, 2, &link(1)), 0));
    let answered: Vec<Message> = (0..2).flat_map(|_| come(fd)).collect();
    for message in &answered {
        see(r, "with an acknowledgement", port(fd), message);
    }
    r.see("how long", answered[1].body.len());
}

fn errors(r: &mut Report) {
    let fd = opened();
    for (what, kind, flags, body) in [
        ("no such link", GETLINK, 0, link(12_345)),
        ("no link", GETLINK, 0, link(0)),
        ("one address of IPv4", GETADDR, 0, vec![AF_INET as u8, 0, 0, 0, 1, 0, 0, 0]),
        ("no such neighbour", GETNEIGH, 0, vec![0; 12]),
        ("nothing for 0", GETROUTE, 0, vec![AF_INET as u8; 1]),
        ("a type that nobody has", 4000, 0, vec![0; 16]),
        ("nothing to do", 1, ACK, vec![]),
        ("an end", DONE, ACK, vec![]),
    ] {
        must("send", sys::send(fd, &request(kind, flags, 5, &body), 0));
        let told = come(fd);
        if !matches!(what, "no such neighbour" | "nothing for 0" | "one address of IPv4") {
            see(r, what, port(fd), &told[0]);
            r.see("how long", told[0].body.len());
        } else {
            r.see(what, told[0].kind == ERROR);
        }
    }
    let mut not_asked = request(GETLINK, DUMP, 5, &link(0));
    not_asked[6] &= !1;
    r.see("no request", sys::send(fd, &not_asked, 0));
    r.see("no answer", sys::recv(fd, 100, MSG_DONTWAIT));
    r.see("too short", sys::send(fd, &[1, 2, 3], 0));
    r.see("no answer", sys::recv(fd, 100, MSG_DONTWAIT));
    let mut longer = request(GETLINK, DUMP, 5, &link(0));
    longer[0] = 200;
    r.see("cut off", sys::send(fd, &longer, 0).map(|n| n == 32));
    r.see("no answer", sys::recv(fd, 100, MSG_DONTWAIT));
    let sent = request(GETLINK, DUMP, 5, &link(0));
    r.see("to nobody", sys::sendto_bytes(fd, &sent, 0, &address(AF_NETLINK, 0x7fff_0001, 0)));
    r.see("to another family", sys::sendto_bytes(fd, &sent, 0, &address(AF_UNSPEC, 0, 0)));
    r.see("to a short name", sys::sendto_bytes(fd, &sent, 0, &address(AF_NETLINK, 0, 0)[..4]));
    r.see("to an empty name", sys::sendto_bytes(fd, &sent, 0, &[]).map(|n| n == sent.len() as i64));
    r.see("nothing", sys::send(fd, &[], 0));
    r.see("from nowhere", sys::send_nowhere(fd, 0));
    r.see("parts from nowhere", sys::writev_nowhere(fd));
}

fn errors_without_request(r: &mut Report) {
    let fd = opened();
    must("set", sys::set_option(fd, SOL_NETLINK, CAP_ACK, 1));
    must("send", sys::send(fd, &request(GETLINK, 0, 5, &link(12_345)), 0));
    let told = come(fd);
    see(r, "told", port(fd), &told[0]);
    r.see("how long", told[0].body.len());
}

fn several(r: &mut Report) {
    let fd = opened();
    let both = [request(GETLINK, 0, 1, &link(1)), request(GETLINK, 0, 2, &link(12_345))].concat();
    must("send", sys::send(fd, &both, 0));
    for message in (0..2).flat_map(|_| come(fd)) {
        see(r, "answer", port(fd), &message);
    }
    r.see("by parts", sys::writev(fd, &[&both[..10], &both[10..32]]));
    see(r, "answer", port(fd), &come(fd)[0]);
}

fn reading(r: &mut Report) {
    let fd = opened();
    r.see("nothing yet", sys::recv(fd, 100, MSG_DONTWAIT));
    must("send", sys::send(fd, &request(GETLINK, 0, 1, &link(1)), 0));
    r.see("events", sys::poll(&[(fd, POLLIN | POLLOUT)], 1000).map(|(_, events)| i64::from(events[0])));
    let (len, _, name) = must("recvfrom", sys::recvfrom_bytes(fd, 20, MSG_PEEK | MSG_TRUNC));
    r.see("longer than that", len > 20);
    r.see("from", crate::report::hex(&name));
    let (len, _, name) = must("recvfrom", sys::recvfrom_bytes(fd, 20, 0));
    r.see("cut", len);
    r.see("from", crate::report::hex(&name));
    r.see("the rest is gone", sys::recv(fd, 100, MSG_DONTWAIT));
    let epoll = must("epoll_create", sys::epoll_create());
    must("epoll_ctl", sys::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, 9));
    r.see("before", sys::epoll_wait(epoll, 4, 0).map(|events| events.len()));
    must("send", sys::send(fd, &request(GETLINK, 0, 1, &link(1)), 0));
    r.see("after", sys::epoll_wait(epoll, 4, 1000).map(|events| events.len()));
}

static ASKED: AtomicI32 = AtomicI32::new(-1);

extern "C" fn ask_for_lo(_: i32) {
    let _ = sys::send(ASKED.load(Ordering::Relaxed), &request(GETLINK, 0, 1, &link(1)), 0);
}

/// A handler runs while a program waits for an answer.
fn waiting(r: &mut Report) {
    let fd = opened();
    ASKED.store(fd, Ordering::Relaxed);
    must("sigaction", sys::handle(SIGALRM, ask_for_lo, SA_RESTART));
    must("setitimer", sys::alarm(100, 0));
    let (_, answer, _) = must("recvfrom", sys::recvfrom_bytes(fd, 65_536, 0));
    see(r, "what the handler asked for", port(fd), &messages(&answer)[0]);
}

fn copies(r: &mut Report) {
    let fd = opened();
    let copy = must("dup", sys::dup(fd));
    must("close", sys::close(fd));
    must("send", sys::send(copy, &request(GETLINK, 0, 1, &link(1)), 0));
    see(r, "by the copy", port(copy), &come(copy)[0]);
    must("close", sys::close(copy));
    let file = must("open", sys::open_null());
    r.see("the number is a file's", sys::getsockname_bytes(file));
}

fn way(r: &mut Report) {
    let fd = opened();
    must("send", sys::send(fd, &request(GETROUTE, 0, 1, &to([127, 0, 0, 1])), 0));
    let found = come(fd);
    see(r, "to us", port(fd), &found[0]);
    // `struct rtmsg`, and which attributes there are.
    r.see("head", crate::report::hex(&found[0].body[..12]));
    r.see("attributes", format!("{:?}", attributes(&found[0].body[12..])));
}

/// Their types.
fn attributes(mut bytes: &[u8]) -> Vec<u16> {
    let mut types = Vec::new();
    while let [a, b, c, d, ..] = *bytes {
        let len = usize::from(u16::from_ne_bytes([a, b])).max(4);
        types.push(u16::from_ne_bytes([c, d]));
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    }
    types
}
