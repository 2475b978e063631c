//! MLD messages (RFC 9777 §5; version 1: RFC 2710), which are ICMPv6 with an extension header.

use core::net::Ipv6Addr;
use core::time::Duration;

use super::group::{self, Dialect, Message, Query, Record, float};
use super::{Malformed, array, be16, icmpv6, ipv6};

/// Where version 2 reports go.
pub const V2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// The hop limit of all messages: they are for the link (RFC 9777 §5).
pub const HOP_LIMIT: u8 = 1;
/// The hop-by-hop options of all messages: router alert for MLD (RFC 2711 §2.1), and two bytes of padding.
pub const ROUTER_ALERT: [u8; 8] = [ipv6::ICMPV6, 0, ipv6::ROUTER_ALERT, 2, 0, 0, 1, 0];

/// Has a packet the router alert option for MLD?
pub fn has_alert(packet: &ipv6::Packet<'_>) -> bool {
    let Ok(Some(first)) = packet.extensions().advance() else { return false };
    let is_alert = |option: ipv6::Opt<'_>| option.kind == ipv6::ROUTER_ALERT && option.data == [0, 0];
    first.kind == ipv6::HOP_BY_HOP && ipv6::options(first.bytes).flatten().any(is_alert)
}

/// Reads an ICMPv6 message whose checksum is right.
pub fn parse(bytes: &[u8]) -> Result<Message, Malformed> {
    if bytes.len() < 24 {
        return Err(Malformed::Truncated);
    }
    let addr = Ipv6Addr::from(array::<16>(bytes, 8));
    match bytes[0] {
        icmpv6::LISTENER_QUERY => query(bytes, addr).map(Message::Query),
        icmpv6::LISTENER_REPORT_V1 if addr.is_multicast() => Ok(Message::Report(addr.into())),
        _ => Ok(Message::Other),
    }
}

/// RFC 9777 §8.1: the version is told by the length.
fn query(bytes: &[u8], addr: Ipv6Addr) -> Result<Query, Malformed> {
    if !addr.is_unspecified() && !addr.is_multicast() {
        return Err(Malformed::Invalid);
    }
    let group = (!addr.is_unspecified()).then_some(addr.into());
    let (code, millis) = (u32::from(be16(bytes, 4)), |count: u32| Duration::from_millis(count.into()));
    match bytes.len() {
        24 => Ok(Query::older(Dialect::Leaving, group, millis(code))),
        _ => Query::newest::<16>(group, millis(float(code, 12)), &bytes[24..]),
    }
}

/// A version 2 report. As of all that is made here, the checksum is zero: the pseudo-header is known to who sends it.
pub fn v2_report(records: &[Record]) -> Vec<u8> {
    group::report(icmpv6::LISTENER_REPORT, records)
}

/// A report in version 1.
pub fn v1_report(group: Ipv6Addr) -> Vec<u8> {
    simple(icmpv6::LISTENER_REPORT_V1, group)
}

/// Version 1: the group was left.
pub fn done(group: Ipv6Addr) -> Vec<u8> {
    simple(icmpv6::LISTENER_DONE_V1, group)
}

fn simple(kind: u8, group: Ipv6Addr) -> Vec<u8> {
    [&icmpv6::emit(kind, 0, 0)[..], &group.octets()].concat()
}
