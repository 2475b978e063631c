//! IGMP messages (RFC 9776 §4; versions 1 and 2: RFC 1112, RFC 2236).

use core::net::Ipv4Addr;

use super::{Malformed, array, be16, checksum};

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

/// A message that a host minds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A router asks who is a member.
    Query(Query),
    /// Another host says in version 1 or 2 that it is a member of the group.
    Report(Ipv4Addr),
    /// Something for routers.
    Other,
}

/// A router's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The version that the router speaks, 1–3.
    pub version: u8,
    /// The group; None: all of them.
    pub group: Option<Ipv4Addr>,
    /// The sources that it asks for; empty: all.
    pub sources: Vec<Ipv4Addr>,
    /// Answers shall come within so many milliseconds.
    pub max_response_ms: u32,
    /// How often a report is said, 1–7; None where the router does not say.
    pub robustness: Option<u8>,
    /// Seconds between the router's questions, where it says so.
    pub interval: Option<u32>,
}

impl Message {
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
            V1_REPORT | V2_REPORT if addr.is_multicast() => Ok(Message::Report(addr)),
            _ => Ok(Message::Other),
        }
    }
}

/// RFC 9776 §7.1: the version is told by the length and the response code.
fn query(bytes: &[u8], addr: Ipv4Addr) -> Result<Query, Malformed> {
    if !addr.is_unspecified() && !addr.is_multicast() {
        return Err(Malformed::Invalid);
    }
    let group = (!addr.is_unspecified()).then_some(addr);
    let older = |version, max_response_ms| {
        Ok(Query { version, group, sources: Vec::new(), max_response_ms, robustness: None, interval: None })
    };
    match (bytes.len(), bytes[1]) {
        (8, 0) => older(1, 10_000),
        (8, code) => older(2, u32::from(code) * 100),
        (9..12, _) => Err(Malformed::Truncated),
        (_, code) => {
            let count = usize::from(be16(bytes, 10));
            let list = bytes.get(12..12 + 4 * count).ok_or(Malformed::Truncated)?;
            let robustness = bytes[8] & 7;
            Ok(Query {
                version: 3,
                group,
                sources: list.chunks_exact(4).map(|source| Ipv4Addr::from(array::<4>(source, 0))).collect(),
                max_response_ms: float(code) * 100,
                robustness: (robustness != 0).then_some(robustness),
                interval: (bytes[9] != 0).then(|| float(bytes[9])),
            })
        }
    }
}

/// RFC 9776 §4.1.1: from 128 on, a mantissa of four bits and an exponent of three.
fn float(code: u8) -> u32 {
    let code = u32::from(code);
    if code < 128 { code } else { (code & 0xf | 0x10) << ((code >> 4 & 7) + 3) }
}

/// What a record of a version 3 report says (RFC 9776 §4.2.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// MODE_IS_INCLUDE.
    IsInclude = 1,
    /// MODE_IS_EXCLUDE.
    IsExclude,
    /// CHANGE_TO_INCLUDE_MODE.
    ToInclude,
    /// CHANGE_TO_EXCLUDE_MODE.
    ToExclude,
    /// ALLOW_NEW_SOURCES.
    Allow,
    /// BLOCK_OLD_SOURCES.
    Block,
}

/// A version 3 report; its records have at most 65535 sources in all.
pub fn v3_report<'a>(records: impl IntoIterator<Item = (RecordKind, Ipv4Addr, &'a [Ipv4Addr])>) -> Vec<u8> {
    let mut out = vec![V3_REPORT, 0, 0, 0, 0, 0, 0, 0];
    let mut count = 0u16;
    for (kind, group, sources) in records {
        count += 1;
        out.extend([kind as u8, 0]);
        out.extend((sources.len() as u16).to_be_bytes());
        out.extend(group.octets());
        sources.iter().for_each(|source| out.extend(source.octets()));
    }
    out[6..8].copy_from_slice(&count.to_be_bytes());
    checksummed(out)
}

/// A report in version 1 or 2.
pub fn old_report(version: u8, group: Ipv4Addr) -> Vec<u8> {
    simple(if version == 1 { V1_REPORT } else { V2_REPORT }, group)
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
