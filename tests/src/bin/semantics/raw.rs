//! Raw sockets of any protocol, those of TCP and UDP among them: whom they send to.

use libc::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, SOCK_RAW};
use std::net::Ipv6Addr;

use crate::Case;
use crate::net::must;
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[("raw.named_destination", named_destination)];

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
