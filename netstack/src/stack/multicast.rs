//! Multicast groups: who is in which, and IGMP (RFC 9776).

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use super::Stack;
use crate::iface::LOOPBACK;
use crate::ip::{self, Fill, Hop, NextHop, Outgoing, Received};
use crate::link::IfIndex;
use crate::multicast::{Filter, FilterMode, Query, Record, Say};
use crate::socket::{GroupError, Key, UdpId};
use crate::time::Instant;
use crate::wire::igmp::{self, Message};

/// Sources in one socket's filter of one group (Linux igmp_max_msf).
const MAX_SOURCES: usize = 10;
/// Type of service of IGMP: internetwork control (RFC 9776 §4).
const TOS: u8 = 0xc0;
/// Sources in one report, so that it fits any link that IPv4 is spoken on.
const SOURCES_A_REPORT: usize = 128;

/// A change of a socket's filter by one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChange {
    /// Wants what it sends, and joins the group for it if need be.
    Join,
    /// Does not want it any more; the last one leaves the group.
    Leave,
    /// A member of the whole group does not want it.
    Block,
    /// Wants it again.
    Unblock,
}

impl Stack {
    /// MCAST_MSFILTER, IP_MSFILTER: the sources that a member wants of a group. [`Filter::NONE`] leaves it.
    pub fn udp_set_filter(
        &mut self,
        id: UdpId,
        group: impl Into<IpAddr>,
        on: Option<IfIndex>,
        filter: Filter,
    ) -> Result<(), GroupError> {
        let group = group.into();
        let on = self.group_interface(group, on)?;
        if filter.sources.len() > MAX_SOURCES {
            return Err(GroupError::TooMany);
        }
        let socket = self.udp.get(id).ok_or(GroupError::NotFound)?;
        if !socket.groups.contains(&(group, on)) {
            return Err(GroupError::Invalid);
        }
        if filter == Filter::NONE {
            return self.udp_leave(id, group, Some(on));
        }
        let key = socket.key;
        self.set_membership(on, group, key, filter);
        Ok(())
    }

    /// MCAST_JOIN_SOURCE_GROUP and its kin, with Linux's errors: a filter lists wanted or unwanted sources, and changes
    /// from one to the other only while it is empty.
    pub fn udp_change_source(
        &mut self,
        id: UdpId,
        group: impl Into<IpAddr>,
        on: Option<IfIndex>,
        source: impl Into<IpAddr>,
        change: SourceChange,
    ) -> Result<(), GroupError> {
        let group = group.into();
        let on = self.group_interface(group, on)?;
        let socket = self.udp.get(id).ok_or(GroupError::NotFound)?;
        let (key, member) = (socket.key, socket.groups.contains(&(group, on)));
        let source = source.into();
        if !member && change == SourceChange::Join {
            let filter = Filter { mode: FilterMode::Include, sources: [source].into() };
            return self.join(id, group, Some(on), filter);
        }
        let current = self.ip.memberships.filter(on, group, key);
        let mut filter = current.filter(|_| member).ok_or(GroupError::Invalid)?.clone();
        let mode = match change {
            SourceChange::Join | SourceChange::Leave => FilterMode::Include,
            SourceChange::Block | SourceChange::Unblock => FilterMode::Exclude,
        };
        if filter.mode != mode {
            if !filter.sources.is_empty() {
                return Err(GroupError::Invalid);
            }
            filter.mode = mode;
        }
        match change {
            SourceChange::Join | SourceChange::Block => {
                if filter.sources.len() >= MAX_SOURCES {
                    return Err(GroupError::TooMany);
                }
                if !filter.sources.insert(source) {
                    return Err(GroupError::NotMember);
                }
            }
            SourceChange::Leave | SourceChange::Unblock => {
                if !filter.sources.remove(&source) {
                    return Err(GroupError::NotMember);
                }
            }
        }
        if filter == Filter::NONE {
            return self.udp_leave(id, group, Some(on));
        }
        self.set_membership(on, group, key, filter);
        Ok(())
    }

    /// The sources that a socket wants of a group; [`Filter::NONE`] if it is no member.
    pub fn udp_filter(&self, id: UdpId, group: impl Into<IpAddr>, on: Option<IfIndex>) -> Result<Filter, GroupError> {
        let group = group.into();
        let on = self.group_interface(group, on)?;
        let socket = self.udp.get(id).ok_or(GroupError::NotFound)?;
        Ok(self.ip.memberships.filter(on, group, socket.key).cloned().unwrap_or(Filter::NONE))
    }

