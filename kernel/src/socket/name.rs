//! What sockets are called: addresses of the Internet, and of packet sockets (`struct sockaddr_ll`, `struct sockaddr_pkt`).

use super::{DeviceAddr, Socket};
use crate::backend::Call;
use crate::endpoint::{Kind, State};
use crate::{Errno, Result};
use netstack::packet::PacketKind;
use std::net::SocketAddr;

/// An address of any family that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// AF_INET, AF_INET6.
    Inet(SocketAddr),
    /// AF_PACKET.
    Link(LinkAddr),
    /// Of a SOCK_PACKET.
    Device(DeviceAddr),
}

/// `struct sockaddr_ll`, packet(7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkAddr {
    /// `sll_protocol`, in the machine's order.
    pub protocol: u16,
    /// `sll_ifindex`: 0 for any.
    pub interface: u32,
    /// `sll_hatype`.
    pub hardware: u16,
    /// `sll_pkttype`.
    pub packet_type: u8,
    /// `sll_halen`: how much of `addr` counts.
    pub len: u8,
    /// `sll_addr`.
    pub addr: [u8; 8],
}

impl Name {
    /// The Internet's address.
    pub fn inet(self) -> Option<SocketAddr> {
        match self {
            Name::Inet(addr) => Some(addr),
            Name::Link(_) | Name::Device(_) => None,
        }
    }
}

impl From<SocketAddr> for Name {
    fn from(addr: SocketAddr) -> Name {
        Name::Inet(addr)
    }
}

impl Socket {
    /// getsockname(2): the unspecified address and port 0 before the socket has one.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let (local, _) = self.backend.call(Call::Names(self.id()))?.names()?;
        let mut local =
            local.map_or(SocketAddr::new(self.family().unspecified(), 0), |local| self.family().shown(local));
        // Linux has it there.
        if let Kind::Raw(protocol) = self.endpoint.kind {
            local.set_port(u16::from(protocol));
        }
        Ok(local)
    }

    /// getsockname(2) of any socket.
    pub fn name(&self) -> Result<Name> {
        match self.endpoint.kind {
            Kind::Packet(PacketKind::ByName) => self.device_name().map(Name::Device),
            Kind::Packet(_) => self.link_name().map(Name::Link),
            _ => self.local_addr().map(Name::Inet),
        }
    }

    /// getpeername(2): ENOTCONN without a peer, and with one of port 0, as on Linux.
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        let state = self.endpoint.state();
        if self.endpoint.kind == Kind::Stream && state.intersects(State::CLOSED | State::CONNECTING | State::LISTENING)
        {
            return Err(Errno::NOTCONN);
        }
        let (_, remote) = self.backend.call(Call::Names(self.id()))?.names()?;
        let mut remote = remote.map(|remote| self.family().shown(remote)).ok_or(Errno::NOTCONN)?;
        // To the engine ports mean nothing to raw and ping sockets.
        if matches!(self.endpoint.kind, Kind::Raw(_) | Kind::Ping) {
            remote.set_port(self.peer.lock().map_or(0, |peer| peer.port()));
        }
        if remote.port() == 0 { Err(Errno::NOTCONN) } else { Ok(remote) }
    }

    /// SO_PEERNAME: of a stream also before the connection is there and when it is over.
    pub(super) fn last_peer(&self) -> Result<SocketAddr> {
        match self.endpoint.kind {
            Kind::Stream => self.peer.lock().ok_or(Errno::NOTCONN),
            _ => self.peer_addr(),
        }
    }
}
