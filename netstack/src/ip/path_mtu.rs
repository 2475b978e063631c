//! What routers said about the largest packet that fits a path (RFC 1191 §6, RFC 8201 §5.2), by destination.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use super::Ip;
use crate::link::IfIndex;
use crate::time::Instant;
use crate::timer::TimerQueue;

/// How long it is believed; afterwards a larger packet is tried again (RFC 1191 §6.3, Linux mtu_expires).
const LIFETIME: Duration = Duration::from_secs(600);
/// Smaller ones are taken for lies: packets are not made smaller, but may be fragmented on the way (Linux min_pmtu).
const LEAST_V4: u32 = 552;
/// No IPv6 link carries less (RFC 8200 §5).
const LEAST_V6: u32 = 1280;
/// Destinations at most; beyond it nothing new is learnt.
const MAX_DESTINATIONS: usize = 1024;
/// MTUs that are usual, for routers that do not say theirs (RFC 1191 §7.1).
const PLATEAUS: [u32; 9] = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 576, LEAST_V4];

/// A path that is narrower than its first link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Narrow {
    mtu: u32,
    /// The router said less than we believe: fragmenting must stay allowed.
    too_narrow: bool,
}

/// All paths that are known to be narrower than their links.
pub(crate) struct PathMtus {
    paths: BTreeMap<IpAddr, Narrow>,
    timers: TimerQueue<IpAddr>,
}

impl PathMtus {
    pub(crate) fn new() -> PathMtus {
        PathMtus { paths: BTreeMap::new(), timers: TimerQueue::new() }
    }

    /// A router could not pass on a packet of `len` bytes to `dst`; `mtu`: what it says of the next link, or 0. A path
    /// never becomes wider by what a router says (RFC 8201 §4).
    pub(crate) fn learn(&mut self, now: Instant, dst: IpAddr, mtu: u32, len: u32) {
        let said = match mtu {
            0 => PLATEAUS.into_iter().find(|plateau| *plateau < len).unwrap_or(LEAST_V4),
            mtu => mtu,
        };
        let least = if dst.is_ipv4() { LEAST_V4 } else { LEAST_V6 };
        let narrow = Narrow { mtu: said.max(least), too_narrow: said < least };
        let known = self.paths.get(&dst);
        if known.is_some_and(|known| known.mtu < narrow.mtu) || known.is_none() && self.paths.len() >= MAX_DESTINATIONS
        {
            return;
        }
        self.paths.insert(dst, narrow);
        self.timers.set(dst, now + LIFETIME);
    }

    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(dst) = self.timers.pop_expired(now) {
            self.paths.remove(&dst);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

impl Ip {
    /// Bytes of the largest packet to `dst` by an interface, as far as is known.
    pub(crate) fn path_mtu(&self, on: IfIndex, dst: IpAddr) -> usize {
        let link = self.mtu(on);
        self.path_mtus.paths.get(&dst).map_or(link, |narrow| link.min(narrow.mtu as usize))
    }

    /// Must fragmenting on the way stay allowed?
    pub(crate) fn is_too_narrow(&self, dst: IpAddr) -> bool {
        self.path_mtus.paths.get(&dst).is_some_and(|narrow| narrow.too_narrow)
    }
}
