//! Ephemeral ports (RFC 6056), and which bound addresses stand for each other.

use core::net::IpAddr;
use core::ops::RangeInclusive;

use crate::rng::Rng;

/// A free port of `range`: a random one, and from there the next ones (RFC 6056 §3.3.1). None if none is free.
pub(crate) fn ephemeral(range: &RangeInclusive<u16>, rng: &mut Rng, is_free: impl Fn(u16) -> bool) -> Option<u16> {
    let (first, last) = (u32::from(*range.start()), u32::from(*range.end()));
    let count = (last + 1).checked_sub(first).filter(|count| *count > 0)?;
    let start = rng.below(count);
    (0..count).map(|step| (first + (start + step) % count) as u16).find(|port| *port != 0 && is_free(*port))
}

/// Can a packet be for both of two bound addresses? Each comes with its IPV6_V6ONLY: without it `::` also stands for all
/// of IPv4.
pub(crate) fn overlap(a: (IpAddr, bool), b: (IpAddr, bool)) -> bool {
    if a.0.is_ipv4() == b.0.is_ipv4() {
        return a.0 == b.0 || a.0.is_unspecified() || b.0.is_unspecified();
    }
    let (v6, v6_only) = if a.0.is_ipv6() { a } else { b };
    v6.is_unspecified() && !v6_only
}

/// Does a socket bound to `bound`, with its IPV6_V6ONLY, get what comes to `addr` because it is bound to all?
pub(crate) fn is_wildcard_for(bound: IpAddr, v6_only: bool, addr: IpAddr) -> bool {
    bound.is_unspecified() && (bound.is_ipv4() == addr.is_ipv4() || bound.is_ipv6() && !v6_only)
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
