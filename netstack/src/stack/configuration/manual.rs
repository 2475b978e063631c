//! What the caller sets and reads, as ip(8) does: interfaces, addresses, routes, neighbours.

use core::net::{IpAddr, Ipv4Addr};

use crate::iface::{Address, AddressOrigin, InterfaceConfig, InterfaceView, LOOPBACK};
use crate::ip::{IpNet, Ipv4Net, is_unicast};
use crate::link::{IfIndex, Mac};
use crate::multicast::Family;
use crate::neighbor::{Evidence, Neighbor};
use crate::route::Route;
use crate::socket::{AddressError, RouteError};
use crate::stack::Stack;
use crate::time::{Duration, Instant};
use crate::wire::ethernet;

impl Stack {
    /// Adds an interface, up and without addresses.
    pub fn add_interface(&mut self, now: Instant, config: InterfaceConfig) -> IfIndex {
        self.now = now;
        self.ip.interfaces.add(config)
    }

    /// Takes an interface up or down. Down, it neither sends nor receives, and forgets its neighbours.
    pub fn set_up(&mut self, now: Instant, on: IfIndex, up: bool) -> Result<(), AddressError> {
        self.now = now;
        self.ip.interfaces.set_up(on, up);
        let interface = self.ip.interfaces.get_mut(on).ok_or(AddressError::NoInterface)?;
        if up {
            for family in [Family::V4, Family::V6] {
                self.ip.memberships.say_all(now, (on, family));
            }
        } else {
            let mut dropped: Vec<_> = core::iter::from_fn(|| interface.dequeue()).collect();
            dropped.extend(self.ip.neighbors.forget(on, None));
            self.ip.taps.interface_down(on);
            self.drop_packets(dropped);
        }
        Ok(())
    }

    /// Adds an address with its connected route. It can be used at once. Meanwhile it is probed for, an IPv4 address is also
    /// announced, and a [`Notice`](crate::Notice) names another station that has it (RFC 5227, RFC 4862 §5.4). An IPv6 address
    /// that another station has is not used any longer.
    pub fn add_address(
        &mut self,
        now: Instant,
        on: IfIndex,
        addr: impl Into<IpAddr>,
        prefix_len: u8,
    ) -> Result<(), AddressError> {
        self.add(now, on, Address::manual(IpNet::new(addr, prefix_len)), false)
    }

    /// As [`add_address`](Self::add_address), for an address that a server has given.
    pub(super) fn add_leased_address(&mut self, now: Instant, on: IfIndex, net: Ipv4Net) -> Result<(), AddressError> {
        let address = Address { origin: AddressOrigin::Dhcp, ..Address::manual(net.into()) };
        self.add(now, on, address, false)
    }

    /// As [`add_address`](Self::add_address), for a link-local IPv4 address that has been probed for: it is announced at once.
    pub(super) fn add_probed_address(
        &mut self,
        now: Instant,
        on: IfIndex,
        addr: Ipv4Addr,
        prefix_len: u8,
    ) -> Result<(), AddressError> {
        let net = IpNet::new(addr, prefix_len);
        self.add(now, on, Address { origin: AddressOrigin::LinkLocal, ..Address::manual(net) }, true)
    }

    fn add(&mut self, now: Instant, on: IfIndex, address: Address, probed: bool) -> Result<(), AddressError> {
        self.now = now;
        let net = address.net;
        if net.prefix_len > net.max_prefix_len() || !is_unicast(net.addr) {
            return Err(AddressError::Invalid);
        }
        let interface = self.ip.interfaces.get(on).ok_or(AddressError::NoInterface)?;
        if interface.has(net.addr) {
            return Err(AddressError::Exists);
        }
        let mac = interface.mac;
        if net.addr.is_ipv6() {
            self.enable_ipv6(now, on, false)?;
        }
        self.ip.interfaces.add_address(on, address);
        if on != LOOPBACK {
            // If there is such a route already, it will do.
            let _ = self.ip.routes.add(Route { dst: net.network(), via: None, on, metric: 0 });
            if let IpAddr::V4(addr) = net.addr {
                let announcement = self.ip.claims.claim(now, on, mac, addr, probed, &mut self.rng);
                self.ip.send_arp(&mut *self.pool, on, Mac::BROADCAST, &announcement.packet);
            } else if let IpAddr::V6(addr) = net.addr {
                self.begin_trial(now, on, addr, Duration::ZERO, None);
            }
        }
        Ok(())
    }

