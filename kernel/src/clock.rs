//! The two clocks of the host that a kernel reads.

use netstack::time::Instant;
use rustix::time::{ClockId, clock_gettime};

/// Now, on the host's monotonic clock.
pub fn now() -> Instant {
    let t = clock_gettime(ClockId::Monotonic);
    Instant(t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64)
}

/// Nanoseconds since 1970, for captures and timestamps.
pub fn realtime_ns() -> u64 {
    let t = clock_gettime(ClockId::Realtime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

/// A moment of the monotonic clock as nanoseconds since 1970.
pub fn realtime_at(at: Instant) -> u64 {
    realtime_ns().saturating_sub(now().0.saturating_sub(at.0))
}
