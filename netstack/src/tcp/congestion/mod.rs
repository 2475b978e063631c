//! How much may be in the network (RFC 5681). An algorithm is behind [`Congestion`] and is chosen by name; which segments
//! are lost, and how the window comes down in a recovery, is [`recovery`](super::recovery)'s business.

mod cubic;
mod hystart;
mod new_reno;

use super::rate::RateSample;
use super::seq::Seq;
use crate::time::{Duration, Instant};
use cubic::Cubic;
use new_reno::NewReno;

/// A congestion control algorithm (`TCP_CONGESTION`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 9438.
    #[default]
    Cubic,
    /// RFC 5681, RFC 6582.
    NewReno,
}

/// Every algorithm with Linux's name for it. A new one is a row here and an arm of [`Algorithm::start`].
const NAMES: [(&str, Algorithm); 2] = [("cubic", Algorithm::Cubic), ("reno", Algorithm::NewReno)];

impl Algorithm {
    /// Linux's name.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, algorithm)| *algorithm == self).map_or("", |(name, _)| name)
    }

    /// The algorithm of a name.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// The names of all, the default first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The algorithm at work, with segments of `mss` bytes and the initial window.
    pub(super) fn start(self, mss: u32) -> Box<dyn Congestion> {
        self.take_over(Windows::initial(mss))
    }

    /// The algorithm at work, where another has come to these windows.
    pub(super) fn take_over(self, windows: Windows) -> Box<dyn Congestion> {
        match self {
            Algorithm::Cubic => Box::new(Cubic::new(windows)),
            Algorithm::NewReno => Box::new(NewReno::new(windows)),
        }
    }
}

/// Segments of the initial window (RFC 6928). Its bound of 14,600 bytes is left out, as Linux leaves it out: with
/// segments of 64 KiB it would be one.
const INITIAL_SEGMENTS: u32 = 10;
/// No window is larger: sequence numbers cannot tell more apart (RFC 7323 §2.3).
const MAX_WINDOW: u32 = 1 << 30;

/// What every algorithm moves, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) mss: u32,
    /// The congestion window.
    pub(super) window: u32,
    /// The slow start threshold.
    pub(super) ssthresh: u32,
}

impl Windows {
    pub(super) fn initial(mss: u32) -> Windows {
        Windows { mss, window: INITIAL_SEGMENTS.saturating_mul(mss), ssthresh: u32::MAX }
    }

    fn in_slow_start(&self) -> bool {
        self.window < self.ssthresh
    }

    fn grow(&mut self, bytes: u32) {
        self.window = self.window.saturating_add(bytes).min(MAX_WINDOW.max(self.mss));
    }

    fn set_mss(&mut self, mss: u32) {
        self.mss = mss;
        self.window = self.window.max(mss);
    }

    /// RFC 5681 §4.1 asks for the initial window after a silence; as Linux, half of it goes for each timeout of silence
    /// (RFC 2861 §3.1), and the threshold remembers what the window was.
    fn decay(&mut self, timeouts: u32) {
        let floor = self.window.min(INITIAL_SEGMENTS.saturating_mul(self.mss));
        self.ssthresh = self.ssthresh.max(self.window - self.window / 4);
        self.window = (self.window >> timeouts.min(31)).max(floor);
    }

    /// What an undo brings back (RFC 4015 §3.2).
    fn restore(&mut self, before: Windows) {
        self.window = self.window.max(before.window);
        self.ssthresh = self.ssthresh.max(before.ssthresh);
    }
}

/// What an acknowledgement says to an algorithm.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckEvent {
    pub(super) now: Instant,
    /// Bytes that have newly arrived, in order or not.
    pub(super) delivered: u32,
    /// Bytes in the network now.
    #[expect(dead_code, reason = "for algorithms that model the path")]
    pub(super) in_flight: u32,
    /// It says that the network would deliver more. If not, it is no reason to grow, and none to take the window for unused.
    pub(super) may_raise: bool,
    /// The window is what holds the sender back (RFC 7661): only then may it grow.
    pub(super) limited: bool,
    /// A reduction is under way, and its window is PRR's.
    pub(super) reducing: bool,
    /// Of a segment that was sent once.
    pub(super) rtt: Option<Duration>,
    pub(super) srtt: Duration,
    pub(super) una: Seq,
    pub(super) nxt: Seq,
    #[expect(dead_code, reason = "for algorithms that model the path")]
    pub(super) rate: Option<RateSample>,
}

/// A congestion control algorithm at work.
pub(super) trait Congestion: Send {
    fn algorithm(&self) -> Algorithm;
    /// The windows.
    fn windows(&self) -> &Windows;
    /// The sender's segment size changed.
    fn set_mss(&mut self, mss: u32);
    /// An acknowledgement with news came.
    fn on_ack(&mut self, ack: &AckEvent);
    /// The network says that it is congested, by a loss or by ECN, once a round trip (RFC 5681 §3.2 step 2). The window is
    /// the threshold from then on.
    fn on_congestion(&mut self, now: Instant, in_flight: u32);
    /// The retransmission timer expired (RFC 5681 §3.1); `in_flight` is still out. `reduce`: it is news, the threshold comes
    /// down too.
    fn on_timeout(&mut self, now: Instant, in_flight: u32, reduce: bool);
    /// The last reduction was for nothing (RFC 4015).
    fn on_undo(&mut self);
    /// Nothing was sent for so many retransmission timeouts.
    fn on_idle(&mut self, now: Instant, timeouts: u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An acknowledgement outside of recovery, of a sender that its window limits, on a path of 100 ms.
    pub(super) fn ack(ms: u64, delivered: u32) -> AckEvent {
        AckEvent {
            now: Instant::from_millis(ms),
            delivered,
            in_flight: 0,
            may_raise: true,
            limited: true,
            reducing: false,
            rtt: None,
            srtt: Duration::from_millis(100),
            una: Seq(0),
            nxt: Seq(0),
            rate: None,
        }
    }

    #[test]
    fn names_are_linux_s() {
        for (name, algorithm) in NAMES {
            assert_eq!((algorithm.name(), Algorithm::from_name(name)), (name, Some(algorithm)));
        }
        assert_eq!(Algorithm::from_name("bbr"), None);
        assert_eq!(Algorithm::names().next(), Some("cubic"));
    }

    #[test]
    fn a_silence_halves_the_window_for_each_timeout_but_not_below_the_initial_one() {
        let mut windows = Windows { mss: 1000, window: 80_000, ssthresh: 50_000 };
        windows.decay(2);
        assert_eq!((windows.window, windows.ssthresh), (20_000, 60_000));
        windows.decay(9);
        assert_eq!(windows.window, 10_000);
    }
}
