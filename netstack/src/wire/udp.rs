//! UDP datagrams (RFC 768), and those of UDP-Lite (RFC 3828), whose header says instead of the length how much the checksum
//! covers.

use core::net::IpAddr;

use super::checksum::Sum;
use super::{Malformed, be16, ipv4};

/// Bytes of a UDP header.
pub const HEADER_LEN: usize = 8;
/// Where in a header the checksum is.
pub(crate) const CHECKSUM_AT: usize = 6;
/// Bytes of the longest payload over IPv4.
pub const MAX_PAYLOAD: usize = ipv4::MAX_LEN - ipv4::HEADER_LEN - HEADER_LEN;
/// Bytes of the longest payload over IPv6.
pub const MAX_PAYLOAD_V6: usize = 65535 - HEADER_LEN;

/// A well-formed UDP datagram. Bytes beyond its own length are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Source port; 0 if the sender wants no answer.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// It has no checksum.
    pub no_checksum: bool,
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads a datagram. With `checksum_good` the checksum is not verified.
    pub fn parse(
        src: impl Into<IpAddr>,
        dst: impl Into<IpAddr>,
        bytes: &'a [u8],
        checksum_good: bool,
    ) -> Result<Datagram<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        let len = be16(bytes, 4);
        if usize::from(len) < HEADER_LEN {
            return Err(Malformed::Invalid);
        }
        let Some(bytes) = bytes.get(..usize::from(len)) else { return Err(Malformed::Truncated) };
        // A checksum of zero says that the sender computed none (RFC 768), which with IPv6 only those take who said so
        // (RFC 8200 §8.1).
        let no_checksum = !checksum_good && be16(bytes, 6) == 0;
        let wrong = || Sum::pseudo(src.into(), dst.into(), ipv4::UDP, bytes.len()).bytes(bytes).finish() != 0;
        if !checksum_good && !no_checksum && wrong() {
            return Err(Malformed::Checksum);
        }
        Ok(Datagram { no_checksum, src_port: be16(bytes, 0), dst_port: be16(bytes, 2), payload: &bytes[HEADER_LEN..] })
    }
}

impl<'a> Datagram<'a> {
    /// Reads a datagram of UDP-Lite, and how many of its bytes the checksum covers, the header among them (RFC 3828 §3.1): at
    /// least the header, at most all.
    pub fn parse_lite(
        src: impl Into<IpAddr>,
        dst: impl Into<IpAddr>,
        bytes: &'a [u8],
    ) -> Result<(Datagram<'a>, usize), Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        let covered = match usize::from(be16(bytes, 4)) {
            0 => bytes.len(),
            covered => covered,
        };
        // There is always a checksum.
        if covered < HEADER_LEN || covered > bytes.len() || be16(bytes, 6) == 0 {
            return Err(Malformed::Invalid);
        }
        let sum = Sum::pseudo(src.into(), dst.into(), ipv4::UDP_LITE, bytes.len()).bytes(&bytes[..covered]);
        if sum.finish() != 0 {
            return Err(Malformed::Checksum);
        }
        let (src_port, dst_port) = (be16(bytes, 0), be16(bytes, 2));
        Ok((Datagram { no_checksum: false, src_port, dst_port, payload: &bytes[HEADER_LEN..] }, covered))
    }
}

/// Is a payload a packet of ESP, or the keepalive of those who send such (RFC 3948 §2)? The rest is of IKE, which begins with
/// zeros.
pub fn is_esp(payload: &[u8]) -> bool {
    const ESP_HEADER: usize = 8;
    match payload {
        [0xff] => true,
        _ => payload.len() > ESP_HEADER && payload[..4] != [0; 4],
    }
}

/// A UDP header with its checksum field zero, before a payload of `payload_len`, at most
/// [`MAX_PAYLOAD_V6`].
pub fn emit(src_port: u16, dst_port: u16, payload_len: usize) -> [u8; HEADER_LEN] {
    debug_assert!(payload_len <= MAX_PAYLOAD_V6);
    let mut out = [0; HEADER_LEN];
    out[0..2].copy_from_slice(&src_port.to_be_bytes());
    out[2..4].copy_from_slice(&dst_port.to_be_bytes());
    out[4..6].copy_from_slice(&((HEADER_LEN + payload_len) as u16).to_be_bytes());
    out
}

/// A header of UDP-Lite with its checksum field zero, before a payload of `payload_len`; and how many bytes the checksum is to
/// cover: all, or as many as `coverage` says (0 for all).
pub fn emit_lite(src_port: u16, dst_port: u16, payload_len: usize, coverage: Option<u16>) -> ([u8; HEADER_LEN], usize) {
    let mut out = emit(src_port, dst_port, payload_len);
    let len = HEADER_LEN + payload_len;
    let covered = match coverage {
        Some(coverage) if usize::from(coverage) < len => {
            out[4..6].copy_from_slice(&coverage.to_be_bytes());
            if coverage == 0 { len } else { usize::from(coverage) }
        }
        _ => len,
    };
    (out, covered)
}
