//! Multicast groups and their sources, over the loopback. Of IPv6 the calls alone: Linux sends no group there by default.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};

use libc::{
    AF_INET, AF_INET6, IP_MULTICAST_ALL, IP_MULTICAST_IF, IPPROTO_IP, IPPROTO_IPV6, MSG_DONTWAIT, POLLIN, SOCK_RAW,
};

use crate::Case;
use crate::net::{must, udp};
use crate::report::{Report, hex};
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("multicast.membership", membership),
    ("multicast.sources", sources),
    ("multicast.filters", filters),
    ("multicast.filters_read", filters_read),
    ("multicast.filters_by_function", filters_by_function),
    ("multicast.by_number", by_number),
    ("multicast.all", all),
    ("multicast.raw", raw),
    ("multicast.raw6", raw6),
    ("multicast.short", short),
    ("multicast.v6", v6),
    ("multicast.v6_filters", v6_filters),
    ("multicast.v6_many", v6_many),
];

const LO: Ipv4Addr = Ipv4Addr::LOCALHOST;
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 77, 1, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(239, 77, 1, 2);
const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 77, 1);
const SOURCE6: Ipv6Addr = Ipv6Addr::LOCALHOST;
const NOBODY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);

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
const MCAST_UNBLOCK_SOURCE: i32 = 44;
const MCAST_LEAVE_GROUP: i32 = 45;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
const MCAST_LEAVE_SOURCE_GROUP: i32 = 47;
const MCAST_MSFILTER: i32 = 48;

fn set(fd: Fd, name: i32, value: &[u8]) -> Ret {
    sys::set_option_bytes(fd, IPPROTO_IP, name, value)
}

fn set6(fd: Fd, name: i32, value: &[u8]) -> Ret {
    sys::set_option_bytes(fd, IPPROTO_IPV6, name, value)
}

fn addrs(list: &[Ipv4Addr]) -> Vec<u8> {
    list.iter().flat_map(Ipv4Addr::octets).collect()
}

/// struct ip_msfilter.
fn msfilter(group: Ipv4Addr, mode: u32, list: &[Ipv4Addr]) -> Vec<u8> {
    let numbers = [mode.to_ne_bytes(), (list.len() as u32).to_ne_bytes()].concat();
    [addrs(&[group, LO]), numbers, addrs(list)].concat()
}

/// IP_MSFILTER and MCAST_MSFILTER of getsockopt(2): the structure says how many sources there is room for, not the length.
fn filters_read(r: &mut Report) {
    let fd = udp();
    let v4 = |group, room: usize| msfilter(group, 7, &vec![Ipv4Addr::UNSPECIFIED; room]);
    let read = |r: &mut Report, what: &str, asked: &[u8], len: usize| {
        r.see(what, sys::ask_option_of(fd, IPPROTO_IP, MSFILTER, asked, len).map(|bytes| hex(&bytes)));
    };
    read(r, "no member", &v4(GROUP, 2), 24);
    must("join", set(fd, ADD, &addrs(&[GROUP, LO])));
    read(r, "all of it", &v4(GROUP, 2), 24);
    must("set", set(fd, MSFILTER, &msfilter(GROUP, 0, &[SOURCE, NOBODY])));
    for room in 0..4 {
        read(r, &format!("all but two, room for {room}"), &v4(GROUP, room), 16 + 4 * room);
    }
    for len in [0, 8, 15, 16, 17] {
        read(r, &format!("length {len}"), &v4(GROUP, 2), len);
    }
    must("set", set(fd, MSFILTER, &msfilter(GROUP, 1, &[NOBODY])));
    read(r, "one alone", &v4(GROUP, 2), 24);
    read(r, "another group", &v4(OTHER, 2), 24);
    read(r, "no group", &v4(LO, 2), 24);
    for (interface, group, len) in
        [(1u32, GROUP, 400), (1, GROUP, 144), (1, GROUP, 143), (99, GROUP, 400), (1, OTHER, 400), (1, LO, 400)]
    {
        let numbers = [7u32.to_ne_bytes(), 2u32.to_ne_bytes()].concat();
        let asked = [&interface.to_ne_bytes()[..], &[0; 4], &storage(group), &numbers, &[0; 256]].concat();
        let got = sys::ask_option_of(fd, IPPROTO_IP, MCAST_MSFILTER, &asked, len);
        r.see(&format!("MCAST_MSFILTER of {group} on {interface}, length {len}"), got.map(|bytes| hex(&bytes)));
    }
}

