//! Frames of programs that hold more than one packet, cut as a device with segmentation offload would (Linux: tcp_gso_segment(),
//! __udp_gso_segment(), udp4_ufo_fragment()).

use core::net::IpAddr;

use super::vnet_header::Work;
use crate::wire::checksum::{self, Place, Sum};
use crate::wire::{be32, ethernet, ipv4, ipv6, tcp, udp};

/// What a frame is to be cut into, by virtio's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentsKind {
    /// TCP segments over IPv4 (VIRTIO_NET_HDR_GSO_TCPV4).
    TcpV4 = 1,
    /// Fragments of one UDP datagram (VIRTIO_NET_HDR_GSO_UDP).
    Fragments = 3,
    /// TCP segments over IPv6 (VIRTIO_NET_HDR_GSO_TCPV6).
    TcpV6 = 4,
    /// UDP datagrams (VIRTIO_NET_HDR_GSO_UDP_L4).
    Udp = 5,
}

/// How a frame is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    pub(crate) kind: SegmentsKind,
    /// Bytes of text of each piece but the last.
    pub(crate) size: u16,
    /// It answers an ECN echo (CWR), which is for the first piece alone.
    pub(crate) echoes: bool,
}

/// The frame is not what it is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uncuttable;

impl SegmentsKind {
    pub(super) fn of(number: u8) -> Option<SegmentsKind> {
        use SegmentsKind::{Fragments, TcpV4, TcpV6, Udp};
        [TcpV4, Fragments, TcpV6, Udp].into_iter().find(|kind| *kind as u8 == number)
    }

    /// The transport's number.
    pub(super) fn protocol(self) -> u8 {
        if self.is_tcp() { ipv4::TCP } else { ipv4::UDP }
    }

    /// Bytes of the transport's header without options.
    pub(super) fn transport_len(self) -> usize {
        if self.is_tcp() { tcp::HEADER_LEN } else { udp::HEADER_LEN }
    }

    fn is_tcp(self) -> bool {
        matches!(self, SegmentsKind::TcpV4 | SegmentsKind::TcpV6)
    }
}

impl Segments {
    /// Those of a frame that a device cuts, or that was joined from what came; `size` 0: of none.
    pub(crate) fn of_tcp(ethertype: u16, size: u16) -> Option<Segments> {
        let kind = if ethertype == ethernet::IPV6 { SegmentsKind::TcpV6 } else { SegmentsKind::TcpV4 };
        (size > 0).then_some(Segments { kind, size, echoes: false })
    }
}

/// A frame that is to be cut, and can be.
pub(crate) struct Uncut<'a> {
    frame: &'a [u8],
    segments: Segments,
    src: IpAddr,
    dst: IpAddr,
    /// Where the transport's header begins.
    transport: usize,
    /// Where the text begins.
    text: usize,
}

/// Where the transport of a frame is that is one of `protocol`: its addresses, its number, where it begins.
pub(super) fn transport(frame: &[u8], protocol: u16) -> Option<(IpAddr, IpAddr, u8, usize)> {
    let packet = frame.get(ethernet::HEADER_LEN..)?;
    let (src, dst, transport, at) = match protocol {
        ethernet::IPV4 => {
            let ip = ipv4::Packet::parse_quoted(packet).ok()?;
            (ip.src().into(), ip.dst().into(), ip.protocol(), ip.header_len())
        }
        ethernet::IPV6 => {
            let ip = ipv6::Packet::parse_quoted(packet).ok()?;
            let (transport, at) = ipv6::upper(&ip)?;
            (ip.src().into(), ip.dst().into(), transport, at)
        }
        _ => return None,
    };
    Some((src, dst, transport, ethernet::HEADER_LEN + at))
}

/// Where the text of a TCP segment or UDP datagram begins whose header is at `at`.
pub(super) fn text(frame: &[u8], kind: SegmentsKind, at: usize) -> Option<usize> {
    let header = frame.get(at..at + kind.transport_len())?;
    let len = if kind.is_tcp() { usize::from(header[12] >> 4) * 4 } else { udp::HEADER_LEN };
    (len >= kind.transport_len() && at + len <= frame.len()).then_some(at + len)
}

