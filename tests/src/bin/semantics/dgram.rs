//! Datagrams.

use std::net::{Ipv4Addr, SocketAddrV4};

use libc::{
    AF_INET, AF_UNSPEC, FIONREAD, IPPROTO_IP, IPPROTO_IPV6, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_MORE, MSG_PEEK, MSG_TRUNC,
    POLLERR, POLLIN, POLLOUT, SO_ERROR, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};

use crate::Case;
use crate::net::{bound_udp, here, here6, later, must, nonblocking, pair, pattern, settle, tcp, timed, udp, udp_pair};
use crate::report::{Report, place};
use crate::sys;

pub const CASES: &[Case] = &[
    ("dgram.exchange", exchange),
    ("dgram.ephemeral", ephemeral),
    ("dgram.boundaries", boundaries),
    ("dgram.empty", empty),
    ("dgram.truncated", truncated),
    ("dgram.peek", peek),
    ("dgram.sizes", sizes),
    ("dgram.connected_filter", connected_filter),
    ("dgram.connected_send", connected_send),
    ("dgram.connected_to_port_0", connected_to_port_0),
    ("dgram.disconnect", disconnect),
    ("dgram.no_destination", no_destination),
    ("dgram.refused", refused),
    ("dgram.refused_unconnected", refused_unconnected),
    ("dgram.error_queue", error_queue),
    ("dgram.error_queue_of_what_is_too_long", error_queue_too_long),
    ("dgram.bind", bind),
    ("dgram.broadcast", broadcast),
    ("dgram.shutdown", shutdown),
    ("dgram.bytes_waiting", bytes_waiting),
    ("dgram.timeout", timeout),
    ("dgram.nonblocking", nonblocking_receive),
    ("dgram.messages", messages),
    ("dgram.many_messages", many_messages),
    ("dgram.packet_info", packet_info),
    ("dgram.overflow", overflow),
    ("dgram.receive_buffer", receive_buffer),
    ("dgram.loopback_broadcast", loopback_broadcast),
    ("dgram.encapsulation", encapsulation),
    ("dgram.path_mtu", path_mtu),
    ("dgram.polls", polls),
    ("dgram.loopback_net", loopback_net),
    ("dgram.icmp_socket", icmp_socket),
    ("dgram.bind_of_no_family", bind_of_no_family),
    ("dgram.name_of_no_length", name_of_no_length),
    ("dgram.probe", probe),
    ("dgram.raw_disconnected", raw_disconnected),
];

fn exchange(r: &mut Report) {
    let ((a, at_a), (b, at_b)) = (bound_udp(), bound_udp());
    r.see("sendto", sys::sendto(a, b"question", 0, at_b));
    let (bytes, from) = must("recvfrom", sys::recvfrom(b, 32, 0));
    r.see("recvfrom", bytes);
    r.see("from the sender", from == at_a);
    r.see("answer", sys::sendto(b, b"answer", 0, from));
    r.see("recv", sys::recv(a, 32, 0));
}

fn ephemeral(r: &mut Report) {
    let (b, at_b) = bound_udp();
    let fd = udp();
    r.see("unbound", place(sys::getsockname(fd)));
    r.see("sendto", sys::sendto(fd, b"x", 0, at_b));
    r.see("bound by sending", place(sys::getsockname(fd)));
    let (_, from) = must("recvfrom", sys::recvfrom(b, 4, 0));
    r.see("the receiver sees that port", sys::getsockname(fd).map(|name| name.port() == from.port()));
    r.see("peer", place(sys::getpeername(fd)));
}

fn boundaries(r: &mut Report) {
    let (a, b) = udp_pair();
    for word in [&b"one"[..], b"two", b"three"] {
        must("send", sys::send(a, word, 0));
    }
    for _ in 0..3 {
        r.see("recv", sys::recv(b, 32, 0));
    }
}

