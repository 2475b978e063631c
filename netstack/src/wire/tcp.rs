//! TCP segments (RFC 9293 §3.1) and their options (RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 7413).

use super::{Malformed, be16, be32};
use crate::tcp::Seq;

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Bytes of the longest header.
pub const MAX_HEADER_LEN: usize = 60;
/// Bytes that timestamps take in every segment: the option and two NOPs (RFC 7323 appendix A).
pub const TIMESTAMPS_LEN: usize = 12;

bitflags::bitflags! {
    /// Control bits.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags: u8 {
        /// No more data from the sender.
        const FIN = 0x01;
        /// Synchronize sequence numbers.
        const SYN = 0x02;
        /// Reset the connection.
        const RST = 0x04;
        /// Push.
        const PSH = 0x08;
        /// The acknowledgement field is significant.
        const ACK = 0x10;
        /// The urgent pointer is significant.
        const URG = 0x20;
        /// ECN echo (RFC 3168).
        const ECE = 0x40;
        /// Congestion window reduced (RFC 3168).
        const CWR = 0x80;
    }
}

/// Where in a header the checksum is.
pub(crate) const CHECKSUM_AT: usize = 16;

impl Flags {
    /// Of a segment that is cut, those of one of its pieces: what ends the text stands in the last one, what answers an ECN echo in
    /// the first (RFC 3168 §6.1.2).
    pub(crate) fn of_piece(self, is_first: bool, is_last: bool) -> Flags {
        let mut here = self;
        here.set(Flags::FIN, self.contains(Flags::FIN) && is_last);
        here.set(Flags::PSH, self.contains(Flags::PSH) && is_last);
        here.set(Flags::CWR, self.contains(Flags::CWR) && is_first);
        here
    }
}

/// The bytes of a segment's header: all that there are, if those are fewer.
pub(crate) fn header_bytes(segment: &[u8]) -> &[u8] {
    let len = segment.get(12).map_or(0, |offset| usize::from(offset >> 4) * 4);
    segment.get(..len).unwrap_or(segment)
}

/// TSval and TSecr (RFC 7323 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// The sender's clock.
    pub value: u32,
    /// The receiver's clock, as the sender last saw it.
    pub echo: u32,
}

/// Most SACK blocks that a header has space for (RFC 2018 §3).
pub const MAX_SACK_BLOCKS: usize = 4;

/// The blocks of a SACK option (RFC 2018 §3): each the first sequence number of a range and the one after its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlocks {
    blocks: [(Seq, Seq); MAX_SACK_BLOCKS],
    len: u8,
}

impl SackBlocks {
    /// The blocks, in the order of the option.
    pub fn as_slice(&self) -> &[(Seq, Seq)] {
        &self.blocks[..usize::from(self.len)]
    }

    /// Adds a block behind the others; one too many is left out.
    pub fn push(&mut self, start: Seq, end: Seq) {
        if let Some(place) = self.blocks.get_mut(usize::from(self.len)) {
            *place = (start, end);
            self.len += 1;
        }
    }

    /// True without any block, and then there is no option either.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that a header needs for `blocks` of them, with two NOPs.
    pub const fn option_len(blocks: usize) -> usize {
        if blocks == 0 { 0 } else { 4 + 8 * blocks }
    }
}

/// The Fast Open option (RFC 7413 §4.1.1): a cookie, or without one the wish for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FastOpen {
    bytes: [u8; FastOpen::LONGEST],
    len: u8,
    /// It stands in the option for experiments that came before (RFC 6994), which Linux still understands.
    pub experimental: bool,
}

impl FastOpen {
    /// The shortest and the longest cookie.
    const SHORTEST: usize = 4;
    const LONGEST: usize = 16;
    /// The option's kind.
    const KIND: u8 = 34;
    /// The kind for experiments, and what tells this one apart.
    const EXPERIMENT: u8 = 254;
    const MAGIC: [u8; 2] = [0xf9, 0x89];

