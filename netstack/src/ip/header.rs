//! What a packet's header says, in either family, and its bytes.

use core::net::{IpAddr, Ipv6Addr};

use crate::wire::{ipv4, ipv6};

/// Bytes of the longest header that we make, fragment header included.
pub(crate) const MAX_LEN: usize = ipv6::HEADER_LEN + ipv6::FRAGMENT_LEN;

/// A header without options or extension headers, to be sent. Both addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    /// What the payload is.
    pub(crate) protocol: u8,
    /// Time to live, or hop limit.
    pub(crate) ttl: u8,
    /// Type of service byte, or traffic class.
    pub(crate) tos: u8,
    /// Of IPv6.
    pub(crate) flow_label: u32,
    /// Forbids fragmenting, here and on the way.
    pub(crate) dont_fragment: bool,
    /// What the fragments of one packet share; of no meaning in a packet that cannot be fragmented (RFC 6864 §4.1).
    pub(crate) identification: u32,
    /// Bytes of options or extension headers that follow it.
    pub(crate) options_len: u16,
}

/// Which piece of a packet's payload a fragment carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Bytes before it, a multiple of 8.
    pub(crate) offset: u16,
    /// Others follow.
    pub(crate) more: bool,
}

impl Header {
    /// A header of a whole packet, fragmenting forbidden.
    pub(crate) fn atomic(src: IpAddr, dst: IpAddr, protocol: u8, ttl: u8, tos: u8) -> Header {
        debug_assert_eq!(src.is_ipv4(), dst.is_ipv4());
        Header { src, dst, protocol, ttl, tos, flow_label: 0, dont_fragment: true, identification: 0, options_len: 0 }
    }

    /// Bytes of the header, with options or extension headers.
    pub(crate) fn len(&self) -> usize {
        self.fixed_len() + usize::from(self.options_len)
    }

    /// Bytes of the header alone.
    pub(crate) fn fixed_len(&self) -> usize {
        if self.dst.is_ipv4() { ipv4::HEADER_LEN } else { ipv6::HEADER_LEN }
    }

    /// Bytes of the longest payload.
    pub(crate) fn max_payload(&self) -> usize {
        let most = if self.dst.is_ipv4() { ipv4::MAX_LEN } else { ipv6::MAX_LEN };
        most - self.len()
    }

    /// Writes the header for a payload of `payload_len` and returns how long it is.
    pub(crate) fn emit<'a>(&self, space: &'a mut [u8], payload_len: usize) -> &'a [u8] {
        let space = &mut space[..self.fixed_len()];
        match (self.src, self.dst) {
            (IpAddr::V4(_), IpAddr::V4(_)) => {
                space.copy_from_slice(&self.v4(Piece { offset: 0, more: false }).emit(payload_len));
            }
            _ => space.copy_from_slice(&self.v6(self.protocol).emit(payload_len)),
        }
        space
    }

    /// Writes the header of a fragment and returns how long it is.
    pub(crate) fn emit_fragment<'a>(&self, space: &'a mut [u8], piece: Piece, payload_len: usize) -> &'a [u8] {
        if self.dst.is_ipv4() {
            let space = &mut space[..ipv4::HEADER_LEN];
            space.copy_from_slice(&self.v4(piece).emit(payload_len));
            return space;
        }
        let space = &mut space[..MAX_LEN];
        let fragment = ipv6::Fragment {
            next_header: self.protocol,
            offset: usize::from(piece.offset),
            more: piece.more,
            identification: self.identification,
        };
        let header = self.v6(ipv6::FRAGMENT).emit(ipv6::FRAGMENT_LEN + payload_len);
        space[..ipv6::HEADER_LEN].copy_from_slice(&header);
        space[ipv6::HEADER_LEN..].copy_from_slice(&fragment.emit());
        space
    }

    fn v4(&self, piece: Piece) -> ipv4::Header {
        let v4 = |addr| match addr {
            IpAddr::V4(addr) => addr,
            IpAddr::V6(_) => core::net::Ipv4Addr::UNSPECIFIED,
        };
        ipv4::Header {
            src: v4(self.src),
            dst: v4(self.dst),
            protocol: self.protocol,
            ttl: self.ttl,
            tos: self.tos,
            identification: self.identification as u16,
            dont_fragment: self.dont_fragment,
            more_fragments: piece.more,
            fragment_offset: piece.offset,
        }
    }

    pub(super) fn v6(&self, next_header: u8) -> ipv6::Header {
        let v6 = |addr| match addr {
            IpAddr::V6(addr) => addr,
            IpAddr::V4(_) => Ipv6Addr::UNSPECIFIED,
        };
        ipv6::Header {
            src: v6(self.src),
            dst: v6(self.dst),
            next_header,
            hop_limit: self.ttl,
            traffic_class: self.tos,
            flow_label: self.flow_label,
        }
    }
}
