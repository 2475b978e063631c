//! Socket options: defaults, what is stored, what is refused.

use libc::{
    AF_INET, IPPROTO_IP, IPPROTO_TCP, SO_ACCEPTCONN, SO_BROADCAST, SO_DOMAIN, SO_ERROR, SO_KEEPALIVE, SO_LINGER,
    SO_PROTOCOL, SO_RCVBUF, SO_RCVLOWAT, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SO_TYPE, SOCK_DGRAM, SOCK_STREAM,
    SOL_SOCKET,
};

use crate::Case;
use crate::net::{connected, here, listener, must, nonblocking, pair, settle, tcp, timed, udp};
use crate::report::{Report, made};
use crate::sys;

pub const CASES: &[Case] = &[
    ("options.socket_arguments", socket_arguments),
    ("options.defaults", defaults),
    ("options.identity", identity),
    ("options.switches", switches),
    ("options.buffers", buffers),
    ("options.pacing", pacing),
    ("options.bound_device", bound_device),
    ("options.dontroute", dontroute),
    ("options.ports", ports),
    ("options.near", near),
    ("options.peer_name", peer_name),
    ("options.error_queue_is_urgent", error_queue_is_urgent),
    ("options.buffer_locks", buffer_locks),
    ("options.original_destination", original_destination),
    ("options.icmp_filters", icmp_filters),
    ("options.unicast_interface", unicast_interface),
    ("options.transparent", transparent),
    ("options.freebind", freebind),
    ("options.defer_accept", defer_accept),
    ("options.inq", inq),
    ("options.cookie", cookie),
    ("options.window_clamp", window_clamp),
    ("options.linger", linger),
    ("options.tcp", tcp_options),
    ("options.tcp_refused", tcp_refused),
    ("options.ip", ip_options),
    ("options.ipv6", ipv6_options),
    ("options.lengths", lengths),
    ("options.unknown", unknown),
    ("options.tcp_info", tcp_info),
    ("options.tcp_info_of_a_connection_that_is_over", tcp_info_of_what_is_over),
    ("options.other_sockets_stay_the_hosts", other_sockets),
];

fn socket_arguments(r: &mut Report) {
    r.see("stream, protocol TCP", made(sys::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)));
    r.see("datagram, protocol UDP", made(sys::socket(AF_INET, SOCK_DGRAM, libc::IPPROTO_UDP)));
    r.see("stream, protocol UDP", made(sys::socket(AF_INET, SOCK_STREAM, libc::IPPROTO_UDP)));
    r.see("datagram, protocol TCP", made(sys::socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP)));
    r.see("type 77", made(sys::socket(AF_INET, 77, 0)));
    r.see("type SEQPACKET", made(sys::socket(AF_INET, libc::SOCK_SEQPACKET, 0)));
    r.see("raw, protocol 0", made(sys::socket(AF_INET, libc::SOCK_RAW, 0)));
    r.see("family 99", made(sys::socket(99, SOCK_STREAM, 0)));
    r.see("negative protocol", made(sys::socket(AF_INET, SOCK_STREAM, -1)));
    r.see("AF_INET6", made(sys::socket(libc::AF_INET6, SOCK_STREAM, 0)));
}

fn defaults(r: &mut Report) {
    for (what, fd) in [("tcp", tcp()), ("udp", udp())] {
        for (name, option) in [
            ("SO_REUSEADDR", SO_REUSEADDR),
            ("SO_REUSEPORT", SO_REUSEPORT),
            ("SO_KEEPALIVE", SO_KEEPALIVE),
            ("SO_BROADCAST", SO_BROADCAST),
            ("SO_RCVLOWAT", SO_RCVLOWAT),
            ("SO_SNDLOWAT", libc::SO_SNDLOWAT),
            ("SO_ERROR", SO_ERROR),
            ("SO_OOBINLINE", libc::SO_OOBINLINE),
            ("SO_DONTROUTE", libc::SO_DONTROUTE),
            ("SO_TIMESTAMP", libc::SO_TIMESTAMP),
            ("SO_PRIORITY", libc::SO_PRIORITY),
            ("SO_MARK", libc::SO_MARK),
        ] {
            r.see(&format!("{what} {name}"), sys::get_option(fd, SOL_SOCKET, option));
        }
    }
}