impl<'a> Uncut<'a> {
    /// The frame as one of `protocol`, with what its sender says.
    pub(crate) fn of(frame: &'a [u8], protocol: u16, work: &Work) -> Result<Option<Uncut<'a>>, Uncuttable> {
        let Some(segments) = work.segments else { return Ok(None) };
        let Segments { kind, size, .. } = segments;
        let (src, dst, number, at) = transport(frame, protocol).ok_or(Uncuttable)?;
        let text = text(frame, kind, at).filter(|_| number == kind.protocol()).ok_or(Uncuttable)?;
        let fits = match kind {
            SegmentsKind::TcpV4 => src.is_ipv4(),
            SegmentsKind::TcpV6 => src.is_ipv6(),
            // Behind that an offset cannot be said.
            SegmentsKind::Fragments if frame.len() - at > usize::from(u16::MAX) => return Err(Uncuttable),
            SegmentsKind::Fragments => return Ok(Some(Uncut { frame, segments, src, dst, transport: at, text: at })),
            SegmentsKind::Udp => true,
        };
        let elsewhere = work.checksum.is_some_and(|place| place.start != at);
        if !fits || elsewhere || frame.len() - text <= usize::from(size) {
            return Err(Uncuttable);
        }
        Ok(Some(Uncut { frame, segments, src, dst, transport: at, text }))
    }

    /// Can an interface that joins and cuts by itself have it as it is?
    pub(crate) fn may_pass_whole(&self) -> bool {
        /// GSO_LEGACY_MAX_SIZE.
        const MOST: usize = 1 << 16;
        self.segments.kind != SegmentsKind::Fragments && self.frame.len() < MOST
    }

    /// The frame as it is, with what is to be cut said beside, its checksum partial.
    pub(crate) fn whole(&self, has_partial: bool) -> (Vec<u8>, Segments) {
        let mut frame = self.frame.to_vec();
        if !has_partial {
            self.begin_checksum(&mut frame);
        }
        (frame, self.segments)
    }

    /// Calls `each` with every piece, and says whether its checksum is partial. `identification`: of fragments of IPv6.
    pub(crate) fn cut(&self, identification: u32, mut each: impl FnMut(&[u8], bool)) {
        match self.segments.kind {
            SegmentsKind::Fragments => self.fragment(identification, |piece| each(piece, false)),
            SegmentsKind::TcpV4 | SegmentsKind::TcpV6 | SegmentsKind::Udp => self.segment(|piece| each(piece, true)),
        }
    }

    fn segment(&self, mut each: impl FnMut(&[u8])) {
        let Uncut { frame, segments: Segments { kind, size, .. }, transport, text, .. } = *self;
        let (headers, all) = frame.split_at(text);
        let count = all.len().div_ceil(size.into());
        let mut piece = Vec::with_capacity(text + usize::from(size));
        for (index, bytes) in all.chunks(size.into()).enumerate() {
            piece.clear();
            piece.extend_from_slice(headers);
            piece.extend_from_slice(bytes);
            let header = &mut piece[transport..text];
            if kind.is_tcp() {
                let seq = be32(header, 4).wrapping_add((index * usize::from(size)) as u32);
                header[4..8].copy_from_slice(&seq.to_be_bytes());
                let flags = tcp::Flags::from_bits_retain(header[13]).of_piece(index == 0, index + 1 == count);
                header[13] = flags.bits();
            } else {
                let len = (udp::HEADER_LEN + bytes.len()) as u16;
                header[4..6].copy_from_slice(&len.to_be_bytes());
            }
            self.set_network(&mut piece, index as u16);
            self.begin_checksum(&mut piece);
            each(&piece);
        }
    }

    /// RFC 791 §3.2, RFC 8200 §4.5.
    fn fragment(&self, identification: u32, mut each: impl FnMut(&[u8])) {
        let Uncut { segments: Segments { size, .. }, transport, .. } = *self;
        let mut whole = self.frame.to_vec();
        self.begin_checksum(&mut whole);
        checksum::complete_at(&mut whole, self.checksum_place());
        let (headers, all) = whole.split_at(transport);
        let step = usize::from(size & !7).max(8);
        let mut piece = Vec::new();
        for (index, bytes) in all.chunks(step).enumerate() {
            let (offset, more) = (index * step, (index + 1) * step < all.len());
            piece.clear();
            piece.extend_from_slice(headers);
            if self.src.is_ipv4() {
                let field = (offset / 8) as u16 | if more { ipv4::MORE_FRAGMENTS } else { 0 };
                piece[ethernet::HEADER_LEN + 6..][..2].copy_from_slice(&field.to_be_bytes());
            } else {
                let at = next_header_at(headers);
                let header = ipv6::Fragment { next_header: piece[at], offset, more, identification };
                piece[at] = ipv6::FRAGMENT;
                piece.extend_from_slice(&header.emit());
            }
            piece.extend_from_slice(bytes);
            self.set_network(&mut piece, 0);
            each(&piece);
        }
    }

    /// The header of IP is that of a packet of this length, the `index`th.
    fn set_network(&self, piece: &mut [u8], index: u16) {
        let packet = &mut piece[ethernet::HEADER_LEN..];
        if self.src.is_ipv6() {
            let len = (packet.len() - ipv6::HEADER_LEN) as u16;
            packet[4..6].copy_from_slice(&len.to_be_bytes());
            return;
        }
        let len = packet.len() as u16;
        let header_len = usize::from(packet[0] & 15) * 4;
        let header = &mut packet[..header_len];
        let identification = u16::from_be_bytes([header[4], header[5]]).wrapping_add(index);
        header[2..4].copy_from_slice(&len.to_be_bytes());
        header[4..6].copy_from_slice(&identification.to_be_bytes());
        header[10..12].fill(0);
        let sum = checksum::checksum(header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }

    fn checksum_place(&self) -> Place {
        let offset = if self.segments.kind.is_tcp() { tcp::CHECKSUM_AT } else { udp::CHECKSUM_AT };
        Place { start: self.transport, offset }
    }

    /// The checksum's field holds the sum of the pseudo-header.
    fn begin_checksum(&self, frame: &mut [u8]) {
        let len = frame.len() - self.transport;
        let sum = Sum::pseudo(self.src, self.dst, self.segments.kind.protocol(), len).partial();
        frame[self.checksum_place().field()].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Where in the headers of a frame of IPv6 stands what follows them.
fn next_header_at(headers: &[u8]) -> usize {
    let fixed = ethernet::HEADER_LEN + ipv6::NEXT_HEADER_AT;
    let Ok(packet) = ipv6::Packet::parse_quoted(&headers[ethernet::HEADER_LEN..]) else { return fixed };
    let mut extensions = packet.extensions();
    while let Ok(Some(_)) = extensions.advance() {}
    ethernet::HEADER_LEN + extensions.kind_at()
}

#[cfg(test)]
mod tests;
