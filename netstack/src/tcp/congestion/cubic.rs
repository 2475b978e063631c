//! CUBIC (RFC 9438): the window grows by the time since the last loss and not by round trips, fast far from where that
//! happened and slowly near it. Its initial slow start is HyStart++'s.

use super::hystart::{Growth, HyStart};
use super::{AckEvent, Algorithm, Congestion, Windows};
use crate::time::Instant;

/// C, in segments a second³.
const C: f64 = 0.4;
/// β_cubic.
const BETA: f64 = 0.7;
/// α_cubic of the Reno-friendly region: with β_cubic it is as aggressive as Reno.
const ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);
/// While nothing says how much the path carries, the window grows by this part of itself a round trip at least, as on Linux: the
/// curve begins flat, and a slow start that ended too early would cost seconds.
const UNKNOWN_PATH: f64 = 1.0 / 20.0;

/// The algorithm. Windows of the curve are in segments, as in the RFC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cubic {
    windows: Windows,
    curve: Curve,
    /// Part of a byte by which the window has grown.
    fraction: f64,
    /// Until the first congestion.
    hystart: Option<HyStart>,
    /// The last acknowledgement that found the window in use.
    last_limited: Instant,
    /// Before the last reduction.
    before: Option<(Windows, Curve)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Curve {
    /// W_max: the window at the last congestion; 0 before the first, and after a timeout.
    w_max: f64,
    /// cwnd_prior: what it was before fast convergence looked at it.
    prior: f64,
    /// The stage of congestion avoidance that is under way.
    epoch: Option<Epoch>,
}

#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// t_epoch.
    began: Instant,
    /// K, in seconds.
    k: f64,
    /// The curve's plateau.
    plateau: f64,
    /// W_est.
    reno: f64,
}

impl Curve {
    /// A stage of congestion avoidance begins (RFC 9438 §4.2).
    fn begin(&mut self, now: Instant, window: f64) -> Epoch {
        let (k, plateau) = match self.w_max > window {
            true => (((self.w_max - window) / C).cbrt(), self.w_max),
            // After a slow start, or a timeout (§4.8).
            false => (0.0, window),
        };
        Epoch { began: now, k, plateau, reno: window }
    }
}

impl Epoch {
    /// W_cubic(t), equation 1.
    fn at(&self, t: f64) -> f64 {
        C * (t - self.k).powi(3) + self.plateau
    }
}

impl Cubic {
    pub(super) fn new(windows: Windows) -> Cubic {
        let hystart = (windows.ssthresh == u32::MAX).then(HyStart::default);
        let last_limited = Instant::default();
        Cubic { windows, curve: Curve::default(), fraction: 0.0, hystart, last_limited, before: None }
    }

    fn in_segments(&self, bytes: u32) -> f64 {
        f64::from(bytes) / f64::from(self.windows.mss)
    }

    fn slow_start(&mut self, ack: &AckEvent) {
        let growth = self.hystart.as_mut().map_or(Growth::By(1), |hystart| hystart.on_ack(ack));
        let w = &mut self.windows;
        match growth {
            // RFC 9406 §4.2: L is infinite, since what may be long is paced.
            Growth::By(divisor) => {
                let most = w.ssthresh - w.window;
                w.grow((ack.delivered / divisor).min(most));
            }
            Growth::Stop => w.ssthresh = w.window,
        }
        if !self.windows.in_slow_start() {
            self.hystart = None;
        }
    }

