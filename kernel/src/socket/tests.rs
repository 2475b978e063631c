//! What every socket does, and the calls that make, name and accept them.

use super::Name;
use super::testing::{Alone, at, int, recv, set_timeout};
use crate::socket::Family;
use crate::{Errno, Events, Kind, Watcher};
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Counts its notifications.
#[derive(Default)]
struct Count(AtomicUsize);

impl Watcher for Count {
    fn notify(&self, _token: u64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn socket_knows_its_numbers() {
    let kernel = Alone::boot();
    let kinds = [
        ((libc::SOCK_STREAM, 0), (libc::SOCK_STREAM, libc::IPPROTO_TCP)),
        ((libc::SOCK_DGRAM, libc::IPPROTO_UDP), (libc::SOCK_DGRAM, libc::IPPROTO_UDP)),
        ((libc::SOCK_DGRAM, libc::IPPROTO_ICMP), (libc::SOCK_DGRAM, libc::IPPROTO_ICMP)),
        ((libc::SOCK_RAW, 89), (libc::SOCK_RAW, 89)),
    ];
    for ((kind, protocol), shown) in kinds {
        let socket = kernel.socket(libc::AF_INET, kind, protocol).expect("socket");
        assert_eq!((int(&socket, libc::SO_TYPE), int(&socket, libc::SO_PROTOCOL)), shown);
        assert_eq!(int(&socket, libc::SO_DOMAIN), libc::AF_INET);
    }
    let inet6 = kernel.socket(libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6).expect("socket");
    assert_eq!((int(&inet6, libc::SO_DOMAIN), int(&inet6, libc::SO_PROTOCOL)), (libc::AF_INET6, libc::IPPROTO_ICMPV6));
    let refused = [
        ((libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_ICMP), Errno::PROTONOSUPPORT),
        ((libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_UDP), Errno::PROTONOSUPPORT),
        ((libc::AF_INET, libc::SOCK_RAW, 0), Errno::PROTONOSUPPORT),
        ((libc::AF_INET, libc::SOCK_SEQPACKET, 0), Errno::SOCKTNOSUPPORT),
        ((libc::AF_INET, libc::SOCK_STREAM, -1), Errno::INVAL),
        ((libc::AF_INET, 77, 0), Errno::INVAL),
    ];
    for ((domain, kind, protocol), error) in refused {
        let socket = kernel.socket(domain, kind, protocol);
        assert_eq!(socket.err(), Some(error), "{domain} {kind} {protocol}");
    }
}

#[test]
fn an_address_is_bound_once_and_only_where_it_is_ours() {
    let kernel = Alone::boot();
    let first = kernel.listener("127.0.0.1:80");
    assert_eq!(first.local_addr(), Ok(at("127.0.0.1:80")));
    assert_eq!(first.bind(at("127.0.0.1:81")), Err(Errno::INVAL));
    assert_eq!(kernel.stream().bind(at("127.0.0.1:80")), Err(Errno::ADDRINUSE));
    assert_eq!(kernel.stream().bind(at("0.0.0.0:80")), Err(Errno::ADDRINUSE));
    assert_eq!(kernel.stream().bind(at("127.0.0.2:80")), Ok(()), "all of 127.0.0.0/8 is ours");
    assert_eq!(kernel.datagram().bind(at("127.0.0.1:80")), Ok(()), "UDP's ports are its own");
    assert_eq!(kernel.stream().bind(at("10.0.0.1:80")), Err(Errno::ADDRNOTAVAIL));
    assert_eq!(kernel.stream().bind(at("[::1]:80")), Err(Errno::AFNOSUPPORT));
    assert_eq!(Alone::boot().stream().bind(at("127.0.0.1:80")), Ok(()), "another kernel has ports of its own");
    drop(first);
    assert_eq!(kernel.stream().bind(at("127.0.0.1:80")), Ok(()), "a listener's port is free at once");
}

#[test]
fn a_socket_without_an_address_shows_none_and_a_peer_only_when_connected() {
    let kernel = Alone::boot();
    for socket in [kernel.stream(), kernel.datagram()] {
        assert_eq!(socket.local_addr(), Ok(at("0.0.0.0:0")));
        assert_eq!(socket.peer_addr(), Err(Errno::NOTCONN));
    }
    let (client, server) = kernel.pair();
    assert_eq!(client.peer_addr(), server.local_addr());
    assert_eq!(client.local_addr(), server.peer_addr());
}

#[test]
fn only_a_listening_stream_accepts() {
    let kernel = Alone::boot();
    assert_eq!(kernel.stream().accept().err(), Some(Errno::INVAL));
    assert_eq!(kernel.datagram().accept().err(), Some(Errno::OPNOTSUPP));
    assert_eq!(kernel.datagram().listen(1), Err(Errno::OPNOTSUPP));
    let listener = kernel.listener("127.0.0.1:0");
    assert_eq!(int(&listener, libc::SO_ACCEPTCONN), 1);
    listener.set_nonblocking(true);
    assert_eq!(listener.accept().err(), Some(Errno::AGAIN));
    assert_eq!(listener.connect(at("127.0.0.1:1")), Err(Errno::ISCONN));
    assert_eq!(recv(&listener, 1, 0), Err(Errno::NOTCONN));
    let (client, _server) = kernel.pair();
    assert_eq!(client.listen(1), Err(Errno::INVAL));
}

#[test]
fn accept_waits_for_a_connection_and_no_longer_than_its_timeout() {
    let kernel = Alone::boot();
    let listener = kernel.listener("127.0.0.1:0");
    let address = listener.local_addr().expect("name");
    thread::scope(|scope| {
        let accepting = scope.spawn(|| listener.accept().map(|(_, from)| from));
        let client = kernel.stream();
        client.connect(address).expect("connect");
        assert_eq!(accepting.join().expect("thread"), client.local_addr());
    });
    let time = Duration::from_millis(30);
    set_timeout(&listener, libc::SO_RCVTIMEO, time);
    let start = Instant::now();
    assert_eq!(listener.accept().err(), Some(Errno::AGAIN));
    assert!(start.elapsed() >= time);
}

#[test]
fn connections_are_accepted_in_their_order_and_inherit_options() {
    let kernel = Alone::boot();
    let listener = kernel.listener("127.0.0.1:0");
    listener.setsockopt(libc::SOL_SOCKET, libc::SO_KEEPALIVE, &1i32.to_ne_bytes()).expect("SO_KEEPALIVE");
    listener.set_nonblocking(true);
    let clients = [kernel.stream(), kernel.stream(), kernel.stream()];
    for client in &clients {
        client.connect(listener.local_addr().expect("name")).expect("connect");
    }
    for client in &clients {
        let (server, from) = listener.accept().expect("accept");
        assert_eq!(Ok(from), client.local_addr());
        assert_eq!(int(&server, libc::SO_KEEPALIVE), 1);
        assert!(!server.nonblocking(), "Linux: O_NONBLOCK is not inherited");
    }
}

#[test]
fn std_s_traits_are_read_and_write() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    let text: String = (0..5000).map(|number| format!("line {number}\n")).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&*client).write_all(text.as_bytes()).expect("write");
            client.shutdown(libc::SHUT_WR).expect("shutdown");
        });
        let mut reader = BufReader::new(&*server);
        let mut got = String::new();
        reader.read_line(&mut got).expect("read");
        assert_eq!(got, "line 0\n");
        reader.read_to_string(&mut got).expect("read");
        assert!(got == text, "{} bytes of {}", got.len(), text.len());
    });
}

