//! Options of neighbour discovery messages (RFC 4861 §4.6, RFC 4191 §2.3, RFC 7527 §3.1, RFC 8106 §5).

use core::net::Ipv6Addr;

use super::super::{Malformed, array, be32};
use crate::link::Mac;

pub(super) mod kind {
    pub const SOURCE_LINK: u8 = 1;
    pub const TARGET_LINK: u8 = 2;
    pub const PREFIX: u8 = 3;
    pub const REDIRECTED: u8 = 4;
    pub const MTU: u8 = 5;
    pub const NONCE: u8 = 14;
    pub const ROUTE: u8 = 24;
    pub const RDNSS: u8 = 25;
    pub const DNSSL: u8 = 31;
}

/// Options whose lengths fit. Ones of an unknown kind, or too short for theirs, are passed over (§4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

/// An option that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt<'a> {
    /// The sender's link address.
    SourceLink(Mac),
    /// The target's link address.
    TargetLink(Mac),
    /// A prefix (§4.6.2).
    Prefix(Prefix),
    /// The link's MTU.
    Mtu(u32),
    /// What a solicitation for duplicate detection carries to be told from its own echo (RFC 7527 §3.1).
    Nonce(&'a [u8]),
    /// A route (RFC 4191 §2.3).
    Route {
        /// Its net.
        prefix: Ipv6Addr,
        /// The net's length.
        prefix_len: u8,
        /// 1 high, 0 medium, -1 low.
        preference: i8,
        /// Seconds.
        lifetime: u32,
    },
    /// Name servers (RFC 8106 §5.1).
    Rdnss {
        /// Seconds for which they may be used.
        lifetime: u32,
        /// 16 bytes each.
        servers: &'a [u8],
    },
    /// A search list (RFC 8106 §5.2).
    Dnssl {
        /// Seconds for which it may be used.
        lifetime: u32,
        /// Names as in RFC 1035 §3.1, padded with zeros.
        names: &'a [u8],
    },
}

/// A prefix that a router announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Its bits; those beyond its length mean nothing.
    pub prefix: Ipv6Addr,
    /// How many.
    pub prefix_len: u8,
    /// Its addresses are on the link.
    pub on_link: bool,
    /// Hosts may make addresses of it.
    pub autonomous: bool,
    /// Seconds; all ones: for ever.
    pub valid: u32,
    /// Seconds; all ones: for ever.
    pub preferred: u32,
}

impl<'a> Options<'a> {
    /// Reads options that fill `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Options<'a>, Malformed> {
        let mut rest = bytes;
        while !rest.is_empty() {
            // §6.1.1, §7.1.1: a message with an option of length zero is discarded.
            let len = 8 * usize::from(*rest.get(1).ok_or(Malformed::Truncated)?);
            if len == 0 {
                return Err(Malformed::Invalid);
            }
            rest = rest.get(len..).ok_or(Malformed::Truncated)?;
        }
        Ok(Options(bytes))
    }

    /// As they are in a message.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The options that we know.
    pub fn iter(self) -> impl Iterator<Item = Opt<'a>> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            while rest.len() >= 8 {
                let (option, after) = rest.split_at_checked(8 * usize::from(rest[1]))?;
                rest = after;
                if let Some(known) = known(option) {
                    return Some(known);
                }
            }
            None
        })
    }

    /// The sender's link address.
    pub fn source_link(self) -> Option<Mac> {
        self.iter().find_map(|option| if let Opt::SourceLink(mac) = option { Some(mac) } else { None })
    }

    /// The target's link address.
    pub fn target_link(self) -> Option<Mac> {
        self.iter().find_map(|option| if let Opt::TargetLink(mac) = option { Some(mac) } else { None })
    }

    /// The nonce of duplicate detection.
    pub fn nonce(self) -> Option<&'a [u8]> {
        self.iter().find_map(|option| if let Opt::Nonce(nonce) = option { Some(nonce) } else { None })
    }
}