fn empty(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("send", sys::send(a, b"", 0));
    r.see("poll", sys::poll(&[(b, POLLIN)], 1000));
    r.see("recv", sys::recv(b, 8, 0));
    r.see("write", sys::write(a, b""));
    r.see("nothing more", sys::recv(b, 8, MSG_DONTWAIT));
}

fn truncated(r: &mut Report) {
    let (a, b) = udp_pair();
    must("send", sys::send(a, b"too long for it", 0));
    must("send", sys::send(a, b"too long again", 0));
    must("send", sys::send(a, b"the third one", 0));
    r.see("recv of 3", sys::recv(b, 3, 0));
    r.see("MSG_TRUNC returns the length", sys::recv_len(b, 3, MSG_TRUNC).map(|(_, n)| n));
    let message = must("recvmsg", sys::recvmsg(b, &[2, 3], 0, 0));
    r.see("recvmsg", (message.returned, message.parts));
    r.see("flags", message.flags as u32);
    r.see("nothing left", sys::recv(b, 8, MSG_DONTWAIT));
}

fn peek(r: &mut Report) {
    let (a, b) = udp_pair();
    must("send", sys::send(a, b"look", 0));
    must("send", sys::send(a, b"next", 0));
    r.see("peek", sys::recv(b, 2, MSG_PEEK));
    r.see("peek the length", sys::recv_len(b, 2, MSG_PEEK | MSG_TRUNC).map(|(_, n)| n));
    r.see("recv", sys::recv(b, 32, 0));
    r.see("recv", sys::recv(b, 32, 0));
}

fn sizes(r: &mut Report) {
    let (a, b) = udp_pair();
    for size in [1472, 1473, 9000, 65507] {
        let data = pattern(size);
        r.see(&format!("send {size}"), sys::send(a, &data, 0));
        r.see("came whole", sys::recv(b, 70_000, 0).map(|got| got == data));
    }
    r.see("send 65508", sys::send(a, &pattern(65508), 0));
    r.see("send 100000", sys::send(a, &pattern(100_000), 0));
}

fn connected_filter(r: &mut Report) {
    let (a, at_a) = bound_udp();
    let (b, at_b) = bound_udp();
    let (stranger, _) = bound_udp();
    must("sendto", sys::sendto(stranger, b"before", 0, at_a));
    settle(a, POLLIN);
    r.see("connect", sys::connect(a, at_b));
    must("sendto", sys::sendto(stranger, b"a stranger", 0, at_a));
    must("sendto", sys::sendto(b, b"the peer", 0, at_a));
    r.see("queued before the connect", sys::recv(a, 32, 0));
    r.see("then", sys::recv(a, 32, 0));
    r.see("nothing else", sys::recv(a, 32, MSG_DONTWAIT));
}

fn connected_send(r: &mut Report) {
    let (a, _) = bound_udp();
    let ((b, at_b), (c, at_c)) = (bound_udp(), bound_udp());
    must("connect", sys::connect(a, at_b));
    r.see("peer", place(sys::getpeername(a)));
    r.see("send", sys::send(a, b"to the peer", 0));
    r.see("sendto another", sys::sendto(a, b"to another", 0, at_c));
    r.see("peer receives", sys::recv(b, 32, 0));
    r.see("another receives", sys::recv(c, 32, 0));
    r.see("connect elsewhere", sys::connect(a, at_c));
    r.see("send", sys::send(a, b"again", 0));
    r.see("another receives", sys::recv(c, 32, 0));
}

fn disconnect(r: &mut Report) {
    let (b, at_b) = bound_udp();
    let fd = udp();
    must("connect", sys::connect(fd, at_b));
    r.see("name", place(sys::getsockname(fd)));
    r.see("disconnect", sys::connect_raw(fd, AF_UNSPEC, 16));
    r.see("name", place(sys::getsockname(fd)));
    r.see("peer", place(sys::getpeername(fd)));
    r.see("send", sys::send(fd, b"x", 0));
    r.see("sendto", sys::sendto(fd, b"by address", 0, at_b));
    r.see("recv", sys::recv(b, 32, 0));
}

