use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

use super::*;
use crate::wire::group::{Record, RecordKind};

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

#[test]
fn more_than_fits_a_report_is_cut_or_goes_into_several() {
    let record = |kind, count: u16| {
        let addr = |n: u16| IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n));
        Record {
            kind,
            group: Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 1).into(),
            sources: (0..count).map(addr).collect(),
        }
    };
    let sizes = |reports: Vec<Vec<Record>>| -> Vec<Vec<usize>> {
        reports.iter().map(|report| report.iter().map(|record| record.sources.len()).collect()).collect()
    };
    // 1280 − 40 − 8 − 8 bytes for records of 20 bytes and 16 for each source.
    assert_eq!(sizes(fit(vec![record(RecordKind::Allow, 100)])), [[75], [25]]);
    assert_eq!(sizes(fit(vec![record(RecordKind::ToExclude, 100)])), [[75]], "RFC 9777 §5.2.15");
    let many = vec![record(RecordKind::IsInclude, 30), record(RecordKind::Block, 30), record(RecordKind::Allow, 30)];
    assert_eq!(sizes(fit(many)), [vec![30, 30], vec![30]]);
}
