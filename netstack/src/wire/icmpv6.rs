//! ICMPv6 messages (RFC 4443).

use core::net::Ipv6Addr;

use super::checksum::Sum;
use super::{Malformed, be32, ipv6};

/// Bytes of the header that all messages share.
pub const HEADER_LEN: usize = 8;

/// Type of "destination unreachable".
pub const UNREACHABLE: u8 = 1;
/// Type of "packet too big".
pub const PACKET_TOO_BIG: u8 = 2;
/// Type of "time exceeded".
pub const TIME_EXCEEDED: u8 = 3;
/// Type of "parameter problem".
pub const PARAMETER_PROBLEM: u8 = 4;
/// Type of an echo request.
pub const ECHO_REQUEST: u8 = 128;
/// Type of an echo reply.
pub const ECHO_REPLY: u8 = 129;
/// Type of a multicast listener query (RFC 9777 §5.1).
pub const LISTENER_QUERY: u8 = 130;
/// Type of an MLDv1 report (RFC 2710).
pub const LISTENER_REPORT_V1: u8 = 131;
/// Type of an MLDv1 done (RFC 2710).
pub const LISTENER_DONE_V1: u8 = 132;
/// Type of a router solicitation (RFC 4861 §4.1).
pub const ROUTER_SOLICITATION: u8 = 133;
/// Type of a router advertisement (RFC 4861 §4.2).
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// Type of a neighbour solicitation (RFC 4861 §4.3).
pub const NEIGHBOR_SOLICITATION: u8 = 135;
/// Type of a neighbour advertisement (RFC 4861 §4.4).
pub const NEIGHBOR_ADVERTISEMENT: u8 = 136;
/// Type of a redirect (RFC 4861 §4.5).
pub const REDIRECT: u8 = 137;
/// Type of an MLDv2 report (RFC 9777 §5.2).
pub const LISTENER_REPORT: u8 = 143;

/// Is a message of this type one of MLD?
pub fn is_about_groups(kind: u8) -> bool {
    matches!(kind, LISTENER_QUERY..=LISTENER_DONE_V1 | LISTENER_REPORT)
}

/// Codes of "destination unreachable" (RFC 4443 §3.1).
pub mod unreachable {
    /// No route.
    pub const NO_ROUTE: u8 = 0;
    /// Administratively prohibited.
    pub const PROHIBITED: u8 = 1;
    /// Beyond the scope of the source address.
    pub const BEYOND_SCOPE: u8 = 2;
    /// The address does not answer.
    pub const ADDRESS: u8 = 3;
    /// Nobody listens on this port.
    pub const PORT: u8 = 4;
    /// The source address failed a policy.
    pub const POLICY: u8 = 5;
    /// The route says reject.
    pub const REJECT: u8 = 6;
}

/// Codes of "parameter problem" (RFC 4443 §3.4, RFC 7112 §5).
pub mod parameter {
    /// An erroneous field.
    pub const FIELD: u8 = 0;
    /// An unrecognized next header.
    pub const NEXT_HEADER: u8 = 1;
    /// An unrecognized option.
    pub const OPTION: u8 = 2;
    /// A first fragment without the whole header chain.
    pub const INCOMPLETE_CHAIN: u8 = 3;
}

/// Code of "time exceeded": hop limit.
pub const HOP_LIMIT_EXCEEDED: u8 = 0;
/// Code of "time exceeded": fragments of a packet did not all come in time.
pub const REASSEMBLY_TIME_EXCEEDED: u8 = 1;

/// An ICMPv6 message whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Type.
    pub kind: u8,
    /// Code within the type.
    pub code: u8,
    /// The second 32-bit word, whose meaning depends on the type.
    pub rest: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a message and verifies its checksum, unless that is known to be good.
    pub fn parse(src: Ipv6Addr, dst: Ipv6Addr, bytes: &'a [u8], checksum_good: bool) -> Result<Message<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        let sum = || Sum::pseudo_v6(src, dst, ipv6::ICMPV6, bytes.len() as u32).bytes(bytes).finish();
        if !checksum_good && sum() != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(Message { kind: bytes[0], code: bytes[1], rest: be32(bytes, 4), payload: &bytes[HEADER_LEN..] })
    }

    /// Identifier of an echo request or reply.
    pub fn identifier(&self) -> u16 {
        (self.rest >> 16) as u16
    }
}

/// True for the types that report an error about a packet, which they quote (RFC 4443 §2.1).
pub fn is_error(kind: u8) -> bool {
    kind < 128
}

/// The header of a message, its checksum zero: the pseudo-header is known to who sends it.
pub fn emit(kind: u8, code: u8, rest: u32) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[0] = kind;
    out[1] = code;
    out[4..8].copy_from_slice(&rest.to_be_bytes());
    out
}
