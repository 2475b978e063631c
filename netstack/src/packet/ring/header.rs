//! What stands before a frame in its place: a header of its version (`struct tpacket_hdr` and its kin), and where it came from
//! (`struct sockaddr_ll`).

use arena::Window;

use super::{Arrived, Time, USER};
use crate::packet::{PacketKind, VnetHeader};
use crate::wire::ethernet;

/// TPACKET_ALIGNMENT.
pub(super) const ALIGNMENT: usize = 16;
/// Bytes of `struct sockaddr_ll`.
const ADDRESS: usize = 20;
/// Bytes that Linux leaves for a link header at least.
const LINK_HEADER: usize = 16;

/// Its transport checksum need not be verified (TP_STATUS_CSUM_VALID).
const CHECKSUM_VALID: u32 = 1 << 7;
/// The time is that of the software that received it (TP_STATUS_TS_SOFTWARE).
const TIME_OF_SOFTWARE: u32 = 1 << 29;

/// The form of a ring (PACKET_VERSION), by Linux's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// TPACKET_V1.
    #[default]
    V1 = 0,
    /// TPACKET_V2.
    V2 = 1,
    /// TPACKET_V3.
    V3 = 2,
}

impl Version {
    /// By its number.
    pub fn of(number: i32) -> Option<Version> {
        [Version::V1, Version::V2, Version::V3].into_iter().find(|version| *version as i32 == number)
    }

    /// Bytes of a header (PACKET_HDRLEN).
    pub fn header_len(self) -> usize {
        match self {
            Version::V1 | Version::V2 => 32,
            Version::V3 => 48,
        }
    }

    /// Bytes of a header with the address behind it (TPACKET_HDRLEN and its kin).
    pub(super) fn whole_len(self) -> usize {
        self.header_len() + ADDRESS
    }

    /// Where in a place the status is.
    pub(super) fn status(self) -> usize {
        match self {
            Version::V1 | Version::V2 => 0,
            Version::V3 => 20,
        }
    }
}

/// Where in its place a frame lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offsets {
    /// `tp_mac`: where it begins.
    pub(super) mac: usize,
    /// `tp_net`: where its network header begins.
    pub(super) network: usize,
}

impl Offsets {
    /// None: so far behind that a header cannot say it.
    pub(super) fn of(version: Version, reserve: u32, arrived: &Arrived<'_>) -> Option<Offsets> {
        let (reserve, link) = (reserve as usize + arrived.vnet_header, usize::from(arrived.record.network));
        let network = match arrived.kind {
            PacketKind::Frame | PacketKind::ByName => {
                (version.whole_len() + link.max(LINK_HEADER)).next_multiple_of(ALIGNMENT) + reserve
            }
            PacketKind::Payload => version.whole_len().next_multiple_of(ALIGNMENT) + LINK_HEADER + reserve,
        };
        (network <= usize::from(u16::MAX)).then_some(Offsets { mac: network - link, network })
    }
}

/// What a header says of a frame besides what came with it.
pub(super) struct Said {
    pub(super) offsets: Offsets,
    /// Bytes of it that are there.
    pub(super) kept: usize,
    pub(super) time: Time,
    /// Version 3: where the next one is, from here.
    pub(super) next: u32,
}

/// The status of a frame, to which others may come.
pub(super) fn status(arrived: &Arrived<'_>) -> u32 {
    USER | TIME_OF_SOFTWARE | if arrived.record.checksum_good { CHECKSUM_VALID } else { 0 }
}

