//! Signal-driven I/O (fcntl(2), socket(7)): O_ASYNC, F_SETOWN, F_SETSIG, and SIGURG.
//!
//! The signals are blocked and taken by sigtimedwait(2), so that their order and contents can be shown. How often one that says the same
//! comes in a row depends on how arrivals fall together, and is not shown.

use libc::{MSG_DONTWAIT, MSG_OOB, O_ASYNC, O_NONBLOCK, SHUT_RD, SHUT_RDWR, SHUT_WR, SIGIO, SIGURG};

use crate::Case;
use crate::net::{bound_udp, connected, free_port, later, listener, must, nonblocking, pair, tcp, udp, within};
use crate::report::Report;
use crate::sys::{self, F_GETOWN, F_GETSIG, F_SETOWN, F_SETSIG, Fd, Ret, Taken};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

pub const CASES: &[Case] = &[
    ("driven.owner", owner),
    ("driven.owner_by_ioctl", owner_by_ioctl),
    ("driven.signal_number", signal_number),
    ("driven.flag", flag),
    ("driven.connect_and_accept", connect_and_accept),
    ("driven.arrivals", arrivals),
    ("driven.sigio", sigio),
    ("driven.urgent", urgent),
    ("driven.writable", writable),
    ("driven.peer_ends", peer_ends),
    ("driven.own_shutdown", own_shutdown),
    ("driven.reset", reset),
    ("driven.refused", refused),
    ("driven.listener_ends", listener_ends),
    ("driven.disconnect", disconnect),
    ("driven.datagrams", datagrams),
    ("driven.low_water", low_water),
    ("driven.reader_asleep", reader_asleep),
    ("driven.to_a_thread", to_a_thread),
    ("driven.to_a_group", to_a_group),
    ("driven.to_another_process", to_another_process),
    ("driven.handler", handler),
    ("driven.handler_reads", handler_reads),
];

fn real_time() -> i32 {
    libc::SIGRTMIN() + 3
}

fn block() {
    sys::block(&[SIGIO, SIGURG, real_time()]);
}

/// Signals of `fd` come to this process: `signal`, or SIGIO for 0.
fn arm(fd: Fd, signal: i32) {
    must("F_SETOWN", sys::fcntl(fd, F_SETOWN, sys::getpid()));
    must("F_SETSIG", sys::fcntl(fd, F_SETSIG, signal));
    let flags = must("F_GETFL", sys::fcntl(fd, libc::F_GETFL, 0));
    must("F_SETFL", sys::fcntl(fd, libc::F_SETFL, flags | O_ASYNC));
}

/// What comes until it has been quiet for a while, without what only says the same again.
fn come() -> Vec<Taken> {
    let mut all = Vec::new();
    while let Ok(taken) = sys::take_signal(&[SIGIO, SIGURG, real_time()], 150) {
        if all.last() != Some(&taken) {
            all.push(taken);
        }
    }
    all
}

