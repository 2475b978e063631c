//! Addresses without a server (RFC 4862): link-local ones, duplicate detection, and what routers offer.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use super::Stack;
use crate::events::Notice;
use crate::iface::{Address, AddressOrigin, AddressState, LOOPBACK};
use crate::ip::{IpNet, discovery};
use crate::link::IfIndex;
use crate::ndp::{self, Link, MAX_ANNOUNCED, Task, Trial, names, until};
use crate::route::Route;
use crate::socket::AddressError;
use crate::time::Instant;
use crate::wire::ipv6::MIN_MTU;
use crate::wire::ndp as wire;

const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);
/// RFC 4862 §5.5.3 (e): nobody can shorten an address's life to less than this at once.
const TWO_HOURS: Duration = Duration::from_secs(7200);

impl Stack {
    /// Lets an interface speak IPv6: it gets a link-local address (RFC 7217), and with `router_discovery` asks for
    /// routers and takes the addresses, routes and name servers that they offer. Adding an IPv6 address to an interface
    /// does the first by itself.
    pub fn enable_ipv6(&mut self, now: Instant, on: IfIndex, router_discovery: bool) -> Result<(), AddressError> {
        self.now = now;
        let interface = self.ip.interfaces.get(on).ok_or(AddressError::NoInterface)?;
        // RFC 8200 §5: not on links that cannot carry its smallest packets.
        if (interface.mtu as usize) < MIN_MTU {
            return Err(AddressError::Invalid);
        }
        if on == LOOPBACK {
            return Ok(());
        }
        let known = self.ndp.links.contains_key(&on);
        let link = self.ndp.links.entry(on).or_default();
        if router_discovery && !link.router_discovery {
            link.router_discovery = true;
            // RFC 4861 §6.3.7.
            let delay = self.rng.below(ndp::MAX_SOLICITATION_DELAY_MS);
            self.ndp.tasks.set(Task::Solicit(on), now + Duration::from_millis(delay.into()));
        }
        if !known {
            let origin = AddressOrigin::LinkLocal;
            self.try_generated(now, on, IpNet::new(LINK_LOCAL, 64), origin, (None, None), 0);
        }
        Ok(())
    }

    /// Name servers that routers of an interface announced and that are still good (RFC 8106 §5.1).
    pub fn announced_servers(&self, now: Instant, on: IfIndex) -> Vec<Ipv6Addr> {
        self.ndp.links.get(&on).map(|link| names::good(&link.servers, now)).unwrap_or_default()
    }

    /// Domains to look up short names in that they announced (RFC 8106 §5.2).
    pub fn announced_search(&self, now: Instant, on: IfIndex) -> Vec<String> {
        self.ndp.links.get(&on).map(|link| names::good(&link.search, now)).unwrap_or_default()
    }

    /// Tries an address that the interface has already.
    pub(super) fn begin_trial(
        &mut self,
        now: Instant,
        on: IfIndex,
        addr: Ipv6Addr,
        wait: Duration,
        retries: Option<u8>,
    ) {
        let mut nonce = [0; 6];
        nonce.copy_from_slice(&self.rng.u64().to_le_bytes()[..6]);
        self.ndp.trials.insert((on, addr), Trial { nonce, asked: false, retries });
        self.ndp.tasks.set(Task::Try(on, addr), now + wait);
    }

    /// Makes an address of a prefix and tries it.
    fn try_generated(
        &mut self,
        now: Instant,
        on: IfIndex,
        prefix: IpNet,
        origin: AddressOrigin,
        (preferred_until, valid_until): (Option<Instant>, Option<Instant>),
        retries: u8,
    ) {
        let (Some(interface), IpAddr::V6(net)) = (self.ip.interfaces.get(on), prefix.addr) else { return };
        let addr = self.ndp.stable_address(net, &interface.name, interface.mac, retries);
        if interface.has(addr) {
            return;
        }
        let net = IpNet::new(addr, prefix.prefix_len);
        let state = AddressState::Tentative;
        self.ip.interfaces.add_address(on, Address { net, state, origin, preferred_until, valid_until });
        let next = [preferred_until, valid_until].into_iter().flatten().min();
        if let Some(next) = next {
            self.ndp.tasks.set(Task::Age(on, addr), next);
        }
        // RFC 4862 §5.4.2: so that hosts that start together do not ask together.
        let wait = self.rng.below(ndp::MAX_SOLICITATION_DELAY_MS);
        self.begin_trial(now, on, addr, Duration::from_millis(wait.into()), Some(retries));
    }

    /// Runs what is due.
    pub(super) fn run_ndp(&mut self, now: Instant) {
        while let Some(task) = self.ndp.tasks.pop_expired(now) {
            match task {
                Task::Try(on, addr) => self.go_on_trying(now, on, addr),
                Task::Age(on, addr) => self.age(now, on, addr),
                Task::Solicit(on) => self.solicit_routers(now, on),
                Task::Router(on, router) => self.forget_router(on, router),
                Task::Prefix(on, prefix) => self.forget_prefix(on, prefix),
            }
        }
    }

