//! Bytes of a stream: flags, blocking, limits, scatter and gather.

use std::thread;

use libc::{FIONREAD, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, POLLIN, POLLOUT, SOL_SOCKET};

use crate::Case;
use crate::net::{
    here, later, listener, must, nonblocking, pair, pattern, receive_all, settle, timed, udp, udp_pair, within, woken,
};
use crate::report::Report;
use crate::sys;

pub const CASES: &[Case] = &[
    ("data.echo", echo),
    ("data.read_write", read_write),
    ("data.nothing", nothing),
    ("data.short_reads", short_reads),
    ("data.coalesced", coalesced),
    ("data.peek", peek),
    ("data.wait_all", wait_all),
    ("data.wait_all_cut_short", wait_all_cut_short),
    ("data.dont_wait", dont_wait),
    ("data.truncate", truncate),
    ("data.receive_timeout", receive_timeout),
    ("data.send_timeout", send_timeout),
    ("data.receive_waits", receive_waits),
    ("data.low_water", low_water),
    ("data.send_until_full", send_until_full),
    ("data.large", large),
    ("data.large_both_ways", large_both_ways),
    ("data.small_pieces", small_pieces),
    ("data.gather_scatter", gather_scatter),
    ("data.messages", messages),
    ("data.with_address", with_address),
    ("data.bytes_waiting", bytes_waiting),
    ("data.bad_pointer", bad_pointer),
    ("data.lengths", lengths),
    ("data.after_end", after_end),
    ("data.control_messages", control_messages),
    ("data.compat", compat),
];

fn echo(r: &mut Report) {
    let (a, b) = pair();
    r.see("send", sys::send(a, b"there", 0));
    r.see("recv", sys::recv(b, 16, 0));
    r.see("send back", sys::send(b, b"and back", 0));
    r.see("recv back", sys::recv(a, 16, 0));
}

fn read_write(r: &mut Report) {
    let (a, b) = pair();
    r.see("write", sys::write(a, b"by write"));
    r.see("read", sys::read(b, 16));
    r.see("close", sys::close(a));
    r.see("read the end", sys::read(b, 16));
}

fn nothing(r: &mut Report) {
    let (a, b) = pair();
    r.see("send of 0 bytes", sys::send(a, b"", 0));
    r.see("write of 0 bytes", sys::write(a, b""));
    r.see("the peer sees nothing", sys::poll(&[(b, POLLIN)], 50));
    r.see("recv of 0 bytes", sys::recv(b, 0, MSG_DONTWAIT));
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("recv of 0 bytes, data there", sys::recv(b, 0, 0));
    r.see("the data is still there", sys::recv(b, 4, 0));
}

fn short_reads(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"abcdefgh", 0));
    for _ in 0..3 {
        r.see("recv of 3", sys::recv(b, 3, 0));
    }
}

fn coalesced(r: &mut Report) {
    let (a, b) = pair();
    for piece in [&b"one "[..], b"two ", b"three"] {
        must("send", sys::send(a, piece, 0));
    }
    r.see("all in one", sys::recv(b, 13, MSG_WAITALL));
}

fn peek(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"look", 0));
    r.see("peek", sys::recv(b, 16, MSG_PEEK));
    r.see("peek of 2", sys::recv(b, 2, MSG_PEEK));
    r.see("recv", sys::recv(b, 16, 0));
    r.see("peek at nothing", sys::recv(b, 16, MSG_PEEK | MSG_DONTWAIT));
}

fn wait_all(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"first ", 0));
    let other = later(100, move || sys::send(a, b"second", 0));
    r.see("recv", sys::recv(b, 12, MSG_WAITALL));
    r.see("send", other.join().expect("joined"));
}

fn wait_all_cut_short(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"only this", 0));
    let other = later(100, move || sys::close(a));
    r.see("recv", sys::recv(b, 100, MSG_WAITALL));
    r.see("close", other.join().expect("joined"));
    let (a, b) = pair();
    must("timeout", sys::set_timeout(b, libc::SO_RCVTIMEO, 100));
    must("send", sys::send(a, b"in time", 0));
    r.see("with a timeout", sys::recv(b, 100, MSG_WAITALL));
}

