//! DHCP (RFC 2131) and link-local IPv4 addresses (RFC 3927): what [`dhcp`](crate::dhcp)'s machines want done.

use core::net::Ipv4Addr;
use core::time::Duration;

use crate::dhcp::{Action, Client, Destination, Lease, LeasedRoute, LinkLocal, LinkLocalAction};
use crate::events::Notice;
use crate::ip::{Fill, Header, Hop, Ipv4Net, NextHop, Outgoing};
use crate::link::{IfIndex, Mac};
use crate::route::Route;
use crate::socket::AddressError;
use crate::stack::Stack;
use crate::stack::input::Arrival;
use crate::time::Instant;
use crate::wire::dhcp::{CLIENT_PORT, Message, SERVER_PORT};
use crate::wire::{arp, ipv4, udp};

/// Time to live of what we send by ourselves.
const TTL: u8 = 64;
/// No answer for so long, and a link-local address is tried, where that is wanted.
const FALLBACK_AFTER: Duration = Duration::from_secs(3);

/// How an interface gets its address from the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoConfig {
    /// While no server answers, an address of 169.254/16 is used (RFC 3927).
    pub link_local: bool,
    /// The name that the server is told (option 12).
    pub host_name: Option<String>,
    /// The metric of routes that come with the lease.
    pub metric: u32,
}

/// An interface that gets its address from the network.
pub(in crate::stack) struct Auto {
    on: IfIndex,
    client: Client,
    fallback: Fallback,
    metric: u32,
    applied: Option<Applied>,
}

/// A link-local address while there is no lease.
enum Fallback {
    /// Nobody wants one.
    Unwanted,
    /// There is a lease.
    Unneeded,
    /// From then on, if there is no lease by then.
    At(Instant),
    Running(Box<LinkLocal>),
}

/// What a lease changed.
struct Applied {
    addr: Ipv4Net,
    routes: Vec<Route>,
    /// The MTU before.
    mtu: u32,
}

impl Stack {
    /// Makes an interface ask for its address by DHCP, from now on and until [`release_leases`](Self::release_leases).
    /// Addresses, routes and the MTU are set as servers say; [`lease`](Self::lease) has the rest of what they say, and a
    /// [`Notice`] tells that something changed.
    pub fn configure_automatically(&mut self, now: Instant, on: IfIndex, how: AutoConfig) -> Result<(), AddressError> {
        self.now = now;
        let interface = self.ip.interfaces.get(on).ok_or(AddressError::NoInterface)?;
        if interface.is_loopback() {
            return Err(AddressError::Invalid);
        }
        if self.autos.iter().any(|auto| auto.on == on) {
            return Err(AddressError::Exists);
        }
        let AutoConfig { link_local, host_name, metric } = how;
        let client = Client::new(now, interface.mac, on.0, host_name, &mut self.rng);
        let fallback = if link_local { Fallback::At(now + FALLBACK_AFTER) } else { Fallback::Unwanted };
        self.autos.push(Auto { on, client, fallback, metric, applied: None });
        Ok(())
    }

    /// What a DHCP server gave to an interface; None as long as there is no lease.
    pub fn lease(&self, on: IfIndex) -> Option<&Lease> {
        self.autos.iter().find(|auto| auto.on == on)?.client.lease()
    }

    /// Gives all leases back (DHCPRELEASE), at a clean end. The interfaces ask for no others.
    pub fn release_leases(&mut self, now: Instant) {
        self.now = now;
        for at in 0..self.autos.len() {
            self.autos[at].client.release(now);
            self.autos[at].fallback = Fallback::Unwanted;
            self.run_auto(now, at);
        }
    }

    /// A datagram for the DHCP client of the interface? It takes those that come before there is an address, whatever
    /// address they are for (RFC 2131 §4.1). False: it is for others.
    pub(in crate::stack) fn input_dhcp(&mut self, now: Instant, arrival: Arrival, packet: &ipv4::Packet<'_>) -> bool {
        let on = arrival.on;
        let Some(at) = self.autos.iter().position(|auto| auto.on == on) else { return false };
        if packet.protocol() != ipv4::UDP || packet.is_fragment() {
            return false;
        }
        let Ok(datagram) = udp::Datagram::parse(packet.src(), packet.dst(), packet.payload(), arrival.checksum_good)
        else {
            return false;
        };
        if datagram.dst_port != CLIENT_PORT || datagram.src_port != SERVER_PORT {
            return false;
        }
        if let Ok(message) = Message::parse(datagram.payload) {
            self.autos[at].client.handle_message(now, &message);
            self.run_auto(now, at);
        }
        true
    }

