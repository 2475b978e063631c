//! The header before each frame: `struct virtio_net_hdr` in host byte order (virtio 1.2 §5.1.6, legacy layout).

/// Its bytes: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
pub const LEN: usize = 10;

const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;

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

pub(crate) fn encode(checksum: Option<PartialChecksum>) -> [u8; LEN] {
    let Some(PartialChecksum { start, offset }) = checksum else { return [0; LEN] };
    let ([s0, s1], [o0, o1]) = (start.to_ne_bytes(), offset.to_ne_bytes());
    [NEEDS_CSUM, 0, 0, 0, 0, 0, s0, s1, o0, o1]
}

pub(crate) fn decode([flags, _, _, _, _, _, s0, s1, o0, o1]: [u8; LEN]) -> Checksum {
    if flags & NEEDS_CSUM != 0 {
        let (start, offset) = (u16::from_ne_bytes([s0, s1]), u16::from_ne_bytes([o0, o1]));
        Checksum::Partial(PartialChecksum { start, offset })
    } else if flags & DATA_VALID != 0 {
        Checksum::Good
    } else {
        Checksum::Unknown
    }
}
