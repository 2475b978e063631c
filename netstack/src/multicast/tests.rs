use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeSet;

use super::*;

fn addr(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, n).into()
}

fn filter(mode: FilterMode, sources: &[u8]) -> Filter {
    Filter { mode, sources: sources.iter().map(|n| addr(*n)).collect::<BTreeSet<_>>() }
}

#[test]
fn an_interface_wants_what_any_of_its_sockets_wants() {
    use FilterMode::{Exclude, Include};
    let merged = |filters: &[(FilterMode, &[u8])]| {
        let filters: Vec<Filter> = filters.iter().map(|(mode, sources)| filter(*mode, sources)).collect();
        Filter::merged(filters.iter())
    };
    assert_eq!(merged(&[]), Filter::NONE);
    assert_eq!(merged(&[(Include, &[1, 2]), (Include, &[2, 3])]), filter(Include, &[1, 2, 3]));
    // The two examples of RFC 9776 §3.2.
    assert_eq!(
        merged(&[(Exclude, &[1, 2, 3, 4]), (Exclude, &[2, 3, 4, 5]), (Include, &[4, 5, 6])]),
        filter(Exclude, &[2, 3])
    );
    assert_eq!(merged(&[(Include, &[1]), (Exclude, &[1, 2])]), filter(Exclude, &[2]));
    assert_eq!(merged(&[(Exclude, &[1, 2]), (Exclude, &[])]), Filter::ALL);
}

#[test]
fn what_a_filter_lets_through() {
    assert!(filter(FilterMode::Include, &[1]).accepts(addr(1)) && !filter(FilterMode::Include, &[1]).accepts(addr(2)));
    assert!(!filter(FilterMode::Exclude, &[1]).accepts(addr(1)) && filter(FilterMode::Exclude, &[1]).accepts(addr(2)));
}