    /// The option with this cookie, none where it is empty. `None` for a length that no cookie has.
    pub fn new(cookie: &[u8]) -> Option<FastOpen> {
        let fits = (Self::SHORTEST..=Self::LONGEST).contains(&cookie.len()) && cookie.len().is_multiple_of(2);
        if !fits && !cookie.is_empty() {
            return None;
        }
        let mut bytes = [0; Self::LONGEST];
        bytes[..cookie.len()].copy_from_slice(cookie);
        Some(FastOpen { bytes, len: cookie.len() as u8, experimental: false })
    }

    /// The cookie; empty where one is asked for.
    pub fn cookie(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Writes the option, filled up with NOPs; returns how many bytes that is, 0 where there is no room.
    fn emit(&self, out: &mut [u8]) -> usize {
        let magic: &[u8] = if self.experimental { &Self::MAGIC } else { &[] };
        let len = 2 + magic.len() + self.cookie().len();
        let Some(room) = out.get_mut(..len.next_multiple_of(4)) else { return 0 };
        room[0] = if self.experimental { Self::EXPERIMENT } else { Self::KIND };
        room[1] = len as u8;
        room[2..2 + magic.len()].copy_from_slice(magic);
        room[2 + magic.len()..len].copy_from_slice(self.cookie());
        room[len..].fill(1);
        room.len()
    }
}

/// The options that we know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale (RFC 7323 §2.2), at most 14.
    pub window_scale: Option<u8>,
    /// Timestamps.
    pub timestamps: Option<Stamps>,
    /// SACK-permitted (RFC 2018 §2), only in a SYN.
    pub sack_permitted: bool,
    /// SACK.
    pub sack: SackBlocks,
    /// Fast Open, only in a SYN.
    pub fast_open: Option<FastOpen>,
}

/// A header's meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK, if the ACK bit is set.
    pub ack: Seq,
    /// Control bits.
    pub flags: Flags,
    /// SEG.WND as it stands in the header, not scaled.
    pub window: u16,
    /// SEG.UP, if the URG bit is set: the distance from SEG.SEQ to the byte after the urgent one.
    pub urgent: u16,
    /// Options.
    pub options: Options,
}

/// A well-formed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The header.
    pub header: Header,
    /// The text.
    pub payload: &'a [u8],
    /// The ECN field of the packet that brought it (RFC 3168 §5); 0 as parsed.
    pub ecn: u8,
    /// Bytes of text in the packets that it came in: less than all of it where a device joined several.
    pub packet_text: u32,
}

impl Header {
    /// True if all of `flags` are set.
    pub fn has(&self, flags: Flags) -> bool {
        self.flags.contains(flags)
    }

    /// Writes the header with a checksum of zero; returns its length.
    pub fn emit(&self, out: &mut [u8; MAX_HEADER_LEN]) -> usize {
        let mut len = HEADER_LEN;
        if let Some(mss) = self.options.mss {
            let [hi, lo] = mss.to_be_bytes();
            out[len..len + 4].copy_from_slice(&[2, 4, hi, lo]);
            len += 4;
        }
        if let Some(shift) = self.options.window_scale {
            out[len..len + 4].copy_from_slice(&[1, 3, 3, shift]);
            len += 4;
        }
        // SACK-permitted stands where the timestamps' NOPs would, as in Linux's SYN.
        let padding = if self.options.sack_permitted { [4, 2] } else { [1, 1] };
        if self.options.sack_permitted && self.options.timestamps.is_none() {
            out[len..len + 4].copy_from_slice(&[1, 1, 4, 2]);
            len += 4;
        }
        if let Some(stamps) = self.options.timestamps {
            out[len..len + 4].copy_from_slice(&[padding[0], padding[1], 8, 10]);
            out[len + 4..len + 8].copy_from_slice(&stamps.value.to_be_bytes());
            out[len + 8..len + 12].copy_from_slice(&stamps.echo.to_be_bytes());
            len += TIMESTAMPS_LEN;
        }
        let fits = (MAX_HEADER_LEN - len).saturating_sub(4) / 8;
        let blocks = &self.options.sack.as_slice()[..fits.min(self.options.sack.as_slice().len())];
        if !blocks.is_empty() {
            out[len..len + 4].copy_from_slice(&[1, 1, 5, 2 + 8 * blocks.len() as u8]);
            len += 4;
            for (start, end) in blocks {
                out[len..len + 4].copy_from_slice(&start.0.to_be_bytes());
                out[len + 4..len + 8].copy_from_slice(&end.0.to_be_bytes());
                len += 8;
            }
        }
        if let Some(fast_open) = &self.options.fast_open {
            len += fast_open.emit(&mut out[len..]);
        }
        out[0..2].copy_from_slice(&self.src_port.to_be_bytes());
        out[2..4].copy_from_slice(&self.dst_port.to_be_bytes());
        out[4..8].copy_from_slice(&self.seq.0.to_be_bytes());
        out[8..12].copy_from_slice(&self.ack.0.to_be_bytes());
        out[12] = ((len / 4) as u8) << 4;
        out[13] = self.flags.bits();
        out[14..16].copy_from_slice(&self.window.to_be_bytes());
        out[16..18].fill(0);
        out[18..20].copy_from_slice(&self.urgent.to_be_bytes());
        len
    }
}

