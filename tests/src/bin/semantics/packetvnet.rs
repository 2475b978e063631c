//! What is left to do to a frame, told before it (PACKET_VNET_HDR), on the loopback.

pub mod rings;

use libc::{
    AF_INET6, FIONREAD, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, POLLIN, SO_NO_CHECK, SOCK_DGRAM, SOCK_RAW, SOL_PACKET,
    SOL_SOCKET,
};

use crate::Case;
use crate::net::{bound_udp, must, settle, udp};
use crate::packet::{frame, on_lo, socket, watching};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("packetvnet.options", options),
    ("packetvnet.with_rings", with_rings),
    ("packetvnet.datagrams_seen", datagrams_seen),
    ("packetvnet.receive", receive),
    ("packetvnet.switched", switched),
    ("packetvnet.short", short),
    ("packetvnet.completed", completed),
    ("packetvnet.places", places),
    ("packetvnet.types", types),
    ("packetvnet.sizes", sizes),
    ("packetvnet.too_short", too_short),
    ("packetvnet.segments", segments),
    ("packetvnet.protocols", protocols),
    ("packetvnet.datagrams", datagrams),
    ("packetvnet.fragments", fragments),
    ("packetvnet.not_whole", not_whole),
    ("packetvnet.long", long),
];

const VERSION: i32 = 10;
const RX_RING: i32 = 5;
const TX_RING: i32 = 13;
const VNET_HDR: i32 = 15;
const VNET_HDR_SZ: i32 = 24;
const ALL: u16 = 3;
const NEEDS_CSUM: u8 = 1;
const TCPV4: u8 = 1;
const UDP: u8 = 3;
const TCPV6: u8 = 4;
const UDP_L4: u8 = 5;
const ECN: u8 = 0x80;
/// Of the UDP socket that hears, and of nobody.
const PORT: u16 = 7007;

/// `struct virtio_net_hdr`.
#[derive(Clone, Copy, Default)]
struct Header {
    flags: u8,
    kind: u8,
    len: u16,
    size: u16,
    start: u16,
    offset: u16,
}

impl Header {
    /// Of a frame of IPv4 without options.
    fn tcp(kind: u8, size: u16) -> Header {
        Header { flags: NEEDS_CSUM, kind, size, start: 34, offset: 16, ..Header::default() }
    }

    fn udp(kind: u8, size: u16) -> Header {
        Header { offset: 6, ..Header::tcp(kind, size) }
    }

    fn before(self, frame: &[u8]) -> Vec<u8> {
        let Header { flags, kind, len, size, start, offset } = self;
        let words = [len, size, start, offset].map(u16::to_ne_bytes).concat();
        [&[flags, kind], &words[..], frame].concat()
    }
}

fn sum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)));
    let mut total: u64 = words.sum();
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// Nobody on the loopback, so that nobody answers.
const NOBODY: [u8; 4] = [10, 9, 9, 9];
/// Whom the host hears on its loopback, which of IPv4 comes there from programs only by its own sockets.
const HERE: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn packet(protocol: u8, transport: &[u8]) -> Vec<u8> {
    let len = (20 + transport.len()).min(0xffff) as u16;
    let mut header =
        [&[0x45, 0][..], &len.to_be_bytes(), &[0, 7, 0x40, 0, 64, protocol, 0, 0], &NOBODY, &NOBODY].concat();
    let checksum = !sum(&[&header]);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    frame([0; 6], 0x0800, &[&header, transport].concat())
}

fn pseudo(protocol: u8, len: usize) -> u16 {
    sum(&[&NOBODY, &NOBODY, &u16::from(protocol).to_be_bytes(), &(len as u32).to_be_bytes()])
}

/// A datagram whose checksum's field holds the sum of the pseudo-header.
fn datagram(text: &[u8]) -> Vec<u8> {
    let len = 8 + text.len();
    let words = [1000, PORT, len as u16, pseudo(17, len)].map(u16::to_be_bytes).concat();
    packet(17, &[&words, text].concat())
}

