//! Routes: the longest matching prefix wins, then the lowest metric.

use core::net::IpAddr;
use core::ops::Range;

use crate::ip::{IpNet, bits, mask};
use crate::link::IfIndex;
use crate::socket::RouteError;

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destinations it is for; no bits set beyond the prefix.
    pub dst: IpNet,
    /// The gateway, of the same family; `None` if the destinations are on the link.
    pub via: Option<IpAddr>,
    /// The interface to leave by.
    pub on: IfIndex,
    /// Among routes to the same net the lowest is used.
    pub metric: u32,
}

/// All routes, best first: IPv4 before IPv6, longest prefix, net, lowest metric, oldest.
#[derive(Default)]
pub(crate) struct Routes {
    list: Vec<Route>,
    /// Where in `list` the routes of one family and prefix length are, in the same order.
    lengths: Vec<(Length, Range<usize>)>,
    changes: u64,
}

/// A family (is it IPv6?) and a prefix length, as its distance from the longest.
type Length = (bool, u8);

fn length(dst: &IpNet) -> Length {
    (dst.addr.is_ipv6(), 128 - dst.prefix_len)
}

fn rank(route: &Route) -> (Length, u128, u32) {
    (length(&route.dst), bits(route.dst.addr), route.metric)
}

impl Routes {
    pub(crate) fn add(&mut self, route: Route) -> Result<(), RouteError> {
        let family = |addr: IpAddr| addr.is_ipv4() == route.dst.addr.is_ipv4();
        if route.dst.prefix_len > route.dst.max_prefix_len()
            || route.dst != route.dst.network()
            || !route.via.is_none_or(family)
        {
            return Err(RouteError::Invalid);
        }
        let at = self.list.partition_point(|other| rank(other) <= rank(&route));
        // Equals stand together, just before.
        if self.list[..at].iter().rev().take_while(|other| rank(other) == rank(&route)).any(|other| *other == route) {
            return Err(RouteError::Exists);
        }
        self.list.insert(at, route);
        self.index();
        Ok(())
    }

    pub(crate) fn remove(&mut self, route: &Route) -> Result<(), RouteError> {
        let at = self.list.iter().position(|other| other == route).ok_or(RouteError::NotFound)?;
        self.list.remove(at);
        self.index();
        Ok(())
    }

    pub(crate) fn remove_where(&mut self, gone: impl Fn(&Route) -> bool) {
        self.list.retain(|route| !gone(route));
        self.index();
    }

    /// The best route to `dst` by an interface that `usable` accepts.
    pub(crate) fn lookup(&self, dst: IpAddr, usable: impl Fn(IfIndex) -> bool) -> Option<&Route> {
        self.find(dst, |route| usable(route.on))
    }

    /// The best route to `dst` that `usable` accepts: a binary search for each prefix length in use.
    pub(crate) fn find(&self, dst: IpAddr, usable: impl Fn(&Route) -> bool) -> Option<&Route> {
        let (v6, bits_of_dst) = (dst.is_ipv6(), bits(dst));
        self.lengths.iter().filter(|((family, _), _)| *family == v6).find_map(|((_, from_longest), range)| {
            let routes = &self.list[range.clone()];
            let net = bits_of_dst & mask(128 - from_longest);
            let first = routes.partition_point(|route| bits(route.dst.addr) < net);
            routes[first..].iter().take_while(|route| bits(route.dst.addr) == net).find(|route| usable(route))
        })
    }

    pub(crate) fn as_slice(&self) -> &[Route] {
        &self.list
    }

    /// How often one came or went.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    fn index(&mut self) {
        self.changes += 1;
        self.lengths.clear();
        for (at, route) in self.list.iter().enumerate() {
            match self.lengths.last_mut() {
                Some((length_before, range)) if *length_before == length(&route.dst) => range.end = at + 1,
                _ => self.lengths.push((length(&route.dst), at..at + 1)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