fn connected_to_port_0(r: &mut Report) {
    let fd = udp();
    r.see("connect", sys::connect(fd, here(0)));
    r.see("name", place(sys::getsockname(fd)));
    r.see("peer", place(sys::getpeername(fd)));
    r.see("send", sys::send(fd, b"x", 0));
    settle(fd, POLLERR);
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    r.see("recv", sys::recv(fd, 4, MSG_DONTWAIT));
    r.see("sendto port 0", sys::sendto(fd, b"x", 0, here(0)));
    r.see("write", sys::write(fd, b"x"));
    settle(fd, POLLERR);
    r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    let (other, _) = bound_udp();
    r.see("from any port", sys::sendto(other, b"hears", 0, must("name", sys::getsockname(fd))));
    settle(fd, POLLIN);
    r.see("recv", sys::recv(fd, 8, MSG_DONTWAIT));
    let elsewhere = udp();
    must("bind", sys::bind(elsewhere, SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 0)));
    r.see("from another address", sys::sendto(elsewhere, b"no", 0, must("name", sys::getsockname(fd))));
    r.see("recv", sys::recv(fd, 8, MSG_DONTWAIT));
}

fn no_destination(r: &mut Report) {
    let fd = udp();
    r.see("send", sys::send(fd, b"x", 0));
    r.see("write", sys::write(fd, b"x"));
    r.see("sendmsg", sys::sendmsg(fd, &[b"x"], 0, None));
    r.see("to port 0", sys::sendto(fd, b"x", 0, here(0)));
}

fn refused(r: &mut Report) {
    let (gone, at) = bound_udp();
    must("close", sys::close(gone));
    let fd = udp();
    must("connect", sys::connect(fd, at));
    r.see("send", sys::send(fd, b"x", 0));
    settle(fd, POLLERR);
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    r.see("send again", sys::send(fd, b"x", 0));
    // The send above took the first error; the next one sent a datagram of its own.
    r.see("send a third", sys::send(fd, b"x", 0));
    settle(fd, POLLERR);
    r.see("recv", sys::recv(fd, 4, 0));
    must("send", sys::send(fd, b"x", 0));
    settle(fd, POLLERR);
    r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    r.see("SO_ERROR again", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    let waiting = udp();
    must("connect", sys::connect(waiting, at));
    let sender = later(100, move || sys::send(waiting, b"x", 0));
    r.see("a waiting recv", sys::recv(waiting, 4, 0));
    drop(sender.join());
}

fn refused_unconnected(r: &mut Report) {
    let (gone, at) = bound_udp();
    must("close", sys::close(gone));
    let (fd, _) = bound_udp();
    r.see("sendto", sys::sendto(fd, b"x", 0, at));
    r.see("poll", sys::poll(&[(fd, POLLIN)], 50));
    r.see("sendto again", sys::sendto(fd, b"x", 0, at));
}

fn bind(r: &mut Report) {
    let (_fd, at) = bound_udp();
    r.see("same port", sys::bind(udp(), at));
    r.see("any address", sys::bind(udp(), SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, at.port())));
    let (a, b) = (udp(), udp());
    for fd in [a, b] {
        must("reuse", sys::set_option(fd, SOL_SOCKET, libc::SO_REUSEADDR, 1));
    }
    must("bind", sys::bind(a, here(0)));
    r.see("both with SO_REUSEADDR", sys::bind(b, must("name", sys::getsockname(a))));
    must("close", sys::close(_fd));
    r.see("after close", sys::bind(udp(), at));
}

