//! Router discovery, the host's part (RFC 4861 §6.3, RFC 4862 §5.5): asking for routers, and their default routes, prefixes,
//! addresses made of them, and name servers.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use crate::iface::{Address, AddressOrigin};
use crate::ip::{IpNet, discovery};
use crate::link::IfIndex;
use crate::ndp::{self, Link, MAX_ANNOUNCED, Task, until};
use crate::route::Route;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::ndp as wire;

/// RFC 4862 §5.5.3 (e): nobody can shorten an address's life to less than this at once.
const TWO_HOURS: Duration = Duration::from_secs(7200);

impl Stack {
    /// RFC 4861 §6.3.7.
    pub(super) fn solicit_routers(&mut self, now: Instant, on: IfIndex) {
        let (Some(interface), Some(link)) = (self.ip.interfaces.get(on), self.ndp.links.get_mut(&on)) else { return };
        // A router asks nobody (§6.2.7), as on Linux.
        if self.forwarding || link.answered || link.solicitations >= ndp::MAX_SOLICITATIONS {
            return;
        }
        link.solicitations += 1;
        let src = interface.link_local();
        let ask = wire::router_solicitation(src.map(|_| interface.mac));
        let header = discovery(src.unwrap_or(Ipv6Addr::UNSPECIFIED), wire::ALL_ROUTERS);
        self.ip.send_icmpv6(&mut *self.pool, on, None, header, &[], ask);
        self.ndp.tasks.set(Task::Solicit(on), now + ndp::SOLICITATION_INTERVAL);
    }

    /// RFC 4861 §6.3.4: a router says what it offers.
    pub(in crate::stack) fn input_router_advertisement(
        &mut self,
        now: Instant,
        on: IfIndex,
        router: Ipv6Addr,
        advertisement: &wire::RouterAdvertisement<'_>,
    ) {
        let Some(link) = self.ndp.links.get_mut(&on).filter(|link| link.router_discovery) else { return };
        link.answered = true;
        self.follow_parameters(on, advertisement);
        // RFC 4861 §4.2: who gives addresses gives the rest, too.
        if advertisement.other || advertisement.managed {
            self.have_inquiry(now, on);
        }
        if advertisement.lifetime == 0 {
            self.forget_router(on, router);
        } else {
            self.use_router(now, on, router, advertisement);
        }
        for option in advertisement.options.iter() {
            match option {
                wire::Opt::Prefix(prefix) => self.use_prefix(now, on, &prefix),
                wire::Opt::Rdnss { lifetime, servers } => {
                    self.link(on, |link| link.use_servers(now, lifetime, servers))
                }
                wire::Opt::Dnssl { lifetime, names } => self.link(on, |link| link.use_search(now, lifetime, names)),
                _ => {}
            }
        }
    }

    /// Hop limit, MTU and times, for who uses them: packets, neighbours, addresses that are tried.
    fn follow_parameters(&mut self, on: IfIndex, advertisement: &wire::RouterAdvertisement<'_>) {
        let Some(interface) = self.ip.interfaces.get_mut(on) else { return };
        let mtu = interface.v6.mtu;
        interface.v6.follow(advertisement, interface.mtu);
        self.ip.neighbors.follow(on, interface.v6);
        if interface.v6.mtu != mtu {
            self.ip.path_mtus.link_changed();
        }
    }

    fn link(&mut self, on: IfIndex, change: impl FnOnce(&mut Link)) {
        self.ndp.links.get_mut(&on).map(change);
    }

    fn use_router(
        &mut self,
        now: Instant,
        on: IfIndex,
        router: Ipv6Addr,
        advertisement: &wire::RouterAdvertisement<'_>,
    ) {
        let Some(link) = self.ndp.links.get_mut(&on) else { return };
        // RFC 4191 §3.2: one of higher preference goes first, and each advertisement says the preference anew.
        let metric = ndp::METRIC.saturating_add_signed(-i32::from(advertisement.preference));
        let route = Route { dst: IpNet::DEFAULT_V6, via: Some(router.into()), on, metric };
        if !link.routers.contains(&router) {
            if link.routers.len() >= MAX_ANNOUNCED {
                return;
            }
            link.routers.push(router);
            let _ = self.ip.routes.add(route);
        } else if !self.ip.routes.as_slice().contains(&route) {
            self.ip.routes.remove_where(|known| {
                known.on == on && known.via == route.via && known.dst == route.dst && is_announced(known)
            });
            let _ = self.ip.routes.add(route);
        }
        self.ndp.tasks.set(Task::Router(on, router), now + Duration::from_secs(advertisement.lifetime.into()));
    }

