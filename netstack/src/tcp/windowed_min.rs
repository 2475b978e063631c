//! The smallest of the round trips that were measured lately: RACK.min_RTT (RFC 8985 §5.2), `tcp_min_rtt` of Linux.
//!
//! A path may become longer, and the smallest of all times would be true no more. Two halves of the window are kept, so what
//! is forgotten is between half a window and a whole one old.

use crate::time::{Duration, Instant};

/// Linux's `tcp_min_rtt_wlen`.
const WINDOW: Duration = Duration::from_secs(300);

/// The smallest of the last five minutes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WindowedMin {
    /// When the present half began.
    began: Instant,
    present: Option<Duration>,
    /// The smallest of the half before.
    before: Option<Duration>,
}

impl WindowedMin {
    pub(super) fn observe(&mut self, now: Instant, sample: Duration) {
        match now.since(self.began) {
            age if age >= WINDOW => *self = WindowedMin { began: now, ..WindowedMin::default() },
            age if age >= WINDOW / 2 => {
                (self.before, self.present) = (self.present, None);
                self.began = self.began + WINDOW / 2;
            }
            _ => {}
        }
        self.present = Some(self.present.map_or(sample, |smallest| smallest.min(sample)));
    }

    /// None before the first measurement.
    pub(super) fn get(&self) -> Option<Duration> {
        self.present.into_iter().chain(self.before).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_forgotten_within_five_minutes() {
        let ms = Duration::from_millis;
        let at = |seconds: u64| Instant::from_millis(seconds * 1000);
        let mut min = WindowedMin::default();
        assert_eq!(min.get(), None);
        min.observe(at(1), ms(20));
        min.observe(at(2), ms(30));
        assert_eq!(min.get(), Some(ms(20)));
        min.observe(at(151), ms(30));
        assert_eq!(min.get(), Some(ms(20)), "it is in the half before");
        min.observe(at(302), ms(40));
        assert_eq!(min.get(), Some(ms(30)));
        // A silence of more than the window leaves nothing.
        min.observe(at(1000), ms(50));
        assert_eq!(min.get(), Some(ms(50)));
    }
}
