//! Values of `RUMP_NET` keys: from text, and back.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::error::Refusal;
use super::net::{AddrSpec, host_mask, is_host};
use super::variables::decimal;

const DNS_PORT: u16 = 53;

pub(super) fn secret(value: &str) -> Result<[u8; 16], Refusal> {
    if value.len() != 32 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::Form);
    }
    match u128::from_str_radix(value, 16) {
        Ok(0) | Err(_) => Err(Refusal::because("zeros are no secret")),
        Ok(bits) => Ok(bits.to_be_bytes()),
    }
}

pub(super) fn switch(value: &str) -> Result<bool, Refusal> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Refusal::Form),
    }
}

pub(super) fn one<T: ToString>(value: &Option<T>) -> Vec<String> {
    value.iter().map(T::to_string).collect()
}

pub(super) fn address(text: &str, finds_free_address: bool) -> Result<AddrSpec, Refusal> {
    match text {
        "dhcp" => return Ok(AddrSpec::Dhcp),
        "auto" => return Ok(AddrSpec::Auto),
        _ => {}
    }
    let Some((address, prefix)) = text.split_once('/') else {
        let known: Result<IpAddr, _> = text.parse();
        return Err(known.map_or(Refusal::Form, |_| Refusal::because("the prefix length is missing")));
    };
    if let Ok(address) = address.parse() {
        let prefix = decimal(prefix).and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=128).contains(n));
        return Ok(AddrSpec::Static6(unicast6(address)?, prefix.ok_or(Refusal::Form)?));
    }
    let address = unicast(address.parse().map_err(|_| Refusal::Form)?)?;
    let prefix =
        decimal(prefix).and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=32).contains(n)).ok_or(Refusal::Form)?;
    if is_host(address, prefix) {
        return Ok(AddrSpec::Static(address, prefix));
    }
    if address.to_bits() & host_mask(prefix) != 0 {
        return Err(Refusal::because("that is the broadcast address of its network"));
    }
    match finds_free_address {
        true => Ok(AddrSpec::AnyOf(address, prefix)),
        false => Err(Refusal::because(
            "that is a network without a host part, and a free address can be found on shmif only",
        )),
    }
}

/// The same of IPv6. Addresses that stand for IPv4 ones are written as those.
pub(super) fn unicast6(address: Ipv6Addr) -> Result<Ipv6Addr, Refusal> {
    if address.is_unspecified() || address.is_multicast() || address.to_ipv4_mapped().is_some() {
        return Err(Refusal::because("that is no address of one host"));
    }
    if address.is_loopback() {
        return Err(Refusal::because("::1 is every kernel's own loopback"));
    }
    Ok(address)
}

/// Not an address that no single host can have, nor one of every kernel's own loopback.
pub(super) fn unicast(address: Ipv4Addr) -> Result<Ipv4Addr, Refusal> {
    match address.octets() {
        [0, ..] => Err(Refusal::because("0.0.0.0/8 means this network (RFC 791 §3.2) and is no host's address")),
        [127, ..] => Err(Refusal::because("127.0.0.0/8 is the loopback, which every kernel has for itself")),
        [224..=239, ..] => Err(Refusal::because("224.0.0.0/4 is for multicast groups")),
        [255, 255, 255, 255] => Err(Refusal::because("that is the broadcast address")),
        _ => Ok(address),
    }
}

pub(super) fn mac(text: &str) -> Result<[u8; 6], Refusal> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part = parts.next().unwrap_or_default();
        let hexadecimal = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
        *byte = u8::from_str_radix(part, 16).ok().filter(|_| hexadecimal).ok_or(Refusal::Form)?;
    }
    match (parts.next(), bytes) {
        (Some(_), _) => Err(Refusal::Form),
        (None, [0, 0, 0, 0, 0, 0]) => Err(Refusal::because("that address is nobody's")),
        (None, [first, ..]) if first & 1 != 0 => {
            Err(Refusal::because("its first byte is odd, which means a group and not a station"))
        }
        (None, bytes) => Ok(bytes),
    }
}

pub(super) fn path(text: &str) -> Result<PathBuf, Refusal> {
    if text.is_empty() { Err(Refusal::because("the path is missing")) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn server(text: &str) -> Result<SocketAddr, Refusal> {
    let with_port = |(address, port): (&str, &str)| {
        let address = address.strip_prefix('[').map_or(Some(address), |address| address.strip_suffix(']'))?;
        let port = decimal(port).and_then(|n| u16::try_from(n).ok()).filter(|&port| port != 0)?;
        Some(SocketAddr::new(address.parse().ok()?, port))
    };
    let plain = text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, DNS_PORT));
    let server = plain.or_else(|| with_port(text.rsplit_once(':')?)).ok_or(Refusal::Form)?;
    let broadcast = server.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
    if server.ip().is_unspecified() || server.ip().is_multicast() || broadcast {
        return Err(Refusal::because("no server can have that address"));
    }
    Ok(server)
}

pub(super) fn show_server(server: &SocketAddr) -> String {
    if server.port() == DNS_PORT { server.ip().to_string() } else { server.to_string() }
}

/// RFC 1123 §2.1, and the underscore that real networks have; labels of at most 63 octets (RFC 1035 §2.3.4).
pub(super) fn domain(text: &str, longest: usize) -> Result<String, Refusal> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let label =
        |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(plain) && !l.starts_with('-') && !l.ends_with('-');
    if text.len() <= longest && text.split('.').all(label) { Ok(text.to_owned()) } else { Err(Refusal::Form) }
}