/// A segment with FIN, PSH, ACK and CWR, likewise.
fn segment(text: &[u8]) -> Vec<u8> {
    let checksum = pseudo(6, 20 + text.len()).to_be_bytes();
    let header = [&[3, 232, 0, 9, 0, 0, 0, 100, 0, 0, 0, 200, 0x50, 0x99, 4, 0][..], &checksum, &[0, 0]].concat();
    packet(6, &[&header, text].concat())
}

fn packet6(protocol: u8, transport: &[u8]) -> Vec<u8> {
    let len = (transport.len() as u16).to_be_bytes();
    frame([0; 6], 0x86dd, &[&[0x60, 0, 0, 0], &len[..], &[protocol, 64], &HERE, &HERE, transport].concat())
}

fn pseudo6(protocol: u8, len: usize) -> u16 {
    sum(&[&HERE, &HERE, &u16::from(protocol).to_be_bytes(), &(len as u16).to_be_bytes()])
}

fn datagram6(text: &[u8]) -> Vec<u8> {
    let len = 8 + text.len();
    let words = [1000, PORT, len as u16, pseudo6(17, len)].map(u16::to_be_bytes).concat();
    packet6(17, &[&words, text].concat())
}

fn segment6(text: &[u8]) -> Vec<u8> {
    let checksum = pseudo6(6, 20 + text.len()).to_be_bytes();
    let header = [&[3, 232, 0, 9, 0, 0, 0, 100, 0, 0, 0, 200, 0x50, 0x04, 4, 0][..], &checksum, &[0, 0]].concat();
    packet6(6, &[&header, text].concat())
}

fn set(fd: Fd, name: i32, value: i32) -> Ret {
    sys::set_option(fd, SOL_PACKET, name, value)
}

/// One that sees `protocol` on the loopback and is told.
fn told(protocol: u16) -> Fd {
    let fd = socket(SOCK_RAW, 0);
    must("told", set(fd, VNET_HDR, 1));
    must("bind", sys::bind_bytes(fd, &on_lo(protocol)));
    fd
}

/// What is said of a frame. Where its headers end is a hint, and depends on how the host keeps it.
fn said(bytes: &[u8]) -> String {
    let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
    format!("flags {} type {} size {} at {}+{}", bytes[0], bytes[1], word(4), word(6), word(8))
}

/// How each frame came that is there, what is said of it, and what `show` shows.
fn see_all(r: &mut Report, what: &str, fd: Fd, show: impl Fn(&[u8]) -> String) {
    while let Ok((n, bytes, name)) = sys::recvfrom_bytes(fd, 70_000, MSG_DONTWAIT) {
        let bytes = &bytes[..(n as usize).min(bytes.len())];
        r.see(what, format!("{n}, way {}, {}: {}", name[10], said(bytes), show(&bytes[10..])));
    }
    r.see(what, "no more");
}

fn nothing(_: &[u8]) -> String {
    String::new()
}

/// The headers of IP and of what it carries.
fn headers(frame: &[u8]) -> String {
    format!("{:?}", &frame[14..frame.len().min(54)])
}

fn say(fd: Fd, header: Header, frame: &[u8]) -> Ret<i64> {
    sys::sendto_bytes(fd, &header.before(frame), 0, &on_lo(0))
}

fn options(r: &mut Report) {
    for kind in [SOCK_RAW, SOCK_DGRAM] {
        let fd = socket(kind, 0);
        for name in [VNET_HDR, VNET_HDR_SZ] {
            let mut both = |what: String, result: Ret| {
                let get = |name| sys::get_option(fd, SOL_PACKET, name);
                r.see(
                    &format!("{kind}, {name} {what}"),
                    format!("{result:?} {:?} {:?}", get(VNET_HDR), get(VNET_HDR_SZ)),
                );
            };
            for value in [1, 10, 12, 0, 5, 11, 20, -1, 10] {
                both(format!(":= {value}"), set(fd, name, value));
            }
            for len in [0, 1, 3, 5, 30] {
                let value = [&[12], &[0; 30][..]].concat();
                both(format!("of {len}"), sys::set_option_bytes(fd, SOL_PACKET, name, &value[..len]));
            }
            r.see("short", sys::get_option_bytes(fd, SOL_PACKET, name, 2).map(|bytes| format!("{bytes:?}")));
        }
    }
    r.see("of another socket", sys::set_option(udp(), SOL_PACKET, VNET_HDR, 1));
}

