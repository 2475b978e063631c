//! The same in the places of a ring.

use libc::{MAP_SHARED, MSG_DONTWAIT, POLLIN, SOCK_RAW};

use super::{
    Header, RX_RING, TCPV4, TCPV6, TX_RING, UDP_L4, VNET_HDR_SZ, datagram, datagram6, headers, hearing, ring, say,
    see_all, segment, set, told,
};
use crate::Case;
use crate::net::must;
use crate::packet::{on_lo, socket};
use crate::report::Report;
use crate::sys;

pub const CASES: &[Case] = &[
    ("packetvnet.receive_ring", receive_ring),
    ("packetvnet.small_places", small_places),
    ("packetvnet.send_ring", send_ring),
    ("packetvnet.send_ring_refused", send_ring_refused),
    ("packetvnet.send_ring_uncuttable", send_ring_uncuttable),
];

fn receive_ring(r: &mut Report) {
    for version in [0, 1, 2] {
        for size in [10, 12] {
            let fd = socket(SOCK_RAW, 0);
            must("size", set(fd, VNET_HDR_SZ, size));
            must("bind", sys::bind_bytes(fd, &on_lo(0x0800)));
            must("ring", ring(fd, RX_RING, version, 512));
            let ring = must("mmap", sys::map(fd, 8192, MAP_SHARED, 0));
            must("send", say(told(0), Header::udp(0, 0), &datagram(b"hello")));
            r.see("poll", sys::poll(&[(fd, POLLIN)], 1000));
            let place = if version == 2 { ring.word(16) as usize } else { 0 };
            let at = place + [16, 12, 24][version as usize];
            let (mac, network) = (usize::from(ring.half(at)), usize::from(ring.half(at + 2)));
            let before = ring.bytes(place + mac - 12, 12);
            r.see(&format!("version {version}, {size}"), format!("at {mac} and {network}, before it {before:?}"));
            r.see("the frame", format!("{:?}", ring.bytes(place + mac + 12, 20)));
        }
    }
}

/// Where the frame does not begin in its place, nothing is said of it.
fn small_places(r: &mut Report) {
    for frame_size in [64, 80, 96, 112, 128] {
        let fd = told(0x0800);
        must("ring", ring(fd, RX_RING, 0, frame_size));
        let ring = must("mmap", sys::map(fd, 8192, MAP_SHARED, 0));
        must("send", say(told(0), Header::udp(0, 0), &datagram(b"hello")));
        r.see("poll", sys::poll(&[(fd, POLLIN)], 1000));
        let whole = ring.bytes(0, 192);
        let is_header = |at: &usize| whole[*at..].starts_with(&Header::udp(0, 0).before(&[]));
        let there = (0..182).find(is_header);
        r.see(&format!("{frame_size}"), format!("{} {} {there:?}", ring.word(8), ring.word(12)));
    }
}

fn send_ring(r: &mut Report) {
    for version in [0, 1, 2] {
        let fd = told(0);
        must("ring", ring(fd, TX_RING, version, 1024));
        let (ring, all, udp) = (must("mmap", sys::map(fd, 8192, MAP_SHARED, 0)), [0x0800, 0x86dd].map(told), hearing());
        let (header, status) = if version == 2 { (48, 20) } else { (32, 0) };
        let len = [8, 4, 16][version as usize];
        let frames = [
            Header { start: 54, ..Header::udp(0, 0) }.before(&datagram6(b"hello")),
            Header { start: 54, ..Header::udp(UDP_L4, 100) }.before(&datagram6(&[b'y'; 250])),
            Header::tcp(TCPV4, 100).before(&segment(&[b'y'; 250])),
        ];
        for (place, bytes) in frames.iter().enumerate() {
            ring.put(place * 1024 + header, bytes);
            ring.put(place * 1024 + len, &(bytes.len() as u32).to_ne_bytes());
            ring.put(place * 1024 + status, &1u32.to_ne_bytes());
        }
        r.see("send", sys::sendto_bytes(fd, b"", 0, &on_lo(0)));
        all.into_iter().for_each(|all| see_all(r, "seen", all, headers));
        for _ in 0..4 {
            r.see("heard", sys::recv(udp, 3000, MSG_DONTWAIT).map(|bytes| bytes.len()));
        }
        must("close", sys::close(udp));
    }
}

fn send_ring_refused(r: &mut Report) {
    for (what, bytes) in [
        ("less than what is to be said", vec![0; 9]),
        ("nothing besides", vec![0; 10]),
        ("a size of 0", Header::tcp(TCPV4, 0).before(&segment(b"hello"))),
        ("a place outside", Header { start: 900, ..Header::udp(0, 0) }.before(&datagram(b"hello"))),
        ("longer headers", Header { len: 900, ..Header::default() }.before(&datagram(b"hello"))),
    ] {
        let fd = told(0);
        must("ring", ring(fd, TX_RING, 0, 1024));
        let ring = must("mmap", sys::map(fd, 8192, MAP_SHARED, 0));
        ring.put(32, &bytes);
        ring.put(8, &(bytes.len() as u32).to_ne_bytes());
        ring.put(0, &1u32.to_ne_bytes());
        r.see(what, sys::sendto_bytes(fd, b"", 0, &on_lo(0)));
        r.see("status", format!("{}", ring.word(0)));
    }
}

/// A frame that is not what it is said to be, between two that are.
fn send_ring_uncuttable(r: &mut Report) {
    const LOSS: i32 = 14;
    for loss in [0, 1] {
        let fd = told(0);
        must("loss", set(fd, LOSS, loss));
        must("ring", ring(fd, TX_RING, 0, 1024));
        let ring = must("mmap", sys::map(fd, 8192, MAP_SHARED, 0));
        let put = |place: usize, bytes: &[u8]| {
            ring.put(place * 1024 + 32, bytes);
            ring.put(place * 1024 + 8, &(bytes.len() as u32).to_ne_bytes());
            ring.put(place * 1024, &1u32.to_ne_bytes());
        };
        let good = Header::udp(0, 0).before(&datagram(b"hello"));
        let bad = Header { flags: 0, ..Header::tcp(TCPV6, 100) }.before(&segment(&[b'y'; 300]));
        put(0, &good);
        put(1, &bad);
        put(2, &good);
        let mut send = |what| {
            r.see(&format!("{what}, loss {loss}"), sys::sendto_bytes(fd, b"", 0, &on_lo(0)));
            r.see("statuses", format!("{:?}", [0, 1, 2].map(|place| ring.word(place * 1024) & 0xff)));
        };
        send("the first is good");
        send("the bad one is next");
        ring.put(1024, &[0; 4]);
        send("it is taken back");
        put(1, &good);
        send("a good one in its place");
    }
}
