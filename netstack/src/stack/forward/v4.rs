//! Packets for others (RFC 1812 §5), and redirects that routers send us (RFC 1122 §3.2.2.2).

use core::net::{IpAddr, Ipv4Addr};

use crate::icmp::{self, Complaint};
use crate::ip::{Hop, NextHop, OutputError, Received, is_unicast, needs_zone};
use crate::link::IfIndex;
use crate::stack::Stack;
use crate::stack::input::Arrival;
use crate::time::Instant;
use crate::wire::{be32, icmpv4, ipv4, ipv4_options};

impl Stack {
    /// Passes packets for others on between the interfaces, or does not (the default, RFC 1122 §3.3.1.1). A stack that
    /// does follows no redirects (RFC 1812 §5.2.7.2, RFC 4861 §8.2), and no routers' advertisements (RFC 4861 §6.2.7).
    pub fn set_forwarding(&mut self, on: bool) {
        self.forwarding = on;
        self.ip.interfaces.set_router(on);
    }

    /// Is a packet for somebody else, and may it be passed on as far as its header says?
    pub(in crate::stack) fn is_to_forward(&self, arrival: Arrival, packet: &ipv4::Packet<'_>) -> bool {
        let (src, dst) = (packet.src(), packet.dst());
        if !self.forwarding || !arrival.unicast || arrival.looped || packet.is_source_routed() {
            return false;
        }
        // RFC 1812 §5.3.4, §5.3.7; RFC 2644 (no directed broadcasts); RFC 3927 §2.7 (nothing link-local).
        let fit = |addr: Ipv4Addr| is_unicast(addr) && !addr.is_loopback() && !addr.is_link_local();
        let ours = |addr| self.ip.interfaces.is_local(addr) || self.ip.interfaces.broadcast_link(addr).is_some();
        fit(src) && fit(dst) && !ours(src) && !ours(dst)
    }

    /// RFC 1812 §5.2.1.2: a packet that is not for us, on its way.
    pub(in crate::stack) fn forward(&mut self, now: Instant, arrival: Arrival, packet: &ipv4::Packet<'_>) {
        if self.alert(now, arrival, packet) {
            return;
        }
        let about = Received::v4(packet, arrival.on);
        // RFC 1812 §5.3.1.
        if packet.ttl() <= 1 {
            return self.report_forwarded(now, &about, Complaint::HopLimit);
        }
        let Some(hop) = self.ip.hop(None, about.dst, None) else {
            return self.report_forwarded(now, &about, Complaint::NoRoute);
        };
        let (NextHop::Neighbor(IpAddr::V4(next)), IpAddr::V4(ours)) = (hop.to, hop.src) else { return };
        let mut options = [0; ipv4::MAX_HEADER_LEN - ipv4::HEADER_LEN];
        let options = &mut options[..packet.options().len()];
        options.copy_from_slice(packet.options());
        // RFC 1812 §5.2.4: options are for the router that it leaves by.
        let recorded =
            ipv4_options::record(options, ours, |addr| self.ip.interfaces.is_local(addr), now.millis(), true);
        if let Err(at) = recorded {
            return self.report_forwarded(now, &about, Complaint::HeaderByte(at));
        }
        if hop.on == arrival.on && self.is_neighbor(arrival.on, packet.src()) {
            self.report_forwarded(now, &about, Complaint::Redirect(next));
        }
        match self.ip.pass_on(now, &mut *self.pool, hop, packet, options, arrival.checksum_good) {
            Ok(()) => {}
            Err(OutputError::TooLong) => {
                let mtu = self.ip.mtu(hop.on, hop.src);
                self.report_forwarded(now, &about, Complaint::TooLong(mtu));
            }
            Err(OutputError::Full | OutputError::NoBuffers) => {
                if let Some(interface) = self.ip.interfaces.get_mut(hop.on) {
                    interface.counters.tx.drops += 1;
                }
            }
        }
    }

    /// Sends an ICMP error about a packet for somebody else, from our address on the way back to its sender.
    pub(in crate::stack) fn report_forwarded(&mut self, now: Instant, packet: &Received<'_>, complaint: Complaint) {
        let dst = packet.src;
        let Some(message) = complaint.message(packet).filter(|_| icmp::may_report(packet)) else { return };
        let zone = needs_zone(dst).then_some(packet.on);
        let Some(hop) = self.ip.hop(None, dst, zone).filter(Hop::is_unicast) else { return };
        if self.errors.allow(now, dst) {
            self.send_error(now, hop, dst, packet, message);
        }
    }

    /// A router knows a better one for a destination. Believed only of the router that we use for it, and only if the
    /// other one is our neighbour on the same link (RFC 1122 §3.2.2.2).
    pub(in crate::stack) fn input_redirect(
        &mut self,
        now: Instant,
        on: IfIndex,
        router: IpAddr,
        message: &icmpv4::Message<'_>,
    ) {
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

    fn is_neighbor(&self, on: IfIndex, addr: Ipv4Addr) -> bool {
        let interface = self.ip.interfaces.get(on);
        interface.is_some_and(|interface| interface.addresses.iter().any(|address| address.net.contains(addr.into())))
    }

    /// RFC 792, RFC 1122 §3.2.2.8: our clock, which does not count from midnight.
    pub(in crate::stack) fn timestamp_reply(&self, now: Instant, request: &[u8]) -> [u8; 12] {
        let mut times = [0; 12];
        let ours = (now.millis() | ipv4_options::NONSTANDARD_TIME).to_be_bytes();
        times[..4].copy_from_slice(&be32(request, 0).to_be_bytes());
        times[4..8].copy_from_slice(&ours);
        times[8..].copy_from_slice(&ours);
        times
    }
}
