//! When to acknowledge (RFC 9293 §3.8.6.3, RFC 5681 §4.2), as Linux does: at once while a connection is young, later together
//! with the answer if the program answers, and at least every second full segment.

use super::seq::Seq;
use crate::time::{Duration, Instant};

/// How long an acknowledgement waits for data to travel with. RFC 9293 allows 500 ms; this is Linux's minimum.
pub(super) const DELAY: Duration = Duration::from_millis(40);
/// How long the acknowledgement of a FIN waits for ours.
pub(super) const FIN_DELAY: Duration = Duration::from_millis(2);
/// Segments acknowledged at once when a connection is new, or was silent for long.
const QUICK_ACKS: u8 = 16;
/// Duplicate acknowledgements owed at most; more tell the sender nothing.
const MAX_DUPLICATES: u8 = 16;
/// The segment size that a sender is taken to use until it has shown another (RFC 9293 §3.7.1).
pub(super) const FIRST_SEGMENT: u32 = 536;
/// Shorter segments say nothing about it (Linux's TCP_MIN_MSS).
const MIN_SEGMENT: u32 = 88;

/// Acknowledgements that one connection owes.
#[derive(Clone, Copy, Debug)]
pub(super) struct DelayedAck {
    /// One must go now.
    now: bool,
    /// One may wait; the timer runs.
    delayed: bool,
    /// It goes as soon as the program has read everything, if that is before the timer.
    until_drained: bool,
    /// Pure duplicates owed, one for each segment out of order (RFC 5681 §4.2).
    duplicates: u8,
    /// Segments that are still acknowledged at once.
    quick: u8,
    /// The program answers what it gets, so waiting pays.
    interactive: bool,
    /// What `TCP_QUICKACK` was set to.
    mode: Option<bool>,
    /// RCV.NXT in the last acknowledgement sent.
    acked: Seq,
    /// Estimate of the peer's full segment.
    segment: u32,
    /// Payload of the last segment.
    last_len: u32,
    /// When text last came.
    last_text: Option<Instant>,
}

/// Text that came in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextArrival {
    /// Bytes of the segment, or of one of those that a device joined.
    pub(super) len: u32,
    /// It had PSH.
    pub(super) pushed: bool,
    /// The program had read everything before it.
    pub(super) drained: bool,
    /// RCV.NXT, past it.
    pub(super) rcv_nxt: Seq,
    /// Silence longer than this starts afresh.
    pub(super) rto: Duration,
}

impl DelayedAck {
    /// `mss`: what both ends let a segment carry. Were the estimate larger, two full segments would not be two.
    pub(super) fn new(rcv_nxt: Seq, mss: u16) -> DelayedAck {
        DelayedAck {
            now: false,
            delayed: false,
            until_drained: false,
            duplicates: 0,
            quick: 0,
            interactive: false,
            mode: None,
            acked: rcv_nxt,
            segment: u32::from(mss).clamp(MIN_SEGMENT, FIRST_SEGMENT),
            last_len: 0,
            last_text: None,
        }
    }

    /// RCV.NXT in the last acknowledgement that left: Last.ACK.sent of RFC 7323.
    pub(super) fn last_sent(&self) -> Seq {
        self.acked
    }

    /// Somebody else has sent it.
    pub(super) fn set_last_sent(&mut self, rcv_nxt: Seq) {
        self.acked = rcv_nxt;
    }

    /// Estimate of the payload of the peer's full segments, in bytes.
    pub(super) fn segment(&self) -> u32 {
        self.segment
    }

    /// When text last came.
    pub(super) fn last_text(&self) -> Option<Instant> {
        self.last_text
    }

    /// A delayed acknowledgement must go once the program has read everything: the sender has pushed, and may hold its next small
    /// segment back until then (Nagle). Linux does so in `tcp_cleanup_rbuf`.
    pub(super) fn waits_for_drain(&self) -> bool {
        self.delayed && self.until_drained && !self.now
    }

    /// An acknowledgement must go now.
    pub(super) fn is_due(&self) -> bool {
        self.now || self.duplicates > 0
    }

    /// Duplicates must go before anything that carries text.
    pub(super) fn owes_duplicates(&self) -> bool {
        self.duplicates > 0
    }

    /// Duplicates that will go behind the next segment.
    pub(super) fn later_duplicates(&self) -> usize {
        usize::from(self.duplicates.saturating_sub(1))
    }

    /// An acknowledgement waits for its timer.
    pub(super) fn is_delayed(&self) -> bool {
        self.delayed
    }

    /// Acknowledge with the next segment, and let that be soon.
    pub(super) fn set_now(&mut self) {
        self.now = true;
    }

    /// The timer expired: the program does not answer after all.
    pub(super) fn on_timer(&mut self) {
        self.now = true;
        self.interactive = false;
    }

    /// Let the timer decide.
    pub(super) fn set_delayed(&mut self) {
        self.delayed = true;
    }

    /// A segment came out of order: a duplicate for each (RFC 5681 §4.2).
    pub(super) fn owe_duplicate(&mut self) {
        self.duplicates = (self.duplicates + 1).min(MAX_DUPLICATES);
    }

    /// `TCP_QUICKACK`.
    pub(super) fn set_mode(&mut self, mode: Option<bool>) {
        if self.mode != mode {
            self.mode = mode;
            self.interactive = mode == Some(false);
            self.now |= self.delayed && mode == Some(true);
        }
    }

    /// Text came in order.
    pub(super) fn on_text(&mut self, now: Instant, text: &TextArrival) {
        if self.last_text.is_none_or(|last| now.since(last) > text.rto) {
            self.quick = QUICK_ACKS;
        }
        self.last_text = Some(now);
        // Two segments of one length in a row that are not the ends of writes (Linux's tcp_measure_rcv_mss()).
        let least = if text.pushed { FIRST_SEGMENT } else { MIN_SEGMENT };
        if text.len > self.segment || (text.len == self.last_len && text.len >= least) {
            self.segment = text.len;
        }
        self.last_len = text.len;
        // RFC 5681 §4.2: every second full segment.
        let two_segments = text.rcv_nxt - self.acked > self.segment;
        let pushed = text.pushed && !self.interactive;
        let quick = self.mode == Some(true) || (self.quick > 0 && !self.interactive);
        if two_segments || quick || (pushed && text.drained) {
            self.now = true;
        } else {
            self.delayed = true;
            self.until_drained = pushed;
        }
    }

    /// Text of ours is sent: if it answers what has just come, the next acknowledgements may wait for the next answer.
    pub(super) fn on_answer(&mut self, now: Instant) {
        self.interactive |= self.last_text.is_some_and(|last| now.since(last) < DELAY);
    }

    /// A segment with this acknowledgement left; `pure` if it carried nothing else.
    pub(super) fn on_sent(&mut self, rcv_nxt: Seq, pure: bool) {
        self.now = false;
        self.delayed = false;
        if pure {
            self.duplicates = self.duplicates.saturating_sub(1);
        }
        if self.acked != rcv_nxt {
            self.quick = self.quick.saturating_sub(1);
        }
        self.acked = rcv_nxt;
    }
}
