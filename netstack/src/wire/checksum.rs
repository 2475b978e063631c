//! The Internet checksum (RFC 1071) over data in pieces.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ethernet, ipv4, ipv6, tcp, udp};

/// A running one's-complement sum. Pieces may have odd lengths: the next piece then starts in the middle of a word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    total: u64,
    odd: bool,
}

impl Sum {
    /// The sum of nothing.
    pub const fn new() -> Sum {
        Sum { total: 0, odd: false }
    }

    /// The pseudo-header of TCP and UDP over IPv4 (RFC 9293 §3.1, RFC 768). `len` is that of transport header and data.
    pub fn pseudo_v4(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, len: u16) -> Sum {
        Sum::new().bytes(&src.octets()).bytes(&dst.octets()).word(u16::from(protocol)).word(len)
    }

    /// The pseudo-header of upper layers over IPv6 (RFC 8200 §8.1).
    pub fn pseudo_v6(src: Ipv6Addr, dst: Ipv6Addr, protocol: u8, len: u32) -> Sum {
        let sum = Sum::new().bytes(&src.octets()).bytes(&dst.octets()).word(u16::from(protocol));
        sum.word((len >> 16) as u16).word(len as u16)
    }

    /// The pseudo-header of either family. Addresses of two families have none that means anything.
    pub fn pseudo(src: IpAddr, dst: IpAddr, protocol: u8, len: usize) -> Sum {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Sum::pseudo_v4(src, dst, protocol, len as u16),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Sum::pseudo_v6(src, dst, protocol, len as u32),
            _ => Sum::new(),
        }
    }

    /// Adds a piece of data.
    #[must_use]
    pub fn bytes(self, data: &[u8]) -> Sum {
        let sum = sum_be(data);
        let sum = if self.odd { sum.swap_bytes() } else { sum };
        Sum { total: self.total + u64::from(sum), odd: self.odd ^ (data.len() % 2 == 1) }
    }

    /// Adds a 16-bit field. Only at an even offset.
    #[must_use]
    pub fn word(self, word: u16) -> Sum {
        debug_assert!(!self.odd);
        Sum { total: self.total + u64::from(word), ..self }
    }

    /// The sum folded to 16 bits, not complemented: what a link with checksum offload wants in the checksum field.
    pub fn partial(self) -> u16 {
        fold(self.total)
    }

    /// The checksum: what to write into the field, or 0 if what was summed included a right checksum.
    pub fn finish(self) -> u16 {
        !self.partial()
    }
}

/// The checksum of one piece.
pub fn checksum(data: &[u8]) -> u16 {
    Sum::new().bytes(data).finish()
}

/// A checksum that a frame's sender left to others: it covers all from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: usize,
    /// Where from there it is to be written.
    pub(crate) offset: usize,
}

impl Place {
    /// Where in the frame it is to be written.
    pub(crate) fn field(self) -> core::ops::Range<usize> {
        let at = self.start + self.offset;
        at..at + 2
    }
}

/// Computes the transport checksum of an Ethernet frame whose sender left it to the link
/// ([`TxFrame::checksum_partial`](crate::link::TxFrame::checksum_partial)). Leaves alone what is not an unfragmented
/// packet of TCP, UDP or ICMPv6.
pub fn complete(frame: &mut [u8]) {
    let Some((place, src, dst, protocol, range)) = found(frame) else { return };
    let sum = Sum::pseudo(src, dst, protocol, range.len());
    let field = place.field();
    let sum = sum.bytes(&frame[range.start..field.start]).bytes(&frame[field.end..range.end]);
    let value = match (sum.finish(), protocol) {
        (0, ipv4::UDP) => 0xffff,
        (value, _) => value,
    };
    frame[field].copy_from_slice(&value.to_be_bytes());
}

/// Computes the checksum at `place`, where the sum of what it covers besides is (Linux: skb_checksum_help()).
pub(crate) fn complete_at(frame: &mut [u8], place: Place) {
    let value = match checksum(&frame[place.start..]) {
        0 => 0xffff,
        value => value,
    };
    frame[place.field()].copy_from_slice(&value.to_be_bytes());
}

/// Where the checksum is that [`complete`] computes.
pub(crate) fn place(frame: &[u8]) -> Option<Place> {
    found(frame).map(|(place, ..)| place)
}

/// Is what is left to do to the frame at `place` what [`complete`] does?
pub(crate) fn is_usual(frame: &[u8], at: Place) -> bool {
    found(frame).is_some_and(|(place, src, dst, protocol, range)| {
        let sum = Sum::pseudo(src, dst, protocol, range.len()).partial();
        place == at && range.end == frame.len() && frame[place.field()] == sum.to_be_bytes()
    })
}

/// The place of a transport's checksum, with what [`transport`] says.
fn found(frame: &[u8]) -> Option<(Place, IpAddr, IpAddr, u8, core::ops::Range<usize>)> {
    let (src, dst, protocol, range) = transport(frame)?;
    let offset = match protocol {
        ipv4::TCP => tcp::CHECKSUM_AT,
        ipv4::UDP => udp::CHECKSUM_AT,
        ipv6::ICMPV6 => 2,
        _ => return None,
    };
    let place = Place { start: range.start, offset };
    (place.field().end <= range.end).then_some((place, src, dst, protocol, range))
}

/// Addresses and protocol of an unfragmented packet in a frame, and where in the frame its transport's bytes are.
fn transport(frame: &[u8]) -> Option<(IpAddr, IpAddr, u8, core::ops::Range<usize>)> {
    let (header, payload) = ethernet::parse(frame).ok()?;
    match header.ethertype {
        ethernet::IPV4 => {
            let ip = ipv4::Packet::parse(payload).ok().filter(|ip| !ip.is_fragment())?;
            let start = ethernet::HEADER_LEN + ip.header_len();
            Some((ip.src().into(), ip.dst().into(), ip.protocol(), start..ethernet::HEADER_LEN + ip.bytes().len()))
        }
        ethernet::IPV6 => {
            let ip = ipv6::Packet::parse(payload).ok()?;
            let mut extensions = ip.extensions();
            while let Some(extension) = extensions.advance().ok()? {
                if extension.kind == ipv6::FRAGMENT {
                    return None;
                }
            }
            let start = ethernet::HEADER_LEN + extensions.at();
            Some((ip.src().into(), ip.dst().into(), extensions.kind(), start..ethernet::HEADER_LEN + ip.bytes().len()))
        }
        _ => None,
    }
}

/// The folded big-endian sum of `data`, an odd last byte taken as the high half of a word.
fn sum_be(data: &[u8]) -> u16 {
    // Sums are the same in either byte order up to a swap at the end (RFC 1071 §2B), and 32-bit lanes fold to the same
    // 16 bits. Frames are below 2³² bytes, so the 64-bit total cannot overflow.
    let (blocks, rest) = data.as_chunks::<32>();
    let mut total = 0u64;
    for block in blocks {
        let (lanes, _) = block.as_chunks::<4>();
        for lane in lanes {
            total += u64::from(u32::from_le_bytes(*lane));
        }
    }
    let (words, last) = rest.as_chunks::<2>();
    for word in words {
        total += u64::from(u16::from_le_bytes(*word));
    }
    if let [byte] = last {
        total += u64::from(*byte);
    }
    fold(total).swap_bytes()
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}