fn ring(fd: Fd, name: i32, version: i32, frame_size: u32) -> Ret {
    must("version", set(fd, VERSION, version));
    let words = [4096, 2, frame_size, 4096 / frame_size * 2, 0, 0, 0];
    let words = &words[..if version == 2 { 7 } else { 4 }];
    sys::set_option_bytes(fd, SOL_PACKET, name, &words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>())
}

fn with_rings(r: &mut Report) {
    for name in [RX_RING, TX_RING] {
        for version in [0, 1, 2] {
            let fd = told(0);
            r.see("ring", ring(fd, name, version, 512));
            for (name, value) in [(VNET_HDR, 0), (VNET_HDR, 1), (VNET_HDR_SZ, 12), (VNET_HDR_SZ, 3)] {
                r.see(&format!("{name} := {value}"), set(fd, name, value));
            }
            r.see("get", sys::get_option(fd, SOL_PACKET, VNET_HDR_SZ));
        }
    }
    for frame_size in [32, 48, 64] {
        r.see(&format!("places of {frame_size}"), ring(told(0), RX_RING, 0, frame_size));
    }
}

fn datagrams_seen(r: &mut Report) {
    let all = told(ALL);
    let (from, (to, at_to)) = (udp(), bound_udp());
    must("sendto", sys::sendto(from, b"seen", 0, at_to));
    must("no checksum", sys::set_option(from, SOL_SOCKET, SO_NO_CHECK, 1));
    must("sendto", sys::sendto(from, b"seen", 0, at_to));
    settle(to, POLLIN);
    see_all(r, "datagram", all, |frame| format!("checksum {:?}", &frame[40..42]));
    must("sendto", say(told(0), Header::default(), &frame([0; 6], 0x1234, b"no IP")));
    see_all(r, "another protocol", all, nothing);
}

fn receive(r: &mut Report) {
    let (fd, sender) = (told(0x0800), told(0));
    let send = || must("send", say(sender, Header::udp(0, 0), &datagram(b"hello")));
    for room in [1, 9, 10, 11, 24, 100] {
        for flags in [0, MSG_TRUNC] {
            send();
            r.see(&format!("room {room}, {flags:#x}"), sys::recv_len(fd, room, flags | MSG_DONTWAIT).map(|(_, n)| n));
            r.see("again", sys::recv_len(fd, room, MSG_DONTWAIT).map(|(_, n)| n));
        }
    }
    send();
    r.see("FIONREAD", sys::ioctl(fd, FIONREAD, 0).map(i64::from));
    r.see("peek, no room", sys::recv_len(fd, 5, MSG_PEEK).map(|(_, n)| n));
    r.see("peek", sys::recv_len(fd, 12, MSG_PEEK | MSG_TRUNC).map(|(_, n)| n));
    let message = must("recvmsg", sys::recvmsg(fd, &[3, 3, 10], 0, 0));
    r.see("recvmsg", format!("{} flags {:#x}", message.returned, message.flags));
    r.see("gone", sys::recv_len(fd, 100, MSG_DONTWAIT).map(|(_, n)| n));
    must("more", set(fd, VNET_HDR_SZ, 12));
    send();
    r.see("peek, no room", sys::recv_len(fd, 11, MSG_PEEK).map(|(_, n)| n));
    r.see("two bytes more", sys::recvfrom_bytes(fd, 100, 0).map(|(n, bytes, _)| format!("{n} {:?}", &bytes[..16])));
}

