//! A packet that is for us, in either family.

use core::net::IpAddr;

use crate::link::IfIndex;
use crate::wire::{ethernet, ipv4, ipv6};

/// To whom a packet is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    /// To one of our addresses.
    Unicast,
    /// To an anycast address of ours (RFC 4291 §2.6).
    Anycast,
    /// To all hosts on the link, or to a group that a socket here has joined.
    Many,
}

impl Cast {
    /// Whether no other host gets it.
    pub(crate) fn is_for_one(self) -> bool {
        self != Cast::Many
    }
}

/// A whole packet on its way up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    /// The interface by which it came; for a packet to our own link-local address, the interface that has the address.
    pub(crate) on: IfIndex,
    /// What the payload is.
    pub(crate) protocol: u8,
    /// Time to live, or hop limit.
    pub(crate) ttl: u8,
    /// Type of service byte, or traffic class.
    pub(crate) tos: u8,
    /// Of IPv6.
    pub(crate) flow_label: u32,
    /// Unicast packets have come in a frame for us alone.
    pub(crate) cast: Cast,
    /// The transport checksum need not be verified.
    pub(crate) checksum_good: bool,
    /// See [`RxMeta::segment_size`](crate::link::RxMeta::segment_size).
    pub(crate) segment_size: u16,
    /// The header of its frame, with no addresses where there was none.
    pub(crate) link: ethernet::Header,
    /// Bytes of the longest fragment that it came in; 0 of what came whole.
    pub(crate) fragment_size: u16,
    /// The options of IPv4, with us in them; or of IPv6 what the first extension header is.
    pub(crate) options: &'a [u8],
    /// The extension headers.
    pub(crate) extensions: &'a [u8],
    /// The upper-layer header and what follows.
    pub(crate) payload: &'a [u8],
    /// The packet from its IP header on.
    pub(crate) bytes: &'a [u8],
    /// Where in `bytes` the field is that says what the payload is.
    pub(crate) protocol_at: usize,
}

impl<'a> Received<'a> {
    pub(crate) fn v4(packet: &ipv4::Packet<'a>, on: IfIndex) -> Received<'a> {
        Received {
            src: packet.src().into(),
            dst: packet.dst().into(),
            on,
            protocol: packet.protocol(),
            ttl: packet.ttl(),
            tos: packet.tos(),
            flow_label: 0,
            cast: Cast::Many,
            checksum_good: false,
            segment_size: 0,
            link: ethernet::Header { ethertype: ethernet::IPV4, ..ethernet::Header::default() },
            fragment_size: 0,
            options: packet.options(),
            extensions: &[],
            payload: packet.payload(),
            bytes: packet.bytes(),
            protocol_at: 9,
        }
    }

    /// A packet of ours, perhaps truncated, about which its sender gets an error. None for a later fragment of IPv6, of which the
    /// transport is not known.
    pub(crate) fn quoted(bytes: &'a [u8], on: IfIndex) -> Option<Received<'a>> {
        if bytes.first()? >> 4 != 6 {
            return Some(Received::v4(&ipv4::Packet::parse_quoted(bytes).ok()?, on));
        }
        let packet = ipv6::Packet::parse_quoted(bytes).ok()?;
        let mut upper = packet.extensions();
        while let Ok(Some(extension)) = upper.advance() {
            if extension.kind == ipv6::FRAGMENT && ipv6::fragment(extension.bytes).offset != 0 {
                return None;
            }
        }
        Some(Received::v6(&packet, &upper, on))
    }

    /// `upper`: the walk along its extension headers, at its end.
    pub(crate) fn v6(packet: &ipv6::Packet<'a>, upper: &ipv6::Extensions<'a>, on: IfIndex) -> Received<'a> {
        let extensions = &packet.bytes()[ipv6::HEADER_LEN..upper.at()];
        let first = if extensions.is_empty() { 0 } else { 1 };
        Received {
            options: &packet.bytes()[ipv6::NEXT_HEADER_AT..][..first],
            extensions,
            src: packet.src().into(),
            dst: packet.dst().into(),
            on,
            protocol: upper.kind(),
            ttl: packet.hop_limit(),
            tos: packet.traffic_class(),
            flow_label: packet.flow_label(),
            cast: Cast::Many,
            checksum_good: false,
            segment_size: 0,
            link: ethernet::Header { ethertype: ethernet::IPV6, ..ethernet::Header::default() },
            fragment_size: 0,
            payload: upper.rest(),
            bytes: packet.bytes(),
            protocol_at: upper.kind_at(),
        }
    }
}
