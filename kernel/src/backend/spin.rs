//! Looking for input for a while before sleeping.
//!
//! Waking an idle CPU takes longer than many answers do, so a short look pays if the other side runs on another CPU. If it does
//! not pay (both sides on one CPU, a busy machine, a slow peer) it would cost on every wait, so each failure makes it rarer.
//! Correctness never depends on it.

use crate::clock;
use netstack::time::Duration;
use std::sync::atomic::{AtomicU32, Ordering};

/// About the time that it takes to wake an idle CPU.
const USUAL: Duration = Duration::from_micros(25);
/// After a row of failures, the most waits that begin without a look.
const MOST_SKIPPED: u32 = 1024;

/// When and how long to look.
pub(super) struct Spin {
    /// RUMP_SPIN_US: always this long.
    fixed: Option<Duration>,
    /// Waits still to be passed over.
    skip: AtomicU32,
    /// How many to pass over after the next failure.
    penalty: AtomicU32,
}

impl Spin {
    pub(super) fn new(fixed: Option<Duration>) -> Spin {
        Spin { fixed, skip: AtomicU32::new(0), penalty: AtomicU32::new(1) }
    }

    /// Whether this wait begins with a look.
    pub(super) fn worth_it(&self) -> bool {
        if let Some(fixed) = self.fixed {
            return !fixed.is_zero();
        }
        let skip = self.skip.load(Ordering::Relaxed);
        if skip > 0 {
            self.skip.store(skip - 1, Ordering::Relaxed);
        }
        skip == 0
    }

    /// Asks `done` until it says true or the time is up. Returns its last answer.
    pub(super) fn look(&self, mut done: impl FnMut() -> bool) -> bool {
        let until = clock::now() + self.fixed.unwrap_or(USUAL);
        loop {
            for _ in 0..32 {
                if done() {
                    self.penalty.store(1, Ordering::Relaxed);
                    return true;
                }
                std::hint::spin_loop();
            }
            if clock::now() >= until {
                break;
            }
        }
        let penalty = self.penalty.load(Ordering::Relaxed);
        self.skip.store(penalty, Ordering::Relaxed);
        self.penalty.store((penalty * 2).min(MOST_SKIPPED), Ordering::Relaxed);
        false
    }
}
