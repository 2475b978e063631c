//! Packet sockets that share what comes (PACKET_FANOUT) on the loopback.

use libc::{MSG_DONTWAIT, SOCK_RAW, SOL_PACKET, SOL_SOCKET};

use crate::Case;
use crate::net::{bound_udp, must};
use crate::packet::{frame, on_lo, socket, watching};
use crate::report::Report;
use crate::sys::{self, Fd, Ret};

pub const CASES: &[Case] = &[
    ("packetfanout.kinds", kinds),
    ("packetfanout.refused", refused),
    ("packetfanout.balance", balance),
    ("packetfanout.rollover", rollover),
    ("packetfanout.queue", queue),
    ("packetfanout.random", random),
    ("packetfanout.program", program),
    ("packetfanout.flows", flows),
    ("packetfanout.outgoing", outgoing),
];

const PROTOCOL: u16 = 0x1234;
const IP: u16 = 0x0800;
const ALL: u16 = 3;

const FANOUT: i32 = 18;
const ROLLOVER_STATS: i32 = 21;
const DATA: i32 = 22;

const HASH: u16 = 0;
const BALANCE: u16 = 1;
const ROLLOVER: u16 = 3;
const RANDOM: u16 = 4;
const QUEUE: u16 = 5;
const PROGRAM: u16 = 6;
const ROLLS_OVER: u16 = 0x1000;
const UNIQUE: u16 = 0x2000;
const IGNORE_OUTGOING: u16 = 0x4000;
const DEFRAG: u16 = 0x8000;

/// `struct fanout_args` as old programs know it.
fn join(fd: Fd, id: u16, kind: u16) -> Ret {
    sys::set_option_bytes(fd, SOL_PACKET, FANOUT, &[id.to_ne_bytes(), kind.to_ne_bytes()].concat())
}

fn join_most(fd: Fd, id: u16, kind: u16, most: u32) -> Ret {
    let args = [&id.to_ne_bytes()[..], &kind.to_ne_bytes(), &most.to_ne_bytes()].concat();
    sys::set_option_bytes(fd, SOL_PACKET, FANOUT, &args)
}

fn group(fd: Fd) -> Ret<u32> {
    sys::get_option(fd, SOL_PACKET, FANOUT).map(i32::cast_unsigned)
}

/// So many sockets of one group.
fn members(count: usize, kind: u16, protocol: u16) -> Vec<Fd> {
    let members: Vec<Fd> = (0..count).map(|_| watching(SOCK_RAW, protocol)).collect();
    members.iter().for_each(|fd| must("join", join(*fd, 7, kind)));
    members
}

fn say(count: usize) {
    let sender = socket(SOCK_RAW, 0);
    for _ in 0..count {
        must("send", sys::sendto_bytes(sender, &frame([0; 6], PROTOCOL, b"x"), 0, &on_lo(PROTOCOL)));
    }
    must("close", sys::close(sender));
}

/// How many frames each of them has got.
fn got(members: &[Fd]) -> Vec<usize> {
    let one = |fd: &Fd| std::iter::from_fn(|| sys::recv(*fd, 100, MSG_DONTWAIT).ok()).count();
    members.iter().map(one).collect()
}

fn see_got(r: &mut Report, what: &str, members: &[Fd]) {
    r.see(what, format!("{:?}", got(members)));
}

fn kinds(r: &mut Report) {
    for kind in [0, 1, 2, 3, 4, 5, 6, 8, 255] {
        for flags in [0, ROLLS_OVER, UNIQUE, IGNORE_OUTGOING, DEFRAG, 0x0100, 0x0f00] {
            let fd = watching(SOCK_RAW, PROTOCOL);
            let id = if flags == UNIQUE { 0 } else { 5 };
            r.see(&format!("kind {kind}, flags {flags:#x}"), join(fd, id, kind | flags));
            if flags != UNIQUE {
                r.see("group", group(fd));
            }
            r.see("counts", sys::get_option_bytes(fd, SOL_PACKET, ROLLOVER_STATS, 24).map(|bytes| bytes.len()));
            must("close", sys::close(fd));
        }
    }
}

fn refused(r: &mut Report) {
    let [a, b, c] = [0; 3].map(|_| watching(SOCK_RAW, PROTOCOL));
    r.see("not bound", join(socket(SOCK_RAW, 0), 5, HASH));
    r.see("no group", group(a));
    r.see("a program without a group", sys::set_option_bytes(a, SOL_PACKET, DATA, &[0; 16]));
    for len in [0, 2, 5, 7, 9, 12] {
        r.see(&format!("{len} bytes"), sys::set_option_bytes(a, SOL_PACKET, FANOUT, &vec![0; len]));
    }
    r.see("two at most", join_most(a, 5, BALANCE, 2));
    r.see("again", join(a, 5, BALANCE));
    let elsewhere = [&on_lo(PROTOCOL)[..4], &99i32.to_ne_bytes(), &on_lo(PROTOCOL)[8..]].concat();
    r.see("bound again", sys::bind_bytes(a, &on_lo(PROTOCOL)));
    r.see("bound to no interface", sys::bind_bytes(a, &elsewhere));
    r.see("another kind", join(b, 5, HASH));
    r.see("other flags", join(b, 5, BALANCE | IGNORE_OUTGOING));
    r.see("three at most", join_most(b, 5, BALANCE, 3));
    r.see("bound otherwise", join(watching(SOCK_RAW, 0x4321), 5, BALANCE));
    r.see("everywhere", join(socket(SOCK_RAW, PROTOCOL), 5, BALANCE));
    r.see("the second", join_most(b, 5, BALANCE, 2));
    r.see("the third", join(c, 5, BALANCE));
    r.see("too many", join_most(c, 6, BALANCE, 65537));
    r.see("many", join_most(c, 6, BALANCE, 65536));
    r.see("a number, and a new one", join(watching(SOCK_RAW, PROTOCOL), 6, BALANCE | UNIQUE));
    r.see("bind", sys::bind_bytes(a, &on_lo(PROTOCOL)));
    r.see("a program", sys::set_option_bytes(a, SOL_PACKET, DATA, &[0; 16]));
    r.see("not of those that roll over", sys::get_option(a, SOL_PACKET, ROLLOVER_STATS));
}