/// setipv4sourcefilter(3), setsourcefilter(3) and what they are read back with.
fn filters_by_function(r: &mut Report) {
    let fd = udp();
    r.see("no member", sys::source_filter_v4(fd, LO, GROUP, 4));
    r.see("of IPv4, no member", sys::set_source_filter_v4(fd, LO, GROUP, 0, &addrs(&[SOURCE])));
    must("join", set(fd, ADD, &addrs(&[GROUP, LO])));
    r.see("of IPv4", sys::set_source_filter_v4(fd, LO, GROUP, 0, &addrs(&[SOURCE, NOBODY])));
    for room in 0..4 {
        r.see(&format!("of IPv4, room for {room}"), sys::source_filter_v4(fd, LO, GROUP, room));
    }
    r.see("no mode", sys::set_source_filter_v4(fd, LO, GROUP, 7, &[]));
    let group = |addr: IpAddr| {
        let len = if addr.is_ipv4() { size_of::<libc::sockaddr_in>() } else { size_of::<libc::sockaddr_in6>() };
        storage(addr)[..len].to_vec()
    };
    let any = group(GROUP.into());
    r.see("any", sys::set_source_filter(fd, 1, &any, 1, &storage(NOBODY)));
    for room in 0..3 {
        r.see(&format!("any, room for {room}"), sys::source_filter(fd, 1, &any, room));
    }
    r.see("any, far too many", sys::set_source_filter(fd, 1, &any, 1, &vec![0; 100_000 * 128]));
    r.see("of IPv4, far too many", sys::set_source_filter_v4(fd, LO, GROUP, 0, &vec![0; 100_000 * 4]));
    r.see("no interface", sys::set_source_filter(fd, 99, &any, 1, &storage(NOBODY)));
    r.see("another group", sys::source_filter(fd, 1, &group(OTHER.into()), 2));
    r.see("a short address", sys::source_filter(fd, 1, &any[..8], 2));
    r.see("a group of IPv6", sys::set_source_filter(fd, 1, &group(GROUP6.into()), 1, &storage(SOURCE6)));
    let fd = udp6();
    must("join", set6(fd, MCAST_JOIN_GROUP, &request(&[GROUP6])));
    r.see("of IPv6", sys::set_source_filter(fd, 1, &group(GROUP6.into()), 0, &storage(SOURCE6)));
    r.see("of IPv6, read", sys::source_filter(fd, 1, &group(GROUP6.into()), 2));
}

/// struct sockaddr_storage.
fn storage(addr: impl Into<IpAddr>) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    let family = match addr.into() {
        IpAddr::V4(addr) => {
            bytes[4..8].copy_from_slice(&addr.octets());
            libc::AF_INET
        }
        IpAddr::V6(addr) => {
            bytes[8..24].copy_from_slice(&addr.octets());
            libc::AF_INET6
        }
    };
    bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    bytes
}

/// struct group_req or group_source_req, on `lo`.
fn request<A: Into<IpAddr> + Copy>(list: &[A]) -> Vec<u8> {
    request_on(1, list)
}

fn request_on<A: Into<IpAddr> + Copy>(interface: u32, list: &[A]) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    bytes[..4].copy_from_slice(&interface.to_ne_bytes());
    list.iter().for_each(|addr| bytes.extend(storage(*addr)));
    bytes
}

