//! Rings of frames that a program maps (PACKET_RX_RING, PACKET_TX_RING) on the loopback.

use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use libc::{MAP_PRIVATE, MAP_SHARED, MSG_DONTWAIT, POLLIN, POLLOUT, SOCK_DGRAM, SOCK_RAW, SOL_PACKET};

use crate::Case;
use crate::net::must;
use crate::packet::{frame, on_lo, see_all, socket, watching, words};
use crate::report::Report;
use crate::sys::{self, Fd, Mapped, Ret};

pub const CASES: &[Case] = &[
    ("packetring.options", options),
    ("packetring.header_len", header_len),
    ("packetring.requests", requests),
    ("packetring.mapping", mapping),
    ("packetring.places", places),
    ("packetring.small_places", small_places),
    ("packetring.copies", copies),
    ("packetring.full", full),
    ("packetring.queue", queue),
    ("packetring.filter", filter),
    ("packetring.blocks", blocks),
    ("packetring.frozen", frozen),
    ("packetring.long", long),
    ("packetring.send", send),
    ("packetring.send_refused", send_refused),
    ("packetring.send_offsets", send_offsets),
    ("packetring.both", both),
];

const PROTOCOL: u16 = 0x1234;

const RX_RING: i32 = 5;
const COPY_THRESH: i32 = 7;
const VERSION: i32 = 10;
const HEADER_LEN: i32 = 11;
const RESERVE: i32 = 12;
const TX_RING: i32 = 13;
const LOSS: i32 = 14;
const TIMESTAMP: i32 = 17;
const TX_HAS_OFF: i32 = 19;

/// Without the bits of timestamps, which depend on who else asks for some.
const STATUS: u32 = !(7 << 29);

fn set(fd: Fd, name: i32, value: i32) -> Ret {
    sys::set_option(fd, SOL_PACKET, name, value)
}

/// `struct tpacket_req` or `struct tpacket_req3`, as many words as are given.
fn ring(fd: Fd, name: i32, words: &[u32]) -> Ret {
    sys::set_option_bytes(fd, SOL_PACKET, name, &words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>())
}

/// A socket with a ring of two pages, and its mapping.
fn with_ring(kind: i32, version: i32) -> (Fd, Mapped) {
    let fd = watching(kind, PROTOCOL);
    must("version", set(fd, VERSION, version));
    must("ring", ring(fd, RX_RING, &[4096, 2, 512, 16, 0, 0, 0][..if version == 2 { 7 } else { 4 }]));
    (fd, must("mmap", sys::map(fd, 8192, MAP_SHARED, 0)))
}

/// Sends a frame. Always the same socket does: the host takes its time to close one.
fn say(payload: &[u8]) {
    static SENDER: OnceLock<Fd> = OnceLock::new();
    let sender = *SENDER.get_or_init(|| socket(SOCK_RAW, 0));
    must("send", sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, payload), 0, &on_lo(PROTOCOL)));
}

fn options(r: &mut Report) {
    for name in [COPY_THRESH, VERSION, RESERVE, LOSS, TIMESTAMP, TX_HAS_OFF] {
        let fd = socket(SOCK_RAW, 0);
        r.see(&format!("{name}"), sys::get_option(fd, SOL_PACKET, name));
        for value in [1, 2, 3, 77, -1, i32::MAX, 0] {
            r.see(&format!("{name} := {value}"), set(fd, name, value));
            r.see(&format!("{name}"), sys::get_option(fd, SOL_PACKET, name));
        }
        for len in [0, 3, 5, 8] {
            r.see(&format!("{name}, {len} bytes"), sys::set_option_bytes(fd, SOL_PACKET, name, &[1; 8][..len]));
        }
        r.see("short", sys::get_option_bytes(fd, SOL_PACKET, name, 2).map(|bytes| bytes.len()));
    }
    let fd = socket(SOCK_RAW, 0);
    for name in [RX_RING, TX_RING] {
        r.see("get a ring", sys::get_option(fd, SOL_PACKET, name));
    }
}

fn header_len(r: &mut Report) {
    let fd = socket(SOCK_RAW, 0);
    for version in [0, 1, 2, 3, -1] {
        let ask = sys::ask_option(fd, SOL_PACKET, HEADER_LEN, i32::to_ne_bytes(version).as_slice());
        r.see(&format!("version {version}"), words(ask));
    }
    r.see("more room", words(sys::ask_option(fd, SOL_PACKET, HEADER_LEN, &[2, 0, 0, 0, 9, 9, 9, 9])));
    r.see("less room", words(sys::ask_option(fd, SOL_PACKET, HEADER_LEN, &[2, 0, 0])));
    r.see("set", set(fd, HEADER_LEN, 1));
}

