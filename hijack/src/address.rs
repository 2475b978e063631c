//! `struct sockaddr` and [`SocketAddr`].

use crate::user::{InBytes, Out, OutBytes};
use kernel::{Errno, Result};
use libc::{AF_INET, AF_INET6, AF_UNSPEC, socklen_t};
use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The longest address of any family (`struct sockaddr_storage`).
const STORAGE: usize = size_of::<libc::sockaddr_storage>();
const INET: usize = size_of::<libc::sockaddr_in>();
const INET6: usize = size_of::<libc::sockaddr_in6>();
/// `sockaddr_in6` without its scope, which Linux takes too (RFC 2133).
const INET6_OLD: usize = 24;

/// An address as a program names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// AF_UNSPEC: connect(2) dissolves the association. Elsewhere Linux reads it as AF_INET if that much is there.
    Unspecified(Option<SocketAddr>),
    /// AF_INET or AF_INET6.
    Inet(SocketAddr),
}

impl Address {
    /// For calls where AF_UNSPEC has no meaning of its own.
    pub fn inet(self) -> Result<SocketAddr> {
        match self {
            Address::Inet(addr) | Address::Unspecified(Some(addr)) => Ok(addr),
            Address::Unspecified(None) => Err(Errno::INVAL),
        }
    }
}

/// Reads a program's address for a socket of `domain`. EINVAL for a wrong length, EAFNOSUPPORT for another family.
pub fn read(domain: i32, address: InBytes, len: socklen_t) -> Result<Address> {
    let len = len as usize;
    if len > STORAGE {
        return Err(Errno::INVAL);
    }
    parse(domain, address.slice(len)?)
}

fn parse(domain: i32, bytes: &[u8]) -> Result<Address> {
    let [low, high, ..] = *bytes else { return Err(Errno::INVAL) };
    let len = bytes.len();
    match i32::from(u16::from_ne_bytes([low, high])) {
        AF_UNSPEC => Ok(Address::Unspecified(inet(bytes).ok())),
        AF_INET if len < INET => Err(Errno::INVAL),
        AF_INET => Ok(Address::Inet(inet(bytes)?)),
        AF_INET6 if domain == AF_INET6 => Ok(Address::Inet(inet6(bytes)?)),
        _ if len < if domain == AF_INET6 { INET6_OLD } else { INET } => Err(Errno::INVAL),
        _ => Err(Errno::AFNOSUPPORT),
    }
}

fn inet(bytes: &[u8]) -> Result<SocketAddr> {
    let [_, _, port_high, port_low, a, b, c, d, ..] = *bytes.get(..INET).ok_or(Errno::INVAL)? else {
        return Err(Errno::INVAL);
    };
    Ok((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([port_high, port_low])).into())
}

fn inet6(bytes: &[u8]) -> Result<SocketAddr> {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).unwrap_or([0; 4]);
    let ip: [u8; 16] = bytes.get(8..INET6_OLD).and_then(|ip| ip.try_into().ok()).ok_or(Errno::INVAL)?;
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let (flow, scope) = (u32::from_be_bytes(word(4)), u32::from_ne_bytes(word(24)));
    Ok(SocketAddrV6::new(Ipv6Addr::from(ip), port, flow, scope).into())
}

/// The bytes of `addr` as a program reads them, and how many of them count.
pub fn encode(addr: SocketAddr) -> ([u8; INET6], usize) {
    let mut bytes = [0; INET6];
    let family = if addr.is_ipv4() { AF_INET } else { AF_INET6 } as u16;
    bytes[..2].copy_from_slice(&family.to_ne_bytes());
    bytes[2..4].copy_from_slice(&addr.port().to_be_bytes());
    match addr {
        SocketAddr::V4(v4) => {
            bytes[4..8].copy_from_slice(&v4.ip().octets());
            (bytes, INET)
        }
        SocketAddr::V6(v6) => {
            bytes[4..8].copy_from_slice(&v6.flowinfo().to_be_bytes());
            bytes[8..24].copy_from_slice(&v6.ip().octets());
            bytes[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
            (bytes, INET6)
        }
    }
}

/// Writes `addr` into `space` bytes, cut off if they are fewer, and gives the whole length, as Linux does.
pub fn write(addr: SocketAddr, into: OutBytes, space: usize) -> Result<socklen_t> {
    let (bytes, len) = encode(addr);
    let room = space.min(len);
    into.put(&bytes[..room])?;
    Ok(len as socklen_t)
}

/// Writes `addr` the way that accept, getsockname and recvfrom do: `len` holds the space and gets the whole length. No address
/// wanted: nothing is written. No address there (a stream's recvfrom): the length becomes 0.
pub fn give(addr: Option<SocketAddr>, into: OutBytes, len: Out<socklen_t>) -> Result<()> {
    if into.is_null() {
        return Ok(());
    }
    let space = i32::from_ne_bytes(len.get()?.to_ne_bytes());
    let space = usize::try_from(space).map_err(|_| Errno::INVAL)?;
    len.set(match addr {
        Some(addr) => write(addr, into, space)?,
        None => 0,
    })
}

/// An address for sendto: none given where the pointer is null.
pub fn destination(domain: i32, address: InBytes, len: socklen_t) -> Result<Option<SocketAddr>> {
    if address.is_null() || len == 0 { Ok(None) } else { read(domain, address, len)?.inet().map(Some) }
}

#[cfg(test)]
mod tests;