/// In words: the signal, POLL_…, the events; and whether the descriptor is that of `fd`.
fn words(all: &[Taken], fd: Fd) -> String {
    let word = |taken: &Taken| {
        let code = match taken.code {
            1 => "IN".to_owned(),
            2 => "OUT".to_owned(),
            4 => "ERR".to_owned(),
            5 => "PRI".to_owned(),
            6 => "HUP".to_owned(),
            0x80 => "kernel".to_owned(),
            code => code.to_string(),
        };
        match taken.signal {
            SIGIO => format!("SIGIO {code}"),
            SIGURG => format!("SIGURG {code}"),
            _ => format!("{code} {:#x}{}", taken.band, if taken.fd == fd { "" } else { " of another" }),
        }
    };
    all.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn see(r: &mut Report, what: &str, fd: Fd) {
    r.see(what, words(&come(), fd));
}

fn owner(r: &mut Report) {
    let fd = tcp();
    let own = |r: &mut Report, what: &str, id: i32| {
        r.see(what, sys::fcntl(fd, F_SETOWN, id));
        r.see("owner", sys::fcntl(fd, F_GETOWN, 0).map(|got| got == id));
        r.see("owner with its kind", sys::get_owner(fd).map(|(kind, got)| format!("{kind} {}", got == id.abs())));
    };
    own(r, "this process", sys::getpid());
    own(r, "none", 0);
    r.see("nobody's number", sys::fcntl(fd, F_SETOWN, 0x3fff_ffff));
    r.see("the least number", sys::fcntl(fd, F_SETOWN, i32::MIN));
    for kind in 0..4 {
        r.see(&format!("kind {kind}"), sys::set_owner(fd, kind, sys::getpid()));
        r.see("owner", sys::get_owner(fd).map(|(kind, got)| format!("{kind} {}", got == sys::getpid())));
    }
    r.see("kind 1, nobody", sys::set_owner(fd, 1, 0x3fff_ffff));
    r.see("kind 1, none", sys::set_owner(fd, 1, 0));
    r.see("owner", sys::get_owner(fd).map(|(kind, got)| format!("{kind} {}", got)));
}

fn owner_by_ioctl(r: &mut Report) {
    const FIOSETOWN: libc::Ioctl = 0x8901;
    const SIOCSPGRP: libc::Ioctl = 0x8902;
    const FIOGETOWN: libc::Ioctl = 0x8903;
    const SIOCGPGRP: libc::Ioctl = 0x8904;
    block();
    let (a, b) = pair();
    for (set, get) in [(FIOSETOWN, FIOGETOWN), (SIOCSPGRP, SIOCGPGRP)] {
        r.see("none", sys::ioctl(a, get, -7));
        r.see("set", sys::ioctl(a, set, sys::getpid()).map(drop));
        r.see("same", sys::ioctl(a, get, -7).map(|got| got == sys::getpid()));
        r.see("by fcntl", sys::fcntl(a, F_GETOWN, 0).map(|got| got == sys::getpid()));
        r.see("urgent", sys::send(b, b"!", MSG_OOB));
        see(r, "signals", a);
        r.see("nobody", sys::ioctl(a, set, 0x3fff_ffff).map(drop));
        r.see("set none", sys::ioctl(a, set, 0));
    }
}

fn signal_number(r: &mut Report) {
    let fd = udp();
    r.see("default", sys::fcntl(fd, F_GETSIG, 0));
    for signal in [SIGIO, 64, 65, -1, 0] {
        r.see(&format!("set {signal}"), sys::fcntl(fd, F_SETSIG, signal));
        r.see("get", sys::fcntl(fd, F_GETSIG, 0));
    }
}

fn flag(r: &mut Report) {
    block();
    let (a, b) = pair();
    must("F_SETOWN", sys::fcntl(a, F_SETOWN, sys::getpid()));
    let is_on = |fd| sys::fcntl(fd, libc::F_GETFL, 0).map(|flags| flags & O_ASYNC != 0);
    r.see("at first", is_on(a));
    r.see("FIOASYNC", sys::ioctl(a, libc::FIOASYNC as libc::Ioctl, 1));
    r.see("on", is_on(a));
    r.see("send", sys::send(b, b"x", 0));
    see(r, "signals", a);
    let copy = must("dup", sys::dup(a));
    r.see("off by a copy", sys::ioctl(copy, libc::FIOASYNC as libc::Ioctl, 0));
    r.see("off", is_on(a));
    r.see("send", sys::send(b, b"x", 0));
    see(r, "none", a);
    must("F_SETSIG", sys::fcntl(a, F_SETSIG, real_time()));
    r.see("on by a copy", sys::fcntl(copy, libc::F_SETFL, O_ASYNC));
    r.see("once more", sys::fcntl(a, libc::F_SETFL, O_ASYNC | O_NONBLOCK));
    r.see("send", sys::send(b, b"x", 0));
    see(r, "of the copy", copy);
    let (c, d) = pair();
    r.see("without an owner", sys::fcntl(c, libc::F_SETFL, O_ASYNC));
    r.see("send", sys::send(d, b"x", 0));
    see(r, "none either", c);
}

fn connect_and_accept(r: &mut Report) {
    block();
    let (l, at) = listener(4);
    arm(l, real_time());
    see(r, "a fresh listener", l);
    let c = tcp();
    arm(c, real_time() - 1);
    sys::block(&[real_time() - 1]);
    let client = connected(at);
    see(r, "a connection came", l);
    r.see("connect", sys::connect(c, at));
    let opened = sys::take_signal(&[real_time() - 1], 1000).ok();
    r.see("connected", words(opened.as_slice(), c));
    see(r, "another came", l);
    let (s, _) = must("accept", sys::accept(l));
    see(r, "accepted", l);
    r.see("the child's flag", sys::fcntl(s, libc::F_GETFL, 0).map(|flags| flags & O_ASYNC != 0));
    r.see("the child's owner", sys::fcntl(s, F_GETOWN, 0));
    r.see("send", sys::send(client, b"x", 0));
    see(r, "none of the child", s);
}

fn arrivals(r: &mut Report) {
    block();
    let (a, b) = pair();
    arm(a, real_time());
    see(r, "armed", a);
    for _ in 0..2 {
        r.see("send", sys::send(b, b"x", 0));
        see(r, "came", a);
    }
    r.see("read", sys::recv(a, 9, 0));
    see(r, "read all", a);
    r.see("own send", sys::send(a, b"y", 0));
    see(r, "sent", a);
}

fn sigio(r: &mut Report) {
    block();
    let (a, b) = pair();
    arm(a, 0);
    r.see("send", sys::send(b, b"x", 0));
    see(r, "by default", a);
    arm(a, SIGIO);
    r.see("send", sys::send(b, b"x", 0));
    let all = come();
    r.see("chosen", words(&all, a));
    r.see("its band", all.first().map_or(0, |taken| taken.band));
}

fn urgent(r: &mut Report) {
    block();
    let (a, b) = pair();
    must("F_SETOWN", sys::fcntl(a, F_SETOWN, sys::getpid()));
    for _ in 0..2 {
        r.see("send", sys::send(b, b"!", MSG_OOB));
        see(r, "an owner alone", a);
    }
    must("F_SETSIG", sys::fcntl(a, F_SETSIG, real_time()));
    r.see("send", sys::send(b, b"!", MSG_OOB));
    see(r, "a signal chosen", a);
    arm(a, real_time());
    r.see("send", sys::send(b, b"!", MSG_OOB));
    // SIGURG has the lower number: it is taken first.
    see(r, "with O_ASYNC", a);
    arm(a, 0);
    r.see("send", sys::send(b, b"!", MSG_OOB));
    see(r, "with O_ASYNC, none chosen", a);
    r.see("owner taken away", sys::fcntl(a, F_SETOWN, 0));
    r.see("send", sys::send(b, b"!", MSG_OOB));
    see(r, "nobody", a);
}

fn fill(fd: Fd) {
    let data = vec![0; 1 << 16];
    // The last of the peer's window is used by a probe, after 200 ms.
    let takes = || sys::send(fd, &data, MSG_DONTWAIT).is_ok();
    while takes() || sys::poll(&[(fd, libc::POLLOUT)], 400).is_ok_and(|(n, _)| n == 1) || takes() {}
}

fn drain(fd: Fd) {
    within(Duration::from_secs(3), || {
        while sys::recv(fd, 1 << 20, MSG_DONTWAIT).is_ok() {}
        (!sys::poll(&[(fd, libc::POLLIN)], 100).is_ok_and(|(n, _)| n == 1)).then_some(())
    });
}

fn writable(r: &mut Report) {
    block();
    let (a, b) = pair();
    nonblocking(a);
    fill(a);
    arm(a, real_time());
    r.see("full", sys::send(a, b"x", 0));
    see(r, "no room", a);
    drain(b);
    see(r, "room", a);
}

fn peer_ends(r: &mut Report) {
    block();
    let (a, b) = pair();
    arm(a, real_time());
    r.see("peer's shutdown", sys::shutdown(b, SHUT_WR));
    see(r, "its end", a);
    r.see("own shutdown", sys::shutdown(a, SHUT_WR));
    see(r, "own end", a);
    let (a, b) = pair();
    arm(a, real_time());
    r.see("peer's close", sys::close(b));
    see(r, "closed", a);
    r.see("send", sys::send(a, b"x", 0));
    see(r, "reset", a);
}

fn own_shutdown(r: &mut Report) {
    for (what, how) in [("SHUT_WR", SHUT_WR), ("SHUT_RD", SHUT_RD), ("SHUT_RDWR", SHUT_RDWR)] {
        block();
        let (a, b) = pair();
        arm(a, real_time());
        r.see(what, sys::shutdown(a, how));
        see(r, "own", a);
        r.see("peer's close", sys::close(b));
        see(r, "closed", a);
    }
}

fn reset(r: &mut Report) {
    block();
    let (a, b) = pair();
    arm(a, real_time());
    must("linger", sys::set_linger(b, true, 0));
    r.see("peer's close", sys::close(b));
    see(r, "reset", a);
    r.see("recv", sys::recv(a, 1, 0));
}

fn refused(r: &mut Report) {
    block();
    let fd = tcp();
    nonblocking(fd);
    arm(fd, real_time());
    let _ = sys::connect(fd, free_port());
    see(r, "stream", fd);
    let fd = udp();
    must("connect", sys::connect(fd, free_port()));
    arm(fd, real_time());
    r.see("send", sys::send(fd, b"x", 0));
    see(r, "datagram", fd);
}

fn listener_ends(r: &mut Report) {
    block();
    let (l, _) = listener(4);
    arm(l, real_time());
    r.see("shutdown", sys::shutdown(l, SHUT_RD));
    see(r, "signals", l);
}

fn disconnect(r: &mut Report) {
    block();
    let (a, _b) = pair();
    arm(a, real_time());
    r.see("stream", sys::connect_raw(a, libc::AF_UNSPEC, 16));
    see(r, "signals", a);
    let fd = udp();
    must("connect", sys::connect(fd, free_port()));
    arm(fd, real_time());
    r.see("datagram", sys::connect_raw(fd, libc::AF_UNSPEC, 16));
    see(r, "signals", fd);
}

fn datagrams(r: &mut Report) {
    block();
    let ((a, at), b) = (bound_udp(), udp());
    arm(a, real_time());
    for bytes in [&b"one"[..], b"two", b""] {
        r.see("send", sys::sendto(b, bytes, 0, at));
        see(r, "came", a);
    }
    r.see("read", sys::recv(a, 9, 0));
    see(r, "read one", a);
    r.see("own send", sys::sendto(a, b"x", 0, at));
    see(r, "to itself", a);
    arm(a, 0);
    r.see("send", sys::sendto(b, b"four", 0, at));
    see(r, "SIGIO", a);
}

fn low_water(r: &mut Report) {
    block();
    let (a, b) = pair();
    must("SO_RCVLOWAT", sys::set_option(a, libc::SOL_SOCKET, libc::SO_RCVLOWAT, 10));
    arm(a, real_time());
    r.see("send", sys::send(b, b"x", 0));
    see(r, "below", a);
    r.see("send", sys::send(b, b"0123456789", 0));
    see(r, "above", a);
}

fn reader_asleep(r: &mut Report) {
    block();
    let (a, b) = pair();
    arm(a, real_time());
    let sender = later(200, move || sys::send(b, b"x", 0));
    r.see("recv", sys::recv(a, 1, 0));
    see(r, "it was the reader's", a);
    drop(sender.join());
    let sender = later(200, move || sys::send(b, b"x", 0));
    r.see("poll", sys::poll(&[(a, libc::POLLIN)], 2000));
    see(r, "who polls takes nothing away", a);
    drop(sender.join());
    let (d, at) = bound_udp();
    arm(d, real_time());
    let sender = later(200, move || sys::sendto(udp(), b"x", 0, at));
    r.see("recv of a datagram", sys::recv(d, 1, 0));
    see(r, "there nothing is taken away", d);
    drop(sender.join());
}

fn to_a_thread(r: &mut Report) {
    block();
    static THREAD: AtomicI32 = AtomicI32::new(0);
    let (a, b) = pair();
    let waits = std::thread::spawn(|| {
        THREAD.store(sys::gettid(), Ordering::SeqCst);
        sys::take_signal(&[real_time()], 2000)
    });
    let thread = within(Duration::from_secs(2), || Some(THREAD.load(Ordering::SeqCst)).filter(|id| *id != 0));
    arm(a, real_time());
    r.see("F_SETOWN_EX", sys::set_owner(a, 0, thread.unwrap_or(0)));
    r.see("send", sys::send(b, b"x", 0));
    let taken = waits.join().ok().and_then(Ret::ok);
    r.see("the thread", words(taken.as_slice(), a));
    see(r, "others", a);
}

fn to_a_group(r: &mut Report) {
    block();
    let (a, b) = pair();
    sys::new_group();
    arm(a, 0);
    r.see("F_SETOWN", sys::fcntl(a, F_SETOWN, -sys::getpid()));
    r.see("F_GETOWN", sys::get_owner(a).map(|(kind, id)| format!("{kind} {}", id == sys::getpid())));
    r.see("send", sys::send(b, b"x", 0));
    let all = come();
    r.see("signals", all.iter().map(|taken| i64::from(taken.signal == SIGIO)).sum::<i64>());
}

fn to_another_process(r: &mut Report) {
    block();
    let (a, b) = pair();
    let child = must("fork", sys::fork());
    if child == 0 {
        let taken = sys::take_signal(&[real_time()], 3000);
        sys::exit_now(taken.map_or(1, |taken| if taken.band == 0x41 && taken.fd == a { 42 } else { 2 }));
    }
    arm(a, real_time());
    r.see("F_SETOWN", sys::fcntl(a, F_SETOWN, child));
    r.see("send", sys::send(b, b"x", 0));
    r.see("the child", sys::wait(child));
    see(r, "here", a);
}

static COUNT: AtomicI32 = AtomicI32::new(0);
static SOCKET: AtomicI32 = AtomicI32::new(-1);

extern "C" fn count(_: i32) {
    COUNT.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn read_all(_: i32) {
    while let Ok(bytes) = sys::recv(SOCKET.load(Ordering::SeqCst), 64, MSG_DONTWAIT) {
        COUNT.fetch_add(bytes.len() as i32, Ordering::SeqCst);
    }
}

fn handler(r: &mut Report) {
    let (a, b) = pair();
    must("sigaction", sys::handle(SIGIO, count, 0));
    must("sigaction", sys::handle(SIGURG, count, 0));
    arm(a, 0);
    r.see("send", sys::send(b, b"x", 0));
    r.see("handled", within(Duration::from_secs(2), || (COUNT.load(Ordering::SeqCst) > 0).then_some(())).is_some());
    must("F_SETOWN", sys::fcntl(a, F_SETOWN, 0));
    COUNT.store(0, Ordering::SeqCst);
    must("F_SETOWN", sys::fcntl(b, F_SETOWN, sys::getpid()));
    r.see("urgent", sys::send(a, b"!", MSG_OOB));
    r.see("handled", within(Duration::from_secs(2), || (COUNT.load(Ordering::SeqCst) > 0).then_some(())).is_some());
}

fn handler_reads(r: &mut Report) {
    let (a, b) = pair();
    nonblocking(a);
    SOCKET.store(a, Ordering::SeqCst);
    must("sigaction", sys::handle(SIGIO, read_all, libc::SA_RESTART));
    arm(a, 0);
    let total: i64 = (0..2000).map(|_| sys::send(b, b"0123456789", 0).unwrap_or(0)).sum();
    r.see("sent", total);
    let all = || (i64::from(COUNT.load(Ordering::SeqCst)) == total).then_some(());
    r.see("the handler has read all", within(Duration::from_secs(3), all).is_some());
}
