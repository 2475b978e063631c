//! IPv6 packets for others (RFC 8200 §3, §4.3, RFC 4291 §2.5, §2.7), and redirects to better next hops (RFC 4861 §8.2).

use core::net::{IpAddr, Ipv6Addr};

use crate::icmp::Complaint;
use crate::ip::{self, Fill, Hop, NextHop, Outgoing, OutputError, Received, is_unicast};
use crate::stack::Stack;
use crate::stack::input::{Arrival, check_options};
use crate::time::Instant;
use crate::wire::{icmpv6, ipv6, ndp};

impl Stack {
    /// Is a packet for somebody else, and may it be passed on as far as its header says?
    pub(in crate::stack) fn is_to_forward_v6(&self, arrival: Arrival, packet: &ipv6::Packet<'_>) -> bool {
        let (src, dst) = (packet.src(), packet.dst());
        if !self.forwarding || !arrival.unicast || arrival.looped {
            return false;
        }
        let interfaces = &self.ip.interfaces;
        let ours =
            |addr: Ipv6Addr| interfaces.is_local(addr) || interfaces.anycast_owner(addr, Some(arrival.on)).is_some();
        let fit = |addr: Ipv6Addr| is_unicast(addr) && !addr.is_loopback() && !ours(addr);
        // RFC 4291 §2.5.6: what is link-local stays on its link. Of a source it is said to the sender, below.
        fit(src) && fit(dst) && !dst.is_unicast_link_local()
    }

    /// A packet that is not for us, on its way.
    pub(in crate::stack) fn forward_v6(&mut self, now: Instant, arrival: Arrival, packet: &ipv6::Packet<'_>) {
        let about = Received::quoted(packet.bytes(), arrival.on);
        let about = about.unwrap_or_else(|| Received::v6(packet, &packet.extensions(), arrival.on));
        // RFC 8200 §4.3: the one extension header that is for all on the way.
        let mut extensions = packet.extensions();
        if packet.next_header() == ipv6::HOP_BY_HOP {
            let options = extensions.advance();
            let checked = match &options {
                Ok(Some(options)) => check_options(options),
                _ => Err(None),
            };
            if let Err(complaint) = checked {
                self.count_error(arrival.on);
                return complaint.into_iter().for_each(|complaint| self.report_forwarded(now, &about, complaint));
            }
            if let Ok(Some(options)) = options
                && self.alert_v6(now, &about, options.bytes)
            {
                return;
            }
        }
        // RFC 8200 §3.
        if packet.hop_limit() <= 1 {
            return self.report_forwarded(now, &about, Complaint::HopLimit);
        }
        let Some(hop) = self.ip.hop(Some(about.src), about.dst, None) else {
            return self.report_forwarded(now, &about, Complaint::NoRoute);
        };
        let NextHop::Neighbor(IpAddr::V6(next)) = hop.to else { return };
        if hop.on == arrival.on {
            self.redirect_v6(now, &about, packet, next);
        } else if packet.src().is_unicast_link_local() {
            return self.report_forwarded(now, &about, Complaint::BeyondScope);
        }
        match self.ip.pass_on_v6(now, &mut *self.pool, hop, packet, arrival.checksum_good) {
            Ok(()) => {}
            Err(OutputError::TooLong) => {
                let mtu = self.ip.mtu(hop.on, hop.src).max(ipv6::MIN_MTU);
                self.report_forwarded(now, &about, Complaint::TooLong(mtu));
            }
            Err(OutputError::Full | OutputError::NoBuffers) => {
                if let Some(interface) = self.ip.interfaces.get_mut(hop.on) {
                    interface.counters.tx.drops += 1;
                }
            }
        }
    }

    /// RFC 4861 §8.2: a packet goes back to the link that it came from: its sender, if it is a neighbour there, can reach
    /// `next` itself.
    fn redirect_v6(&mut self, now: Instant, about: &Received<'_>, packet: &ipv6::Packet<'_>, next: Ipv6Addr) {
        let (on, src, dst) = (about.on, packet.src(), packet.dst());
        // A router is known to hosts by its link-local address alone.
        if next != dst && !next.is_unicast_link_local() {
            return;
        }
        let Some(ours) = self.ip.interfaces.get(on).and_then(|interface| interface.link_local()) else { return };
        let zone = ip::needs_zone(src.into()).then_some(on);
        let direct = |hop: &Hop| hop.on == on && hop.to == NextHop::Neighbor(src.into());
        let Some(hop) = self.ip.hop(Some(ours.into()), src.into(), zone).filter(direct) else { return };
        if !self.errors.allow(now, src.into()) {
            return;
        }
        let link = self.ip.neighbors.last_known(on, next.into());
        let message = ndp::redirect(next, dst, link, packet.bytes());
        let (head, rest) = message.split_at(icmpv6::HEADER_LEN);
        let header = ip::Header::atomic(hop.src, src.into(), ipv6::ICMPV6, ndp::HOP_LIMIT, 0);
        let payload = [rest];
        let out = Outgoing { link_mtu: true, ..Outgoing::new(header, head, &payload, Fill::At(2)) };
        // What has no room is lost as on the wire.
        let _ = self.ip.send(now, &mut *self.pool, hop, &out);
    }
}
