//! Multicast by source (ip(7)), and the options of RFC 3678 that name interfaces by number, which both families have.

use super::multicast::interface_of;
use super::rows::bytes;
use super::values;
use super::{Access, On, Row};
use crate::backend::{Call, GroupChange, Reply};
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::{AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6};
use netstack::{Filter, FilterMode, SourceChange, max_sources};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

// Not in the libc crate (linux/in.h).
const IP_MSFILTER: i32 = 41;
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_BLOCK_SOURCE: i32 = 43;
const MCAST_UNBLOCK_SOURCE: i32 = 44;
const MCAST_LEAVE_GROUP: i32 = 45;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
const MCAST_LEAVE_SOURCE_GROUP: i32 = 47;
const MCAST_MSFILTER: i32 = 48;
const MCAST_EXCLUDE: u32 = 0;
const MCAST_INCLUDE: u32 = 1;

/// Bytes of struct sockaddr_storage, and where the first one lies in the structures of RFC 3678.
const STORAGE: usize = 128;
const FIRST: usize = 8;

macro_rules! by_source {
    ($v4:expr, $any:expr, $change:expr) => {
        [
            bytes(IPPROTO_IP, $v4, On::All, None, Some(|s, value| source_v4(s, $change, value))),
            bytes(IPPROTO_IP, $any, On::All, None, Some(|s, value| source(s, AF_INET, $change, value))),
            bytes(IPPROTO_IPV6, $any, On::All, None, Some(|s, value| source(s, AF_INET6, $change, value))),
        ]
    };
}

static BY_SOURCE: [[Row; 3]; 4] = [
    by_source!(libc::IP_ADD_SOURCE_MEMBERSHIP, MCAST_JOIN_SOURCE_GROUP, SourceChange::Join),
    by_source!(libc::IP_DROP_SOURCE_MEMBERSHIP, MCAST_LEAVE_SOURCE_GROUP, SourceChange::Leave),
    by_source!(libc::IP_BLOCK_SOURCE, MCAST_BLOCK_SOURCE, SourceChange::Block),
    by_source!(libc::IP_UNBLOCK_SOURCE, MCAST_UNBLOCK_SOURCE, SourceChange::Unblock),
];

pub(super) static ROWS_BY_SOURCE: &[Row] = BY_SOURCE.as_flattened();

pub(super) static ROWS: &[Row] = &[
    bytes(IPPROTO_IP, MCAST_JOIN_GROUP, On::All, None, Some(|s, value| whole_v4(s, GroupChange::Join, value))),
    bytes(IPPROTO_IP, MCAST_LEAVE_GROUP, On::All, None, Some(|s, value| whole_v4(s, GroupChange::Leave, value))),
    Row {
        level: IPPROTO_IP,
        name: IP_MSFILTER,
        on: On::All,
        access: Access::SizedByValue { get: get_filter_v4, set: filter_v4 },
    },
    Row {
        level: IPPROTO_IP,
        name: MCAST_MSFILTER,
        on: On::All,
        access: Access::SizedByValue {
            get: get_filter_any,
            set: |s, value| filter(s, value, |at| storage(value, at, AF_INET)),
        },
    },
    bytes(IPPROTO_IPV6, MCAST_JOIN_GROUP, On::All, None, Some(|s, value| whole(s, AF_INET6, GroupChange::Join, value))),
    bytes(
        IPPROTO_IPV6,
        MCAST_LEAVE_GROUP,
        On::All,
        None,
        Some(|s, value| whole(s, AF_INET6, GroupChange::Leave, value)),
    ),
    // Linux does not look at the families here.
    Row {
        level: IPPROTO_IPV6,
        name: MCAST_MSFILTER,
        on: On::All,
        access: Access::SizedByValue {
            get: get_filter_v6,
            set: |s, value| filter(s, value, |at| storage_v6(value, at)),
        },
    },
];

/// struct ip_mreq_source.
fn source_v4(socket: &Socket, change: SourceChange, value: &[u8]) -> Result<()> {
    let value: &[u8; 12] = value.try_into().map_err(|_| Errno::INVAL)?;
    let (group, local, source) = (addr(value, 0)?, addr(value, 4)?, addr(value, 8)?);
    call(socket, group.into(), interface_at(socket, local)?, GroupChange::Source(source.into(), change))
}

/// struct group_source_req.
fn source(socket: &Socket, family: i32, change: SourceChange, value: &[u8]) -> Result<()> {
    let (group, source) = (storage(value, FIRST, family)?, storage(value, FIRST + STORAGE, family)?);
    call(socket, group, word(value, 0)?, GroupChange::Source(source, change))
}

/// struct group_req.
fn whole(socket: &Socket, family: i32, change: GroupChange, value: &[u8]) -> Result<()> {
    call(socket, storage(value, FIRST, family)?, word(value, 0)?, change)
}

/// As [`whole`], with the error that Linux has here alone for another family.
fn whole_v4(socket: &Socket, change: GroupChange, value: &[u8]) -> Result<()> {
    storage(value, FIRST, AF_INET).map_err(|_| Errno::INVAL)?;
    whole(socket, AF_INET, change, value)
}

/// struct ip_msfilter.
fn filter_v4(socket: &Socket, value: &[u8]) -> Result<()> {
    let (group, local, mode, count) = (addr(value, 0)?, addr(value, 4)?, word(value, 8)?, word(value, 12)?);
    let sources =
        (0..listed(group.into(), count)?).map(|n| addr(value, 16 + 4 * n).map(IpAddr::V4)).collect::<Result<_>>()?;
    let filter = Filter { mode: mode_of(mode)?, sources };
    call(socket, group.into(), interface_at(socket, local)?, GroupChange::Filter(filter))
}

