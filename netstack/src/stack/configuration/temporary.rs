//! Temporary addresses (RFC 8981 §3.4–3.6): made beside the stable one of a prefix, and another one before each is deprecated.

use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

use crate::iface::{Address, AddressOrigin, AddressState};
use crate::ip::IpNet;
use crate::link::IfIndex;
use crate::ndp::{self, Task, Temporary, TemporaryAddresses};
use crate::socket::AddressError;
use crate::stack::Stack;
use crate::time::Instant;

impl Stack {
    /// Which temporary addresses an interface makes of the prefixes that routers offer from now on.
    pub fn use_temporary_addresses(&mut self, on: IfIndex, how: TemporaryAddresses) -> Result<(), AddressError> {
        self.ip.interfaces.get_mut(on).ok_or(AddressError::NoInterface)?.temporary = how;
        Ok(())
    }

    /// A router said how long addresses of a prefix last: the temporary ones follow, and there is one.
    pub(super) fn follow_prefix(&mut self, now: Instant, on: IfIndex, net: IpNet) {
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let Some(stable) = stable(&interface.addresses, net) else { return };
        let offered = (stable.preferred_until, stable.valid_until);
        for (addr, temporary) in self.temporaries(on, net) {
            let (preferred, valid) = temporary.lifetimes(offered);
            self.ip.interfaces.change_address(on, addr.into(), |address| {
                address.preferred_until = Some(preferred);
                address.valid_until = Some(valid);
            });
            self.ndp.tasks.cancel(Task::Age(on, addr));
            self.age(now, on, addr);
            self.plan_regeneration(now, on, addr, preferred);
        }
        self.have_temporary(now, on, net);
    }

    /// An address will soon be deprecated.
    pub(super) fn regenerate(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr) {
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        if let Some(address) = interface.address(addr.into()) {
            let net = address.net.network();
            self.have_temporary(now, on, net);
        }
    }

    /// Makes a temporary address, unless there is one that lasts.
    fn have_temporary(&mut self, now: Instant, on: IfIndex, net: IpNet) {
        let soon = now + self.regenerate_advance(on);
        let old = self.temporaries(on, net);
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let lasts = |addr: Ipv6Addr| {
            let address = interface.address(addr.into()).filter(|address| address.state != AddressState::Duplicate);
            address.is_some_and(|address| address.preferred_until.is_none_or(|until| until > soon))
        };
        if old.iter().any(|(addr, temporary)| !temporary.replaced && lasts(*addr)) {
            return;
        }
        if self.make_temporary(now, on, net, 0) {
            for (addr, _) in old {
                self.ndp.temporaries.entry((on, addr)).and_modify(|temporary| temporary.replaced = true);
            }
        }
    }

    /// RFC 8981 §3.4: an address with an identifier drawn by chance. `retries`: how many were taken before it.
    pub(super) fn make_temporary(&mut self, now: Instant, on: IfIndex, net: IpNet, retries: u8) -> bool {
        let soon = now + self.regenerate_advance(on);
        let failed = self.ndp.links.get(&on).is_none_or(|link| link.temporaries_failed);
        let Some(interface) = self.ip.interfaces.get(on) else { return false };
        let (Some(stable), IpAddr::V6(prefix)) = (stable(&interface.addresses, net), net.addr) else { return false };
        if failed || interface.temporary == TemporaryAddresses::Off {
            return false;
        }
        let temporary = Temporary::new(now, &mut self.rng);
        let (preferred, valid) = temporary.lifetimes((stable.preferred_until, stable.valid_until));
        // Nobody could use it for longer than the next one takes to be tried.
        if preferred <= soon {
            return false;
        }
        let rng = &mut self.rng;
        let addr = ndp::in_network(prefix, core::iter::repeat_with(|| rng.u64()));
        self.ndp.temporaries.insert((on, addr), temporary);
        let made = IpNet::new(addr, net.prefix_len);
        self.try_address(now, on, made, AddressOrigin::Temporary, (Some(preferred), Some(valid)), retries);
        self.plan_regeneration(now, on, addr, preferred);
        true
    }

    /// The address is gone.
    pub(super) fn forget_temporary(&mut self, on: IfIndex, addr: Ipv6Addr) {
        self.ndp.tasks.cancel(Task::Regenerate(on, addr));
        self.ndp.temporaries.remove(&(on, addr));
    }

    fn plan_regeneration(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr, preferred: Instant) {
        let at = preferred - self.regenerate_advance(on);
        if at > now {
            self.ndp.tasks.set(Task::Regenerate(on, addr), at);
        }
    }

    /// The temporary addresses of a network.
    fn temporaries(&self, on: IfIndex, net: IpNet) -> Vec<(Ipv6Addr, Temporary)> {
        let ours = self.ndp.temporaries.iter().filter(|((link, addr), _)| *link == on && net.contains((*addr).into()));
        ours.map(|((_, addr), temporary)| (*addr, *temporary)).collect()
    }

    fn regenerate_advance(&self, on: IfIndex) -> Duration {
        ndp::regenerate_advance(self.ip.interfaces.get(on).map_or(Duration::ZERO, |interface| interface.v6.retransmit))
    }
}

/// The stable address of a network, whose lifetimes are what routers offer.
fn stable(addresses: &[Address], net: IpNet) -> Option<&Address> {
    addresses.iter().find(|address| address.origin == AddressOrigin::Stable && address.net.network() == net)
}
