//! Addresses written as numbers, as inet_aton(3) and inet_pton(3) read them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address in numbers; an IPv6 address may have a `%scope`, which is not looked at.
pub fn address(text: &str) -> Option<IpAddr> {
    ipv4(text).map(IpAddr::V4).or_else(|| ipv6(text).map(IpAddr::V6))
}

/// inet_aton(3): `a.b.c.d`, `a.b.c`, `a.b` or `a`, each decimal, octal (`0…`) or hexadecimal (`0x…`); the last part fills the
/// bytes that are left.
pub fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = [0u32; 4];
    let mut count = 0;
    for part in text.split('.') {
        *parts.get_mut(count)? = number(part)?;
        count += 1;
    }
    let (last, leading) = parts.get(..count)?.split_last()?;
    let mut address = 0u32;
    for (index, &part) in leading.iter().enumerate() {
        address |= u32::from(u8::try_from(part).ok()?) << (24 - 8 * index);
    }
    let room = 32 - 8 * leading.len();
    (u64::from(*last) < 1 << room).then(|| Ipv4Addr::from(address | last))
}

fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None; // from_str_radix would take a sign
    }
    u32::from_str_radix(digits, radix).ok()
}

fn ipv6(text: &str) -> Option<Ipv6Addr> {
    text.split_once('%').map_or(text, |(address, _scope)| address).parse().ok()
}
