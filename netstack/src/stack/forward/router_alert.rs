//! Packets for others that routers are to look at (RFC 2113, RFC 2711). Raw sockets that asked for them (IP_ROUTER_ALERT,
//! IPV6_ROUTER_ALERT) get them, and they are not passed on: that is for the program to do.

use crate::ip::{Fragment, Received};
use crate::socket::RawId;
use crate::stack::Stack;
use crate::stack::input::Arrival;
use crate::time::Instant;
use crate::wire::{ipv4, ipv4_options, ipv6};

impl Stack {
    /// Whether programs have the packet.
    pub(super) fn alert(&mut self, now: Instant, arrival: Arrival, packet: &ipv4::Packet<'_>) -> bool {
        if !ipv4_options::has_router_alert(packet.options()) {
            return false;
        }
        let takers = self.raw.find_alerted(packet.protocol(), arrival.on);
        if takers.is_empty() {
            return false;
        }
        if !packet.is_fragment() {
            return self.give_alerted(now, &takers, &Received::v4(packet, arrival.on));
        }
        // Of fragments the program gets the whole, and nobody them.
        if let Ok(Some(whole)) = self.ip.reassembly.insert(now, arrival.on, &Fragment::v4(packet), &mut *self.pool)
            && let Ok(packet) = ipv4::Packet::parse(&whole.bytes)
        {
            self.give_alerted(now, &takers, &Received::v4(&packet, arrival.on));
        }
        true
    }

    /// The same of IPv6. `about`: the packet, whose hop-by-hop options are these bytes.
    pub(super) fn alert_v6(&mut self, now: Instant, about: &Received<'_>, options: &[u8]) -> bool {
        let mut alerts = ipv6::options(options).flatten().filter(|option| option.kind == ipv6::ROUTER_ALERT);
        let Some(&[high, low]) = alerts.next().map(|option| option.data) else { return false };
        let takers = self.raw.find_alerted_v6(u16::from_be_bytes([high, low]), about.on);
        self.give_alerted(now, &takers, about)
    }

    fn give_alerted(&mut self, now: Instant, takers: &[RawId], packet: &Received<'_>) -> bool {
        for id in takers {
            self.give_raw(now, *id, packet, packet.bytes);
        }
        !takers.is_empty()
    }
}
