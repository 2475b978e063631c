//! getaddrinfo(3), as glibc has it: flags, families, services, and the order of what is given.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use hickory_proto::rr::Name;

use super::error::NameError;
use super::host::{Families, Host};
use super::order::{self, Source};
use super::{numeric, services};
use crate::Errno;

/// AI_PASSIVE: without a node, the address to bind to.
pub const PASSIVE: i32 = 0x01;
/// AI_CANONNAME: the canonical name is wanted.
pub const CANONNAME: i32 = 0x02;
/// AI_NUMERICHOST: the node is no name.
pub const NUMERICHOST: i32 = 0x04;
/// AI_V4MAPPED: IPv4 addresses as IPv6 ones, where there are no others.
pub const V4MAPPED: i32 = 0x08;
/// AI_ALL: with AI_V4MAPPED, both.
pub const ALL: i32 = 0x10;
/// AI_ADDRCONFIG: only families that the kernel has addresses of.
pub const ADDRCONFIG: i32 = 0x20;
/// AI_IDN: the node may be an internationalized name.
pub const IDN: i32 = 0x40;
/// AI_CANONIDN: the canonical name is to be shown as an internationalized name.
pub const CANONIDN: i32 = 0x80;
/// AI_NUMERICSERV: the service is no name.
pub const NUMERICSERV: i32 = 0x400;
/// Flags that glibc takes and ignores (AI_IDN_ALLOW_UNASSIGNED, AI_IDN_USE_STD3_ASCII_RULES).
const DEPRECATED: i32 = 0x300;
const KNOWN: i32 =
    PASSIVE | CANONNAME | NUMERICHOST | V4MAPPED | ALL | ADDRCONFIG | IDN | CANONIDN | NUMERICSERV | DEPRECATED;

/// Why getaddrinfo or getnameinfo fails (the EAI_ numbers of netdb.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the name of its number
pub enum GaiError {
    BadFlags,
    NoName,
    Again,
    NoData,
    Family,
    SockType,
    Service,
    AddrFamily,
    System(Errno),
    Overflow,
    IdnEncode,
}

impl GaiError {
    /// The number.
    pub fn code(self) -> i32 {
        match self {
            GaiError::BadFlags => -1,
            GaiError::NoName => -2,
            GaiError::Again => -3,
            GaiError::NoData => -5,
            GaiError::Family => -6,
            GaiError::SockType => -7,
            GaiError::Service => -8,
            GaiError::AddrFamily => -9,
            GaiError::System(_) => -11,
            GaiError::Overflow => -12,
            GaiError::IdnEncode => -105,
        }
    }
}

impl From<NameError> for GaiError {
    fn from(error: NameError) -> GaiError {
        match error {
            // glibc says of an answer that is an error, too, that the name is unknown.
            NameError::NotFound | NameError::NoRecovery => GaiError::NoName,
            NameError::TryAgain => GaiError::Again,
            NameError::NoData => GaiError::NoData,
            NameError::System(errno) => GaiError::System(errno),
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The host.
    pub node: Option<&'a str>,
    /// The service: a name or a port.
    pub service: Option<&'a str>,
    /// AI_ flags.
    pub flags: i32,
    /// AF_INET, AF_INET6 or AF_UNSPEC.
    pub family: i32,
    /// SOCK_ type, 0 for any.
    pub kind: i32,
    /// IPPROTO_, 0 for any.
    pub protocol: i32,
}

/// A socket that can be made and connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// SOCK_ type.
    pub kind: i32,
    /// IPPROTO_.
    pub protocol: i32,
    /// Where to.
    pub address: SocketAddr,
}

/// What getaddrinfo gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// At least one, the best first.
    pub entries: Vec<Entry>,
    /// With AI_CANONNAME.
    pub canonical: Option<String>,
}

/// What names and addresses are looked up in.
pub trait Lookup {
    /// The addresses of a name.
    fn by_name(&self, name: &str, families: Families) -> Result<Host, NameError>;
    /// The names of an address.
    fn by_address(&self, address: IpAddr) -> Result<Host, NameError>;
    /// The address that the kernel would send to `destination` from.
    fn source(&self, destination: IpAddr) -> Option<Source>;
    /// The families that the kernel has addresses of, the loopback's left out.
    fn configured(&self) -> Families;
    /// The interface of a name.
    fn interface_index(&self, name: &str) -> Option<u32>;
    /// The name of an interface.
    fn interface_name(&self, index: u32) -> Option<String>;
    /// The port of a service.
    fn port(&self, service: &str, protocol: &str) -> Option<u16> {
        services::port(service, protocol)
    }
    /// The service of a port.
    fn service(&self, port: u16, protocol: &str) -> Option<String> {
        services::name(port, protocol)
    }
    /// The kernel's own name.
    fn hostname(&self) -> String;
}