fn requests(r: &mut Report) {
    let asks: &[&[u32]] = &[
        &[],
        &[4096, 2, 512],
        &[4096, 2, 512, 16],
        &[4096, 2, 512, 16, 10, 0],
        &[4096, 2, 512, 16, 10, 0, 0],
        &[4096, 2, 512, 16, 10, 0, 0, 0],
        &[4096, 2, 512, 16, 0, 0, 0],
        &[0, 2, 512, 16, 0, 0, 0],
        &[4095, 2, 512, 14, 0, 0, 0],
        &[0x8000_0000, 2, 512, 1 << 23, 0, 0, 0],
        &[4096, 2, 504, 16, 0, 0, 0],
        &[4096, 2, 48, 170, 0, 0, 0],
        &[4096, 2, 64, 128, 0, 0, 0],
        &[4096, 2, 80, 102, 0, 0, 0],
        &[4096, 2, 8192, 0, 0, 0, 0],
        &[4096, 2, 512, 15, 0, 0, 0],
        &[4096, 2, 512, 17, 0, 0, 0],
        &[4096, 2, 0, 0, 0, 0, 0],
        &[4096, 0x2000_0000, 512, 0, 0, 0, 0],
        &[1 << 30, 1 << 20, 1 << 30, 1 << 20, 0, 0, 0],
        &[4096, 2, 512, 16, 0, 13, 0],
        &[4096, 2, 512, 16, 0, 3976, 0],
        &[4096, 2, 512, 16, 0, 3980, 0],
        &[4096, 2, 512, 16, 0, u32::MAX, 0],
        &[4096, 2, 512, 16, 0, 0, 1],
        &[4096, 2, 512, 16, 0, 0, 2],
        &[0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 1, 0, 0, 0],
        &[1, 0, 1, 0, 1, 1, 1],
    ];
    for (what, name) in [("receive", RX_RING), ("send", TX_RING)] {
        for version in [0, 1, 2] {
            for ask in asks {
                for reserve in [0, 30] {
                    let fd = socket(SOCK_RAW, 0);
                    must("version", set(fd, VERSION, version));
                    must("reserve", set(fd, RESERVE, reserve));
                    r.see(&format!("{what}, version {version}, {reserve} kept, {ask:?}"), ring(fd, name, ask));
                    must("close", sys::close(fd));
                }
            }
        }
    }
}

fn mapping(r: &mut Report) {
    let fd = socket(SOCK_RAW, 0);
    r.see("no ring", sys::map(fd, 4096, MAP_SHARED, 0).map(drop));
    r.see("ring", ring(fd, RX_RING, &[4096, 2, 512, 16]));
    for (len, offset) in [(4096, 0), (8192, 4096), (12288, 0), (8192, 1), (0, 0)] {
        r.see(&format!("{len} bytes from {offset}"), sys::map(fd, len, MAP_SHARED, offset).map(drop));
    }
    let all = [VERSION, RESERVE, LOSS, TX_HAS_OFF, COPY_THRESH, TIMESTAMP];
    for name in all {
        r.see(&format!("{name} of one that has a ring"), set(fd, name, 1));
    }
    r.see("another", ring(fd, RX_RING, &[4096, 2, 512, 16]));
    r.see("none", ring(fd, RX_RING, &[0; 4]));
    r.see("again none", ring(fd, RX_RING, &[0; 4]));
    r.see("ring", ring(fd, RX_RING, &[4096, 2, 512, 16]));
    let mut first = must("mmap", sys::map(fd, 8100, MAP_SHARED, 0));
    let mut second = must("mmap", sys::map(fd, 8192, MAP_PRIVATE, 0));
    for (what, name) in [("receive", RX_RING), ("send", TX_RING)] {
        r.see(&format!("mapped, {what} none"), ring(fd, name, &[0; 4]));
        r.see(&format!("mapped, {what} another"), ring(fd, name, &[4096, 2, 512, 16]));
        r.see(&format!("mapped, {what} nonsense"), ring(fd, name, &[1, 2, 3, 4]));
    }
    first.put(4096 + 100, b"both");
    r.see("the same memory", second.bytes(4096 + 100, 4));
    r.see("unmap the one's end", sys::unmap_end(&mut first, 4004));
    r.see("unmap the other", sys::unmap_end(&mut second, 8192));
    r.see("still mapped", ring(fd, RX_RING, &[0; 4]));
    r.see("unmap the rest", sys::unmap_end(&mut first, 4096));
    r.see("none", ring(fd, RX_RING, &[0; 4]));
    r.see("no ring any more", sys::map(fd, 8192, MAP_SHARED, 0).map(drop));
    let (fd, mut mapped) = with_ring(SOCK_RAW, 1);
    r.see("close", sys::close(fd));
    mapped.put(0, b"mine");
    r.see("the memory stays", mapped.bytes(0, 4));
    r.see("unmap", sys::unmap_end(&mut mapped, 8192));
}

