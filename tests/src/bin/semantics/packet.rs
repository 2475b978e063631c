//! Packet sockets (packet(7)) on the loopback.

use libc::{
    AF_PACKET, FIONREAD, MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, POLLIN, SHUT_RDWR, SO_DOMAIN, SO_PROTOCOL,
    SO_TYPE, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM, SOL_PACKET, SOL_SOCKET,
};

use crate::Case;
use crate::net::{bound_udp, must, settle, udp};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("packet.kinds", kinds),
    ("packet.names", names),
    ("packet.not_for_packets", not_for_packets),
    ("packet.bind", bind),
    ("packet.send_errors", send_errors),
    ("packet.frames", frames),
    ("packet.datagrams", datagrams),
    ("packet.udp_seen", udp_seen),
    ("packet.stations", stations),
    ("packet.receive", receive),
    ("packet.statistics", statistics),
    ("packet.auxdata", auxdata),
    ("packet.memberships", memberships),
    ("packet.ignore_outgoing", ignore_outgoing),
    ("packet.devices", devices),
];

const LO: i32 = 1;
const ALL: u16 = 3;
const PROTOCOL: u16 = 0x1234;
const PACKET_IGNORE_OUTGOING: i32 = 23;

/// `struct sockaddr_ll`.
fn address(interface: i32, protocol: u16, len: u8, station: [u8; 6]) -> Vec<u8> {
    let mut bytes = (AF_PACKET as u16).to_ne_bytes().to_vec();
    bytes.extend(protocol.to_be_bytes());
    bytes.extend(interface.to_ne_bytes());
    bytes.extend([0, 0, 0, len]);
    bytes.extend(station);
    bytes.extend([0, 0]);
    bytes
}

pub fn on_lo(protocol: u16) -> Vec<u8> {
    address(LO, protocol, 6, [0; 6])
}

pub fn socket(kind: i32, protocol: u16) -> Fd {
    must("socket", sys::socket(AF_PACKET, kind, i32::from(protocol.to_be())))
}

/// One that sees `protocol` on the loopback.
pub fn watching(kind: i32, protocol: u16) -> Fd {
    let fd = socket(kind, 0);
    must("bind", sys::bind_bytes(fd, &on_lo(protocol)));
    fd
}

pub fn frame(station: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&station[..], &[0; 6], &ethertype.to_be_bytes(), payload].concat()
}

/// All that has come: how much, the bytes, and the address.
pub fn see_all(r: &mut Report, what: &str, fd: Fd) {
    while let Ok((n, bytes, name)) = sys::recvfrom_bytes(fd, 64, MSG_DONTWAIT) {
        r.see(what, format!("{n} {bytes:?} from {name:?}"));
    }
    r.see(what, "no more");
}

fn kinds(r: &mut Report) {
    for kind in [SOCK_RAW, SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET, 7] {
        r.see(&format!("kind {kind}"), sys::socket(AF_PACKET, kind, 0).map(drop));
    }
    for protocol in [0x1_2345, -1] {
        let fd = must("socket", sys::socket(AF_PACKET, SOCK_RAW, protocol));
        r.see("protocol", sys::getsockname_bytes(fd).map(|name| format!("{name:?}")));
    }
}

fn names(r: &mut Report) {
    let fd = socket(SOCK_DGRAM, ALL);
    for name in [SO_DOMAIN, SO_TYPE, SO_PROTOCOL] {
        r.see("option", sys::get_option(fd, SOL_SOCKET, name).map(i64::from));
    }
    r.see("name", sys::getsockname_bytes(fd).map(|name| format!("{name:?}")));
    r.see("bind", sys::bind_bytes(fd, &on_lo(PROTOCOL)));
    r.see("name", sys::getsockname_bytes(fd).map(|name| format!("{name:?}")));
    r.see("protocol 0 keeps it", sys::bind_bytes(fd, &on_lo(0)));
    r.see("name", sys::getsockname_bytes(fd).map(|name| format!("{name:?}")));
    r.see("any interface", sys::bind_bytes(fd, &address(0, 0x0806, 0, [0; 6])));
    r.see("name", sys::getsockname_bytes(fd).map(|name| format!("{name:?}")));
}