fn broadcast(r: &mut Report) {
    let fd = udp();
    let everybody = SocketAddrV4::new(Ipv4Addr::new(127, 255, 255, 255), 9);
    r.see("not allowed", sys::sendto(fd, b"x", 0, everybody));
    r.see("connect not allowed", sys::connect(fd, everybody));
    r.see("SO_BROADCAST", sys::set_option(fd, SOL_SOCKET, libc::SO_BROADCAST, 1));
    r.see("allowed", sys::sendto(fd, b"x", 0, everybody));
}

fn shutdown(r: &mut Report) {
    let fd = udp();
    r.see("unconnected", sys::shutdown(fd, libc::SHUT_RD));
    let (a, b) = udp_pair();
    r.see("write side", sys::shutdown(a, libc::SHUT_WR));
    r.see("send", sys::send(a, b"x", libc::MSG_NOSIGNAL));
    r.see("read side", sys::shutdown(b, libc::SHUT_RD));
    r.see("recv", sys::recv(b, 4, MSG_DONTWAIT));
}

fn bytes_waiting(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("nothing", sys::ioctl(b, FIONREAD, 9));
    must("send", sys::send(a, b"first", 0));
    must("send", sys::send(a, b"second one", 0));
    settle(b, POLLIN);
    r.see("the first's size", sys::ioctl(b, FIONREAD, 0));
    must("recv", sys::recv(b, 32, 0));
    r.see("the second's", sys::ioctl(b, FIONREAD, 0));
}

fn timeout(r: &mut Report) {
    let (fd, _) = bound_udp();
    must("timeout", sys::set_timeout(fd, libc::SO_RCVTIMEO, 100));
    let (result, in_time) = timed(100, || sys::recv(fd, 4, 0));
    r.see("recv", result);
    r.see("in time", in_time);
}

fn nonblocking_receive(r: &mut Report) {
    let (a, b) = udp_pair();
    nonblocking(b);
    r.see("nothing", sys::recv(b, 4, 0));
    must("send", sys::send(a, b"x", 0));
    settle(b, POLLIN);
    r.see("something", sys::recv(b, 4, 0));
    r.see("nothing again", sys::recv(b, 4, 0));
}

fn messages(r: &mut Report) {
    let ((a, at_a), (b, at_b)) = (bound_udp(), bound_udp());
    r.see("sendmsg", sys::sendmsg(a, &[b"in ", b"", b"pieces"], 0, Some(at_b)));
    let message = must("recvmsg", sys::recvmsg(b, &[4, 30], 0, 0));
    r.see("recvmsg", (message.returned, vec![message.parts[0].clone(), message.parts[1][..5].to_vec()]));
    r.see("name length", message.name_len);
    r.see("from the sender", message.from == at_a);
    r.see("flags", message.flags as u32);
}

fn many_messages(r: &mut Report) {
    let (a, _) = bound_udp();
    let (b, at_b) = bound_udp();
    r.see("sendmmsg", sys::sendmmsg(a, &[b"one", b"two", b"three"], at_b));
    settle(b, POLLIN);
    let got = sys::recvmmsg(b, 2, 16, MSG_DONTWAIT);
    r.see("first two", got.map(|got| got.concat()));
    r.see("the rest", sys::recvmmsg(b, 5, 16, MSG_DONTWAIT).map(|got| got.concat()));
    r.see("nothing", sys::recvmmsg(b, 5, 16, MSG_DONTWAIT).map(|got| got.concat()));
}

/// What MSG_ERRQUEUE gives.
fn see_error(r: &mut Report, fd: sys::Fd, room: usize, sent_to: SocketAddrV4) {
    match sys::recvmsg(fd, &[room], MSG_ERRQUEUE, 256) {
        Err(errno) => r.see("no error queued", Err::<(), _>(errno)),
        Ok(message) => {
            r.see("quoted", (message.returned, message.parts));
            r.see("flags", message.flags as u32);
            r.see("it was sent to", message.from == sent_to);
            for ((level, kind, _), data) in message.control.into_iter().zip(message.control_data) {
                r.see(&format!("level {level} type {kind}"), data);
            }
        }
    }
}

