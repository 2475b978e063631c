//! Interface identifiers that nobody can guess, and that tell nothing of the hardware (RFC 7217 §5).

use core::net::Ipv6Addr;

use crate::link::Mac;
use crate::rng::Rng;
use siphasher::sip::SipHasher24;

/// What makes identifiers ours alone.
#[derive(Clone, Copy)]
pub(crate) struct Secret {
    key: [u8; 16],
    /// It is the node's, and stays when the kernel is gone. Then nothing of an identifier may come from what is drawn at each
    /// boot, as a hardware address may be.
    lasting: bool,
}

impl Secret {
    /// The one that was given, or one for as long as the kernel runs.
    pub(crate) fn new(given: Option<[u8; 16]>, rng: &mut Rng) -> Secret {
        let drawn = (u128::from(rng.u64()) << 64 | u128::from(rng.u64())).to_be_bytes();
        Secret { key: given.unwrap_or(drawn), lasting: given.is_some() }
    }

    /// The address of an interface in the network of `prefix`, the same whenever the interface comes there. `retries`:
    /// DAD_Counter.
    pub(crate) fn stable_address(&self, prefix: Ipv6Addr, name: &str, mac: Mac, retries: u8) -> Ipv6Addr {
        let network = &prefix.octets()[..8];
        let mac = if self.lasting { &[][..] } else { &mac.0 };
        let made = (retries..=u8::MAX).map(|counter| self.hash(&[network, name.as_bytes(), &[0], mac, &[counter]]));
        in_network(prefix, made)
    }

    /// 128 bits by which the node is known from boot to boot, if it has a secret of its own.
    pub(crate) fn node_id(&self) -> Option<u128> {
        let half = |name: &[u8]| u128::from(self.hash(&[name]));
        self.lasting.then(|| half(b"DUID-UUID 1") << 64 | half(b"DUID-UUID 2"))
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        SipHasher24::new_with_key(&self.key).hash(&parts.concat())
    }
}

/// The first address whose identifier is not one of those that have a meaning (RFC 5453).
pub(crate) fn in_network(prefix: Ipv6Addr, mut identifiers: impl Iterator<Item = u64>) -> Ipv6Addr {
    let id = identifiers.find(|id| !is_reserved(*id)).unwrap_or(1);
    Ipv6Addr::from_bits(prefix.to_bits() >> 64 << 64 | u128::from(id))
}

/// Of the routers of a subnet, of Ethernet's own kind, of anycast groups (RFC 5453 §3).
fn is_reserved(id: u64) -> bool {
    matches!(id, 0 | 0x0200_5eff_fe00_0000..=0x0200_5eff_feff_ffff | 0xfdff_ffff_ffff_ff80..=0xfdff_ffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::{Secret, in_network};
    use crate::link::Mac;
    use crate::rng::Rng;
    use core::net::Ipv6Addr;

    const NET: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 0);
    const MACS: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])];

    fn secret(given: Option<[u8; 16]>, seed: u8) -> Secret {
        Secret::new(given, &mut Rng::new([seed; 32]))
    }

    #[test]
    fn with_a_secret_of_the_node_the_address_is_the_same_at_each_boot_whatever_the_hardware() {
        let given = Some(*b"sixteen letters.");
        let addresses =
            [(1, MACS[0]), (2, MACS[1])].map(|(seed, mac)| secret(given, seed).stable_address(NET, "shmif0", mac, 0));
        assert_eq!(addresses[0], addresses[1]);
        // For ever: a version that makes another one moves everybody's addresses.
        assert_eq!(addresses[0].to_string(), "2001:db8:0:1:9eb1:6a9e:318d:b51");
    }

    #[test]
    fn interfaces_networks_tries_and_secrets_differ() {
        let ours = secret(Some([1; 16]), 1);
        let address = ours.stable_address(NET, "shmif0", MACS[0], 0);
        let other_net = Ipv6Addr::from_bits(NET.to_bits() | 2 << 64);
        let id = |addr: Ipv6Addr| addr.to_bits() as u64;
        for other in [
            ours.stable_address(NET, "shmif1", MACS[0], 0),
            ours.stable_address(NET, "shmif0", MACS[0], 1),
            ours.stable_address(other_net, "shmif0", MACS[0], 0),
            secret(Some([2; 16]), 1).stable_address(NET, "shmif0", MACS[0], 0),
        ] {
            assert_ne!(id(other), id(address));
        }
        // Without one, the kernel's own serves, which tells stations apart.
        let drawn = secret(None, 1);
        assert_ne!(drawn.stable_address(NET, "a", MACS[0], 0), drawn.stable_address(NET, "a", MACS[1], 0));
        assert_ne!(drawn.stable_address(NET, "a", MACS[0], 0), secret(None, 2).stable_address(NET, "a", MACS[0], 0));
    }

    #[test]
    fn identifiers_that_have_a_meaning_are_passed_over() {
        let reserved = [0, 0x0200_5eff_fe00_5213, 0xfdff_ffff_ffff_fffe];
        assert_eq!(in_network(NET, reserved.into_iter().chain([7])), Ipv6Addr::from_bits(NET.to_bits() | 7));
    }
}