    pub(in crate::stack) fn has_autos(&self) -> bool {
        !self.autos.is_empty()
    }

    pub(in crate::stack) fn hear_arp_for_autos(&mut self, now: Instant, on: IfIndex, packet: &arp::Packet) {
        let Some(at) = self.autos.iter().position(|auto| auto.on == on) else { return };
        self.autos[at].client.handle_arp(now, packet);
        if let Fallback::Running(machine) = &mut self.autos[at].fallback {
            machine.handle_arp(now, packet);
        }
        self.run_auto(now, at);
    }

    pub(in crate::stack) fn run_autos(&mut self, now: Instant) {
        for at in 0..self.autos.len() {
            let due = |auto: &Auto| auto.next_deadline().is_some_and(|deadline| deadline <= now);
            while due(&self.autos[at]) {
                let auto = &mut self.autos[at];
                auto.client.handle_timeout(now);
                match &mut auto.fallback {
                    Fallback::At(start) if *start <= now => {
                        let mac = self.ip.interfaces.get(auto.on).map(|interface| interface.mac).unwrap_or_default();
                        auto.fallback = Fallback::Running(Box::new(LinkLocal::new(now, mac, &mut self.rng)));
                    }
                    Fallback::Running(machine) => machine.handle_timeout(now),
                    Fallback::At(_) | Fallback::Unneeded | Fallback::Unwanted => {}
                }
                self.run_auto(now, at);
            }
        }
    }

    pub(in crate::stack) fn next_auto_deadline(&self) -> Option<Instant> {
        self.autos.iter().filter_map(Auto::next_deadline).min()
    }

    /// Does what the machines of an interface want done.
    fn run_auto(&mut self, now: Instant, at: usize) {
        let on = self.autos[at].on;
        while let Some(action) = self.autos[at].client.poll() {
            match action {
                Action::Send(to, message) => self.send_dhcp(now, on, to, &message),
                Action::Arp(packet) => self.ip.send_arp(&mut *self.pool, on, Mac::BROADCAST, &packet),
                Action::Bound(lease) => self.apply(now, at, &lease),
                Action::Lost(lease) => {
                    self.revoke(now, at);
                    self.events.notice(Notice::LeaseLost { addr: lease.addr.addr, on });
                    if matches!(self.autos[at].fallback, Fallback::Unneeded) {
                        self.autos[at].fallback = Fallback::At(now + FALLBACK_AFTER);
                    }
                }
                Action::Returned => self.revoke(now, at),
                Action::Declined { addr, mac } => self.events.notice(Notice::AddressConflict { addr, mac, on }),
                Action::Refused => self.events.notice(Notice::LeaseRefused { on }),
            }
        }
        while let Fallback::Running(machine) = &mut self.autos[at].fallback
            && let Some(action) = machine.poll()
        {
            match action {
                LinkLocalAction::Arp(packet) => self.ip.send_arp(&mut *self.pool, on, Mac::BROADCAST, &packet),
                LinkLocalAction::Bound(addr) => {
                    if self.add_probed_address(now, on, addr, 16).is_ok() {
                        self.events.notice(Notice::LinkLocal { addr, on });
                    }
                }
                LinkLocalAction::Lost(addr) => {
                    let _ = self.remove_address(now, on, addr);
                }
            }
        }
    }

    fn send_dhcp(&mut self, now: Instant, on: IfIndex, to: Destination, message: &[u8]) {
        let (dst, hop) = match to {
            Destination::Broadcast { from } => {
                (Ipv4Addr::BROADCAST, Some(Hop { on, src: from.into(), to: NextHop::Broadcast }))
            }
            Destination::Server { from, server } => (server, self.ip.hop(Some(from.into()), server.into(), Some(on))),
        };
        let Some(hop) = hop else { return };
        let header = Header { dont_fragment: false, ..Header::atomic(hop.src, dst.into(), ipv4::UDP, TTL, 0) };
        let (transport, payload) = (udp::emit(CLIENT_PORT, SERVER_PORT, message.len()), [message]);
        let out = Outgoing::new(header, &transport, &payload, Fill::At(6));
        // What has no room is lost as on the wire, and said again.
        let _ = self.ip.send(now, &mut *self.pool, hop, &out);
    }