#[test]
fn sockets_beyond_the_memory_limit_are_enobufs() {
    let config = crate::Config { memlimit: Some(1 << 20), ..crate::Config::default() };
    let kernel = crate::Kernel::boot(config).expect("boot");
    let mut sockets = Vec::new();
    let error = loop {
        match kernel.open(Kind::Datagram) {
            Ok(socket) => sockets.push(socket),
            Err(error) => break error,
        }
        assert!(sockets.len() < 1000, "each has a ring of 4 KiB at least");
    };
    assert_eq!(error, Errno::NOBUFS);
    sockets.truncate(sockets.len() / 2);
    assert!(kernel.open(Kind::Datagram).is_ok(), "closed sockets give their memory back");
    kernel.leave();
}

#[test]
fn the_same_error_once_more_is_news() {
    let kernel = Alone::boot();
    let sender = kernel.datagram();
    sender.connect(at("127.0.0.1:9")).expect("connect");
    let count = Arc::new(Count::default());
    sender.watch(&(count.clone() as Arc<dyn Watcher>), 0);
    for told in 1..=3 {
        (&*sender).write_all(b"anybody?").expect("send");
        assert_eq!(count.0.load(Ordering::SeqCst), told);
        assert_eq!(sender.take_error(), Some(Errno::CONNREFUSED));
    }
}

