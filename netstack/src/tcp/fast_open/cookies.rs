//! A server's cookies (RFC 7413 §4.1.2): a keyed hash of the two addresses. The hash is Linux's (SipHash-2-4 of source and
//! destination as the SYN has them), so that servers of both kinds that share a `TCP_FASTOPEN_KEY` know each other's.

use super::FastOpenKeys;
use crate::rng::HashKey;
use crate::tcp::demux::Tuple;
use crate::wire::tcp::FastOpen;
use core::hash::Hasher;
use core::net::IpAddr;
use siphasher::sip::SipHasher24;

/// What a client's cookie is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Ours.
    Valid,
    /// Ours, of the key that is on its way out: the client gets a new one.
    Outdated,
    /// None of ours.
    Wrong,
}

/// The stack's own keys.
#[derive(Debug)]
pub(in crate::tcp) struct Cookies {
    keys: FastOpenKeys,
}

impl Cookies {
    /// The key comes from a secret that has other uses.
    pub(in crate::tcp) fn new(secret: &HashKey) -> Cookies {
        let half = |number: u64| secret.hash(&("fast open", number)).to_le_bytes();
        let mut primary = [0; 16];
        primary[..8].copy_from_slice(&half(0));
        primary[8..].copy_from_slice(&half(1));
        Cookies { keys: FastOpenKeys { primary, backup: None } }
    }

    pub(in crate::tcp) fn keys(&self) -> FastOpenKeys {
        self.keys
    }
}

impl FastOpenKeys {
    /// The cookie for a client.
    pub(super) fn make(&self, tuple: &Tuple) -> FastOpen {
        cookie(&self.primary, tuple)
    }

    /// Looks at a client's cookie.
    pub(super) fn check(&self, tuple: &Tuple, shown: &FastOpen) -> Check {
        let is_of = |key| cookie(key, tuple).cookie() == shown.cookie();
        if is_of(&self.primary) {
            Check::Valid
        } else if self.backup.as_ref().is_some_and(is_of) {
            Check::Outdated
        } else {
            Check::Wrong
        }
    }
}

fn cookie(key: &[u8; 16], tuple: &Tuple) -> FastOpen {
    let mut hasher = SipHasher24::new_with_key(key);
    for addr in [tuple.remote.ip(), tuple.local.ip()] {
        match addr {
            IpAddr::V4(addr) => hasher.write(&addr.octets()),
            IpAddr::V6(addr) => hasher.write(&addr.octets()),
        }
    }
    FastOpen::new(&hasher.finish().to_le_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn tuple(last: u8, port: u16) -> Tuple {
        Tuple { local: ([10, 0, 0, 1], 80).into(), remote: ([10, 0, 0, last], port).into() }
    }

    #[test]
    fn a_cookie_is_good_for_one_client_and_any_port() {
        let keys = Cookies::new(&Rng::new([3; 32]).hash_key()).keys();
        let cookie = keys.make(&tuple(2, 4000));
        assert_eq!(cookie.cookie().len(), 8);
        assert_eq!(keys.check(&tuple(2, 5000), &cookie), Check::Valid);
        assert_eq!(keys.check(&tuple(3, 4000), &cookie), Check::Wrong);
        assert_eq!(keys.check(&tuple(2, 4000), &FastOpen::new(&cookie.cookie()[..4]).unwrap()), Check::Wrong);
        let other = Cookies::new(&Rng::new([4; 32]).hash_key()).keys();
        assert_eq!(other.check(&tuple(2, 4000), &cookie), Check::Wrong);
    }

    /// What Linux answers with the key 000102…0f.
    #[test]
    fn who_shares_a_key_with_linux_makes_its_cookies() {
        let keys = FastOpenKeys { primary: core::array::from_fn(|at| at as u8), backup: None };
        let here = |addr: IpAddr| Tuple { local: (addr, 7777).into(), remote: (addr, 40_000).into() };
        let v4 = keys.make(&here(core::net::Ipv4Addr::LOCALHOST.into()));
        assert_eq!(v4.cookie(), 0x7470_bf82_8674_3f86_u64.to_be_bytes());
        let v6 = keys.make(&here(core::net::Ipv6Addr::LOCALHOST.into()));
        assert_eq!(v6.cookie(), 0x8e36_4ec9_4f6e_75e6_u64.to_be_bytes());
    }

    #[test]
    fn a_key_on_its_way_out_is_still_known() {
        let [old, new, newest] = [1, 2, 3].map(|byte| [byte; 16]);
        let cookie = FastOpenKeys { primary: old, backup: None }.make(&tuple(2, 1));
        let check = |primary, backup| FastOpenKeys { primary, backup: Some(backup) }.check(&tuple(2, 1), &cookie);
        assert_eq!(check(new, old), Check::Outdated);
        assert_eq!(check(newest, new), Check::Wrong);
    }
}
