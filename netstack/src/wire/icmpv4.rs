//! ICMP messages (RFC 792).

use super::{Malformed, be32, checksum};

/// Bytes of the header that all messages share.
pub const HEADER_LEN: usize = 8;

/// Type of an echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Type of "destination unreachable".
pub const UNREACHABLE: u8 = 3;
/// Type of "source quench", which is ignored (RFC 6633).
pub const SOURCE_QUENCH: u8 = 4;
/// Type of "redirect".
pub const REDIRECT: u8 = 5;
/// Type of an echo request.
pub const ECHO_REQUEST: u8 = 8;
/// Type of "time exceeded".
pub const TIME_EXCEEDED: u8 = 11;
/// Type of "parameter problem".
pub const PARAMETER_PROBLEM: u8 = 12;

/// Type of a timestamp request.
pub const TIMESTAMP: u8 = 13;
/// Type of a timestamp reply.
pub const TIMESTAMP_REPLY: u8 = 14;

/// Codes of "destination unreachable".
pub mod unreachable {
    /// There is no route.
    pub const NET: u8 = 0;
    /// The host does not answer.
    pub const HOST: u8 = 1;
    /// Nobody speaks this protocol there.
    pub const PROTOCOL: u8 = 2;
    /// Nobody listens on this port there.
    pub const PORT: u8 = 3;
    /// The packet is too long for a link and must not be fragmented; the MTU is in the message (RFC 1191 §4).
    pub const FRAGMENTATION_NEEDED: u8 = 4;
}

/// Code of "time exceeded": the time to live.
pub const TTL_EXCEEDED: u8 = 0;
/// Code of "redirect": for the host.
pub const REDIRECT_HOST: u8 = 1;
/// Code of "time exceeded": fragments of a packet did not all come in time.
pub const REASSEMBLY_TIME_EXCEEDED: u8 = 1;

/// An ICMP message whose checksum is right.
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
    /// Reads a message and verifies its checksum.
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        if checksum::checksum(bytes) != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(Message { kind: bytes[0], code: bytes[1], rest: be32(bytes, 4), payload: &bytes[HEADER_LEN..] })
    }

    /// Identifier of an echo request or reply.
    pub fn identifier(&self) -> u16 {
        (self.rest >> 16) as u16
    }
}

/// True for the types that report an error about a packet, which they quote: never answered by an error
/// (RFC 1122 §3.2.2).
pub fn is_error(kind: u8) -> bool {
    matches!(kind, UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM)
}

/// The header of a message that continues with `payload`, checksum included.
pub fn emit(kind: u8, code: u8, rest: u32, payload: &[u8]) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[0] = kind;
    out[1] = code;
    out[4..8].copy_from_slice(&rest.to_be_bytes());
    let sum = checksum::Sum::new().bytes(&out).bytes(payload).finish();
    out[2..4].copy_from_slice(&sum.to_be_bytes());
    out
}

/// Writes the checksum into a whole message that begins with its header; too short ones are left alone.
pub fn fill_checksum(message: &mut [u8]) {
    if message.len() < HEADER_LEN {
        return;
    }
    message[2..4].fill(0);
    let sum = checksum::checksum(message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}