fn known(option: &[u8]) -> Option<Opt<'_>> {
    let link = || Mac(array(option, 2));
    Some(match (option[0], option.len()) {
        (kind::SOURCE_LINK, 8) => Opt::SourceLink(link()),
        (kind::TARGET_LINK, 8) => Opt::TargetLink(link()),
        (kind::PREFIX, 32) => Opt::Prefix(Prefix {
            prefix_len: option[2],
            on_link: option[3] & 0x80 != 0,
            autonomous: option[3] & 0x40 != 0,
            valid: be32(option, 4),
            preferred: be32(option, 8),
            prefix: Ipv6Addr::from(array::<16>(option, 16)),
        }),
        (kind::MTU, 8) => Opt::Mtu(be32(option, 4)),
        (kind::NONCE, _) => Opt::Nonce(&option[2..]),
        (kind::ROUTE, 8 | 16 | 24) => {
            let mut prefix = [0; 16];
            prefix[..option.len() - 8].copy_from_slice(&option[8..]);
            // RFC 4191 §2.3: with the reserved value the option is ignored.
            let preference = preference(option[3])?;
            Opt::Route { prefix: Ipv6Addr::from(prefix), prefix_len: option[2], preference, lifetime: be32(option, 4) }
        }
        (kind::RDNSS, 24..) => {
            let servers = &option[8..];
            Opt::Rdnss { lifetime: be32(option, 4), servers: &servers[..servers.len() & !15] }
        }
        (kind::DNSSL, 16..) => Opt::Dnssl { lifetime: be32(option, 4), names: &option[8..] },
        _ => return None,
    })
}

/// The preference in the byte that holds it (RFC 4191 §2.1); `None` of the reserved value.
pub(super) fn preference(byte: u8) -> Option<i8> {
    [Some(0), Some(1), None, Some(-1)][usize::from(byte >> 3 & 3)]
}

pub(super) fn preference_bits(preference: i8) -> u8 {
    (preference.signum() as u8 & 3) << 3
}

/// Options one behind the other, as [`Options::parse`] reads them.
pub fn emit_options(options: &[Opt<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for option in options {
        put(&mut out, option);
    }
    out
}

fn put(out: &mut Vec<u8>, option: &Opt<'_>) {
    match *option {
        Opt::SourceLink(mac) => put_link(out, kind::SOURCE_LINK, mac),
        Opt::TargetLink(mac) => put_link(out, kind::TARGET_LINK, mac),
        Opt::Prefix(Prefix { prefix, prefix_len, on_link, autonomous, valid, preferred }) => {
            out.extend([kind::PREFIX, 4, prefix_len, u8::from(on_link) << 7 | u8::from(autonomous) << 6]);
            out.extend([valid, preferred, 0].map(u32::to_be_bytes).as_flattened());
            out.extend(prefix.octets());
        }
        Opt::Mtu(mtu) => {
            out.extend([kind::MTU, 1, 0, 0]);
            out.extend(mtu.to_be_bytes());
        }
        Opt::Nonce(nonce) => put_padded(out, kind::NONCE, &[], nonce),
        Opt::Route { prefix, prefix_len, preference, lifetime } => {
            let bytes = usize::from(prefix_len.min(128)).div_ceil(64) * 8;
            let head = [prefix_len, preference_bits(preference)];
            put_padded(out, kind::ROUTE, &with_lifetime(head, lifetime), &prefix.octets()[..bytes]);
        }
        Opt::Rdnss { lifetime, servers } => put_padded(out, kind::RDNSS, &with_lifetime([0; 2], lifetime), servers),
        Opt::Dnssl { lifetime, names } => put_padded(out, kind::DNSSL, &with_lifetime([0; 2], lifetime), names),
    }
}

/// An option of these fields and a body, filled up to whole units with zeros.
fn put_padded(out: &mut Vec<u8>, kind: u8, fields: &[u8], body: &[u8]) {
    let end = out.len() + (2 + fields.len() + body.len()).next_multiple_of(8);
    out.extend([kind, ((end - out.len()) / 8) as u8]);
    out.extend(fields);
    out.extend(body);
    out.resize(end, 0);
}

fn with_lifetime([a, b]: [u8; 2], lifetime: u32) -> [u8; 6] {
    let [c, d, e, f] = lifetime.to_be_bytes();
    [a, b, c, d, e, f]
}

pub(super) fn put_link(out: &mut Vec<u8>, kind: u8, mac: Mac) {
    out.extend([kind, 1]);
    out.extend(mac.0);
}
