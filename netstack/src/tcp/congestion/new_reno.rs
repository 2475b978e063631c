//! Slow start and congestion avoidance (RFC 5681) with appropriate byte counting (RFC 3465).

use super::{AckEvent, Algorithm, Congestion, Windows};
use crate::time::Instant;

/// The standard algorithm.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewReno {
    windows: Windows,
    /// Bytes acknowledged in congestion avoidance towards the next growth (RFC 3465 §2.1).
    counted: u32,
    /// Slow start follows a timeout.
    cautious: bool,
    /// Before the last reduction.
    before: Option<Windows>,
}

impl NewReno {
    pub(super) fn new(windows: Windows) -> NewReno {
        NewReno { windows, counted: 0, cautious: false, before: None }
    }
}

impl Congestion for NewReno {
    fn algorithm(&self) -> Algorithm {
        Algorithm::NewReno
    }

    fn windows(&self) -> &Windows {
        &self.windows
    }

    fn set_mss(&mut self, mss: u32) {
        self.windows.set_mss(mss);
    }

    fn on_ack(&mut self, ack: &AckEvent) {
        let AckEvent { delivered, may_raise, limited, reducing, .. } = *ack;
        // A window that was not used says nothing about the path (RFC 7661).
        if !may_raise || !limited || reducing {
            return;
        }
        let w = &mut self.windows;
        if w.in_slow_start() {
            // RFC 3465 §2.2, L = 2 segments; §2.3, one after a timeout.
            let most = if self.cautious { w.mss } else { 2 * w.mss };
            w.grow(delivered.min(most));
            return;
        }
        self.cautious = false;
        self.counted = self.counted.saturating_add(delivered);
        if self.counted >= w.window {
            self.counted -= w.window;
            w.grow(w.mss);
        }
    }

    fn on_congestion(&mut self, _now: Instant, in_flight: u32) {
        self.before = Some(self.windows);
        let w = &mut self.windows;
        // RFC 5681 equation 4.
        w.ssthresh = (in_flight / 2).max(2 * w.mss);
        w.window = w.ssthresh;
        self.counted = 0;
    }

    fn on_timeout(&mut self, now: Instant, in_flight: u32, reduce: bool) {
        // RFC 5681 §3.1: ssthresh is held constant when the same segment times out again.
        if reduce {
            self.on_congestion(now, self.windows.window);
        }
        self.windows.window = in_flight + self.windows.mss;
        self.counted = 0;
        self.cautious = true;
    }

    fn on_undo(&mut self) {
        if let Some(before) = self.before.take() {
            self.windows.restore(before);
            self.cautious = false;
        }
    }

    fn on_idle(&mut self, _now: Instant, timeouts: u32) {
        self.windows.decay(timeouts);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ack;
    use super::*;

    fn reno() -> NewReno {
        NewReno::new(Windows::initial(1000))
    }

    fn windows(cc: &NewReno) -> (u32, u32) {
        (cc.windows.window, cc.windows.ssthresh)
    }

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment_a_window() {
        let mut cc = reno();
        assert_eq!(cc.windows.window, 10_000);
        for _ in 0..10 {
            cc.on_ack(&ack(0, 1000));
        }
        assert_eq!(cc.windows.window, 20_000);
        cc.on_congestion(Instant::default(), 20_000);
        assert_eq!(windows(&cc), (10_000, 10_000));
        for _ in 0..10 {
            cc.on_ack(&ack(0, 1000));
        }
        assert_eq!(cc.windows.window, 11_000);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut cc = reno();
        cc.on_ack(&AckEvent { limited: false, ..ack(0, 5000) });
        assert_eq!(cc.windows.window, 10_000);
    }

    #[test]
    fn a_timeout_leaves_one_segment_and_an_undo_brings_all_back() {
        let mut cc = reno();
        cc.on_timeout(Instant::default(), 0, true);
        assert_eq!(windows(&cc), (1000, 5000));
        cc.on_timeout(Instant::default(), 0, false);
        assert_eq!(windows(&cc), (1000, 5000));
        cc.on_undo();
        assert_eq!(windows(&cc), (10_000, u32::MAX));
    }
}
