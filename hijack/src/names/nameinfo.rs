//! getnameinfo(3).

use super::NAMES;
use super::addrinfo::code;
use crate::address::{self, Address};
use crate::table::host;
use crate::user::{InBytes, Out, OutBytes};
use kernel::Result;
use kernel::names::addrinfo::GaiError;
use kernel::names::nameinfo as ni;
use libc::{AF_INET, AF_INET6, socklen_t};
use std::ffi::{c_char, c_int};
use std::net::SocketAddr;

/// getnameinfo(3). What is no Internet address (AF_UNIX) is the host's.
pub fn getnameinfo(
    name: InBytes,
    len: socklen_t,
    node: Out<c_char>,
    node_len: socklen_t,
    service: Out<c_char>,
    service_len: socklen_t,
    flags: c_int,
) -> Option<Result<c_int>> {
    let family = match name.slice(2.min(len as usize)) {
        Ok(&[low, high]) => c_int::from(u16::from_ne_bytes([low, high])),
        _ => return Some(Ok(GaiError::Family.code())),
    };
    if family != AF_INET && family != AF_INET6 {
        return (family == libc::AF_UNIX)
            .then(|| Ok(host::getnameinfo(name, len, node, node_len, service, service_len, flags)))
            .or(Some(Ok(GaiError::Family.code())));
    }
    let Ok(Address::Inet(address)) = address::read(family, name, len) else {
        return Some(Ok(GaiError::Family.code()));
    };
    let node = (!node.is_null() && node_len > 0).then_some((node.cast(), node_len));
    let service = (!service.is_null() && service_len > 0).then_some((service.cast(), service_len));
    Some(Ok(match both(address, node, service, flags) {
        Ok(()) => 0,
        Err(error) => code(error),
    }))
}

type Place = (OutBytes, socklen_t);

fn both(
    address: SocketAddr,
    node: Option<Place>,
    service: Option<Place>,
    flags: c_int,
) -> std::result::Result<(), GaiError> {
    if node.is_none() && service.is_none() {
        return Err(GaiError::NoName);
    }
    if let Some(place) = node {
        put(&ni::host(address, flags, &NAMES)?, place)?;
    }
    if let Some(place) = service {
        put(&ni::service(address.port(), flags, &NAMES)?, place)?;
    }
    Ok(())
}

fn put(text: &str, (into, space): Place) -> std::result::Result<(), GaiError> {
    let into = into.slice(space as usize).map_err(GaiError::System)?;
    let whole = into.get_mut(..=text.len()).ok_or(GaiError::Overflow)?;
    whole[..text.len()].copy_from_slice(text.as_bytes());
    whole[text.len()] = 0;
    Ok(())
}