    fn go_on_trying(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(trial) = self.ndp.trials.get_mut(&(on, addr)) else { return };
        if trial.asked {
            self.ndp.trials.remove(&(on, addr));
            return self.ip.interfaces.change_address(on, addr.into(), |address| {
                if address.state == AddressState::Tentative {
                    // RFC 4862 §5.5.4: its preferred lifetime may have ended, or be none, while it was tried.
                    let over = address.preferred_until.is_some_and(|until| until <= now);
                    address.state = if over { AddressState::Deprecated } else { AddressState::Preferred };
                }
            });
        }
        trial.asked = true;
        let nonce = trial.nonce;
        let ask = wire::neighbor_solicitation(addr, None, Some(nonce));
        let header = discovery(Ipv6Addr::UNSPECIFIED, wire::solicited_node(addr));
        self.ip.send_icmpv6(&mut *self.pool, on, None, header, &[], ask);
        self.ndp.tasks.set(Task::Try(on, addr), now + ndp::RETRANSMIT);
    }

    /// RFC 4862 §5.4.5: another station has an address that we tried. One that we made is replaced (RFC 7217 §6).
    pub(super) fn address_is_taken(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(trial) = self.ndp.trials.remove(&(on, addr)) else { return };
        self.ndp.tasks.cancel(Task::Try(on, addr));
        self.events.notice(Notice::DuplicateAddress { addr, on });
        let address = self.ip.interfaces.get(on).and_then(|interface| interface.address(addr.into())).copied();
        let Some(address) = address else { return };
        match trial.retries {
            Some(retries) if retries < ndp::ID_RETRIES => {
                self.ip.interfaces.remove_address(on, addr.into());
                self.ndp.tasks.cancel(Task::Age(on, addr));
                let lifetimes = (address.preferred_until, address.valid_until);
                self.try_generated(now, on, address.net.network(), address.origin, lifetimes, retries + 1);
            }
            _ => {
                let taken = |address: &mut Address| address.state = AddressState::Duplicate;
                self.ip.interfaces.change_address(on, addr.into(), taken);
            }
        }
    }

    /// RFC 4862 §5.5.4.
    fn age(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(address) = self.ip.interfaces.get(on).and_then(|interface| interface.address(addr.into())).copied()
        else {
            return;
        };
        if address.valid_until.is_some_and(|until| until <= now) {
            self.ndp.trials.remove(&(on, addr));
            self.ndp.tasks.cancel(Task::Try(on, addr));
            self.ip.interfaces.remove_address(on, addr.into());
            return;
        }
        self.ip.interfaces.change_address(on, addr.into(), |address| {
            let over = address.preferred_until.is_some_and(|until| until <= now);
            address.state = match address.state {
                AddressState::Preferred if over => AddressState::Deprecated,
                AddressState::Deprecated if !over => AddressState::Preferred,
                state => state,
            };
        });
        let ends = [address.preferred_until, address.valid_until];
        if let Some(next) = ends.into_iter().flatten().filter(|until| *until > now).min() {
            self.ndp.tasks.set(Task::Age(on, addr), next);
        }
    }

    /// RFC 4861 §6.3.7.
    fn solicit_routers(&mut self, now: Instant, on: IfIndex) {
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
    pub(super) fn input_offer(
        &mut self,
        now: Instant,
        on: IfIndex,
        router: Ipv6Addr,
        offer: &wire::RouterAdvertisement<'_>,
    ) {
        let Some(link) = self.ndp.links.get_mut(&on).filter(|link| link.router_discovery) else { return };
        link.answered = true;
        if offer.lifetime == 0 {
            self.forget_router(on, router);
        } else {
            self.use_router(now, on, router, offer);
        }
        for option in offer.options.iter() {
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

    fn link(&mut self, on: IfIndex, change: impl FnOnce(&mut Link)) {
        self.ndp.links.get_mut(&on).map(change);
    }

    fn use_router(&mut self, now: Instant, on: IfIndex, router: Ipv6Addr, offer: &wire::RouterAdvertisement<'_>) {
        let Some(link) = self.ndp.links.get_mut(&on) else { return };
        // RFC 4191 §3.2: one of higher preference goes first, and each offer says the preference anew.
        let metric = ndp::METRIC.saturating_add_signed(-i32::from(offer.preference));
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
        self.ndp.tasks.set(Task::Router(on, router), now + Duration::from_secs(offer.lifetime.into()));
    }

    pub(super) fn forget_router(&mut self, on: IfIndex, router: Ipv6Addr) {
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
    pub(super) fn router_is_silent(&mut self, on: IfIndex, addr: IpAddr) {
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

    fn forget_prefix(&mut self, on: IfIndex, net: IpNet) {
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