fn not_for_packets(r: &mut Report) {
    let fd = socket(SOCK_RAW, 0);
    r.see("connect", sys::connect_raw(fd, AF_PACKET, 16));
    r.see("getpeername", sys::getpeername(fd).map(drop));
    r.see("listen", sys::listen(fd, 1));
    r.see("accept", sys::accept(fd).map(drop));
    r.see("shutdown", sys::shutdown(fd, SHUT_RDWR));
    r.see("IP_TTL", sys::get_option(fd, libc::IPPROTO_IP, libc::IP_TTL).map(i64::from));
    r.see("IP_TTL := 1", sys::set_option(fd, libc::IPPROTO_IP, libc::IP_TTL, 1));
}

fn bind(r: &mut Report) {
    let fd = socket(SOCK_RAW, 0);
    for len in [0, 2, 12, 18, 19] {
        r.see(&format!("{len} bytes"), sys::bind_bytes(fd, &on_lo(ALL)[..len]));
    }
    r.see("more bytes", sys::bind_bytes(fd, &[&on_lo(ALL)[..], &[0; 10]].concat()));
    for family in [0u16, 2] {
        let name = [&family.to_ne_bytes()[..], &on_lo(ALL)[2..]].concat();
        r.see(&format!("family {family}"), sys::bind_bytes(fd, &name));
    }
    for interface in [999, -1, 0, LO] {
        r.see(&format!("interface {interface}"), sys::bind_bytes(fd, &address(interface, ALL, 0, [0; 6])));
    }
}

fn send_errors(r: &mut Report) {
    for (what, kind) in [("raw", SOCK_RAW), ("datagram", SOCK_DGRAM)] {
        let fd = socket(kind, 0);
        let bytes = frame([0; 6], PROTOCOL, b"hello");
        r.see(&format!("{what} to nowhere"), sys::send(fd, &bytes, 0));
        r.see("MSG_OOB", sys::send(fd, &bytes, MSG_OOB));
        for len in [0, 12, 18, 20] {
            r.see(&format!("{what}, {len} bytes of address"), sys::sendto_bytes(fd, &bytes, 0, &on_lo(0)[..len]));
        }
        for interface in [999, 0] {
            r.see(
                &format!("{what}, interface {interface}"),
                sys::sendto_bytes(fd, &bytes, 0, &address(interface, 0, 6, [0; 6])),
            );
        }
        for len in [0, 5, 8, 9, 20] {
            r.see(
                &format!("{what}, station of {len} bytes"),
                sys::sendto_bytes(fd, &bytes, 0, &address(LO, 0, len, [0; 6])),
            );
        }
        let other_family = [&2u16.to_ne_bytes()[..], &on_lo(0)[2..]].concat();
        r.see(&format!("{what}, another family"), sys::sendto_bytes(fd, &bytes, 0, &other_family));
        for len in [0, 1, 13, 14, 65536, 65537, 65550, 65551, 70000] {
            r.see(&format!("{what}, {len} bytes"), sys::sendto_bytes(fd, &vec![0; len], 0, &on_lo(0)));
        }
        must("bind", sys::bind_bytes(fd, &on_lo(0)));
        r.see(&format!("{what}, bound"), sys::send(fd, &bytes, 0));
    }
}

fn frames(r: &mut Report) {
    let (all, one, payloads) = (watching(SOCK_RAW, ALL), watching(SOCK_RAW, PROTOCOL), watching(SOCK_DGRAM, ALL));
    let (other, none) = (watching(SOCK_RAW, 0x0806), watching(SOCK_RAW, 0));
    let sender = socket(SOCK_RAW, 0);
    // Who says another protocol than the frame's: so it leaves, and comes as what it is.
    r.see("send", sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, b"hello"), 0, &on_lo(0x4321)));
    for (what, fd) in [("all", all), ("one", one), ("payloads", payloads), ("other", other), ("none", none)] {
        see_all(r, what, fd);
    }
    r.see("a length", sys::sendto_bytes(sender, &frame([0; 6], 16, b"hello"), 0, &on_lo(0)));
    r.see("of Novell's", sys::sendto_bytes(sender, &frame([0; 6], 16, &[0xff; 2]), 0, &on_lo(0)));
    see_all(r, "802.3", all);
    r.see("own", sys::sendto_bytes(all, &frame([0; 6], PROTOCOL, b"own"), 0, &on_lo(0)));
    see_all(r, "own, which does not see it leave", all);
}

