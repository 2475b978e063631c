//! Segmentation in software, for links without [`LinkCaps::segment_offload`](crate::link::LinkCaps::segment_offload) and for
//! segments that have to wait. So TCP and routing do their work once for many segments.

use crate::tcp::seam::TcpSegmentOut;
use crate::wire::tcp::{Flags, MAX_HEADER_LEN};

/// Calls `each` with every piece. One piece if the segment is not to be cut.
pub(super) fn pieces(segment: &TcpSegmentOut<'_>, mut each: impl FnMut(&TcpSegmentOut<'_>)) {
    const SEQ: core::ops::Range<usize> = 4..8;
    const FLAGS: usize = 13;
    let total = segment.payload.0.len() + segment.payload.1.len();
    let size = match segment.segment_size {
        0 => return each(segment),
        size => usize::from(size),
    };
    let mut space = [0; MAX_HEADER_LEN];
    let header = &mut space[..segment.header.len()];
    header.copy_from_slice(segment.header);
    let seq = crate::wire::be32(header, SEQ.start);
    let flags = Flags::from_bits_retain(header[FLAGS]);
    for start in (0..total).step_by(size) {
        let end = (start + size).min(total);
        header[SEQ].copy_from_slice(&seq.wrapping_add(start as u32).to_be_bytes());
        header[FLAGS] = flags.of_piece(start == 0, end == total).bits();
        let (a, b) = segment.payload;
        let payload = (within(a, 0, start, end), within(b, a.len(), start, end));
        let tag = segment.tag.filter(|_| end == total);
        each(&TcpSegmentOut { header, payload, segment_size: 0, tag, ..*segment });
    }
}

/// What of `part`, which begins at `at`, lies between `start` and `end`.
fn within(part: &[u8], at: usize, start: usize, end: usize) -> &[u8] {
    let cut = |position: usize| position.saturating_sub(at).min(part.len());
    &part[cut(start)..cut(end)]
}

#[cfg(test)]
mod tests;