impl<'a> Segment<'a> {
    /// Reads a segment. The checksum is not looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Segment<'a>, Malformed> {
        if bytes.len() < HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        let header_len = usize::from(bytes[12] >> 4) * 4;
        if header_len < HEADER_LEN {
            return Err(Malformed::Invalid);
        }
        let Some((head, payload)) = bytes.split_at_checked(header_len) else { return Err(Malformed::Truncated) };
        let header = Header {
            src_port: be16(head, 0),
            dst_port: be16(head, 2),
            seq: Seq(be32(head, 4)),
            ack: Seq(be32(head, 8)),
            flags: Flags::from_bits_retain(head[13]),
            window: be16(head, 14),
            urgent: be16(head, 18),
            options: Options::parse(&head[HEADER_LEN..]),
        };
        Ok(Segment { header, payload, ecn: 0, packet_text: payload.len() as u32 })
    }

    /// SEG.LEN: the sequence numbers that the segment occupies, SYN and FIN counted.
    pub fn len(&self) -> u32 {
        let controls = self.header.flags.intersection(Flags::SYN.union(Flags::FIN)).bits().count_ones();
        self.payload.len() as u32 + controls
    }

    /// True for a segment that occupies no sequence number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequence number after the last that it occupies.
    pub fn end(&self) -> Seq {
        self.header.seq + self.len()
    }
}

