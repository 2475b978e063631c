//! Options of IPv4 and extension headers of IPv6 that a program puts behind the IP header (ip(7), RFC 3542 §6 to §9).

use super::rows::{bytes, change, local};
use super::{On, Row};
use crate::socket::{SendControl, Socket};
use crate::{Errno, Result};
use libc::{IPPROTO_IP, IPPROTO_IPV6};
use netstack::ip::HeaderOptions;
use netstack::wire::ipv4_options;
use std::sync::Arc;

// linux/in6.h, as RFC 2292 had them.
const IPV6_2292HOPOPTS: i32 = 3;
const IPV6_2292DSTOPTS: i32 = 4;
const IPV6_2292RTHDR: i32 = 5;

/// Bytes of the most options that an IPv4 header has room for.
const MOST_V4: usize = 40;
/// Bytes of the longest extension header that Linux takes.
const MOST_V6: usize = 8 * 255;

macro_rules! sticky {
    ($name:expr, $field:ident, $check:expr) => {
        bytes(
            IPPROTO_IPV6,
            $name,
            On::All,
            Some(|socket| Ok(current(socket, |options| options.$field.clone()))),
            Some(|socket, value| {
                let header = if value.is_empty() { Vec::new() } else { $check(value)? };
                change_options(socket, |options| options.$field = header)
            }),
        )
    };
}

pub(super) static ROWS: &[Row] = &[
    bytes(
        IPPROTO_IP,
        libc::IP_OPTIONS,
        On::All,
        Some(|socket| Ok(current(socket, |options| options.v4.clone()))),
        Some(|socket, value| {
            let wanted = v4_options(value)?;
            change_options(socket, |options| options.v4 = wanted)
        }),
    ),
    local!(IPPROTO_IP, libc::IP_RECVOPTS, On::All, s => s.wanted.options, v => s.wanted.options = v != 0),
    local!(IPPROTO_IP, libc::IP_RETOPTS, On::All, s => s.wanted.return_options, v => s.wanted.return_options = v != 0),
    sticky!(libc::IPV6_HOPOPTS, hop_by_hop, extension_header),
    sticky!(libc::IPV6_RTHDRDSTOPTS, before_routing, extension_header),
    sticky!(libc::IPV6_RTHDR, routing, routing_header),
    sticky!(libc::IPV6_DSTOPTS, destination, extension_header),
    local!(IPPROTO_IPV6, libc::IPV6_RECVHOPOPTS, On::All, s => s.wanted.hop_options, v => s.wanted.hop_options = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVDSTOPTS, On::All, s => s.wanted.destination_options,
        v => s.wanted.destination_options = v != 0),
    local!(IPPROTO_IPV6, libc::IPV6_RECVRTHDR, On::All, s => s.wanted.routing, v => s.wanted.routing = v != 0),
    local!(IPPROTO_IPV6, IPV6_2292HOPOPTS, On::All, s => s.wanted.old_hop_options,
        v => s.wanted.old_hop_options = v != 0),
    local!(IPPROTO_IPV6, IPV6_2292DSTOPTS, On::All, s => s.wanted.old_destination_options,
        v => s.wanted.old_destination_options = v != 0),
    local!(IPPROTO_IPV6, IPV6_2292RTHDR, On::All, s => s.wanted.old_routing, v => s.wanted.old_routing = v != 0),
];

fn current(socket: &Socket, part: impl FnOnce(&HeaderOptions) -> Vec<u8>) -> Vec<u8> {
    socket.settings.lock().tcp.header_options.as_deref().map(part).unwrap_or_default()
}

/// IPV6_2292PKTOPTIONS: control messages, in place of all extension headers.
pub(super) fn set_extensions(socket: &Socket, value: &[u8]) -> Result<()> {
    let extensions = SendControl::read_extensions(socket, value)?;
    change_options(socket, |options| *options = HeaderOptions { v4: std::mem::take(&mut options.v4), ..extensions })
}

/// What is on its way keeps those that it has.
fn change_options(socket: &Socket, f: impl FnOnce(&mut HeaderOptions)) -> Result<()> {
    change(socket, |settings| {
        let mut options = settings.tcp.header_options.as_deref().cloned().unwrap_or_default();
        f(&mut options);
        settings.tcp.header_options = (options != HeaderOptions::default()).then(|| Arc::new(options));
        Ok(())
    })
}

/// IP_OPTIONS, IP_RETOPTS. Errors: EINVAL.
pub(in crate::socket) fn v4_options(value: &[u8]) -> Result<Vec<u8>> {
    let wanted = if value.len() <= MOST_V4 { ipv4_options::normalized(value) } else { None };
    wanted.ok_or(Errno::INVAL)
}

/// A whole extension header, by its length field; what is given behind it does not count. Errors: EINVAL.
fn extension_header(value: &[u8]) -> Result<Vec<u8>> {
    if !value.len().is_multiple_of(8) || value.len() > MOST_V6 {
        return Err(Errno::INVAL);
    }
    whole_header(value)
}

/// As `extension_header`, of a control message, whose length is not looked at otherwise.
pub(in crate::socket) fn whole_header(value: &[u8]) -> Result<Vec<u8>> {
    let len = value.get(1).map_or(0, |words| 8 + 8 * usize::from(*words));
    if len == 0 { Err(Errno::INVAL) } else { value.get(..len).map(<[u8]>::to_vec).ok_or(Errno::INVAL) }
}

/// RFC 8754 §2 (seg6_validate_srh() in Linux): type 0 is refused (RFC 5095), others are of no use without more.
fn routing_header(value: &[u8]) -> Result<Vec<u8>> {
    const SEGMENT_ROUTING: u8 = 4;
    let header = extension_header(value)?;
    let [_, words, kind, left, last, ..] = *header else { return Err(Errno::INVAL) };
    let fits = usize::from(last) < usize::from(words) / 2;
    if kind != SEGMENT_ROUTING || header.len() != value.len() || left > last || !fits {
        return Err(Errno::INVAL);
    }
    // Types, lengths and values follow the segments.
    let mut rest = &header[8 + 16 * (usize::from(last) + 1)..];
    while let [kind, after @ ..] = rest {
        let len = match (kind, after) {
            (0, _) => 1,
            (_, [len, ..]) => 2 + usize::from(*len),
            _ => return Err(Errno::INVAL),
        };
        rest = rest.get(len..).ok_or(Errno::INVAL)?;
    }
    Ok(header)
}
