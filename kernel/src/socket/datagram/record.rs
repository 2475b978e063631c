//! The records in a receive ring ([`netstack::datagram`]), a datagram each: header, IP options, payload.

use arena::Consumer;
use netstack::datagram::{HEADER_LEN, Header};

/// Bytes of a record before its payload.
pub(super) fn before(header: &Header) -> usize {
    HEADER_LEN + usize::from(header.options)
}

/// The options that the record at `at` has.
pub(super) fn options_at(rx: &Consumer, at: usize, header: &Header) -> Vec<u8> {
    let mut options = vec![0; header.options.into()];
    let there = if options.is_empty() { 0 } else { rx.peek_at(at + HEADER_LEN, &mut options) };
    options.truncate(there);
    options
}

/// The header that lies `at` bytes behind the oldest.
pub(super) fn header_at(rx: &Consumer, at: usize) -> Option<Header> {
    let mut bytes = [0; HEADER_LEN];
    (rx.peek_at(at, &mut bytes) == HEADER_LEN).then(|| Header::decode(&bytes)).flatten()
}

/// UDP_GRO: how many of the oldest datagrams are given as one: those of the first one's flow and length that fit whole into
/// `room` bytes, the last of which may be shorter.
pub(super) fn alike(rx: &Consumer, first: &Header, room: usize) -> usize {
    /// Linux's UDP_GRO_CNT_MAX.
    const MOST: usize = 64;
    /// Together they are no longer than one could be.
    const LONGEST: usize = 65507;
    let one = first.len as usize;
    let (mut count, mut len) = (1, one);
    // What has options stands alone.
    while one > 0 && first.options == 0 && count < MOST {
        let Some(next) = header_at(rx, count * (HEADER_LEN + one)) else { break };
        let same = Header { len: first.len, timestamp: first.timestamp, drops: first.drops, ..next } == *first;
        let next = next.len as usize;
        len += next;
        if !same || next == 0 || next > one || len > room.min(LONGEST) {
            break;
        }
        count += 1;
        if next < one {
            break;
        }
    }
    count
}