fn error_queue(r: &mut Report) {
    let (gone, at) = bound_udp();
    must("close", sys::close(gone));
    let fd = udp();
    r.see("nothing", sys::recvmsg(fd, &[8], MSG_ERRQUEUE, 256).map(|message| message.returned));
    must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_RECVERR, 1));
    must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_RECVTTL, 1));
    for word in [&b"first"[..], b"second", b"third"] {
        r.see("sendto", sys::sendto(fd, word, 0, at));
        settle(fd, POLLERR);
        // The next send would be refused otherwise.
        r.see("SO_ERROR", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    }
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    see_error(r, fd, 32, at);
    r.see("the next one's error is pending", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    see_error(r, fd, 3, at);
    see_error(r, fd, 32, at);
    r.see("none is pending", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    see_error(r, fd, 32, at);
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    must("sendto", sys::sendto(fd, b"again", 0, at));
    settle(fd, POLLERR);
    r.see("an ordinary recv", sys::recv(fd, 8, MSG_DONTWAIT));
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    see_error(r, fd, 32, at);
    must("sendto", sys::sendto(fd, b"once more", 0, at));
    settle(fd, POLLERR);
    r.see("no more errors, please", sys::set_option(fd, IPPROTO_IP, libc::IP_RECVERR, 0));
    see_error(r, fd, 32, at);
    r.see("the error is pending all the same", sys::get_option(fd, SOL_SOCKET, SO_ERROR));
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
}

fn error_queue_too_long(r: &mut Report) {
    let (_peer, at) = bound_udp();
    let fd = udp();
    must("connect", sys::connect(fd, at));
    must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_RECVERR, 1));
    must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO));
    r.see("longer than a datagram", sys::send(fd, &pattern(66_000), 0));
    r.see("poll", sys::poll(&[(fd, POLLIN | POLLOUT)], 0));
    see_error(r, fd, 32, at);
    // With its headers longer than any packet, whether fragments are allowed or not.
    for (what, kind, protocol, at) in [("udp", SOCK_DGRAM, 0, at), ("raw", libc::SOCK_RAW, 253, here(0))] {
        for mode in [libc::IP_PMTUDISC_DONT, libc::IP_PMTUDISC_WANT] {
            let fd = must("socket", sys::socket(AF_INET, kind, protocol));
            must("connect", sys::connect(fd, at));
            must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_RECVERR, 1));
            must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_MTU_DISCOVER, mode));
            for len in [65_516, 65_535, 65_536] {
                r.see(&format!("{what}, mode {mode}, {len} bytes"), sys::send(fd, &pattern(len), 0));
                see_error(r, fd, 32, at);
            }
        }
    }
}

fn packet_info(r: &mut Report) {
    let (a, _) = bound_udp();
    let b = udp();
    must("bind", sys::bind(b, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)));
    let port = must("getsockname", sys::getsockname(b)).port();
    for option in [libc::IP_PKTINFO, libc::IP_RECVTTL, libc::IP_RECVTOS] {
        must("setsockopt", sys::set_option(b, IPPROTO_IP, option, 1));
    }
    must("sendto", sys::sendto(a, b"x", 0, SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 9), port)));
    let message = must("recvmsg", sys::recvmsg(b, &[4], 0, 256));
    for (level, kind, value) in &message.control {
        r.see(&format!("level {level} type {kind}"), *value);
    }
    must("sendto", sys::sendto(a, b"x", 0, here(port)));
    let message = must("recvmsg", sys::recvmsg(b, &[4], 0, 8));
    r.see("without room: flags", message.flags as u32);
}

