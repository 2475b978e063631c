//! Raw sockets of any protocol, those of TCP and UDP among them: whom they send to, and what options they alone have (raw(7), RFC 3542
//! §3).

use libc::{
    AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, SOCK_RAW, SOL_RAW,
};
use std::net::Ipv6Addr;

use crate::Case;
use crate::net::must;
use crate::report::{Report, hex};
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("raw.named_destination", named_destination),
    ("raw.options", options),
    ("raw.filter_of_another_protocol", filter_of_another_protocol),
    ("raw.header_included_v6", header_included_v6),
];

const ICMP_FILTER: i32 = 1;
const IPV6_CHECKSUM: i32 = 7;
const IPV6_HDRINCL: i32 = 36;
/// A protocol for experiments (RFC 3692).
const EXPERIMENT: i32 = 253;
/// Text that is no segment and no datagram, whatever it is taken for.
const TEXT: &[u8] = b"twenty octets, no TCP";

fn raw(family: i32, protocol: i32) -> Fd {
    must("a raw socket", sys::socket(family, SOCK_RAW, protocol))
}

/// A `sockaddr` of the loopback with this port.
fn loopback(family: i32, port: u16) -> Vec<u8> {
    let [family_bytes, port] = [(family as u16).to_ne_bytes(), port.to_be_bytes()];
    match family {
        AF_INET => [&family_bytes[..], &port, &[127, 0, 0, 1], &[0; 8]].concat(),
        _ => [&family_bytes[..], &port, &[0; 4], &Ipv6Addr::LOCALHOST.octets(), &[0; 4]].concat(),
    }
}

/// The address counts, though of a connection it would not (TCP).
fn named_destination(r: &mut Report) {
    for family in [AF_INET, AF_INET6] {
        for protocol in [IPPROTO_TCP, IPPROTO_UDP, EXPERIMENT] {
            let (from, to) = (raw(family, protocol), raw(family, protocol));
            let what = format!("{family}, {protocol}");
            r.see(&format!("{what}: nobody"), sys::sendto_bytes(from, TEXT, 0, &[]));
            for port in [0, 9, protocol as u16] {
                r.see(&format!("{what}: port {port}"), sys::sendto_bytes(from, TEXT, 0, &loopback(family, port)));
            }
            let got = sys::recv(to, 100, libc::MSG_DONTWAIT);
            r.see(&format!("{what}: came"), got.map(|bytes| bytes.ends_with(TEXT)));
        }
    }
}

fn options(r: &mut Report) {
    for (family, protocol) in
        [(AF_INET, IPPROTO_ICMP), (AF_INET, EXPERIMENT), (AF_INET6, IPPROTO_ICMPV6), (AF_INET6, EXPERIMENT)]
    {
        for level in [SOL_RAW, IPPROTO_IPV6] {
            let fd = raw(family, protocol);
            for name in [IPV6_CHECKSUM, IPV6_HDRINCL, 222] {
                let what = format!("{family}, {protocol}, level {level}, {name}");
                for value in [4, 3, 0, -1] {
                    r.see(&format!("{what} := {value}"), sys::set_option(fd, level, name, value));
                    r.see(&what, sys::get_option(fd, level, name));
                }
                r.see(&format!("{what} := 3 bytes"), sys::set_option_bytes(fd, level, name, &[0; 3]));
                r.see(&format!("{what}: room for 2"), sys::get_option_bytes(fd, level, name, 2).map(|b| hex(&b)));
            }
        }
    }
    for (family, kind) in [(AF_INET6, libc::SOCK_DGRAM), (AF_INET6, libc::SOCK_STREAM)] {
        let fd = must("socket", sys::socket(family, kind, 0));
        r.see(&format!("kind {kind}"), sys::set_option(fd, SOL_RAW, IPV6_CHECKSUM, 2));
    }
}

/// The level of ICMPv6, and ICMP_FILTER, where the socket is not of ICMP.
fn filter_of_another_protocol(r: &mut Report) {
    for (family, level) in [(AF_INET, SOL_RAW), (AF_INET6, SOL_RAW), (AF_INET6, IPPROTO_ICMPV6)] {
        let fd = raw(family, EXPERIMENT);
        for name in [ICMP_FILTER, 9] {
            let what = format!("{family}, level {level}, {name}");
            r.see(&format!("{what} set"), sys::set_option_bytes(fd, level, name, &[0; 32]));
            r.see(&format!("{what} set, 2 bytes"), sys::set_option_bytes(fd, level, name, &[0; 2]));
            r.see(&what, sys::get_option_bytes(fd, level, name, 32).map(|bytes| hex(&bytes)));
        }
    }
}

/// A packet whose header the program makes, by IPV6_HDRINCL of either level.
fn header_included_v6(r: &mut Report) {
    let to = raw(AF_INET6, EXPERIMENT);
    let address = Ipv6Addr::LOCALHOST.octets();
    let packet = [&[0x60, 0, 0, 0, 0, 4, EXPERIMENT as u8, 64][..], &address, &address, b"text"].concat();
    for level in [SOL_RAW, IPPROTO_IPV6] {
        let from = raw(AF_INET6, EXPERIMENT);
        r.see("set", sys::set_option(from, level, IPV6_HDRINCL, 1));
        r.see("sent", sys::sendto_bytes(from, &packet, 0, &loopback(AF_INET6, 0)));
        r.see("came", sys::recv(to, 100, libc::MSG_DONTWAIT).map(|bytes| hex(&bytes)));
    }
}
