//! How fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation, as in Linux's `tcp_rate.c`): each segment
//! remembers what had been delivered when it left, and its acknowledgement gives a sample over its own flight.

use crate::time::{Duration, Instant};

/// What a segment remembers of the moment at which it left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Departure {
    /// Bytes delivered by then.
    delivered: u64,
    /// When the last of them were.
    delivered_at: Instant,
    /// When the first segment of the flight left that it belongs to.
    flight_began: Instant,
    /// The program, not the network, held the sender back.
    app_limited: bool,
}

/// One measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RateSample {
    /// Bytes delivered in `interval`.
    pub(super) delivered: u64,
    pub(super) interval: Duration,
    /// The program held the sender back in that time: the path may be faster.
    pub(super) app_limited: bool,
}

impl RateSample {
    /// Bytes a second.
    pub(super) fn rate(&self) -> u64 {
        let nanos = self.interval.as_nanos().max(1);
        u64::try_from(u128::from(self.delivered) * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
    }
}

/// The estimator of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateEstimator {
    delivered: u64,
    delivered_at: Instant,
    flight_began: Instant,
    /// Samples of what is sent before this much is delivered are limited by the program; 0: it is not.
    app_limited_until: u64,
    /// Of the acknowledgement that is being processed: the latest segment that it delivered, and when that left.
    newest: Option<(Departure, Instant)>,
    /// The last sample that says something of the path.
    last: Option<RateSample>,
}

impl RateEstimator {
    /// Bytes delivered, ever.
    pub(super) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The last sample that says something of the path.
    pub(super) fn last(&self) -> Option<RateSample> {
        self.last
    }

    /// A segment leaves; `idle`: nothing else is in flight.
    pub(super) fn on_sent(&mut self, now: Instant, idle: bool) -> Departure {
        if idle {
            self.flight_began = now;
            self.delivered_at = now;
        }
        Departure {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            flight_began: self.flight_began,
            app_limited: self.app_limited_until > 0,
        }
    }

    /// `bytes` of a segment that left at `sent_at` are delivered.
    pub(super) fn on_delivered(&mut self, bytes: u32, departure: &Departure, sent_at: Instant) {
        self.delivered += u64::from(bytes);
        let newer = |(newest, at): (Departure, Instant)| (departure.delivered, sent_at) >= (newest.delivered, at);
        if self.newest.is_none_or(newer) {
            self.newest = Some((*departure, sent_at));
        }
    }

    /// The acknowledgement has been looked at whole. Shorter intervals than `min_rtt` measure how acknowledgements bunch.
    pub(super) fn sample(&mut self, now: Instant, min_rtt: Duration) -> Option<RateSample> {
        let (departure, sent_at) = self.newest.take()?;
        self.delivered_at = now;
        self.flight_began = sent_at;
        if self.app_limited_until > 0 && self.delivered > self.app_limited_until {
            self.app_limited_until = 0;
        }
        // The slower of sending and acknowledging: neither alone can go faster than the path.
        let interval = sent_at.since(departure.flight_began).max(now.since(departure.delivered_at));
        if interval < min_rtt || interval.is_zero() {
            return None;
        }
        let delivered = self.delivered - departure.delivered;
        let sample = RateSample { delivered, interval, app_limited: departure.app_limited };
        if !sample.app_limited || self.last.is_none_or(|last| sample.rate() >= last.rate()) {
            self.last = Some(sample);
        }
        Some(sample)
    }

    /// The program has nothing more to send though more could go; `in_flight` is out.
    pub(super) fn set_app_limited(&mut self, in_flight: u32) {
        self.app_limited_until = (self.delivered + u64::from(in_flight)).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_what_was_delivered_over_the_flight_of_a_segment() {
        let at = Instant::from_millis;
        let mut rate = RateEstimator::default();
        // A segment of 1000 bytes every 10 ms, acknowledged after 100 ms.
        let sent: Vec<_> = (0..20).map(|i| (at(i * 10), rate.on_sent(at(i * 10), i == 0))).take(10).collect();
        for (i, (sent_at, departure)) in sent.iter().enumerate() {
            rate.on_delivered(1000, departure, *sent_at);
            rate.sample(at(100 + i as u64 * 10), Duration::from_millis(100));
        }
        let last = rate.last().unwrap();
        assert_eq!((last.delivered, last.interval), (10_000, Duration::from_millis(190)));
        assert!(!last.app_limited);
    }

    #[test]
    fn what_follows_a_pause_of_the_program_says_so() {
        let at = Instant::from_millis;
        let mut rate = RateEstimator::default();
        rate.set_app_limited(0);
        let departure = rate.on_sent(at(0), true);
        rate.on_delivered(1000, &departure, at(0));
        assert!(rate.sample(at(10), Duration::ZERO).unwrap().app_limited);
        let departure = rate.on_sent(at(10), true);
        rate.on_delivered(1000, &departure, at(10));
        assert!(!rate.sample(at(20), Duration::ZERO).unwrap().app_limited);
    }
}