/// What is said before a frame is decided when the frame is taken.
fn switched(r: &mut Report) {
    let (fd, sender) = (told(0x0800), told(0));
    must("send", say(sender, Header::default(), &packet(254, b"hello")));
    must("off", set(fd, VNET_HDR, 0));
    r.see("off", sys::recv_len(fd, 100, 0).map(|(_, n)| n));
    must("send", say(sender, Header::default(), &packet(254, b"hello")));
    must("on", set(fd, VNET_HDR_SZ, 12));
    r.see("on", sys::recvfrom_bytes(fd, 100, 0).map(|(n, bytes, _)| format!("{n} {:?}", &bytes[..30])));
}

fn short(r: &mut Report) {
    let bytes = Header::default().before(&datagram(b"hello"));
    for (size, lens) in [(10, [0, 1, 9, 10, 11, 23, 24, 25]), (12, [0, 1, 11, 12, 13, 25, 26, 27])] {
        let fd = told(0);
        must("size", set(fd, VNET_HDR_SZ, size));
        for len in lens {
            r.see(&format!("{len} of {size}"), sys::sendto_bytes(fd, &bytes[..len], 0, &on_lo(0)));
        }
        for len in [65_550, 65_551, 65_554, 65_555, 70_000] {
            let bytes = Header::default().before(&vec![0; len + size as usize - 10]);
            r.see(&format!("{len} and {size}"), sys::sendto_bytes(fd, &bytes, 0, &on_lo(0)));
        }
    }
    let fd = told(0);
    let whole = datagram(b"hello");
    for len in [0, 1, 42, 47, 48, 0xffff] {
        r.see(&format!("headers of {len}"), say(fd, Header { len, ..Header::default() }, &whole));
        r.see(&format!("headers of {len}, a checksum"), say(fd, Header { len, ..Header::udp(0, 0) }, &whole));
    }
    for flags in [2, 4, 8, 0x80, 3, 5] {
        r.see(&format!("flags {flags}"), say(fd, Header { flags, ..Header::default() }, &whole));
    }
}

/// A UDP socket on the loopback that hears [`PORT`].
fn hearing() -> Fd {
    let fd = must("socket", sys::socket(AF_INET6, SOCK_DGRAM, 0));
    let [high, low] = PORT.to_be_bytes();
    let name = [&(AF_INET6 as u16).to_ne_bytes()[..], &[high, low, 0, 0, 0, 0], &HERE, &[0; 4]].concat();
    must("bind", sys::bind_bytes(fd, &name));
    fd
}

fn completed(r: &mut Report) {
    let (fd, all, plain, udp) = (told(0), told(ALL), watching(SOCK_RAW, 0x86dd), hearing());
    let left = Header { start: 54, ..Header::udp(0, 0) };
    let mut whole = datagram6(b"hello");
    r.see("the checksum is left", say(fd, left, &whole));
    r.see("heard", sys::recv(udp, 100, MSG_DONTWAIT));
    see_all(r, "the checksum is left", all, |frame| format!("checksum {:?}", &frame[60..62]));
    r.see("a program that is not told", sys::recv_len(plain, 100, MSG_DONTWAIT).map(|(_, n)| n));
    r.see("the checksum is not left", say(fd, Header::default(), &whole));
    r.see("not heard", sys::recv(udp, 100, MSG_DONTWAIT));
    see_all(r, "the checksum is not left", all, nothing);
    let checksum = (!sum(&[&whole[54..]])).to_be_bytes();
    whole[60..62].copy_from_slice(&checksum);
    r.see("the checksum is there", say(fd, Header::default(), &whole));
    r.see("heard", sys::recv(udp, 100, MSG_DONTWAIT));
}

fn places(r: &mut Report) {
    let (fd, whole) = (told(0), datagram(b"hello"));
    let last = whole.len() as u16 - 2;
    for (start, offset) in [
        (0, 0),
        (14, 0),
        (19, 0),
        (20, 0),
        (33, 0),
        (34, last - 34),
        (34, last - 33),
        (34, 0xffff),
        (0xffff, 0),
        (last, 0),
        (last + 1, 0),
        (last - 1, 1),
    ] {
        let header = Header { start, offset, ..Header::udp(0, 0) };
        r.see(&format!("{start}+{offset}"), say(fd, header, &whole));
    }
}