#[test]
fn a_lingering_close_returns_when_all_is_acknowledged() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    let linger = [1i32.to_ne_bytes(), 60i32.to_ne_bytes()].concat();
    client.setsockopt(libc::SOL_SOCKET, libc::SO_LINGER, &linger).expect("SO_LINGER");
    client.set_nonblocking(true);
    let mut sent = 0;
    while let Ok(n) = (&*client).write(&[1; 65536]) {
        sent += n;
    }
    thread::scope(|scope| {
        let begun = Instant::now();
        let close = scope.spawn(|| drop(client));
        let mut text = Vec::new();
        (&*server).read_to_end(&mut text).expect("recv");
        close.join().expect("close");
        assert_eq!(text.len(), sent);
        assert!(begun.elapsed() < Duration::from_secs(30));
    });
}

#[test]
fn a_connection_for_which_there_is_no_descriptor_stays_in_the_queue() {
    let kernel = Alone::boot();
    let (listener, client) = (kernel.listener("127.0.0.1:80"), kernel.stream());
    client.connect(at("127.0.0.1:80")).expect("connect");
    assert_eq!(listener.accept_with(|| Err::<(), _>(Errno::MFILE)).err(), Some(Errno::MFILE));
    assert_eq!(listener.readiness(), Events::IN | Events::RDNORM);
    assert!(listener.accept().is_ok());
}

#[test]
fn shutdown_of_a_datagram_socket_without_a_peer_lets_a_reader_go() {
    let kernel = Alone::boot();
    let socket = kernel.datagram_at("127.0.0.1:1000");
    thread::scope(|scope| {
        let reader = scope.spawn(|| socket.recv_from(&mut [0; 8]).map(|received| received.len));
        assert_eq!(socket.shutdown(libc::SHUT_RD), Err(Errno::NOTCONN));
        assert_eq!(reader.join().expect("recv"), Ok(0));
    });
}

#[test]
fn a_send_that_was_cut_short_leaves_its_error_to_the_next() {
    let kernel = Alone::boot();
    let (client, server) = kernel.pair();
    thread::scope(|scope| {
        let sender = scope.spawn(|| (&*client).write(&vec![1; 64 << 20]));
        while !server.readiness().contains(Events::IN) {
            thread::yield_now();
        }
        // Unread data makes it a RST.
        drop(server);
        assert!(sender.join().expect("send").is_ok_and(|sent| sent < 64 << 20));
        let next = (&*client).write(b"more").map_err(|error| error.raw_os_error());
        assert_eq!(next, Err(Some(libc::ECONNRESET)));
    });
}