    /// Removes an address; its connected route goes with the net's last address. Sockets bound to it stay bound.
    pub fn remove_address(&mut self, now: Instant, on: IfIndex, addr: impl Into<IpAddr>) -> Result<(), AddressError> {
        self.now = now;
        let addr = addr.into();
        self.ip.interfaces.get(on).ok_or(AddressError::NoInterface)?;
        let net = self.ip.interfaces.remove_address(on, addr).ok_or(AddressError::NotFound)?.net.network();
        if let IpAddr::V4(addr) = addr {
            self.ip.claims.give_up(on, addr);
        }
        if let IpAddr::V6(addr) = addr {
            self.ndp.trials.remove(&(on, addr));
        }
        let still = |other: &Address| other.net.network() == net;
        if !self.ip.interfaces.get(on).is_some_and(|interface| interface.addresses.iter().any(still)) {
            self.ip.routes.remove_where(|route| route.on == on && route.via.is_none() && route.dst == net);
        }
        Ok(())
    }

    /// Adds a route. A gateway must be on a directly connected net of the route's interface; a link-local one always is.
    pub fn add_route(&mut self, route: Route) -> Result<(), RouteError> {
        self.ip.interfaces.get(route.on).ok_or(RouteError::NoInterface)?;
        if let Some(via) = route.via {
            let direct = self.ip.routes.lookup(via, |on| on == route.on).is_some_and(|found| found.via.is_none());
            let direct = direct || crate::ip::needs_zone(via);
            if !direct || self.ip.interfaces.is_local(via) || !is_unicast(via) {
                return Err(RouteError::GatewayUnreachable);
            }
        }
        self.ip.routes.add(route)
    }

    /// Removes a route.
    pub fn remove_route(&mut self, route: &Route) -> Result<(), RouteError> {
        self.ip.routes.remove(route)
    }

    /// All routes but those of `lo`, best first.
    pub fn routes(&self) -> &[Route] {
        self.ip.routes.as_slice()
    }

    /// All interfaces, `lo` first.
    pub fn interfaces(&self) -> impl Iterator<Item = InterfaceView<'_>> {
        self.ip.interfaces.views()
    }

    /// The source address that a packet to `dst` would have; `None` without a route.
    pub fn source_for(&self, dst: IpAddr) -> Option<IpAddr> {
        self.ip.hop(None, dst, None).map(|hop| hop.src)
    }

    /// Sets the hardware address of a neighbour, until it says another, as if it had asked for us (SIOCSARP of arp(7)). Packets that
    /// wait for it are sent.
    pub fn set_neighbor(&mut self, now: Instant, on: IfIndex, addr: IpAddr, mac: Mac) -> Result<(), AddressError> {
        self.now = now;
        self.ip.interfaces.get(on).ok_or(AddressError::NoInterface)?;
        if !is_unicast(addr) || ethernet::is_group(mac) {
            return Err(AddressError::Invalid);
        }
        let held = self.ip.neighbors.learn(now, on, addr, mac, Evidence::AskedUs);
        self.ip.release_held(on, mac, held);
        Ok(())
    }

    /// Forgets a neighbour's hardware address. Packets that wait for it are dropped.
    pub fn forget_neighbor(&mut self, now: Instant, on: IfIndex, addr: IpAddr) -> Result<(), AddressError> {
        self.now = now;
        self.ip.interfaces.get(on).ok_or(AddressError::NoInterface)?;
        self.ip.neighbors.last_known(on, addr).ok_or(AddressError::NotFound)?;
        let dropped = self.ip.neighbors.forget(on, Some(addr));
        self.drop_packets(dropped);
        Ok(())
    }

    /// How often something of what [`interfaces`](Self::interfaces), [`routes`](Self::routes) and [`neighbors`](Self::neighbors)
    /// tell has changed, but for counters of traffic, and neighbours that are about to be asked ([`Delay`](crate::NeighborState)).
    pub fn network_changes(&self) -> u64 {
        self.ip.interfaces.changes() + self.ip.routes.changes() + self.ip.neighbors.changes()
    }

    /// The neighbour table, by link and address.
    pub fn neighbors(&self) -> Vec<Neighbor> {
        self.ip.neighbors.rows()
    }

    pub(in crate::stack) fn drop_packets(&mut self, packets: impl IntoIterator<Item = crate::ip::Packet>) {
        for packet in packets {
            self.ip.packets.give_back(&mut *self.pool, packet);
        }
    }
}
