//! A kernel with its loopback alone, for tests of sockets without descriptors.

use super::{Received, SendControl, Socket};
use crate::{Config, Kernel, Kind, Result};
use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// A kernel that leaves when it goes, after the sockets that were made later.
pub(super) struct Alone(Arc<Kernel>);

impl Alone {
    pub(super) fn boot() -> Alone {
        Alone(Kernel::boot(Config::default()).expect("memory and a thread"))
    }

    pub(super) fn stream(&self) -> Arc<Socket> {
        self.open(Kind::Stream).expect("socket")
    }

    pub(super) fn datagram(&self) -> Arc<Socket> {
        self.open(Kind::Datagram).expect("socket")
    }

    pub(super) fn listener(&self, address: &str) -> Arc<Socket> {
        let listener = self.stream();
        listener.bind(at(address)).expect("bind");
        listener.listen(8).expect("listen");
        listener
    }

    /// Both ends of a connection: who connected, who accepted.
    pub(super) fn pair(&self) -> (Arc<Socket>, Arc<Socket>) {
        let (listener, client) = (self.listener("127.0.0.1:0"), self.stream());
        client.connect(listener.local_addr().expect("name")).expect("connect");
        (client, listener.accept().expect("accept").0)
    }

    /// A datagram socket bound to an address.
    pub(super) fn datagram_at(&self, address: &str) -> Arc<Socket> {
        let socket = self.datagram();
        socket.bind(at(address)).expect("bind");
        socket
    }
}

impl Deref for Alone {
    type Target = Arc<Kernel>;

    fn deref(&self) -> &Arc<Kernel> {
        &self.0
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.leave();
    }
}

pub(super) fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address and port")
}

pub(super) fn send(socket: &Socket, bytes: &[u8], flags: i32) -> Result<usize> {
    socket.send(&[IoSlice::new(bytes)], flags, None, &SendControl::default())
}

/// What recv(2) gives with room for `room` bytes.
pub(super) fn recv(socket: &Socket, room: usize, flags: i32) -> Result<Vec<u8>> {
    recv_all(socket, room, flags).map(|(bytes, _)| bytes)
}

pub(super) fn recv_all(socket: &Socket, room: usize, flags: i32) -> Result<(Vec<u8>, Received)> {
    let mut bytes = vec![0; room];
    let received = socket.recv(&mut [IoSliceMut::new(&mut bytes)], flags)?;
    bytes.truncate(received.len);
    Ok((bytes, received))
}

/// An `int` of SOL_SOCKET.
pub(super) fn int(socket: &Socket, name: i32) -> i32 {
    let mut value = [0; 4];
    assert_eq!(socket.getsockopt(libc::SOL_SOCKET, name, &mut value), Ok(4));
    i32::from_ne_bytes(value)
}

pub(super) fn set_timeout(socket: &Socket, name: i32, time: Duration) {
    let mut value = (time.as_secs() as i64).to_ne_bytes().to_vec();
    value.extend(i64::from(time.subsec_micros()).to_ne_bytes());
    socket.setsockopt(libc::SOL_SOCKET, name, &value).expect("a timeout");
}

/// SO_LINGER with a time of 0: the close is a reset.
pub(super) fn linger_zero(socket: &Socket) {
    socket.setsockopt(libc::SOL_SOCKET, libc::SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0]).expect("SO_LINGER");
}