    pub(in crate::stack) fn forget_router(&mut self, on: IfIndex, router: Ipv6Addr) {
        let Some(link) = self.ndp.links.get_mut(&on) else { return };
        if let Some(at) = link.routers.iter().position(|known| *known == router) {
            link.routers.swap_remove(at);
            self.ndp.tasks.cancel(Task::Router(on, router));
            let via = Some(IpAddr::V6(router));
            self.ip.routes.remove_where(|route| {
                route.on == on && route.via == via && route.dst == IpNet::DEFAULT_V6 && is_announced(route)
            });
        }
    }

    /// RFC 4861 §6.3.6: a router that does not answer comes after its equals.
    pub(in crate::stack) fn router_is_silent(&mut self, on: IfIndex, addr: IpAddr) {
        let is_its = |route: &&Route| route.on == on && route.via == Some(addr) && is_announced(route);
        if let Some(route) = self.ip.routes.as_slice().iter().find(is_its).copied() {
            let _ = self.ip.routes.remove(&route);
            let _ = self.ip.routes.add(route);
        }
    }

    fn use_prefix(&mut self, now: Instant, on: IfIndex, prefix: &wire::Prefix) {
        let net = IpNet::new(prefix.prefix, prefix.prefix_len);
        // RFC 4861 §6.3.4, RFC 4862 §5.5.3 (b): the link-local prefix is known without routers.
        if prefix.prefix_len > 128 || prefix.prefix.is_unicast_link_local() || prefix.prefix.is_multicast() {
            return;
        }
        let net = net.network();
        if prefix.on_link {
            self.use_on_link(now, on, net, prefix.valid);
        }
        // RFC 4862 §5.5.3 (c), (d).
        if prefix.autonomous && prefix.prefix_len == 64 && prefix.preferred <= prefix.valid {
            self.use_autonomous(now, on, net, prefix);
            self.follow_prefix(now, on, net);
        }
    }

    fn use_on_link(&mut self, now: Instant, on: IfIndex, net: IpNet, valid: u32) {
        let Some(link) = self.ndp.links.get_mut(&on) else { return };
        if valid == 0 {
            return self.forget_prefix(on, net);
        }
        if !link.prefixes.contains(&net) {
            if link.prefixes.len() >= MAX_ANNOUNCED {
                return;
            }
            link.prefixes.push(net);
            let _ = self.ip.routes.add(Route { dst: net, via: None, on, metric: ndp::METRIC });
        }
        match until(now, valid) {
            Some(end) => self.ndp.tasks.set(Task::Prefix(on, net), end),
            None => self.ndp.tasks.cancel(Task::Prefix(on, net)),
        }
    }

    pub(super) fn forget_prefix(&mut self, on: IfIndex, net: IpNet) {
        let Some(link) = self.ndp.links.get_mut(&on) else { return };
        if let Some(at) = link.prefixes.iter().position(|known| *known == net) {
            link.prefixes.swap_remove(at);
            self.ndp.tasks.cancel(Task::Prefix(on, net));
            self.ip.routes.remove_where(|route| {
                route.on == on && route.via.is_none() && route.dst == net && route.metric == ndp::METRIC
            });
        }
    }

    /// RFC 4862 §5.5.3 (d), (e).
    fn use_autonomous(&mut self, now: Instant, on: IfIndex, net: IpNet, prefix: &wire::Prefix) {
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let made = |address: &&Address| address.origin == AddressOrigin::Stable && address.net.network() == net;
        let Some(known) = interface.addresses.iter().find(made).copied() else {
            let count = interface.addresses.iter().filter(|a| a.origin == AddressOrigin::Stable).count();
            if prefix.valid > 0 && count < MAX_ANNOUNCED {
                let lifetimes = (until(now, prefix.preferred), until(now, prefix.valid));
                self.try_generated(now, on, net, AddressOrigin::Stable, lifetimes, 0);
            }
            return;
        };
        let offered = until(now, prefix.valid);
        let soon = now + TWO_HOURS;
        // (e): longer, or longer than two hours, is believed; shorter only down to two hours.
        let valid_until = match (offered, known.valid_until) {
            (None, _) => None,
            (Some(offered), _) if offered > soon => Some(offered),
            (Some(offered), Some(known)) if offered > known || known <= soon => Some(offered.max(known)),
            _ => Some(soon),
        };
        self.ip.interfaces.change_address(on, known.net.addr, |address| {
            address.preferred_until = until(now, prefix.preferred);
            address.valid_until = valid_until;
        });
        if let IpAddr::V6(addr) = known.net.addr {
            self.ndp.tasks.cancel(Task::Age(on, addr));
            self.age(now, on, addr);
        }
    }
}

/// A default route that a router announced has the metric of one of the three preferences.
fn is_announced(route: &Route) -> bool {
    route.metric.abs_diff(ndp::METRIC) <= 1
}
