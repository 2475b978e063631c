//! Ephemeral ports (RFC 6056).

use core::ops::RangeInclusive;

use crate::rng::Rng;

/// A free port of `range`: a random one, and from there the next ones (RFC 6056 §3.3.1). None if none is free.
pub(crate) fn ephemeral(range: &RangeInclusive<u16>, rng: &mut Rng, is_free: impl Fn(u16) -> bool) -> Option<u16> {
    let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
    let count = (last + 1).checked_sub(first).filter(|count| *count > 0)?;
    let start = rng.below(count);
    (0..count).map(|step| (first + (start + step) % count) as u16).find(|port| *port != 0 && is_free(*port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_free_port_is_found_and_then_none() {
        let mut rng = Rng::new([1; 32]);
        assert_eq!(ephemeral(&(100..=199), &mut rng, |port| port == 150), Some(150));
        assert_eq!(ephemeral(&(100..=199), &mut rng, |_| false), None);
        assert_eq!(ephemeral(&(65535..=65535), &mut rng, |_| true), Some(65535));
        assert_eq!(ephemeral(&RangeInclusive::new(200, 100), &mut rng, |_| true), None);
    }

    #[test]
    fn ports_do_not_come_in_a_row() {
        let mut rng = Rng::new([2; 32]);
        let ports: Vec<u16> = (0..8).filter_map(|_| ephemeral(&(32768..=60999), &mut rng, |_| true)).collect();
        assert!(ports.windows(2).any(|pair| pair[1].abs_diff(pair[0]) > 16), "{ports:?}");
    }
}
