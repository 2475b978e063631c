//! ARP for IPv4 over Ethernet (RFC 826).

use core::net::Ipv4Addr;

use super::{Malformed, array, be16};
use crate::link::Mac;

/// Bytes of an ARP packet for IPv4 over Ethernet.
pub const LEN: usize = 28;

/// What an ARP packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender has it.
    Reply,
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Request or reply.
    pub operation: Operation,
    /// The sender's hardware address.
    pub sender_mac: Mac,
    /// The sender's protocol address; 0.0.0.0 in a probe (RFC 5227 §1.1).
    pub sender: Ipv4Addr,
    /// The target's hardware address; zero in a request.
    pub target_mac: Mac,
    /// The address asked for.
    pub target: Ipv4Addr,
}

impl Packet {
    /// Reads a packet; bytes after it (Ethernet padding) are ignored.
    pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
        if bytes.len() < LEN {
            return Err(Malformed::Truncated);
        }
        // Hardware type Ethernet, protocol type IPv4, and their address lengths.
        if bytes[..6] != [0, 1, 8, 0, 6, 4] {
            return Err(Malformed::Invalid);
        }
        let operation = match be16(bytes, 6) {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return Err(Malformed::Invalid),
        };
        Ok(Packet {
            operation,
            sender_mac: Mac(array(bytes, 8)),
            sender: Ipv4Addr::from(array::<4>(bytes, 14)),
            target_mac: Mac(array(bytes, 18)),
            target: Ipv4Addr::from(array::<4>(bytes, 24)),
        })
    }

    /// The packet's bytes.
    pub fn emit(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[..6].copy_from_slice(&[0, 1, 8, 0, 6, 4]);
        out[7] = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        out[8..14].copy_from_slice(&self.sender_mac.0);
        out[14..18].copy_from_slice(&self.sender.octets());
        out[18..24].copy_from_slice(&self.target_mac.0);
        out[24..28].copy_from_slice(&self.target.octets());
        out
    }
}