/// getaddrinfo(3).
///
/// # Errors
/// glibc's, in glibc's order of checks.
pub fn getaddrinfo(request: &Request<'_>, lookup: &dyn Lookup) -> Result<Answer, GaiError> {
    let node = request.node.filter(|&node| node != "*");
    let service = request.service.filter(|&service| service != "*");
    if node.is_none() && service.is_none() {
        return Err(GaiError::NoName);
    }
    if request.flags & !KNOWN != 0 || (request.flags & CANONNAME != 0 && node.is_none()) {
        return Err(GaiError::BadFlags);
    }
    if ![libc::AF_UNSPEC, libc::AF_INET, libc::AF_INET6].contains(&request.family) {
        return Err(GaiError::Family);
    }
    let request = &Request { family: configured_family(request, lookup)?, ..*request };
    let sockets = sockets(request, service, lookup)?;
    let Some(node) = node else {
        return Ok(Answer { entries: entries(&local(request), &sockets), canonical: None });
    };
    let host = host(request, node, lookup)?;
    Ok(Answer {
        entries: entries(&host.addresses, &sockets),
        canonical: (request.flags & CANONNAME != 0).then(|| shown_name(&host.name, request.flags)),
    })
}

/// AI_ADDRCONFIG: the family that is asked for, or the only one that there is.
fn configured_family(request: &Request<'_>, lookup: &dyn Lookup) -> Result<i32, GaiError> {
    if request.flags & ADDRCONFIG == 0 {
        return Ok(request.family);
    }
    let configured = lookup.configured();
    match request.family {
        // Without any, glibc does not narrow it down.
        libc::AF_UNSPEC if configured.v4 != configured.v6 => {
            Ok(if configured.v4 { libc::AF_INET } else { libc::AF_INET6 })
        }
        libc::AF_INET if !configured.v4 => Err(GaiError::NoName),
        libc::AF_INET6 if !configured.v6 => Err(GaiError::NoName),
        family => Ok(family),
    }
}

fn entries(addresses: &[SocketAddr], sockets: &[SocketKind]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for &address in addresses {
        for socket in sockets {
            let mut address = address;
            address.set_port(socket.port);
            entries.push(Entry { kind: socket.kind, protocol: socket.protocol, address });
        }
    }
    entries
}

/// Without a node: what to bind to, or the loopback.
fn local(request: &Request<'_>) -> Vec<SocketAddr> {
    // In the order into which RFC 6724 brings them, as glibc has it.
    let both: [IpAddr; 2] = match request.flags & PASSIVE != 0 {
        true => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        false => [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()],
    };
    let families = families(request.family);
    both.into_iter().filter(|address| families.contains(address)).map(|address| SocketAddr::new(address, 0)).collect()
}

fn families(family: i32) -> Families {
    match family {
        libc::AF_INET => Families::V4,
        libc::AF_INET6 => Families::V6,
        _ => Families::BOTH,
    }
}

struct Found {
    name: String,
    addresses: Vec<SocketAddr>,
}

fn host(request: &Request<'_>, node: &str, lookup: &dyn Lookup) -> Result<Found, GaiError> {
    let ascii;
    let name = if request.flags & IDN != 0 && !node.is_ascii() {
        ascii = Name::from_utf8(node).map_err(|_| GaiError::IdnEncode)?.to_ascii();
        &ascii
    } else {
        node
    };
    if let Some(address) = numeric::address(name) {
        let zone = zone(name, address, lookup)?;
        return Ok(Found { name: node.to_owned(), addresses: vec![literal(request, address, zone)?] });
    }
    if request.flags & NUMERICHOST != 0 || name.is_empty() {
        return Err(GaiError::NoName);
    }
    let mapped = request.family == libc::AF_INET6 && request.flags & V4MAPPED != 0;
    let mut host = lookup.by_name(name, if mapped { Families::BOTH } else { families(request.family) })?;
    if mapped {
        let v6 = host.addresses.iter().any(IpAddr::is_ipv6);
        host.addresses.retain(|address| address.is_ipv6() || !v6 || request.flags & ALL != 0);
        host.addresses.iter_mut().for_each(|address| {
            if let IpAddr::V4(v4) = *address {
                *address = v4.to_ipv6_mapped().into();
            }
        });
    }
    let addresses = in_order(host.addresses, lookup);
    // The name is known, but not with an address that a socket can be made for.
    if addresses.is_empty() { Err(GaiError::NoData) } else { Ok(Found { name: host.name, addresses }) }
}

/// The scope of an address in numbers: an interface, by name where the address is of one link, or a number.
fn zone(text: &str, address: IpAddr, lookup: &dyn Lookup) -> Result<u32, GaiError> {
    let (Some((_, zone)), IpAddr::V6(address)) = (text.split_once('%'), address) else { return Ok(0) };
    let named = if is_of_link(address) { lookup.interface_index(zone) } else { None };
    named.or_else(|| zone.parse().ok()).ok_or(GaiError::NoName)
}

/// Link-local, or a group of the link or the interface.
pub(super) fn is_of_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.is_multicast() && matches!(address.octets()[1] & 0xf, 1 | 2)
}

