//! What a program puts between the fixed IP header and the transport's: options of IPv4 (RFC 791 §3.1), extension headers of
//! IPv6 (RFC 8200 §4, RFC 3542 §6 to §9).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::{array, ipv4_options, ipv6};

/// Of both families; a packet has those of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderOptions {
    /// IP_OPTIONS, as [`ipv4_options::normalized`] gives them.
    pub v4: Vec<u8>,
    /// IPV6_HOPOPTS: whole extension headers, whose first bytes do not count.
    pub hop_by_hop: Vec<u8>,
    /// IPV6_RTHDRDSTOPTS: for each stop of the way; nothing without a routing header.
    pub before_routing: Vec<u8>,
    /// IPV6_RTHDR, of type 4 (RFC 8754).
    pub routing: Vec<u8>,
    /// IPV6_DSTOPTS: for the destination alone, and fragmented with what follows.
    pub destination: Vec<u8>,
}

/// Extension headers as they stand in a packet.
pub(super) struct Chain {
    /// What the fixed header says follows.
    pub(super) first: u8,
    /// Those that every fragment has (RFC 8200 §4.5).
    pub(super) unfragmentable: Vec<u8>,
    /// Where in them the field is that says what follows them, if there are any.
    pub(super) last_at: Option<usize>,
    /// What the fragmentable part begins with.
    pub(super) inner: u8,
    pub(super) fragmentable: Vec<u8>,
}

impl HeaderOptions {
    /// Are there any?
    pub fn is_empty(&self) -> bool {
        self.len(true) + self.len(false) == 0
    }

    /// Bytes of those that a packet of IPv4, or of IPv6, has.
    pub fn len(&self, v4: bool) -> usize {
        if v4 {
            return self.v4.len();
        }
        let routed = if self.routing.is_empty() { 0 } else { self.before_routing.len() + self.routing.len() };
        self.hop_by_hop.len() + routed + self.destination.len()
    }

    /// Where a packet to `dst` goes first: where a source route begins.
    pub(crate) fn first_stop(&self, dst: IpAddr) -> IpAddr {
        match dst {
            IpAddr::V4(_) => ipv4_options::first_stop(&self.v4).map_or(dst, IpAddr::V4),
            IpAddr::V6(_) if self.routing.is_empty() => dst,
            IpAddr::V6(_) => match self.next_segment() {
                None | Some(0) => dst,
                Some(n) => Ipv6Addr::from(array::<16>(&self.routing, 8 + 16 * n)).into(),
            },
        }
    }

    /// As they leave with a packet to `dst`, sent by `ours` at `time`.
    pub(super) fn leaving_v4(&self, ours: Ipv4Addr, dst: Ipv4Addr, time: u32) -> Vec<u8> {
        let mut options = self.v4.clone();
        ipv4_options::shift_route(&mut options, dst);
        // Those that make no sense were refused when they were set.
        let _ = ipv4_options::record(&mut options, ours, |addr| addr == ours, time, false);
        options
    }

    /// Before a transport of this kind, to `dst`.
    pub(super) fn chain(&self, protocol: u8, dst: Ipv6Addr) -> Chain {
        let mut routing = self.routing.clone();
        if !routing.is_empty() {
            routing[8..24].copy_from_slice(&dst.octets());
        }
        let before: &[u8] = if routing.is_empty() { &[] } else { &self.before_routing };
        let headers =
            [(ipv6::HOP_BY_HOP, &self.hop_by_hop[..]), (ipv6::DESTINATION_OPTIONS, before), (ipv6::ROUTING, &routing)];
        let inner = if self.destination.is_empty() { protocol } else { ipv6::DESTINATION_OPTIONS };
        let mut chain = Chain {
            first: inner,
            unfragmentable: Vec::new(),
            last_at: None,
            inner,
            fragmentable: self.destination.clone(),
        };
        if let Some(next) = chain.fragmentable.first_mut() {
            *next = protocol;
        }
        for (kind, bytes) in headers.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            match chain.last_at {
                None => chain.first = kind,
                Some(at) => chain.unfragmentable[at] = kind,
            }
            chain.last_at = Some(chain.unfragmentable.len());
            chain.unfragmentable.extend_from_slice(bytes);
        }
        if let Some(at) = chain.last_at {
            chain.unfragmentable[at] = inner;
        }
        chain
    }

    /// Which segment of the routing header is next.
    fn next_segment(&self) -> Option<usize> {
        self.routing.get(3).map(|left| usize::from(*left))
    }
}

impl Chain {
    /// The unfragmentable part and what the fixed header says follows, where a fragment header comes behind.
    pub(super) fn before_fragment(mut self) -> (u8, Vec<u8>) {
        match self.last_at {
            None => self.first = ipv6::FRAGMENT,
            Some(at) => self.unfragmentable[at] = ipv6::FRAGMENT,
        }
        (self.first, self.unfragmentable)
    }
}
