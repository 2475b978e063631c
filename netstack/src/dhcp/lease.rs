//! What a server gives: an address for a time, and how to use the network with it.

use core::net::Ipv4Addr;
use core::time::Duration;

use crate::ip::{Ipv4Net, is_unicast};
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::array;
use crate::wire::dhcp::{Message, option};

/// The lease time that means for ever (RFC 2131 §3.3).
const INFINITE: u32 = u32::MAX;
/// Shorter leases are refused, in seconds, and T1 is not earlier, in milliseconds: else a server could keep us asking.
const MIN_LEASE: u32 = 10;
const MIN_RENEW: u64 = 1000;
/// MTUs below are not believed: every host takes datagrams of so many bytes (RFC 791 §3.1), and a forged 68 would cut
/// everything to pieces.
const MIN_MTU: u16 = 576;
/// T1 and T2 come up to so much earlier than said.
const FUZZ_PER_MILLE: u32 = 40;
/// Entries of each list that are used at most.
pub(super) const MAX_ENTRIES: usize = 64;

/// A route that came with a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasedRoute {
    /// Destinations it is for.
    pub dst: Ipv4Net,
    /// The gateway; `None` if the destinations are on the link.
    pub via: Option<Ipv4Addr>,
}

/// What a DHCP server gave to an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address with its net.
    pub addr: Ipv4Net,
    /// The server.
    pub server: Ipv4Addr,
    /// Routes besides that of the net: the classless ones, else one by the first router (RFC 3442).
    pub routes: Vec<LeasedRoute>,
    /// DNS servers, best first.
    pub dns: Vec<Ipv4Addr>,
    /// Domains to look up short names in: the search list, else the domain.
    pub search: Vec<String>,
    /// Bytes of the largest packet that the network carries.
    pub mtu: Option<u16>,
    /// When the client asks its server for more time (T1); `None`: never, as the lease is for ever.
    pub renew: Option<Instant>,
    /// When it asks any server (T2).
    pub rebind: Option<Instant>,
    /// When the address must not be used any more.
    pub expires: Option<Instant>,
}

impl Lease {
    /// Reads an acknowledgement of what was asked for at `asked` (RFC 2131 §4.4.1: the lease counts from there). None if
    /// it lacks what it must have, or gives what no host can have.
    pub(crate) fn of_ack(message: &Message, asked: Instant, rng: &mut Rng) -> Option<Lease> {
        let addr = message.yiaddr;
        if !is_unicast(addr) || addr.is_loopback() {
            return None;
        }
        let server = message.addr(option::SERVER_ID)?;
        let seconds = message.u32(option::LEASE_TIME).filter(|seconds| *seconds >= MIN_LEASE)?;
        let addr = Ipv4Net { addr, prefix_len: prefix_len(message, addr) };
        let [renew, rebind, expires] = times(message, seconds, rng).map(|time| time.map(|time| asked + time));
        Some(Lease {
            addr,
            server,
            routes: routes(message),
            dns: message.addrs(option::DNS_SERVERS).filter(|addr| is_unicast(*addr)).take(MAX_ENTRIES).collect(),
            search: search(message),
            mtu: message.u16(option::INTERFACE_MTU).filter(|mtu| *mtu >= MIN_MTU),
            renew,
            rebind,
            expires,
        })
    }
}

/// The subnet mask, else that of the address's class.
fn prefix_len(message: &Message, addr: Ipv4Addr) -> u8 {
    let mask = message.addr(option::SUBNET_MASK).map(Ipv4Addr::to_bits);
    match mask.filter(|mask| *mask != 0 && mask.leading_ones() + mask.trailing_zeros() == 32) {
        Some(mask) => mask.leading_ones() as u8,
        None => match addr.octets()[0] {
            0..128 => 8,
            128..192 => 16,
            _ => 24,
        },
    }
}

