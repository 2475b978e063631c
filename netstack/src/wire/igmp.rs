//! IGMP messages (RFC 9776 §4; versions 1 and 2: RFC 1112, RFC 2236).

use core::net::Ipv4Addr;
use core::time::Duration;

use super::group::{self, Dialect, Message, Query, Record, float};
use super::{Malformed, array, checksum};

/// Protocol number of IGMP.
pub const PROTOCOL: u8 = 2;
/// Where version 3 reports go.
pub const V3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Where queries about all groups come to, and of which nothing is reported.
pub const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Where version 2 says that a group was left.
pub const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// The router alert option, which every message has (RFC 2113).
pub const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];

const QUERY: u8 = 0x11;
const V1_REPORT: u8 = 0x12;
const V2_REPORT: u8 = 0x16;
const LEAVE: u8 = 0x17;
const V3_REPORT: u8 = 0x22;

/// Reads a message and verifies its checksum.
pub fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
    if bytes.len() < 8 {
        return Err(Malformed::Truncated);
    }
    if checksum::checksum(bytes) != 0 {
        return Err(Malformed::Checksum);
    }
    let addr = Ipv4Addr::from(array::<4>(bytes, 4));
    match bytes[0] {
        QUERY => query(bytes, addr).map(Message::Query),
        V1_REPORT | V2_REPORT if addr.is_multicast() => Ok(Message::Report(addr.into())),
        _ => Ok(Message::Other),
    }
}

/// RFC 9776 §7.1: the version is told by the length and the response code.
fn query(bytes: &[u8], addr: Ipv4Addr) -> Result<Query, Malformed> {
    if !addr.is_unspecified() && !addr.is_multicast() {
        return Err(Malformed::Invalid);
    }
    let group = (!addr.is_unspecified()).then_some(addr.into());
    let tenths = |count: u32| Duration::from_millis(u64::from(count) * 100);
    match (bytes.len(), bytes[1]) {
        (8, 0) => Ok(Query::older(Dialect::Members, group, tenths(100))),
        (8, code) => Ok(Query::older(Dialect::Leaving, group, tenths(code.into()))),
        (_, code) => Query::newest::<4>(group, tenths(float(code.into(), 4)), &bytes[8..]),
    }
}

/// A version 3 report.
pub fn v3_report(records: &[Record]) -> Vec<u8> {
    checksummed(group::report(V3_REPORT, records))
}

/// A report in version 1 or 2.
pub fn old_report(dialect: Dialect, group: Ipv4Addr) -> Vec<u8> {
    simple(if dialect == Dialect::Members { V1_REPORT } else { V2_REPORT }, group)
}

/// Version 2: the group was left.
pub fn leave(group: Ipv4Addr) -> Vec<u8> {
    simple(LEAVE, group)
}

fn simple(kind: u8, group: Ipv4Addr) -> Vec<u8> {
    checksummed([&[kind, 0, 0, 0][..], &group.octets()].concat())
}

fn checksummed(mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum::checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}