fn path_mtu(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("of the loopback", sys::get_option(a, IPPROTO_IP, libc::IP_MTU));
    r.see("set", sys::set_option(b, IPPROTO_IP, libc::IP_MTU, 1000));
    r.see("of nowhere", sys::get_option(udp(), IPPROTO_IP, libc::IP_MTU));
    for mode in [libc::IP_PMTUDISC_DO, libc::IP_PMTUDISC_PROBE, libc::IP_PMTUDISC_INTERFACE] {
        r.see("mode", sys::set_option(a, IPPROTO_IP, libc::IP_MTU_DISCOVER, mode));
        r.see("kept", sys::get_option(a, IPPROTO_IP, libc::IP_MTU_DISCOVER));
        r.see("send", sys::send(a, b"x", 0));
        r.see("recv", sys::recv(b, 4, 0));
    }
    let six = must("socket", sys::socket(libc::AF_INET6, libc::SOCK_DGRAM, 0));
    for mode in libc::IPV6_PMTUDISC_DONT..=libc::IPV6_PMTUDISC_OMIT {
        r.see("mode of IPv6", sys::set_option(six, IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, mode));
        r.see("kept", sys::get_option(six, IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER));
        r.see("IPV6_DONTFRAG", sys::get_option(six, IPPROTO_IPV6, libc::IPV6_DONTFRAG));
    }
}

fn overflow(r: &mut Report) {
    let (a, at) = bound_udp();
    must("buffer", sys::set_option(a, SOL_SOCKET, libc::SO_RCVBUF, 8192));
    let fd = udp();
    must("connect", sys::connect(fd, at));
    let sent = (0..1000).filter(|_| sys::send(fd, &[7; 1000], 0) == Ok(1000)).count();
    r.see("sent", sent);
    let received = std::iter::from_fn(|| sys::recv(a, 2000, MSG_DONTWAIT).ok()).count();
    r.see("some received", received > 0);
    r.see("the rest dropped", received < 100);
}

/// How many datagrams of a size a buffer of a size takes, and again when all are read.
fn receive_buffer(r: &mut Report) {
    for buffer in [0, 4096, 65_536, 1 << 20] {
        for size in [0, 1, 190, 210, 640, 660, 1660, 1680, 4000, 9000, 40_000] {
            let (a, at) = bound_udp();
            must("buffer", sys::set_option(a, SOL_SOCKET, libc::SO_RCVBUF, buffer));
            let fd = udp();
            must("connect", sys::connect(fd, at));
            let payload = vec![7; size];
            for what in ["at first", "again"] {
                for _ in 0..2600 {
                    must("send", sys::send(fd, &payload, 0));
                }
                let received = std::iter::from_fn(|| sys::recv(a, size, MSG_DONTWAIT).ok()).count();
                r.see(&format!("buffer of {buffer}, datagrams of {size}, {what}"), received);
            }
        }
    }
}

/// UDP_ENCAP: what a socket of IKE gets of what comes to its port.
fn encapsulation(r: &mut Report) {
    const UDP_ENCAP: i32 = 100;
    for kind in [0, 2, 3] {
        let (fd, at) = bound_udp();
        r.see(&format!("UDP_ENCAP := {kind}"), sys::set_option(fd, libc::IPPROTO_UDP, UDP_ENCAP, kind));
        let sender = udp();
        for message in [&b"\xff"[..], b"\xfe", b"", b"ESP", b"ESP, eig", b"ESP, nine", b"\0\0\0\0IKE, long"] {
            must("sendto", sys::sendto(sender, message, 0, at));
            r.see(&format!("{message:?}"), sys::recv(fd, 32, MSG_DONTWAIT).map(|bytes| bytes.len()));
        }
    }
}

