//! `struct sockaddr` and [`SocketAddr`].

use crate::user::{InBytes, Out, OutBytes};
use kernel::socket::{DeviceAddr, LinkAddr, Name, SOCK_PACKET};
use kernel::{Errno, Result, Socket};
use libc::{
    AF_INET, AF_INET6, AF_PACKET, AF_UNSPEC, IPPROTO_ICMP, IPPROTO_ICMPV6, MSG_FASTOPEN, SOCK_DGRAM, SOCK_RAW,
    SOCK_STREAM, socklen_t,
};
use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The longest address of any family (`struct sockaddr_storage`).
const STORAGE: usize = size_of::<libc::sockaddr_storage>();
const INET: usize = size_of::<libc::sockaddr_in>();
const INET6: usize = size_of::<libc::sockaddr_in6>();
/// `sockaddr_in6` without its scope, which Linux takes too (RFC 2133).
const INET6_OLD: usize = 24;

/// Up to its hardware address, and with it.
const LINK_SHORT: usize = 12;
const LINK: usize = size_of::<libc::sockaddr_ll>();

/// `struct sockaddr_pkt` up to its protocol, and with it.
const DEVICE_SHORT: usize = 16;
const DEVICE: usize = 18;

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

/// As [`read`], of AF_INET whatever the address says of its family.
pub fn read_any(address: InBytes, len: socklen_t) -> Result<SocketAddr> {
    let len = len as usize;
    if len > STORAGE {
        return Err(Errno::INVAL);
    }
    inet(address.slice(len)?)
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

/// Reads a program's address for a packet socket, which is whole. bind(2) wants the family, sendto(2) does not look at it.
pub fn link(address: InBytes, len: socklen_t) -> Result<(LinkAddr, i32)> {
    let len = len as usize;
    if !(LINK..=STORAGE).contains(&len) {
        return Err(Errno::INVAL);
    }
    parse_link(address.slice(len)?)
}

fn parse_link(bytes: &[u8]) -> Result<(LinkAddr, i32)> {
    let [f0, f1, p0, p1, i0, i1, i2, i3, h0, h1, packet_type, len, addr @ ..] = bytes else { return Err(Errno::INVAL) };
    let addr = LinkAddr {
        protocol: u16::from_be_bytes([*p0, *p1]),
        interface: u32::from_ne_bytes([*i0, *i1, *i2, *i3]),
        hardware: u16::from_ne_bytes([*h0, *h1]),
        packet_type: *packet_type,
        len: *len,
        addr: *addr.first_chunk().ok_or(Errno::INVAL)?,
    };
    Ok((addr, i32::from(u16::from_ne_bytes([*f0, *f1]))))
}

/// Reads the address that bind(2) of a SOCK_PACKET takes, which is no longer than any `struct sockaddr`.
pub fn device(address: InBytes, len: socklen_t) -> Result<DeviceAddr> {
    if len as usize != DEVICE_SHORT {
        return Err(Errno::INVAL);
    }
    parse_device(address.slice(DEVICE_SHORT)?)
}

/// A protocol is there if the address has just the length that it has with one.
fn parse_device(bytes: &[u8]) -> Result<DeviceAddr> {
    let ([f0, f1], rest) = bytes.split_first_chunk().ok_or(Errno::INVAL)?;
    let (device, rest) = rest.split_first_chunk().ok_or(Errno::INVAL)?;
    let protocol = if let [high, low] = *rest { u16::from_be_bytes([high, low]) } else { 0 };
    Ok(DeviceAddr { family: u16::from_ne_bytes([*f0, *f1]), device: *device, protocol })
}

/// The bytes of `struct sockaddr_pkt`.
fn encode_device(addr: &DeviceAddr) -> [u8; DEVICE] {
    let mut bytes = [0; DEVICE];
    bytes[..2].copy_from_slice(&addr.family.to_ne_bytes());
    bytes[2..DEVICE_SHORT].copy_from_slice(&addr.device);
    bytes[DEVICE_SHORT..].copy_from_slice(&addr.protocol.to_be_bytes());
    bytes
}

/// The bytes of `struct sockaddr_ll`.
fn encode_link(addr: &LinkAddr) -> [u8; LINK] {
    let mut bytes = [0; LINK];
    bytes[..2].copy_from_slice(&(AF_PACKET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&addr.protocol.to_be_bytes());
    bytes[4..8].copy_from_slice(&addr.interface.to_ne_bytes());
    bytes[8..10].copy_from_slice(&addr.hardware.to_ne_bytes());
    (bytes[10], bytes[11]) = (addr.packet_type, addr.len);
    bytes[LINK_SHORT..].copy_from_slice(&addr.addr);
    bytes
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

/// Writes `name` into `space` bytes, cut off if they are fewer, and gives the whole length, as Linux does.
pub fn write(name: Name, into: OutBytes, space: usize) -> Result<socklen_t> {
    match name {
        Name::Inet(addr) => {
            let (bytes, len) = encode(addr);
            put(&bytes[..len], into, space)
        }
        Name::Link(addr) => put(&encode_link(&addr), into, space),
        Name::Device(addr) => put(&encode_device(&addr), into, space),
    }
}

fn put(bytes: &[u8], into: OutBytes, space: usize) -> Result<socklen_t> {
    into.put(&bytes[..space.min(bytes.len())])?;
    Ok(bytes.len() as socklen_t)
}

/// Writes what getsockname(2) says, where only that much of a hardware address counts as there is.
pub fn write_own(name: Name, into: OutBytes, space: usize) -> Result<socklen_t> {
    match name {
        Name::Inet(_) => write(name, into, space),
        Name::Device(addr) => put(&encode_device(&addr)[..DEVICE_SHORT], into, space),
        Name::Link(addr) => put(&encode_link(&addr)[..LINK_SHORT + usize::from(addr.len.min(8))], into, space),
    }
}

/// Writes `addr` the way that accept, getsockname and recvfrom do: `len` holds the space and gets the whole length. No address
/// wanted: nothing is written. No address there (a stream's recvfrom): the length becomes 0.
pub fn give(addr: Option<Name>, into: OutBytes, len: Out<socklen_t>) -> Result<()> {
    give_with(addr, into, len, write)
}

/// As [`give`], with what `write` makes of it.
pub fn give_with(
    addr: Option<Name>,
    into: OutBytes,
    len: Out<socklen_t>,
    write: fn(Name, OutBytes, usize) -> Result<socklen_t>,
) -> Result<()> {
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
pub fn destination(socket: &Socket, flags: i32, address: InBytes, len: socklen_t) -> Result<Option<Name>> {
    let domain = socket.domain();
    if address.is_null() {
        return Ok(None);
    }
    if socket.kind() == SOCK_PACKET {
        let len = Some(len as usize).filter(|len| (DEVICE_SHORT..=STORAGE).contains(len)).ok_or(Errno::INVAL)?;
        return parse_device(address.slice(len)?).map(|to| Some(Name::Device(to)));
    }
    if domain == AF_PACKET {
        let (to, _) = link(address, len)?;
        // A longer address than there are bytes of it.
        return if usize::from(to.len) + LINK_SHORT > len as usize {
            Err(Errno::INVAL)
        } else {
            Ok(Some(Name::Link(to)))
        };
    }
    match (socket.kind(), domain) {
        // It looks at it only where it opens a connection.
        (SOCK_STREAM, _) if flags & MSG_FASTOPEN == 0 => unread(address, len),
        // raw_sendmsg(): an address of no length is none.
        (SOCK_RAW, AF_INET) if len == 0 => Ok(None),
        // rawv6_sendmsg(): no family is the socket's.
        (SOCK_RAW, AF_INET6) => match read(domain, address, len) {
            Ok(Address::Unspecified(_)) => inet6(address.slice(len as usize)?).map(|addr| Some(addr.into())),
            named => named?.inet().map(|addr| Some(addr.into())),
        },
        (SOCK_DGRAM, _) if matches!(socket.protocol(), IPPROTO_ICMP | IPPROTO_ICMPV6) => {
            match read(domain, address, len)? {
                Address::Inet(addr) => Ok(Some(addr.into())),
                Address::Unspecified(_) => Err(Errno::AFNOSUPPORT),
            }
        }
        // UDP over IPv4 looks at it where a datagram begins.
        (SOCK_DGRAM, AF_INET) if socket.is_corked() => unread(address, len),
        // udpv6_sendmsg() in Linux: nobody is named, or nothing of the Internet's.
        (SOCK_DGRAM, AF_INET6) => match read(domain, address, len) {
            Ok(Address::Unspecified(_)) => Ok(None),
            Err(Errno::AFNOSUPPORT) => Err(Errno::INVAL),
            named => named?.inet().map(|addr| Some(addr.into())),
        },
        _ => read(domain, address, len)?.inet().map(|addr| Some(addr.into())),
    }
}

/// An address that is there, and that nobody looks at.
fn unread(address: InBytes, len: socklen_t) -> Result<Option<Name>> {
    let len = Some(len as usize).filter(|len| *len <= STORAGE).ok_or(Errno::INVAL)?;
    address.slice(len).map(|_| None)
}

#[cfg(test)]
mod tests;
