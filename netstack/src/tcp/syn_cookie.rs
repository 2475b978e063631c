//! SYN cookies (RFC 4987 §3.6): while the SYN queue is full, the SYN-ACK's sequence number says all that is needed of the
//! peer's SYN, and nothing is kept. The scheme is Linux's: a keyed hash of the connection and of the minute, so that no
//! stranger can make one, with the MSS beside it; scale, SACK and ECN stand in the low bits of the timestamp, where there is one.

use super::demux::Tuple;
use super::seq::Seq;
use crate::rng::{HashKey, Rng};
use crate::time::{Duration, Instant};
use crate::wire::tcp::Stamps;

/// How long one count lasts; a cookie is good for this one and the last.
const MINUTE: Duration = Duration::from_secs(60);
/// After the last cookie was sent, none that comes is looked at (Linux's TCP_SYNCOOKIE_VALID).
pub(super) const VALID: Duration = Duration::from_secs(120);

/// The segment sizes that a cookie can tell, in order: the next smaller one is used.
const SIZES: [u16; 8] = [536, 1220, 1300, 1440, 1460, 4312, 8960, 65495];

/// Bits of the hash that stand beside the size; above them is the count.
const HASH: u32 = (1 << 24) - 1;

/// Where the options stand in a timestamp.
const OPTIONS: u32 = (1 << 6) - 1;
const SACK: u32 = 1 << 4;
const ECN: u32 = 1 << 5;
/// No window scale was offered.
const NO_SCALE: u32 = 15;

/// The keys.
#[derive(Debug)]
pub(super) struct CookieSecrets {
    fixed: HashKey,
    counted: HashKey,
}

impl CookieSecrets {
    pub(super) fn new(rng: &mut Rng) -> CookieSecrets {
        CookieSecrets { fixed: rng.hash_key(), counted: rng.hash_key() }
    }

    /// The first sequence number of a SYN-ACK for a SYN at `irs` whose peer takes segments of `mss` bytes.
    pub(super) fn make(&self, now: Instant, tuple: &Tuple, irs: Seq, mss: u16) -> Seq {
        let size = SIZES.iter().rposition(|&size| size <= mss).unwrap_or(0) as u32;
        let count = count(now);
        let hidden = self.hash(count, tuple).wrapping_add(size) & HASH;
        Seq((self.fixed.hash(tuple) as u32).wrapping_add(irs.0).wrapping_add(count << 24).wrapping_add(hidden))
    }

    /// The MSS that `cookie` tells, if we made it for this connection in the last minutes.
    pub(super) fn open(&self, now: Instant, tuple: &Tuple, irs: Seq, cookie: Seq) -> Option<u16> {
        let rest = cookie.0.wrapping_sub(self.fixed.hash(tuple) as u32).wrapping_sub(irs.0);
        let now = count(now);
        let age = (now.wrapping_sub(rest >> 24)) & 0xff;
        let made = now.checked_sub(age).filter(|_| age < 2)?;
        let size = rest.wrapping_sub(self.hash(made, tuple)) & HASH;
        SIZES.get(size as usize).copied()
    }

    fn hash(&self, count: u32, tuple: &Tuple) -> u32 {
        self.counted.hash(&(count, tuple)) as u32
    }
}

fn count(now: Instant) -> u32 {
    (now.since(Instant::default()).as_secs() / MINUTE.as_secs()) as u32
}

/// What a timestamp tells of the options that the peer offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) scale: Option<u8>,
    pub(super) sack: bool,
    pub(super) ecn: bool,
}

/// The timestamp of a SYN-ACK that tells `told`, `stamps` without it: not later than it would be.
pub(super) fn with_options(stamps: Stamps, told: &Told) -> Stamps {
    let flag = |set: bool, bit: u32| if set { bit } else { 0 };
    let options = told.scale.map_or(NO_SCALE, u32::from) | flag(told.sack, SACK) | flag(told.ecn, ECN);
    let value = stamps.value & !OPTIONS | options;
    Stamps { value: if value > stamps.value { value.wrapping_sub(OPTIONS + 1) } else { value }, ..stamps }
}

/// The options that the echo of such a timestamp tells.
pub(super) fn options_of(echo: u32) -> Told {
    let scale = echo & 15;
    let scale = (scale != NO_SCALE).then_some(scale as u8);
    Told { scale, sack: echo & SACK != 0, ecn: echo & ECN != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> CookieSecrets {
        CookieSecrets::new(&mut Rng::new([3; 32]))
    }

    fn tuple(port: u16) -> Tuple {
        Tuple { local: ([10, 0, 0, 1], 80).into(), remote: ([10, 0, 0, 2], port).into() }
    }

    #[test]
    fn a_cookie_tells_the_next_smaller_size() {
        let (secrets, now) = (secrets(), Instant::from_millis(90_000));
        for (mss, told) in [(1460, 1460), (1459, 1440), (9000, 8960), (65535, 65495), (100, 536)] {
            let cookie = secrets.make(now, &tuple(4000), Seq(7), mss);
            assert_eq!(secrets.open(now, &tuple(4000), Seq(7), cookie), Some(told));
        }
    }

    #[test]
    fn it_is_good_for_one_connection_and_not_for_long() {
        let (secrets, now) = (secrets(), Instant::from_millis(90_000));
        let cookie = secrets.make(now, &tuple(4000), Seq(7), 1460);
        assert_eq!(secrets.open(now, &tuple(4001), Seq(7), cookie), None);
        assert_eq!(secrets.open(now, &tuple(4000), Seq(70_000), cookie), None);
        assert_eq!(secrets.open(now + Duration::from_secs(60), &tuple(4000), Seq(7), cookie), Some(1460));
        assert_eq!(secrets.open(now + Duration::from_secs(120), &tuple(4000), Seq(7), cookie), None);
        // The count has eight bits in the cookie; the hash has all of them.
        assert_eq!(secrets.open(now + Duration::from_secs(60 * 256), &tuple(4000), Seq(7), cookie), None);
        let guesses = (0..100_000).filter(|&guess| secrets.open(now, &tuple(4000), Seq(7), Seq(guess)).is_some());
        assert!(guesses.count() < 3);
    }

    #[test]
    fn options_go_through_a_timestamp_that_is_never_ahead() {
        for value in [0, 5, 63, 64, 1 << 20, u32::MAX] {
            for (scale, sack, ecn) in [(None, false, false), (Some(0), true, true), (Some(14), false, true)] {
                let told = Told { scale, sack, ecn };
                let stamps = with_options(Stamps { value, echo: 9 }, &told);
                assert_eq!((options_of(stamps.value), stamps.echo), (told, 9));
                assert!(value.wrapping_sub(stamps.value) <= 64, "{value} became {}", stamps.value);
            }
        }
    }
}
