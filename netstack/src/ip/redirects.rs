//! Redirects: better gateways that routers have told us, by destination and for a while (RFC 1122 §3.2.2.2, RFC 4861 §8.3).

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::link::IfIndex;
use crate::time::Instant;
use crate::timer::TimerQueue;

/// How long a redirect is followed; a router that still means it says it again.
const LIFETIME: Duration = Duration::from_secs(300);
/// Destinations at most; beyond it redirects are not followed, which costs a hop and nothing else.
const MAX_DESTINATIONS: usize = 1024;

/// Gateways by destination.
pub(crate) struct Redirects {
    gateways: BTreeMap<IpAddr, (IfIndex, IpAddr)>,
    timers: TimerQueue<IpAddr>,
}

impl Redirects {
    pub(crate) fn new() -> Redirects {
        Redirects { gateways: BTreeMap::new(), timers: TimerQueue::new() }
    }

    pub(crate) fn follow(&mut self, now: Instant, dst: IpAddr, on: IfIndex, gateway: IpAddr) {
        if self.gateways.len() < MAX_DESTINATIONS || self.gateways.contains_key(&dst) {
            self.gateways.insert(dst, (on, gateway));
            self.timers.set(dst, now + LIFETIME);
        }
    }

    /// The gateway to `dst`, where a route by a gateway of the interface `on` leads there.
    pub(crate) fn gateway(&self, dst: IpAddr, on: IfIndex) -> Option<IpAddr> {
        self.gateways.get(&dst).filter(|(link, _)| *link == on).map(|(_, gateway)| *gateway)
    }

    /// A gateway does not answer (RFC 1122 §3.3.1.4).
    pub(crate) fn forget_gateway(&mut self, on: IfIndex, gateway: IpAddr) {
        let timers = &mut self.timers;
        self.gateways.retain(|dst, via| {
            let stays = *via != (on, gateway);
            if !stays {
                timers.cancel(*dst);
            }
            stays
        });
    }

    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(dst) = self.timers.pop_expired(now) {
            self.gateways.remove(&dst);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}