    /// Sets address, routes and MTU as the lease says. What an earlier one said and this one does not goes.
    fn apply(&mut self, now: Instant, at: usize, lease: &Lease) {
        let Auto { on, metric, .. } = self.autos[at];
        if self.autos[at].applied.as_ref().is_some_and(|applied| applied.addr != lease.addr) {
            self.revoke(now, at);
        }
        let renewed = self.autos[at].applied.take();
        let link_mtu = match &renewed {
            Some(applied) => applied.mtu,
            None => self.ip.interfaces.get(on).map_or(0, |interface| interface.mtu),
        };
        let old_routes = renewed.as_ref().map(|applied| applied.routes.clone()).unwrap_or_default();
        if renewed.is_none() {
            // RFC 3927 §1.9: a routable address takes the place of a link-local one.
            self.end_fallback(now, at);
            // An address that was set by hand as well stays what it is.
            let _ = self.add_leased_address(now, on, lease.addr);
        }
        let mtu = lease.mtu.map_or(link_mtu, |mtu| link_mtu.min(mtu.into()));
        self.ip.interfaces.set_mtu(on, mtu);
        let mut routes = Vec::new();
        for LeasedRoute { dst, via } in gateways_first(lease) {
            let route = Route { dst: dst.into(), via: via.map(Into::into), on, metric };
            let there = old_routes.contains(&route);
            if !routes.contains(&route) && (there || self.add_route(route).is_ok()) {
                routes.push(route);
            }
        }
        for route in old_routes.iter().filter(|old| !routes.contains(old)) {
            let _ = self.remove_route(route);
        }
        self.autos[at].applied = Some(Applied { addr: lease.addr, routes, mtu: link_mtu });
        self.events.notice(Notice::Leased { addr: lease.addr, server: lease.server, on });
    }

    /// There is a lease.
    fn end_fallback(&mut self, now: Instant, at: usize) {
        let Auto { on, fallback, .. } = &mut self.autos[at];
        if matches!(fallback, Fallback::Unwanted) {
            return;
        }
        let on = *on;
        if let Fallback::Running(machine) = core::mem::replace(fallback, Fallback::Unneeded)
            && let Some(addr) = machine.addr()
        {
            let _ = self.remove_address(now, on, addr);
        }
    }

    fn revoke(&mut self, now: Instant, at: usize) {
        let on = self.autos[at].on;
        let Some(Applied { addr, routes, mtu }) = self.autos[at].applied.take() else { return };
        for route in &routes {
            let _ = self.remove_route(route);
        }
        let _ = self.remove_address(now, on, addr.addr);
        self.ip.interfaces.set_mtu(on, mtu);
    }
}

impl Auto {
    fn next_deadline(&self) -> Option<Instant> {
        let fallback = match &self.fallback {
            Fallback::Unwanted | Fallback::Unneeded => None,
            Fallback::At(start) => Some(*start),
            Fallback::Running(machine) => machine.next_deadline(),
        };
        self.client.next_deadline().into_iter().chain(fallback).min()
    }
}

/// The routes of a lease in an order in which they can be added: those on the link, then those by gateways, each gateway
/// outside the net made reachable first (a net of one address has all of them outside).
fn gateways_first(lease: &Lease) -> Vec<LeasedRoute> {
    let on_link = lease.routes.iter().filter(|route| route.via.is_none());
    let by_gateway = lease.routes.iter().filter(|route| route.via.is_some());
    let reached = |via: Ipv4Addr| {
        let covers = |route: &LeasedRoute| route.via.is_none() && route.dst.contains(via);
        lease.addr.contains(via) || lease.routes.iter().any(covers)
    };
    let host = |addr| LeasedRoute { dst: Ipv4Net { addr, prefix_len: 32 }, via: None };
    let outside = by_gateway.clone().filter_map(|route| route.via).filter(|via| !reached(*via)).map(host);
    on_link.copied().chain(outside).chain(by_gateway.copied()).collect()
}
