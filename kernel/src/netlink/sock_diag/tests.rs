use super::super::answer::{self, How};
use super::super::testing::{alone, messages, request};
use crate::Kernel;
use crate::backend::{Buffers, Call, Reply};
use crate::endpoint::{Kind, SocketId};
use crate::socket::Family;
use libc::{IPPROTO_RAW, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_core::NetlinkPayload;
use netlink_packet_sock_diag::SockDiagMessage as Message;
use netlink_packet_sock_diag::inet::InetResponse;
use netlink_packet_sock_diag::inet::nlas::Nla;
use netstack::socket::BindOptions;
use proptest::prelude::*;
use std::net::SocketAddr;

const EVERY_STATE: u32 = 0xfff;
const LISTEN: u32 = 1 << 10;
const INFO: u8 = 2;
const CONG: u8 = 8;
const DUMP: u16 = 0x301;

/// `struct inet_diag_req_v2`, for any ends.
fn wanted(family: i32, protocol: i32, extensions: u8, states: u32) -> Vec<u8> {
    let mut body = vec![family as u8, protocol as u8, extensions, 0];
    body.extend(states.to_ne_bytes());
    body.resize(56, 0);
    body
}

fn told(kernel: &Kernel, flags: u16, body: &[u8]) -> Vec<NetlinkPayload<Message>> {
    messages(&answer::answer(kernel, &super::PROTOCOL, &request(20, flags, body), How::default()))
}

/// The rows of a whole table.
fn dumped(kernel: &Kernel, body: &[u8]) -> Vec<InetResponse> {
    let mut found = told(kernel, DUMP, body);
    assert!(matches!(found.pop(), Some(NetlinkPayload::Done(done)) if done.code == 0));
    let row = |message| match message {
        NetlinkPayload::InnerMessage(Message::InetResponse(row)) => *row,
        other => panic!("{other:?}"),
    };
    found.into_iter().map(row).collect()
}

/// State, both ends, both queues.
fn line(row: &InetResponse) -> String {
    let header = &row.header;
    let id = &header.socket_id;
    let end = |addr, port| SocketAddr::new(addr, port);
    let (local, remote) = (end(id.source_address, id.source_port), end(id.destination_address, id.destination_port));
    format!("{} {local} {remote} {} {}", header.state, header.recv_queue, header.send_queue)
}

fn lines(kernel: &Kernel, body: &[u8]) -> Vec<String> {
    dumped(kernel, body).iter().map(line).collect()
}

/// Until there is such a socket: acknowledgements take their time.
fn await_line(kernel: &Kernel, body: &[u8], wanted: &str) -> InetResponse {
    for _ in 0..400 {
        if let Some(row) = dumped(kernel, body).into_iter().find(|row| line(row) == wanted) {
            return row;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("{:?}", lines(kernel, body))
}

fn call(kernel: &Kernel, call: Call<'_>) -> Reply {
    kernel.backend().call(call).expect("done")
}

fn open(kernel: &Kernel, family: Family, kind: Kind) -> SocketId {
    let buffers = Buffers { send: 16_384, receive: 16_384 };
    call(kernel, Call::Open(family, kind, buffers)).socket().expect("a socket").id()
}

fn bound(kernel: &Kernel, family: Family, kind: Kind, to: &str) -> SocketId {
    let id = open(kernel, family, kind);
    call(kernel, Call::Bind(id, to.parse().expect("an address"), BindOptions::default()));
    id
}

fn connect(kernel: &Kernel, id: SocketId, to: &str) {
    let buffers = Buffers { send: 16_384, receive: 16_384 };
    call(kernel, Call::Connect(id, to.parse().expect("an address"), buffers));
}

#[test]
fn streams_are_told_by_state() {
    let kernel = alone();
    let listener = bound(&kernel, Family::Inet, Kind::Stream, "127.0.0.1:80");
    call(&kernel, Call::Listen(listener, 5));
    let client = bound(&kernel, Family::Inet, Kind::Stream, "127.0.0.1:4000");
    connect(&kernel, client, "127.0.0.1:80");
    open(&kernel, Family::Inet, Kind::Stream);
    let every = wanted(libc::AF_INET, IPPROTO_TCP, 0, EVERY_STATE);
    let mut all = lines(&kernel, &every);
    all.sort();
    let connections = ["1 127.0.0.1:4000 127.0.0.1:80 0 0", "1 127.0.0.1:80 127.0.0.1:4000 0 0"];
    assert_eq!(all, [connections[0], connections[1], "10 127.0.0.1:80 0.0.0.0:0 1 5"]);
    let listening = wanted(libc::AF_INET, IPPROTO_TCP, 0, LISTEN);
    assert_eq!(lines(&kernel, &listening), ["10 127.0.0.1:80 0.0.0.0:0 1 5"]);
    let mut from_4000 = every.clone();
    from_4000[8..10].copy_from_slice(&4000u16.to_be_bytes());
    assert_eq!(lines(&kernel, &from_4000), [connections[0]]);
    assert!(lines(&kernel, &wanted(libc::AF_INET6, IPPROTO_TCP, 0, EVERY_STATE)).is_empty());
    assert!(lines(&kernel, &wanted(libc::AF_INET, IPPROTO_UDP, 0, EVERY_STATE)).is_empty());
    kernel.leave();
}

#[test]
fn what_is_left_of_a_connection_is_told_too() {
    let kernel = alone();
    let listener = bound(&kernel, Family::Inet, Kind::Stream, "127.0.0.1:80");
    call(&kernel, Call::Listen(listener, 5));
    let client = bound(&kernel, Family::Inet, Kind::Stream, "127.0.0.1:4000");
    connect(&kernel, client, "127.0.0.1:80");
    call(&kernel, Call::Close(client, netstack::tcp::Close::Graceful { unread: false }));
    let Reply::Accepted(server, ..) = call(&kernel, Call::Accept(listener)) else { panic!("a connection") };
    let every = wanted(libc::AF_INET, IPPROTO_TCP, INFO, EVERY_STATE);
    await_line(&kernel, &every, "5 127.0.0.1:4000 127.0.0.1:80 0 0");
    call(&kernel, Call::Close(server.id(), netstack::tcp::Close::Graceful { unread: false }));
    let left = await_line(&kernel, &every, "6 127.0.0.1:4000 127.0.0.1:80 0 0");
    assert!(left.nlas.is_empty());
    kernel.leave();
}

#[test]
fn what_is_asked_for_besides_comes_with_it() {
    let kernel = alone();
    let listener = bound(&kernel, Family::Inet6, Kind::Stream, "[::]:80");
    call(&kernel, Call::Listen(listener, 5));
    let bare = &dumped(&kernel, &wanted(libc::AF_INET6, IPPROTO_TCP, 0, EVERY_STATE))[0];
    assert_eq!(bare.nlas.as_slice(), [Nla::Shutdown(0), Nla::SkV6Only(false)]);
    let full = &dumped(&kernel, &wanted(libc::AF_INET6, IPPROTO_TCP, INFO | CONG, EVERY_STATE))[0];
    let [_, _, Nla::TcpInfo(info), Nla::Congestion(name)] = full.nlas.as_slice() else { panic!("{full:?}") };
    assert_eq!((info[0], name.as_str()), (10, "cubic"));
    kernel.leave();
}

#[test]
fn datagram_and_raw_sockets_are_told() {
    let kernel = alone();
    open(&kernel, Family::Inet, Kind::Datagram);
    bound(&kernel, Family::Inet6, Kind::Datagram, "[::1]:53");
    let connected = bound(&kernel, Family::Inet, Kind::Datagram, "127.0.0.1:4000");
    connect(&kernel, connected, "127.0.0.1:53");
    open(&kernel, Family::Inet, Kind::Raw(89));
    open(&kernel, Family::Inet, Kind::Ping);
    let of = |family, protocol| lines(&kernel, &wanted(family, protocol, 0, EVERY_STATE));
    assert_eq!(of(libc::AF_INET, IPPROTO_UDP), ["1 127.0.0.1:4000 127.0.0.1:53 0 0"]);
    assert_eq!(of(libc::AF_INET6, IPPROTO_UDP), ["7 [::1]:53 [::]:0 0 0"]);
    assert_eq!(of(libc::AF_INET, IPPROTO_RAW), ["7 0.0.0.0:89 0.0.0.0:0 0 0"]);
    kernel.leave();
}

#[test]
fn one_is_found_by_its_ends_and_its_cookie() {
    let kernel = alone();
    let listener = bound(&kernel, Family::Inet, Kind::Stream, "0.0.0.0:80");
    call(&kernel, Call::Listen(listener, 5));
    let mut body = wanted(libc::AF_INET, IPPROTO_TCP, 0, 0);
    body[8..10].copy_from_slice(&80u16.to_be_bytes());
    body[12..16].copy_from_slice(&[127, 0, 0, 1]);
    body[48..].fill(0xff);
    let [NetlinkPayload::InnerMessage(Message::InetResponse(row))] = &told(&kernel, 1, &body)[..] else {
        panic!("one row")
    };
    assert_eq!(line(row), "10 0.0.0.0:80 0.0.0.0:0 0 5");
    let refused = |body: &[u8]| match &told(&kernel, 1, body)[..] {
        [NetlinkPayload::Error(error)] => -error.raw_code(),
        other => panic!("{other:?}"),
    };
    body[48..].copy_from_slice(&row.header.socket_id.cookie);
    assert_eq!(told(&kernel, 1, &body).len(), 1);
    body[48] ^= 1;
    assert_eq!(refused(&body), libc::ENOENT);
    body[48..].fill(0xff);
    body[9] = 81;
    assert_eq!(refused(&body), libc::ENOENT);
    kernel.leave();
}

#[test]
fn what_is_not_there_is_told_as_linux_does() {
    let kernel = alone();
    let sctp = told(&kernel, DUMP, &wanted(libc::AF_INET, IPPROTO_SCTP, 0, EVERY_STATE));
    assert!(matches!(&sctp[..], [NetlinkPayload::Done(done)] if done.code == -libc::ENOENT));
    let vsock = told(&kernel, DUMP, &wanted(libc::AF_VSOCK, 0, 0, EVERY_STATE));
    assert!(matches!(&vsock[..], [NetlinkPayload::Error(error)] if error.raw_code() == -libc::ENOENT));
    // Or ss(8) would look for them in /proc/net.
    let unix = told(&kernel, DUMP, &wanted(libc::AF_UNIX, 0, 0, EVERY_STATE));
    assert!(matches!(&unix[..], [NetlinkPayload::Done(done)] if done.code == 0));
    kernel.leave();
}

#[test]
fn whatever_comes_is_answered() {
    let kernel = alone();
    open(&kernel, Family::Inet, Kind::Raw(89));
    let body = prop::collection::vec(any::<u8>(), 0..80);
    let kinds = prop_oneof![16u16..24, any::<u16>()];
    proptest!(|(kind in kinds, flags in any::<u16>(), family in 0u8..12, body in body)| {
        let sent = request(kind, flags | 1, &[vec![family], body].concat());
        let answers = answer::answer(&kernel, &super::PROTOCOL, &sent, How::default());
        prop_assert!(!answers.is_empty() || kind < 16);
    });
    kernel.leave();
}
