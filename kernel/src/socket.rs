//! Sockets with POSIX meaning.

use crate::{Events, Result, Watcher};
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A socket of the rump kernel.
pub struct Socket;

/// What recv gives.
#[derive(Clone, Debug)]
pub struct Received {
    /// Bytes copied, or the datagram's whole length under MSG_TRUNC.
    pub len: usize,
    /// Who sent it (datagrams).
    pub from: Option<SocketAddr>,
    /// MSG_TRUNC and its like.
    pub flags: i32,
    /// What control messages are made of (datagrams).
    pub info: Option<DatagramInfo>,
}

/// What a datagram carried besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DatagramInfo {
    /// The address it was sent to.
    pub destination: IpAddr,
    /// The interface it came by.
    pub interface: u32,
    /// Time to live as received.
    pub ttl: u8,
    /// Type of service as received.
    pub tos: u8,
    /// When it came, CLOCK_REALTIME nanoseconds.
    pub timestamp_ns: u64,
}

/// What the control messages of sendmsg ask for.
#[derive(Clone, Copy, Debug, Default)]
pub struct SendControl {
    /// IP_PKTINFO: source address.
    pub source: Option<IpAddr>,
    /// IP_PKTINFO: interface index.
    pub interface: Option<u32>,
    /// IP_TTL.
    pub ttl: Option<u8>,
    /// IP_TOS.
    pub tos: Option<u8>,
}

#[allow(missing_docs, unused_variables)]
impl Socket {
    pub fn bind(&self, addr: SocketAddr) -> Result<()> {
        unimplemented!()
    }
    pub fn connect(&self, addr: SocketAddr) -> Result<()> {
        unimplemented!()
    }
    pub fn disconnect(&self) -> Result<()> {
        unimplemented!()
    }
    pub fn listen(&self, backlog: i32) -> Result<()> {
        unimplemented!()
    }
    pub fn accept(&self) -> Result<(Arc<Socket>, SocketAddr)> {
        unimplemented!()
    }
    pub fn send(
        &self,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<SocketAddr>,
        control: &SendControl,
    ) -> Result<usize> {
        unimplemented!()
    }
    pub fn recv(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Received> {
        unimplemented!()
    }
    pub fn shutdown(&self, how: i32) -> Result<()> {
        unimplemented!()
    }
    pub fn local_addr(&self) -> Result<SocketAddr> {
        unimplemented!()
    }
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        unimplemented!()
    }
    pub fn getsockopt(&self, level: i32, name: i32, into: &mut [u8]) -> Result<usize> {
        unimplemented!()
    }
    pub fn setsockopt(&self, level: i32, name: i32, value: &[u8]) -> Result<()> {
        unimplemented!()
    }
    pub fn inq(&self) -> Result<usize> {
        unimplemented!()
    }
    pub fn outq(&self) -> Result<usize> {
        unimplemented!()
    }
    pub fn nonblocking(&self) -> bool {
        unimplemented!()
    }
    pub fn set_nonblocking(&self, on: bool) {}
    pub fn domain(&self) -> i32 {
        unimplemented!()
    }
    pub fn kind(&self) -> i32 {
        unimplemented!()
    }
    pub fn protocol(&self) -> i32 {
        unimplemented!()
    }
    pub fn readiness(&self) -> Events {
        unimplemented!()
    }
    pub fn arrivals(&self) -> u64 {
        unimplemented!()
    }
    pub fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64) {}
    pub fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64) {}
}
