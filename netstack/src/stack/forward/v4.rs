//! IPv4 packets for others (RFC 1812 §5).

use core::net::{IpAddr, Ipv4Addr};

use crate::icmp::Complaint;
use crate::ip::{NextHop, OutputError, Received, is_unicast};
use crate::stack::Stack;
use crate::stack::input::Arrival;
use crate::time::Instant;
use crate::wire::{ipv4, ipv4_options};

impl Stack {
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
}
