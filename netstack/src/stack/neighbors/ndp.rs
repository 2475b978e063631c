//! Neighbour discovery messages that arrive (RFC 4861 §6.1, §7.1).

use core::net::{IpAddr, Ipv6Addr};

use crate::ip::{Received, discovery};
use crate::link::{IfIndex, Mac};
use crate::neighbor::{Advertisement, Evidence};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::ethernet;
use crate::wire::ndp::{self, Message, Options};

impl Stack {
    pub(in crate::stack) fn input_ndp(&mut self, now: Instant, packet: &Received<'_>) {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (packet.src, packet.dst) else { return };
        // §6.1, §7.1: a hop limit of 255 shows that no router has passed the message on.
        // RFC 6980 §5: what came in fragments, were it one alone, is not looked at.
        if packet.ttl != ndp::HOP_LIMIT || packet.fragment_size != 0 {
            return self.count_error(packet.on);
        }
        let Ok(Some(message)) = Message::parse(packet.payload) else { return self.count_error(packet.on) };
        let on = packet.on;
        match message {
            Message::NeighborSolicitation { target, options } => {
                self.input_solicitation(now, on, (src, dst), target, options);
            }
            // §7.1.2: an answer to nobody in particular answers no solicitation.
            Message::NeighborAdvertisement { solicited: true, .. } if dst.is_multicast() => self.count_error(on),
            Message::NeighborAdvertisement { target, router, solicited, over, options } => {
                let heard = Advertisement { mac: options.target_link().filter(is_station), router, solicited, over };
                self.input_advertisement(now, on, target, heard);
            }
            // §6.1.2: only from a link-local address.
            Message::RouterAdvertisement(advertisement) if src.is_unicast_link_local() => {
                if let Some(mac) = advertisement.options.source_link().filter(is_station) {
                    self.learn_link_address(now, on, src, mac);
                }
                // §6.2.7: another router's offers are for hosts.
                if self.forwarding {
                    self.check_consistency(on, src, &advertisement);
                } else {
                    self.input_router_advertisement(now, on, src, &advertisement);
                }
            }
            Message::RouterAdvertisement(_) => self.count_error(on),
            Message::RouterSolicitation(options) if self.forwarding => {
                self.input_router_solicitation(now, on, src, options.source_link().filter(is_station));
            }
            Message::RouterSolicitation(_) => {}
            // §8.1.
            Message::Redirect { target, destination, options }
                if src.is_unicast_link_local()
                    && !destination.is_multicast()
                    && (target == destination || target.is_unicast_link_local()) =>
            {
                let link = options.target_link().filter(is_station);
                self.input_redirect_v6(now, on, src, (destination, target), link);
            }
            Message::Redirect { .. } => self.count_error(on),
        }
    }

    /// §7.1.1, §7.2.3: somebody asks who has `target`, or tries it for itself (RFC 4862 §5.4.3).
    fn input_solicitation(
        &mut self,
        now: Instant,
        on: IfIndex,
        (src, dst): (Ipv6Addr, Ipv6Addr),
        target: Ipv6Addr,
        options: Options<'_>,
    ) {
        let trying = src.is_unspecified();
        let mac = options.source_link().filter(is_station);
        if target.is_multicast() || trying && (dst != ndp::solicited_node(target) || mac.is_some()) {
            return self.count_error(on);
        }
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let (ours, address) = (interface.mac, interface.address(target.into()).copied());
        if let Some(trial) = self.ndp.trials.get(&(on, target)).copied()
            && trying
        {
            // RFC 7527 §4.2: with our own nonce it is our own solicitation, come back.
            if options.nonce().is_none_or(|nonce| nonce != trial.nonce) {
                self.address_is_taken(now, on, target);
            }
            return;
        }
        // §7.2.7: others may have an anycast address, too. Nobody sends from it, and no answer takes the place of another.
        let from = match address {
            Some(address) => address.is_usable().then_some(target),
            None => interface.link_local().filter(|_| !trying && interface.is_anycast(target)),
        };
        let Some(from) = from else { return };
        let to = if trying { ndp::ALL_NODES } else { src };
        if let Some(mac) = mac.filter(|_| !trying) {
            self.learn_link_address(now, on, src, mac);
        }
        let link = if trying { None } else { mac.or_else(|| self.ip.neighbors.lookup(on, src.into())) };
        if link.is_none() && !trying {
            // It knows us but did not say where it is: ask, and it will ask again.
            return self.ip.ask(&mut *self.pool, on, src.into(), None);
        }
        let answer = ndp::neighbor_advertisement(target, ours, self.forwarding, !trying, address.is_some());
        self.ip.send_icmpv6(&mut *self.pool, on, link, discovery(from, to), &[], answer);
    }

    /// §7.2.5, and RFC 4862 §5.4.4.
    fn input_advertisement(&mut self, now: Instant, on: IfIndex, target: Ipv6Addr, heard: Advertisement) {
        if target.is_multicast() {
            return self.count_error(on);
        }
        if self.ndp.trials.contains_key(&(on, target)) {
            return self.address_is_taken(now, on, target);
        }
        let Some((mac, held)) = self.ip.neighbors.advertised(now, on, target.into(), heard) else { return };
        self.ip.release_held(on, mac, held);
        if !heard.router {
            self.forget_router(on, target); // §7.2.5: a router that is none any more.
        }
    }

    /// A neighbour said where it is in a message about something else.
    pub(in crate::stack) fn learn_link_address(&mut self, now: Instant, on: IfIndex, addr: Ipv6Addr, mac: Mac) {
        let held = self.ip.neighbors.learn(now, on, addr.into(), mac, Evidence::AskedUs);
        self.ip.release_held(on, mac, held);
    }
}

fn is_station(mac: &Mac) -> bool {
    !ethernet::is_group(*mac) && *mac != Mac::default()
}
