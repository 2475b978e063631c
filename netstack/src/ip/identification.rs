//! The identification field of packets that may be fragmented (RFC 6864, RFC 7739 §5.3).

use core::net::IpAddr;

use crate::rng::{HashKey, Rng};

const COUNTERS: usize = 256;

/// Counters that count apart for different destinations, so that what is sent to one host tells nothing about the
/// traffic to another, and no number comes again soon.
pub(crate) struct Identification {
    key: HashKey,
    counters: Box<[u32; COUNTERS]>,
}

impl Identification {
    pub(crate) fn new(rng: &mut Rng) -> Identification {
        let mut counters = Box::new([0; COUNTERS]);
        counters.fill_with(|| rng.u32());
        Identification { key: rng.hash_key(), counters }
    }

    pub(crate) fn next(&mut self, src: IpAddr, dst: IpAddr, protocol: u8) -> u32 {
        let hash = self.key.hash(&(src, dst, protocol));
        let counter = &mut self.counters[hash as usize % COUNTERS];
        *counter = counter.wrapping_add(1);
        // Two flows that share a counter still begin at points that an outsider cannot relate.
        counter.wrapping_add((hash >> 32) as u32)
    }
}