impl Options {
    /// Reads options. Unknown ones are skipped; what follows a malformed one is ignored, as RFC 9293 §3.2 (MUST-7)
    /// leaves it to us to do without a crash.
    fn parse(mut bytes: &[u8]) -> Options {
        let mut options = Options::default();
        // Almost every segment carries exactly this (RFC 7323 appendix A).
        if bytes.len() == TIMESTAMPS_LEN && bytes[..4] == [1, 1, 8, 10] {
            options.timestamps = Some(Stamps { value: be32(bytes, 4), echo: be32(bytes, 8) });
            return options;
        }
        loop {
            match *bytes {
                [] | [0, ..] => return options,
                [1, ref rest @ ..] => bytes = rest,
                [kind, len, ref rest @ ..] if len >= 2 && rest.len() >= usize::from(len) - 2 => {
                    let (value, rest) = rest.split_at(usize::from(len) - 2);
                    match (kind, value.len()) {
                        (2, 2) => options.mss = Some(be16(value, 0)),
                        // RFC 7323 §2.3: a shift above 14 counts as 14.
                        (3, 1) => options.window_scale = Some(value[0].min(14)),
                        (8, 8) => {
                            options.timestamps = Some(Stamps { value: be32(value, 0), echo: be32(value, 4) });
                        }
                        (4, 0) => options.sack_permitted = true,
                        (FastOpen::KIND, _) => options.fast_open = FastOpen::new(value),
                        (FastOpen::EXPERIMENT, 2..) if value[..2] == FastOpen::MAGIC => {
                            let read = FastOpen::new(&value[2..]);
                            options.fast_open = read.map(|read| FastOpen { experimental: true, ..read });
                        }
                        (5, 8 | 16 | 24 | 32) => {
                            options.sack = SackBlocks::default();
                            value.chunks_exact(8).for_each(|block| {
                                options.sack.push(Seq(be32(block, 0)), Seq(be32(block, 4)));
                            });
                        }
                        _ => {}
                    }
                    bytes = rest;
                }
                _ => return options,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_wire() {
        let header = Header {
            src_port: 40000,
            dst_port: 80,
            seq: Seq(0xfffffff0),
            ack: Seq(7),
            flags: Flags::SYN | Flags::ACK,
            window: 65535,
            urgent: 513,
            options: Options {
                mss: Some(65495),
                window_scale: Some(7),
                timestamps: Some(Stamps { value: 1, echo: 2 }),
                sack_permitted: true,
                ..Options::default()
            },
        };
        let mut bytes = [0xff; MAX_HEADER_LEN];
        let len = header.emit(&mut bytes);
        assert_eq!(len, 40);
        let segment = Segment::parse(&bytes[..len]).unwrap();
        assert_eq!(segment.header, header);
        assert_eq!(segment.len(), 1);
    }

    #[test]
    fn four_blocks_fit_alone_and_three_beside_timestamps() {
        let mut sack = SackBlocks::default();
        (0..5).for_each(|i| sack.push(Seq(i * 10), Seq(i * 10 + 5)));
        assert_eq!(sack.as_slice().len(), MAX_SACK_BLOCKS);
        for (timestamps, blocks) in [(None, 4), (Some(Stamps { value: 7, echo: 8 }), 3)] {
            let options = Options { timestamps, sack, ..Options::default() };
            let header = Header { src_port: 1, dst_port: 2, options, ..Header::default() };
            let mut bytes = [0; MAX_HEADER_LEN];
            let len = header.emit(&mut bytes);
            let seen = Segment::parse(&bytes[..len]).unwrap().header.options;
            assert_eq!(seen.sack.as_slice(), &sack.as_slice()[..blocks]);
            assert_eq!(seen.timestamps, timestamps);
        }
    }

    #[test]
    fn a_fast_open_cookie_survives_beside_all_that_a_syn_has() {
        for cookie in [&[][..], &[7; 4], &[7; 8], &[7; 16]] {
            for experimental in [false, true] {
                let fast_open = FastOpen { experimental, ..FastOpen::new(cookie).unwrap() };
                let options = Options {
                    mss: Some(1460),
                    window_scale: Some(7),
                    timestamps: Some(Stamps { value: 7, echo: 8 }),
                    sack_permitted: true,
                    fast_open: Some(fast_open),
                    ..Options::default()
                };
                let header = Header { src_port: 1, dst_port: 2, options, ..Header::default() };
                let mut bytes = [0; MAX_HEADER_LEN];
                let len = header.emit(&mut bytes);
                assert_eq!(Segment::parse(&bytes[..len]).unwrap().header.options, options);
            }
        }
    }

    #[test]
    fn a_cookie_of_a_length_that_none_has_is_no_option() {
        assert_eq!([2, 3, 5, 18].map(|len| FastOpen::new(&[1; 18][..len])), [None; 4]);
        assert_eq!(Options::parse(&[34, 5, 1, 2, 3, 2, 4, 5, 0xb4]).fast_open, None);
    }

    #[test]
    fn options_that_lie_about_their_length_end_the_list() {
        let mss_then_zero_length = [2, 4, 5, 0xb4, 3, 0, 1, 1];
        assert_eq!(Options::parse(&mss_then_zero_length), Options { mss: Some(1460), ..Options::default() });
        let past_the_end = [8, 10, 0, 0, 0, 1];
        assert_eq!(Options::parse(&past_the_end), Options::default());
        let unknown_between = [254, 3, 9, 3, 3, 20];
        assert_eq!(Options::parse(&unknown_between), Options { window_scale: Some(14), ..Options::default() });
    }

    #[test]
    fn short_and_lying_headers_are_refused() {
        let mut bytes = [0; 20];
        bytes[0] = 1;
        bytes[2] = 1;
        for (offset, error) in [(0x40, Malformed::Invalid), (0x60, Malformed::Truncated)] {
            bytes[12] = offset;
            assert_eq!(Segment::parse(&bytes), Err(error));
        }
        assert_eq!(Segment::parse(&bytes[..19]), Err(Malformed::Truncated));
    }
}
