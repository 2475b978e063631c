//! More than fits one report goes into several (RFC 9776 §4.2.16, RFC 9777 §5.2.15).

use core::net::IpAddr;

use crate::wire::group::{Record, RecordKind};

/// Bytes of records of one report, so that it fits any link that IPv4 or IPv6 is spoken on: 576 and 1280 bytes, without the
/// headers of IP and of the report.
const ROOM_V4: usize = 576 - 24 - 8;
const ROOM_V6: usize = 1280 - 48 - 8;

/// The records of one family as reports.
pub(crate) fn fit(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut reports: Vec<Vec<Record>> = Vec::new();
    let mut left = 0;
    for record in records.into_iter().flat_map(cut) {
        let (room, addr) = limits(record.group);
        let size = 4 + addr * (1 + record.sources.len());
        match reports.last_mut().filter(|_| size <= left) {
            Some(report) => report.push(record),
            None => {
                left = room;
                reports.push(vec![record]);
            }
        }
        left -= size;
    }
    reports
}

/// A record that is longer than a report. What is wanted of a list of unwanted sources cannot be said in parts: it is cut
/// off, and more comes than is wanted.
fn cut(record: Record) -> Vec<Record> {
    let (room, addr) = limits(record.group);
    let most = (room - 4) / addr - 1;
    let Record { kind, group, mut sources } = record;
    if matches!(kind, RecordKind::IsExclude | RecordKind::ToExclude) {
        sources.truncate(most);
    }
    if sources.len() <= most {
        return vec![Record { kind, group, sources }];
    }
    sources.chunks(most).map(|part| Record { kind, group, sources: part.to_vec() }).collect()
}

/// Bytes for records in a report, and bytes of an address.
fn limits(group: IpAddr) -> (usize, usize) {
    if group.is_ipv4() { (ROOM_V4, 4) } else { (ROOM_V6, 16) }
}