fn dont_wait(r: &mut Report) {
    let (a, b) = pair();
    r.see("nothing there", sys::recv(b, 4, MSG_DONTWAIT));
    must("send", sys::send(a, b"data", 0));
    settle(b, POLLIN);
    r.see("data there", sys::recv(b, 4, MSG_DONTWAIT));
    r.see("WAITALL and DONTWAIT", sys::recv(b, 4, MSG_DONTWAIT | MSG_WAITALL));
}

fn truncate(r: &mut Report) {
    // On a stream MSG_TRUNC throws the bytes away.
    let (a, b) = pair();
    must("send", sys::send(a, b"thrown away, kept", 0));
    r.see("recv with MSG_TRUNC", sys::recv_len(b, 13, MSG_TRUNC).map(|(_, n)| n));
    r.see("the rest", sys::recv(b, 16, 0));
}

fn receive_timeout(r: &mut Report) {
    let (a, b) = pair();
    r.see("set", sys::set_timeout(b, libc::SO_RCVTIMEO, 120));
    let (result, in_time) = timed(120, || sys::recv(b, 4, 0));
    r.see("recv", result);
    r.see("in time", in_time);
    must("send", sys::send(a, b"data", 0));
    r.see("data before the time", sys::recv(b, 4, 0));
    r.see("negative", sys::set_timeout(b, libc::SO_RCVTIMEO, -1000));
    r.see("too short", sys::set_option(b, SOL_SOCKET, libc::SO_RCVTIMEO, 1));
}

