//! IP_HDRINCL: packets whose header the program makes, and what of it the kernel fills in (raw(7)).

use libc::{AF_INET, IPPROTO_IP, IPPROTO_RAW, SOCK_RAW};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Case;
use crate::net::must;
use crate::report::Report;
use crate::sys::{self, Fd};

pub const CASES: &[Case] = &[
    ("included.filled_in", filled_in),
    ("included.kept", kept),
    ("included.refused", refused),
    ("included.switched_off", switched_off),
];

const IP_HDRINCL: i32 = 3;
/// A protocol for experiments (RFC 3692).
const PROTOCOL: u8 = 253;
const LOOPBACK: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

fn raw(protocol: i32) -> Fd {
    must("a raw socket", sys::socket(AF_INET, SOCK_RAW, protocol))
}

/// A header of IPv4 with this identification and these flags, and "text".
fn packet(identification: u16, flags: u16, src: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0];
    packet.extend([identification.to_be_bytes(), flags.to_be_bytes()].concat());
    packet.extend([64, PROTOCOL, 0, 0]);
    packet.extend([src, [127, 0, 0, 1]].concat());
    packet.extend(b"text");
    packet
}

/// What comes of it, the checksum judged, an identification that chance gave only noted.
fn arrives(r: &mut Report, what: &str, sent: &[u8]) {
    let (from, to) = (raw(IPPROTO_RAW), raw(PROTOCOL.into()));
    r.see(&format!("{what}: sent"), sys::sendto(from, sent, 0, LOOPBACK));
    let Ok((mut got, _)) = sys::recvfrom(to, 100, libc::MSG_DONTWAIT) else { return r.see(what, "nothing".to_owned()) };
    let sum = got[..20].chunks(2).fold(0u32, |sum, pair| sum + u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let good = (sum & 0xffff) + (sum >> 16) == 0xffff;
    let identification = match (&sent[4..6], &got[4..6]) {
        (_, [0, 0]) => "0",
        (asked, is) if asked == is => "as asked",
        _ => "chosen",
    };
    got[4..6].fill(0);
    got[10..12].fill(0);
    r.see(what, format!("{} identification {identification}, checksum good: {good}", crate::report::hex(&got)));
    [from, to].into_iter().for_each(|fd| must("close", sys::close(fd)));
}

fn filled_in(r: &mut Report) {
    arrives(r, "all zero", &packet(0, 0, [0; 4]));
    arrives(r, "not to be fragmented", &packet(0, 0x4000, [0; 4]));
    let mut long = packet(0, 0, [0; 4]);
    long[2..4].copy_from_slice(&[0xff, 0xff]);
    long[10..12].copy_from_slice(&[0x12, 0x34]);
    arrives(r, "a wrong length and checksum", &long);
}

fn kept(r: &mut Report) {
    arrives(r, "an identification", &packet(0x1234, 0, [0; 4]));
    arrives(r, "a source", &packet(0, 0, [127, 0, 0, 9]));
    let mut packet = packet(7, 0, [0; 4]);
    (packet[1], packet[8]) = (0x10, 3);
    arrives(r, "TOS and TTL", &packet);
}

fn refused(r: &mut Report) {
    let fd = raw(IPPROTO_RAW);
    for len in [0, 1, 19] {
        r.see(&format!("{len} bytes"), sys::sendto(fd, &packet(0, 0, [0; 4])[..len], 0, LOOPBACK));
    }
    let mut long = packet(0, 0, [0; 4]);
    long[0] = 0x4f;
    r.see("a header longer than it", sys::sendto(fd, &long, 0, LOOPBACK));
    let mut large = packet(0, 0, [0; 4]);
    large.resize(65_536, 0);
    r.see("65536 bytes", sys::sendto(fd, &large, 0, LOOPBACK));
    r.see("recv", sys::recv(fd, 100, libc::MSG_DONTWAIT));
}

fn switched_off(r: &mut Report) {
    let (fd, to) = (raw(PROTOCOL.into()), raw(PROTOCOL.into()));
    r.see("default", sys::get_option(fd, IPPROTO_IP, IP_HDRINCL));
    must("on", sys::set_option(fd, IPPROTO_IP, IP_HDRINCL, 1));
    r.see("with a header", sys::sendto(fd, &packet(9, 0, [0; 4]), 0, LOOPBACK));
    r.see("came", sys::recv(to, 100, libc::MSG_DONTWAIT).map(|got| got.len().to_string()));
    must("off", sys::set_option(fd, IPPROTO_IP, IP_HDRINCL, 0));
    r.see("without", sys::sendto(fd, b"text", 0, LOOPBACK));
    r.see("came", sys::recv(to, 100, libc::MSG_DONTWAIT).map(|got| got.len().to_string()));
}
