//! Packet sockets as they were (SOCK_PACKET), whose interfaces go by name, on the loopback.

use libc::{
    AF_INET, AF_INET6, AF_PACKET, FIONREAD, IPPROTO_IP, IPPROTO_TCP, MAP_SHARED, MSG_DONTWAIT, MSG_OOB, MSG_PEEK,
    MSG_TRUNC, SHUT_RDWR, SO_DOMAIN, SO_PROTOCOL, SO_TYPE, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_PACKET, SOL_SOCKET,
};

use crate::Case;
use crate::net::{bound_udp, must, udp};
use crate::packet::frame;
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("packetbyname.families", families),
    ("packetbyname.options", options),
    ("packetbyname.not_for_them", not_for_them),
    ("packetbyname.bind", bind),
    ("packetbyname.receive", receive),
    ("packetbyname.addresses", addresses),
    ("packetbyname.lengths", lengths),
    ("packetbyname.protocols", protocols),
];

const SOCK_PACKET: i32 = 10;
const ALL: u16 = 3;
const PROTOCOL: u16 = 0x1234;

/// `struct sockaddr_pkt`.
fn address(device: &str, protocol: u16) -> Vec<u8> {
    let mut bytes = (AF_INET as u16).to_ne_bytes().to_vec();
    bytes.extend(device.bytes());
    bytes.resize(16, 0);
    bytes.extend(protocol.to_be_bytes());
    bytes
}

fn socket(protocol: u16) -> Fd {
    must("socket", sys::socket(AF_INET, SOCK_PACKET, i32::from(protocol.to_be())))
}

fn see_name(r: &mut Report, fd: Fd) {
    r.see("name", sys::getsockname_bytes(fd).map(|name| format!("{name:?}")));
}

fn see_all(r: &mut Report, what: &str, fd: Fd) {
    while let Ok((n, bytes, name)) = sys::recvfrom_bytes(fd, 20, MSG_DONTWAIT) {
        r.see(what, format!("{n} {bytes:?} from {name:?}"));
    }
    r.see(what, "no more");
}

fn families(r: &mut Report) {
    for family in [AF_INET, AF_INET6, AF_PACKET] {
        for flags in [0, SOCK_NONBLOCK, SOCK_CLOEXEC] {
            for protocol in [0, 3, -1] {
                let what = format!("family {family}, {flags:#x}, {protocol}");
                r.see(&what, sys::socket(family, SOCK_PACKET | flags, protocol).map(drop));
            }
        }
        for kind in [0, 4, 7, 8, 9, 11, 12] {
            r.see(&format!("family {family}, type {kind}"), sys::socket(family, kind, 0).map(drop));
        }
    }
}

fn options(r: &mut Report) {
    let fd = socket(PROTOCOL);
    for name in [SO_DOMAIN, SO_TYPE, SO_PROTOCOL] {
        r.see(&format!("{name}"), sys::get_option(fd, SOL_SOCKET, name).map(i64::from));
    }
    for level in [SOL_PACKET, IPPROTO_IP, IPPROTO_TCP, 250] {
        for name in [1, 2, 6, 8, 11, 15, 999] {
            r.see(&format!("level {level}, {name}"), sys::get_option(fd, level, name).map(i64::from));
            r.see(&format!("level {level}, {name} := 1"), sys::set_option(fd, level, name, 1));
            r.see(&format!("level {level}, {name}, no bytes"), sys::set_option_bytes(fd, level, name, &[]));
        }
    }
}

fn not_for_them(r: &mut Report) {
    let fd = socket(ALL);
    r.see("connect", sys::connect_bytes(fd, &address("lo", 0)[..16]));
    r.see("getpeername", sys::getpeername(fd).map(drop));
    r.see("listen", sys::listen(fd, 1));
    r.see("accept", sys::accept(fd).map(drop));
    r.see("shutdown", sys::shutdown(fd, SHUT_RDWR));
    r.see("mmap", sys::map(fd, 4096, MAP_SHARED, 0).map(drop));
}

fn bind(r: &mut Report) {
    let fd = socket(ALL);
    see_name(r, fd);
    for len in [0, 2, 15, 16, 17, 18] {
        r.see(&format!("{len} bytes"), sys::bind_bytes(fd, &address("lo", ALL)[..len]));
        see_name(r, fd);
    }
    for device in ["none", "", "lo2", "lo\0more", "abcdefghijklmn"] {
        r.see(device, sys::bind_bytes(fd, &address(device, ALL)[..16]));
        see_name(r, fd);
    }
    for family in [0u16, 17, 99] {
        let name = [&family.to_ne_bytes()[..], &address("lo", 0)[2..16]].concat();
        r.see(&format!("family {family}"), sys::bind_bytes(fd, &name));
    }
}

