//! What a program finds in the receive ring of a packet socket: a [`Record`], then the frame or its payload.

use super::VnetHeader;
use crate::datagram::{DROPS, HEADER_LEN};
use crate::link::{IfIndex, Mac};
use crate::time::Instant;

/// To whom a frame was addressed (`sll_pkttype`), by Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PacketType {
    /// To us.
    Host = 0,
    /// To all stations.
    Broadcast = 1,
    /// To a group.
    Multicast = 2,
    /// To another station, on a link that is listened to promiscuously.
    OtherHost = 3,
    /// It is ours, on its way out.
    Outgoing = 4,
}

/// What the engine knows of a frame.
///
/// As bytes, little-endian: length (4), interface (4), time (8), length before a filter cut it (4), protocol (2), offset
/// of the network header (2), source address (6), packet type (1), flags (1), a [`VnetHeader`] (10), zeros (22), drops (4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Bytes that follow.
    pub len: u32,
    /// Bytes that there were.
    pub original: u32,
    /// The interface that it passed.
    pub on: IfIndex,
    /// That is `lo`.
    pub loopback: bool,
    /// Its protocol (`sll_protocol`), as an ethertype.
    pub protocol: u16,
    /// To whom it was.
    pub kind: PacketType,
    /// The station that sent it.
    pub src: Mac,
    /// Where in the bytes the network header begins.
    pub network: u16,
    /// Its transport checksum need not be verified.
    pub checksum_good: bool,
    /// What is left to do to it.
    pub vnet_header: VnetHeader,
    /// When the engine saw it.
    pub timestamp: Instant,
    /// Frames that the socket had to drop before it (SO_RXQ_OVFL).
    pub drops: u32,
}

const LOOPBACK: u8 = 1;
const CHECKSUM_GOOD: u8 = 2;
/// Where the [`VnetHeader`] is.
const VNET_HEADER: usize = 32;

impl Record {
    /// The record as bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let Record { len, original, on, loopback, protocol, kind, src, network, checksum_good, .. } = *self;
        let Record { vnet_header, timestamp, drops, .. } = *self;
        let mut out = [0; HEADER_LEN];
        out[0..4].copy_from_slice(&len.to_le_bytes());
        out[4..8].copy_from_slice(&on.0.to_le_bytes());
        out[8..16].copy_from_slice(&timestamp.0.to_le_bytes());
        out[16..20].copy_from_slice(&original.to_le_bytes());
        out[20..22].copy_from_slice(&protocol.to_le_bytes());
        out[22..24].copy_from_slice(&network.to_le_bytes());
        out[24..30].copy_from_slice(&src.0);
        out[DROPS..].copy_from_slice(&drops.to_le_bytes());
        out[VNET_HEADER..][..VnetHeader::LEN].copy_from_slice(&vnet_header.encode());
        out[30] = kind as u8;
        out[31] = if loopback { LOOPBACK } else { 0 } | if checksum_good { CHECKSUM_GOOD } else { 0 };
        out
    }

    /// Reads a record. None if the bytes are not one (the ring lies in memory that others can write).
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Record> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |at: usize| u32::from_le_bytes(words[at / 4]);
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let kind = match bytes[30] {
            0 => PacketType::Host,
            1 => PacketType::Broadcast,
            2 => PacketType::Multicast,
            3 => PacketType::OtherHost,
            4 => PacketType::Outgoing,
            _ => return None,
        };
        Some(Record {
            len: word(0),
            original: word(16),
            on: IfIndex(word(4)),
            loopback: bytes[31] & LOOPBACK != 0,
            protocol: half(20),
            kind,
            src: Mac([bytes[24], bytes[25], bytes[26], bytes[27], bytes[28], bytes[29]]),
            network: half(22),
            checksum_good: bytes[31] & CHECKSUM_GOOD != 0,
            vnet_header: VnetHeader::decode(bytes[VNET_HEADER..].first_chunk()?),
            timestamp: Instant(u64::from(word(8)) | u64::from(word(12)) << 32),
            drops: word(DROPS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let record = Record {
            len: 60,
            original: 1514,
            on: IfIndex(2),
            loopback: false,
            protocol: 0x86dd,
            kind: PacketType::OtherHost,
            src: Mac([1, 2, 3, 4, 5, 6]),
            network: 14,
            checksum_good: true,
            vnet_header: VnetHeader {
                flags: 1,
                gso_type: 4,
                hdr_len: 0x0102,
                gso_size: 0x0304,
                csum_start: 0x0506,
                csum_offset: 0x0708,
            },
            timestamp: Instant(0x0123_4567_89ab_cdef),
            drops: 7,
        };
        assert_eq!(Record::decode(&record.encode()), Some(record));
        let other = Record { loopback: true, checksum_good: false, kind: PacketType::Host, ..record };
        assert_eq!(Record::decode(&other.encode()), Some(other));
        let mut bytes = record.encode();
        bytes[30] = 5;
        assert_eq!(Record::decode(&bytes), None);
    }
}