/// struct group_filter, on `lo`.
fn group_filter<A: Into<IpAddr> + Copy>(group: A, mode: u32, list: &[A]) -> Vec<u8> {
    let numbers = [mode.to_ne_bytes(), (list.len() as u32).to_ne_bytes()].concat();
    let sources = list.iter().flat_map(|addr| storage(*addr)).collect();
    [request(&[group]), numbers, sources].concat()
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
    r.see("filter", set(one, MCAST_MSFILTER, &group_filter(GROUP, 0, &[SOURCE])));
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

/// Raw sockets are members, too, of a protocol that is nobody's.
fn raw(r: &mut Report) {
    let open = || must("socket", sys::socket(AF_INET, SOCK_RAW, 200));
    let (one, two, three, sender) = (open(), open(), open(), open());
    must("IP_MULTICAST_IF", set(sender, IP_MULTICAST_IF, &LO.octets()));
    must("IP_MULTICAST_ALL", sys::set_option(three, IPPROTO_IP, IP_MULTICAST_ALL, 0));
    let heard = |r: &mut Report, what: &str| {
        must("sendto", sys::sendto(sender, b"routes", 0, SocketAddrV4::new(GROUP, 0)));
        r.see(what, format!("{:?}", [one, two, three, sender].map(|fd| heard(fd).map(|bytes| bytes.len()))));
    };
    heard(r, "nobody is a member");
    r.see("join", set(one, ADD, &addrs(&[GROUP, LO])));
    r.see("again", set(one, ADD, &addrs(&[GROUP, LO])));
    heard(r, "one is");
    r.see("block", set(one, BLOCK, &addrs(&[GROUP, LO, SOURCE])));
    heard(r, "it does not want the source");
    r.see("unblock", set(one, UNBLOCK, &addrs(&[GROUP, LO, SOURCE])));
    r.see("join by number", set(two, MCAST_JOIN_GROUP, &request(&[OTHER])));
    r.see("one source", set(two, MCAST_JOIN_SOURCE_GROUP, &request(&[GROUP, NOBODY])));
    heard(r, "another is, for another source");
    r.see("leave", set(one, DROP, &addrs(&[GROUP, LO])));
    r.see("leave again", set(one, DROP, &addrs(&[GROUP, LO])));
    heard(r, "one has left");
}

fn raw6(r: &mut Report) {
    let fd = must("socket", sys::socket(AF_INET6, SOCK_RAW, 200));
    let member = |group: Ipv6Addr| [&group.octets()[..], &1u32.to_ne_bytes()].concat();
    for (what, name, group) in [
        ("join", libc::IPV6_ADD_MEMBERSHIP, GROUP6),
        ("again", libc::IPV6_ADD_MEMBERSHIP, GROUP6),
        ("no group", libc::IPV6_ADD_MEMBERSHIP, SOURCE6),
        ("leave", libc::IPV6_DROP_MEMBERSHIP, GROUP6),
        ("leave again", libc::IPV6_DROP_MEMBERSHIP, GROUP6),
    ] {
        r.see(what, set6(fd, name, &member(group)));
    }
    r.see("a source", set6(fd, MCAST_JOIN_SOURCE_GROUP, &request(&[GROUP6, SOURCE6])));
    for count in [2, 64, 65, 200] {
        let many: Vec<_> = (1..=count).map(|n| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n)).collect();
        let numbers = [1u32.to_ne_bytes(), u32::from(count).to_ne_bytes()].concat();
        let sources: Vec<u8> = many.iter().flat_map(|source| storage(*source)).collect();
        r.see(&format!("{count}"), set6(fd, MCAST_MSFILTER, &[request(&[GROUP6]), numbers, sources].concat()));
    }
}

fn short(r: &mut Report) {
    let fd = udp();
    r.see("ip_mreq_source", set(fd, ADD_SOURCE, &addrs(&[GROUP, LO])));
    r.see("ip_msfilter", set(fd, MSFILTER, &addrs(&[GROUP, LO])));
    r.see("fewer than it says", set(fd, MSFILTER, &msfilter(GROUP, 1, &[SOURCE])[..18]));
    r.see("group_req", set(fd, MCAST_JOIN_GROUP, &request(&[GROUP])[..100]));
    r.see("group_source_req", set(fd, MCAST_JOIN_SOURCE_GROUP, &request(&[GROUP])));
    r.see("a group of IPv6", set(fd, MCAST_JOIN_GROUP, &request(&[GROUP6])));
    r.see("a source of IPv6", set(fd, MCAST_JOIN_SOURCE_GROUP, &request(&[IpAddr::from(GROUP), SOURCE6.into()])));
}

fn udp6() -> Fd {
    must("socket", sys::socket(libc::AF_INET6, libc::SOCK_DGRAM, 0))
}

