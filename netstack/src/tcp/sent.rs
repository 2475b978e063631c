//! What is in flight, sent and not acknowledged: a record for each segment, in order, without its bytes (those are in the tx
//! ring). It is both RFC 6675's scoreboard and the list of RFC 8985 §5.1.
//!
//! A record of several MSS is split where part of it is acknowledged or sent again. No search goes twice over what is settled: a
//! sacked record knows where the run of sacked records ends, and two positions say where the search for losses and for segments to
//! send again begins.

use super::rate::Departure;
use super::seq::Seq;
use crate::time::Instant;
use std::collections::VecDeque;

/// The most records. After that, what is sent joins the last one; only a program that sends single bytes into a large window gets
/// here.
const MAX_RECORDS: usize = 1 << 14;
/// Records at which SACK blocks split no more: a receiver that lies has no use of it, and 32 MiB in segments of 536 bytes have room.
const MAX_PIECES: usize = 1 << 16;
/// A queue of this many records keeps its memory when it is empty.
const KEPT_RECORDS: usize = 256;

bitflags::bitflags! {
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Marks: u8 {
        /// SACKed. The receiver may take that back (RFC 2018 §8).
        const SACKED = 1;
        /// Taken for lost.
        const LOST = 2;
        /// Sent again, and that copy is not taken for lost.
        const REPEATED = 4;
        /// Ever sent again: an acknowledgement may answer either copy (Karn).
        const EVER_REPEATED = 8;
    }
}

/// A segment, or several that left together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) start: Seq,
    /// The sequence number after its last; SYN and FIN count.
    pub(super) end: Seq,
    /// When it last left.
    pub(super) at: Instant,
    pub(super) departure: Departure,
    /// With SACKED: everything from here to this is.
    run_end: Seq,
    marks: Marks,
}

impl Sent {
    pub(super) fn len(&self) -> u32 {
        self.end - self.start
    }

    /// It is lost, and was not sent again since.
    fn waits(&self) -> bool {
        self.marks.intersection(Marks::LOST | Marks::REPEATED) == Marks::LOST
    }

    /// It was sent more than once.
    pub(super) fn ever_repeated(&self) -> bool {
        self.marks.contains(Marks::EVER_REPEATED)
    }
}

/// What RACK says of a segment (RFC 8985 §6.2 step 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Lost,
    /// Neither it nor what was sent after it.
    InTime,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct SentQueue {
    queue: VecDeque<Sent>,
    /// Repetitions by the time at which they left: whose they are, and that time. Some have been settled since.
    repetitions: VecDeque<(Seq, Seq, Instant)>,
    /// Bytes by marks.
    sacked: u32,
    lost: u32,
    repeated: u32,
    /// Bytes LOST and not REPEATED.
    waiting: u32,
    /// Nothing before it waits to be sent again.
    resend_from: Seq,
    /// Nothing before it is unmarked.
    detect_from: Seq,
}

impl SentQueue {
    /// Bytes that the receiver has out of order.
    pub(super) fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Bytes taken for lost, sent again or not.
    pub(super) fn lost(&self) -> u32 {
        self.lost
    }

    /// Bytes sent again whose repetition may still arrive.
    pub(super) fn repeated(&self) -> u32 {
        self.repeated
    }

    /// Something lost has not been sent again.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// RFC 6675 §4, `pipe`: bytes that may be in the network.
    pub(super) fn pipe(&self) -> u32 {
        let total = match (self.queue.front(), self.queue.back()) {
            (Some(first), Some(last)) => last.end - first.start,
            _ => 0,
        };
        (total + self.repeated).saturating_sub(self.sacked + self.lost)
    }

    /// The oldest segment.
    pub(super) fn first(&self) -> Option<&Sent> {
        self.queue.front()
    }

    /// The newest segment.
    pub(super) fn last(&self) -> Option<&Sent> {
        self.queue.back()
    }

    /// `start..end` left for the first time; `start` is where the last record ends.
    pub(super) fn push(&mut self, start: Seq, end: Seq, at: Instant, departure: Departure) {
        if self.queue.is_empty() {
            (self.resend_from, self.detect_from) = (start, start);
        } else if self.queue.len() >= MAX_RECORDS
            && let Some(last) = self.queue.back_mut()
            && last.marks.is_empty()
        {
            (last.end, last.at) = (end, at);
            return;
        }
        self.queue.push_back(Sent { start, end, at, departure, run_end: end, marks: Marks::empty() });
    }

    /// As [`push`](Self::push), of what may have left before, and elsewhere: its acknowledgement measures no round trip.
    pub(super) fn push_unmeasured(&mut self, start: Seq, end: Seq, at: Instant, departure: Departure) {
        self.push(start, end, at, departure);
        if let Some(last) = self.queue.back_mut() {
            last.marks |= Marks::EVER_REPEATED;
        }
    }