    pub(super) fn set_membership(&mut self, on: IfIndex, group: IpAddr, key: Key, filter: Filter) {
        self.ip.memberships.set(self.now, on, group, key, filter);
    }

    pub(super) fn input_igmp(&mut self, now: Instant, packet: &Received<'_>) {
        let on = packet.on;
        let v4 = IpAddr::V4;
        match Message::parse(packet.payload) {
            Err(_) => self.count_error(on),
            // RFC 9776 §5.2, §9.1: a question about all groups comes to all systems, and no question comes from afar.
            Ok(Message::Query(query)) => {
                if packet.ttl != 1 || query.group.is_none() && packet.dst != igmp::ALL_SYSTEMS {
                    return;
                }
                let query = Query {
                    version: query.version,
                    group: query.group.map(v4),
                    sources: query.sources.into_iter().map(v4).collect(),
                    max_response: Duration::from_millis(query.max_response_ms.into()),
                    robustness: query.robustness,
                    interval: query.interval.map(|seconds| Duration::from_secs(seconds.into())),
                };
                self.ip.memberships.handle_query(now, on, &query);
            }
            Ok(Message::Report(group)) => self.ip.memberships.handle_report(now, on, group.into()),
            Ok(Message::Other) => {}
        }
    }

    pub(super) fn run_memberships(&mut self, now: Instant) {
        while let Some((on, say)) = self.ip.memberships.expire(now) {
            if on == LOOPBACK {
                continue; // No router is there.
            }
            match say {
                Say::Records(records) => self.report_memberships(now, on, records),
                Say::Member { version, group: IpAddr::V4(group) } if group != igmp::ALL_SYSTEMS => {
                    self.send_igmp(now, on, group, &igmp::old_report(version, group));
                }
                Say::Left { group: IpAddr::V4(group) } if group != igmp::ALL_SYSTEMS => {
                    self.send_igmp(now, on, igmp::ALL_ROUTERS, &igmp::leave(group));
                }
                Say::Member { .. } | Say::Left { .. } => {}
            }
        }
    }

    /// RFC 9776 §4.2.16: more than fits one report goes into several.
    fn report_memberships(&mut self, now: Instant, on: IfIndex, records: Vec<Record>) {
        let v4 = |addr: IpAddr| match addr {
            IpAddr::V4(addr) => Some(addr),
            IpAddr::V6(_) => None,
        };
        let mut pending = Vec::new();
        let mut room = SOURCES_A_REPORT;
        for Record { kind, group, sources } in records {
            // Nothing is ever said of the group of all systems.
            let Some(group) = v4(group).filter(|group| *group != igmp::ALL_SYSTEMS) else { continue };
            let sources: Vec<Ipv4Addr> = sources.into_iter().filter_map(v4).take(SOURCES_A_REPORT).collect();
            let size = sources.len() + 2;
            if size > room && !pending.is_empty() {
                self.send_records(now, on, &core::mem::take(&mut pending));
                room = SOURCES_A_REPORT;
            }
            room = room.saturating_sub(size);
            pending.push((kind, group, sources));
        }
        if !pending.is_empty() {
            self.send_records(now, on, &pending);
        }
    }

    fn send_records(&mut self, now: Instant, on: IfIndex, records: &[(igmp::RecordKind, Ipv4Addr, Vec<Ipv4Addr>)]) {
        let records = records.iter().map(|(kind, group, sources)| (*kind, *group, sources.as_slice()));
        self.send_igmp(now, on, igmp::V3_ROUTERS, &igmp::v3_report(records));
    }

    /// RFC 9776 §4: time to live 1, and the router alert option.
    fn send_igmp(&mut self, now: Instant, on: IfIndex, to: Ipv4Addr, message: &[u8]) {
        let Some(interface) = self.ip.interfaces.get(on).filter(|interface| interface.up) else { return };
        let src = interface.source_for(to).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let hop = Hop { on, src: src.into(), to: NextHop::Group(to.into()) };
        let out = Outgoing {
            header: ip::Header::atomic(src.into(), to.into(), igmp::PROTOCOL, 1, TOS),
            transport: message.get(..8).unwrap_or(message),
            payload: &[message.get(8..).unwrap_or(&[])],
            fill: Fill::Nothing,
            multicast_loop: false,
            link_mtu: false,
            most: None,
        };
        // What has no room is lost as on the wire: it is said again.
        let _ = self.ip.send_with_options(now, &mut *self.pool, hop, &out, &igmp::ROUTER_ALERT);
    }
}
