//! Cookies that servers gave us, and the segment sizes that they take (RFC 7413 §4.1.3), by the two addresses as in Linux's
//! tcp_metrics.

use crate::wire::tcp::FastOpen;
use core::net::IpAddr;
use std::collections::VecDeque;

/// Pairs of hosts that are remembered; beyond, the one that was not used for longest goes.
const MOST: usize = 256;

/// What a SYN-ACK told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Learned {
    /// The peer's MSS.
    pub(super) mss: u16,
    /// A new cookie.
    pub(super) cookie: Option<FastOpen>,
}

/// Us and a server.
type Hosts = (IpAddr, IpAddr);

/// The cache, the last used last.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: VecDeque<(Hosts, Learned)>,
}

impl Cache {
    /// What is known of a server.
    pub(super) fn find(&mut self, hosts: Hosts) -> Option<Learned> {
        let entry = self.take(hosts)?;
        self.entries.push_back((hosts, entry));
        Some(entry)
    }

    /// A cookie stays until another comes.
    pub(super) fn learn(&mut self, hosts: Hosts, learned: Learned) {
        let before = self.take(hosts).and_then(|entry| entry.cookie);
        if self.entries.len() >= MOST {
            self.entries.pop_front();
        }
        self.entries.push_back((hosts, Learned { cookie: learned.cookie.or(before), ..learned }));
    }

    fn take(&mut self, hosts: Hosts) -> Option<Learned> {
        let at = self.entries.iter().position(|(known, _)| *known == hosts)?;
        self.entries.remove(at).map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(last: u8) -> Hosts {
        ([10, 0, 0, 1].into(), [10, 0, 1, last].into())
    }

    fn told(mss: u16, cookie: &[u8]) -> Learned {
        Learned { mss, cookie: FastOpen::new(cookie).filter(|_| !cookie.is_empty()) }
    }

    #[test]
    fn a_cookie_stays_until_another_comes() {
        let mut cache = Cache::default();
        assert_eq!(cache.find(hosts(1)), None);
        cache.learn(hosts(1), told(1460, &[1; 8]));
        cache.learn(hosts(1), told(1400, &[]));
        assert_eq!(cache.find(hosts(1)), Some(told(1400, &[1; 8])));
        cache.learn(hosts(1), told(1400, &[2; 8]));
        assert_eq!(cache.find(hosts(1)), Some(told(1400, &[2; 8])));
    }

    #[test]
    fn the_least_used_goes_first() {
        let mut cache = Cache::default();
        cache.learn(([10, 0, 0, 1].into(), [10, 0, 0, 2].into()), told(1460, &[9; 8]));
        (0..=255).for_each(|last| {
            cache.learn(hosts(last), told(1460, &[1; 8]));
            cache.find(hosts(0));
        });
        assert_eq!(cache.entries.len(), MOST);
        assert_eq!(cache.find(([10, 0, 0, 1].into(), [10, 0, 0, 2].into())), None);
        cache.learn(([10, 0, 0, 1].into(), [10, 0, 0, 2].into()), told(1460, &[9; 8]));
        assert!(cache.find(hosts(0)).is_some());
        assert_eq!(cache.find(hosts(1)), None);
    }
}
