//! IPv6 headers and extension headers (RFC 8200).

use core::net::Ipv6Addr;

use super::{Malformed, array, be16, be32};

/// Bytes of a header.
pub const HEADER_LEN: usize = 40;
/// Bytes of the longest packet without jumbograms.
pub const MAX_LEN: usize = HEADER_LEN + 65535;
/// Bytes that every link carries (§5).
pub const MIN_MTU: usize = 1280;
/// Bytes of a fragment header.
pub const FRAGMENT_LEN: usize = 8;

/// Next header: hop-by-hop options.
pub const HOP_BY_HOP: u8 = 0;
/// Next header: routing.
pub const ROUTING: u8 = 43;
/// Next header: fragment.
pub const FRAGMENT: u8 = 44;
/// Next header: ICMPv6.
pub const ICMPV6: u8 = 58;
/// Next header: nothing follows.
pub const NO_NEXT_HEADER: u8 = 59;
/// Next header: destination options.
pub const DESTINATION_OPTIONS: u8 = 60;

/// Where the next header field is in the fixed header.
pub const NEXT_HEADER_AT: usize = 6;

/// A packet whose fixed header is well-formed and whose bytes are all there. Bytes beyond its length are cut off.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(&'a [u8]);

impl<'a> Packet<'a> {
    /// Accepts `bytes` if they begin with a packet. A jumbogram's length of zero is a packet of nothing.
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let Packet(bytes) = Packet::parse_quoted(bytes)?;
        let total = HEADER_LEN + usize::from(be16(bytes, 4));
        bytes.get(..total).map(Packet).ok_or(Malformed::Truncated)
    }

    /// Accepts a packet quoted in an ICMP error: its payload may be cut short.
    pub fn parse_quoted(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        if bytes[0] >> 4 != 6 {
            return Err(Malformed::Invalid);
        }
        Ok(Packet(bytes))
    }

    /// The whole packet.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// What follows the fixed header.
    pub fn payload(&self) -> &'a [u8] {
        &self.0[HEADER_LEN..]
    }

    /// Traffic class byte.
    pub fn traffic_class(&self) -> u8 {
        self.0[0] << 4 | self.0[1] >> 4
    }

    /// Flow label, 20 bits.
    pub fn flow_label(&self) -> u32 {
        be32(self.0, 0) & 0xf_ffff
    }

    /// What follows the fixed header.
    pub fn next_header(&self) -> u8 {
        self.0[NEXT_HEADER_AT]
    }

    /// Hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.0[7]
    }

    /// Source address.
    pub fn src(&self) -> Ipv6Addr {
        Ipv6Addr::from(array::<16>(self.0, 8))
    }

    /// Destination address.
    pub fn dst(&self) -> Ipv6Addr {
        Ipv6Addr::from(array::<16>(self.0, 24))
    }

    /// The extension headers, one after the other.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions { bytes: self.0, at: HEADER_LEN, kind: self.next_header(), kind_at: NEXT_HEADER_AT }
    }
}

/// An extension header.
#[derive(Clone, Copy, Debug)]
pub struct Extension<'a> {
    /// What it is: one of the next header values above.
    pub kind: u8,
    /// Where in the packet the field is that says so.
    pub kind_at: usize,
    /// Where in the packet it begins.
    pub at: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A walk along the extension headers of a packet. What it has not walked over yet is its upper part.
#[derive(Clone, Copy, Debug)]
pub struct Extensions<'a> {
    bytes: &'a [u8],
    at: usize,
    kind: u8,
    kind_at: usize,
}

impl<'a> Extensions<'a> {
    /// The next extension header; `None` at the upper-layer header. An error if it is not all there.
    pub fn advance(&mut self) -> Result<Option<Extension<'a>>, Malformed> {
        let rest = &self.bytes[self.at..];
        let len = match self.kind {
            FRAGMENT => FRAGMENT_LEN,
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                if rest.len() < 2 {
                    return Err(Malformed::Truncated);
                }
                8 + 8 * usize::from(rest[1])
            }
            _ => return Ok(None),
        };
        let bytes = rest.get(..len).ok_or(Malformed::Truncated)?;
        let extension = Extension { kind: self.kind, kind_at: self.kind_at, at: self.at, bytes };
        (self.kind, self.kind_at) = (bytes[0], self.at);
        self.at += len;
        Ok(Some(extension))
    }

    /// What comes next: after the end, the upper-layer protocol.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// Where in the packet the field is that says what comes next.
    pub fn kind_at(&self) -> usize {
        self.kind_at
    }

    /// Where in the packet it begins.
    pub fn at(&self) -> usize {
        self.at
    }

    /// All that comes next.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }
}

