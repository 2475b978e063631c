use crate::socket::testing::{Alone, at, int, recv, recv_all, send, set_timeout};
use crate::{Errno, Kind};
use libc::{MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, SHUT_RD, SHUT_WR};
use netstack::wire::icmpv4;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn datagrams_of_one_flow_and_length_are_received_as_one_where_that_is_asked_for() {
    let kernel = Alone::boot();
    let (from, other, to) = (kernel.datagram(), kernel.datagram(), kernel.datagram());
    let address = at("127.0.0.1:9");
    to.bind(address).expect("bind");
    let take = |room: usize| {
        let received = to.recv_from(&mut vec![0; room]).expect("some");
        (received.len, received.info.expect("of a datagram").segment)
    };
    let send = |len: usize| from.send_to(&vec![1; len], address).expect("sent");
    let all = || [300, 300, 300, 100, 300, 400, 0, 0].map(send);
    all();
    assert_eq!([300, 300, 300, 100, 300, 400, 0, 0].map(|len| (len, None)), [4000; 8].map(take));
    to.setsockopt(libc::IPPROTO_UDP, libc::UDP_GRO, &1i32.to_ne_bytes()).expect("UDP_GRO");
    all();
    assert_eq!([4000; 5].map(take), [(1000, Some(300)), (300, None), (400, None), (0, None), (0, None)]);
    all();
    assert_eq!(take(999), (900, Some(300)), "no more than fit");
    assert_eq!([4000; 5].map(take), [(100, None), (300, None), (400, None), (0, None), (0, None)]);
    send(300);
    other.send_to(&[1; 300], address).expect("sent");
    assert_eq!([4000; 2].map(take), [(300, None), (300, None)], "two flows");
}

#[test]
fn datagrams_keep_their_bounds_and_name_their_sender() {
    let kernel = Alone::boot();
    let (one, two) = (kernel.datagram_at("127.0.0.1:1000"), kernel.datagram_at("127.0.0.1:2000"));
    for bytes in [&b"first"[..], b"", b"third"] {
        assert_eq!(one.send_to(bytes, at("127.0.0.1:2000")), Ok(bytes.len()));
    }
    for bytes in [&b"first"[..], b"", b"third"] {
        let (got, received) = recv_all(&two, 99, 0).expect("recv");
        assert_eq!((&got[..], received.from, received.flags), (bytes, Some(at("127.0.0.1:1000").into()), 0));
        let info = received.info.expect("a datagram has it");
        assert_eq!((info.destination, info.ttl), (at("127.0.0.1:0").ip(), 64));
    }
    assert_eq!(recv(&two, 99, MSG_DONTWAIT), Err(Errno::AGAIN));
}

#[test]
fn a_small_buffer_cuts_and_says_so() {
    let kernel = Alone::boot();
    let (one, two) = (kernel.datagram(), kernel.datagram_at("127.0.0.1:2000"));
    for _ in 0..2 {
        one.send_to(b"abcdef", at("127.0.0.1:2000")).expect("send");
    }
    assert_eq!(two.inq(), Ok(6));
    assert_eq!(recv(&two, 3, MSG_PEEK), Ok(b"abc".to_vec()));
    let (bytes, received) = recv_all(&two, 3, 0).expect("recv");
    assert_eq!((bytes, received.flags), (b"abc".to_vec(), MSG_TRUNC));
    let (_, received) = recv_all(&two, 3, MSG_TRUNC).expect("recv");
    assert_eq!((received.len, received.flags), (6, MSG_TRUNC), "the rest of the first was thrown away");
    assert_eq!(two.inq(), Ok(0));
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    let kernel = Alone::boot();
    let (one, two) = (kernel.datagram_at("127.0.0.1:1000"), kernel.datagram_at("127.0.0.1:2000"));
    let (own, other) = (at("127.0.0.1:1000"), kernel.datagram());
    assert_eq!(send(&one, b"x", 0), Err(Errno::DESTADDRREQ));
    one.connect(at("127.0.0.1:2000")).expect("connect");
    other.send_to(b"a stranger's", own).expect("send");
    two.send_to(b"the peer's", own).expect("send");
    assert_eq!(recv(&one, 99, MSG_DONTWAIT), Ok(b"the peer's".to_vec()));
    one.disconnect().expect("disconnect");
    assert_eq!(one.peer_addr(), Err(Errno::NOTCONN));
    other.send_to(b"a stranger's", own).expect("send");
    assert_eq!(recv(&one, 99, MSG_DONTWAIT), Ok(b"a stranger's".to_vec()));
}

#[test]
fn a_port_that_connect_chose_goes_with_the_peer() {
    let kernel = Alone::boot();
    let socket = kernel.datagram();
    socket.connect(at("127.0.0.1:2000")).expect("connect");
    assert_ne!(socket.local_addr().expect("name").port(), 0);
    socket.disconnect().expect("disconnect");
    assert_eq!(socket.local_addr(), Ok(at("0.0.0.0:0")), "as udp_disconnect() of Linux");
}