fn datagrams(r: &mut Report) {
    let all = watching(SOCK_RAW, ALL);
    let sender = watching(SOCK_DGRAM, PROTOCOL);
    r.see("send", sys::send(sender, b"payload", 0));
    see_all(r, "bound", all);
    r.see("empty", sys::send(sender, b"", 0));
    see_all(r, "empty", all);
    r.see("sendto", sys::sendto_bytes(sender, b"payload", 0, &address(LO, 0x4321, 6, [1, 2, 3, 4, 5, 6])));
    see_all(r, "said", all);
}

fn udp_seen(r: &mut Report) {
    let (all, ip) = (watching(SOCK_DGRAM, ALL), watching(SOCK_DGRAM, 0x0800));
    let (a, (b, at_b)) = (udp(), bound_udp());
    must("sendto", sys::sendto(a, b"seen", 0, at_b));
    settle(b, POLLIN);
    for (what, fd) in [("all", all), ("IP", ip)] {
        while let Ok((n, bytes, name)) = sys::recvfrom_bytes(fd, 64, MSG_DONTWAIT) {
            r.see(what, format!("{n} {:?} from {name:?}", &bytes[28..]));
        }
    }
}

fn stations(r: &mut Report) {
    let (all, sender) = (watching(SOCK_DGRAM, ALL), socket(SOCK_RAW, 0));
    for station in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 1]] {
        must("send", sys::sendto_bytes(sender, &frame(station, PROTOCOL, b"x"), 0, &on_lo(0)));
        see_all(r, &format!("{station:?}"), all);
    }
}

fn receive(r: &mut Report) {
    let (fd, sender) = (watching(SOCK_RAW, PROTOCOL), socket(SOCK_RAW, 0));
    for flags in [0, MSG_PEEK, MSG_TRUNC, MSG_OOB, libc::MSG_WAITALL, libc::MSG_ERRQUEUE, libc::MSG_EOR, 0x10000] {
        r.see(&format!("flags {flags:#x}"), sys::recv(fd, 8, flags | MSG_DONTWAIT));
    }
    let bytes = frame([0; 6], PROTOCOL, b"hello");
    must("send", sys::sendto_bytes(sender, &bytes, 0, &on_lo(0)));
    r.see("poll", sys::poll(&[(fd, POLLIN)], 1000));
    r.see("FIONREAD", sys::ioctl(fd, FIONREAD, 0).map(i64::from));
    r.see("peek", sys::recv_len(fd, 5, MSG_PEEK).map(|(_, n)| n));
    r.see("peek the length", sys::recv_len(fd, 5, MSG_PEEK | MSG_TRUNC).map(|(_, n)| n));
    let message = must("recvmsg", sys::recvmsg(fd, &[2, 3], 0, 0));
    r.see("recvmsg", format!("{} flags {:#x} name {}", message.returned, message.flags, message.name_len));
    r.see("gone", sys::recv(fd, 8, MSG_DONTWAIT));
}

pub fn words(bytes: Ret<Vec<u8>>) -> Ret<String> {
    let word = |part: &[u8]| part.try_into().map_or(0, u32::from_ne_bytes);
    bytes.map(|bytes| format!("{:?}", bytes.chunks(4).map(word).collect::<Vec<_>>()))
}

fn statistics(r: &mut Report) {
    let (fd, sender) = (watching(SOCK_RAW, ALL), socket(SOCK_RAW, 0));
    for _ in 0..3 {
        must("send", sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, b"x"), 0, &on_lo(0)));
    }
    r.see("poll", sys::poll(&[(fd, POLLIN)], 1000));
    for what in ["counts", "counts again"] {
        r.see(what, words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
    }
}

fn auxdata(r: &mut Report) {
    for kind in [SOCK_RAW, SOCK_DGRAM] {
        let (fd, sender) = (watching(kind, PROTOCOL), socket(SOCK_RAW, 0));
        r.see("on", sys::set_option(fd, SOL_PACKET, libc::PACKET_AUXDATA, 1));
        must("send", sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, b"hello"), 0, &on_lo(0)));
        let message = must("recvmsg", sys::recvmsg(fd, &[3], 0, 200));
        r.see("flags", message.flags as u32);
        for ((level, kind, _), data) in message.control.into_iter().zip(message.control_data) {
            r.see("control", format!("level {level} type {kind} {data:?}"));
        }
    }
}