fn send_timeout(r: &mut Report) {
    let (a, _b) = pair();
    nonblocking(a);
    // A buffer of the peer's that grows is learnt of by a probe, 200 ms later: full is what takes nothing for longer than that.
    let mut taken = std::time::Instant::now();
    while taken.elapsed() < std::time::Duration::from_millis(600) {
        if sys::send(a, &[0; 65536], 0).is_ok() {
            taken = std::time::Instant::now();
        } else {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
    must("fcntl", sys::fcntl(a, libc::F_SETFL, 0));
    r.see("set", sys::set_timeout(a, libc::SO_SNDTIMEO, 100));
    let (result, in_time) = timed(100, || sys::send(a, &[0; 65536], 0));
    r.see("send", result);
    r.see("in time", in_time);
}

fn receive_waits(r: &mut Report) {
    let (a, b) = pair();
    let other = later(100, move || sys::send(a, b"late", 0));
    let (result, in_time) = woken(|| sys::recv(b, 16, 0));
    r.see("recv", result);
    r.see("in time", in_time);
    drop(other.join());
}

fn low_water(r: &mut Report) {
    let (a, b) = pair();
    r.see("SO_RCVLOWAT 4", sys::set_option(b, SOL_SOCKET, libc::SO_RCVLOWAT, 4));
    r.see("get", sys::get_option(b, SOL_SOCKET, libc::SO_RCVLOWAT));
    must("send", sys::send(a, b"ab", 0));
    r.see("poll with 2 bytes", sys::poll(&[(b, POLLIN)], 50));
    let other = later(100, move || sys::send(a, b"cd", 0));
    r.see("poll wakes at 4", sys::poll(&[(b, POLLIN)], 5000));
    r.see("recv", sys::recv(b, 16, 0));
    drop(other.join());
    r.see("SO_RCVLOWAT 0", sys::set_option(b, SOL_SOCKET, libc::SO_RCVLOWAT, 0));
    r.see("get", sys::get_option(b, SOL_SOCKET, libc::SO_RCVLOWAT));
    r.see("set SO_SNDLOWAT", sys::set_option(b, SOL_SOCKET, libc::SO_SNDLOWAT, 4));
}

fn send_until_full(r: &mut Report) {
    let (a, b) = pair();
    nonblocking(a);
    let data = pattern(16 << 20);
    let mut sent = 0;
    let full = loop {
        match sys::send(a, &data[sent..], 0) {
            Ok(n) => sent += n as usize,
            Err(errno) => {
                // Full for good only if it stays so: the peer's window may still open.
                if sys::poll(&[(a, POLLOUT)], 100).is_ok_and(|(n, _)| n == 0) {
                    break errno;
                }
            }
        }
    };
    r.see("at last", full.to_string());
    r.see("at least 64 KiB went", sent >= 65536);
    r.see("less than 16 MiB went", sent < data.len());
    r.see("poll", sys::poll(&[(a, POLLOUT)], 0));
    let mut got = Vec::new();
    while got.len() < sent {
        match sys::recv(b, 1 << 20, 0) {
            Ok(bytes) if !bytes.is_empty() => got.extend(bytes),
            _ => break,
        }
    }
    r.see("all of it came", got == data[..sent]);
    r.see("room again", sys::poll(&[(a, POLLOUT)], 1000));
    r.see("send", sys::send(a, b"more", 0));
}

/// Sends all of `data` on `fd` from a thread, by blocking calls of `piece` bytes.
fn send_all(fd: sys::Fd, data: Vec<u8>, piece: usize) -> thread::JoinHandle<bool> {
    thread::spawn(move || {
        let all = data.chunks(piece).all(|chunk| sys::send(fd, chunk, MSG_NOSIGNAL) == Ok(chunk.len() as i64));
        all && sys::shutdown(fd, libc::SHUT_WR).is_ok()
    })
}

fn large(r: &mut Report) {
    let (a, b) = pair();
    let data = pattern(24 << 20);
    let sender = send_all(a, data.clone(), 1 << 20);
    let got = receive_all(b, 100_001);
    r.see("each send took all of its bytes", sender.join().expect("joined"));
    r.see("24 MiB came", got == data);
}

fn large_both_ways(r: &mut Report) {
    let (a, b) = pair();
    let (there, back) = (pattern(6 << 20), pattern(5 << 20));
    let senders = [send_all(a, there.clone(), 65536), send_all(b, back.clone(), 30_000)];
    let receiver = thread::spawn(move || receive_all(b, 65536));
    let got_back = receive_all(a, 4096);
    let got_there = receiver.join().expect("joined");
    senders.into_iter().for_each(|sender| r.see("sent", sender.join().expect("joined")));
    r.see("there", got_there == there);
    r.see("back", got_back == back);
}

fn small_pieces(r: &mut Report) {
    let (a, b) = pair();
    let data = pattern(60_000);
    let sender = send_all(a, data.clone(), 1);
    let got = receive_all(b, 17);
    r.see("sent", sender.join().expect("joined"));
    r.see("60000 single bytes came", got == data);
}

fn gather_scatter(r: &mut Report) {
    let (a, b) = pair();
    r.see("writev", sys::writev(a, &[b"one", b"", b"two", b"three"]));
    settle(b, POLLIN);
    r.see("readv", sys::readv(b, &[2, 0, 3, 10]));
    r.see("writev of nothing", sys::writev(a, &[]));
    r.see("sendmsg", sys::sendmsg(a, &[b"four", b"five"], 0, None));
    settle(b, POLLIN);
    r.see("readv", sys::readv(b, &[8]));
}

fn messages(r: &mut Report) {
    let (a, b) = pair();
    must("sendmsg", sys::sendmsg(a, &[b"abc", b"def"], 0, None));
    settle(b, POLLIN);
    match sys::recvmsg(b, &[4, 4], MSG_PEEK, 0) {
        Ok(m) => {
            r.see("peeked", (m.returned, m.parts));
            r.see("name length", m.name_len);
            r.see("flags", m.flags as u32);
        }
        Err(errno) => r.see("recvmsg", errno.to_string()),
    }
    r.see("received", sys::recvmsg(b, &[1, 9], 0, 64).map(|m| (m.returned, m.parts)));
    r.see("nothing left", sys::recvmsg(b, &[4], MSG_DONTWAIT, 0).map(|m| m.returned));
    r.see("without room", sys::recvmsg(b, &[], MSG_DONTWAIT, 0).map(|m| m.returned));
}

fn with_address(r: &mut Report) {
    let (a, b) = pair();
    r.see("sendto elsewhere", sys::sendto(a, b"ignored address", 0, here(9)));
    match sys::recvfrom(b, 32, 0) {
        Ok((bytes, from)) => {
            r.see("recvfrom", bytes);
            r.see("address left alone", from.port() == 0);
        }
        Err(errno) => r.see("recvfrom", errno.to_string()),
    }
}

fn bytes_waiting(r: &mut Report) {
    let (a, b) = pair();
    r.see("nothing", sys::ioctl(b, FIONREAD, 77));
    must("send", sys::send(a, b"twelve bytes", 0));
    settle(b, POLLIN);
    r.see("FIONREAD", sys::ioctl(b, FIONREAD, 0));
    must("recv", sys::recv(b, 5, 0));
    r.see("after 5", sys::ioctl(b, FIONREAD, 0));
    let drained = within(std::time::Duration::from_secs(1), || match sys::ioctl(a, libc::TIOCOUTQ, 0) {
        Ok(0) => Some(0),
        _ => None,
    });
    r.see("SIOCOUTQ comes to", drained.unwrap_or(-1));
    r.see("unknown ioctl", sys::ioctl(b, 0x1234, 0));
    let (listening, _) = listener(1);
    r.see("listener", sys::ioctl(listening, FIONREAD, 0));
}

fn bad_pointer(r: &mut Report) {
    let (a, b) = pair();
    must("send", sys::send(a, b"data", 0));
    settle(b, POLLIN);
    r.see("recv", sys::recv_nowhere(b));
    r.see("the data is still there", sys::recv(b, 8, MSG_DONTWAIT));
}

/// Lengths that no memory has: what one call moves is bounded, and so are addresses.
fn lengths(r: &mut Report) {
    const TOO_MANY: [usize; 4] = [1 << 47, 1 << 62, isize::MAX as usize, usize::MAX];
    let (a, b) = pair();
    for len in TOO_MANY {
        r.see(&format!("read {len:#x}"), sys::read_said(b, len));
        r.see("readv of two", sys::readv_said(b, len, 2));
        r.see("write", sys::write_said(a, len));
        r.see("writev", sys::writev_said(a, len));
    }
    type Read = fn(sys::Fd) -> sys::Ret<i64>;
    let reads: [(&str, Read); 4] = [
        ("read", |fd| sys::read_said(fd, 1 << 40)),
        ("recv", |fd| sys::recv_said(fd, usize::MAX, 0)),
        ("readv of two", |fd| sys::readv_said(fd, 1 << 40, 2)),
        ("readv of one", |fd| sys::readv_said(fd, isize::MAX as usize, 1)),
    ];
    for (what, read) in reads {
        must("send", sys::send(a, &pattern(40), 0));
        settle(b, POLLIN);
        r.see(&format!("{what} of what there is"), read(b));
    }
    let (a, _b) = udp_pair();
    for len in TOO_MANY {
        r.see(&format!("a datagram of {len:#x}"), sys::send_said(a, len));
        r.see("write", sys::write_said(a, len));
    }
}

fn after_end(r: &mut Report) {
    let (a, b) = pair();
    must("close", sys::close(a));
    settle(b, POLLIN);
    for _ in 0..3 {
        r.see("recv", sys::recv(b, 4, 0));
    }
    r.see("peek", sys::recv(b, 4, MSG_PEEK));
    r.see("FIONREAD", sys::ioctl(b, FIONREAD, 0));
}

/// Of a stream's control messages those of SOL_SOCKET alone are looked at.
fn control_messages(r: &mut Report) {
    let (a, b) = pair();
    for level in [libc::SOL_IP, libc::SOL_IPV6, libc::SOL_TCP, libc::SOL_UDP, SOL_SOCKET, 12_345] {
        for (kind, data) in [(libc::IP_TTL, &[1, 0, 0, 0][..]), (libc::IP_TTL, &[1]), (99, &[1, 0, 0, 0])] {
            let what = format!("level {level}, type {kind}, {} bytes", data.len());
            r.see(&what, sys::sendmsg_with(a, b"text", 0, (level, kind, data)));
        }
    }
    must("shutdown", sys::shutdown(a, libc::SHUT_WR));
    r.see("came", receive_all(b, 64).len());
}

/// MSG_CMSG_COMPAT is the kernel's own.
fn compat(r: &mut Report) {
    const MSG_CMSG_COMPAT: i32 = i32::MIN;
    let (a, b) = pair();
    r.see("sendmsg", sys::sendmsg(a, &[b"x"], MSG_CMSG_COMPAT, None));
    r.see("sendmmsg", sys::sendmmsg_flags(udp(), &[b"x"], here(9), MSG_CMSG_COMPAT));
    r.see("send", sys::send(a, b"x", MSG_CMSG_COMPAT));
    settle(b, POLLIN);
    r.see("recvmsg", sys::recvmsg(b, &[4], MSG_CMSG_COMPAT, 0).map(|message| message.returned));
    r.see("recvmmsg", sys::recvmmsg(b, 1, 4, MSG_CMSG_COMPAT).map(|messages| messages.len()));
    r.see("recv", sys::recv(b, 4, MSG_CMSG_COMPAT));
}
