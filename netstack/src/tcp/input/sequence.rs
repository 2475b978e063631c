//! First, check the sequence number (RFC 9293 §3.10.7.4), and before it the timestamp (RFC 7323 §5).

use super::Discard;
use crate::tcp::tcb::Tcb;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};

/// A TS.Recent older than this says nothing (RFC 7323 §5.5).
const PAWS_IDLE_LIMIT: u32 = 24 * 24 * 3600 * 1000;

impl Tcb {
    pub(super) fn check_sequence(&mut self, now: Instant, segment: &Segment<'_>) -> Result<(), Discard> {
        let header = &segment.header;
        let reset = header.has(Flags::RST);
        // RFC 7323 §5.3 R1. A segment without the option passes, as on Linux, though §3.2 would drop it.
        if let (Some(ours), Some(theirs)) = (self.durable.timestamps, header.options.timestamps)
            && !reset
            && is_old(theirs.value, ours.recent)
            && now.millis().wrapping_sub(ours.recent_age) < PAWS_IDLE_LIMIT
        {
            return Err(self.unacceptable(segment));
        }
        if !self.is_acceptable(segment) {
            return Err(if reset { Discard::Silently } else { self.unacceptable(segment) });
        }
        // RFC 7323 §4.3 (2).
        if let (Some(ours), Some(theirs)) = (&mut self.durable.timestamps, header.options.timestamps)
            && !reset
            && !is_old(theirs.value, ours.recent)
            && header.seq.at_or_before(self.ack.last_sent())
        {
            ours.recent = theirs.value;
            ours.recent_age = now.millis();
        }
        Ok(())
    }

    /// RFC 9293 §3.4's table, with two allowances that every stack makes: a segment that ends where our last
    /// acknowledgement stood is let in for its ACK field (reordering), and so is one that begins at the right edge, zero
    /// window or not (MUST-66; its sender may have filled the window, and we may wait for its ACK).
    fn is_acceptable(&self, segment: &Segment<'_>) -> bool {
        let right = self.durable.rcv_nxt + self.receive_window();
        segment.end().at_or_after(self.ack.last_sent()) && segment.header.seq.at_or_before(right)
    }

    /// RFC 9293 §3.10.7.4: an unacceptable segment is answered by an ACK. If it carries text it is no such answer itself; a SYN
    /// is asked about seldom, whatever comes with it (RFC 5961 §4.2, §7).
    fn unacceptable(&mut self, segment: &Segment<'_>) -> Discard {
        if segment.header.has(Flags::SYN) || segment.payload.is_empty() && !segment.header.has(Flags::FIN) {
            return Discard::WithChallenge;
        }
        if segment.header.seq.before(self.durable.rcv_nxt) {
            self.report_duplicate(segment.header.seq, segment.end());
        }
        Discard::WithAck
    }
}

/// Whether a timestamp is older than TS.Recent. As on Linux, a TS.Recent of 0 says nothing: there was none yet, or the peer's SYN had
/// no time in it.
pub(in crate::tcp) fn is_old(value: u32, recent: u32) -> bool {
    recent != 0 && is_older(value, recent)
}

/// RFC 7323 §5.2: `a` before `b` on the timestamps' circle.
pub(super) fn is_older(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}
