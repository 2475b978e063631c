//! Multicast over IPv4: ip(7).

use super::Access::Int;
use super::ip::one_of_ours;
use super::rows::{bytes, change, engine};
use super::{On, Row, values};
use crate::backend::{Call, GroupChange};
use crate::endpoint::Kind;
use crate::socket::Socket;
use crate::{Errno, Result};
use libc::IPPROTO_IP;
use netstack::link::IfIndex;
use std::net::{IpAddr, Ipv4Addr};

pub(super) static ROWS: &[Row] = &[
    engine!(IPPROTO_IP, libc::IP_MULTICAST_TTL, On::Datagram,
    s => i32::from(s.raw.datagram.multicast_ttl), v => {
        s.raw.datagram.multicast_ttl = if v == -1 { 1 } else { u8::try_from(v).map_err(|_| Errno::INVAL)? };
    }),
    // A stream has those for groups to show.
    Row {
        level: IPPROTO_IP,
        name: libc::IP_MULTICAST_TTL,
        on: On::Stream,
        access: Int { get: |_| Ok(1), set: Some(|_, _| Err(Errno::INVAL)) },
    },
    bytes(IPPROTO_IP, libc::IP_MULTICAST_IF, On::Stream, Some(|_| Ok(vec![0; 4])), Some(|_, _| Err(Errno::INVAL))),
    engine!(IPPROTO_IP, libc::IP_MULTICAST_LOOP, On::All,
        s => i32::from(s.raw.datagram.multicast_loop), v => s.raw.datagram.multicast_loop = v != 0),
    engine!(IPPROTO_IP, libc::IP_MULTICAST_ALL, On::All,
    s => i32::from(s.raw.datagram.multicast_all), v => s.raw.datagram.multicast_all = match v {
        0 | 1 => v == 1,
        _ => return Err(Errno::INVAL),
    }),
    bytes(IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, On::All, None, Some(|s, value| group(s, GroupChange::Join, value))),
    bytes(IPPROTO_IP, libc::IP_DROP_MEMBERSHIP, On::All, None, Some(|s, value| group(s, GroupChange::Leave, value))),
    bytes(IPPROTO_IP, libc::IP_MULTICAST_IF, On::Datagram, Some(shown_interface), Some(multicast_interface)),
];

pub(super) fn interface_of(socket: &Socket, address: Ipv4Addr) -> Result<u32> {
    let list = socket.interfaces()?;
    list.iter().find(|i| i.ipv4().any(|(a, _)| a == address)).map(|i| i.index).ok_or(Errno::ADDRNOTAVAIL)
}

fn group(socket: &Socket, change: GroupChange, value: &[u8]) -> Result<()> {
    if socket.endpoint.kind == Kind::Stream {
        return Err(Errno::PROTO);
    }
    let (group, local, mut index) = values::membership(value)?;
    if index == 0 && !local.is_unspecified() {
        // Who is not there has no members.
        let absent = if matches!(change, GroupChange::Leave) { Errno::ADDRNOTAVAIL } else { Errno::NODEV };
        index = interface_of(socket, local).map_err(|_| absent)?;
    }
    socket.backend.call(Call::Group(socket.id(), change, IpAddr::V4(group), index)).map(drop)
}

/// The address that was set.
fn shown_interface(socket: &Socket) -> Result<Vec<u8>> {
    Ok(socket.settings.lock().multicast_from.octets().to_vec())
}

fn multicast_interface(socket: &Socket, value: &[u8]) -> Result<()> {
    let (from, index) = match *value {
        [a, b, c, d] => (Ipv4Addr::new(a, b, c, d), 0),
        _ => {
            let (_, from, index) = values::membership(value)?;
            (from, index)
        }
    };
    let index = match index {
        0 if from.is_unspecified() => 0,
        0 => interface_of(socket, from)?,
        index => one_of_ours(socket, index)?.map_or(0, |on| on.0),
    };
    change(socket, |settings| {
        settings.multicast_from = from;
        settings.raw.datagram.multicast_on = (index != 0).then_some(IfIndex(index));
        Ok(())
    })
}
