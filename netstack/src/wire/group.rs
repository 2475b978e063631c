//! What the messages of IGMP (RFC 9776 §4) and of MLD (RFC 9777 §5) have in common: both say the same, each in its format.

use core::net::IpAddr;
use core::time::Duration;

use super::{Malformed, be16};

/// What the routers of a link understand, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// That somebody is a member: IGMP version 1.
    Members,
    /// And that somebody leaves: IGMP version 2, MLD version 1.
    Leaving,
    /// And which sources are wanted: IGMP version 3, MLD version 2.
    Sources,
}

/// A message that a host minds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A router asks who is a member.
    Query(Query),
    /// Another host says in an older dialect that it is a member of the group.
    Report(IpAddr),
    /// Something for routers.
    Other,
}

/// A router's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What the router understands.
    pub dialect: Dialect,
    /// The group; None: all of them.
    pub group: Option<IpAddr>,
    /// The sources that it asks for; empty: all.
    pub sources: Vec<IpAddr>,
    /// Answers shall come within this time.
    pub max_response: Duration,
    /// How often a report is said, 1–7; None where the router does not say.
    pub robustness: Option<u8>,
    /// Between the router's questions, where it says so.
    pub interval: Option<Duration>,
}

/// What a record of a report says (RFC 9776 §4.2.12, RFC 9777 §5.2.12).
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

/// A line of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it says.
    pub kind: RecordKind,
    /// Of which group.
    pub group: IpAddr,
    /// And of which sources, of the same family; at most 65535.
    pub sources: Vec<IpAddr>,
}

impl Query {
    /// A question in an older dialect.
    pub(super) fn older(dialect: Dialect, group: Option<IpAddr>, max_response: Duration) -> Query {
        Query { dialect, group, sources: Vec::new(), max_response, robustness: None, interval: None }
    }

    /// One in the newest, which goes on behind the group.
    pub(super) fn newest<const N: usize>(
        group: Option<IpAddr>,
        max_response: Duration,
        rest: &[u8],
    ) -> Result<Query, Malformed>
    where
        IpAddr: From<[u8; N]>,
    {
        let Some((&[flags, interval, ..], list)) = rest.split_first_chunk::<4>() else {
            return Err(Malformed::Truncated);
        };
        let list = list.get(..N * usize::from(be16(rest, 2))).ok_or(Malformed::Truncated)?;
        let (robustness, interval) = (flags & 7, float(interval.into(), 4));
        Ok(Query {
            dialect: Dialect::Sources,
            group,
            sources: list.as_chunks::<N>().0.iter().map(|source| IpAddr::from(*source)).collect(),
            max_response,
            robustness: (robustness != 0).then_some(robustness),
            interval: (interval != 0).then(|| Duration::from_secs(interval.into())),
        })
    }
}

/// A number with a mantissa of so many bits and an exponent of three; small ones are themselves (RFC 9776 §4.1.1, §4.1.7,
/// RFC 9777 §5.1.3, §5.1.9).
pub(super) fn float(code: u32, mantissa: u32) -> u32 {
    let one = 1 << mantissa;
    if code < one << 3 { code } else { (code & (one - 1) | one) << ((code >> mantissa & 7) + 3) }
}

/// A report whose records come behind the eight bytes that both protocols begin it with. Its checksum is zero.
pub(super) fn report(kind: u8, records: &[Record]) -> Vec<u8> {
    let mut out = vec![kind, 0, 0, 0, 0, 0];
    out.extend((records.len() as u16).to_be_bytes());
    for Record { kind, group, sources } in records {
        out.extend([*kind as u8, 0]);
        out.extend((sources.len() as u16).to_be_bytes());
        for addr in [group].into_iter().chain(sources) {
            match addr {
                IpAddr::V4(addr) => out.extend(addr.octets()),
                IpAddr::V6(addr) => out.extend(addr.octets()),
            }
        }
    }
    out
}