/// A node in numbers.
fn literal(request: &Request<'_>, address: IpAddr, zone: u32) -> Result<SocketAddr, GaiError> {
    let plain = match address {
        IpAddr::V6(v6) if request.family == libc::AF_INET => v6.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(v4) if request.family == libc::AF_INET6 => {
            (request.flags & V4MAPPED != 0).then(|| v4.to_ipv6_mapped().into())
        }
        _ => Some(address),
    };
    match plain {
        Some(IpAddr::V4(v4)) => Ok(SocketAddr::new(v4.into(), 0)),
        Some(IpAddr::V6(v6)) => Ok(SocketAddrV6::new(v6, 0, 0, zone).into()),
        None => Err(GaiError::AddrFamily),
    }
}

fn in_order(mut addresses: Vec<IpAddr>, lookup: &dyn Lookup) -> Vec<SocketAddr> {
    // Those of the loopback are in order, and no kernel need boot for them.
    if addresses.len() > 1 && !addresses.iter().all(IpAddr::is_loopback) {
        order::sort(&mut addresses, |address| lookup.source(address));
    }
    addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect()
}

fn shown_name(name: &str, flags: i32) -> String {
    if flags & CANONIDN == 0 {
        return name.to_owned();
    }
    Name::from_ascii(name).map_or_else(|_| name.to_owned(), |name| name.to_utf8())
}

struct SocketKind {
    kind: i32,
    protocol: i32,
    port: u16,
}

/// A row of the kinds of sockets that glibc expands a request to, in its order.
struct Row {
    kind: i32,
    protocol: i32,
    /// Name of the protocol in services(5); none where a socket has no ports.
    name: Option<&'static str>,
    /// Given when neither type nor protocol is asked for.
    common: bool,
}

const SOCK_DCCP: i32 = 6;
const IPPROTO_ANY: i32 = 0;
const ROWS: &[Row] = &[
    Row { kind: libc::SOCK_STREAM, protocol: libc::IPPROTO_TCP, name: Some("tcp"), common: true },
    Row { kind: libc::SOCK_DGRAM, protocol: libc::IPPROTO_UDP, name: Some("udp"), common: true },
    Row { kind: SOCK_DCCP, protocol: libc::IPPROTO_DCCP, name: Some("dccp"), common: false },
    Row { kind: libc::SOCK_DGRAM, protocol: libc::IPPROTO_UDPLITE, name: Some("udplite"), common: false },
    Row { kind: libc::SOCK_STREAM, protocol: libc::IPPROTO_SCTP, name: Some("sctp"), common: false },
    Row { kind: libc::SOCK_SEQPACKET, protocol: libc::IPPROTO_SCTP, name: Some("sctp"), common: false },
    Row { kind: libc::SOCK_RAW, protocol: IPPROTO_ANY, name: None, common: true },
];

impl Row {
    fn fits(&self, request: &Request<'_>) -> bool {
        let takes_any = self.protocol == IPPROTO_ANY;
        (request.kind == 0 || request.kind == self.kind)
            && (request.protocol == 0 || takes_any || request.protocol == self.protocol)
    }

    fn socket(&self, request: &Request<'_>, port: u16) -> SocketKind {
        let protocol = if self.protocol == IPPROTO_ANY { request.protocol } else { self.protocol };
        SocketKind { kind: self.kind, protocol, port }
    }

    fn named(&self, service: &str, request: &Request<'_>, lookup: &dyn Lookup) -> Option<SocketKind> {
        lookup.port(service, self.name?).map(|port| self.socket(request, port))
    }
}

/// Which sockets a request may mean, with their ports.
fn sockets(request: &Request<'_>, service: Option<&str>, lookup: &dyn Lookup) -> Result<Vec<SocketKind>, GaiError> {
    let service = service.filter(|service| !service.is_empty());
    let port = service.and_then(port_number);
    if service.is_some() && port.is_none() && request.flags & NUMERICSERV != 0 {
        return Err(GaiError::NoName);
    }
    let any = request.kind == 0 && request.protocol == 0;
    if any {
        let rows = ROWS.iter();
        let sockets: Vec<SocketKind> = match (service, port) {
            (Some(service), None) => rows.filter_map(|row| row.named(service, request, lookup)).collect(),
            (_, port) => rows.filter(|row| row.common).map(|row| row.socket(request, port.unwrap_or(0))).collect(),
        };
        return if sockets.is_empty() { Err(GaiError::Service) } else { Ok(sockets) };
    }
    // The first row that fits is the one that is meant.
    let unknown = if request.kind != 0 { GaiError::SockType } else { GaiError::Service };
    let row = ROWS.iter().find(|row| row.fits(request)).ok_or(unknown)?;
    let socket = match (service, port) {
        (None, _) => row.socket(request, 0),
        (Some(_), _) if row.name.is_none() => return Err(GaiError::Service),
        (Some(_), Some(port)) => row.socket(request, port),
        (Some(service), None) => row.named(service, request, lookup).ok_or(GaiError::Service)?,
    };
    Ok(vec![socket])
}

/// A port in decimal, as strtoul(3) reads it; above 65535 glibc cuts it to 16 bits.
fn port_number(text: &str) -> Option<u16> {
    let digits = text.trim_ascii_start();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i32>().ok().map(|port| port as u16)
}
