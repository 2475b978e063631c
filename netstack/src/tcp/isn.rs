//! Initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 §5.4): keyed hashes, so that an outsider cannot
//! guess them, plus a clock, so that they move on from one incarnation of a connection to the next.

use super::demux::Tuple;
use super::fast_open::Cookies;
use super::seq::Seq;
use super::syn_cookie::CookieSecrets;
use crate::rng::{HashKey, Rng};
use crate::time::Instant;

/// The keys.
#[derive(Debug)]
pub(super) struct Secrets {
    isn: HashKey,
    timestamps: HashKey,
    pub(super) cookies: CookieSecrets,
}

impl Secrets {
    pub(super) fn new(rng: &mut Rng) -> Secrets {
        Secrets { isn: rng.hash_key(), timestamps: rng.hash_key(), cookies: CookieSecrets::new(rng) }
    }

    /// RFC 6528 §3: ISN = M + F(localip, localport, remoteip, remoteport, secret), M counting 4 µs.
    pub(super) fn isn(&self, tuple: &Tuple, now: Instant) -> Seq {
        Seq((self.isn.hash(tuple) as u32).wrapping_add((now.0 / 4000) as u32))
    }

    /// What makes a server's Fast Open cookies.
    pub(super) fn fast_open_cookies(&self) -> Cookies {
        Cookies::new(&self.isn)
    }

    /// The offset depends on the two hosts only, so that a later connection of theirs has a later timestamp and can
    /// replace one in TIME-WAIT (RFC 6191).
    pub(super) fn timestamp_offset(&self, tuple: &Tuple) -> u32 {
        self.timestamps.hash(&(tuple.local.ip(), tuple.remote.ip())) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn tuple(port: u16) -> Tuple {
        Tuple { local: ([10, 0, 0, 1], 80).into(), remote: ([10, 0, 0, 2], port).into() }
    }

    #[test]
    fn numbers_move_on_with_the_clock_and_differ_by_connection_and_secret() {
        let (a, b) = (Secrets::new(&mut Rng::new([1; 32])), Secrets::new(&mut Rng::new([2; 32])));
        let now = Instant::from_millis(5000);
        let first = a.isn(&tuple(4000), now);
        assert_eq!(a.isn(&tuple(4000), now + Duration::from_micros(400)) - first, 100, "one each 4 µs");
        assert_ne!(a.isn(&tuple(4001), now), first);
        assert_ne!(b.isn(&tuple(4000), now), first);
    }

    #[test]
    fn timestamps_of_two_hosts_have_one_offset() {
        let secrets = Secrets::new(&mut Rng::new([1; 32]));
        assert_eq!(secrets.timestamp_offset(&tuple(4000)), secrets.timestamp_offset(&tuple(4001)));
    }
}
