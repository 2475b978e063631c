//! Round trip time and retransmission timeout (RFC 6298).

use super::seq::Seq;
use crate::time::{Duration, Instant};

/// The timeout before the first measurement (RFC 6298 §2.1).
const INITIAL_RTO: Duration = Duration::from_secs(1);
/// The floor is Linux's, not the whole second of RFC 6298 §2.4: it must stay above the peer's delayed ACK.
const MIN_RTO: Duration = Duration::from_millis(200);
/// RFC 6298 §2.5 lets the ceiling be 60 s or more; this is Linux's.
const MAX_RTO: Duration = Duration::from_secs(120);
/// Clock granularity G.
const GRANULARITY: Duration = Duration::from_millis(1);

/// SRTT, RTTVAR and RTO of one connection, and the one segment being timed.
#[derive(Clone, Copy, Debug)]
pub(super) struct RttEstimator {
    smoothed: Option<Duration>,
    variation: Duration,
    /// The timeout without back-off. Kept, since every segment asks for it.
    base: Duration,
    smallest: Option<Duration>,
    /// Timeouts in a row: the RTO is doubled by each (RFC 6298 §5.5).
    backoff: u8,
    /// An acknowledgement of this number, sent at this time, gives a measurement. Never a segment sent twice (Karn).
    timing: Option<(Seq, Instant)>,
}

impl RttEstimator {
    /// The time to wait for an acknowledgement.
    pub(super) fn rto(&self) -> Duration {
        match self.backoff {
            0 => self.base,
            backoff => self.base.saturating_mul(1 << backoff.min(16)).min(MAX_RTO),
        }
    }

    /// The timeout without back-off.
    pub(super) fn base(&self) -> Duration {
        self.base
    }

    pub(super) fn smoothed(&self) -> Duration {
        self.smoothed.unwrap_or_default()
    }

    pub(super) fn variation(&self) -> Duration {
        self.variation
    }

    /// Smallest round trip, if one was measured.
    pub(super) fn sampled(&self) -> Option<Duration> {
        self.smallest
    }

    pub(super) fn smallest(&self) -> Duration {
        self.smallest.unwrap_or_default()
    }

    pub(super) fn backoff(&self) -> u8 {
        self.backoff
    }

    /// New sequence numbers up to `end` were sent: time them if nothing is being timed.
    pub(super) fn sent(&mut self, end: Seq, now: Instant) {
        self.timing.get_or_insert((end, now));
    }

    /// Something was sent again, so an acknowledgement no longer tells which copy it answers (RFC 6298 §3, Karn).
    pub(super) fn retransmitted(&mut self) {
        self.timing = None;
    }

    /// `ack` acknowledges something new. `echoed` is the age of the timestamp that it echoes, if it does: that one is
    /// valid for repeated segments too (RFC 6298 §3), but counts whole milliseconds.
    pub(super) fn acked(&mut self, ack: Seq, now: Instant, echoed: Option<Duration>) {
        match self.timing {
            Some((end, sent)) if end.at_or_before(ack) => {
                self.timing = None;
                self.measured(now.since(sent));
            }
            None if self.backoff > 0 => {
                if let Some(age) = echoed {
                    self.measured(age);
                }
            }
            _ => {}
        }
    }

    /// RFC 6298 §5.5.
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
        self.timing = None;
    }

    /// RFC 6298 §2.2 and §2.3. A measurement also ends the back-off (§5.7, Karn).
    fn measured(&mut self, rtt: Duration) {
        self.backoff = 0;
        self.smallest = Some(self.smallest.map_or(rtt, |smallest| smallest.min(rtt)));
        let (srtt, variation) = match self.smoothed {
            None => (rtt, rtt / 2),
            Some(srtt) => ((srtt * 7 + rtt) / 8, (self.variation * 3 + srtt.abs_diff(rtt)) / 4),
        };
        self.smoothed = Some(srtt);
        self.variation = variation;
        self.base = (srtt + (variation * 4).max(GRANULARITY)).clamp(MIN_RTO, MAX_RTO);
    }
}

impl Default for RttEstimator {
    /// RFC 6298 §2.1.
    fn default() -> RttEstimator {
        let (smoothed, smallest, timing) = (None, None, None);
        RttEstimator { smoothed, variation: Duration::ZERO, base: INITIAL_RTO, smallest, backoff: 0, timing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn the_first_measurement_sets_the_estimate() {
        let mut rtt = RttEstimator::default();
        assert_eq!(rtt.rto(), INITIAL_RTO);
        rtt.sent(Seq(10), at(0));
        rtt.acked(Seq(10), at(300), None);
        assert_eq!(rtt.smoothed(), Duration::from_millis(300));
        assert_eq!(rtt.rto(), Duration::from_millis(900));
    }

    #[test]
    fn only_one_segment_is_timed_and_never_one_sent_twice() {
        let mut rtt = RttEstimator::default();
        rtt.sent(Seq(10), at(0));
        rtt.sent(Seq(20), at(50));
        rtt.acked(Seq(5), at(80), None);
        assert_eq!(rtt.smoothed(), Duration::ZERO);
        rtt.retransmitted();
        rtt.acked(Seq(20), at(90), None);
        assert_eq!(rtt.smoothed(), Duration::ZERO);
    }

    #[test]
    fn timeouts_double_until_a_measurement() {
        let mut rtt = RttEstimator::default();
        rtt.sent(Seq(1), at(0));
        rtt.acked(Seq(1), at(1), None);
        assert_eq!(rtt.rto(), MIN_RTO);
        rtt.back_off();
        rtt.back_off();
        assert_eq!(rtt.rto(), MIN_RTO * 4);
        rtt.acked(Seq(2), at(5), None);
        assert_eq!(rtt.rto(), MIN_RTO * 4, "an acknowledgement of a repeated segment measures nothing");
        rtt.acked(Seq(3), at(6), Some(Duration::from_millis(1)));
        assert_eq!(rtt.rto(), MIN_RTO);
    }
}
