//! What has come out of order. The bytes are already in their place in the rx ring; this remembers which they are.

use super::seq::Seq;
use core::ops::Range;

/// Separate ranges that are remembered: a loss of a tenth in a window of 10,000 segments. A segment that would need one
/// more is dropped; the peer sends it again.
const MAX_RANGES: usize = 1024;
/// A list of this many ranges keeps its memory when it is empty.
const KEPT_RANGES: usize = 32;

/// Ranges beyond RCV.NXT, in order, neither touching nor overlapping, and where the peer's FIN stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Reassembly {
    ranges: Vec<Range<Seq>>,
    fin: Option<Seq>,
}

impl Reassembly {
    /// True when nothing waits for a gap to be filled.
    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// All ranges, in order.
    pub(super) fn ranges(&self) -> &[Range<Seq>] {
        &self.ranges
    }

    /// The range that holds `at`.
    pub(super) fn range_at(&self, at: Seq) -> Option<&Range<Seq>> {
        let index = self.ranges.partition_point(|range| range.end.at_or_before(at));
        self.ranges.get(index).filter(|range| range.start.at_or_before(at))
    }

    /// The first part of `start..end` that has come already.
    pub(super) fn overlap(&self, start: Seq, end: Seq) -> Option<Range<Seq>> {
        let index = self.ranges.partition_point(|range| range.end.at_or_before(start));
        let range = self.ranges.get(index).filter(|range| range.start.before(end))?;
        let end = if range.end.before(end) { range.end } else { end };
        Some(range.start.max(start)..end)
    }

    /// The sequence number of the peer's FIN, if it has come.
    pub(super) fn fin(&self) -> Option<Seq> {
        self.fin
    }

    /// The peer's FIN stands at `at`. In order it ends the stream; of those that must wait the first counts.
    pub(super) fn set_fin(&mut self, at: Seq, rcv_nxt: Seq) {
        if at == rcv_nxt {
            self.fin = Some(at);
        }
        self.fin.get_or_insert(at);
    }

    /// The FIN that waits is none.
    pub(super) fn forget_fin(&mut self) {
        self.fin = None;
    }

    /// Remembers that `start..end` is in the ring. False if there is no place to remember it.
    pub(super) fn insert(&mut self, start: Seq, end: Seq) -> bool {
        if !start.before(end) {
            return true;
        }
        let first = self.ranges.partition_point(|range| range.end.before(start));
        let last = first + self.ranges[first..].partition_point(|range| range.start.at_or_before(end));
        if first == last {
            if self.ranges.len() == MAX_RANGES {
                return false;
            }
            self.ranges.insert(first, start..end);
            return true;
        }
        let merged = Range {
            start: if start.before(self.ranges[first].start) { start } else { self.ranges[first].start },
            end: end.max(self.ranges[last - 1].end),
        };
        self.ranges[first] = merged;
        self.ranges.drain(first + 1..last);
        true
    }

    /// Everything before `to` has come in order: forgets what this covers, and returns where the data that is now in
    /// order ends.
    pub(super) fn advance(&mut self, to: Seq) -> Seq {
        let covered = self.ranges.partition_point(|range| range.start.at_or_before(to));
        let end = self.ranges.drain(..covered).map(|range| range.end).fold(to, Seq::max);
        if self.ranges.is_empty() && self.ranges.capacity() > KEPT_RANGES {
            self.ranges = Vec::new();
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(reassembly: &Reassembly) -> Vec<(u32, u32)> {
        reassembly.ranges.iter().map(|range| (range.start.0, range.end.0)).collect()
    }

    #[test]
    fn ranges_merge_where_they_touch() {
        let mut r = Reassembly::default();
        for (start, end) in [(10, 20), (30, 40), (50, 60)] {
            assert!(r.insert(Seq(start), Seq(end)));
        }
        r.insert(Seq(20), Seq(30));
        assert_eq!(list(&r), [(10, 40), (50, 60)]);
        r.insert(Seq(5), Seq(70));
        assert_eq!(list(&r), [(5, 70)]);
        r.insert(Seq(6), Seq(7));
        assert_eq!(list(&r), [(5, 70)]);
    }

    #[test]
    fn filling_the_gap_gives_all_that_follows_it() {
        let mut r = Reassembly::default();
        r.insert(Seq(10), Seq(20));
        r.insert(Seq(30), Seq(40));
        assert_eq!(r.advance(Seq(5)), Seq(5));
        assert_eq!(r.advance(Seq(10)), Seq(20));
        assert_eq!(r.advance(Seq(35)), Seq(40));
        assert!(r.is_empty());
    }

    #[test]
    fn ranges_keep_their_order_across_the_wrap() {
        let mut r = Reassembly::default();
        r.insert(Seq(5), Seq(10));
        r.insert(Seq(u32::MAX - 5), Seq(u32::MAX));
        r.insert(Seq(u32::MAX), Seq(2));
        assert_eq!(list(&r), [(u32::MAX - 5, 2), (5, 10)]);
        assert_eq!(r.advance(Seq(u32::MAX - 5)), Seq(2));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut r = Reassembly::default();
        for i in 0..MAX_RANGES as u32 {
            assert!(r.insert(Seq(i * 10), Seq(i * 10 + 1)));
        }
        assert!(!r.insert(Seq(5), Seq(6)));
        assert!(r.insert(Seq(1), Seq(2)), "one that only grows a range still fits");
    }
}