/// T1, T2 and the end (RFC 2131 §4.4.5). Times that are not in order are replaced by the usual ones.
fn times(message: &Message, seconds: u32, rng: &mut Rng) -> [Option<Duration>; 3] {
    if seconds == INFINITE {
        return [None; 3];
    }
    let lease = u64::from(seconds) * 1000;
    let given = |number| message.u32(number).map(|seconds| u64::from(seconds) * 1000);
    let (t1, t2) = match (given(option::RENEWAL_TIME), given(option::REBINDING_TIME)) {
        (t1, Some(t2)) if t2 <= lease && t1.is_none_or(|t1| t1 <= t2) => (t1.unwrap_or(t2 / 2), t2),
        (Some(t1), None) if t1 <= lease / 8 * 7 => (t1, lease / 8 * 7),
        _ => (lease / 2, lease / 8 * 7),
    };
    // Fuzz, so that many clients of one server do not ask all at once.
    let mut earlier = |time: u64| time - time * u64::from(rng.below(FUZZ_PER_MILLE)) / 1000;
    let (t1, t2) = (earlier(t1).max(MIN_RENEW), earlier(t2));
    [t1, t2.max(t1), lease].map(|time| Some(Duration::from_millis(time)))
}

fn routes(message: &Message) -> Vec<LeasedRoute> {
    // RFC 3442: who gets classless routes must ignore the router option.
    if let Some(bytes) = message.option(option::CLASSLESS_ROUTES)
        && let Some(routes) = classless(bytes)
    {
        return routes;
    }
    let router = message.addrs(option::ROUTERS).find(|router| is_unicast(*router));
    router.map(|via| LeasedRoute { dst: Ipv4Net::DEFAULT, via: Some(via) }).into_iter().collect()
}

/// RFC 3442: prefix length, as many bytes of the net as it needs, gateway. None if that is not what is there.
fn classless(mut bytes: &[u8]) -> Option<Vec<LeasedRoute>> {
    let mut routes = Vec::new();
    while let [prefix_len @ 0..=32, rest @ ..] = bytes {
        let significant = usize::from(prefix_len.div_ceil(8));
        if rest.len() < significant + 4 {
            return None;
        }
        let mut addr = [0; 4];
        addr[..significant].copy_from_slice(&rest[..significant]);
        let via = Ipv4Addr::from(array::<4>(rest, significant));
        // RFC 3442: bits beyond the mask are masked out; gateway 0.0.0.0 is the link.
        let dst = Ipv4Net { addr: Ipv4Addr::from(addr), prefix_len: *prefix_len }.network();
        if via.is_unspecified() || is_unicast(via) {
            routes.push(LeasedRoute { dst, via: (!via.is_unspecified()).then_some(via) });
        }
        bytes = &rest[significant + 4..];
    }
    routes.truncate(MAX_ENTRIES);
    (bytes.is_empty() && !routes.is_empty()).then_some(routes)
}

fn search(message: &Message) -> Vec<String> {
    let list = message.option(option::DOMAIN_SEARCH).map(domains).unwrap_or_default();
    if !list.is_empty() {
        return list;
    }
    let domain = message.option(option::DOMAIN_NAME).and_then(|name| core::str::from_utf8(name).ok());
    let domain = domain.map(|name| name.trim_end_matches('\0').trim_end_matches('.'));
    domain
        .filter(|name| name.len() <= 253 && name.split('.').all(|label| is_label(label.as_bytes())))
        .map(str::to_owned)
        .into_iter()
        .collect()
}

/// Domain names in the encoding of DNS, compressed within the option (RFC 1035 §4.1.4, RFC 3397 §2).
pub(crate) fn domains(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < bytes.len() && names.len() < MAX_ENTRIES {
        let Some((name, next)) = domain(bytes, at) else { break };
        if !name.is_empty() && name.len() <= 253 {
            names.push(name);
        }
        at = next;
    }
    names
}

/// The name at `at`, and where the next one begins.
fn domain(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut next = None;
    loop {
        let len = usize::from(*bytes.get(at)?);
        match len {
            0 => return Some((name, next.unwrap_or(at + 1))),
            1..=63 => {
                let label = bytes.get(at + 1..at + 1 + len).filter(|label| is_label(label))?;
                if !name.is_empty() {
                    name.push('.');
                }
                label.iter().for_each(|byte| name.push(char::from(*byte)));
                at += 1 + len;
            }
            192.. => {
                let to = (len & 0x3f) << 8 | usize::from(*bytes.get(at + 1)?);
                // Backwards only: a loop of pointers ends nowhere.
                if to >= at {
                    return None;
                }
                next = next.or(Some(at + 2));
                at = to;
            }
            _ => return None,
        }
        if name.len() > 255 {
            return None;
        }
    }
}

/// Nothing else may get into a search list: it ends in a resolver's files.
fn is_label(label: &[u8]) -> bool {
    (1..=63).contains(&label.len()) && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
}
