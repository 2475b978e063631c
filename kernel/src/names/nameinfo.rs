//! getnameinfo(3), as glibc has it.

use std::net::SocketAddr;

use super::addrinfo::{GaiError, Lookup, is_of_link};
use super::error::NameError;

/// NI_NUMERICHOST: the address in numbers.
pub const NUMERICHOST: i32 = 0x01;
/// NI_NUMERICSERV: the port in numbers.
pub const NUMERICSERV: i32 = 0x02;
/// NI_NOFQDN: without the domain, where it is the kernel's own.
pub const NOFQDN: i32 = 0x04;
/// NI_NAMEREQD: a name or an error.
pub const NAMEREQD: i32 = 0x08;
/// NI_DGRAM: the service's name over UDP.
pub const DGRAM: i32 = 0x10;
/// NI_IDN: the name is to be shown as an internationalized name.
pub const IDN: i32 = 0x20;
/// Flags that glibc takes and ignores.
const DEPRECATED: i32 = 0xc0;
const KNOWN: i32 = NUMERICHOST | NUMERICSERV | NOFQDN | NAMEREQD | DGRAM | IDN | DEPRECATED;

/// The host part of getnameinfo(3).
///
/// # Errors
/// EAI_AGAIN where no server answers; EAI_NONAME with NI_NAMEREQD alone: otherwise an address without a name is shown in numbers.
pub fn host(address: SocketAddr, flags: i32, lookup: &dyn Lookup) -> Result<String, GaiError> {
    check(flags)?;
    if flags & NUMERICHOST == 0 {
        match lookup.by_address(address.ip()) {
            Ok(host) if flags & NOFQDN != 0 => return Ok(without_own_domain(host.name, &lookup.hostname())),
            Ok(host) => return Ok(host.name),
            Err(NameError::TryAgain) => return Err(GaiError::Again),
            Err(NameError::System(errno)) => return Err(GaiError::System(errno)),
            Err(_) => {}
        }
    }
    if flags & NAMEREQD != 0 {
        return Err(GaiError::NoName);
    }
    Ok(match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => {
            let named = if is_of_link(*v6.ip()) { lookup.interface_name(v6.scope_id()) } else { None };
            format!("{}%{}", v6.ip(), named.unwrap_or_else(|| v6.scope_id().to_string()))
        }
        _ => address.ip().to_string(),
    })
}

/// The service part of getnameinfo(3).
///
/// # Errors
/// EAI_BADFLAGS.
pub fn service(port: u16, flags: i32, lookup: &dyn Lookup) -> Result<String, GaiError> {
    check(flags)?;
    let protocol = if flags & DGRAM != 0 { "udp" } else { "tcp" };
    let name = if flags & NUMERICSERV == 0 { lookup.service(port, protocol) } else { None };
    Ok(name.unwrap_or_else(|| port.to_string()))
}

fn check(flags: i32) -> Result<(), GaiError> {
    if flags & !KNOWN == 0 { Ok(()) } else { Err(GaiError::BadFlags) }
}

fn without_own_domain(name: String, hostname: &str) -> String {
    let domain = |name: &str| name.split_once('.').map(|(_, domain)| domain.to_ascii_lowercase());
    match name.split_once('.') {
        Some((first, _)) if domain(&name) == domain(hostname) => first.to_owned(),
        _ => name,
    }
}
