//! socket(2): the kinds of sockets.

use super::options::Settings;
use super::{Family, LinkAddr, Socket, packet};
use crate::backend::Call;
use crate::config::TcpDefaults;
use crate::endpoint::Kind;
use crate::{Errno, Kernel, Result};
use netstack::datagram::Coverage;
use std::sync::Arc;

impl Kernel {
    /// socket(2), without descriptor and without the flags in `kind`.
    ///
    /// Errors: EAFNOSUPPORT for every domain but AF_INET, AF_INET6 and AF_PACKET, ESOCKTNOSUPPORT, EPROTONOSUPPORT,
    /// EINVAL, ENOBUFS.
    pub fn socket(self: &Arc<Self>, domain: i32, kind: i32, protocol: i32) -> Result<Arc<Socket>> {
        /// Behind the last type that has a number, whether anybody knows it or not.
        const SOCK_MAX: i32 = 11;
        let family = match (domain, kind) {
            (libc::AF_INET | libc::AF_INET6 | libc::AF_PACKET, ..0 | SOCK_MAX..) => return Err(Errno::INVAL),
            // The old name of packet sockets.
            (libc::AF_PACKET, _) | (libc::AF_INET, packet::SOCK_PACKET) => {
                let socket = self.open_in(Family::Packet, packet::kind(kind)?)?;
                // Of the number's 32 bits Linux looks at those that an ethertype has, in network order.
                let protocol = u16::from_be(protocol as u16);
                socket.bind_link(&LinkAddr { protocol, ..LinkAddr::default() })?;
                return Ok(socket);
            }
            (libc::AF_INET, _) => Family::Inet,
            (libc::AF_INET6, _) => Family::Inet6,
            _ => return Err(Errno::AFNOSUPPORT),
        };
        /// IPPROTO_MAX of Linux, above IPPROTO_MPTCP.
        const PROTOCOLS: std::ops::Range<i32> = 0..263;
        if !PROTOCOLS.contains(&protocol) {
            return Err(Errno::INVAL);
        }
        let kind = match (kind, protocol) {
            (libc::SOCK_DGRAM, libc::IPPROTO_ICMP) if family == Family::Inet6 => return Err(Errno::PROTONOSUPPORT),
            (libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6) if family == Family::Inet6 => Kind::Ping,
            (libc::SOCK_STREAM, 0 | libc::IPPROTO_TCP) => Kind::Stream,
            (libc::SOCK_DGRAM, 0 | libc::IPPROTO_UDP) => Kind::Datagram,
            (libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE) => return self.open_lite(family),
            (libc::SOCK_DGRAM, libc::IPPROTO_ICMP) => Kind::Ping,
            (libc::SOCK_RAW, 1..=255) => Kind::Raw(protocol as u8),
            (libc::SOCK_STREAM | libc::SOCK_DGRAM | libc::SOCK_RAW, _) => return Err(Errno::PROTONOSUPPORT),
            _ => return Err(Errno::SOCKTNOSUPPORT),
        };
        self.open_in(family, kind)
    }

    /// socket(2) of AF_INET for who has no numbers. Errors: ENOBUFS.
    pub fn open(&self, kind: Kind) -> Result<Arc<Socket>> {
        self.open_in(Family::Inet, kind)
    }

    /// A socket of UDP-Lite: one of UDP that says so before it does anything.
    pub(super) fn open_lite(&self, family: Family) -> Result<Arc<Socket>> {
        let socket = self.open_in(family, Kind::Datagram)?;
        let mut settings = socket.settings.lock();
        settings.raw.datagram.lite = Some(Coverage::default());
        socket.backend.call(Call::SetDatagramOptions(socket.id(), settings.raw))?;
        drop(settings);
        Ok(socket)
    }

    /// socket(2) for who has no numbers. Errors: ENOBUFS.
    pub fn open_in(&self, family: Family, kind: Kind) -> Result<Arc<Socket>> {
        let backend = self.backend().clone();
        let settings = Settings::new(family, kind, self.config().tcp);
        let endpoint = backend.call(Call::Open(family, kind, settings.buffers()))?.socket()?;
        if kind == Kind::Stream && self.config().tcp != TcpDefaults::default() {
            backend.call(Call::SetTcpOptions(endpoint.id(), settings.tcp.clone()))?;
        }
        if kind != Kind::Stream && family == Family::Inet6 {
            backend.call(Call::SetDatagramOptions(endpoint.id(), settings.raw))?;
        }
        Ok(Arc::new(Socket::new(backend, endpoint, family, settings)))
    }
}
