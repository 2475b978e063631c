//! Neighbour discovery messages and their options (RFC 4861 §4, RFC 8106), and the groups that they go to (RFC 4291).

use core::net::Ipv6Addr;

mod options;

pub use options::{Opt, Options, Prefix, emit_options};

use super::{Malformed, array, be16, be32, icmpv6, ipv6};
use crate::link::Mac;
use options::{kind, preference, preference_bits, put_link};

/// Every node on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Every router on the link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// Every node, by scope: of the host itself and of the link (RFC 4291 §2.7.1).
pub const NODES: [Ipv6Addr; 2] = [Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1), ALL_NODES];
/// Every router, by scope: of the host itself, of the link and of the site.
pub const ROUTERS: [Ipv6Addr; 3] =
    [Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 2), ALL_ROUTERS, Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 2)];
/// The hop limit of all messages: nobody beyond the link can send them (§3.1, §6.1, §7.1, §8.1).
pub const HOP_LIMIT: u8 = 255;

/// The group in which every owner of `addr` is (RFC 4291 §2.7.1).
pub fn solicited_node(addr: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = addr.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from(b) << 8 | u16::from(c))
}

/// A message that is well-formed. The caller has checked hop limit and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Who is a router here?
    RouterSolicitation(Options<'a>),
    /// A router says what it offers.
    RouterAdvertisement(RouterAdvertisement<'a>),
    /// Who has `target`?
    NeighborSolicitation {
        /// The address asked for.
        target: Ipv6Addr,
        /// Its options.
        options: Options<'a>,
    },
    /// The sender has `target`.
    NeighborAdvertisement {
        /// The address that is told of.
        target: Ipv6Addr,
        /// The sender is a router.
        router: bool,
        /// It answers a solicitation.
        solicited: bool,
        /// It overrides what is known.
        over: bool,
        /// Its options.
        options: Options<'a>,
    },
    /// A better first hop.
    Redirect {
        /// The first hop; the destination itself if that is on the link.
        target: Ipv6Addr,
        /// For this destination.
        destination: Ipv6Addr,
        /// Its options.
        options: Options<'a>,
    },
}

/// What a router offers (§4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterAdvertisement<'a> {
    /// Hop limit for packets, 0: not said.
    pub hop_limit: u8,
    /// Addresses by DHCPv6.
    pub managed: bool,
    /// Other configuration by DHCPv6.
    pub other: bool,
    /// Preference (RFC 4191 §2.2): 1 high, 0 medium, -1 low.
    pub preference: i8,
    /// Seconds for which the router is a default router, 0: it is none.
    pub lifetime: u16,
    /// Milliseconds for which a neighbour is reachable, 0: not said.
    pub reachable_time: u32,
    /// Milliseconds between solicitations, 0: not said.
    pub retransmit_time: u32,
    /// Its options.
    pub options: Options<'a>,
}

impl<'a> Message<'a> {
    /// Reads the message of an ICMPv6 type and code (`bytes`: all of it from the type on). `None` if it is another kind.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<Message<'a>>, Malformed> {
        if bytes.len() < icmpv6::HEADER_LEN {
            return Err(Malformed::Truncated);
        }
        let fixed = match bytes[0] {
            icmpv6::ROUTER_SOLICITATION => 8,
            icmpv6::ROUTER_ADVERTISEMENT => 16,
            icmpv6::NEIGHBOR_SOLICITATION | icmpv6::NEIGHBOR_ADVERTISEMENT => 24,
            icmpv6::REDIRECT => 40,
            _ => return Ok(None),
        };
        if bytes[1] != 0 {
            return Err(Malformed::Invalid);
        }
        let Some((head, options)) = bytes.split_at_checked(fixed) else { return Err(Malformed::Truncated) };
        let options = Options::parse(options)?;
        let target = |at| Ipv6Addr::from(array::<16>(head, at));
        let message = match bytes[0] {
            icmpv6::ROUTER_SOLICITATION => Message::RouterSolicitation(options),
            icmpv6::ROUTER_ADVERTISEMENT => Message::RouterAdvertisement(RouterAdvertisement {
                hop_limit: head[4],
                managed: head[5] & 0x80 != 0,
                other: head[5] & 0x40 != 0,
                // RFC 4191 §2.2: the reserved value is taken for medium.
                preference: preference(head[5]).unwrap_or(0),
                lifetime: be16(head, 6),
                reachable_time: be32(head, 8),
                retransmit_time: be32(head, 12),
                options,
            }),
            icmpv6::NEIGHBOR_SOLICITATION => Message::NeighborSolicitation { target: target(8), options },
            icmpv6::NEIGHBOR_ADVERTISEMENT => Message::NeighborAdvertisement {
                target: target(8),
                router: head[4] & 0x80 != 0,
                solicited: head[4] & 0x40 != 0,
                over: head[4] & 0x20 != 0,
                options,
            },
            _ => Message::Redirect { target: target(8), destination: target(24), options },
        };
        Ok(Some(message))
    }
}

