//! A router of IPv4 packets, as small as one can be: it has no queue of its own (its links have), knows the stations of its
//! links without asking, and says what RFC 1812 says it must of packets that are too long or have come too far.

use std::net::Ipv4Addr;

use super::frames::ipv4_packet;
use netstack::link::Mac;
use netstack::wire::checksum::checksum;
use netstack::wire::{icmpv4, ipv4};

/// A router's end of a link.
pub(super) struct Port {
    pub(super) link: usize,
    /// Its number there.
    pub(super) member: usize,
    pub(super) mac: Mac,
    pub(super) addr: Ipv4Addr,
    pub(super) prefix_len: u8,
    pub(super) mtu: usize,
}

#[derive(Default)]
pub(super) struct Router {
    pub(super) ports: Vec<Port>,
    /// Network, prefix length, next hop.
    routes: Vec<(Ipv4Addr, u8, Ipv4Addr)>,
    /// It drops what is too long without a word, as many do (RFC 2923 §2.1).
    pub(super) black_hole: bool,
}

/// What a router sends: by which port, to which station's address, which packet.
pub(super) type Forwarded = (usize, Ipv4Addr, Vec<u8>);

impl Router {
    pub(super) fn add_route(&mut self, net: Ipv4Addr, prefix_len: u8, via: Ipv4Addr) {
        self.routes.push((net, prefix_len, via));
    }

    /// The port and the next hop towards an address.
    fn way(&self, to: Ipv4Addr) -> Option<(usize, Ipv4Addr)> {
        let direct = |to: Ipv4Addr| self.ports.iter().position(|port| same_net(port.addr, to, port.prefix_len));
        if let Some(port) = direct(to) {
            return Some((port, to));
        }
        let routes = self.routes.iter().filter(|(net, len, _)| same_net(*net, to, *len));
        let (_, _, via) = routes.max_by_key(|(_, len, _)| *len)?;
        Some((direct(*via)?, *via))
    }

    /// A packet that came by `port`.
    pub(super) fn receive(&mut self, port: usize, bytes: &[u8]) -> Option<Forwarded> {
        let packet = ipv4::Packet::parse(bytes).ok()?;
        if packet.dst().is_broadcast() || packet.dst().is_multicast() {
            return None;
        }
        let (out, next) = self.way(packet.dst())?;
        if next == self.ports[out].addr || packet.dst() == self.ports[port].addr {
            return None; // To the router itself, which has no more to say.
        }
        if packet.ttl() <= 1 {
            return self.complain(port, &packet, icmpv4::TIME_EXCEEDED, 0, 0);
        }
        let mtu = self.ports[out].mtu;
        if packet.bytes().len() > mtu {
            if self.black_hole {
                return None;
            }
            let code = icmpv4::unreachable::FRAGMENTATION_NEEDED;
            return self.complain(port, &packet, icmpv4::UNREACHABLE, code, mtu as u32);
        }
        let mut forwarded = packet.bytes().to_vec();
        forwarded[8] -= 1;
        forwarded[10..12].fill(0);
        let sum = checksum(&forwarded[..packet.header_len()]);
        forwarded[10..12].copy_from_slice(&sum.to_be_bytes());
        Some((out, next, forwarded))
    }

    fn complain(&self, port: usize, about: &ipv4::Packet<'_>, kind: u8, code: u8, rest: u32) -> Option<Forwarded> {
        let quoted = &about.bytes()[..about.bytes().len().min(548)];
        let message = [&icmpv4::emit(kind, code, rest, quoted), quoted].concat();
        let (out, next) = self.way(about.src())?;
        Some((out, next, ipv4_packet(self.ports[port].addr, about.src(), ipv4::ICMP, &message)))
    }
}

fn same_net(a: Ipv4Addr, b: Ipv4Addr, prefix_len: u8) -> bool {
    let shift = 32 - u32::from(prefix_len);
    u32::from(a).checked_shr(shift) == u32::from(b).checked_shr(shift)
}
