//! RACK (RFC 8985 §6): a segment is lost when one that left sufficiently later has arrived. How much later is what the
//! reordering window says, and that learns from what turned out not to be lost.

use super::sent::{Sent, Verdict};
use super::seq::Seq;
use crate::time::{Duration, Instant};

/// Recoveries without a D-SACK after which the window is small again (RFC 8985 §6.2 step 4).
const PERSIST: u8 = 16;

/// The state of RFC 8985 §5.2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rack {
    /// When the latest-sent segment left that was delivered, and where it ends: RACK.xmit_ts, RACK.end_seq.
    latest: Option<(Instant, Seq)>,
    /// RACK.rtt.
    rtt: Duration,
    /// The end of the highest segment that was delivered: RACK.fack.
    highest: Seq,
    /// RACK.reordering_seen.
    reordering_seen: bool,
    /// The largest distance, in bytes, at which something arrived late that was not repeated.
    distance: u32,
    /// RACK.reo_wnd_mult, in quarters of the smallest round trip.
    quarters: u8,
    /// RACK.reo_wnd_persist.
    persist: u8,
    /// RACK.dsack_round: one widening a round trip.
    dsack_round: Option<Seq>,
    /// RACK.reo_wnd as of the last acknowledgement.
    window: Duration,
}

/// What an acknowledgement adds to the reordering window's case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) una: Seq,
    pub(super) nxt: Seq,
    /// It reports a duplicate.
    pub(super) dsack: bool,
    /// Losses are being recovered from, or enough is sacked for three duplicates: no time to lose.
    pub(super) urgent: bool,
    pub(super) min_rtt: Duration,
    pub(super) srtt: Duration,
}

impl Rack {
    pub(super) fn new(iss: Seq) -> Rack {
        Rack {
            latest: None,
            rtt: Duration::ZERO,
            highest: iss,
            reordering_seen: false,
            distance: 0,
            quarters: 1,
            persist: PERSIST,
            dsack_round: None,
            window: Duration::ZERO,
        }
    }

    /// The path has been seen to reorder.
    pub(super) fn reordering_seen(&self) -> bool {
        self.reordering_seen
    }

    /// The largest distance, in bytes, at which something arrived late.
    pub(super) fn distance(&self) -> u32 {
        self.distance
    }

    /// A segment is delivered (§6.2 steps 2 and 3). `echo_is_older`: the acknowledgement echoes a timestamp from before
    /// the segment's last departure.
    pub(super) fn on_delivered(&mut self, now: Instant, sent: &Sent, min_rtt: Duration, echo_is_older: bool) {
        let rtt = now.since(sent.at);
        if sent.end.after(self.highest) {
            self.highest = sent.end;
        } else if sent.end.before(self.highest) && !sent.ever_repeated() {
            self.reordering_seen = true;
            self.distance = self.distance.max(self.highest - sent.start);
        }
        // The answer is to an earlier copy.
        if sent.ever_repeated() && (echo_is_older || rtt < min_rtt) {
            return;
        }
        self.rtt = rtt;
        if self.latest.is_none_or(|latest| is_later((sent.at, sent.end), latest)) {
            self.latest = Some((sent.at, sent.end));
        }
    }

    /// The number stays close behind SND.UNA, or after 2³¹ bytes it would be ahead on the circle.
    pub(super) fn keep_up(&mut self, una: Seq) {
        self.highest = self.highest.max(una);
    }

    /// §6.2 step 4.
    pub(super) fn update_window(&mut self, round: &Round) {
        if self.dsack_round.is_some_and(|end| round.una.at_or_after(end)) {
            self.dsack_round = None;
        }
        if round.dsack && self.dsack_round.is_none() {
            self.dsack_round = Some(round.nxt);
            self.quarters = self.quarters.saturating_add(1);
            self.persist = PERSIST;
        }
        self.window = if !self.reordering_seen && round.urgent {
            Duration::ZERO
        } else {
            (round.min_rtt * u32::from(self.quarters) / 4).min(round.srtt)
        };
    }

    /// A recovery is over (§6.2 step 4, RACK.reo_wnd_persist).
    pub(super) fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.quarters = 1;
            self.persist = PERSIST;
        }
    }

    /// §6.2 step 5, for one segment: lost, or how long it has still.
    pub(super) fn judge(&self, now: Instant, sent: &Sent) -> Result<Verdict, Duration> {
        let Some(latest) = self.latest.filter(|&latest| is_later(latest, (sent.at, sent.end))) else {
            return Ok(Verdict::InTime);
        };
        debug_assert!(latest.0 >= sent.at);
        let due = sent.at + self.rtt + self.window;
        if due <= now { Ok(Verdict::Lost) } else { Err(due.since(now)) }
    }

    /// §6.3: late enough to be lost when the retransmission timer expires.
    pub(super) fn is_late(&self, now: Instant, sent: &Sent) -> bool {
        sent.at + self.rtt + self.window <= now
    }
}

/// RACK_sent_after of §6.2.
fn is_later(a: (Instant, Seq), b: (Instant, Seq)) -> bool {
    a.0 > b.0 || a.0 == b.0 && a.1.after(b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The reordering window after an acknowledgement, with a smallest round trip of 40 ms.
    fn window(rack: &mut Rack, una: u32, dsack: bool) -> Duration {
        let (una, nxt) = (Seq(una), Seq(una) + 1000);
        rack.update_window(&Round { una, nxt, dsack, urgent: false, min_rtt: 40 * MS, srtt: 75 * MS });
        rack.window
    }

    #[test]
    fn duplicates_widen_the_window_once_a_round_and_up_to_the_round_trip() {
        let mut rack = Rack::new(Seq(0));
        assert_eq!(window(&mut rack, 0, false), 10 * MS);
        assert_eq!(window(&mut rack, 0, true), 20 * MS);
        assert_eq!(window(&mut rack, 500, true), 20 * MS, "the same round");
        for round in 1..6 {
            assert_eq!(window(&mut rack, round * 1000, true), (20 + 10 * round) * MS);
        }
        assert_eq!(window(&mut rack, 6000, true), 75 * MS, "not longer than SRTT");
    }

    #[test]
    fn sixteen_recoveries_without_duplicates_make_it_small_again() {
        let mut rack = Rack::new(Seq(0));
        window(&mut rack, 0, true);
        for _ in 0..15 {
            rack.on_recovered();
        }
        assert_eq!(window(&mut rack, 2000, false), 20 * MS);
        rack.on_recovered();
        assert_eq!(window(&mut rack, 2000, false), 10 * MS);
    }
}
