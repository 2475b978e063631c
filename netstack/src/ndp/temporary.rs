//! Temporary addresses (RFC 8981): how long one lasts.

use core::time::Duration;

use super::ID_RETRIES;
use crate::rng::Rng;
use crate::time::Instant;

/// TEMP_VALID_LIFETIME, TEMP_PREFERRED_LIFETIME (RFC 8981 §3.8).
const VALID: Duration = Duration::from_secs(2 * 24 * 3600);
const PREFERRED: Duration = Duration::from_secs(24 * 3600);
/// MAX_DESYNC_FACTOR: 0.4 of the preferred lifetime.
const MAX_DESYNC_MS: u32 = 24 * 3600 * 400;

/// Which temporary addresses an interface has (Linux's use_tempaddr).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemporaryAddresses {
    /// None.
    #[default]
    Off,
    /// They are there for who asks for them.
    On,
    /// New conversations use them (RFC 6724 §5, rule 7).
    Preferred,
}

/// What is known of a temporary address beside what is known of any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Temporary {
    created: Instant,
    /// DESYNC_FACTOR: so that addresses do not all change at the same time.
    desync: Duration,
    /// Another one has taken its place.
    pub(crate) replaced: bool,
}

impl Temporary {
    pub(crate) fn new(now: Instant, rng: &mut Rng) -> Temporary {
        let desync = Duration::from_millis(rng.below(MAX_DESYNC_MS).into());
        Temporary { created: now, desync, replaced: false }
    }

    /// Preferred and valid lifetimes as routers offer them, and not longer than an address is temporary (RFC 8981 §3.4).
    pub(crate) fn lifetimes(&self, (preferred, valid): (Option<Instant>, Option<Instant>)) -> (Instant, Instant) {
        let earlier = |offered: Option<Instant>, own: Instant| offered.map_or(own, |offered| offered.min(own));
        (earlier(preferred, self.created + (PREFERRED - self.desync)), earlier(valid, self.created + VALID))
    }
}

/// REGEN_ADVANCE: before the end of the preferred lifetime, as long as the next address may take to be tried.
pub(crate) fn regenerate_advance(retransmit: Duration) -> Duration {
    Duration::from_secs(2) + retransmit * ID_RETRIES.into()
}
