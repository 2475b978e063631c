//! Multicast groups and their sources, over the loopback.

use std::net::{Ipv4Addr, SocketAddrV4};

use libc::{IP_MULTICAST_ALL, IP_MULTICAST_IF, IPPROTO_IP, MSG_DONTWAIT, POLLIN};

use crate::Case;
use crate::net::{must, udp};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("multicast.membership", membership),
    ("multicast.sources", sources),
    ("multicast.filters", filters),
    ("multicast.by_number", by_number),
    ("multicast.all", all),
    ("multicast.short", short),
];

const LO: Ipv4Addr = Ipv4Addr::LOCALHOST;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 1, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(239, 77, 1, 2);
const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

// linux/in.h.
const ADD: i32 = libc::IP_ADD_MEMBERSHIP;
const DROP: i32 = libc::IP_DROP_MEMBERSHIP;
const UNBLOCK: i32 = 37;
const BLOCK: i32 = 38;
const ADD_SOURCE: i32 = 39;
const DROP_SOURCE: i32 = 40;
const MSFILTER: i32 = 41;
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_BLOCK_SOURCE: i32 = 43;
const MCAST_LEAVE_GROUP: i32 = 45;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
const MCAST_LEAVE_SOURCE_GROUP: i32 = 47;
const MCAST_MSFILTER: i32 = 48;

fn set(fd: Fd, name: i32, value: &[u8]) -> Ret {
    sys::set_option_bytes(fd, IPPROTO_IP, name, value)
}

fn addrs(list: &[Ipv4Addr]) -> Vec<u8> {
    list.iter().flat_map(Ipv4Addr::octets).collect()
}

/// struct ip_msfilter.
fn msfilter(group: Ipv4Addr, mode: u32, list: &[Ipv4Addr]) -> Vec<u8> {
    let numbers = [mode.to_ne_bytes(), (list.len() as u32).to_ne_bytes()].concat();
    [addrs(&[group, LO]), numbers, addrs(list)].concat()
}

/// struct sockaddr_storage with an IPv4 address.
fn storage(addr: Ipv4Addr) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&addr.octets());
    bytes
}

/// struct group_req or group_source_req, on `lo`.
fn request(list: &[Ipv4Addr]) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    bytes[..4].copy_from_slice(&1u32.to_ne_bytes());
    list.iter().for_each(|addr| bytes.extend(storage(*addr)));
    bytes
}

/// Two sockets on a port of all addresses, and one that sends to groups by the loopback.
fn sockets() -> (Fd, Fd, Fd, u16) {
    let (one, two, sender) = (udp(), udp(), udp());
    for fd in [one, two] {
        must("SO_REUSEADDR", sys::set_option(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1));
    }
    must("bind", sys::bind(one, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)));
    let port = must("getsockname", sys::getsockname(one)).port();
    must("bind", sys::bind(two, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)));
    must("bind", sys::bind(sender, SocketAddrV4::new(LO, 0)));
    must("IP_MULTICAST_IF", set(sender, IP_MULTICAST_IF, &LO.octets()));
    (one, two, sender, port)
}

fn heard(fd: Fd) -> Ret<Vec<u8>> {
    must("poll", sys::poll(&[(fd, POLLIN)], 50));
    sys::recv(fd, 16, MSG_DONTWAIT)
}

fn membership(r: &mut Report) {
    let fd = udp();
    r.see("join", set(fd, ADD, &addrs(&[GROUP, LO])));
    r.see("again", set(fd, ADD, &addrs(&[GROUP, LO])));
    r.see("no group", set(fd, ADD, &addrs(&[LO, LO])));
    r.see("leave", set(fd, DROP, &addrs(&[GROUP, LO])));
    r.see("leave again", set(fd, DROP, &addrs(&[GROUP, LO])));
}

fn sources(r: &mut Report) {
    let (one, _, sender, port) = sockets();
    let to = SocketAddrV4::new(GROUP, port);
    r.see("block without membership", set(one, BLOCK, &addrs(&[GROUP, LO, SOURCE])));
    r.see("drop without membership", set(one, DROP_SOURCE, &addrs(&[GROUP, LO, SOURCE])));
    r.see("another source", set(one, ADD_SOURCE, &addrs(&[GROUP, LO, NOBODY])));
    must("sendto", sys::sendto(sender, b"one", 0, to));
    r.see("not wanted", heard(one));
    r.see("this source", set(one, ADD_SOURCE, &addrs(&[GROUP, LO, SOURCE])));
    must("sendto", sys::sendto(sender, b"two", 0, to));
    r.see("wanted", heard(one));
    r.see("twice", set(one, ADD_SOURCE, &addrs(&[GROUP, LO, SOURCE])));
    r.see("the other kind", set(one, BLOCK, &addrs(&[GROUP, LO, SOURCE])));
    r.see("drop", set(one, DROP_SOURCE, &addrs(&[GROUP, LO, SOURCE])));
    r.see("drop again", set(one, DROP_SOURCE, &addrs(&[GROUP, LO, SOURCE])));
    r.see("drop the last", set(one, DROP_SOURCE, &addrs(&[GROUP, LO, NOBODY])));
    r.see("that was the membership", set(one, DROP, &addrs(&[GROUP, LO])));
    r.see("join", set(one, ADD, &addrs(&[GROUP, LO])));
    r.see("block", set(one, BLOCK, &addrs(&[GROUP, LO, SOURCE])));
    must("sendto", sys::sendto(sender, b"three", 0, to));
    r.see("blocked", heard(one));
    r.see("block again", set(one, BLOCK, &addrs(&[GROUP, LO, SOURCE])));
    r.see("unblock", set(one, UNBLOCK, &addrs(&[GROUP, LO, SOURCE])));
    r.see("unblock again", set(one, UNBLOCK, &addrs(&[GROUP, LO, SOURCE])));
    must("sendto", sys::sendto(sender, b"four", 0, to));
    r.see("heard again", heard(one));
    for n in 1..=11 {
        let many = Ipv4Addr::new(127, 0, 1, n);
        if n > 9 {
            r.see("how many", set(one, BLOCK, &addrs(&[GROUP, LO, many])));
        } else {
            must("block", set(one, BLOCK, &addrs(&[GROUP, LO, many])));
        }
    }
}

