//! A router that says what it offers: when (RFC 4861 §6.2.1, §6.2.4, §6.2.6), and the names that go with it (RFC 8106).

use core::net::Ipv6Addr;
use core::time::Duration;

use crate::rng::Rng;
use crate::time::Instant;

/// MAX_INITIAL_RTR_ADVERTISEMENTS, MAX_INITIAL_RTR_ADVERT_INTERVAL, MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS (RFC 4861 §10).
const INITIAL: u8 = 3;
const INITIAL_INTERVAL: Duration = Duration::from_secs(16);
const MAX_DELAY_MS: u32 = 500;
const MIN_DELAY: Duration = Duration::from_secs(3);
/// AdvValidLifetime, AdvPreferredLifetime (§6.2.1).
pub(crate) const VALID: u32 = 2_592_000;
pub(crate) const PREFERRED: u32 = 604_800;
/// A message is never longer than what every link carries: so many networks and servers, and bytes of domains.
pub(crate) const MAX_NETWORKS: usize = 8;
const MAX_SERVERS: usize = 8;
const MAX_SEARCH: usize = 600;

/// What a router offers on a link besides the networks of its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertising {
    /// AdvDefaultLifetime: for how many seconds hosts use it, 12 to 9000. It says so three times as often.
    pub lifetime: u16,
    /// Name servers.
    pub servers: Vec<Ipv6Addr>,
    /// Domains to look up short names in.
    pub search: Vec<String>,
}

impl Advertising {
    /// A lifetime for who does not say one (§6.2.1).
    pub const LIFETIME: u16 = 1800;
    /// What a lifetime may be: three times MaxRtrAdvInterval, which is not below four seconds, and not above 9000 (§6.2.1).
    pub const LIFETIMES: core::ops::RangeInclusive<u16> = 12..=9000;

    /// The servers, 16 bytes each.
    pub(crate) fn server_bytes(&self) -> Vec<u8> {
        self.servers.iter().take(MAX_SERVERS).flat_map(|server| server.octets()).collect()
    }

    /// The domains as in RFC 1035 §3.1, as many as have room.
    pub(crate) fn search_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for domain in &self.search {
            if out.len() + domain.len() + 2 > MAX_SEARCH {
                break;
            }
            for label in domain.split('.') {
                out.push(label.len() as u8);
                out.extend(label.bytes());
            }
            out.push(0);
        }
        out
    }
}

/// When a router speaks on a link.
#[derive(Debug)]
pub(crate) struct Advertiser {
    pub(crate) what: Advertising,
    /// How many times it has spoken, as far as that matters.
    spoken: u8,
    last: Option<Instant>,
    next: Option<Instant>,
    /// Which router was found last to say something else, and of what.
    pub(crate) disagreement: Option<(Ipv6Addr, &'static str)>,
}

impl Advertiser {
    pub(crate) fn new(what: Advertising) -> Advertiser {
        Advertiser { what, spoken: 0, last: None, next: None, disagreement: None }
    }

    /// It speaks now. Returns when it does next.
    pub(crate) fn spoke(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        self.spoken = self.spoken.saturating_add(1);
        self.last = Some(now);
        // MaxRtrAdvInterval, MinRtrAdvInterval.
        let longest = u32::from(self.what.lifetime) * 1000 / 3;
        let shortest = if longest >= 9000 { longest / 3 } else { longest };
        let interval = Duration::from_millis(u64::from(shortest + rng.below(longest - shortest + 1)));
        let interval = if self.spoken < INITIAL { interval.min(INITIAL_INTERVAL) } else { interval };
        *self.next.insert(now + interval)
    }

    /// §6.2.6: somebody asks. All are answered together, and not too often. Returns when.
    pub(crate) fn asked(&mut self, now: Instant, rng: &mut Rng) -> Instant {
        let delay = Duration::from_millis(rng.below(MAX_DELAY_MS + 1).into());
        let earliest = self.last.map_or(now, |last| now.max(last + MIN_DELAY));
        let at = self.next.map_or(earliest + delay, |next| next.min(earliest + delay));
        *self.next.insert(at)
    }
}