    /// Everything before `ack` is acknowledged. `each` sees every record of it, and how many of its bytes are news.
    pub(super) fn on_ack(&mut self, ack: Seq, mut each: impl FnMut(&Sent, u32)) {
        while let Some(first) = self.queue.front_mut() {
            if ack.at_or_before(first.start) {
                break;
            }
            let whole = ack.at_or_after(first.end);
            let part = Sent { end: if whole { first.end } else { ack }, ..*first };
            first.start = part.end;
            if whole {
                self.queue.pop_front();
            }
            self.uncount(&part);
            each(&part, if part.marks.contains(Marks::SACKED) { 0 } else { part.len() });
        }
        while self.repetitions.front().is_some_and(|&(_, end, _)| end.at_or_before(ack)) {
            self.repetitions.pop_front();
        }
        // They keep close behind, or after 2³¹ bytes they would be ahead on the circle.
        self.resend_from = self.resend_from.max(ack);
        self.detect_from = self.detect_from.max(ack);
        if self.queue.is_empty() && self.queue.capacity() > KEPT_RECORDS {
            *self = SentQueue::default();
        }
    }

    /// The receiver has `start..end`. Of a record that it has only in part, whole segments of `mss` bytes count, as on
    /// Linux: a lying receiver makes no more records than segments. `each` sees every record that is news.
    pub(super) fn on_sack(&mut self, start: Seq, end: Seq, mss: u32, mut each: impl FnMut(&Sent)) {
        let mut index = self.index_of(start);
        let mut run_begin = None;
        while let Some(record) = self.queue.get(index).copied() {
            if record.start.at_or_after(end) {
                break;
            }
            if record.marks.contains(Marks::SACKED) {
                run_begin.get_or_insert(record.start);
                index = self.index_of(record.run_end);
                continue;
            }
            // What of it is covered, in whole segments from its start.
            let first = if start.after(record.start) { (start - record.start).div_ceil(mss) * mss } else { 0 };
            let last = if end.before(record.end) { (end - record.start) / mss * mss } else { record.len() };
            let splits = first > 0 || last < record.len();
            if first >= last || splits && self.queue.len() >= MAX_PIECES {
                index += 1;
                continue;
            }
            self.split(index, record.start + last);
            if first > 0 {
                self.split(index, record.start + first);
                index += 1;
            }
            let news = self.queue[index];
            run_begin.get_or_insert(news.start);
            self.set(index, Marks::SACKED, Marks::LOST | Marks::REPEATED);
            self.queue[index].run_end = news.end;
            each(&news);
            index += 1;
        }
        if let Some(begin) = run_begin {
            self.extend_run(begin);
        }
    }

    /// The record at `begin` is sacked: it learns how far the run goes.
    fn extend_run(&mut self, begin: Seq) {
        let first = self.index_of(begin);
        let mut index = first;
        let mut end = begin;
        while let Some(record) = self.queue.get(index).filter(|record| record.marks.contains(Marks::SACKED)) {
            end = record.run_end;
            index = match self.queue.get(index + 1) {
                Some(next) if next.start == end => index + 1,
                _ => self.index_of(end),
            };
        }
        if let Some(record) = self.queue.get_mut(first) {
            record.run_end = end;
        }
    }

    /// The oldest part that is lost and was not sent again: at most `most` bytes of it.
    pub(super) fn next_waiting(&mut self, most: u32) -> Option<(Seq, Seq)> {
        if self.waiting == 0 {
            return None;
        }
        let mut index = self.index_of(self.resend_from);
        loop {
            let record = self.queue.get(index)?;
            self.resend_from = record.start;
            if record.waits() {
                break;
            }
            index += 1;
        }
        // Small ones go together.
        let start = self.resend_from;
        let run = self.queue.iter().skip(index).take_while(|record| record.waits() && record.start - start < most);
        let end = run.last()?.end;
        Some((start, start + (end - start).min(most)))
    }

    /// `start..end` was sent again.
    pub(super) fn repeat(&mut self, start: Seq, end: Seq, at: Instant, departure: Departure) {
        let mut index = self.index_of(start);
        if self.queue.get(index).is_some_and(|record| record.start.before(start)) {
            self.split(index, start);
            index += 1;
        }
        while self.queue.get(index).is_some_and(|record| record.start.before(end)) {
            self.split(index, end);
            self.set(index, Marks::REPEATED | Marks::EVER_REPEATED, Marks::empty());
            let record = &mut self.queue[index];
            (record.at, record.departure) = (at, departure);
            index += 1;
        }
        self.repetitions.push_back((start, end, at));
    }

    /// The first `mss` bytes are taken for lost. Returns how many that makes.
    pub(super) fn lose_first(&mut self, mss: u32) -> u32 {
        let Some(first) = self.queue.front().copied() else { return 0 };
        if first.marks.intersects(Marks::LOST | Marks::SACKED) {
            return 0;
        }
        self.split(0, first.start + mss);
        self.lose(0)
    }

