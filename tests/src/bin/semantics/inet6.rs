//! Options of ipv6(7) and RFC 3542, over ::1.

use std::net::Ipv6Addr;

use libc::{AF_INET6, IPPROTO_IPV6, MSG_DONTWAIT, SOCK_DGRAM, SOCK_STREAM};

use crate::Case;
use crate::net::{here_mapped, here6, listener, must, settle};
use crate::report::{Report, hex};
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("inet6.path_mtu", path_mtu),
    ("inet6.path_mtu_is_kept_once", path_mtu_is_kept_once),
    ("inet6.dont_fragment_for_one", dont_fragment_for_one),
    ("inet6.too_long", too_long),
    ("inet6.fragment_size", fragment_size),
    ("inet6.said_for_one", said_for_one),
    ("inet6.address_form", address_form),
    ("inet6.hops_beside_ttl", hops_beside_ttl),
    ("inet6.sticky_packet_info", sticky_packet_info),
];

fn socket(kind: i32) -> Fd {
    must("socket", sys::socket(AF_INET6, kind, 0))
}

/// A datagram socket bound to ::1, and its address.
fn bound() -> (Fd, Vec<u8>) {
    let fd = socket(SOCK_DGRAM);
    must("bind", sys::bind_bytes(fd, &here6(0)));
    (fd, must("name", sys::getsockname_bytes(fd)))
}

fn set(fd: Fd, name: i32, value: i32) -> Ret {
    sys::set_option(fd, IPPROTO_IPV6, name, value)
}

fn get(fd: Fd, name: i32) -> Ret<i32> {
    sys::get_option(fd, IPPROTO_IPV6, name)
}

/// A message: bytes, length of the name, flags, control messages.
fn message(r: &mut Report, what: &str, fd: Fd, flags: i32) {
    match sys::recvmsg(fd, &[8], flags, 256) {
        Err(errno) => r.see(what, errno.to_string()),
        Ok(got) => {
            r.see(what, format!("{} bytes, name {}, flags {:#x}", got.returned, got.name_len, got.flags));
            for ((level, kind, _), data) in got.control.iter().zip(&got.control_data) {
                r.see(&format!("{what}, control"), format!("{level} {kind} {}", hex(data)));
            }
        }
    }
}

/// IPV6_RECVPATHMTU: instead of a datagram, what would have fitted.
fn path_mtu(r: &mut Report) {
    let fd = socket(SOCK_DGRAM);
    for (what, name, value) in [
        ("IPV6_RECVPATHMTU", libc::IPV6_RECVPATHMTU, 1),
        ("IPV6_DONTFRAG", libc::IPV6_DONTFRAG, 1),
        ("IPV6_MTU", libc::IPV6_MTU, 1300),
    ] {
        r.see(what, set(fd, name, value));
    }
    r.see("sendto", sys::sendto_bytes(fd, &[7; 2000], 0, &here6(9)));
    r.see("poll", sys::poll(&[(fd, libc::POLLIN)], 0));
    message(r, "peek", fd, MSG_DONTWAIT | libc::MSG_PEEK);
    message(r, "again", fd, MSG_DONTWAIT);
    r.see("sendto", sys::sendto_bytes(fd, &[7; 2000], 0, &here6(9)));
    r.see("off", set(fd, libc::IPV6_RECVPATHMTU, 0));
    message(r, "while off", fd, MSG_DONTWAIT);
    r.see("on", set(fd, libc::IPV6_RECVPATHMTU, 1));
    message(r, "on again", fd, MSG_DONTWAIT);
    for room in [0, 4, 31, 32, 40] {
        let got = |fd| sys::get_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_PATHMTU, room).map(|value| value.len());
        r.see(&format!("IPV6_PATHMTU, room for {room}"), got(fd));
        let (fd, to) = bound();
        must("connect", sys::connect_bytes(fd, &to));
        r.see(&format!("connected, room for {room}"), got(fd));
    }
}