    /// RFC 9438 §4.2–§4.5.
    fn avoid(&mut self, ack: &AckEvent) {
        let window = self.in_segments(self.windows.window);
        let acked = self.in_segments(ack.delivered);
        let mut epoch = self.curve.epoch.unwrap_or_else(|| self.curve.begin(ack.now, window));
        let t = ack.now.since(epoch.began).as_secs_f64();
        // §4.3: once it is above the window of the last congestion it grows as Reno's.
        let alpha = if epoch.reno < self.curve.prior { ALPHA } else { 1.0 };
        epoch.reno += alpha * acked / window;
        let growth = if epoch.at(t) < epoch.reno {
            epoch.reno - window
        } else {
            let target = epoch.at(t + ack.srtt.as_secs_f64()).clamp(window, 1.5 * window);
            (target - window) / window * acked
        };
        self.curve.epoch = Some(epoch);
        let least = if self.curve.w_max == 0.0 { UNKNOWN_PATH * acked } else { 0.0 };
        let bytes = growth.max(least) * f64::from(self.windows.mss) + self.fraction;
        self.fraction = bytes.fract();
        self.windows.grow(bytes as u32);
    }
}

impl Congestion for Cubic {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Cubic
    }

    fn windows(&self) -> &Windows {
        &self.windows
    }

    fn set_mss(&mut self, mss: u32) {
        let scale = f64::from(self.windows.mss) / f64::from(mss);
        self.curve.w_max *= scale;
        self.curve.prior *= scale;
        self.curve.epoch = None;
        self.windows.set_mss(mss);
    }

    fn on_ack(&mut self, ack: &AckEvent) {
        if ack.reducing || !ack.may_raise {
            return;
        }
        let since = ack.now.since(self.last_limited);
        self.last_limited = ack.now;
        if !ack.limited {
            // §5.8: time in which the window was not used does not count.
            if let Some(epoch) = &mut self.curve.epoch {
                epoch.began = (epoch.began + since).min(ack.now);
            }
            return;
        }
        if self.windows.in_slow_start() {
            self.slow_start(ack);
        } else {
            self.avoid(ack);
        }
    }

    fn on_congestion(&mut self, _now: Instant, _in_flight: u32) {
        self.before = Some((self.windows, self.curve));
        let window = self.in_segments(self.windows.window);
        // §4.7: who has not got as far as last time leaves room for others.
        self.curve.w_max = if window < self.curve.w_max { window * (1.0 + BETA) / 2.0 } else { window };
        self.curve.prior = window;
        self.curve.epoch = None;
        self.fraction = 0.0;
        self.hystart = None;
        let w = &mut self.windows;
        // §4.6. The window, not the flight: it has only grown while it was in use.
        w.ssthresh = ((f64::from(w.window) * BETA) as u32).max(2 * w.mss);
        w.window = w.ssthresh;
    }

    fn on_timeout(&mut self, now: Instant, in_flight: u32, reduce: bool) {
        if reduce {
            self.on_congestion(now, in_flight);
        }
        // §4.8: the curve starts afresh from where slow start ends.
        self.curve.w_max = 0.0;
        self.curve.epoch = None;
        self.hystart = None;
        self.windows.window = in_flight + self.windows.mss;
    }

    fn on_undo(&mut self) {
        // §4.9.
        if let Some((windows, curve)) = self.before.take() {
            self.windows.restore(windows);
            self.curve = curve;
        }
    }

    fn on_idle(&mut self, _now: Instant, timeouts: u32) {
        self.windows.decay(timeouts);
        self.curve.epoch = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::ack;
    use super::*;

    fn cubic() -> Cubic {
        Cubic::new(Windows { mss: 1000, window: 100_000, ssthresh: u32::MAX })
    }

    /// Acknowledgements of `window` bytes a round trip of 100 ms, from `from` to `to` milliseconds.
    fn run(cc: &mut Cubic, from: u64, to: u64) {
        let mut ms = from;
        while ms < to {
            let window = cc.windows.window;
            for _ in 0..window / 1000 {
                cc.on_ack(&ack(ms, 1000));
            }
            ms += 100;
        }
    }

    #[test]
    fn the_window_comes_back_to_where_it_was_and_stays_near() {
        let mut cc = cubic();
        cc.on_congestion(Instant::from_millis(0), 100_000);
        assert_eq!((cc.windows.window, cc.windows.ssthresh), (70_000, 70_000));
        // K = (30 / 0.4)^(1/3) = 4.2 s.
        run(&mut cc, 0, 2000);
        assert!((90_000..97_000).contains(&cc.windows.window), "{}", cc.windows.window);
        run(&mut cc, 2000, 4200);
        assert!((98_000..103_000).contains(&cc.windows.window), "{}", cc.windows.window);
        run(&mut cc, 4200, 6000);
        assert!((101_000..106_000).contains(&cc.windows.window), "{}", cc.windows.window);
        run(&mut cc, 6000, 9000);
        assert!((125_000..160_000).contains(&cc.windows.window), "{}", cc.windows.window);
    }

    #[test]
    fn what_comes_out_of_order_neither_grows_it_nor_holds_it_back() {
        let grown = |out_of_order: bool| {
            let mut cc = cubic();
            cc.on_congestion(Instant::from_millis(0), 100_000);
            for round in 0..30 {
                run(&mut cc, round * 100, round * 100 + 100);
                if out_of_order {
                    cc.on_ack(&AckEvent { may_raise: false, ..ack(round * 100 + 50, 1000) });
                }
            }
            cc.windows.window
        };
        assert_eq!(grown(true), grown(false));
    }

    #[test]
    fn on_a_short_path_it_grows_as_reno_would() {
        // §4.3: 10 segments and 1 ms leave the cubic curve no time.
        let mut cc = Cubic::new(Windows { mss: 1000, window: 20_000, ssthresh: u32::MAX });
        cc.on_congestion(Instant::default(), 20_000);
        assert_eq!(cc.windows.window, 14_000);
        for ms in 0..20 {
            for _ in 0..cc.windows.window / 1000 {
                cc.on_ack(&AckEvent { srtt: std::time::Duration::from_millis(1), ..ack(ms, 1000) });
            }
        }
        // 20 rounds of 0.53 segments, faster once above 20.
        assert!((23_000..30_000).contains(&cc.windows.window), "{}", cc.windows.window);
    }

    #[test]
    fn until_a_congestion_says_what_the_path_carries_it_grows_by_a_twentieth_a_round() {
        let mut cc = Cubic::new(Windows { ssthresh: 100_000, ..cubic().windows });
        run(&mut cc, 0, 1000);
        let grown = 100_000.0 * 1.05_f64.powi(10);
        assert!((f64::from(cc.windows.window) - grown).abs() < 5_000.0, "{}", cc.windows.window);
        cc.on_congestion(Instant::from_millis(1000), 0);
        let window = cc.windows.window;
        run(&mut cc, 1000, 1200);
        assert!(cc.windows.window < window * 108 / 100, "{} from {window}", cc.windows.window);
    }

    #[test]
    fn fast_convergence_leaves_room_for_others() {
        let mut cc = cubic();
        cc.on_congestion(Instant::default(), 0);
        cc.on_congestion(Instant::default(), 0);
        assert!((cc.curve.w_max - 59.5).abs() < 0.01, "{}", cc.curve.w_max);
    }

    #[test]
    fn an_undo_brings_the_window_and_the_curve_back() {
        let mut cc = cubic();
        cc.on_congestion(Instant::default(), 0);
        run(&mut cc, 0, 1000);
        let (window, w_max) = (cc.windows.window, cc.curve.w_max);
        cc.on_timeout(Instant::from_millis(1000), 0, true);
        assert_eq!(cc.windows.window, 1000);
        cc.on_undo();
        assert_eq!((cc.windows.window, cc.curve.w_max), (window, w_max));
    }

    #[test]
    fn time_in_which_the_window_is_not_used_does_not_count() {
        let mut cc = cubic();
        cc.on_congestion(Instant::default(), 0);
        run(&mut cc, 0, 1000);
        let window = cc.windows.window;
        for ms in 1000..20_000 {
            cc.on_ack(&AckEvent { limited: false, ..ack(ms, 1000) });
        }
        cc.on_ack(&ack(20_000, 1000));
        assert!(cc.windows.window < window + 1000, "{} {window}", cc.windows.window);
    }
}