/// One place of version 1 or 2, but for times, which are shown as whether there is one.
fn see_place(r: &mut Report, mapped: &Mapped, version: i32, at: usize) {
    let (len, kept, mac, time) = if version == 0 { (8, 12, 16, 20) } else { (4, 8, 12, 16) };
    let (kept, mac, net) = (mapped.word(at + kept), mapped.half(at + mac), mapped.half(at + mac + 2));
    let now = mapped.word(at + time) != 0;
    r.see(
        &format!("place {at}"),
        format!(
            "{:#x} {} of {} at {mac} net {net} time {now} from {:?} rest {:?} bytes {:?}",
            mapped.word(at) & STATUS,
            kept,
            mapped.word(at + len),
            mapped.bytes(at + 32, 18),
            mapped.bytes(at + 24, 8).iter().skip(if version == 0 { 4 } else { 0 }).collect::<Vec<_>>(),
            mapped.bytes(at + usize::from(mac), kept.min(20) as usize),
        ),
    );
}

/// Places that end before a frame could begin in them.
fn small_places(r: &mut Report) {
    let fd = watching(SOCK_RAW, PROTOCOL);
    must("version", set(fd, VERSION, 1));
    r.see("ring", ring(fd, RX_RING, &[4096, 1, 64, 64]));
    let mapped = must("mmap", sys::map(fd, 4096, MAP_SHARED, 0));
    (0..65).for_each(|_| say(&[7; 30]));
    must("poll", sys::poll(&[(fd, POLLIN)], 1000));
    for at in [0, 63 * 64] {
        let words = [4, 8, 12].map(|field| mapped.word(at + field));
        r.see(&format!("place {at}"), format!("{:#x} {words:?}", mapped.word(at) & STATUS));
    }
}