/// The last address of the loopback's net means all of it.
fn loopback_broadcast(r: &mut Report) {
    let all = Ipv4Addr::new(127, 255, 255, 255);
    for to in [all, Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST] {
        let (fd, sender) = (udp(), udp());
        must("broadcast", sys::set_option(sender, SOL_SOCKET, libc::SO_BROADCAST, 1));
        r.see(&format!("bind to {to}"), sys::bind(fd, SocketAddrV4::new(to, 0)));
        let port = must("getsockname", sys::getsockname(fd)).port();
        r.see("sendto all", sys::sendto(sender, b"x", 0, SocketAddrV4::new(all, port)));
        r.see("recvfrom", sys::recvfrom(fd, 8, MSG_DONTWAIT).map(|(_, from)| from.ip().to_string()));
        let (there, at) = bound_udp();
        r.see("sendto one", sys::sendto(fd, b"y", 0, at));
        r.see("from", sys::recvfrom(there, 8, MSG_DONTWAIT).map(|(_, from)| from.ip().to_string()));
    }
    let fd = udp();
    must("broadcast", sys::set_option(fd, SOL_SOCKET, libc::SO_BROADCAST, 1));
    r.see("connect", sys::connect(fd, SocketAddrV4::new(all, 9)));
    r.see("the source", sys::getsockname(fd).map(|name| name.ip().to_string()));
    must("send", sys::send(fd, b"x", 0));
    r.see("nobody refuses it", sys::send(fd, b"x", 0));
    r.see("tcp", sys::connect(crate::net::tcp(), SocketAddrV4::new(all, 9)));
}

fn polls(r: &mut Report) {
    let (a, b) = udp_pair();
    r.see("idle", sys::poll(&[(a, POLLIN | POLLOUT)], 0));
    must("send", sys::send(b, b"x", 0));
    r.see("data", sys::poll(&[(a, POLLIN)], 1000));
    r.see("fresh", sys::poll(&[(udp(), POLLIN | POLLOUT)], 0));
}

fn loopback_net(r: &mut Report) {
    let fd = udp();
    let other = SocketAddrV4::new(Ipv4Addr::new(127, 5, 6, 7), 0);
    r.see("bind 127.5.6.7", sys::bind(fd, other));
    let at = must("getsockname", sys::getsockname(fd));
    let (a, _) = bound_udp();
    r.see("sendto", sys::sendto(a, b"all of 127/8", 0, at));
    r.see("recv", sys::recv(fd, 32, 0));
}

fn icmp_socket(r: &mut Report) {
    let fd = sys::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP);
    r.see("raw socket", fd.map(|_| "a descriptor"));
    let Ok(fd) = fd else { return };
    // Echo request, identifier 0x1234, sequence 1, checksum.
    let request = [8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1];
    r.see("send", sys::sendto(fd, &request, 0, here(0)));
    for what in ["the request comes by", "then the reply"] {
        let got = sys::recv(fd, 128, 0);
        r.see(what, got.map(|bytes| bytes.get(20).map_or(-1, |&kind| i32::from(kind))));
    }
}

/// AF_UNSPEC is AF_INET only with the address that is none.
fn bind_of_no_family(r: &mut Report) {
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_RAW] {
        for host in [0, 1, 127] {
            let fd = must("socket", sys::socket(AF_INET, kind, if kind == SOCK_RAW { 200 } else { 0 }));
            let name = [&(AF_UNSPEC as u16).to_ne_bytes()[..], &[0, 0, host, 0, 0, host.min(1)], &[0; 8]].concat();
            r.see(&format!("kind {kind}, {host}.0.0.{}", host.min(1)), sys::bind_bytes(fd, &name));
            r.see("bound", place(sys::getsockname(fd)));
        }
    }
}

