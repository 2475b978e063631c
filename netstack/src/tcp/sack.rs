//! What to tell a sender of that has come out of order, or twice: SACK blocks (RFC 2018 §4) and D-SACK (RFC 2883). Where
//! the ranges are is [`reassembly`](super::reassembly)'s business; this remembers in which order they changed.

use super::reassembly::Reassembly;
use super::seq::Seq;
use crate::wire::tcp::{MAX_SACK_BLOCKS, SackBlocks};
use core::ops::Range;

/// Arrivals that are remembered: as many as there can be duplicate acknowledgements waiting to tell of them.
const MAX_RECENT: usize = 16;

/// The receiver's side of SACK. Nothing is allocated before something comes out of order.
#[derive(Clone, Debug, Default)]
pub(super) struct SackReport {
    /// A number inside of the range of each of the last segments out of order, newest first.
    recent: Vec<Seq>,
    /// What came a second time (RFC 2883 §4); it is told once.
    duplicate: Option<Range<Seq>>,
}

impl SackReport {
    /// A segment from `start` has come out of order.
    pub(super) fn on_out_of_order(&mut self, start: Seq) {
        self.recent.truncate(MAX_RECENT - 1);
        self.recent.insert(0, start);
    }

    /// `range` has come again. Only the newest is told.
    pub(super) fn on_duplicate(&mut self, range: Range<Seq>) {
        if range.start.before(range.end) {
            self.duplicate = Some(range);
        }
    }

    /// Everything up to RCV.NXT is in order.
    pub(super) fn on_in_order(&mut self, rcv_nxt: Seq) {
        self.recent.retain(|at| at.at_or_after(rcv_nxt));
    }

    /// True if an acknowledgement has something to tell.
    pub(super) fn is_due(&self, reassembly: &Reassembly) -> bool {
        self.duplicate.is_some() || !reassembly.is_empty()
    }

    /// The blocks for an acknowledgement that leaves now. `later`: duplicate acknowledgements that will follow it at once;
    /// each tells of one arrival, oldest first, as if it had left when that came.
    pub(super) fn blocks(&self, reassembly: &Reassembly, later: usize) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        if let Some(duplicate) = &self.duplicate {
            blocks.push(duplicate.start, duplicate.end);
            // RFC 2883 §4.2: then the range that holds it, if it is above RCV.NXT.
            if let Some(range) = reassembly.range_at(duplicate.start) {
                blocks.push(range.start, range.end);
            }
        }
        // RFC 2018 §4: the newest first, then as many of the others as fit, newest first, none twice.
        let skip = later.min(self.recent.len().saturating_sub(1));
        let recent = self.recent[skip..].iter().filter_map(|&at| reassembly.range_at(at));
        for range in recent.chain(reassembly.ranges().iter().rev()) {
            if blocks.as_slice().len() == MAX_SACK_BLOCKS {
                break;
            }
            let told = blocks.as_slice().iter().skip(usize::from(self.duplicate.is_some()));
            if !told.into_iter().any(|&(start, _)| start == range.start) {
                blocks.push(range.start, range.end);
            }
        }
        blocks
    }

    /// An acknowledgement with the blocks has left.
    pub(super) fn on_sent(&mut self) {
        self.duplicate = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(report: &SackReport, reassembly: &Reassembly, later: usize) -> Vec<(u32, u32)> {
        report.blocks(reassembly, later).as_slice().iter().map(|(start, end)| (start.0, end.0)).collect()
    }

    fn arrivals(starts: &[u32]) -> (SackReport, Reassembly) {
        let (mut report, mut reassembly) = (SackReport::default(), Reassembly::default());
        for &start in starts {
            assert!(reassembly.insert(Seq(start), Seq(start + 10)));
            report.on_out_of_order(Seq(start));
        }
        (report, reassembly)
    }

    #[test]
    fn the_newest_block_comes_first() {
        let (report, reassembly) = arrivals(&[20, 60, 40, 100, 80]);
        assert_eq!(told(&report, &reassembly, 0), [(80, 90), (100, 110), (40, 50), (60, 70)]);
        // The acknowledgement for the third arrival, of which two more wait.
        assert_eq!(told(&report, &reassembly, 2), [(40, 50), (60, 70), (20, 30), (100, 110)]);
    }

    #[test]
    fn ranges_that_merged_are_told_once() {
        let (report, reassembly) = arrivals(&[20, 60, 30]);
        assert_eq!(told(&report, &reassembly, 0), [(20, 40), (60, 70)]);
    }

    #[test]
    fn a_duplicate_is_told_first_and_once() {
        let (mut report, reassembly) = arrivals(&[20, 60]);
        report.on_duplicate(Seq(22)..Seq(25));
        assert_eq!(told(&report, &reassembly, 0), [(22, 25), (20, 30), (60, 70)]);
        report.on_sent();
        report.on_duplicate(Seq(3)..Seq(5));
        assert_eq!(told(&report, &reassembly, 0), [(3, 5), (60, 70), (20, 30)]);
        report.on_sent();
        assert_eq!(told(&report, &reassembly, 0), [(60, 70), (20, 30)]);
    }
}
