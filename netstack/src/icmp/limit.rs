//! How many errors are sent: token buckets, one for all and one for each destination, with Linux's figures.

use core::net::IpAddr;

use crate::rng::{HashKey, Rng};
use crate::time::Instant;

/// Errors a second to everybody, and how many may go at once (icmp_msgs_per_sec, icmp_msgs_burst).
const ALL_PER_SECOND: u64 = 1000;
const ALL_BURST: u64 = 50;
/// Errors a second to one destination (icmp_ratelimit), and how many may go at once.
const ONE_PER_SECOND: u64 = 1;
const ONE_BURST: u64 = 6;

const DESTINATIONS: usize = 256;
const SECOND: u64 = 1_000_000_000;

/// A bucket of time: a message costs the time in which one may be sent.
#[derive(Clone, Copy)]
struct Bucket {
    /// When the bucket would be full.
    full_at: u64,
}

impl Bucket {
    fn take(&mut self, now: Instant, per_second: u64, burst: u64) -> bool {
        let cost = SECOND / per_second;
        let full_at = self.full_at.max(now.0) + cost;
        if full_at > now.0 + cost * burst {
            return false;
        }
        self.full_at = full_at;
        true
    }
}

/// Decides whether an error may be sent now.
pub(crate) struct Limiter {
    all: Bucket,
    one: Box<[Bucket; DESTINATIONS]>,
    key: HashKey,
    jitter: Rng,
}

impl Limiter {
    pub(crate) fn new(rng: &mut Rng) -> Limiter {
        Limiter {
            all: Bucket { full_at: 0 },
            one: Box::new([Bucket { full_at: 0 }; DESTINATIONS]),
            key: rng.hash_key(),
            jitter: rng.fork(),
        }
    }

    /// Takes a token for an error to `dst`, if there is one. Destinations share buckets by a keyed hash.
    pub(crate) fn allow(&mut self, now: Instant, dst: IpAddr) -> bool {
        let one = &mut self.one[self.key.hash(&dst) as usize % DESTINATIONS];
        if !one.take(now, ONE_PER_SECOND, ONE_BURST) {
            return false;
        }
        // A burst of random size keeps outsiders from counting our errors to others (CVE-2020-25705).
        self.all.take(now, ALL_PER_SECOND, ALL_BURST - u64::from(self.jitter.below(3)))
    }
}
