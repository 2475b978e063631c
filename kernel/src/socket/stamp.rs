//! SIOCGSTAMP and SIOCGSTAMPNS (socket(7)): when the datagram came that was received last.

use super::Socket;
use crate::{Errno, Result, clock};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// As Linux's `sk_stamp`: who asks for the first time learns when it asked, and is told of the datagrams from then on.
pub(super) struct LastStamp {
    asked: AtomicBool,
    /// CLOCK_REALTIME nanoseconds; 0: something came that had no time, negative: nothing did.
    at: AtomicI64,
}

impl Default for LastStamp {
    fn default() -> LastStamp {
        LastStamp { asked: AtomicBool::new(false), at: AtomicI64::new(-1) }
    }
}

impl LastStamp {
    /// A datagram was received. `otherwise`: the program learns its time by a control message.
    pub(super) fn received(&self, at: u64, otherwise: impl FnOnce() -> bool) {
        if self.asked.load(Ordering::Relaxed) {
            if !otherwise() {
                self.at.store(at as i64, Ordering::Relaxed);
            }
        } else if self.at.load(Ordering::Relaxed) < 0 {
            self.at.store(0, Ordering::Relaxed);
        }
    }
}

impl Socket {
    /// SIOCGSTAMP: since the epoch. ENOENT before anything was received.
    pub fn last_stamp(&self) -> Result<Duration> {
        let LastStamp { asked, at } = &self.last_stamp;
        asked.store(true, Ordering::Relaxed);
        let stamp = u64::try_from(at.load(Ordering::Relaxed)).map_err(|_| Errno::NOENT)?;
        if stamp >= 1_000_000_000 {
            return Ok(Duration::from_nanos(stamp));
        }
        let now = clock::realtime_ns();
        at.store(now as i64, Ordering::Relaxed);
        Ok(Duration::from_nanos(now))
    }
}
