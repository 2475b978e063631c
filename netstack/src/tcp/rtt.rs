//! Round trip time and retransmission timeout (RFC 6298).

use super::seq::Seq;
use super::windowed_min::WindowedMin;
use crate::time::{Duration, Instant};

/// The timeout before the first measurement (RFC 6298 §2.1).
const INITIAL_RTO: Duration = Duration::from_secs(1);
/// The floor is Linux's, not the whole second of RFC 6298 §2.4. As there, it is a floor of the variation: the timeout is that
/// much above the round trip, or a path of 200 ms whose round trips hardly vary would time out at the first that does.
const MIN_RTO: Duration = Duration::from_millis(200);
/// RFC 6298 §2.5 lets the ceiling be 60 s or more; this is Linux's.
const MAX_RTO: Duration = Duration::from_secs(120);
/// The timeout after a SYN that timed out too (RFC 6298 §5.7).
const FALLBACK_RTO: Duration = Duration::from_secs(3);

/// SRTT, RTTVAR and RTO of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct RttEstimator {
    smoothed: Option<Duration>,
    /// RTTVAR, as RFC 6298 has it.
    deviation: Duration,
    /// What the timeout adds to SRTT: four times the largest deviation of a round trip, not less than [`MIN_RTO`]. There are
    /// many measurements a round trip, whose mean would forget the largest too soon (RFC 7323 appendix G).
    margin: Duration,
    /// The same for the round that is under way, and where that ends.
    round_margin: Duration,
    round_end: Seq,
    /// The timeout without back-off. Kept, since every segment asks for it.
    base: Duration,
    smallest: WindowedMin,
    /// Timeouts in a row: the RTO is doubled by each (RFC 6298 §5.5).
    backoff: u8,
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

    pub(super) fn is_unmeasured(&self) -> bool {
        self.smoothed.is_none()
    }

    pub(super) fn smoothed(&self) -> Duration {
        self.smoothed.unwrap_or_default()
    }

    pub(super) fn variation(&self) -> Duration {
        self.deviation
    }

    /// Smallest round trip of late, if one was measured.
    pub(super) fn sampled(&self) -> Option<Duration> {
        self.smallest.get()
    }

    pub(super) fn smallest(&self) -> Duration {
        self.smallest.get().unwrap_or_default()
    }

    pub(super) fn backoff(&self) -> u8 {
        self.backoff
    }

    /// RFC 6298 §5.5.
    pub(super) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// The next timeout is as long as one without back-off.
    pub(super) fn stay(&mut self) {
        self.backoff = 0;
    }

    /// The SYN timed out, and nothing was measured since (RFC 6298 §5.7). Its back-off ends with the handshake.
    pub(super) fn fall_back(&mut self) {
        if self.smoothed.is_none() {
            self.base = FALLBACK_RTO;
            self.backoff = 0;
        }
    }

    /// A round trip that may be the smallest, though not one for the average.
    pub(super) fn observe(&mut self, now: Instant, rtt: Duration) {
        self.smallest.observe(now, rtt);
    }

    /// RFC 6298 §2.2 and §2.3. A measurement also ends the back-off (§5.7, Karn): it is never of a segment sent twice, unless
    /// a timestamp tells the copies apart. `una` and `nxt` bound the rounds.
    pub(super) fn measured(&mut self, now: Instant, rtt: Duration, una: Seq, nxt: Seq) {
        self.backoff = 0;
        self.observe(now, rtt);
        match self.smoothed {
            None => {
                self.smoothed = Some(rtt);
                self.deviation = rtt / 2;
                self.margin = (rtt * 2).max(MIN_RTO);
                (self.round_margin, self.round_end) = (self.margin, nxt);
            }
            Some(srtt) => {
                let off = srtt.abs_diff(rtt);
                // As Linux: a round trip that is shorter by more than usual is no reason to wait longer.
                let weight = if rtt < srtt && off > self.deviation { 32 } else { 4 };
                self.deviation = self.deviation - self.deviation / weight + off / weight;
                self.smoothed = Some((srtt * 7 + rtt) / 8);
                self.round_margin = self.round_margin.max(self.deviation * 4);
                self.margin = self.margin.max(self.round_margin);
            }
        }
        if una.after(self.round_end) {
            if self.round_margin < self.margin {
                self.margin -= (self.margin - self.round_margin) / 4;
            }
            (self.round_margin, self.round_end) = (MIN_RTO, nxt);
        }
        self.base = (self.smoothed() + self.margin).min(MAX_RTO);
    }
}

impl Default for RttEstimator {
    /// RFC 6298 §2.1.
    fn default() -> RttEstimator {
        RttEstimator {
            smoothed: None,
            deviation: Duration::ZERO,
            margin: MIN_RTO,
            round_margin: MIN_RTO,
            round_end: Seq(0),
            base: INITIAL_RTO,
            smallest: WindowedMin::default(),
            backoff: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_measurement_sets_the_estimate() {
        let mut rtt = RttEstimator::default();
        assert_eq!(rtt.rto(), INITIAL_RTO);
        rtt.measured(Instant::default(), ms(300), Seq(0), Seq(10));
        assert_eq!(rtt.smoothed(), ms(300));
        assert_eq!(rtt.rto(), ms(900));
    }

    #[test]
    fn the_timeout_stays_above_the_round_trip_by_linux_s_minimum() {
        let mut rtt = RttEstimator::default();
        for i in 0..200 {
            rtt.measured(Instant::default(), ms(100), Seq(i * 10), Seq(i * 10 + 9));
        }
        assert_eq!(rtt.rto(), ms(300));
        // One that is late raises it at once, and the next round does not forget it.
        rtt.measured(Instant::default(), ms(500), Seq(2000), Seq(2009));
        assert!(rtt.rto() > ms(500));
        rtt.measured(Instant::default(), ms(100), Seq(2010), Seq(2019));
        assert!(rtt.rto() > ms(450));
    }

    #[test]
    fn timeouts_double_until_a_measurement() {
        let mut rtt = RttEstimator::default();
        rtt.measured(Instant::default(), ms(1), Seq(0), Seq(1));
        assert_eq!(rtt.rto(), MIN_RTO + ms(1));
        rtt.back_off();
        rtt.back_off();
        assert_eq!(rtt.rto(), (MIN_RTO + ms(1)) * 4);
        rtt.measured(Instant::default(), ms(1), Seq(1), Seq(2));
        assert_eq!(rtt.rto(), MIN_RTO + ms(1));
    }
}
