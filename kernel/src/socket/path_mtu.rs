//! IPV6_PATHMTU and IPV6_RECVPATHMTU: what a program that forbids fragments (IPV6_DONTFRAG) learns of the path (RFC 3542 §11).

use super::{Family, Received, Socket};
use crate::endpoint::Kind;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

/// `struct ip6_mtuinfo`: how long packets to a destination may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMtu {
    /// The destination, without a port.
    pub destination: SocketAddrV6,
    /// Bytes, IPv6 header included.
    pub mtu: u32,
}

impl PathMtu {
    /// Of a connected socket, which knows its destination: Linux leaves it out.
    pub(super) fn of_peer(mtu: u32) -> PathMtu {
        PathMtu { destination: SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0), mtu }
    }

    /// `struct ip6_mtuinfo` as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let PathMtu { destination, mtu } = *self;
        let family = if destination.ip().is_unspecified() { 0 } else { libc::AF_INET6 as u16 };
        let zone = destination.scope_id().to_ne_bytes();
        [&family.to_ne_bytes()[..], &[0; 6], &destination.ip().octets(), &zone, &mtu.to_ne_bytes()].concat()
    }
}

impl Socket {
    /// A datagram did not fit its path. If the program asked, its next receive says so; as on Linux only the last one is kept.
    pub(super) fn note_path_mtu(&self, to: SocketAddr, mtu: u32) {
        let SocketAddr::V6(to) = to else { return };
        let wanted = self.settings.lock().wanted.path_mtu;
        if wanted && matches!(self.endpoint.kind, Kind::Datagram | Kind::Raw(_)) && self.family() == Family::Inet6 {
            let destination = SocketAddrV6::new(*to.ip(), 0, 0, to.scope_id());
            *self.path_mtu.lock() = Some(PathMtu { destination, mtu });
        }
    }

    /// What is to be told, as a message without bytes.
    pub(super) fn take_path_mtu(&self) -> Option<Received> {
        if !self.settings.lock().wanted.path_mtu {
            return None;
        }
        let told = self.path_mtu.lock().take()?;
        Some(Received {
            from: Some(SocketAddr::V6(told.destination).into()),
            path_mtu: Some(told),
            ..Received::default()
        })
    }
}