fn balance(r: &mut Report) {
    let all = members(3, BALANCE, PROTOCOL);
    let alone = watching(SOCK_RAW, PROTOCOL);
    say(1);
    see_got(r, "the first", &all);
    say(7);
    see_got(r, "seven more", &all);
    see_got(r, "who is in no group", &[alone]);
    must("close", sys::close(all[0]));
    say(4);
    see_got(r, "two", &all[1..]);
    let late = watching(SOCK_RAW, PROTOCOL);
    r.see("join", join(late, 7, BALANCE));
    say(3);
    see_got(r, "three", &[all[1], all[2], late]);
    for fd in [all[1], all[2], late] {
        must("close", sys::close(fd));
    }
    r.see("the number is free", join(watching(SOCK_RAW, PROTOCOL), 7, HASH));
}

fn rollover(r: &mut Report) {
    for kind in [ROLLOVER, BALANCE | ROLLS_OVER] {
        let all = members(2, kind, PROTOCOL);
        for fd in &all {
            must("buffer", sys::set_option(*fd, SOL_SOCKET, libc::SO_RCVBUF, 4000));
        }
        say(1);
        see_got(r, "one", &all);
        say(60);
        let all_got = got(&all);
        r.see("many", format!("{:?}", all_got.iter().map(|count| *count > 2).collect::<Vec<_>>()));
        let counts = sys::get_option_bytes(all[0], SOL_PACKET, ROLLOVER_STATS, 24);
        r.see(
            "counts",
            counts.map(|bytes| format!("{:?}", bytes.chunks(8).map(|word| word[0] > 0).collect::<Vec<_>>())),
        );
        all.iter().for_each(|fd| must("close", sys::close(*fd)));
    }
}

fn queue(r: &mut Report) {
    let all = members(3, QUEUE, PROTOCOL);
    say(5);
    see_got(r, "the device's only one", &all);
}

fn random(r: &mut Report) {
    let all = members(2, RANDOM, PROTOCOL);
    say(100);
    let all_got = got(&all);
    r.see("either", all_got[0].min(all_got[1]) > 10 && all_got[0] + all_got[1] == 100);
}

fn program(r: &mut Report) {
    let all = members(3, PROGRAM, PROTOCOL);
    say(2);
    see_got(r, "none yet", &all);
    // ret #5, of three sockets.
    let code = [6, 0, 0, 0, 5, 0, 0, 0];
    let fprog = |len: u64| [len.to_ne_bytes(), (code.as_ptr() as u64).to_ne_bytes()].concat();
    r.see("empty", sys::set_option_bytes(all[1], SOL_PACKET, DATA, &fprog(0)));
    r.see("short", sys::set_option_bytes(all[1], SOL_PACKET, DATA, &fprog(1)[..15]));
    r.see("one", sys::set_option_bytes(all[1], SOL_PACKET, DATA, &fprog(1)));
    say(2);
    see_got(r, "the third's", &all);
    let other = watching(SOCK_RAW, PROTOCOL);
    r.see("another group", join(other, 8, HASH));
    r.see("which takes none", sys::set_option_bytes(other, SOL_PACKET, DATA, &fprog(1)));
}

fn flows(r: &mut Report) {
    for kind in [HASH, HASH | DEFRAG] {
        let all = members(4, kind, IP);
        let mut used = [false; 4];
        let mut whole = true;
        for _ in 0..24 {
            let ((a, at_a), (b, at_b)) = (bound_udp(), bound_udp());
            for _ in 0..2 {
                must("there", sys::sendto(a, b"x", 0, at_b));
                must("back", sys::sendto(b, b"x", 0, at_a));
            }
            let all_got = got(&all);
            whole &= all_got.iter().all(|count| *count == 0 || *count == 4) && all_got.iter().sum::<usize>() == 4;
            all_got.iter().zip(&mut used).for_each(|(count, used)| *used |= *count > 0);
        }
        r.see("both ways to one", whole);
        if kind == HASH {
            r.see("not all to the same", used.iter().filter(|used| **used).count() > 1);
        }
        all.iter().for_each(|fd| must("close", sys::close(*fd)));
    }
}

fn outgoing(r: &mut Report) {
    for flags in [0, IGNORE_OUTGOING] {
        let all = members(2, BALANCE | flags, ALL);
        say(2);
        see_got(r, "out and in", &all);
        must("send", sys::sendto_bytes(all[0], &frame([0; 6], PROTOCOL, b"x"), 0, &on_lo(PROTOCOL)));
        r.see("what one has sent comes once", got(&all).iter().sum::<usize>());
        all.iter().for_each(|fd| must("close", sys::close(*fd)));
    }
}
