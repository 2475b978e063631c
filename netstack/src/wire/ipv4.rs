//! IPv4 headers (RFC 791).

use core::net::Ipv4Addr;

use super::{Malformed, array, be16, checksum};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Bytes of the longest header.
pub const MAX_HEADER_LEN: usize = 60;
/// Bytes of the longest packet.
pub const MAX_LEN: usize = 65535;
/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of UDP-Lite.
pub const UDP_LITE: u8 = 136;
/// Protocol number reserved for raw sockets that send headers of their own (IPPROTO_RAW).
pub const RAW: u8 = 255;

const DONT_FRAGMENT: u16 = 0x4000;
pub(crate) const MORE_FRAGMENTS: u16 = 0x2000;

/// A well-formed IPv4 packet: lengths fit, and the header checksum is right. Bytes beyond the total length are cut off.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(&'a [u8]);

impl<'a> Packet<'a> {
    /// Accepts `bytes` if they begin with a well-formed packet (RFC 1122 §3.2.1).
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let packet = Packet::parse_quoted(bytes)?;
        let total = usize::from(be16(bytes, 2));
        if total < packet.header_len() {
            return Err(Malformed::Invalid);
        }
        let Some(bytes) = bytes.get(..total) else { return Err(Malformed::Truncated) };
        if checksum::checksum(packet.header()) != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(Packet(bytes))
    }

    /// Accepts a packet quoted in an ICMP error: the header must be whole, the payload may be cut short, and the
    /// checksum is not verified (routers may have changed the time to live).
    pub fn parse_quoted(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        if bytes[0] >> 4 != 4 || bytes[0] & 15 < 5 {
            return Err(Malformed::Invalid);
        }
        let packet = Packet(bytes);
        if bytes.len() < packet.header_len() {
            return Err(Malformed::Truncated);
        }
        Ok(packet)
    }

    /// The whole packet.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Bytes of the header with its options.
    pub fn header_len(&self) -> usize {
        usize::from(self.0[0] & 15) * 4
    }

    /// The header with its options.
    pub fn header(&self) -> &'a [u8] {
        &self.0[..self.header_len()]
    }

    /// The options, padding included.
    pub fn options(&self) -> &'a [u8] {
        &self.0[HEADER_LEN..self.header_len()]
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        &self.0[self.header_len()..]
    }

    /// Type of service byte.
    pub fn tos(&self) -> u8 {
        self.0[1]
    }

    /// Identification, which the fragments of one packet share.
    pub fn identification(&self) -> u16 {
        be16(self.0, 4)
    }

    /// The sender forbids fragmenting.
    pub fn dont_fragment(&self) -> bool {
        be16(self.0, 6) & DONT_FRAGMENT != 0
    }

    /// Fragments with higher offsets follow.
    pub fn more_fragments(&self) -> bool {
        be16(self.0, 6) & MORE_FRAGMENTS != 0
    }

    /// Where this fragment's payload lies in the whole payload, in bytes.
    pub fn fragment_offset(&self) -> usize {
        usize::from(be16(self.0, 6) & 0x1fff) * 8
    }

    /// Not a whole packet.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments() || self.fragment_offset() != 0
    }

    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.0[8]
    }

    /// What the payload is.
    pub fn protocol(&self) -> u8 {
        self.0[9]
    }

    /// Source address.
    pub fn src(&self) -> Ipv4Addr {
        Ipv4Addr::from(array::<4>(self.0, 12))
    }

    /// Destination address.
    pub fn dst(&self) -> Ipv4Addr {
        Ipv4Addr::from(array::<4>(self.0, 16))
    }

    /// The packet asks for source routing (RFC 791 §3.1), which is refused (RFC 7126 §4.3).
    pub fn is_source_routed(&self) -> bool {
        const END: u8 = 0;
        const NO_OPERATION: u8 = 1;
        const LOOSE_SOURCE_ROUTE: u8 = 131;
        const STRICT_SOURCE_ROUTE: u8 = 137;
        let mut options = self.options();
        loop {
            match *options {
                [] | [END, ..] => return false,
                [NO_OPERATION, ..] => options = &options[1..],
                [LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE, ..] => return true,
                [_, len, ..] if len >= 2 => options = options.get(usize::from(len)..).unwrap_or(&[]),
                _ => return false,
            }
        }
    }
}

/// An IPv4 header without options, to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// What the payload is.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// Type of service byte.
    pub tos: u8,
    /// Identification; of no meaning in a packet that cannot be fragmented (RFC 6864 §4.1).
    pub identification: u16,
    /// Forbids fragmenting.
    pub dont_fragment: bool,
    /// Fragments with higher offsets follow.
    pub more_fragments: bool,
    /// Where the payload lies in the whole payload, in bytes: a multiple of 8.
    pub fragment_offset: u16,
}

impl Header {
    /// A header of a whole packet, with no identification and fragmenting forbidden.
    pub fn atomic(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, ttl: u8, tos: u8) -> Header {
        Header {
            src,
            dst,
            protocol,
            ttl,
            tos,
            identification: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
        }
    }

    /// The header's bytes before a payload of `payload_len`, which with the header is at most [`MAX_LEN`].
    pub fn emit(&self, payload_len: usize) -> [u8; HEADER_LEN] {
        debug_assert!(payload_len <= MAX_LEN - HEADER_LEN && self.fragment_offset.is_multiple_of(8));
        let mut out = [0; HEADER_LEN];
        out[0] = 0x45;
        out[1] = self.tos;
        out[2..4].copy_from_slice(&((HEADER_LEN + payload_len) as u16).to_be_bytes());
        out[4..6].copy_from_slice(&self.identification.to_be_bytes());
        let flags = if self.dont_fragment { DONT_FRAGMENT } else { 0 }
            | if self.more_fragments { MORE_FRAGMENTS } else { 0 }
            | (self.fragment_offset / 8);
        out[6..8].copy_from_slice(&flags.to_be_bytes());
        out[8] = self.ttl;
        out[9] = self.protocol;
        out[12..16].copy_from_slice(&self.src.octets());
        out[16..20].copy_from_slice(&self.dst.octets());
        let sum = checksum::checksum(&out);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out
    }
}