#[test]
fn a_closed_port_is_an_error_of_the_next_call_once() {
    let kernel = Alone::boot();
    let socket = kernel.datagram();
    socket.connect(at("127.0.0.1:9")).expect("connect");
    assert_eq!(send(&socket, b"x", 0), Ok(1));
    assert_eq!(send(&socket, b"x", 0), Err(Errno::CONNREFUSED));
    assert_eq!(send(&socket, b"x", 0), Ok(1));
    assert_eq!(recv(&socket, 9, 0), Err(Errno::CONNREFUSED));
    assert_eq!(recv(&socket, 9, MSG_DONTWAIT), Err(Errno::AGAIN));
    assert_eq!(send(&socket, b"x", 0), Ok(1));
    assert_eq!(int(&socket, libc::SO_ERROR), Errno::CONNREFUSED.raw_os_error());
    assert_eq!(int(&socket, libc::SO_ERROR), 0);
    let unconnected = kernel.datagram();
    assert_eq!(unconnected.send_to(b"x", at("127.0.0.1:9")), Ok(1));
    assert_eq!(recv(&unconnected, 9, MSG_DONTWAIT), Err(Errno::AGAIN), "an unconnected socket is not told");
}

#[test]
fn what_cannot_be_sent() {
    let kernel = Alone::boot();
    let socket = kernel.datagram_at("127.0.0.1:1000");
    let own = at("127.0.0.1:1000");
    assert_eq!(socket.send_to(&[0; 65508], own), Err(Errno::MSGSIZE));
    assert_eq!(socket.send_to(&[0; 65507], own), Ok(65507));
    assert_eq!(recv(&socket, 65536, 0).map(|bytes| bytes.len()), Ok(65507));
    assert_eq!(socket.send_to(b"x", at("127.0.0.1:0")), Err(Errno::INVAL));
    assert_eq!(socket.send_to(b"x", at("10.0.0.1:9")), Err(Errno::NETUNREACH));
    assert_eq!(socket.send_to(b"x", at("[::1]:9")), Err(Errno::AFNOSUPPORT));
    assert_eq!(send(&socket, b"x", MSG_OOB), Err(Errno::OPNOTSUPP));
}

#[test]
fn shutdown_needs_a_peer_and_ends_its_direction() {
    let kernel = Alone::boot();
    let (one, _two) = (kernel.datagram(), kernel.datagram_at("127.0.0.1:2000"));
    assert_eq!(one.shutdown(SHUT_WR), Err(Errno::NOTCONN));
    one.connect(at("127.0.0.1:2000")).expect("connect");
    one.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(send(&one, b"x", 0), Err(Errno::PIPE));
    one.shutdown(SHUT_RD).expect("shutdown");
    assert_eq!(recv(&one, 9, 0), Ok(vec![]));
}

#[test]
fn recv_waits_for_a_datagram_and_no_longer_than_its_timeout() {
    let kernel = Alone::boot();
    let (one, two) = (kernel.datagram(), kernel.datagram_at("127.0.0.1:2000"));
    thread::scope(|scope| {
        let reader = scope.spawn(|| recv(&two, 9, 0));
        one.send_to(b"x", at("127.0.0.1:2000")).expect("send");
        assert_eq!(reader.join().expect("thread"), Ok(b"x".to_vec()));
    });
    let time = Duration::from_millis(30);
    set_timeout(&two, libc::SO_RCVTIMEO, time);
    let start = Instant::now();
    assert_eq!(recv(&two, 9, 0), Err(Errno::AGAIN));
    assert!(start.elapsed() >= time);
}

#[test]
fn a_full_ring_drops_what_comes_and_keeps_what_is_there() {
    let kernel = Alone::boot();
    let (one, two) = (kernel.datagram(), kernel.datagram_at("127.0.0.1:2000"));
    for number in 0..1000u32 {
        let mut bytes = vec![0; 8192];
        bytes[..4].copy_from_slice(&number.to_ne_bytes());
        assert_eq!(one.send_to(&bytes, at("127.0.0.1:2000")), Ok(8192));
    }
    let mut expected = 0u32;
    while let Ok(bytes) = recv(&two, 8192, MSG_DONTWAIT) {
        assert_eq!(bytes[..4], expected.to_ne_bytes());
        expected += 1;
    }
    assert!((1..1000).contains(&expected), "{expected}");
}

#[test]
fn a_ping_is_answered_with_our_identifier() {
    let kernel = Alone::boot();
    let socket = kernel.open(Kind::Ping).expect("socket");
    let mut request = icmpv4::emit(icmpv4::ECHO_REQUEST, 0, 7, b"payload").to_vec();
    request.extend(b"payload");
    socket.send_to(&request, at("127.0.0.1:0")).expect("send");
    let reply = recv(&socket, 99, 0).expect("recv");
    let reply = icmpv4::Message::parse(&reply).expect("well-formed");
    assert_eq!((reply.kind, reply.rest as u16, reply.payload), (icmpv4::ECHO_REPLY, 7, &b"payload"[..]));
    assert_eq!(reply.identifier(), socket.local_addr().expect("name").port());
}
