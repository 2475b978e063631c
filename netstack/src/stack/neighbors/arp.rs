//! ARP packets that arrive (RFC 826 "Packet Reception", RFC 5227 §2.4).

use crate::arp::reply;
use crate::events::Notice;
use crate::ip::is_unicast;
use crate::link::{IfIndex, Mac};
use crate::neighbor::Evidence;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::arp::{Operation, Packet};
use crate::wire::ethernet;

impl Stack {
    pub(in crate::stack) fn input_arp(&mut self, now: Instant, on: IfIndex, bytes: &[u8]) {
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let mac = interface.mac;
        let Ok(packet) = Packet::parse(bytes) else { return self.count_error(on) };
        let is_probe = packet.sender.is_unspecified();
        let possible = (is_probe || is_unicast(packet.sender) && !packet.sender.is_loopback())
            && !ethernet::is_group(packet.sender_mac)
            && packet.sender_mac != Mac::default();
        if !possible || interface.is_broadcast(packet.sender) {
            return self.count_error(on);
        }
        if packet.sender_mac == mac {
            return;
        }
        self.hear_arp_for_autos(now, on, &packet);
        let Some(interface) = self.ip.interfaces.get(on) else { return };
        let for_us = interface.has(packet.target);
        let stolen = !is_probe && interface.has(packet.sender);
        if let Some((addr, defence)) = self.ip.claims.conflict(now, on, &packet) {
            self.events.notice(Notice::AddressConflict { addr, mac: packet.sender_mac, on });
            self.ip.send_arp(&mut *self.pool, on, Mac::BROADCAST, &defence.packet);
        }
        if !is_probe && !stolen {
            let evidence = match packet.operation {
                Operation::Reply if for_us => Evidence::Reply,
                Operation::Request if for_us => Evidence::AskedUs,
                _ => Evidence::Overheard,
            };
            let held = self.ip.neighbors.learn(now, on, packet.sender.into(), packet.sender_mac, evidence);
            self.ip.release_held(on, packet.sender_mac, held);
        }
        if for_us && packet.operation == Operation::Request && !stolen {
            self.ip.send_arp(&mut *self.pool, on, packet.sender_mac, &reply(mac, &packet));
        }
    }
}