#[test]
fn a_socket_of_inet6_speaks_ipv4_too_and_shows_it_as_mapped() {
    let kernel = Alone::boot();
    let listener = kernel.open_in(Family::Inet6, Kind::Stream).expect("socket");
    assert_eq!(int(&listener, libc::SO_DOMAIN), libc::AF_INET6);
    assert_eq!(listener.local_addr(), Ok(at("[::]:0")));
    listener.bind(at("[::]:80")).expect("bind");
    listener.listen(8).expect("listen");
    assert_eq!(kernel.stream().bind(at("0.0.0.0:80")), Err(Errno::ADDRINUSE));
    for (family, to, seen) in [
        (Family::Inet, "127.0.0.1:80", "::ffff:127.0.0.1"),
        (Family::Inet6, "[::ffff:127.0.0.2]:80", "::ffff:127.0.0.2"),
        (Family::Inet6, "[::1]:80", "::1"),
        (Family::Inet6, "[::]:80", "::1"),
    ] {
        let client = kernel.open_in(family, Kind::Stream).expect("socket");
        client.connect(at(to)).unwrap_or_else(|error| panic!("{to}: {error}"));
        let (server, from) = listener.accept().expect("accept");
        assert_eq!(Ok(from), server.peer_addr());
        assert_eq!(server.local_addr().map(|local| local.ip().to_string()), Ok(seen.to_owned()), "{to}");
        assert_eq!(int(&server, libc::SO_DOMAIN), libc::AF_INET6);
        assert_eq!(from.port(), client.local_addr().expect("name").port());
    }
}

#[test]
fn a_datagram_socket_of_inet6_has_peers_of_both_families() {
    let kernel = Alone::boot();
    let socket = kernel.open_in(Family::Inet6, Kind::Datagram).expect("socket");
    socket.bind(at("[::]:1000")).expect("bind");
    let four = kernel.datagram_at("127.0.0.1:1001");
    four.send_to(b"four", at("127.0.0.1:1000")).expect("send");
    let from = socket.recv_from(&mut [0; 8]).expect("recv").from.and_then(Name::inet).expect("who");
    assert_eq!(from, at("[::ffff:127.0.0.1]:1001"));
    socket.send_to(b"back", from).expect("send");
    assert_eq!(four.recv_from(&mut [0; 8]).expect("recv").from, Some(at("127.0.0.1:1000").into()));
    let six = kernel.open_in(Family::Inet6, Kind::Datagram).expect("socket");
    six.send_to(b"six", at("[::1]:1000")).expect("send");
    assert_eq!(
        socket.recv_from(&mut [0; 8]).expect("recv").from.and_then(Name::inet).map(|from| from.ip()),
        Some(at("[::1]:0").ip())
    );
}

#[test]
fn ipv6_only_is_ipv6_only() {
    let kernel = Alone::boot();
    let only = |kind| {
        let socket = kernel.open_in(Family::Inet6, kind).expect("socket");
        socket.setsockopt(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, &1i32.to_ne_bytes()).expect("unbound");
        socket
    };
    let listener = only(Kind::Stream);
    listener.bind(at("[::]:80")).expect("bind");
    listener.listen(1).expect("listen");
    assert_eq!(kernel.stream().bind(at("0.0.0.0:80")), Ok(()), "IPv4's port is free");
    let again = listener.setsockopt(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, &0i32.to_ne_bytes());
    assert_eq!(again, Err(Errno::INVAL), "it is bound");
    assert_eq!(kernel.stream().connect(at("127.0.0.1:80")), Err(Errno::CONNREFUSED));
    assert_eq!(only(Kind::Stream).bind(at("[::ffff:127.0.0.1]:81")), Err(Errno::INVAL));
    assert_eq!(only(Kind::Stream).connect(at("[::ffff:127.0.0.1]:80")), Err(Errno::NETUNREACH));
    assert_eq!(only(Kind::Datagram).send_to(b"x", at("[::ffff:127.0.0.1]:80")), Err(Errno::NETUNREACH));
    assert_eq!(only(Kind::Datagram).connect(at("127.0.0.1:80")), Err(Errno::AFNOSUPPORT));
}
