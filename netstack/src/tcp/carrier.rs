//! What the packets said that brought a connection's segments (ip(7), IP_PKTOPTIONS; RFC 2292 §4.1).

use super::seam::IpMeta;
use super::{Tcp, TcpId};
use crate::link::IfIndex;

/// The IP header of a segment, as far as programs ask: of IPv4 that of the segment that opened an accepted connection, of IPv6 that of
/// the last one in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// The interface that it came in by.
    pub on: IfIndex,
    /// Time to live, or hop limit, on arrival.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// Flow label, 20 bits; 0 of IPv4.
    pub flow_label: u32,
}

impl Carrier {
    pub(super) fn of(ip: &IpMeta<'_>) -> Carrier {
        Carrier { on: ip.packet.on, ttl: ip.packet.ttl, tos: ip.packet.tos, flow_label: ip.packet.flow_label }
    }
}

impl Tcp {
    /// Of an open connection; `None` where nothing has come that counts.
    pub(crate) fn carrier(&self, id: TcpId) -> Option<Carrier> {
        self.sockets.get(id.0)?.carrier
    }
}