    /// Asks `judge` about every segment that may be late, in the order of their departure, until it finds one in time.
    /// Returns how many bytes are newly lost.
    pub(super) fn detect(&mut self, mut judge: impl FnMut(&Sent) -> Verdict) -> u32 {
        let mut lost = 0;
        let mut index = self.index_of(self.detect_from);
        // What was sent once: its order is that of its numbers.
        while let Some(record) = self.queue.get(index) {
            if !record.marks.intersects(Marks::SACKED | Marks::LOST | Marks::REPEATED) {
                if judge(record) == Verdict::InTime {
                    break;
                }
                lost += self.lose(index);
            }
            self.detect_from = self.queue[index].end;
            index += 1;
        }
        while let Some(&(start, end, at)) = self.repetitions.front() {
            let mut index = self.index_of(start);
            while let Some(record) = self.queue.get(index).filter(|record| record.start.before(end)) {
                if record.at == at && record.marks.contains(Marks::REPEATED) {
                    if judge(record) == Verdict::InTime {
                        return lost;
                    }
                    lost += self.lose(index);
                }
                index += 1;
            }
            self.repetitions.pop_front();
        }
        lost
    }

    /// The retransmission timer expired: the oldest is lost, and so is whatever `judge` says is (RFC 8985 §6.3). If the
    /// oldest is sacked the receiver has taken that back, and no sack counts any more (RFC 6675 §5.1).
    pub(super) fn on_timeout(&mut self, mut judge: impl FnMut(&Sent) -> Verdict) {
        if self.queue.front().is_some_and(|first| first.marks.contains(Marks::SACKED)) {
            for index in 0..self.queue.len() {
                self.set(index, Marks::empty(), Marks::SACKED);
            }
        }
        for index in 0..self.queue.len() {
            let record = &self.queue[index];
            if !record.marks.contains(Marks::SACKED) && (index == 0 || judge(record) == Verdict::Lost) {
                self.lose(index);
            }
        }
        self.restart_walks();
    }

    /// Nothing is lost after all.
    pub(super) fn forgive(&mut self) {
        for index in 0..self.queue.len() {
            self.set(index, Marks::empty(), Marks::LOST);
        }
        self.restart_walks();
    }

    /// Segments longer than `mss` did not get through (RFC 1191 §6.5).
    pub(super) fn lose_longer_than(&mut self, mss: u32) {
        for index in 0..self.queue.len() {
            let record = &self.queue[index];
            if record.len() > mss && !record.marks.contains(Marks::SACKED) {
                self.lose(index);
            }
        }
        self.restart_walks();
    }

    fn restart_walks(&mut self) {
        if let Some(first) = self.queue.front() {
            (self.resend_from, self.detect_from) = (first.start, first.start);
        }
    }

    /// Takes a record for lost, or its repetition. Returns how many bytes that makes.
    fn lose(&mut self, index: usize) -> u32 {
        self.set(index, Marks::LOST, Marks::REPEATED);
        let record = &self.queue[index];
        if record.start.before(self.resend_from) {
            self.resend_from = record.start;
        }
        record.len()
    }

    /// The record that holds `seq`, or the first after it.
    fn index_of(&self, seq: Seq) -> usize {
        // Almost always it is the first.
        match self.queue.front() {
            Some(first) if seq.before(first.end) => 0,
            _ => self.queue.partition_point(|record| record.end.at_or_before(seq)),
        }
    }

    /// Splits a record at a number inside of it.
    fn split(&mut self, index: usize, at: Seq) {
        let Some(record) = self.queue.get_mut(index) else { return };
        if at.at_or_before(record.start) || at.at_or_after(record.end) {
            return;
        }
        let rest = Sent { start: at, ..*record };
        record.end = at;
        self.queue.insert(index + 1, rest);
    }

    fn set(&mut self, index: usize, add: Marks, remove: Marks) {
        let before = self.queue[index];
        self.uncount(&before);
        let record = &mut self.queue[index];
        record.marks = (record.marks - remove) | add;
        let (marks, len, waits) = (record.marks, record.len(), record.waits());
        self.sacked += if marks.contains(Marks::SACKED) { len } else { 0 };
        self.lost += if marks.contains(Marks::LOST) { len } else { 0 };
        self.repeated += if marks.contains(Marks::REPEATED) { len } else { 0 };
        self.waiting += if waits { len } else { 0 };
    }

    fn uncount(&mut self, record: &Sent) {
        let (marks, len) = (record.marks, record.len());
        if marks.is_empty() {
            return;
        }
        self.sacked -= if marks.contains(Marks::SACKED) { len } else { 0 };
        self.lost -= if marks.contains(Marks::LOST) { len } else { 0 };
        self.repeated -= if marks.contains(Marks::REPEATED) { len } else { 0 };
        self.waiting -= if record.waits() { len } else { 0 };
    }
}

#[cfg(test)]
mod tests;
