//! Sockets of a kernel with its loopback.

use super::Socket;
use crate::endpoint::Kind;
use crate::{Errno, Events, Watcher};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn open(kind: Kind) -> Arc<Socket> {
    crate::current().expect("a kernel").open(kind).expect("socket")
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

fn listener() -> (Arc<Socket>, SocketAddr) {
    let listener = open(Kind::Stream);
    listener.bind(at(0)).expect("bind");
    listener.listen(16).expect("listen");
    let addr = listener.local_addr().expect("getsockname");
    (listener, addr)
}

fn connected() -> (Arc<Socket>, Arc<Socket>) {
    let (listener, addr) = listener();
    let client = open(Kind::Stream);
    client.connect(addr).expect("connect");
    (client, listener.accept().expect("accept").0)
}

/// Counts its notifications.
#[derive(Default)]
struct Count(AtomicUsize);

impl Watcher for Count {
    fn notify(&self, _token: u64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_same_error_once_more_is_news() {
    let (nobody, sender) = (open(Kind::Datagram), open(Kind::Datagram));
    nobody.bind(at(0)).expect("bind");
    let port = nobody.local_addr().expect("getsockname").port();
    drop(nobody);
    sender.connect(at(port)).expect("connect");
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
    let (client, server) = connected();
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
    let (listener, addr) = listener();
    let client = open(Kind::Stream);
    client.connect(addr).expect("connect");
    assert_eq!(listener.accept_with(|| Err::<(), _>(Errno::MFILE)).err(), Some(Errno::MFILE));
    assert_eq!(listener.readiness(), Events::IN | Events::RDNORM);
    assert!(listener.accept().is_ok());
}

#[test]
fn shutdown_of_a_datagram_socket_without_a_peer_lets_a_reader_go() {
    let socket = open(Kind::Datagram);
    socket.bind(at(0)).expect("bind");
    thread::scope(|scope| {
        let reader = scope.spawn(|| socket.recv_from(&mut [0; 8]).map(|received| received.len));
        assert_eq!(socket.shutdown(libc::SHUT_RD), Err(Errno::NOTCONN));
        assert_eq!(reader.join().expect("recv"), Ok(0));
    });
}

#[test]
fn a_send_that_was_cut_short_leaves_its_error_to_the_next() {
    let (client, server) = connected();
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