fn path_mtu_is_kept_once(r: &mut Report) {
    let (fd, to) = bound();
    for (name, value) in [(libc::IPV6_RECVPATHMTU, 1), (libc::IPV6_DONTFRAG, 1), (libc::IPV6_MTU, 1300)] {
        must("set", set(fd, name, value));
    }
    r.see("first", sys::sendto_bytes(fd, &[7; 2000], 0, &here6(9)));
    must("set", set(fd, libc::IPV6_MTU, 1400));
    r.see("second", sys::sendto_bytes(fd, &[7; 3000], 0, &here6(9)));
    must("sendto", sys::sendto_bytes(fd, b"text", 0, &to));
    settle(fd, libc::POLLIN);
    message(r, "before the datagram", fd, MSG_DONTWAIT);
    message(r, "the datagram", fd, MSG_DONTWAIT);
    message(r, "nothing", fd, MSG_DONTWAIT);
}

fn dont_fragment_for_one(r: &mut Report) {
    let (fd, to) = bound();
    must("connect", sys::connect_bytes(fd, &to));
    must("set", set(fd, libc::IPV6_RECVPATHMTU, 1));
    must("set", set(fd, libc::IPV6_MTU, 1300));
    for value in [1, 0, 2, -1] {
        let control = (IPPROTO_IPV6, libc::IPV6_DONTFRAG, &i32::to_ne_bytes(value)[..]);
        r.see(&format!("IPV6_DONTFRAG {value}"), sys::sendmsg_with(fd, &[7; 2000], 0, control));
    }
    message(r, "told", fd, MSG_DONTWAIT);
    message(r, "one in fragments", fd, MSG_DONTWAIT);
}

/// What no packet has room for is told with the MTU, too.
fn too_long(r: &mut Report) {
    let (fd, to) = bound();
    must("set", set(fd, libc::IPV6_RECVERR, 1));
    must("set", set(fd, libc::IPV6_MTU, 1300));
    for len in [65_528, 65_535, 65_536, 127_952] {
        r.see(&format!("{len}"), sys::sendto_bytes(fd, &vec![7; len], 0, &to));
        message(r, &format!("queued, {len}"), fd, libc::MSG_ERRQUEUE);
    }
}

fn fragment_size(r: &mut Report) {
    let (ear, to) = bound();
    r.see("set", set(ear, libc::IPV6_RECVFRAGSIZE, 1));
    let fd = socket(SOCK_DGRAM);
    must("set", set(fd, libc::IPV6_MTU, 1300));
    for len in [100, 3000] {
        must("sendto", sys::sendto_bytes(fd, &vec![7; len], 0, &to));
        settle(ear, libc::POLLIN);
        message(r, &format!("{len}"), ear, 0);
    }
    for (what, kind) in [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM)] {
        let fd = must("socket", sys::socket(libc::AF_INET, kind, 0));
        r.see(&format!("IP_RECVFRAGSIZE, {what}"), sys::set_option(fd, libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE, 5));
        r.see(&format!("{what}, then"), sys::get_option(fd, libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE));
    }
}

/// What a message says for itself, also as RFC 2292 had it, and what is told of it.
fn said_for_one(r: &mut Report) {
    let (ear, to) = bound();
    for name in [libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVTCLASS, libc::IPV6_RECVPKTINFO, libc::IPV6_FLOWINFO] {
        must("set", set(ear, name, 1));
    }
    let fd = socket(SOCK_DGRAM);
    must("connect", sys::connect_bytes(fd, &to));
    must("set", set(fd, 70, 0)); // IPV6_AUTOFLOWLABEL
    let packet_info = [&here6(0)[8..24], &1i32.to_ne_bytes()].concat();
    let cases: &[(&str, i32, &[u8])] = &[
        ("IPV6_HOPLIMIT", libc::IPV6_HOPLIMIT, &7i32.to_ne_bytes()),
        ("IPV6_2292HOPLIMIT", 8, &9i32.to_ne_bytes()),
        ("IPV6_TCLASS", libc::IPV6_TCLASS, &0x20i32.to_ne_bytes()),
        ("IPV6_FLOWINFO", libc::IPV6_FLOWINFO, &0x12345i32.to_be_bytes()),
        ("IPV6_PKTINFO", libc::IPV6_PKTINFO, &packet_info),
        ("IPV6_2292PKTINFO", 2, &packet_info),
        ("IPV6_2292PKTINFO, short", 2, &packet_info[..16]),
    ];
    for (what, kind, data) in cases {
        let sent = sys::sendmsg_with(fd, b"text", 0, (IPPROTO_IPV6, *kind, data));
        r.see(&format!("sent with {what}"), sent);
        if sent.is_ok() {
            settle(ear, libc::POLLIN);
        }
        message(r, what, ear, MSG_DONTWAIT);
    }
}

