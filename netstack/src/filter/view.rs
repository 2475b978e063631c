//! What a filter sees of a packet.

use crate::link::IfIndex;
use crate::packet::PacketType;
use crate::wire::{ethernet, ipv4, ipv6};

/// A packet as a socket's filter sees it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// All that there is of it.
    pub bytes: &'a [u8],
    /// Where the socket's part begins, from which offsets count: the link header of a packet socket's frame, the transport's
    /// header of a datagram.
    pub start: usize,
    /// Where the network header begins (SKF_NET_OFF).
    pub network: usize,
    /// Where the link header begins (SKF_LL_OFF), if it is there.
    pub link: Option<usize>,
    /// The ethertype (SKF_AD_PROTOCOL).
    pub protocol: u16,
    /// To whom it was (SKF_AD_PKTTYPE).
    pub kind: PacketType,
    /// The interface (SKF_AD_IFINDEX).
    pub on: IfIndex,
    /// That is `lo`.
    pub loopback: bool,
}

/// SKF_NET_OFF and SKF_LL_OFF.
const NETWORK: i32 = -0x10_0000;
const LINK: i32 = -0x20_0000;

impl View<'_> {
    /// Bytes that the socket gets where its filter takes all.
    pub(super) fn len(&self) -> u32 {
        (self.bytes.len() - self.start.min(self.bytes.len())) as u32
    }

    /// `N` bytes at an offset: from the start, or from one of the headers where it is negative.
    pub(super) fn load<const N: usize>(&self, offset: i32) -> Option<[u8; N]> {
        let at = match offset {
            0.. => self.start as i64 + i64::from(offset),
            NETWORK..0 => self.network as i64 + i64::from(offset - NETWORK),
            LINK..NETWORK => self.link? as i64 + i64::from(offset - LINK),
            _ => return None,
        };
        self.bytes.get(usize::try_from(at).ok()?..)?.first_chunk().copied()
    }

    /// Where what the transport carries begins (SKF_AD_PAY_OFFSET), from the start on; 0 where there is no telling.
    pub(super) fn payload_offset(&self) -> u32 {
        let network = self.bytes.get(self.network..).unwrap_or_default();
        let transport = match self.protocol {
            ethernet::IPV4 => ipv4::Packet::parse_quoted(network).ok().map(|packet| {
                let first =
                    network.get(6..8).is_some_and(|field| u16::from_be_bytes([field[0], field[1]]) & 0x1fff == 0);
                (packet.protocol(), packet.header_len(), first)
            }),
            ethernet::IPV6 => ipv6::Packet::parse(network)
                .ok()
                .and_then(|packet| ipv6::upper(&packet).map(|(protocol, at)| (protocol, at, true))),
            _ => None,
        };
        let Some((protocol, at, first)) = transport else { return 0 };
        let header = match protocol {
            _ if !first => 0,
            ipv4::TCP => network.get(at + 12).map_or(0, |offset| usize::from(offset >> 4) * 4),
            ipv4::UDP | ipv4::ICMP | ipv6::ICMPV6 => 8,
            _ => 0,
        };
        ((self.network + at + header) as u32).wrapping_sub(self.start as u32)
    }
}