fn identity(r: &mut Report) {
    let (listening, _) = listener(1);
    for (what, fd) in [("tcp", tcp()), ("udp", udp()), ("listener", listening)] {
        for (name, option) in [
            ("SO_TYPE", SO_TYPE),
            ("SO_DOMAIN", SO_DOMAIN),
            ("SO_PROTOCOL", SO_PROTOCOL),
            ("SO_ACCEPTCONN", SO_ACCEPTCONN),
        ] {
            r.see(&format!("{what} {name}"), sys::get_option(fd, SOL_SOCKET, option));
        }
    }
    r.see("set SO_TYPE", sys::set_option(tcp(), SOL_SOCKET, SO_TYPE, 1));
    r.see("set SO_ERROR", sys::set_option(tcp(), SOL_SOCKET, SO_ERROR, 1));
}

fn switches(r: &mut Report) {
    let fd = tcp();
    for (name, level, option) in [
        ("SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR),
        ("SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT),
        ("SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE),
        ("SO_BROADCAST", SOL_SOCKET, SO_BROADCAST),
        ("SO_OOBINLINE", SOL_SOCKET, libc::SO_OOBINLINE),
        ("TCP_NODELAY", IPPROTO_TCP, libc::TCP_NODELAY),
        ("TCP_CORK", IPPROTO_TCP, libc::TCP_CORK),
    ] {
        r.see(&format!("{name} := 5"), sys::set_option(fd, level, option, 5));
        r.see(name, sys::get_option(fd, level, option));
        r.see(&format!("{name} := 0"), sys::set_option(fd, level, option, 0));
        r.see(name, sys::get_option(fd, level, option));
    }
}

/// SO_BINDTODEVICE and SO_BINDTOIFINDEX of streams, as far as one interface shows them.
fn bound_device(r: &mut Report) {
    const SO_BINDTOIFINDEX: i32 = 62;
    let bind = |fd, index: i32| must("setsockopt", sys::set_option(fd, SOL_SOCKET, SO_BINDTOIFINDEX, index));
    let (listening, address) = {
        let fd = tcp();
        bind(fd, 1);
        must("bind", sys::bind(fd, here(0)));
        must("listen", sys::listen(fd, 8));
        (fd, must("getsockname", sys::getsockname(fd)))
    };
    let client = tcp();
    r.see("set", sys::set_option_bytes(client, SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo"));
    r.see("connect", sys::connect(client, address));
    let (accepted, _) = must("accept", sys::accept(listening));
    r.see("the accepted one's", sys::get_option(accepted, SOL_SOCKET, SO_BINDTOIFINDEX));
    r.see("no such", sys::set_option_bytes(client, SOL_SOCKET, libc::SO_BINDTODEVICE, b"nosuch"));
    r.see("then", sys::get_option(client, SOL_SOCKET, SO_BINDTOIFINDEX));
    for (what, index) in [("the same interface", 1), ("another interface", 99), ("none", 0)] {
        let fd = tcp();
        bind(fd, index);
        r.see(&format!("the port on {what}"), sys::bind(fd, address));
    }
}

/// SO_DONTROUTE and MSG_DONTROUTE: the loopback needs no router.
fn dontroute(r: &mut Report) {
    let (_, address) = listener(1);
    let client = tcp();
    r.see("set", sys::set_option(client, SOL_SOCKET, libc::SO_DONTROUTE, 1));
    r.see("connect", sys::connect(client, address));
    let datagram = udp();
    r.see("sendto", sys::sendto(datagram, b"x", libc::MSG_DONTROUTE, here(9)));
}

/// IP_LOCAL_PORT_RANGE and IP_BIND_ADDRESS_NO_PORT.
fn ports(r: &mut Report) {
    const IP_LOCAL_PORT_RANGE: i32 = 51;
    const RANGE: i32 = 45_001 << 16 | 45_000;
    let within = |at: std::net::SocketAddrV4| (45_000..=45_001).contains(&at.port());
    for (what, kind) in [("tcp", SOCK_STREAM), ("udp", SOCK_DGRAM)] {
        let fd = must("socket", sys::socket(AF_INET, kind, 0));
        r.see(&format!("{what} range"), sys::set_option(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, RANGE));
        r.see(&format!("{what} bind"), sys::bind(fd, here(0)));
        r.see(&format!("{what} in it"), sys::getsockname(fd).map(within));
        let (_, to) = listener(4);
        let fd = must("socket", sys::socket(AF_INET, kind, 0));
        r.see(&format!("{what} without a port"), sys::set_option(fd, IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1));
        r.see(&format!("{what} bind of it"), sys::bind(fd, here(0)));
        r.see(&format!("{what} its name"), sys::getsockname(fd).map(|at| at.to_string()));
        r.see(&format!("{what} connect"), sys::connect(fd, to));
        r.see(&format!("{what} has a port"), sys::getsockname(fd).map(|at| format!("{} {}", at.ip(), at.port() != 0)));
    }
}

/// IP_MINTTL: what has come too far is not heard.
fn near(r: &mut Report) {
    let (listening, to) = listener(4);
    r.see("64", sys::set_option(listening, IPPROTO_IP, libc::IP_MINTTL, 64));
    r.see("connect", sys::connect(tcp(), to));
    r.see("255", sys::set_option(listening, IPPROTO_IP, libc::IP_MINTTL, 255));
    let fd = tcp();
    nonblocking(fd);
    r.see("connect from too far", sys::connect(fd, to));
    r.see("answer", sys::poll(&[(fd, libc::POLLOUT)], 150));
    let fd = tcp();
    must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_TTL, 255));
    r.see("connect from near", sys::connect(fd, to));
}

/// SO_PEERNAME: getpeername(2) as an option.
fn peer_name(r: &mut Report) {
    const SO_PEERNAME: i32 = 28;
    let (listening, _) = listener(1);
    let (client, _) = pair();
    r.see("of a listener", sys::get_option_bytes(listening, SOL_SOCKET, SO_PEERNAME, 16));
    let name = sys::get_option_bytes(client, SOL_SOCKET, SO_PEERNAME, 16);
    let port = must("getpeername", sys::getpeername(client)).port().to_be_bytes();
    r.see("of a client", name.map(|name| format!("{} {:?}", name[2..4] == port, &name[4..])));
    r.see("in part", sys::get_option_bytes(client, SOL_SOCKET, SO_PEERNAME, 2));
    r.see("with too much room", sys::get_option_bytes(client, SOL_SOCKET, SO_PEERNAME, 17));
}

/// SO_SELECT_ERR_QUEUE: POLLPRI for what waits in the error queue.
fn error_queue_is_urgent(r: &mut Report) {
    const SO_SELECT_ERR_QUEUE: i32 = 45;
    const ALL: i16 = libc::POLLPRI | libc::POLLIN;
    for on in [0, 1] {
        let fd = udp();
        must("setsockopt", sys::set_option(fd, IPPROTO_IP, libc::IP_RECVERR, 1));
        r.see(&format!("set {on}"), sys::set_option(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, on));
        must("sendto", sys::sendto(fd, b"x", 0, here(9)));
        settle(fd, libc::POLLERR);
        r.see(&format!("poll {on}"), sys::poll(&[(fd, ALL)], 0));
    }
}

/// SO_BUF_LOCK: which buffers keep their size.
fn buffer_locks(r: &mut Report) {
    const SO_BUF_LOCK: i32 = 72;
    let fd = tcp();
    let locks = |fd| sys::get_option(fd, SOL_SOCKET, SO_BUF_LOCK);
    must("setsockopt", sys::set_option(fd, SOL_SOCKET, SO_SNDBUF, 10_000));
    r.see("after SO_SNDBUF", locks(fd));
    must("setsockopt", sys::set_option(fd, SOL_SOCKET, SO_RCVBUF, 10_000));
    r.see("after SO_RCVBUF", locks(fd));
    r.see("unlock one", sys::set_option(fd, SOL_SOCKET, SO_BUF_LOCK, 2));
    r.see("then", locks(fd));
    r.see("the other keeps its size", sys::get_option(fd, SOL_SOCKET, SO_RCVBUF));
    r.see("4", sys::set_option(fd, SOL_SOCKET, SO_BUF_LOCK, 4));
}

/// IP_RECVORIGDSTADDR, of datagrams.
fn original_destination(r: &mut Report) {
    let (ear, to) = crate::net::bound_udp();
    r.see("set", sys::set_option(ear, IPPROTO_IP, libc::IP_RECVORIGDSTADDR, 1));
    must("sendto", sys::sendto(udp(), b"x", 0, to));
    settle(ear, libc::POLLIN);
    let message = must("recvmsg", sys::recvmsg(ear, &[8], 0, 128));
    for ((level, kind, _), data) in message.control.iter().zip(&message.control_data) {
        let port = data.get(2..4) == Some(&to.port().to_be_bytes());
        r.see("message", format!("{level} {kind}: {} bytes, {port}, {:?}", data.len(), data.get(4..8)));
    }
    r.see("messages", message.control.len());
}

/// ICMP_FILTER and ICMPV6_FILTER of any length.
fn icmp_filters(r: &mut Report) {
    const FILTER: i32 = 1;
    for (family, protocol, level) in
        [(AF_INET, libc::IPPROTO_ICMP, libc::SOL_RAW), (libc::AF_INET6, libc::IPPROTO_ICMPV6, libc::IPPROTO_ICMPV6)]
    {
        let fd = must("socket", sys::socket(family, libc::SOCK_RAW, protocol));
        for len in [0, 1, 3, 4, 5, 8, 31, 32, 33, 40] {
            let bytes: Vec<u8> = (1..=len).map(|n| n ^ len).collect();
            r.see(&format!("{protocol}, {len} bytes"), sys::set_option_bytes(fd, level, FILTER, &bytes));
            for room in [0, 3, 40] {
                let got = sys::get_option_bytes(fd, level, FILTER, room).map(|bytes| crate::report::hex(&bytes));
                r.see(&format!("room for {room}"), got);
            }
        }
    }
}

/// IP_UNICAST_IF: an index in network byte order.
fn unicast_interface(r: &mut Report) {
    let (ear, to) = crate::net::bound_udp();
    let fd = udp();
    r.see("set", sys::set_option(fd, IPPROTO_IP, libc::IP_UNICAST_IF, 1i32.to_be()));
    r.see("shown", sys::get_option(fd, IPPROTO_IP, libc::IP_UNICAST_IF).map(i32::from_be));
    r.see("sendto", sys::sendto(fd, b"x", 0, to));
    settle(ear, libc::POLLIN);
    r.see("came", sys::recv(ear, 8, 0));
}

/// IP_TRANSPARENT: an address that is not ours to bind, and to send from.
fn transparent(r: &mut Report) {
    let elsewhere = std::net::SocketAddrV4::new([10, 99, 99, 99].into(), 0);
    let fd = udp();
    r.see("set", sys::set_option(fd, IPPROTO_IP, libc::IP_TRANSPARENT, 1));
    r.see("bind", sys::bind(fd, elsewhere));
    r.see("name", sys::getsockname(fd).map(|at| at.ip().to_string()));
    let fd = tcp();
    r.see("stream", sys::set_option(fd, IPPROTO_IP, libc::IP_TRANSPARENT, 1));
    r.see("stream bind", sys::bind(fd, elsewhere));
}

fn freebind(r: &mut Report) {
    let elsewhere = std::net::SocketAddrV4::new([10, 99, 99, 99].into(), 0);
    let (_, service) = listener(1);
    for (what, kind, protocol) in [("tcp", SOCK_STREAM, 0), ("udp", SOCK_DGRAM, 0), ("raw", libc::SOCK_RAW, 253)] {
        let fd = must("socket", sys::socket(AF_INET, kind, protocol));
        r.see(&format!("{what} bind"), sys::bind(fd, elsewhere));
        r.see(&format!("{what} IP_FREEBIND"), sys::set_option(fd, IPPROTO_IP, libc::IP_FREEBIND, 1));
        r.see(&format!("{what} bind freely"), sys::bind(fd, elsewhere));
        r.see(&format!("{what} name"), sys::getsockname(fd).map(|at| at.ip().to_string()));
        if kind != SOCK_STREAM {
            r.see(&format!("{what} sendto"), sys::sendto(fd, b"x", 0, service));
        }
        r.see(&format!("{what} connect"), sys::connect(fd, service));
    }
    let fd = tcp();
    r.see("IP_FREEBIND", sys::set_option(fd, IPPROTO_IP, libc::IP_FREEBIND, 1));
    r.see("bind", sys::bind(fd, elsewhere));
    r.see("listen", sys::listen(fd, 4));
}

fn defer_accept(r: &mut Report) {
    let (listening, at) = listener(4);
    for seconds in [0, 1, 2, 5, 64, 1000, -1, 3] {
        r.see(&format!(":= {seconds}"), sys::set_option(listening, IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds));
        r.see("seconds", sys::get_option(listening, IPPROTO_TCP, libc::TCP_DEFER_ACCEPT));
    }
    let client = connected(at);
    r.see("without text", sys::poll(&[(listening, libc::POLLIN)], 100));
    r.see("the client is connected", sys::poll(&[(client, libc::POLLOUT)], 0));
    must("send", sys::send(client, b"text", 0));
    settle(listening, libc::POLLIN);
    let (accepted, _) = must("accept", sys::accept(listening));
    r.see("recv", sys::recv(accepted, 8, 0));
    // After three seconds it comes without.
    let silent = connected(at);
    r.see("not at once", sys::poll(&[(listening, libc::POLLIN)], 100));
    r.see("late", sys::poll(&[(listening, libc::POLLIN)], 8000));
    let (accepted, _) = must("accept", sys::accept(listening));
    must("send", sys::send(accepted, b"hello", 0));
    r.see("recv", sys::recv(silent, 8, 0));
}

fn inq(r: &mut Report) {
    let (a, b) = pair();
    let controls = |r: &mut Report, what: &str, room: usize| match sys::recvmsg(b, &[room], 0, 64) {
        Ok(message) => {
            r.see(what, message.returned);
            for ((level, kind, _), data) in message.control.into_iter().zip(message.control_data) {
                r.see("control", format!("level {level} type {kind} {data:?}"));
            }
        }
        Err(errno) => r.see(what, errno.to_string()),
    };
    must("send", sys::send(a, b"hello", 0));
    settle(b, libc::POLLIN);
    controls(r, "off", 1);
    r.see("TCP_INQ", sys::set_option(b, IPPROTO_TCP, libc::TCP_INQ, 1));
    controls(r, "two left", 2);
    controls(r, "none left", 8);
    must("send", sys::send(a, b"last", 0));
    must("close", sys::close(a));
    settle(b, libc::POLLRDHUP);
    controls(r, "the end is left", 8);
    controls(r, "the end", 8);
}

fn cookie(r: &mut Report) {
    let of = |fd| sys::get_option_bytes(fd, SOL_SOCKET, libc::SO_COOKIE, 8);
    let (listening, at) = listener(1);
    let first = of(listening);
    r.see("the same again", first == of(listening));
    r.see("of a duplicate", first == of(must("dup", sys::dup(listening))));
    let client = connected(at);
    let (accepted, _) = must("accept", sys::accept(listening));
    r.see("of another", first != of(client));
    r.see("of an accepted one", first != of(accepted));
    r.see("too short", sys::get_option_bytes(listening, SOL_SOCKET, libc::SO_COOKIE, 4));
}

fn window_clamp(r: &mut Report) {
    let (listening, at) = listener(1);
    r.see("set", sys::set_option(listening, IPPROTO_TCP, libc::TCP_WINDOW_CLAMP, 4000));
    let client = connected(at);
    let (accepted, _) = must("accept", sys::accept(listening));
    nonblocking(client);
    crate::net::within(std::time::Duration::from_millis(100), || {
        let _ = sys::send(client, &[7; 4096], 0);
        None::<()>
    });
    let mut got = 0;
    while let Ok(bytes) = sys::recv(accepted, 65_536, libc::MSG_DONTWAIT) {
        got += bytes.len();
    }
    r.see("no more than the window", got <= 4000);
    r.see("0 in this state", sys::set_option(accepted, IPPROTO_TCP, libc::TCP_WINDOW_CLAMP, 0));
}

fn pacing(r: &mut Report) {
    const RATE: i32 = libc::SO_MAX_PACING_RATE;
    for (what, fd) in [("tcp", tcp()), ("udp", udp())] {
        let see = |r: &mut Report| {
            for room in [0, 2, 4, 6, 8, 12] {
                r.see(&format!("{what} in {room} bytes"), sys::get_option_bytes(fd, SOL_SOCKET, RATE, room));
            }
        };
        see(r);
        for value in [0u64, 1, 1_000_000, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            for length in [2, 4, 6, 8] {
                let set = sys::set_option_bytes(fd, SOL_SOCKET, RATE, &value.to_ne_bytes()[..length]);
                r.see(&format!("{what} := {value:#x} as {length} bytes"), set);
                see(r);
            }
        }
    }
    // Linux does not pace the first ten segments, which are of 64 KiB on its loopback.
    let (a, b) = pair();
    r.see("2 MB a second", sys::set_option(a, SOL_SOCKET, RATE, 2_000_000));
    let reader = std::thread::spawn(move || {
        let mut left = 2_000_000;
        while left > 0 {
            left -= sys::recv(b, left.min(65_536), 0).map_or(left, |bytes| bytes.len());
        }
    });
    let (_, held) = timed(400, || {
        let sent = sys::send(a, &vec![1; 2_000_000], 0);
        drop(reader.join());
        sent
    });
    r.see("held back", held);
}

fn buffers(r: &mut Report) {
    for (name, option) in [("SO_RCVBUF", SO_RCVBUF), ("SO_SNDBUF", SO_SNDBUF)] {
        let fd = tcp();
        for size in [8192, 65536, 1, 0] {
            r.see(&format!("{name} := {size}"), sys::set_option(fd, SOL_SOCKET, option, size));
            r.see(name, sys::get_option(fd, SOL_SOCKET, option));
        }
    }
    let (a, b) = pair();
    r.see("on a connection", sys::set_option(a, SOL_SOCKET, SO_SNDBUF, 32768));
    r.see("still works", sys::send(a, b"data", 0));
    r.see("received", sys::recv(b, 8, 0));
}

fn linger(r: &mut Report) {
    let fd = tcp();
    r.see("default", sys::get_option_bytes(fd, SOL_SOCKET, SO_LINGER, 8));
    r.see("set", sys::set_linger(fd, true, 7));
    r.see("get", sys::get_option_bytes(fd, SOL_SOCKET, SO_LINGER, 8));
    r.see("off", sys::set_linger(fd, false, 0));
    r.see("too short", sys::set_option(fd, SOL_SOCKET, SO_LINGER, 1));
}

fn tcp_options(r: &mut Report) {
    let fd = tcp();
    for (name, option, value) in [
        ("TCP_KEEPIDLE", libc::TCP_KEEPIDLE, 33),
        ("TCP_KEEPINTVL", libc::TCP_KEEPINTVL, 11),
        ("TCP_KEEPCNT", libc::TCP_KEEPCNT, 4),
        ("TCP_SYNCNT", libc::TCP_SYNCNT, 3),
        ("TCP_USER_TIMEOUT", libc::TCP_USER_TIMEOUT, 12345),
        ("TCP_LINGER2", libc::TCP_LINGER2, 20),
        ("TCP_DEFER_ACCEPT", libc::TCP_DEFER_ACCEPT, 1),
        ("TCP_MAXSEG", libc::TCP_MAXSEG, 1000),
        ("TCP_NODELAY", libc::TCP_NODELAY, 1),
        ("TCP_QUICKACK", libc::TCP_QUICKACK, 1),
    ] {
        r.see(&format!("{name} at first"), sys::get_option(fd, IPPROTO_TCP, option));
        r.see(&format!("{name} := {value}"), sys::set_option(fd, IPPROTO_TCP, option, value));
        r.see(name, sys::get_option(fd, IPPROTO_TCP, option));
    }
}

fn tcp_refused(r: &mut Report) {
    let fd = tcp();
    for (name, option, value) in [
        ("TCP_KEEPIDLE 0", libc::TCP_KEEPIDLE, 0),
        ("TCP_KEEPIDLE 40000", libc::TCP_KEEPIDLE, 40000),
        ("TCP_KEEPINTVL 0", libc::TCP_KEEPINTVL, 0),
        ("TCP_KEEPCNT 0", libc::TCP_KEEPCNT, 0),
        ("TCP_KEEPCNT 128", libc::TCP_KEEPCNT, 128),
        ("TCP_SYNCNT 0", libc::TCP_SYNCNT, 0),
        ("TCP_MAXSEG 10", libc::TCP_MAXSEG, 10),
        ("TCP_USER_TIMEOUT -1", libc::TCP_USER_TIMEOUT, -1),
    ] {
        r.see(name, sys::set_option(fd, IPPROTO_TCP, option, value));
    }
    r.see("TCP_NODELAY on udp", sys::set_option(udp(), IPPROTO_TCP, libc::TCP_NODELAY, 1));
    r.see("TCP_NODELAY of udp", sys::get_option(udp(), IPPROTO_TCP, libc::TCP_NODELAY));
}

fn ip_options(r: &mut Report) {
    let fd = udp();
    for (name, option, value) in [
        ("IP_TTL", libc::IP_TTL, 9),
        ("IP_TOS", libc::IP_TOS, 0x10),
        ("IP_PKTINFO", libc::IP_PKTINFO, 1),
        ("IP_RECVTTL", libc::IP_RECVTTL, 1),
        ("IP_RECVTOS", libc::IP_RECVTOS, 1),
        ("IP_RECVERR", libc::IP_RECVERR, 1),
        ("IP_MULTICAST_TTL", libc::IP_MULTICAST_TTL, 5),
        ("IP_MULTICAST_LOOP", libc::IP_MULTICAST_LOOP, 0),
        ("IP_MTU_DISCOVER", libc::IP_MTU_DISCOVER, 0),
        ("IP_FREEBIND", libc::IP_FREEBIND, 1),
    ] {
        r.see(&format!("{name} at first"), sys::get_option(fd, IPPROTO_IP, option));
        r.see(&format!("{name} := {value}"), sys::set_option(fd, IPPROTO_IP, option, value));
        r.see(name, sys::get_option(fd, IPPROTO_IP, option));
    }
    r.see("IP_TTL 0", sys::set_option(fd, IPPROTO_IP, libc::IP_TTL, 0));
    r.see("IP_TTL 256", sys::set_option(fd, IPPROTO_IP, libc::IP_TTL, 256));
    r.see("IP_TTL -1", sys::set_option(fd, IPPROTO_IP, libc::IP_TTL, -1));
    r.see("IP_TTL after it", sys::get_option(fd, IPPROTO_IP, libc::IP_TTL));
}

fn ipv6_options(r: &mut Report) {
    let fd = crate::net::must("socket", sys::socket(libc::AF_INET6, SOCK_DGRAM, 0));
    for (name, option, values) in [
        ("IPV6_V6ONLY", libc::IPV6_V6ONLY, &[1, 0][..]),
        ("IPV6_MULTICAST_HOPS", libc::IPV6_MULTICAST_HOPS, &[7, -1, 256, -2]),
        ("IPV6_MULTICAST_LOOP", libc::IPV6_MULTICAST_LOOP, &[0, 1, 2]),
        ("IPV6_UNICAST_HOPS", libc::IPV6_UNICAST_HOPS, &[9, -1, 256, -2]),
        ("IPV6_TCLASS", libc::IPV6_TCLASS, &[0x20, -1, 256, -2]),
        ("IPV6_ADDR_PREFERENCES", 72, &[1, 2, 3, 0x100, 0x101, 4, 1, 0x404, 0x409, 8, 0x808, 5, 0x1000, -1]),
        ("IPV6_MTU_DISCOVER", libc::IPV6_MTU_DISCOVER, &[2, 0, 6, -1]),
        ("IPV6_RECVERR", libc::IPV6_RECVERR, &[1, 0]),
        ("IPV6_RECVPKTINFO", libc::IPV6_RECVPKTINFO, &[1, 0]),
        ("IPV6_RECVHOPLIMIT", libc::IPV6_RECVHOPLIMIT, &[1, 0]),
        ("IPV6_RECVTCLASS", libc::IPV6_RECVTCLASS, &[1, 0]),
    ] {
        r.see(&format!("{name} at first"), sys::get_option(fd, libc::IPPROTO_IPV6, option));
        for value in values {
            r.see(&format!("{name} := {value}"), sys::set_option(fd, libc::IPPROTO_IPV6, option, *value));
            r.see(name, sys::get_option(fd, libc::IPPROTO_IPV6, option));
        }
    }
    r.see("of AF_INET: set", sys::set_option(udp(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1));
    r.see("of AF_INET: get", sys::get_option(udp(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY));
    r.see("SO_DOMAIN", sys::get_option(fd, SOL_SOCKET, SO_DOMAIN));
    r.see("bind a sockaddr_in", sys::bind_raw(fd, AF_INET, 16));
    r.see("connect a sockaddr_in", sys::connect_raw(fd, AF_INET, 16));
}

fn lengths(r: &mut Report) {
    let fd = tcp();
    r.see("set with 1 byte", sys::set_option_bytes(fd, SOL_SOCKET, SO_KEEPALIVE, &[1]));
    r.see("get with room for 1", sys::get_option_bytes(fd, SOL_SOCKET, SO_TYPE, 1));
    r.see("get with room for 0", sys::get_option_bytes(fd, SOL_SOCKET, SO_TYPE, 0));
    r.see("get with room for 16", sys::get_option_bytes(fd, SOL_SOCKET, SO_TYPE, 16).map(|bytes| bytes.len()));
    r.see("IP_TTL with 1 byte", sys::set_option_bytes(fd, IPPROTO_IP, libc::IP_TTL, &[44]));
    r.see("IP_TTL", sys::get_option(fd, IPPROTO_IP, libc::IP_TTL));
    r.see("TCP_NODELAY with 1 byte", sys::set_option_bytes(fd, IPPROTO_TCP, libc::TCP_NODELAY, &[1]));
}

fn unknown(r: &mut Report) {
    let fd = tcp();
    for (name, level) in
        [("SOL_SOCKET", SOL_SOCKET), ("IPPROTO_IP", IPPROTO_IP), ("IPPROTO_TCP", IPPROTO_TCP), ("level 250", 250)]
    {
        r.see(&format!("{name}: set option 222"), sys::set_option(fd, level, 222, 1));
        r.see(&format!("{name}: get option 222"), sys::get_option(fd, level, 222));
    }
    r.see("descriptor -1", sys::set_option(-1, SOL_SOCKET, SO_KEEPALIVE, 1));
    let null = crate::net::must("open", sys::open_null());
    r.see("no socket", sys::get_option(null, SOL_SOCKET, SO_TYPE));
}

fn tcp_info(r: &mut Report) {
    let (a, _b) = pair();
    let state = |fd| {
        sys::get_option_bytes(fd, IPPROTO_TCP, libc::TCP_INFO, 256)
            .map(|info| info.first().copied().map_or(-1, i32::from))
    };
    r.see("connected: state", state(a));
    r.see("closed: state", state(tcp()));
    r.see("listening: state", state(listener(1).0));
    let info = sys::get_option_bytes(a, IPPROTO_TCP, libc::TCP_INFO, 256);
    r.see("at least 104 bytes", info.map(|info| info.len() >= 104));
    r.see("cut to the room", sys::get_option_bytes(a, IPPROTO_TCP, libc::TCP_INFO, 8).map(|info| info.len()));
}

/// Places in `struct tcp_info`.
const RTO: usize = 8;
const ATO: usize = 12;
const SND_MSS: usize = 16;
const UNACKED: usize = 24;
const SACKED: usize = 28;
const PMTU: usize = 60;
const SSTHRESH: usize = 76;
const CWND: usize = 80;
const SEGS_OUT: usize = 136;

/// Some words of it.
fn tcp_info_words<const N: usize>(fd: sys::Fd, places: [usize; N]) -> [u32; N] {
    let info = must("TCP_INFO", sys::get_option_bytes(fd, IPPROTO_TCP, libc::TCP_INFO, 256));
    places.map(|at| u32::from_ne_bytes(info[at..at + 4].try_into().expect("four bytes")))
}

/// The figures stay until there is another connection; programs look at them when all has been sent.
fn tcp_info_of_what_is_over(r: &mut Report) {
    const STAYING: [usize; 5] = [RTO, SND_MSS, PMTU, CWND, SEGS_OUT];
    let stays = |r: &mut Report, what: &str, fd| {
        let state = sys::get_option_bytes(fd, IPPROTO_TCP, libc::TCP_INFO, 1);
        r.see(what, format!("state {state:?}, positive: {:?}", tcp_info_words(fd, STAYING).map(|word| word > 0)));
    };
    r.see("new", format!("{:?}", tcp_info_words(tcp(), [RTO, ATO, SND_MSS, SSTHRESH, CWND, SEGS_OUT])));
    let finish = |first, second| {
        for fd in [first, second] {
            must("shutdown", sys::shutdown(fd, libc::SHUT_WR));
            must("end of file", sys::recv(if fd == first { second } else { first }, 1, 0));
        }
    };
    let (a, b) = pair();
    must("send", sys::send(a, b"text", 0));
    must("recv", sys::recv(b, 8, 0));
    finish(a, b);
    stays(r, "closed first", a);
    stays(r, "closed last", b);
    r.see("TCP_MAXSEG set", sys::set_option(b, IPPROTO_TCP, libc::TCP_MAXSEG, 1000));
    r.see("TCP_MAXSEG", sys::get_option(b, IPPROTO_TCP, libc::TCP_MAXSEG));
    let (a, b) = pair();
    must("linger", sys::set_option_bytes(b, SOL_SOCKET, SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0]));
    must("close", sys::close(b));
    settle(a, libc::POLLIN);
    stays(r, "reset", a);
    let (listening, at) = listener(3);
    r.see("listening", format!("{:?}", tcp_info_words(listening, [RTO, UNACKED, SACKED])));
    let _waits = connected(at);
    settle(listening, libc::POLLIN);
    r.see("listening, and one waits", format!("{:?}", tcp_info_words(listening, [RTO, UNACKED, SACKED])));
}

fn other_sockets(r: &mut Report) {
    let unix = sys::socket(libc::AF_UNIX, SOCK_STREAM, 0);
    r.see("AF_UNIX", made(unix));
    r.see("AF_UNIX domain", unix.and_then(|fd| sys::get_option(fd, SOL_SOCKET, SO_DOMAIN)));
    let netlink = sys::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0);
    r.see("AF_NETLINK", made(netlink));
    r.see("AF_NETLINK domain", netlink.and_then(|fd| sys::get_option(fd, SOL_SOCKET, SO_DOMAIN)));
}
