//! AF_INET and AF_INET6: from the addresses of a family to the engine's, and back.
//!
//! An AF_INET6 socket speaks IPv4 too unless it says IPV6_V6ONLY (RFC 3493 §3.7): the IPv4 address a.b.c.d is its program's
//! ::ffff:a.b.c.d.

use super::Socket;
use crate::backend::{Call, FlowLabelCall};
use crate::endpoint::Kind;
use crate::{Errno, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;

/// The family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// AF_INET.
    Inet,
    /// AF_INET6.
    Inet6,
    /// AF_PACKET.
    Packet,
}

impl Family {
    /// The address that stands for all of this host's, and for none.
    pub(super) fn unspecified(self) -> IpAddr {
        match self {
            Family::Inet | Family::Packet => Ipv4Addr::UNSPECIFIED.into(),
            Family::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// An address of the engine as the program sees it.
    pub(super) fn shown(self, addr: SocketAddr) -> SocketAddr {
        match (self, addr.ip()) {
            (Family::Inet6, IpAddr::V4(ip)) if ip.is_unspecified() => SocketAddr::new(self.unspecified(), addr.port()),
            (Family::Inet6, IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), addr.port()),
            _ => addr,
        }
    }
}

impl Socket {
    /// The family that the socket has now.
    pub(super) fn family(&self) -> Family {
        if self.converted.load(Ordering::Relaxed) { Family::Inet } else { self.opened_as }
    }

    /// IPV6_ADDRFORM: what is connected to a mapped address becomes a socket of AF_INET. Errors: EINVAL, ENOPROTOOPT, EBUSY,
    /// ENOTCONN, EADDRNOTAVAIL.
    pub(super) fn convert(&self, to: i32) -> Result<()> {
        match self.endpoint.kind {
            _ if to != libc::AF_INET => return Err(Errno::INVAL),
            Kind::Datagram if self.is_corked() => return Err(Errno::BUSY),
            Kind::Datagram | Kind::Stream => {}
            _ => return Err(Errno::NOPROTOOPT),
        }
        let mapped = matches!(self.peer_addr()?.ip(), IpAddr::V6(peer) if peer.to_ipv4_mapped().is_some());
        if !mapped || self.v6_only() {
            return Err(Errno::ADDRNOTAVAIL);
        }
        self.backend.call(Call::FlowLabel(self.id(), FlowLabelCall::PutAll))?;
        self.converted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The engine's address for bind(2). Errors: EAFNOSUPPORT, EINVAL.
    pub(super) fn to_bind(&self, addr: SocketAddr) -> Result<SocketAddr> {
        match (self.family(), addr) {
            (Family::Inet, SocketAddr::V4(_)) => Ok(addr),
            (Family::Inet, SocketAddr::V6(_)) => Err(Errno::AFNOSUPPORT),
            // It is too short for a sockaddr_in6, which Linux finds out first.
            (Family::Inet6, SocketAddr::V4(_)) => Err(Errno::INVAL),
            (Family::Packet, _) => Err(Errno::INVAL),
            (Family::Inet6, SocketAddr::V6(v6)) => match v6.ip().to_ipv4_mapped() {
                Some(_) if self.v6_only() => Err(Errno::INVAL),
                Some(ip) => Ok(SocketAddr::new(ip.into(), v6.port())),
                None => Ok(addr),
            },
        }
    }

    /// The engine's address for connect(2). As on Linux the unspecified address is this host. Errors: EAFNOSUPPORT, EINVAL,
    /// ENETUNREACH.
    pub(super) fn to_connect(&self, addr: SocketAddr) -> Result<SocketAddr> {
        match (self.family(), addr) {
            (Family::Inet6, SocketAddr::V4(_)) if self.endpoint.kind == Kind::Stream => Err(Errno::INVAL),
            (Family::Inet6, SocketAddr::V4(_)) if self.v6_only() => Err(Errno::AFNOSUPPORT),
            _ => self.to_reach(addr),
        }
    }

    /// The engine's address for sendto(2). Errors: EAFNOSUPPORT, ENETUNREACH.
    pub(super) fn to_reach(&self, addr: SocketAddr) -> Result<SocketAddr> {
        let ip = match (self.family(), addr.ip()) {
            (Family::Inet, ip @ IpAddr::V4(_)) => ip,
            (Family::Packet, _) => return Err(Errno::INVAL),
            (Family::Inet, IpAddr::V6(_)) => return Err(Errno::AFNOSUPPORT),
            (Family::Inet6, IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
                Some(_) if self.v6_only() => return Err(Errno::NETUNREACH),
                Some(ip) => ip.into(),
                None if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                None => return Ok(addr),
            },
            (Family::Inet6, IpAddr::V4(_)) if self.v6_only() => return Err(Errno::NETUNREACH),
            (Family::Inet6, ip) => ip,
        };
        let ip = if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip };
        Ok(SocketAddr::new(ip, addr.port()))
    }

    /// What an address says of the flow, if IPV6_FLOWINFO_SEND lets it: 20 bits, 0 for nothing.
    pub(super) fn flow_label_of(&self, addr: SocketAddr) -> u32 {
        match addr {
            SocketAddr::V6(v6) if self.settings.lock().inet6.flow_info_send => v6.flowinfo() & 0xf_ffff,
            _ => 0,
        }
    }

    /// IPV6_V6ONLY.
    fn v6_only(&self) -> bool {
        self.settings.lock().v6_only
    }
}
