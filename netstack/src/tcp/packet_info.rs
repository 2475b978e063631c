//! Packet information (RFC 3542 §6) of a connection's segments, as programs can ask for it (ip(7), IP_PKTOPTIONS; RFC 2292 §4.1).

use super::seam::IpMeta;
use super::{Tcp, TcpId};
use crate::link::IfIndex;

/// Fields of the IP header of a segment: for IPv4 the one that opened an accepted connection, for IPv6 the last one in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketInfo {
    /// The interface that it came in by.
    pub on: IfIndex,
    /// Time to live, or hop limit, on arrival.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub tos: u8,
    /// Flow label, 20 bits; 0 of IPv4.
    pub flow_label: u32,
}

impl PacketInfo {
    pub(super) fn of(ip: &IpMeta<'_>) -> PacketInfo {
        PacketInfo { on: ip.packet.on, ttl: ip.packet.ttl, tos: ip.packet.tos, flow_label: ip.packet.flow_label }
    }
}

impl Tcp {
    /// Of a connection; `None` before such a segment has come.
    pub(crate) fn packet_info(&self, id: TcpId) -> Option<PacketInfo> {
        self.sockets.get(id.0)?.packet_info
    }
}
