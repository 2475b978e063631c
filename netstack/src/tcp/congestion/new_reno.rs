//! Slow start and congestion avoidance (RFC 5681) with appropriate byte counting (RFC 3465).

use super::Congestion;

/// Segments of the initial window (RFC 6928). Its bound of 14,600 bytes is left out, as Linux leaves it out: with
/// segments of 64 KiB it would be one.
const INITIAL_SEGMENTS: u32 = 10;

/// The standard algorithm.
#[derive(Clone, Copy, Debug)]
pub(in crate::tcp) struct NewReno {
    mss: u32,
    window: u32,
    ssthresh: u32,
    /// Bytes acknowledged in congestion avoidance towards the next growth (RFC 3465 §2.1).
    counted: u32,
    /// Slow start follows a timeout.
    cautious: bool,
}

impl NewReno {
    pub(in crate::tcp) fn new(mss: u32) -> NewReno {
        NewReno { mss, window: INITIAL_SEGMENTS * mss, ssthresh: u32::MAX, counted: 0, cautious: false }
    }

    /// RFC 5681 equation 4.
    fn reduced(&self, in_flight: u32) -> u32 {
        (in_flight / 2).max(2 * self.mss)
    }
}

impl Congestion for NewReno {
    fn window(&self) -> u32 {
        self.window
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    fn set_mss(&mut self, mss: u32) {
        self.mss = mss;
        self.window = self.window.max(mss);
    }

    fn on_ack(&mut self, acked: u32, limited: bool) {
        // A window that was not used says nothing about the path (RFC 7661).
        if !limited {
            return;
        }
        if self.window < self.ssthresh {
            // RFC 3465 §2.2, L = 2 segments; §2.3, one after a timeout.
            let most = if self.cautious { self.mss } else { 2 * self.mss };
            self.window = self.window.saturating_add(acked.min(most));
            return;
        }
        self.cautious = false;
        self.counted = self.counted.saturating_add(acked);
        if self.counted >= self.window {
            self.counted -= self.window;
            self.window = self.window.saturating_add(self.mss);
        }
    }

    fn on_loss(&mut self, in_flight: u32) {
        self.ssthresh = self.reduced(in_flight);
        self.window = self.ssthresh;
        self.counted = 0;
    }

    fn on_recovered(&mut self, in_flight: u32) {
        // RFC 6582 §3.2 step 3 (1): no burst if the receiver acknowledged a lot at once.
        self.window = self.ssthresh.min(in_flight.max(self.mss).saturating_add(self.mss));
    }

    fn on_timeout(&mut self, in_flight: u32, again: bool) {
        // RFC 5681 §3.1: ssthresh is held constant when the same segment times out again.
        if !again {
            self.ssthresh = self.reduced(in_flight);
        }
        self.window = self.mss;
        self.counted = 0;
        self.cautious = true;
    }

    fn on_idle(&mut self) {
        self.window = self.window.min(INITIAL_SEGMENTS * self.mss);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_start_doubles_and_avoidance_adds_one_segment_a_window() {
        let mut cc = NewReno::new(1000);
        assert_eq!(cc.window(), 10_000);
        for _ in 0..10 {
            cc.on_ack(1000, true);
        }
        assert_eq!(cc.window(), 20_000);
        cc.on_loss(20_000);
        assert_eq!((cc.window(), cc.ssthresh()), (10_000, 10_000));
        for _ in 0..10 {
            cc.on_ack(1000, true);
        }
        assert_eq!(cc.window(), 11_000);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut cc = NewReno::new(1000);
        cc.on_ack(5000, false);
        assert_eq!(cc.window(), 10_000);
    }

    #[test]
    fn a_timeout_leaves_one_segment() {
        let mut cc = NewReno::new(1000);
        cc.on_timeout(8000, false);
        assert_eq!((cc.window(), cc.ssthresh()), (1000, 4000));
        cc.on_timeout(1000, true);
        assert_eq!((cc.window(), cc.ssthresh()), (1000, 4000));
    }
}