fn types(r: &mut Report) {
    let fd = told(0);
    for (what, whole) in
        [("TCP", segment(&[b'z'; 300])), ("TCP 6", segment6(&[b'z'; 300])), ("UDP", datagram(&[b'z'; 300]))]
    {
        for kind in [TCPV4, TCPV4 | ECN, 2, UDP, UDP | ECN, TCPV6, UDP_L4, UDP_L4 | ECN, 6, ECN, 0x7f] {
            for (left, flags) in [("left", NEEDS_CSUM), ("not left", 0)] {
                for size in [0, 100] {
                    let places = [("TCP", 34, 16), ("UDP", 34, 6), ("TCP 6", 54, 16)];
                    for (place, start, offset) in places {
                        let header = Header { flags, start, offset, ..Header::tcp(kind, size) };
                        let what = format!("{what}, type {kind}, size {size}, checksum of {place} {left}");
                        r.see(&what, say(fd, header, &whole));
                    }
                }
            }
        }
    }
}

fn sizes(r: &mut Report) {
    let (fd, all) = (told(0), told(ALL));
    for size in [1, 299, 300, 301, 307, 308, 0xfffe, 0xffff] {
        for (what, kind, whole) in [("TCP", TCPV4, segment(&[b'z'; 300])), ("UDP", UDP_L4, datagram(&[b'z'; 300]))] {
            let header = if kind == TCPV4 { Header::tcp(kind, size) } else { Header::udp(kind, size) };
            r.see(&format!("{what} by {size}"), say(fd, header, &whole));
            see_all(r, "seen", all, nothing);
        }
    }
    for size in [1, 2, 3] {
        r.see(
            &format!("more datagrams than may be, by {size}"),
            say(fd, Header::udp(UDP_L4, size), &datagram(&[b'z'; 300])),
        );
    }
}

fn too_short(r: &mut Report) {
    let fd = told(0);
    let whole = segment(&[b'z'; 300]);
    for len in [34, 52, 53, 54, 55, 60] {
        for flags in [0, NEEDS_CSUM] {
            let header = Header { flags, ..Header::tcp(TCPV4, 100) };
            r.see(&format!("{len} of TCP, {flags}"), say(fd, header, &whole[..len]));
        }
    }
    let whole = datagram(&[b'z'; 300]);
    for len in [34, 41, 42, 43] {
        r.see(&format!("{len} of UDP"), say(fd, Header::udp(UDP_L4, 100), &whole[..len]));
        r.see(&format!("{len} of a datagram"), say(fd, Header::udp(UDP, 100), &whole[..len]));
    }
}

fn segments(r: &mut Report) {
    let (fd, all, plain) = (told(0), told(ALL), watching(SOCK_RAW, 0x0800));
    let text: Vec<u8> = (0..3000u32).map(|at| at as u8).collect();
    for (what, header, whole) in [
        ("IPv4", Header::tcp(TCPV4, 1000), segment(&text)),
        ("an echo of ECN", Header::tcp(TCPV4 | ECN, 1000), segment(&text)),
        ("its checksum not left", Header { flags: 0, ..Header::tcp(TCPV4, 1000) }, segment(&text)),
        ("IPv6", Header { start: 54, ..Header::tcp(TCPV6, 1400) }, segment6(&text)),
    ] {
        r.see(what, say(fd, header, &whole));
        see_all(r, what, all, headers);
        r.see("a program that is not told", sys::recv_len(plain, 100, MSG_TRUNC | MSG_DONTWAIT).map(|(_, n)| n));
    }
}