/// `struct packet_mreq`.
fn request(interface: i32, kind: i32, len: u16) -> Vec<u8> {
    let mut bytes = interface.to_ne_bytes().to_vec();
    bytes.extend((kind as u16).to_ne_bytes());
    bytes.extend(len.to_ne_bytes());
    bytes.extend([1, 0, 0x5e, 1, 2, 3, 0, 0]);
    bytes
}

fn memberships(r: &mut Report) {
    let fd = socket(SOCK_RAW, 0);
    let asks = [
        ("promiscuous", request(LO, libc::PACKET_MR_PROMISC, 0)),
        ("all groups", request(LO, libc::PACKET_MR_ALLMULTI, 0)),
        ("a group", request(LO, libc::PACKET_MR_MULTICAST, 6)),
        ("a group of 5 bytes", request(LO, libc::PACKET_MR_MULTICAST, 5)),
        ("a group of 8 bytes", request(LO, libc::PACKET_MR_MULTICAST, 8)),
        ("a station", request(LO, 3, 6)),
        ("no such interface", request(999, libc::PACKET_MR_PROMISC, 0)),
        ("a short one", request(LO, libc::PACKET_MR_PROMISC, 0)[..15].to_vec()),
    ];
    for (what, ask) in asks {
        for (does, name) in [("add", libc::PACKET_ADD_MEMBERSHIP), ("again", libc::PACKET_ADD_MEMBERSHIP)]
            .into_iter()
            .chain([libc::PACKET_DROP_MEMBERSHIP; 3].map(|name| ("drop", name)))
        {
            r.see(&format!("{what}, {does}"), sys::set_option_bytes(fd, SOL_PACKET, name, &ask));
        }
    }
}

fn ignore_outgoing(r: &mut Report) {
    let (fd, sender) = (watching(SOCK_RAW, ALL), socket(SOCK_RAW, 0));
    for value in [2, -1, 1] {
        r.see(&format!(":= {value}"), sys::set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, value));
    }
    r.see("get", sys::get_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING).map(i64::from));
    must("send", sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, b"x"), 0, &on_lo(0)));
    see_all(r, "only what comes", fd);
}

/// By whatever socket interfaces are asked about, they are those of the network.
fn devices(r: &mut Report) {
    let name = |name: &str| std::array::from_fn(|i| name.as_bytes().get(i).copied().unwrap_or(0));
    let request = |text: &str, union: &[u8]| {
        let mut request = [0; 40];
        request[..16].copy_from_slice(&name(text));
        request[16..16 + union.len()].copy_from_slice(union);
        request
    };
    let text = |bytes: &[u8]| format!("{bytes:?}");
    for (domain, kind) in
        [(libc::AF_INET, SOCK_DGRAM), (AF_PACKET, SOCK_RAW), (libc::AF_UNIX, SOCK_STREAM), (libc::AF_NETLINK, SOCK_RAW)]
    {
        let fd = must("socket", sys::socket(domain, kind, 0));
        let mut ask = |what: &str, number, request: &[u8; 40]| {
            r.see(&format!("{domain}, {what}"), sys::device(fd, number, request).map(|reply| text(&reply[..24])));
        };
        ask("index", libc::SIOCGIFINDEX, &request("lo", &[]));
        ask("hardware", libc::SIOCGIFHWADDR, &request("lo", &[]));
        ask("name", libc::SIOCGIFNAME, &request("", &1u32.to_ne_bytes()));
        ask("name of none", libc::SIOCGIFNAME, &request("", &[0; 4]));
        ask("mtu", libc::SIOCGIFMTU, &request("lo", &[]));
        ask("none", libc::SIOCGIFMTU, &request("none", &[]));
        for (what, on, command) in [
            ("link", "lo", &[0x0a, 7][..]),
            ("link of none", "none", &[0x0a, 7]),
            ("unknown", "lo", &[0xffff, 7]),
            ("what a driver knows", "lo", &[0x0000_0004, 7]),
        ] {
            let said = sys::ethtool(fd, &name(on), command).map(|words| format!("{words:?}"));
            r.see(&format!("{domain}, {what}"), said);
        }
        r.see("nowhere", sys::device(fd, 0x8946, &request("lo", &8u64.to_ne_bytes())).map(drop));
    }
    let (end, _) = must("pipe", sys::pipe());
    r.see("no socket", sys::device(end, libc::SIOCGIFINDEX, &request("lo", &[])).map(drop));
}
