//! Redirects that routers send us (RFC 1122 §3.2.2.2, RFC 4861 §8).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ip::{NextHop, is_unicast};
use crate::link::{IfIndex, Mac};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::{icmpv4, ipv4};

impl Stack {
    /// A router knows a better one for a destination. Believed only of the router that we use for it, and only if the
    /// other one is our neighbour on the same link (RFC 1122 §3.2.2.2).
    pub(super) fn input_redirect(&mut self, now: Instant, on: IfIndex, router: IpAddr, message: &icmpv4::Message<'_>) {
        let Ok(quoted) = ipv4::Packet::parse_quoted(message.payload) else { return };
        let (gateway, dst) = (Ipv4Addr::from_bits(message.rest), quoted.dst());
        if self.forwarding || message.code > 3 || !self.ip.interfaces.is_local(quoted.src()) || !is_unicast(dst) {
            return;
        }
        let current = self.ip.hop(Some(quoted.src().into()), dst.into(), None);
        let from_current = current.is_some_and(|hop| hop.on == on && hop.to == NextHop::Neighbor(router));
        // A destination on the link needs no router.
        if !from_current || router == dst || !is_unicast(gateway) || self.ip.interfaces.is_local(gateway) {
            return;
        }
        if self.is_neighbor(on, gateway) {
            self.ip.redirects.follow(now, dst.into(), on, gateway.into());
        }
    }

    /// §8.1, §8.3: a router knows a better first hop to `destination`: another router, or the destination itself, which is
    /// a neighbour. Believed only of the router that we use for it.
    pub(in crate::stack) fn input_redirect_v6(
        &mut self,
        now: Instant,
        on: IfIndex,
        router: Ipv6Addr,
        (destination, target): (Ipv6Addr, Ipv6Addr),
        link: Option<Mac>,
    ) {
        let current = self.ip.hop(None, destination.into(), None);
        let from_current = current.is_some_and(|hop| hop.on == on && hop.to == NextHop::Neighbor(router.into()));
        // §8.2: a router does not follow. And nobody reaches others by itself.
        if self.forwarding || !from_current || self.ip.interfaces.is_local(target) {
            return;
        }
        if let Some(mac) = link {
            self.learn_link_address(now, on, target, mac);
        }
        self.ip.redirects.follow(now, destination.into(), on, target.into());
    }
}
