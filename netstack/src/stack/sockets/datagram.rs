//! What UDP, raw and ping sockets have in common: what they can be bound to, and what they may ask of the path.

use core::net::{IpAddr, SocketAddr};

use crate::ip::zone;
use crate::stack::Stack;

impl Stack {
    /// Whether datagram sockets can be bound to an address: ours, a broadcast or a multicast one (to receive only from there).
    pub(in crate::stack) fn can_bind_datagrams(&self, local: SocketAddr) -> bool {
        let interfaces = &self.ip.interfaces;
        let addr = local.ip();
        let here = match addr {
            IpAddr::V4(addr) => {
                interfaces.is_local(addr) || addr.is_broadcast() || interfaces.broadcast_link(addr).is_some()
            }
            IpAddr::V6(v6) => v6.is_loopback() || interfaces.owner(addr, zone(local)).is_some(),
        };
        here || addr.is_unspecified() || addr.is_multicast()
    }

    /// IP_MTU: bytes of the largest packet to `dst`, as far as is known; None without a route.
    pub fn path_mtu(&self, dst: SocketAddr) -> Option<u32> {
        let hop = self.ip.hop(None, dst.ip(), zone(dst))?;
        Some(self.ip.path_mtu(hop.on, dst.ip()) as u32)
    }

    /// IPV6_UNICAST_HOPS: the hop limit of packets to `dst` whose sender says none; None without a route.
    pub fn hop_limit(&self, dst: SocketAddr) -> Option<u8> {
        let hop = self.ip.hop(None, dst.ip(), zone(dst))?;
        Some(self.ip.hop_limit(hop.on, dst.ip()))
    }
}
