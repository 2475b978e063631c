//! When a client repeats itself (RFC 2131 §4.1, §4.4.5).

use core::time::Duration;

use crate::rng::Rng;
use crate::time::Instant;

const FIRST_MS: u32 = 4_000;
const MAX_MS: u32 = 64_000;
/// Each delay is drawn from one second around its value.
const JITTER_MS: u32 = 1_000;
/// An answer that does not come is not asked for again earlier while there is a lease.
const MIN_RENEWAL: Duration = Duration::from_secs(60);

/// RFC 2131 §4.1: 4, 8, 16, 32, then 64 seconds, each a second more or less. `attempt` counts from 0.
pub(crate) fn delay(attempt: u32, rng: &mut Rng) -> Duration {
    let base = FIRST_MS.checked_shl(attempt).unwrap_or(MAX_MS).clamp(FIRST_MS, MAX_MS);
    Duration::from_millis(u64::from(base - JITTER_MS + rng.below(2 * JITTER_MS + 1)))
}

/// RFC 2131 §4.4.5: half of the time that is left until `end`, but not less than a minute, and never past `end`.
pub(crate) fn within(now: Instant, end: Instant) -> Instant {
    let half = end.since(now) / 2;
    (now + half.max(MIN_RENEWAL)).min(end)
}