/// Writes everything into the place at `at` but the status of versions 1 and 2.
pub(super) fn write(window: &Window, at: usize, version: Version, arrived: &Arrived<'_>, said: &Said) {
    let Said { offsets, kept, time, next } = *said;
    let (original, kept_word) = (arrived.bytes.len() as u32, kept as u32);
    let (words, places): (&[(usize, u32)], usize) = match version {
        Version::V1 => (&[(8, original), (12, kept_word), (20, time.sec), (24, time.nsec / 1000)], 16),
        Version::V2 => (&[(4, original), (8, kept_word), (16, time.sec), (20, time.nsec)], 12),
        Version::V3 => {
            let status = status(arrived);
            (&[(0, next), (4, time.sec), (8, time.nsec), (12, kept_word), (16, original), (20, status)], 24)
        }
    };
    let mut bytes = [0; 48 + ADDRESS];
    words.iter().for_each(|(at, word)| bytes[*at..at + 4].copy_from_slice(&word.to_ne_bytes()));
    bytes[places..places + 2].copy_from_slice(&(offsets.mac as u16).to_ne_bytes());
    bytes[places + 2..places + 4].copy_from_slice(&(offsets.network as u16).to_ne_bytes());
    let len = version.header_len();
    bytes[len..len + ADDRESS].copy_from_slice(&address(arrived));
    // A place may end before a frame could begin in it.
    if kept > 0 {
        window.write(at + offsets.mac, &arrived.bytes[..kept]);
    }
    // The first word of versions 1 and 2 is the status, which is stored when all is there.
    let first = if version == Version::V3 { 0 } else { 4 };
    window.write(at + first, &bytes[first..len + ADDRESS]);
}

/// Writes what is left to do to the frame, if the program asked for it: as on Linux right before the frame, however many bytes it
/// wanted.
pub(super) fn write_vnet(window: &Window, at: usize, offsets: Offsets, arrived: &Arrived<'_>) {
    if arrived.vnet_header >= VnetHeader::LEN {
        window.write(at + offsets.mac - VnetHeader::LEN, &arrived.record.vnet_header.encode());
    }
}

/// `struct sockaddr_ll`.
fn address(arrived: &Arrived<'_>) -> [u8; ADDRESS] {
    const AF_PACKET: u16 = 17;
    /// ARPHRD_ETHER and ARPHRD_LOOPBACK.
    const ETHERNET: u16 = 1;
    const LOOPBACK: u16 = 772;
    let record = arrived.record;
    let mut bytes = [0; ADDRESS];
    bytes[0..2].copy_from_slice(&AF_PACKET.to_ne_bytes());
    bytes[2..4].copy_from_slice(&record.protocol.to_be_bytes());
    bytes[4..8].copy_from_slice(&record.on.0.to_ne_bytes());
    bytes[8..10].copy_from_slice(&(if record.loopback { LOOPBACK } else { ETHERNET }).to_ne_bytes());
    (bytes[10], bytes[11]) = (record.kind as u8, record.src.0.len() as u8);
    bytes[12..18].copy_from_slice(&record.src.0);
    bytes
}

/// What the program says of a frame that it wants to be sent.
pub(super) struct Request {
    pub(super) len: usize,
    /// Where it begins, as PACKET_TX_HAS_OFF counts.
    pub(super) offset: usize,
    /// Version 3: where the next one is, which is known anyway.
    pub(super) next: u32,
}

/// Reads the header of what is to be sent.
pub(super) fn read(window: &Window, at: usize, version: Version, kind: PacketKind) -> Request {
    let mut bytes = [0; 48];
    let bytes = &mut bytes[..version.header_len()];
    window.read(at, bytes);
    let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (len, places, next) = match version {
        Version::V1 => (word(8), 16, 0),
        Version::V2 => (word(4), 12, 0),
        Version::V3 => (word(16), 24, word(0)),
    };
    let place = if kind.has_link_header() { places } else { places + 2 };
    let offset = u16::from_ne_bytes([bytes[place], bytes[place + 1]]).into();
    Request { len: len as usize, offset, next }
}

/// What a link of Ethernet adds to its packets at most, a VLAN's tag among it.
pub(super) fn link_room(kind: PacketKind) -> usize {
    const VLAN: usize = 4;
    VLAN + if kind.has_link_header() { ethernet::HEADER_LEN } else { 0 }
}