/// A pointer to an address without bytes.
fn name_of_no_length(r: &mut Report) {
    let kinds = [("UDP", SOCK_DGRAM, 0), ("UDP-Lite", SOCK_DGRAM, libc::IPPROTO_UDPLITE), ("raw", SOCK_RAW, 200)];
    for (what, kind, protocol) in kinds {
        let [fd, target] = [(); 2].map(|()| must("socket", sys::socket(AF_INET, kind, protocol)));
        r.see(&format!("{what} without a peer"), sys::sendto_bytes(fd, b"x", 0, &[]));
        must("bind", sys::bind(target, here(0)));
        must("connect", sys::connect(fd, must("name", sys::getsockname(target))));
        r.see("with one", sys::sendto_bytes(fd, b"x", 0, &[]));
        r.see("sendmsg", sys::sendmsg(fd, &[b"x"], 0, None));
        r.see("a piece", sys::send(fd, b"x", MSG_MORE));
        r.see("another", sys::sendto_bytes(fd, b"x", 0, &[]));
    }
    for (what, kind, protocol) in [("UDP", SOCK_DGRAM, 0), ("raw", SOCK_RAW, 200)] {
        let fd = must("socket", sys::socket(libc::AF_INET6, kind, protocol));
        r.see(&format!("{what} of IPv6 without a peer"), sys::sendto_bytes(fd, b"x", 0, &[]));
        must("connect", sys::connect_bytes(fd, &here6(9)));
        r.see("with one", sys::sendto_bytes(fd, b"x", 0, &[]));
    }
    let (a, b) = pair();
    r.see("TCP", sys::sendto_bytes(a, b"text", 0, &[]));
    r.see("recv", sys::recv(b, 16, 0));
    r.see("TCP that connects", sys::sendto_bytes(tcp(), b"text", libc::MSG_FASTOPEN, &[]));
}

/// MSG_PROBE: nothing is sent.
fn probe(r: &mut Report) {
    const MSG_PROBE: i32 = 0x10;
    let (b, at_b) = bound_udp();
    let a = udp();
    r.see("to nobody", sys::send(a, b"x", MSG_PROBE));
    r.see("to nowhere", sys::sendto(a, b"x", MSG_PROBE, SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 9)));
    r.see("probe", sys::sendto(a, b"probe", MSG_PROBE, at_b));
    r.see("bound", place(sys::getsockname(a)));
    r.see("nothing came", sys::recv(b, 16, MSG_DONTWAIT));
    must("connect", sys::connect(a, at_b));
    r.see("a piece", sys::send(a, b"one", MSG_MORE));
    r.see("a probe", sys::send(a, b"two", MSG_PROBE | MSG_MORE));
    r.see("the last piece", sys::send(a, b"three", 0));
    r.see("came", sys::recv(b, 16, 0));
    must("shutdown", sys::shutdown(a, libc::SHUT_WR));
    r.see("send when shut", sys::send(a, b"x", 0));
    r.see("probe when shut", sys::send(a, b"x", MSG_PROBE));
    r.see("too long", sys::send(a, &[0; 65_536], MSG_PROBE));
    let raw = must("socket", sys::socket(AF_INET, SOCK_RAW, 200));
    r.see("raw", sys::sendto(raw, &[7; 20], MSG_PROBE, here(0)));
    r.see("nothing came", sys::poll(&[(raw, POLLIN)], 50));
}

/// A raw socket that was disconnected hears nothing any more, whatever it is told.
fn raw_disconnected(r: &mut Report) {
    let [ear, mouth] = [(); 2].map(|()| must("socket", sys::socket(AF_INET, SOCK_RAW, 200)));
    let mut see = |what: &str| {
        must("sendto", sys::sendto(mouth, b"x", 0, here(0)));
        r.see(what, sys::recv_len(ear, 64, MSG_DONTWAIT).map(|(_, len)| len));
        r.see("poll", sys::poll(&[(ear, POLLIN)], 0));
    };
    see("at first");
    must("connect", sys::connect(ear, here(0)));
    see("connected");
    must("disconnect", sys::connect_raw(ear, AF_UNSPEC, 16));
    see("disconnected");
    must("bind", sys::bind(ear, here(0)));
    see("bound");
    must("connect", sys::connect(ear, here(0)));
    see("connected again");
    r.see("it sends", sys::send(ear, b"x", 0));
    r.see("the other hears", sys::recv_len(mouth, 64, MSG_DONTWAIT).map(|(_, len)| len));
}
