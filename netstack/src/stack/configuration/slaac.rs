//! Stateless address autoconfiguration (RFC 4862): how addresses are made, and grow old. What routers offer is in
//! `router_discovery`.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use crate::iface::{Address, AddressOrigin, AddressState, LOOPBACK};
use crate::ip::IpNet;
use crate::link::IfIndex;
use crate::ndp::{self, Task, names};
use crate::socket::AddressError;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::ipv6::MIN_MTU;

const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

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

    /// Makes an address of a prefix and tries it.
    pub(super) fn try_generated(
        &mut self,
        now: Instant,
        on: IfIndex,
        prefix: IpNet,
        origin: AddressOrigin,
        lifetimes: (Option<Instant>, Option<Instant>),
        retries: u8,
    ) {
        let (Some(interface), IpAddr::V6(net)) = (self.ip.interfaces.get(on), prefix.addr) else { return };
        let addr = self.ndp.secret.stable_address(net, &interface.name, interface.mac, retries);
        if interface.has(addr) {
            return;
        }
        self.try_address(now, on, IpNet::new(addr, prefix.prefix_len), origin, lifetimes, retries);
    }

    /// Adds an address that must be tried first.
    pub(super) fn try_address(
        &mut self,
        now: Instant,
        on: IfIndex,
        net: IpNet,
        origin: AddressOrigin,
        (preferred_until, valid_until): (Option<Instant>, Option<Instant>),
        retries: u8,
    ) {
        let IpAddr::V6(addr) = net.addr else { return };
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

    /// RFC 4862 §5.5.4.
    pub(super) fn age(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(address) = self.ip.interfaces.get(on).and_then(|interface| interface.address(addr.into())).copied()
        else {
            return;
        };
        if address.valid_until.is_some_and(|until| until <= now) {
            self.ndp.trials.remove(&(on, addr));
            self.ndp.tasks.cancel(Task::Try(on, addr));
            self.forget_temporary(on, addr);
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
}
