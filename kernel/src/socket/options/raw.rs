//! What raw sockets alone have: SOL_RAW, IPPROTO_ICMPV6, and the two options of RFC 3542 §3 that Linux knows at SOL_RAW, too.

use super::Access::Int;
use super::ip::{set_filter, shown_filter};
use super::rows::{bytes, change, engine};
use super::{On, Row};
use crate::endpoint::Kind;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::{IPPROTO_ICMPV6, IPPROTO_IPV6, SOL_RAW};

const ICMP_FILTER: i32 = 1;
const ICMPV6_FILTER: i32 = 1;
const IPV6_CHECKSUM: i32 = 7;
const IPV6_HDRINCL: i32 = 36;

pub(super) const ROWS: &[Row] = &[
    bytes(
        SOL_RAW,
        ICMP_FILTER,
        On::Raw4,
        Some(|s| {
            of_icmp(s)?;
            Ok(shown_filter(&[s.settings.lock().raw.icmp_filter]))
        }),
        Some(|s, value| {
            of_icmp(s)?;
            set_filter(s, value, |s| std::slice::from_mut(&mut s.raw.icmp_filter))
        }),
    ),
    bytes(
        IPPROTO_ICMPV6,
        ICMPV6_FILTER,
        On::Raw6,
        Some(|s| Ok(shown_filter(&s.settings.lock().raw.icmp6_filter))),
        Some(|s, value| set_filter(s, value, |s| &mut s.raw.icmp6_filter)),
    ),
    Row {
        level: IPPROTO_IPV6,
        name: IPV6_CHECKSUM,
        on: On::Raw6,
        access: Int {
            get: checksum_at,
            // RFC 3542 §3.1: that of ICMPv6 stays. Linux moves it at SOL_RAW.
            set: Some(|s, at| if is_icmpv6(s) { Err(Errno::INVAL) } else { set_checksum_at(s, at) }),
        },
    },
    Row {
        level: SOL_RAW,
        name: IPV6_CHECKSUM,
        on: On::Raw6,
        access: Int { get: checksum_at, set: Some(set_checksum_at) },
    },
    engine!(IPPROTO_IPV6, IPV6_HDRINCL, On::Raw6, s => i32::from(s.raw.header_included),
        v => s.raw.header_included = v != 0),
    engine!(SOL_RAW, IPV6_HDRINCL, On::Raw6, s => i32::from(s.raw.header_included),
        v => s.raw.header_included = v != 0),
];

/// Whether this is a raw socket of ICMPv6, which alone has the level IPPROTO_ICMPV6.
pub(super) fn is_icmpv6(socket: &Socket) -> bool {
    socket.endpoint.kind == Kind::Raw(IPPROTO_ICMPV6 as u8)
}

fn of_icmp(socket: &Socket) -> Result<()> {
    if socket.endpoint.kind == Kind::Raw(libc::IPPROTO_ICMP as u8) { Ok(()) } else { Err(Errno::OPNOTSUPP) }
}

fn checksum_at(socket: &Socket) -> Result<i32> {
    Ok(socket.settings.lock().raw.checksum_at.map_or(-1, i32::from))
}

fn set_checksum_at(socket: &Socket, at: i32) -> Result<()> {
    let at = match at {
        ..=-1 => None,
        at if at % 2 == 1 => return Err(Errno::INVAL),
        at => Some(u16::try_from(at).map_err(|_| Errno::INVAL)?),
    };
    change(socket, |settings| {
        settings.raw.checksum_at = at;
        Ok(())
    })
}