fn receive(r: &mut Report) {
    let (fd, sender) = (socket(PROTOCOL), socket(0));
    let send = || must("send", sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, b"hello"), 0, &address("lo", 0)));
    for flags in [0, MSG_PEEK, MSG_TRUNC, MSG_OOB, libc::MSG_WAITALL, libc::MSG_ERRQUEUE] {
        r.see(&format!("flags {flags:#x}"), sys::recv(fd, 8, flags | MSG_DONTWAIT));
    }
    send();
    r.see("FIONREAD", sys::ioctl(fd, FIONREAD, 0).map(i64::from));
    r.see("peek", sys::recv_len(fd, 5, MSG_PEEK | MSG_TRUNC).map(|(_, n)| n));
    let message = must("recvmsg", sys::recvmsg(fd, &[2, 3], 0, 100));
    let control = message.control.len();
    r.see("recvmsg", format!("{} flags {:#x} name {} {control}", message.returned, message.flags, message.name_len));
    r.see("gone", sys::recv(fd, 8, MSG_DONTWAIT));
    send();
    r.see("the whole", sys::recvfrom_bytes(fd, 64, 0).map(|(n, bytes, name)| format!("{n} {bytes:?} from {name:?}")));
    let (from, (_to, at_to)) = (udp(), bound_udp());
    let ip = socket(0x0800);
    must("sendto", sys::sendto(from, b"seen", 0, at_to));
    r.see("IP", sys::recvfrom_bytes(ip, 64, 0).map(|(n, _, name)| format!("{n} from {name:?}")));
}

fn addresses(r: &mut Report) {
    let (fd, bytes) = (socket(0), frame([0; 6], PROTOCOL, b"hello"));
    r.see("nowhere", sys::send(fd, &bytes, 0));
    must("bind", sys::bind_bytes(fd, &address("lo", 0)[..16]));
    r.see("where it is bound", sys::send(fd, &bytes, 0));
    r.see("MSG_OOB", sys::sendto_bytes(fd, &bytes, MSG_OOB, &address("lo", 0)));
    for len in [0, 2, 15, 16, 17, 18] {
        r.see(&format!("{len} bytes"), sys::sendto_bytes(fd, &bytes, 0, &address("lo", 0)[..len]));
    }
    for device in ["none", "", "lo2", "lo\0more", "abcdefghijklmn"] {
        r.see(device, sys::sendto_bytes(fd, &bytes, 0, &address(device, 0)));
    }
    for family in [0u16, 17, 99] {
        let name = [&family.to_ne_bytes()[..], &address("lo", 0)[2..]].concat();
        r.see(&format!("family {family}"), sys::sendto_bytes(fd, &bytes, 0, &name));
    }
}

fn lengths(r: &mut Report) {
    let fd = socket(0);
    for len in [0, 1, 13, 14, 65536, 65550, 65551, 65554, 65555, 70000] {
        r.see(&format!("{len} bytes"), sys::sendto_bytes(fd, &vec![0; len], 0, &address("lo", 0)));
        r.see(&format!("{len} bytes to nowhere"), sys::sendto_bytes(fd, &vec![0; len], 0, &address("none", 0)));
    }
}

/// On its way out a frame is of the protocol that its sender says, or of none.
fn protocols(r: &mut Report) {
    let (all, one, none) = (socket(ALL), socket(PROTOCOL), socket(0));
    let sender = socket(0);
    for (what, to) in [
        ("none", address("lo", 0)),
        ("another", address("lo", 0x4321)),
        ("its own", address("lo", PROTOCOL)),
        ("all", address("lo", ALL)),
        ("not said", address("lo", PROTOCOL)[..16].to_vec()),
        ("a longer address", [address("lo", PROTOCOL), vec![0; 2]].concat()),
    ] {
        r.see(what, sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, b"hello"), 0, &to));
        for (what, fd) in [("seen by all", all), ("by one", one), ("by none", none)] {
            see_all(r, what, fd);
        }
    }
    r.see("own", sys::sendto_bytes(all, &frame([0; 6], PROTOCOL, b"own"), 0, &address("lo", 0)));
    see_all(r, "own", all);
}
