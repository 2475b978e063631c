//! Pacing: on a path of some length text leaves spread over the round trip, in bursts of a millisecond, and not as fast as the
//! acknowledgements and the program give it free. A bottleneck's short queue then need not hold half a window at once. After Linux's
//! internal pacing (`tcp_update_pacing_rate`, `tcp_update_skb_after_send`), which CUBIC has there with `SO_MAX_PACING_RATE` alone.

use super::tcb::Tcb;
use super::timers::Timer;
use crate::time::{Duration, Instant};

/// A shorter round trip is not paced: such a path holds no more than a burst, and waking up costs more than that saves.
const SHORTEST_PATH: Duration = Duration::from_millis(2);
/// Text that leaves at once: what the rate makes of this time, at least two segments.
const BURST: Duration = Duration::from_millis(1);
/// Bytes with which a connection begins as fast as it can, lest a short answer be late: the initial window of RFC 6928.
const UNPACED: u64 = 14_600;
/// The rate is a little more than the window in a round trip, or the window would not be used up and could not grow: in percent,
/// in slow start and in congestion avoidance.
const RATIOS: (u64, u64) = (200, 120);

/// When the text of one connection may leave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacer {
    /// When the next burst may begin.
    next: Instant,
    /// Bytes that may still leave in this one.
    left: u64,
}

/// Bytes a second, and the most at once.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rate: u64,
    burst: u64,
}

impl Pacer {
    fn may_send(&mut self, now: Instant, pace: Pace) -> bool {
        if self.next <= now {
            // What a late timer costs is made good by half a burst's time at most, as on Linux.
            self.next = self.next.max(now - pace.time(pace.burst) / 2);
            self.left = pace.burst;
        }
        self.left > 0
    }

    fn on_sent(&mut self, bytes: u32, pace: Pace) {
        self.left = self.left.saturating_sub(bytes.into());
        self.next = self.next + pace.time(bytes.into());
    }
}

impl Pace {
    fn time(&self, bytes: u64) -> Duration {
        Duration::from_nanos(
            u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(self.rate)).unwrap_or(u64::MAX),
        )
    }
}

impl Tcb {
    /// Bytes a second that the windows and the path come to, up to `SO_MAX_PACING_RATE`; `u64::MAX` before the first round trip.
    pub(super) fn pacing_rate(&self) -> u64 {
        let srtt = u64::try_from(self.rtt.smoothed().as_nanos()).unwrap_or(u64::MAX);
        let windows = self.congestion.windows();
        let ratio = if windows.window < windows.ssthresh / 2 { RATIOS.0 } else { RATIOS.1 };
        let window = u128::from(self.congestion_window().max(self.outstanding()));
        let of_path = (window * u128::from(ratio) * 10_000_000).checked_div(srtt.into());
        let of_path = of_path.map_or(u64::MAX, |rate| u64::try_from(rate).unwrap_or(u64::MAX));
        match self.options.max_pacing_rate {
            0 => of_path,
            most => of_path.min(most),
        }
    }

    /// How text is paced, if it is.
    fn pace(&self) -> Option<Pace> {
        let long = self.rtt.sampled().is_some_and(|rtt| rtt >= SHORTEST_PATH);
        let bound = !matches!(self.options.max_pacing_rate, 0 | u64::MAX);
        if !(long || bound) || self.counters.bytes_sent < UNPACED {
            return None;
        }
        let rate = self.pacing_rate();
        let burst =
            (rate / (Duration::from_secs(1).as_nanos() / BURST.as_nanos()) as u64).max(2 * u64::from(self.mss()));
        (1..u64::MAX).contains(&rate).then_some(Pace { rate, burst })
    }

    /// Text may leave now; if not, a timer is set for when it may.
    pub(super) fn pacing_allows(&mut self, now: Instant) -> bool {
        let Some(pace) = self.pace() else { return true };
        let allowed = self.pacer.may_send(now, pace);
        if !allowed {
            self.timers.set(Timer::Pacing, self.pacer.next);
        }
        allowed
    }

    /// Text left.
    pub(super) fn note_paced(&mut self, bytes: u32) {
        if let Some(pace) = self.pace() {
            self.pacer.on_sent(bytes, pace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_are_as_far_apart_as_the_rate_says() {
        let pace = Pace { rate: 1_000_000, burst: 2000 };
        let mut pacer = Pacer::default();
        let mut at = Instant::from_millis(1000);
        let began = at;
        let mut sent = 0;
        while sent < 100_000 {
            while pacer.may_send(at, pace) {
                pacer.on_sent(1000, pace);
                sent += 1000;
            }
            // Timers are late.
            at = pacer.next + Duration::from_micros(300);
        }
        let took = at.since(began).as_micros();
        assert!((98_000..=101_000).contains(&took), "{took}");
    }

    #[test]
    fn a_pause_is_not_made_good() {
        let pace = Pace { rate: 1_000_000, burst: 2000 };
        let mut pacer = Pacer::default();
        let mut burst = |ms| {
            let mut sent = 0;
            while pacer.may_send(Instant::from_millis(ms), pace) {
                pacer.on_sent(1000, pace);
                sent += 1000;
            }
            sent
        };
        // After a pause it is half a burst more.
        assert_eq!((burst(1000), burst(1001), burst(1002), burst(1003)), (3000, 0, 2000, 0));
        assert_eq!((burst(9000), burst(9001), burst(9002), burst(9003)), (3000, 0, 2000, 0));
    }
}
