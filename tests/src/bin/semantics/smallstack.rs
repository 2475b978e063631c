//! Threads whose stack is `PTHREAD_STACK_MIN`: on the host a socket's calls need next to none of it.

use libc::{AF_INET, IPPROTO_UDP, POLLIN, SO_RCVBUF, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Case;
use crate::net::{listener, must};
use crate::report::Report;
use crate::resolver::{self, Hints};
use crate::sys::{self, on_the_smallest_stack};

pub const CASES: &[Case] = &[
    // The first: the rump kernel boots in such a thread.
    ("smallstack.datagrams", datagrams),
    ("smallstack.stream", stream),
    ("smallstack.both_ends", both_ends),
    ("smallstack.waits", waits),
    ("smallstack.names", names),
];

const LOOPBACK: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

fn datagrams(r: &mut Report) {
    let got = on_the_smallest_stack(|| {
        let fd = sys::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP)?;
        sys::bind(fd, LOOPBACK)?;
        let at = sys::getsockname(fd)?;
        sys::set_option(fd, SOL_SOCKET, SO_RCVBUF, 100_000)?;
        let sent = (sys::sendto(fd, b"one", 0, at)?, sys::sendmsg(fd, &[b"tw", b"o"], 0, Some(at))?);
        let got = (sys::recvfrom(fd, 100, 0)?.0, sys::recvmsg(fd, &[3], 0, 100)?.parts.concat());
        let buffer = sys::get_option(fd, SOL_SOCKET, SO_RCVBUF)?;
        sys::close(fd)?;
        Ok::<_, sys::Errno>((sent, got, buffer))
    });
    r.see("sent and got", format!("{got:?}"));
}

fn stream(r: &mut Report) {
    let (listening, at) = listener(8);
    let peer = std::thread::spawn(move || {
        for _ in 0..4 {
            let (fd, _) = must("accept", sys::accept(listening));
            while must("recv", sys::recv(fd, 1 << 16, 0)) != b"" {}
            must("send", sys::send(fd, &[7; 300_000], 0));
            must("close", sys::close(fd));
        }
    });
    let got = on_the_smallest_stack(move || {
        let mut total = 0;
        for _ in 0..4 {
            let fd = sys::socket(AF_INET, SOCK_STREAM, 0)?;
            sys::connect(fd, at)?;
            for _ in 0..100 {
                sys::send(fd, &[1; 999], 0)?;
            }
            sys::shutdown(fd, libc::SHUT_WR)?;
            loop {
                sys::poll(&[(fd, POLLIN)], -1)?;
                let got = sys::recv(fd, 10_000, 0)?.len();
                total += got;
                if got == 0 {
                    break;
                }
            }
            sys::close(fd)?;
        }
        Ok::<_, sys::Errno>(total)
    });
    r.see("received", format!("{got:?}"));
    peer.join().expect("the peer ends");
}

fn both_ends(r: &mut Report) {
    let got = on_the_smallest_stack(|| {
        let listening = sys::socket(AF_INET, SOCK_STREAM, 0)?;
        sys::bind(listening, LOOPBACK)?;
        sys::listen(listening, 4)?;
        let at = sys::getsockname(listening)?;
        let client = sys::socket(AF_INET, SOCK_STREAM, 0)?;
        sys::connect(client, at)?;
        let (server, _) = sys::accept(listening)?;
        sys::write(client, b"question")?;
        let question = sys::read(server, 100)?;
        sys::writev(server, &[b"ans", b"wer"])?;
        let answer = sys::readv(client, &[4, 4])?.1.concat();
        [server, client, listening].into_iter().try_for_each(sys::close)?;
        Ok::<_, sys::Errno>((question, answer))
    });
    r.see("question and answer", format!("{got:?}"));
}

fn waits(r: &mut Report) {
    let got = on_the_smallest_stack(|| {
        let fd = sys::socket(AF_INET, SOCK_DGRAM, 0)?;
        sys::bind(fd, LOOPBACK)?;
        let at = sys::getsockname(fd)?;
        let epoll = sys::epoll_create()?;
        sys::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, 5)?;
        let before =
            (sys::poll(&[(fd, POLLIN)], 1)?, sys::select(&[fd], &[], &[], 1)?.0, sys::epoll_wait(epoll, 4, 1)?);
        sys::sendto(fd, b"x", 0, at)?;
        let after = (sys::poll(&[(fd, POLLIN)], 1)?, sys::select(&[fd], &[], &[], 1)?.0, sys::epoll_wait(epoll, 4, 1)?);
        [epoll, fd].into_iter().try_for_each(sys::close)?;
        Ok::<_, sys::Errno>((before, after))
    });
    r.see("before and after a datagram", format!("{got:?}"));
}

fn names(r: &mut Report) {
    let hints = Hints { family: AF_INET, kind: SOCK_STREAM, flags: 0 };
    r.see("numeric", on_the_smallest_stack(|| resolver::lookup(Some("192.0.2.7"), Some("80"), &hints)));
    r.see("localhost", on_the_smallest_stack(|| resolver::lookup(Some("localhost"), Some("80"), &hints)));
}