fn filters(r: &mut Report) {
    let (one, _, sender, port) = sockets();
    let to = SocketAddrV4::new(GROUP, port);
    r.see("no member", set(one, MSFILTER, &msfilter(GROUP, 1, &[SOURCE])));
    must("join", set(one, ADD, &addrs(&[GROUP, LO])));
    r.see("include another", set(one, MSFILTER, &msfilter(GROUP, 1, &[NOBODY])));
    must("sendto", sys::sendto(sender, b"one", 0, to));
    r.see("not wanted", heard(one));
    r.see("exclude another", set(one, MSFILTER, &msfilter(GROUP, 0, &[NOBODY])));
    must("sendto", sys::sendto(sender, b"two", 0, to));
    r.see("wanted", heard(one));
    r.see("no mode", set(one, MSFILTER, &msfilter(GROUP, 2, &[NOBODY])));
    let many: Vec<_> = (1..=11).map(|n| Ipv4Addr::new(127, 0, 1, n)).collect();
    r.see("too many", set(one, MSFILTER, &msfilter(GROUP, 0, &many)));
    r.see("nothing", set(one, MSFILTER, &msfilter(GROUP, 1, &[])));
    r.see("which leaves", set(one, DROP, &addrs(&[GROUP, LO])));
}

fn by_number(r: &mut Report) {
    let (one, _, sender, port) = sockets();
    r.see("join", set(one, MCAST_JOIN_GROUP, &request(&[GROUP])));
    r.see("again", set(one, MCAST_JOIN_GROUP, &request(&[GROUP])));
    r.see("block", set(one, MCAST_BLOCK_SOURCE, &request(&[GROUP, SOURCE])));
    must("sendto", sys::sendto(sender, b"one", 0, SocketAddrV4::new(GROUP, port)));
    r.see("blocked", heard(one));
    r.see("leave", set(one, MCAST_LEAVE_GROUP, &request(&[GROUP])));
    r.see("leave again", set(one, MCAST_LEAVE_GROUP, &request(&[GROUP])));
    r.see("join a source", set(one, MCAST_JOIN_SOURCE_GROUP, &request(&[GROUP, SOURCE])));
    must("sendto", sys::sendto(sender, b"two", 0, SocketAddrV4::new(GROUP, port)));
    r.see("heard", heard(one));
    let numbers = [0u32.to_ne_bytes(), 1u32.to_ne_bytes()].concat();
    let filter = [request(&[GROUP]), numbers, storage(SOURCE)].concat();
    r.see("filter", set(one, MCAST_MSFILTER, &filter));
    must("sendto", sys::sendto(sender, b"three", 0, SocketAddrV4::new(GROUP, port)));
    r.see("filtered", heard(one));
    r.see("leave the source", set(one, MCAST_LEAVE_SOURCE_GROUP, &request(&[GROUP, NOBODY])));
}

fn all(r: &mut Report) {
    let (one, two, sender, port) = sockets();
    let to = SocketAddrV4::new(GROUP, port);
    r.see("default", sys::get_option(two, IPPROTO_IP, IP_MULTICAST_ALL));
    must("join", set(one, ADD, &addrs(&[GROUP, LO])));
    must("join another", set(two, ADD, &addrs(&[OTHER, LO])));
    must("sendto", sys::sendto(sender, b"one", 0, to));
    r.see("the member", heard(one));
    r.see("who is in another", heard(two));
    r.see("off", sys::set_option(two, IPPROTO_IP, IP_MULTICAST_ALL, 0));
    must("sendto", sys::sendto(sender, b"two", 0, to));
    r.see("the member", heard(one));
    r.see("who is in another", heard(two));
    r.see("no boolean", sys::set_option(two, IPPROTO_IP, IP_MULTICAST_ALL, 2));
}

fn short(r: &mut Report) {
    let fd = udp();
    r.see("ip_mreq_source", set(fd, ADD_SOURCE, &addrs(&[GROUP, LO])));
    r.see("ip_msfilter", set(fd, MSFILTER, &addrs(&[GROUP, LO])));
    r.see("fewer than it says", set(fd, MSFILTER, &msfilter(GROUP, 1, &[SOURCE])[..18]));
    r.see("group_req", set(fd, MCAST_JOIN_GROUP, &request(&[GROUP])[..100]));
    r.see("group_source_req", set(fd, MCAST_JOIN_SOURCE_GROUP, &request(&[GROUP])));
}