fn places(r: &mut Report) {
    for version in [0, 1] {
        for kind in [SOCK_RAW, SOCK_DGRAM] {
            for reserve in [0, 7, 100] {
                let fd = watching(kind, PROTOCOL);
                must("version", set(fd, VERSION, version));
                must("reserve", set(fd, RESERVE, reserve));
                must("ring", ring(fd, RX_RING, &[4096, 2, 512, 16]));
                let mapped = must("mmap", sys::map(fd, 8192, MAP_SHARED, 0));
                r.see("empty", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
                for len in [0, 1, 20, 345, 420, 446, 500, 600] {
                    say(&vec![len as u8; len]);
                }
                r.see("frames", sys::poll(&[(fd, POLLIN | POLLOUT)], 1000));
                for place in 0..9 {
                    see_place(r, &mapped, version, place * 512);
                }
                r.see("the queue", sys::recv(fd, 100, MSG_DONTWAIT));
                r.see("counts", words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
            }
        }
    }
}

fn copies(r: &mut Report) {
    let (fd, mapped) = with_ring(SOCK_RAW, 1);
    must("copies", set(fd, COPY_THRESH, 1));
    for len in [10, 500, 600] {
        say(&vec![7; len]);
    }
    for place in 0..3 {
        see_place(r, &mapped, 1, place * 512);
    }
    // Of where these come from Linux says nothing.
    for what in ["the queue", "the queue", "the queue is empty"] {
        r.see(what, sys::recv(fd, 1000, MSG_DONTWAIT));
    }
}

fn full(r: &mut Report) {
    let (fd, mapped) = with_ring(SOCK_RAW, 0);
    let status = |place: usize| mapped.word(place * 512) & STATUS;
    for len in 0..20 {
        say(&vec![7; len]);
    }
    r.see("poll", sys::poll(&[(fd, POLLIN)], 1000));
    r.see("statuses", format!("{:x?}", (0..16).map(status).collect::<Vec<_>>()));
    // A place that is not next does not help.
    mapped.put(5 * 512, &[0; 8]);
    say(b"lost");
    mapped.put(0, &[0; 8]);
    say(b"kept");
    r.see("statuses", format!("{:x?}", (0..16).map(status).collect::<Vec<_>>()));
    for what in ["counts", "counts again"] {
        r.see(what, words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
    }
    for place in 0..16 {
        mapped.put(place * 512, &[0; 8]);
    }
    r.see("given back", sys::poll(&[(fd, POLLIN)], 0));
    say(b"next");
    r.see("statuses", format!("{:x?}", (0..16).map(status).collect::<Vec<_>>()));
    mapped.put(512, &[0; 8]);
    r.see("given back", sys::poll(&[(fd, POLLIN)], 0));
}

fn queue(r: &mut Report) {
    let fd = watching(SOCK_RAW, PROTOCOL);
    say(b"before");
    r.see("in the queue", sys::poll(&[(fd, POLLIN)], 1000));
    r.see("ring", ring(fd, RX_RING, &[4096, 2, 512, 16]));
    r.see("gone", sys::poll(&[(fd, POLLIN)], 0));
    see_all(r, "gone", fd);
    say(b"in the ring");
    r.see("none", ring(fd, RX_RING, &[0; 4]));
    r.see("gone", sys::poll(&[(fd, POLLIN)], 0));
    say(b"after");
    see_all(r, "in the queue", fd);
    r.see("counts", words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
}

fn filter(r: &mut Report) {
    let (fd, mapped) = with_ring(SOCK_RAW, 1);
    // ret #20, then ret #0.
    must("filter", sys::attach(fd, &[6, 0, 0, 0, 20, 0, 0, 0], 1));
    say(&[7; 100]);
    must("filter", sys::attach(fd, &[6, 0, 0, 0, 0, 0, 0, 0], 1));
    say(&[8; 100]);
    see_place(r, &mapped, 1, 0);
    see_place(r, &mapped, 1, 512);
    r.see("counts", words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
}

/// All blocks, but for times.
fn see_blocks(r: &mut Report, what: &str, mapped: &Mapped, count: usize) {
    for block in 0..count {
        let at = block * 4096;
        let field = |field: usize| mapped.word(at + field);
        let (status, frames) = (field(8), field(12));
        let head = [field(0), field(4), frames, field(16), field(20), field(24), field(28)];
        let times = [field(32) != 0, field(40) != 0];
        r.see(&format!("{what}, block {block}"), format!("{status:#x} {head:?} times {times:?}"));
        let mut next = at + field(16) as usize;
        for _ in 0..if status & 1 == 1 { frames } else { 0 } {
            let word = |field: usize| mapped.word(next + field);
            let (mac, net) = (mapped.half(next + 24), mapped.half(next + 26));
            let first = mapped.bytes(next + usize::from(mac), word(12).min(18) as usize);
            let from = mapped.bytes(next + 48, 18);
            r.see(
                &format!("{what}, block {block}"),
                format!(
                    "next {} kept {} of {} {:#x} at {mac} net {net} time {} rest {:?} from {from:?} bytes {first:?}",
                    word(0),
                    word(12),
                    word(16),
                    word(20) & STATUS,
                    word(4) != 0,
                    mapped.bytes(next + 28, 20)
                ),
            );
            next += word(0) as usize;
        }
    }
}

/// A socket with a ring of four blocks that are given to it after so many milliseconds.
fn with_blocks(kind: i32, retire: u32, private: u32) -> (Fd, Mapped) {
    let fd = watching(kind, PROTOCOL);
    must("version", set(fd, VERSION, 2));
    must("ring", ring(fd, RX_RING, &[4096, 4, 512, 32, retire, private, 0]));
    (fd, must("mmap", sys::map(fd, 16384, MAP_SHARED, 0)))
}

fn blocks(r: &mut Report) {
    for (kind, private) in [(SOCK_RAW, 0), (SOCK_RAW, 13), (SOCK_DGRAM, 0)] {
        let (fd, mapped) = with_blocks(kind, 200, private);
        see_blocks(r, "new", &mapped, 4);
        let begin = Instant::now();
        say(&[1; 10]);
        say(&[2; 100]);
        r.see("not yet", sys::poll(&[(fd, POLLIN)], 0));
        r.see("in time", sys::poll(&[(fd, POLLIN)], 2000));
        let took = begin.elapsed();
        r.see("at the end of a span", took < Duration::from_millis(900));
        see_blocks(r, "timed out", &mapped, 2);
        mapped.put(8, &[0; 4]);
        r.see("given back", sys::poll(&[(fd, POLLIN)], 0));
        for number in 0..6 {
            say(&[number; 900]);
        }
        r.see("a full one", sys::poll(&[(fd, POLLIN)], 0));
        see_blocks(r, "a full one", &mapped, 2);
        r.see("counts", words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
    }
}

fn frozen(r: &mut Report) {
    let (fd, mapped) = with_blocks(SOCK_RAW, 60, 0);
    for number in 0..20 {
        say(&[number; 900]);
    }
    see_blocks(r, "full", &mapped, 4);
    r.see("poll", sys::poll(&[(fd, POLLIN)], 0));
    for what in ["counts", "counts again"] {
        r.see(what, words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
    }
    say(b"lost");
    mapped.put(8, &[0; 4]);
    say(b"kept");
    sleep(Duration::from_millis(200));
    r.see("counts", words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 8)));
    see_blocks(r, "gone on", &mapped, 1);
    for block in 0..4 {
        mapped.put(block * 4096 + 8, &[0; 4]);
    }
    r.see("given back", sys::poll(&[(fd, POLLIN)], 0));
}

fn long(r: &mut Report) {
    let (fd, mapped) = with_blocks(SOCK_RAW, 60, 0);
    for len in [3900, 4000, 5000, 10] {
        say(&vec![3; len]);
    }
    sleep(Duration::from_millis(200));
    see_blocks(r, "long ones", &mapped, 4);
    r.see("counts", words(sys::get_option_bytes(fd, SOL_PACKET, libc::PACKET_STATISTICS, 16)));
}

/// Where in a place of each version what is: status, length, the beginning as TX_HAS_OFF counts, the frame.
fn outgoing(version: i32) -> (usize, usize, usize, usize) {
    match version {
        0 => (0, 8, 16, 32),
        1 => (0, 4, 12, 32),
        _ => (20, 16, 24, 48),
    }
}

/// A socket that sends out of a ring, its mapping, and one that sees it all.
fn sending(kind: i32, version: i32, options: &[(i32, i32)]) -> (Fd, Mapped, Fd) {
    let sees = watching(SOCK_RAW, PROTOCOL);
    let fd = socket(kind, 0);
    must("bind", sys::bind_bytes(fd, &on_lo(PROTOCOL)));
    must("version", set(fd, VERSION, version));
    for (name, value) in options {
        must("option", set(fd, *name, *value));
    }
    must("ring", ring(fd, TX_RING, &[4096, 2, 512, 16, 0, 0, 0][..if version == 2 { 7 } else { 4 }]));
    (fd, must("mmap", sys::map(fd, 8192, MAP_SHARED, 0)), sees)
}

fn request(mapped: &Mapped, version: i32, place: usize, bytes: &[u8]) {
    let (status, len, _, start) = outgoing(version);
    mapped.put(place * 512 + start, bytes);
    mapped.put(place * 512 + len, &(bytes.len() as u32).to_ne_bytes());
    mapped.put(place * 512 + status, &1u32.to_ne_bytes());
}

fn see_statuses(r: &mut Report, what: &str, mapped: &Mapped, version: i32) {
    let status = |place: usize| mapped.word(place * 512 + outgoing(version).0) & STATUS;
    r.see(what, format!("{:x?}", (0..16).map(status).collect::<Vec<_>>()));
}

fn send(r: &mut Report) {
    for version in [0, 1, 2] {
        for kind in [SOCK_RAW, SOCK_DGRAM] {
            let (fd, mapped, sees) = sending(kind, version, &[]);
            r.see("nothing to send", sys::send(fd, b"not looked at", 0));
            let whole = |payload: &[u8]| match kind {
                SOCK_RAW => frame([0; 6], PROTOCOL, payload),
                _ => payload.to_vec(),
            };
            r.see("poll", sys::poll(&[(fd, POLLOUT)], 0));
            for place in [0, 1, 2, 5] {
                request(&mapped, version, place, &whole(&[place as u8; 30]));
            }
            r.see("send", sys::send(fd, b"", 0));
            see_statuses(r, "sent", &mapped, version);
            see_all(r, "sent", sees);
            request(&mapped, version, 3, &whole(b"to an address"));
            request(&mapped, version, 4, &whole(b"and another"));
            r.see("sendto", sys::sendto_bytes(fd, b"", MSG_DONTWAIT, &on_lo(PROTOCOL)));
            see_statuses(r, "sent", &mapped, version);
            see_all(r, "sent", sees);
            r.see("nobody's", sys::sendto_bytes(fd, b"", 0, &on_lo(PROTOCOL)[..12]));
        }
    }
}

fn send_refused(r: &mut Report) {
    for version in [0, 1, 2] {
        for loss in [0, 1] {
            for (kind, len) in [(SOCK_RAW, 13), (SOCK_RAW, 480), (SOCK_RAW, 481), (SOCK_RAW, 465), (SOCK_DGRAM, 600)] {
                let (fd, mapped, sees) = sending(kind, version, &[(LOSS, loss)]);
                request(&mapped, version, 0, &frame([0; 6], PROTOCOL, b"good"));
                let (status, len_at, ..) = outgoing(version);
                mapped.put(512 + len_at, &u32::to_ne_bytes(len));
                mapped.put(512 + status, &1u32.to_ne_bytes());
                request(&mapped, version, 2, &frame([0; 6], PROTOCOL, b"good, too"));
                let what = format!("version {version}, loss {loss}, kind {kind}, {len} bytes");
                r.see(&what, sys::send(fd, b"", 0));
                see_statuses(r, &what, &mapped, version);
                r.see(&what, sys::send(fd, b"", 0));
                see_statuses(r, "again", &mapped, version);
                let seen = std::iter::from_fn(|| sys::recv(sees, 600, MSG_DONTWAIT).ok()).map(|frame| frame.len());
                r.see("seen", format!("{:?}", seen.collect::<Vec<_>>()));
            }
        }
    }
    let (fd, mapped, _) = sending(SOCK_RAW, 2, &[]);
    request(&mapped, 2, 0, &frame([0; 6], PROTOCOL, b"linked"));
    mapped.put(0, &512u32.to_ne_bytes());
    r.see("a next one", sys::send(fd, b"", 0));
    see_statuses(r, "a next one", &mapped, 2);
    let fd = socket(SOCK_RAW, 0);
    must("ring", ring(fd, TX_RING, &[4096, 2, 512, 16]));
    r.see("to nowhere", sys::send(fd, b"", 0));
}

fn send_offsets(r: &mut Report) {
    for version in [0, 1, 2] {
        for (kind, field) in [(SOCK_RAW, 0), (SOCK_DGRAM, 2)] {
            for offset in [0, 31, 32, 47, 48, 60, 458, 459, 500, 600] {
                let (fd, mapped, sees) = sending(kind, version, &[(TX_HAS_OFF, 1)]);
                let (status, len, at, _) = outgoing(version);
                let bytes = frame([0; 6], PROTOCOL, &[9; 40]);
                mapped.put(offset.min(458), &bytes);
                // The header over what of it begins too early.
                mapped.put(0, &[0; 28][..if version == 2 { 28 } else { 24 }]);
                mapped.put(len, &(bytes.len() as u32).to_ne_bytes());
                mapped.put(at + field, &(offset as u16).to_ne_bytes());
                mapped.put(status, &1u32.to_ne_bytes());
                r.see(&format!("version {version}, kind {kind}, at {offset}"), sys::send(fd, b"", 0));
                see_all(r, "seen", sees);
            }
        }
    }
}

fn both(r: &mut Report) {
    for version in [0, 2] {
        let fd = watching(SOCK_RAW, PROTOCOL);
        must("version", set(fd, VERSION, version));
        let words = if version == 2 { 7 } else { 4 };
        r.see("send", ring(fd, TX_RING, &[4096, 1, 512, 8, 0, 0, 0][..words]));
        r.see("receive", ring(fd, RX_RING, &[4096, 2, 512, 16, 60, 0, 0][..words]));
        for len in [4096, 8192] {
            r.see(&format!("{len} bytes"), sys::map(fd, len, MAP_SHARED, 0).map(drop));
        }
        let mapped = must("mmap", sys::map(fd, 12288, MAP_SHARED, 0));
        let (status, len, _, start) = outgoing(version);
        let bytes = frame([0; 6], PROTOCOL, b"round");
        mapped.put(8192 + start, &bytes);
        mapped.put(8192 + len, &(bytes.len() as u32).to_ne_bytes());
        mapped.put(8192 + status, &1u32.to_ne_bytes());
        r.see("send", sys::send(fd, b"", 0));
        r.see("comes", sys::poll(&[(fd, POLLIN)], 1000));
        if version == 2 {
            see_blocks(r, "comes", &mapped, 1);
        } else {
            see_place(r, &mapped, version, 0);
        }
    }
}