fn protocols(r: &mut Report) {
    let (fd, whole) = (told(0), segment(&[b'z'; 300]));
    for protocol in [0, ALL, 0x0800, 0x86dd, 0x1234] {
        for flags in [0, NEEDS_CSUM] {
            let bytes = Header { flags, ..Header::tcp(TCPV4, 100) }.before(&whole);
            r.see(&format!("as of {protocol:#x}, {flags}"), sys::sendto_bytes(fd, &bytes, 0, &on_lo(protocol)));
        }
    }
}

fn datagrams(r: &mut Report) {
    let (fd, all, udp) = (told(0), told(ALL), hearing());
    let text: Vec<u8> = (0..2500u32).map(|at| at as u8).collect();
    r.see("send", say(fd, Header { start: 54, ..Header::udp(UDP_L4, 1000) }, &datagram6(&text)));
    see_all(r, "seen", all, |frame| format!("{:?}", &frame[14..62]));
    for _ in 0..4 {
        r.see("heard", sys::recv(udp, 3000, MSG_DONTWAIT).map(|bytes| format!("{} {:?}", bytes.len(), &bytes[..4])));
    }
    r.see("IPv4", say(fd, Header::udp(UDP_L4, 1000), &datagram(&text)));
    see_all(r, "seen", all, headers);
}

fn fragments(r: &mut Report) {
    let (fd, all, udp) = (told(0), watching(SOCK_RAW, ALL), hearing());
    let text: Vec<u8> = (0..2500u32).map(|at| at as u8).collect();
    for (size, flags) in [(1000, NEEDS_CSUM), (1000, 0), (1480, NEEDS_CSUM), (2504, NEEDS_CSUM), (2508, NEEDS_CSUM)] {
        r.see(&format!("by {size}"), say(fd, Header { flags, ..Header::udp(UDP, size) }, &datagram(&text)));
        while let Ok((n, bytes, name)) = sys::recvfrom_bytes(all, 3000, MSG_DONTWAIT) {
            r.see("seen", format!("{n}, way {}: {:?}", name[10], &bytes[14..34]));
        }
        let left = Header { flags, start: 54, ..Header::udp(UDP, size) };
        r.see(&format!("IPv6, by {size}"), say(fd, left, &datagram6(&text)));
        r.see("heard", sys::recv(udp, 3000, MSG_DONTWAIT).map(|bytes| bytes == text));
        while let Ok((n, bytes, name)) = sys::recvfrom_bytes(all, 3000, MSG_DONTWAIT) {
            r.see("seen", format!("{n}, way {}: {:?}, {:?}", name[10], &bytes[14..54], &bytes[54..58]));
        }
    }
}

fn not_whole(r: &mut Report) {
    let fd = told(0);
    let changed = |at: usize, byte: u8| {
        let mut whole = segment(&[b'z'; 300]);
        whole[at] = byte;
        whole
    };
    for (what, whole) in [
        ("options that are not there", changed(46, 0xf0)),
        ("less than a header", changed(46, 0x40)),
        ("a longer header of IP", changed(14, 0x46)),
        ("another protocol", changed(23, 17)),
        ("no protocol", changed(23, 254)),
        ("a longer packet", changed(16, 0x10)),
    ] {
        for flags in [0, NEEDS_CSUM] {
            r.see(&format!("{what}, {flags}"), say(fd, Header { flags, ..Header::tcp(TCPV4, 100) }, &whole));
        }
    }
    // Its options are taken for text when its size is judged, and are none.
    let short = segment(&[b'z'; 110]);
    let long_header = [&short[..46], &[0x80], &short[47..]].concat();
    r.see("one piece after all", say(fd, Header::tcp(TCPV4, 100), &long_header));
}

/// What is longer than an interface takes it is cut for it.
fn long(r: &mut Report) {
    let (fd, all) = (told(0), told(0x0800));
    for len in [65_481, 65_482, 70_000] {
        let text: Vec<u8> = (0..len).map(|at| at as u8).collect();
        r.see(&format!("{len}"), say(fd, Header::tcp(TCPV4, 40_000), &segment(&text)));
        see_all(r, "seen", all, headers);
    }
}