/// struct ip_msfilter: as many sources as the program says there is room for.
fn get_filter_v4(socket: &Socket, asked: &[u8]) -> Result<Vec<u8>> {
    let (group, local, room) = (addr(asked, 0)?, addr(asked, 4)?, word(asked, 12)?);
    let interface = interface_at(socket, local)?;
    let Filter { mode, sources } = filter_of(socket, group.into(), (interface != 0).then_some(interface))?;
    let numbers = [number_of(mode).to_ne_bytes(), (sources.len() as u32).to_ne_bytes()].concat();
    let listed = sources.iter().take(room as usize).flat_map(|source| match source {
        IpAddr::V4(source) => source.octets(),
        IpAddr::V6(_) => [0; 4],
    });
    Ok([&asked[..8], &numbers].concat().into_iter().chain(listed).collect())
}

fn get_filter_any(socket: &Socket, asked: &[u8]) -> Result<Vec<u8>> {
    let group = asked.get(..FIRST + STORAGE + 8).map(|asked| storage(asked, FIRST, AF_INET).map_err(|_| Errno::INVAL));
    get_filter(socket, asked, group.ok_or(Errno::INVAL)??)
}

fn get_filter_v6(socket: &Socket, asked: &[u8]) -> Result<Vec<u8>> {
    get_filter(socket, asked, storage_v6(asked, FIRST)?)
}

/// struct group_filter.
fn get_filter(socket: &Socket, asked: &[u8], group: IpAddr) -> Result<Vec<u8>> {
    let after = FIRST + STORAGE;
    let (interface, room) = (word(asked, 0)?, word(asked, after + 4)?);
    let Filter { mode, sources } = filter_of(socket, group, Some(interface)).map_err(|error| match error {
        Errno::NODEV => Errno::ADDRNOTAVAIL,
        error => error,
    })?;
    let numbers = [number_of(mode).to_ne_bytes(), (sources.len() as u32).to_ne_bytes()].concat();
    let mut answer = [&asked[..after], &numbers].concat();
    for source in sources.iter().take(room as usize) {
        let mut storage = values::sockaddr(SocketAddr::new(*source, 0));
        storage.resize(STORAGE, 0);
        answer.extend(storage);
    }
    Ok(answer)
}

fn filter_of(socket: &Socket, group: IpAddr, interface: Option<u32>) -> Result<Filter> {
    match socket.backend.call(Call::GroupFilter(socket.id(), group, interface))? {
        Reply::Filter(filter) => Ok(filter),
        _ => Err(Errno::PROTO),
    }
}

fn number_of(mode: FilterMode) -> u32 {
    match mode {
        FilterMode::Include => MCAST_INCLUDE,
        FilterMode::Exclude => MCAST_EXCLUDE,
    }
}

/// struct group_filter. `addr`: the address at an offset in it.
fn filter(socket: &Socket, value: &[u8], addr: impl Fn(usize) -> Result<IpAddr>) -> Result<()> {
    let after = FIRST + STORAGE;
    let (group, mode, count) = (addr(FIRST)?, word(value, after)?, word(value, after + 4)?);
    let sources = (0..listed(group, count)?).map(|n| addr(after + 8 + n * STORAGE)).collect::<Result<_>>()?;
    call(socket, group, word(value, 0)?, GroupChange::Filter(Filter { mode: mode_of(mode)?, sources }))
}

fn call(socket: &Socket, group: IpAddr, interface: u32, change: GroupChange) -> Result<()> {
    socket.backend.call(Call::Group(socket.id(), change, group, interface)).map(drop)
}

/// 0 where the routes decide.
fn interface_at(socket: &Socket, local: Ipv4Addr) -> Result<u32> {
    if local.is_unspecified() { Ok(0) } else { interface_of(socket, local).map_err(|_| Errno::NODEV) }
}

/// Linux looks at the limit before it looks for the list.
fn listed(group: IpAddr, count: u32) -> Result<usize> {
    let count = count as usize;
    if count <= max_sources(group) { Ok(count) } else { Err(Errno::NOBUFS) }
}

fn mode_of(mode: u32) -> Result<FilterMode> {
    match mode {
        MCAST_INCLUDE => Ok(FilterMode::Include),
        MCAST_EXCLUDE => Ok(FilterMode::Exclude),
        _ => Err(Errno::INVAL),
    }
}

fn word(value: &[u8], at: usize) -> Result<u32> {
    value.get(at..).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_ne_bytes(*bytes)).ok_or(Errno::INVAL)
}

fn addr(value: &[u8], at: usize) -> Result<Ipv4Addr> {
    value.get(at..).and_then(|bytes| bytes.first_chunk::<4>()).map(|bytes| Ipv4Addr::from(*bytes)).ok_or(Errno::INVAL)
}

/// The address in a struct sockaddr_storage, which must be all there and of this family.
fn storage(value: &[u8], at: usize, family: i32) -> Result<IpAddr> {
    let bytes = value.get(at..at + STORAGE).ok_or(Errno::INVAL)?;
    if i32::from(u16::from_ne_bytes([bytes[0], bytes[1]])) != family {
        return Err(Errno::ADDRNOTAVAIL);
    }
    if family == AF_INET { addr(bytes, 4).map(IpAddr::V4) } else { storage_v6(value, at) }
}

/// What would be the address if it were one of IPv6.
fn storage_v6(value: &[u8], at: usize) -> Result<IpAddr> {
    let bytes = value.get(at..at + STORAGE).and_then(|storage| storage[8..].first_chunk::<16>());
    bytes.map(|bytes| Ipv6Addr::from(*bytes).into()).ok_or(Errno::INVAL)
}
