//! IGMP (RFC 9776) and MLD (RFC 9777): queries that arrive, reports that we send. User calls are in `stack::sockets::multicast`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ip::{self, Fill, Hop, NextHop, Outgoing, Received};
use crate::link::IfIndex;
use crate::multicast::{Family, Say, fit};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::group::{Message, Record};
use crate::wire::{igmp, ipv6, mld, ndp};

/// Type of service of IGMP: internetwork control (RFC 9776 §4).
const TOS: u8 = 0xc0;

impl Stack {
    pub(in crate::stack) fn input_igmp(&mut self, now: Instant, packet: &Received<'_>) {
        let on = packet.on;
        match igmp::parse(packet.payload) {
            Err(_) => self.count_error(on),
            // RFC 9776 §5.2, §9.1: a question about all groups comes to all systems, and no question comes from afar.
            Ok(Message::Query(query)) => {
                if packet.ttl == 1 && (query.group.is_some() || packet.dst == igmp::ALL_SYSTEMS) {
                    self.ip.memberships.handle_query(now, (on, Family::V4), &query);
                }
            }
            Ok(Message::Report(group)) => self.ip.memberships.handle_report(now, on, group),
            Ok(Message::Other) => {}
        }
    }

    pub(super) fn input_mld(&mut self, now: Instant, packet: &Received<'_>) {
        let (on, IpAddr::V6(src)) = (packet.on, packet.src) else { return };
        // RFC 9777 §6.2: from a neighbour, and for who looks at what is not for it.
        let alerts = ipv6::Packet::parse_quoted(packet.bytes).is_ok_and(|packet| mld::has_alert(&packet));
        if packet.ttl != mld::HOP_LIMIT || !alerts {
            return self.count_error(on);
        }
        let local = src.is_unicast_link_local();
        match mld::parse(packet.payload) {
            Ok(Message::Query(query)) if local => self.ip.memberships.handle_query(now, (on, Family::V6), &query),
            // RFC 3590 §4: a host that has no address yet reports from none.
            Ok(Message::Report(group)) if local || src.is_unspecified() => {
                self.ip.memberships.handle_report(now, on, group);
            }
            Ok(Message::Other) => {}
            Ok(Message::Query(_) | Message::Report(_)) | Err(_) => self.count_error(on),
        }
    }

    pub(in crate::stack) fn run_memberships(&mut self, now: Instant) {
        if self.ip.interfaces.take_own_groups_changed() {
            for interface in self.ip.interfaces.iter() {
                self.ip.memberships.set_own(now, interface.index, &interface.own_groups().collect());
            }
        }
        for (on, say) in self.ip.memberships.expire(now) {
            match say {
                Say::Records(records) => fit(records).iter().for_each(|records| self.send_report(now, on, records)),
                Say::Member { dialect, group: IpAddr::V4(group) } => {
                    self.send_igmp(now, on, group, &igmp::old_report(dialect, group));
                }
                Say::Member { group: IpAddr::V6(group), .. } => self.send_mld(on, group, mld::v1_report(group)),
                Say::Left { group: IpAddr::V4(group) } => {
                    self.send_igmp(now, on, igmp::ALL_ROUTERS, &igmp::leave(group));
                }
                Say::Left { group: IpAddr::V6(group) } => self.send_mld(on, ndp::ALL_ROUTERS, mld::done(group)),
            }
        }
    }

    /// Records of one family that fit one report.
    fn send_report(&mut self, now: Instant, on: IfIndex, records: &[Record]) {
        if records.iter().all(|record| record.group.is_ipv4()) {
            self.send_igmp(now, on, igmp::V3_ROUTERS, &igmp::v3_report(records));
        } else {
            self.send_mld(on, mld::V2_ROUTERS, mld::v2_report(records));
        }
    }

    /// RFC 9776 §4: time to live 1, and the router alert option.
    fn send_igmp(&mut self, now: Instant, on: IfIndex, to: Ipv4Addr, message: &[u8]) {
        let Some(interface) = self.ip.interfaces.get(on).filter(|interface| interface.up) else { return };
        let src = interface.source_for(to).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let hop = Hop { on, src: src.into(), to: NextHop::Group(to.into()) };
        let header = ip::Header::atomic(src.into(), to.into(), igmp::PROTOCOL, 1, TOS);
        let (transport, rest) = message.split_at(message.len().min(8));
        let payload = [rest];
        let out = Outgoing::new(header, transport, &payload, Fill::Nothing);
        // What has no room is lost as on the wire: it is said again.
        let _ = self.ip.send_with_options(now, &mut *self.pool, hop, &out, &igmp::ROUTER_ALERT);
    }

    /// RFC 9777 §5: hop limit 1, the router alert option, and a link-local source: until there is one, none (RFC 3590 §4).
    fn send_mld(&mut self, on: IfIndex, dst: Ipv6Addr, message: Vec<u8>) {
        let Some(interface) = self.ip.interfaces.get(on).filter(|_| self.ndp.links.contains_key(&on)) else { return };
        let src = interface.link_local().unwrap_or(Ipv6Addr::UNSPECIFIED);
        let (next_header, hop_limit) = (ipv6::HOP_BY_HOP, mld::HOP_LIMIT);
        let header = ipv6::Header { src, dst, next_header, hop_limit, traffic_class: 0, flow_label: 0 };
        self.ip.send_icmpv6(&mut *self.pool, on, None, header, &mld::ROUTER_ALERT, message);
    }
}
