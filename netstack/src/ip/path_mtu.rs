//! Path MTUs that routers have reported (RFC 1191 §6, RFC 8201 §5.2), by destination, for all protocols and sockets.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use super::Ip;
use crate::link::IfIndex;
use crate::time::Instant;
use crate::timer::TimerQueue;
use crate::wire::ipv6;

/// How long a report counts; afterwards a larger packet is tried again (RFC 1191 §6.3, Linux mtu_expires).
const LIFETIME: Duration = Duration::from_secs(600);
/// Smaller ones are not believed: packets do not become smaller, but may be fragmented on the way (Linux min_pmtu).
const LEAST_V4: u32 = 552;
/// No IPv6 link carries less (RFC 8200 §5).
const LEAST_V6: u32 = ipv6::MIN_MTU as u32;
/// Destinations at most; beyond it the one that would be forgotten first gives way.
const MAX_DESTINATIONS: usize = 1024;
/// MTUs that are usual, for routers that do not say theirs (RFC 1191 §7.1).
const PLATEAUS: [u32; 9] = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 576, LEAST_V4];

/// A path that is narrower than its first link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Narrow {
    mtu: u32,
    /// The router said less than we believe, so fragments must be allowed.
    too_narrow: bool,
}

/// All paths that are known to be narrower than their links.
pub(crate) struct PathMtus {
    paths: BTreeMap<IpAddr, Narrow>,
    timers: TimerQueue<IpAddr>,
    changes: u32,
}

impl PathMtus {
    pub(crate) fn new() -> PathMtus {
        PathMtus { paths: BTreeMap::new(), timers: TimerQueue::new(), changes: 0 }
    }

    /// A router could not pass on a packet of `len` bytes to `dst`; `mtu`: what it says of the next link, or 0. A path
    /// never becomes wider by what a router says (RFC 8201 §4). Returns what is believed of the path now; `None` if the
    /// message is nonsense.
    pub(crate) fn learn(&mut self, now: Instant, dst: IpAddr, mtu: u32, len: u32) -> Option<u32> {
        let narrow = match (dst, mtu) {
            // RFC 8201 §4: such a message must be discarded.
            (IpAddr::V6(_), ..LEAST_V6) => return None,
            (IpAddr::V6(_), mtu) => Narrow { mtu, too_narrow: false },
            (IpAddr::V4(_), mtu) => {
                let plateau = || PLATEAUS.into_iter().find(|plateau| *plateau < len).unwrap_or(LEAST_V4);
                let said = if mtu == 0 { plateau() } else { mtu };
                Narrow { mtu: said.max(LEAST_V4), too_narrow: said < LEAST_V4 }
            }
        };
        match self.paths.get(&dst) {
            Some(known) if known.mtu < narrow.mtu => return Some(known.mtu),
            None if self.paths.len() >= MAX_DESTINATIONS => self.forget_first(),
            _ => {}
        }
        if self.paths.insert(dst, narrow) != Some(narrow) {
            self.changes = self.changes.wrapping_add(1);
        }
        self.timers.set(dst, now + LIFETIME);
        Some(narrow.mtu)
    }

    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(dst) = self.timers.pop_expired(now) {
            self.paths.remove(&dst);
            self.changes = self.changes.wrapping_add(1);
        }
    }

    fn forget_first(&mut self) {
        if let Some(at) = self.timers.next() {
            self.expire(at);
        }
    }

    /// What a link carries has changed.
    pub(crate) fn link_changed(&mut self) {
        self.changes = self.changes.wrapping_add(1);
    }

    /// A number that changes with every path MTU that is learnt or forgotten.
    pub(crate) fn changes(&self) -> u32 {
        self.changes
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

impl Ip {
    /// Bytes of the largest packet to `dst` by an interface, as far as is known.
    pub(crate) fn path_mtu(&self, on: IfIndex, dst: IpAddr) -> usize {
        let link = self.mtu(on, dst);
        self.path_mtus.paths.get(&dst).map_or(link, |narrow| link.min(narrow.mtu as usize))
    }

    /// Whether fragments must be allowed on the way.
    pub(crate) fn is_too_narrow(&self, dst: IpAddr) -> bool {
        self.path_mtus.paths.get(&dst).is_some_and(|narrow| narrow.too_narrow)
    }
}