impl RouterAdvertisement<'_> {
    /// The message, checksum zero.
    pub fn emit(&self) -> Vec<u8> {
        let flags = u8::from(self.managed) << 7 | u8::from(self.other) << 6 | preference_bits(self.preference);
        let [high, low] = self.lifetime.to_be_bytes();
        let rest = u32::from_be_bytes([self.hop_limit, flags, high, low]);
        let mut out = icmpv6::emit(icmpv6::ROUTER_ADVERTISEMENT, 0, rest).to_vec();
        out.extend(self.reachable_time.to_be_bytes());
        out.extend(self.retransmit_time.to_be_bytes());
        out.extend(self.options.bytes());
        out
    }
}

/// A router solicitation, checksum zero; with our link address unless the source is unspecified (§6.3.7).
pub fn router_solicitation(mac: Option<Mac>) -> Vec<u8> {
    let mut out = icmpv6::emit(icmpv6::ROUTER_SOLICITATION, 0, 0).to_vec();
    if let Some(mac) = mac {
        put_link(&mut out, kind::SOURCE_LINK, mac);
    }
    out
}

/// A neighbour solicitation, checksum zero; with our link address, or for duplicate detection a nonce.
pub fn neighbor_solicitation(target: Ipv6Addr, mac: Option<Mac>, nonce: Option<[u8; 6]>) -> Vec<u8> {
    let mut out = icmpv6::emit(icmpv6::NEIGHBOR_SOLICITATION, 0, 0).to_vec();
    out.extend(target.octets());
    if let Some(mac) = mac {
        put_link(&mut out, kind::SOURCE_LINK, mac);
    }
    if let Some(nonce) = nonce {
        put_link(&mut out, kind::NONCE, Mac(nonce)); // A nonce of six bytes has the same shape.
    }
    out
}

/// A neighbour advertisement, checksum zero.
pub fn neighbor_advertisement(target: Ipv6Addr, mac: Mac, router: bool, solicited: bool, over: bool) -> Vec<u8> {
    let flags = u32::from(router) << 31 | u32::from(solicited) << 30 | u32::from(over) << 29;
    let mut out = icmpv6::emit(icmpv6::NEIGHBOR_ADVERTISEMENT, 0, flags).to_vec();
    out.extend(target.octets());
    put_link(&mut out, kind::TARGET_LINK, mac);
    out
}

/// A redirect, checksum zero: packets to `destination`, as `packet` was, should go by `target`, whose link address is `link`
/// if that is known. The packet is quoted as far as the smallest MTU allows (§4.6.3).
pub fn redirect(target: Ipv6Addr, destination: Ipv6Addr, link: Option<Mac>, packet: &[u8]) -> Vec<u8> {
    let mut out = icmpv6::emit(icmpv6::REDIRECT, 0, 0).to_vec();
    out.extend(target.octets());
    out.extend(destination.octets());
    if let Some(link) = link {
        put_link(&mut out, kind::TARGET_LINK, link);
    }
    let room = ipv6::MIN_MTU - ipv6::HEADER_LEN - out.len() - 8;
    let quoted = &packet[..packet.len().min(room) & !7];
    out.extend([kind::REDIRECTED, (1 + quoted.len() / 8) as u8, 0, 0, 0, 0, 0, 0]);
    out.extend(quoted);
    out
}
