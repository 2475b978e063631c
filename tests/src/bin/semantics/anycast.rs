//! `IPV6_JOIN_ANYCAST` and `IPV6_LEAVE_ANYCAST` where there is a loopback alone, which has no address to share.

use std::net::Ipv6Addr;

use libc::{AF_INET, AF_INET6, IPPROTO_IPV6, SOCK_DGRAM, SOCK_STREAM};

use crate::Case;
use crate::net::must;
use crate::report::Report;
use crate::sys;

pub const CASES: &[Case] = &[("anycast.refused", refused), ("anycast.lengths", lengths)];

const JOIN: i32 = 27;
const LEAVE: i32 = 28;

/// `struct ipv6_mreq`.
fn request(addr: &str, interface: i32) -> Vec<u8> {
    let addr: Ipv6Addr = addr.parse().expect("an address");
    [&addr.octets()[..], &interface.to_ne_bytes()].concat()
}

fn refused(r: &mut Report) {
    for (what, kind) in [("stream", SOCK_STREAM), ("datagram", SOCK_DGRAM)] {
        let fd = must("socket", sys::socket(AF_INET6, kind, 0));
        for addr in ["::1", "::", "ff02::1", "fe80::99", "fd00::99", "::ffff:127.0.0.1", "::ffff:10.0.0.1"] {
            for interface in [0, 1, 99, -1] {
                for (how, name) in [("join", JOIN), ("leave", LEAVE)] {
                    let set = sys::set_option_bytes(fd, IPPROTO_IPV6, name, &request(addr, interface));
                    r.see(&format!("{what}, {how} {addr} on {interface}"), set);
                }
            }
        }
    }
    let fd = must("socket", sys::socket(AF_INET, SOCK_DGRAM, 0));
    r.see("of IPv4", sys::set_option_bytes(fd, IPPROTO_IPV6, JOIN, &request("::1", 1)));
}

fn lengths(r: &mut Report) {
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    let bytes = [&request("fd00::99", 1)[..], &[0; 12]].concat();
    for name in [JOIN, LEAVE] {
        for len in [0, 4, 16, 19, 20, 21, 32] {
            r.see(&format!("{name}, {len} bytes"), sys::set_option_bytes(fd, IPPROTO_IPV6, name, &bytes[..len]));
        }
        r.see(&format!("{name}, read"), sys::get_option_bytes(fd, IPPROTO_IPV6, name, 32));
    }
}