/// The upper-layer protocol of a packet that is no fragment, or the first, and where in the packet its header begins.
/// `None` if the extension headers do not lead there.
pub fn upper(packet: &Packet<'_>) -> Option<(u8, usize)> {
    let mut extensions = packet.extensions();
    while let Some(extension) = extensions.advance().ok()? {
        if extension.kind == FRAGMENT && fragment(extension.bytes).offset != 0 {
            return None;
        }
    }
    Some((extensions.kind(), extensions.at()))
}

/// The fields of a fragment header (§4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// What the fragmented part begins with.
    pub next_header: u8,
    /// Where this piece lies in the fragmented part, in bytes.
    pub offset: usize,
    /// Pieces with higher offsets follow.
    pub more: bool,
    /// What the fragments of one packet share.
    pub identification: u32,
}

/// Reads a fragment header of [`FRAGMENT_LEN`] bytes.
pub fn fragment(bytes: &[u8]) -> Fragment {
    Fragment {
        next_header: bytes[0],
        offset: usize::from(be16(bytes, 2) & 0xfff8),
        more: bytes[3] & 1 == 1,
        identification: be32(bytes, 4),
    }
}

impl Fragment {
    /// The header's bytes. `offset` is a multiple of 8.
    pub fn emit(&self) -> [u8; FRAGMENT_LEN] {
        debug_assert!(self.offset.is_multiple_of(8) && self.offset <= 0xffff);
        let mut out = [0; FRAGMENT_LEN];
        out[0] = self.next_header;
        out[2..4].copy_from_slice(&(self.offset as u16 | u16::from(self.more)).to_be_bytes());
        out[4..8].copy_from_slice(&self.identification.to_be_bytes());
        out
    }
}

/// What an option says is to be done by who does not know it (§4.2): the two highest bits of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecognized {
    /// Go on.
    Skip,
    /// Drop the packet.
    Discard,
    /// Drop it and say so to the sender, also if it was sent to a group.
    Report,
    /// Drop it and say so to the sender, but not if it was sent to a group.
    ReportUnicast,
}

/// Option type of router alert (RFC 2711).
pub const ROUTER_ALERT: u8 = 5;

/// An option of a hop-by-hop or destination options header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    /// Its type.
    pub kind: u8,
    /// Where in the extension header it begins.
    pub at: usize,
    /// Its data.
    pub data: &'a [u8],
}

impl Opt<'_> {
    /// What to do without knowing it.
    pub fn unrecognized(&self) -> Unrecognized {
        match self.kind >> 6 {
            0 => Unrecognized::Skip,
            1 => Unrecognized::Discard,
            2 => Unrecognized::Report,
            _ => Unrecognized::ReportUnicast,
        }
    }
}

/// The options of an options header, padding left out. An item that is an error says that the rest makes no sense.
pub fn options(extension: &[u8]) -> impl Iterator<Item = Result<Opt<'_>, Malformed>> {
    const PAD1: u8 = 0;
    const PADN: u8 = 1;
    let mut at = 2;
    core::iter::from_fn(move || {
        loop {
            match *extension.get(at..)? {
                [] => return None,
                [PAD1, ..] => at += 1,
                [PADN, len, ..] if at + 2 + usize::from(len) <= extension.len() => at += 2 + usize::from(len),
                [kind, len, ref rest @ ..] if rest.len() >= usize::from(len) && kind != PADN => {
                    let option = Opt { kind, at, data: &rest[..usize::from(len)] };
                    at += 2 + usize::from(len);
                    return Some(Ok(option));
                }
                _ => {
                    at = extension.len();
                    return Some(Err(Malformed::Truncated));
                }
            }
        }
    })
}

/// A fixed header, to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// What follows.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Traffic class byte.
    pub traffic_class: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
}

impl Header {
    /// The header's bytes before a payload of `payload_len`, extension headers included, at most 65535.
    pub fn emit(&self, payload_len: usize) -> [u8; HEADER_LEN] {
        debug_assert!(payload_len <= 65535);
        let mut out = [0; HEADER_LEN];
        let first = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & 0xf_ffff;
        out[0..4].copy_from_slice(&first.to_be_bytes());
        out[4..6].copy_from_slice(&(payload_len as u16).to_be_bytes());
        out[NEXT_HEADER_AT] = self.next_header;
        out[7] = self.hop_limit;
        out[8..24].copy_from_slice(&self.src.octets());
        out[24..40].copy_from_slice(&self.dst.octets());
        out
    }
}
