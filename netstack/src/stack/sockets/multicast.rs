//! User calls about multicast groups: membership and source filters (ip(7), ipv6(7), RFC 3678).

use core::net::IpAddr;

use crate::link::IfIndex;
use crate::multicast::{Filter, FilterMode, Joined, Member};
use crate::socket::{DatagramId, GroupError, Key};
use crate::stack::Stack;

/// Groups of IPv4 that one socket may join (Linux igmp_max_memberships), and of both together: what Linux's optmem_max has
/// room for.
const MAX_V4_GROUPS: usize = 20;
const MAX_GROUPS: usize = 2340;

/// A change of a socket's filter by one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChange {
    /// MCAST_JOIN_SOURCE_GROUP: adds the source, and joins the group if need be.
    Join,
    /// MCAST_LEAVE_SOURCE_GROUP: removes the source; without any the socket leaves the group.
    Leave,
    /// MCAST_BLOCK_SOURCE: a member of the whole group excludes the source.
    Block,
    /// MCAST_UNBLOCK_SOURCE: ends that.
    Unblock,
}

impl Stack {
    /// IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP. `on` of `None` takes the interface that a route to the group names.
    pub fn group_join(
        &mut self,
        id: impl Into<DatagramId>,
        group: impl Into<IpAddr>,
        on: Option<IfIndex>,
    ) -> Result<(), GroupError> {
        self.join(id.into(), group.into(), on, Filter::ALL)
    }

    fn join(&mut self, id: DatagramId, group: IpAddr, on: Option<IfIndex>, filter: Filter) -> Result<(), GroupError> {
        let on = self.group_interface(group, on)?;
        let (key, joined) = self.joined(id)?;
        if joined.contains(&(group, on)) {
            return Err(GroupError::AlreadyMember);
        }
        if group.is_ipv4() && joined.iter().filter(|(joined, _)| joined.is_ipv4()).count() >= MAX_V4_GROUPS {
            return Err(GroupError::TooMany);
        }
        if joined.len() >= MAX_GROUPS {
            return Err(GroupError::NoMemory);
        }
        joined.push((group, on));
        if let Some(interface) = self.ip.interfaces.get_mut(on) {
            interface.join(group);
        }
        self.set_membership(on, group, key, filter);
        Ok(())
    }

    /// IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP.
    pub fn group_leave(
        &mut self,
        id: impl Into<DatagramId>,
        group: impl Into<IpAddr>,
        on: Option<IfIndex>,
    ) -> Result<(), GroupError> {
        let group = group.into();
        let on = match self.group_interface(group, on) {
            // As on Linux, which looks for an interface only where none is said, and at the address only with IPv6.
            Err(GroupError::NoInterface) if on.is_some() => return Err(GroupError::NotMember),
            Err(GroupError::Invalid) if group.is_ipv4() => return Err(GroupError::NotMember),
            on => on?,
        };
        let (key, joined) = self.joined(id.into())?;
        let at = joined.iter().position(|joined| *joined == (group, on)).ok_or(GroupError::NotMember)?;
        let left = joined.swap_remove(at);
        self.leave_all(key, vec![left]);
        Ok(())
    }

    /// The socket leaves these.
    pub(super) fn leave_all(&mut self, key: Key, joined: Joined) {
        for (group, on) in joined {
            self.set_membership(on, group, key, Filter::NONE);
            if let Some(interface) = self.ip.interfaces.get_mut(on) {
                interface.leave(group);
            }
        }
    }

    /// MCAST_MSFILTER, IP_MSFILTER: the sources that a member wants of a group. [`Filter::NONE`] leaves it.
    pub fn group_set_filter(
        &mut self,
        id: impl Into<DatagramId>,
        group: impl Into<IpAddr>,
        on: Option<IfIndex>,
        filter: Filter,
    ) -> Result<(), GroupError> {
        let (id, group) = (id.into(), group.into());
        let on = self.group_interface(group, on)?;
        if filter.sources.len() > max_sources(group) {
            return Err(GroupError::TooMany);
        }
        let (key, joined) = self.joined(id)?;
        if !joined.contains(&(group, on)) {
            return Err(GroupError::Invalid);
        }
        self.change_filter(id, key, (group, on), filter)
    }

    /// MCAST_JOIN_SOURCE_GROUP and its kin, with Linux's errors: a filter lists wanted or unwanted sources, and changes
    /// from one to the other only while it is empty.
    pub fn group_change_source(
        &mut self,
        id: impl Into<DatagramId>,
        group: impl Into<IpAddr>,
        on: Option<IfIndex>,
        source: impl Into<IpAddr>,
        change: SourceChange,
    ) -> Result<(), GroupError> {
        let (id, group, source) = (id.into(), group.into(), source.into());
        let on = self.group_interface(group, on)?;
        let (key, joined) = self.joined(id)?;
        let member = joined.contains(&(group, on));
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
                if filter.sources.len() >= max_sources(group) {
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
        self.change_filter(id, key, (group, on), filter)
    }

    fn change_filter(
        &mut self,
        id: DatagramId,
        key: Key,
        (group, on): (IpAddr, IfIndex),
        filter: Filter,
    ) -> Result<(), GroupError> {
        if filter == Filter::NONE {
            return self.group_leave(id, group, Some(on));
        }
        self.set_membership(on, group, key, filter);
        Ok(())
    }

    /// The sources that a socket wants of a group; [`Filter::NONE`] if it is no member.
    pub fn group_filter(
        &mut self,
        id: impl Into<DatagramId>,
        group: impl Into<IpAddr>,
        on: Option<IfIndex>,
    ) -> Result<Filter, GroupError> {
        let group = group.into();
        let on = self.group_interface(group, on)?;
        let (key, _) = self.joined(id.into())?;
        Ok(self.ip.memberships.filter(on, group, key).cloned().unwrap_or(Filter::NONE))
    }

    fn joined(&mut self, id: DatagramId) -> Result<(Key, &mut Joined), GroupError> {
        match id {
            DatagramId::Udp(id) => self.udp.get_mut(id).map(|socket| (socket.key, &mut socket.groups)),
            DatagramId::Raw(id) => self.raw.get_mut(id).map(|socket| (socket.key, &mut socket.groups)),
            DatagramId::Packet(_) => None,
        }
        .ok_or(GroupError::NotFound)
    }

    fn set_membership(&mut self, on: IfIndex, group: IpAddr, key: Key, filter: Filter) {
        self.ip.memberships.set(self.now, on, group, Member::Socket(key), filter);
    }

    fn group_interface(&self, group: IpAddr, on: Option<IfIndex>) -> Result<IfIndex, GroupError> {
        if !group.is_multicast() {
            return Err(GroupError::Invalid);
        }
        let routed = || self.ip.hop(None, group, None).map(|hop| hop.on);
        let on = on.or_else(routed).ok_or(GroupError::NoInterface)?;
        self.ip.interfaces.get(on).map(|interface| interface.index).ok_or(GroupError::NoInterface)
    }
}

/// Sources in one socket's filter of one group (Linux igmp_max_msf, mld_max_msf).
pub fn max_sources(group: IpAddr) -> usize {
    if group.is_ipv4() { 10 } else { 64 }
}
