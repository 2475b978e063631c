//! The one source of randomness. Same seed, same run.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use siphasher::sip::SipHasher13;

/// Random numbers that an outsider cannot predict, from a seed that the caller supplies.
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// A generator whose output depends on `seed` alone.
    pub fn new(seed: [u8; 32]) -> Rng {
        Rng(ChaCha8Rng::from_seed(seed))
    }

    /// 32 random bits.
    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound` (0 for a bound of 0). The bias, at most `bound`/2³², does not matter to any user here.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A generator of its own for one part of the engine.
    pub fn fork(&mut self) -> Rng {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        Rng::new(seed)
    }

    /// A secret key for a keyed hash: for demux tables, ISNs, ports and identification fields.
    pub fn hash_key(&mut self) -> HashKey {
        HashKey(self.u64(), self.u64())
    }
}

/// The key of a keyed hash (SipHash-1-3). As a [`BuildHasher`](core::hash::BuildHasher) it makes hash maps that are
/// the same in every run of a seed and that an outsider cannot fill with collisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKey(u64, u64);

impl HashKey {
    /// The keyed hash of a value.
    pub fn hash<T: core::hash::Hash>(&self, value: &T) -> u64 {
        core::hash::BuildHasher::hash_one(self, value)
    }
}

impl core::hash::BuildHasher for HashKey {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}

#[cfg(test)]
mod tests;
