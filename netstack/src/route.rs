//! Routes: the longest matching prefix wins, then the lowest metric.

use core::net::Ipv4Addr;

use crate::ip::Ipv4Net;
use crate::link::IfIndex;
use crate::socket::RouteError;

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destinations it is for; no bits set beyond the prefix.
    pub dst: Ipv4Net,
    /// The gateway; `None` if the destinations are on the link.
    pub via: Option<Ipv4Addr>,
    /// The interface to leave by.
    pub on: IfIndex,
    /// Among routes to the same net the lowest is used.
    pub metric: u32,
}

/// All routes, best first: longest prefix, then lowest metric, then oldest.
#[derive(Default)]
pub(crate) struct Routes(Vec<Route>);

impl Routes {
    pub(crate) fn add(&mut self, route: Route) -> Result<(), RouteError> {
        if route.dst.prefix_len > 32 || route.dst != route.dst.network() {
            return Err(RouteError::Invalid);
        }
        if self.0.contains(&route) {
            return Err(RouteError::Exists);
        }
        let rank = |r: &Route| (32 - r.dst.prefix_len, r.metric);
        let at = self.0.partition_point(|other| rank(other) <= rank(&route));
        self.0.insert(at, route);
        Ok(())
    }

    pub(crate) fn remove(&mut self, route: &Route) -> Result<(), RouteError> {
        let at = self.0.iter().position(|other| other == route).ok_or(RouteError::NotFound)?;
        self.0.remove(at);
        Ok(())
    }

    pub(crate) fn remove_where(&mut self, gone: impl Fn(&Route) -> bool) {
        self.0.retain(|route| !gone(route));
    }

    /// The best route to `dst` by an interface that `usable` accepts.
    pub(crate) fn lookup(&self, dst: Ipv4Addr, usable: impl Fn(IfIndex) -> bool) -> Option<&Route> {
        self.0.iter().find(|route| route.dst.contains(dst) && usable(route.on))
    }

    pub(crate) fn as_slice(&self) -> &[Route] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
