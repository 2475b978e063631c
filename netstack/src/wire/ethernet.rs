//! Ethernet II frames.

use super::{Malformed, array, be16};
use crate::link::Mac;

/// Bytes of an Ethernet header.
pub const HEADER_LEN: usize = 14;
/// Ethertype of IPv4.
pub const IPV4: u16 = 0x0800;
/// Ethertype of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Ethertype of ARP.
pub const ARP: u16 = 0x0806;

/// An Ethernet header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Destination.
    pub dst: Mac,
    /// Source.
    pub src: Mac,
    /// What the payload is.
    pub ethertype: u16,
}

impl Header {
    /// The header's bytes.
    pub fn emit(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[..6].copy_from_slice(&self.dst.0);
        out[6..12].copy_from_slice(&self.src.0);
        out[12..].copy_from_slice(&self.ethertype.to_be_bytes());
        out
    }
}

/// Splits a frame into header and payload.
pub fn parse(frame: &[u8]) -> Result<(Header, &[u8]), Malformed> {
    let Some((header, payload)) = frame.split_at_checked(HEADER_LEN) else { return Err(Malformed::Truncated) };
    let header = Header { dst: Mac(array(header, 0)), src: Mac(array(header, 6)), ethertype: be16(header, 12) };
    Ok((header, payload))
}

/// The group bit: broadcast and multicast addresses have it, no station has.
pub fn is_group(mac: Mac) -> bool {
    mac.0[0] & 1 == 1
}

/// The group address of a multicast group (RFC 1112 §6.4, RFC 2464 §7).
pub fn multicast(group: core::net::IpAddr) -> Mac {
    match group {
        core::net::IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d])
        }
        core::net::IpAddr::V6(group) => {
            let [.., a, b, c, d] = group.octets();
            Mac([0x33, 0x33, a, b, c, d])
        }
    }
}
