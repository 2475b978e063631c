//! The header before each frame: `struct virtio_net_hdr` in host byte order (virtio 1.2 §5.1.6, legacy layout).

/// Its bytes: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
pub const LEN: usize = 10;

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;

const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
/// Beside the type: the first segment carries CWR.
const GSO_ECN: u8 = 0x80;

/// Where a transport checksum is still to be completed: the sum runs from `start` to the end of the frame, over a
/// checksum field that holds the sum of the pseudo-header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialChecksum {
    /// Bytes from the start of the frame to the transport header.
    pub start: u16,
    /// Bytes from there to the checksum field.
    pub offset: u16,
}

/// What the host says of the checksum of a frame that it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: verify it.
    Unknown,
    /// It was verified.
    Good,
    /// The frame never left this machine, so it needs no verification; its field holds the sum of the pseudo-header.
    Partial(PartialChecksum),
}

/// The IP version of a frame that holds several TCP segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A frame that is longer than the MTU: to be cut, or joined, into TCP segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// Of IP.
    pub version: Version,
    /// Bytes from the start of the frame to the payload.
    pub headers: u16,
    /// Bytes of payload in each segment but the last.
    pub size: u16,
}

pub(crate) fn encode(checksum: Option<PartialChecksum>, segments: Option<Segments>) -> [u8; LEN] {
    let Some(PartialChecksum { start, offset }) = checksum else { return [0; LEN] };
    let ([s0, s1], [o0, o1]) = (start.to_ne_bytes(), offset.to_ne_bytes());
    let (gso, headers, size) = segments.map_or((0, 0, 0), |Segments { version, headers, size }| match version {
        Version::V4 => (GSO_TCPV4, headers, size),
        Version::V6 => (GSO_TCPV6, headers, size),
    });
    let ([h0, h1], [z0, z1]) = (headers.to_ne_bytes(), size.to_ne_bytes());
    [NEEDS_CSUM, gso, h0, h1, z0, z1, s0, s1, o0, o1]
}

/// How many bytes of payload each of the segments has that the host put into one frame; 0 if it put one there.
pub(crate) fn segment_size([_, gso, _, _, z0, z1, ..]: [u8; LEN]) -> u16 {
    if [GSO_TCPV4, GSO_TCPV6].contains(&(gso & !GSO_ECN)) { u16::from_ne_bytes([z0, z1]) } else { 0 }
}

pub(crate) fn checksum([flags, _, _, _, _, _, s0, s1, o0, o1]: [u8; LEN]) -> Checksum {
    if flags & NEEDS_CSUM != 0 {
        let (start, offset) = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([o0, o1]));
        Checksum::Partial(PartialChecksum { start, offset })
    } else if flags & DATA_VALID != 0 {
        Checksum::Good
    } else {
        Checksum::Unknown
    }
}
