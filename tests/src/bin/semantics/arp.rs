//! The requests of arp(7), as far as a network of `lo` alone can tell.

use libc::{AF_INET, AF_INET6, AF_PACKET, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};

use crate::Case;
use crate::net::must;
use crate::report::Report;
use crate::sys;

pub const CASES: &[Case] = &[("arp.refused", refused)];

const SIOCDARP: libc::Ioctl = 0x8953;
const SIOCGARP: libc::Ioctl = 0x8954;
const SIOCSARP: libc::Ioctl = 0x8955;
const COM: i32 = 2;
const NETMASK: i32 = 32;
const DONTPUB: i32 = 64;

/// `struct arpreq`.
fn request(family: i32, hardware: u16, flags: i32, device: &str) -> [u8; 68] {
    let mut request = [0; 68];
    request[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    request[4..8].copy_from_slice(&[127, 0, 0, 9]);
    request[16..18].copy_from_slice(&hardware.to_ne_bytes());
    request[18..24].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    request[32..36].copy_from_slice(&flags.to_ne_bytes());
    request[52..52 + device.len()].copy_from_slice(device.as_bytes());
    request
}

fn refused(r: &mut Report) {
    for (domain, kind) in [
        (AF_INET, SOCK_DGRAM),
        (AF_INET, SOCK_STREAM),
        (AF_INET6, SOCK_DGRAM),
        (AF_PACKET, SOCK_RAW),
        (AF_UNIX, SOCK_DGRAM),
    ] {
        let fd = must("socket", sys::socket(domain, kind, 0));
        for (what, number) in [("get", SIOCGARP), ("set", SIOCSARP), ("delete", SIOCDARP)] {
            let mut ask = |how: &str, request: [u8; 68]| {
                r.see(&format!("{domain} {kind}, {what} {how}"), sys::arp(fd, number, &request).map(drop));
            };
            ask("of another family", request(AF_INET6, 0, COM, "lo"));
            ask("by no device", request(AF_INET, 0, COM, "nosuch0"));
            ask("with a mask", request(AF_INET, 0, COM | NETMASK, "lo"));
            ask("not for others", request(AF_INET, 0, DONTPUB, "lo"));
            ask("of another hardware", request(AF_INET, 6, COM, "lo"));
            if number != SIOCSARP {
                ask("of nobody", request(AF_INET, 0, 0, "lo"));
            }
        }
        r.see("without a device", sys::arp(fd, SIOCGARP, &request(AF_INET, 0, 0, "")).map(drop));
    }
}