fn v6(r: &mut Report) {
    let fd = udp6();
    let about = [GROUP6, SOURCE6];
    r.see("block without membership", set6(fd, MCAST_BLOCK_SOURCE, &request(&about)));
    r.see("leave the source without membership", set6(fd, MCAST_LEAVE_SOURCE_GROUP, &request(&about)));
    r.see("join", set6(fd, MCAST_JOIN_GROUP, &request(&[GROUP6])));
    r.see("again", set6(fd, MCAST_JOIN_GROUP, &request(&[GROUP6])));
    r.see("block", set6(fd, MCAST_BLOCK_SOURCE, &request(&about)));
    r.see("block again", set6(fd, MCAST_BLOCK_SOURCE, &request(&about)));
    r.see("the other kind", set6(fd, MCAST_JOIN_SOURCE_GROUP, &request(&about)));
    r.see("unblock", set6(fd, MCAST_UNBLOCK_SOURCE, &request(&about)));
    r.see("unblock again", set6(fd, MCAST_UNBLOCK_SOURCE, &request(&about)));
    r.see("leave", set6(fd, MCAST_LEAVE_GROUP, &request(&[GROUP6])));
    r.see("leave again", set6(fd, MCAST_LEAVE_GROUP, &request(&[GROUP6])));
    r.see("join a source", set6(fd, MCAST_JOIN_SOURCE_GROUP, &request(&about)));
    r.see("join it again", set6(fd, MCAST_JOIN_SOURCE_GROUP, &request(&about)));
    r.see("join another", set6(fd, MCAST_JOIN_SOURCE_GROUP, &request(&[GROUP6, NOBODY6])));
    r.see("leave it", set6(fd, MCAST_LEAVE_SOURCE_GROUP, &request(&[GROUP6, NOBODY6])));
    r.see("leave the last", set6(fd, MCAST_LEAVE_SOURCE_GROUP, &request(&about)));
    r.see("that was the membership", set6(fd, MCAST_LEAVE_GROUP, &request(&[GROUP6])));
    r.see("no group", set6(fd, MCAST_JOIN_GROUP, &request(&[SOURCE6])));
    r.see("no interface", set6(fd, MCAST_JOIN_GROUP, &request_on(77, &[GROUP6])));
    r.see("a group of IPv4", set6(fd, MCAST_JOIN_GROUP, &request(&[GROUP])));
    r.see("a source of IPv4", set6(fd, MCAST_JOIN_SOURCE_GROUP, &request(&[IpAddr::from(GROUP6), SOURCE.into()])));
    r.see("group_req", set6(fd, MCAST_JOIN_GROUP, &request(&[GROUP6])[..100]));
    r.see("group_source_req", set6(fd, MCAST_JOIN_SOURCE_GROUP, &request(&[GROUP6])));
    r.see("of a socket of IPv4", set6(udp(), MCAST_JOIN_GROUP, &request(&[GROUP6])));
}

fn v6_filters(r: &mut Report) {
    let fd = udp6();
    let filter = |mode, list: &[Ipv6Addr]| set6(fd, MCAST_MSFILTER, &group_filter(GROUP6, mode, list));
    r.see("no member", filter(1, &[SOURCE6]));
    must("join", set6(fd, MCAST_JOIN_GROUP, &request(&[GROUP6])));
    r.see("include", filter(1, &[SOURCE6]));
    r.see("no mode", filter(2, &[SOURCE6]));
    let many: Vec<_> = (1..=65).map(|n| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 1, n)).collect();
    r.see("65", filter(0, &many));
    r.see("64", filter(0, &many[..64]));
    r.see("one more", set6(fd, MCAST_BLOCK_SOURCE, &request(&[GROUP6, SOURCE6])));
    r.see("fewer than it says", set6(fd, MCAST_MSFILTER, &group_filter(GROUP6, 1, &[SOURCE6])[..200]));
    let of_v4 = group_filter(IpAddr::from(GROUP6), 1, &[SOURCE.into()]);
    r.see("a source of IPv4", set6(fd, MCAST_MSFILTER, &of_v4));
    r.see("a group of IPv4", set6(fd, MCAST_MSFILTER, &group_filter(GROUP, 1, &[SOURCE])));
    r.see("nothing", filter(1, &[]));
    r.see("which leaves", set6(fd, MCAST_LEAVE_GROUP, &request(&[GROUP6])));
}

/// Linux bounds the groups of IPv4 by number, those of IPv6 by memory.
fn v6_many(r: &mut Report) {
    let fd = udp6();
    for n in 0..100 {
        must("join", set6(fd, MCAST_JOIN_GROUP, &request(&[Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 78, n)])));
    }
    let joined = (0..25).map(|n| set(fd, ADD, &addrs(&[Ipv4Addr::new(239, 78, 0, n), LO])).is_ok());
    r.see("of IPv4", joined.filter(|joined| *joined).count());
    r.see("one more", set(fd, ADD, &addrs(&[GROUP, LO])));
}
