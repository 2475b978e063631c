//! Stateless address autoconfiguration (RFC 4862): how addresses are made, tried, and grow old. What routers offer is in
//! `router_discovery`.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use crate::events::Notice;
use crate::iface::{Address, AddressOrigin, AddressState, LOOPBACK};
use crate::ip::{IpNet, discovery};
use crate::link::IfIndex;
use crate::multicast::Family;
use crate::ndp::{self, Task, Trial, names};
use crate::socket::AddressError;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::ipv6::MIN_MTU;
use crate::wire::ndp as wire;

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

    /// Runs what is due.
    pub(in crate::stack) fn run_ndp(&mut self, now: Instant) {
        while let Some(task) = self.ndp.tasks.pop_expired(now) {
            match task {
                Task::Try(on, addr) => self.go_on_trying(now, on, addr),
                Task::Age(on, addr) => self.age(now, on, addr),
                Task::Regenerate(on, addr) => self.regenerate(now, on, addr),
                Task::Advertise(on) => self.go_on_advertising(now, on),
                Task::Inquire(on) => self.go_on_inquiring(now, on),
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
            // RFC 3590 §4: until now reports came from nowhere, which routers may not have believed.
            if addr.is_unicast_link_local() {
                self.ip.memberships.say_all(now, (on, Family::V6));
            }
            self.ip.interfaces.change_address(on, addr.into(), |address| {
                if address.state == AddressState::Tentative {
                    // RFC 4862 §5.5.4: its preferred lifetime may have ended, or be none, while it was tried.
                    let over = address.preferred_until.is_some_and(|until| until <= now);
                    address.state = if over { AddressState::Deprecated } else { AddressState::Preferred };
                }
            });
            if addr.is_unicast_link_local() {
                self.begin_advertising(now, on);
            }
            return;
        }
        trial.asked = true;
        let nonce = trial.nonce;
        let ask = wire::neighbor_solicitation(addr, None, Some(nonce));
        let header = discovery(Ipv6Addr::UNSPECIFIED, wire::solicited_node(addr));
        self.ip.send_icmpv6(&mut *self.pool, on, None, header, &[], ask);
        let wait = self.ip.interfaces.get(on).map_or(Duration::ZERO, |interface| interface.v6.retransmit);
        self.ndp.tasks.set(Task::Try(on, addr), now + wait);
    }

    /// RFC 4862 §5.4.5: another station has an address that we tried. One that we made is replaced (RFC 7217 §6).
    pub(in crate::stack) fn address_is_taken(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(trial) = self.ndp.trials.remove(&(on, addr)) else { return };
        self.ndp.tasks.cancel(Task::Try(on, addr));
        self.events.notice(Notice::DuplicateAddress { addr, on });
        let address = self.ip.interfaces.get(on).and_then(|interface| interface.address(addr.into())).copied();
        let Some(address) = address else { return };
        match trial.retries {
            Some(retries) if retries < ndp::ID_RETRIES => {
                self.ip.interfaces.remove_address(on, addr.into());
                self.ndp.tasks.cancel(Task::Age(on, addr));
                let (net, lifetimes) = (address.net.network(), (address.preferred_until, address.valid_until));
                if address.origin == AddressOrigin::Temporary {
                    self.forget_temporary(on, addr);
                    self.make_temporary(now, on, net, retries + 1);
                } else {
                    self.try_generated(now, on, net, address.origin, lifetimes, retries + 1);
                }
            }
            _ => {
                if let (AddressOrigin::Temporary, Some(link)) = (address.origin, self.ndp.links.get_mut(&on)) {
                    link.temporaries_failed = true;
                }
                let taken = |address: &mut Address| address.state = AddressState::Duplicate;
                self.ip.interfaces.change_address(on, addr.into(), taken);
            }
        }
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
