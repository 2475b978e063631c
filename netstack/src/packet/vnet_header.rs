//! What stands before a frame where the program wants to know, and to say, what is left to do to it: `struct virtio_net_hdr`
//! (virtio 1.2 §5.1.6, the legacy layout in host byte order; packet(7), PACKET_VNET_HDR).

use super::cut::{self, Segments, SegmentsKind};
use crate::link::Checksum;
use crate::socket::SendError;
use crate::wire::checksum::Place;
use crate::wire::{checksum, ethernet, ipv4, ipv6, tcp, udp};

/// VIRTIO_NET_HDR_F_NEEDS_CSUM.
const NEEDS_CSUM: u8 = 1;
/// VIRTIO_NET_HDR_F_DATA_VALID.
const DATA_VALID: u8 = 2;
/// VIRTIO_NET_HDR_GSO_NONE.
const GSO_NONE: u8 = 0;
/// VIRTIO_NET_HDR_GSO_ECN.
const GSO_ECN: u8 = 0x80;
/// UDP_MAX_SEGMENTS.
const MAX_DATAGRAMS: usize = 128;

/// `struct virtio_net_hdr`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    /// NEEDS_CSUM, DATA_VALID.
    pub flags: u8,
    /// What the frame is to be cut into.
    pub gso_type: u8,
    /// Bytes of all headers, as a hint.
    pub hdr_len: u16,
    /// Bytes of payload of each piece but the last.
    pub gso_size: u16,
    /// Where in the frame begins what the checksum covers.
    pub csum_start: u16,
    /// Where from there the checksum is.
    pub csum_offset: u16,
}

/// What is to be done to a frame of the program's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// The checksum that is to be completed.
    pub(crate) checksum: Option<Place>,
    pub(crate) segments: Option<Segments>,
}

impl Work {
    /// Cutting alone.
    pub(crate) fn of(segments: Option<Segments>) -> Work {
        Work { checksum: None, segments }
    }
}

impl VnetHeader {
    /// Its bytes.
    pub const LEN: usize = 10;

    /// The header as bytes.
    pub fn encode(&self) -> [u8; VnetHeader::LEN] {
        let VnetHeader { flags, gso_type, hdr_len, gso_size, csum_start, csum_offset } = *self;
        let mut out = [flags, gso_type, 0, 0, 0, 0, 0, 0, 0, 0];
        for (at, word) in (2..).step_by(2).zip([hdr_len, gso_size, csum_start, csum_offset]) {
            out[at..at + 2].copy_from_slice(&word.to_ne_bytes());
        }
        out
    }

    /// Reads a header.
    pub fn decode(bytes: &[u8; VnetHeader::LEN]) -> VnetHeader {
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        VnetHeader {
            flags: bytes[0],
            gso_type: bytes[1],
            hdr_len: word(2),
            gso_size: word(4),
            csum_start: word(6),
            csum_offset: word(8),
        }
    }

    /// virtio_net_hdr_from_skb(): what is said of a frame that passes.
    pub(super) fn of(frame: &[u8], checksum: Checksum, segments: Option<Segments>) -> VnetHeader {
        let mut header = VnetHeader::default();
        let place = match checksum {
            Checksum::Partial => checksum::place(frame),
            Checksum::Good | Checksum::Unknown => None,
        };
        match (checksum, place) {
            (_, Some(Place { start, offset })) => {
                (header.flags, header.csum_start, header.csum_offset) = (NEEDS_CSUM, start as u16, offset as u16);
            }
            (Checksum::Unknown, None) => {}
            (_, None) => header.flags = DATA_VALID,
        }
        if let Some(Segments { kind, size, echoes }) = segments {
            header.gso_type = kind as u8 | if echoes { GSO_ECN } else { 0 };
            header.gso_size = size;
            let ethertype = ethernet::parse(frame).map_or(0, |(header, _)| header.ethertype);
            let text = cut::transport(frame, ethertype).and_then(|(.., at)| cut::text(frame, kind, at));
            header.hdr_len = text.unwrap_or(0) as u16;
        }
        header
    }

    /// Does the frame want to be cut?
    pub(crate) fn cuts(&self) -> bool {
        self.gso_type != GSO_NONE
    }

    /// virtio_net_hdr_to_skb(): what is to be done to a frame that is sent as one of `protocol`.
    pub(crate) fn work(&self, frame: &[u8], protocol: u16) -> Result<Work, SendError> {
        let invalid = SendError::InvalidDestination;
        let kind = match self.gso_type & !GSO_ECN {
            _ if !self.cuts() => None,
            kind => Some(SegmentsKind::of(kind).ok_or(invalid)?),
        };
        if kind.is_some() && self.gso_size == 0 || usize::from(self.hdr_len) > frame.len() {
            return Err(invalid);
        }
        let least = kind.map_or(0, SegmentsKind::transport_len);
        let checksum = (self.flags & NEEDS_CSUM != 0)
            .then(|| Place { start: self.csum_start.into(), offset: self.csum_offset.into() });
        let transport = match (checksum, kind) {
            (Some(Place { start, offset }), _) => {
                let network = if kind == Some(SegmentsKind::TcpV6) { ipv6::HEADER_LEN } else { ipv4::HEADER_LEN };
                if start + least.max(offset + 2) > frame.len() || start < network {
                    return Err(invalid);
                }
                start
            }
            (None, Some(kind)) => {
                // Of such a frame the place has to be found.
                let (.., number, start) = cut::transport(frame, protocol).ok_or(invalid)?;
                if number != kind.protocol() || start + least > frame.len() {
                    return Err(invalid);
                }
                start
            }
            (None, None) => return Ok(Work::default()),
        };
        let Some(kind) = kind else { return Ok(Work { checksum, segments: None }) };
        let offset = checksum.map(|place| place.offset);
        let headers = transport + least;
        let echoes = self.gso_type & GSO_ECN != 0;
        let fits = match kind {
            SegmentsKind::Udp => {
                let most = usize::from(self.gso_size) * MAX_DATAGRAMS;
                offset == Some(udp::CHECKSUM_AT) && frame.len() - headers <= most && !echoes
            }
            SegmentsKind::TcpV4 | SegmentsKind::TcpV6 => offset.is_none_or(|at| at == tcp::CHECKSUM_AT),
            SegmentsKind::Fragments => true,
        };
        /// GSO_BY_FRAGS.
        const BY_FRAGMENTS: u16 = 0xffff;
        if !fits || self.gso_size == BY_FRAGMENTS {
            return Err(invalid);
        }
        // Fragments carry the transport's header as they carry its text.
        let text = frame.len() - if kind == SegmentsKind::Fragments { transport } else { headers };
        let segments = Segments { kind, size: self.gso_size, echoes };
        Ok(Work { checksum, segments: (text > usize::from(self.gso_size)).then_some(segments) })
    }
}

#[cfg(test)]
mod tests;
