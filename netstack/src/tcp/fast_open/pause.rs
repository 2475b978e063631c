//! The rule for paths that swallow Fast Open, during the handshake or after it (RFC 7413 §7.1): after three timeouts in a row
//! of such a connection no other one begins for a while. Linux's `tcp_fastopen_active_disable`, and as there it is off unless
//! a time is set.

use crate::time::{Duration, Instant};

/// Each time in a row doubles the pause, this often.
const DOUBLINGS: u32 = 6;

/// The pause.
#[derive(Debug)]
pub(super) struct Pause {
    /// The first pause; zero: there is none.
    unit: Duration,
    /// Black holes in a row.
    times: u32,
    since: Instant,
}

impl Pause {
    pub(super) fn new(unit: Duration) -> Pause {
        Pause { unit, times: 0, since: Instant::default() }
    }

    /// No SYN has text or asks for a cookie now.
    pub(super) fn holds(&self, now: Instant) -> bool {
        let doublings = self.times.saturating_sub(1).min(DOUBLINGS);
        self.times > 0 && now.since(self.since) < self.unit.saturating_mul(1 << doublings)
    }

    /// A connection went into a black hole.
    pub(super) fn on_black_hole(&mut self, now: Instant) {
        if !self.unit.is_zero() {
            self.times = self.times.saturating_add(1);
            self.since = now;
        }
    }

    /// Text in a SYN has got through.
    pub(super) fn on_success(&mut self) {
        self.times = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_in_a_row_it_is_twice_as_long() {
        let hour = Duration::from_secs(3600);
        let mut pause = Pause::new(hour);
        let mut now = Instant::from_millis(1000);
        assert!(!pause.holds(now));
        for times in [1, 2, 4, 8, 16, 32, 64, 64] {
            pause.on_black_hole(now);
            let end = now + hour * times;
            assert!(pause.holds(end - Duration::from_millis(1)) && !pause.holds(end), "{times} hours");
            now = end;
        }
        pause.on_success();
        pause.on_black_hole(now);
        assert!(!pause.holds(now + hour));
    }

    #[test]
    fn without_a_time_there_is_none() {
        let mut pause = Pause::new(Duration::ZERO);
        pause.on_black_hole(Instant::default());
        assert!(!pause.holds(Instant::default()));
    }
}