fn address_form(r: &mut Report) {
    let (_listening, at) = listener(4);
    for (what, kind) in [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM)] {
        let fd = socket(kind);
        r.see(&format!("{what}, unconnected"), get(fd, libc::IPV6_ADDRFORM));
        r.see(&format!("{what}, set"), set(fd, libc::IPV6_ADDRFORM, libc::AF_INET));
        r.see(&format!("{what}, connect"), sys::connect_bytes(fd, &here_mapped(at.port())));
        r.see(&format!("{what}, connected"), get(fd, libc::IPV6_ADDRFORM));
        for family in [AF_INET6, 0, libc::AF_INET] {
            r.see(&format!("{what} := {family}"), set(fd, libc::IPV6_ADDRFORM, family));
        }
        r.see(&format!("{what}, domain"), sys::get_option(fd, libc::SOL_SOCKET, libc::SO_DOMAIN));
        r.see(&format!("{what}, peer"), sys::getpeername(fd).map(|peer| peer == at));
        r.see(&format!("{what}, IPV6_V6ONLY"), get(fd, libc::IPV6_V6ONLY));
        r.see(&format!("{what}, again"), set(fd, libc::IPV6_ADDRFORM, libc::AF_INET));
        r.see(&format!("{what}, send"), sys::send(fd, b"text", 0));
    }
    let (fd, to) = bound();
    must("connect", sys::connect_bytes(fd, &to));
    r.see("of a socket of IPv6", set(fd, libc::IPV6_ADDRFORM, libc::AF_INET));
}

/// What a socket says of IPv6 packets is not what it says of IPv4 packets.
fn hops_beside_ttl(r: &mut Report) {
    for (what, kind) in [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM)] {
        let fd = socket(kind);
        r.see(&format!("{what}, hops"), set(fd, libc::IPV6_UNICAST_HOPS, 7));
        r.see(&format!("{what}, class"), set(fd, libc::IPV6_TCLASS, 0x20));
        r.see(&format!("{what}, IP_TTL"), sys::get_option(fd, libc::IPPROTO_IP, libc::IP_TTL));
        r.see(&format!("{what}, IP_TOS"), sys::get_option(fd, libc::IPPROTO_IP, libc::IP_TOS));
        r.see(&format!("{what}, TTL"), sys::set_option(fd, libc::IPPROTO_IP, libc::IP_TTL, 9));
        r.see(&format!("{what}, TOS"), sys::set_option(fd, libc::IPPROTO_IP, libc::IP_TOS, 0x40));
        r.see(&format!("{what}, hops then"), get(fd, libc::IPV6_UNICAST_HOPS));
        r.see(&format!("{what}, class then"), get(fd, libc::IPV6_TCLASS));
    }
}

/// IPV6_PKTINFO of a socket: the interface of all that it sends.
fn sticky_packet_info(r: &mut Report) {
    const NOBODY: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);
    for shape in [libc::SOCK_DGRAM, libc::SOCK_STREAM] {
        let fd = must("socket", sys::socket(AF_INET6, shape, 0));
        r.see("get", sys::get_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_PKTINFO, 64));
        let mut set = |addr: Ipv6Addr, index: u32, len: usize| {
            let value = [&addr.octets()[..], &index.to_ne_bytes(), &[0; 8]].concat();
            let done = sys::set_option_bytes(fd, IPPROTO_IPV6, libc::IPV6_PKTINFO, &value[..len]);
            r.see(&format!("{addr}, {index}, {len} bytes"), done);
            if shape == libc::SOCK_DGRAM {
                r.see("send here", sys::sendto_bytes(fd, b"x", 0, &here6(9)).map(|_| ()));
            }
        };
        for len in [0, 1, 16, 19, 21, 28] {
            set(Ipv6Addr::UNSPECIFIED, 1, len);
        }
        for (addr, index) in
            [(Ipv6Addr::UNSPECIFIED, 1), (Ipv6Addr::LOCALHOST, 1), (NOBODY, 1), (NOBODY, 99), (NOBODY, 0)]
        {
            set(addr, index, 20);
        }
        must("bind", sys::set_option_bytes(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo\0"));
        for index in [1, 2, 0] {
            set(Ipv6Addr::UNSPECIFIED, index, 20);
        }
    }
}
