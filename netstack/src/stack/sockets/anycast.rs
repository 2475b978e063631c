//! User calls about anycast addresses (IPV6_JOIN_ANYCAST, IPV6_LEAVE_ANYCAST of Linux; RFC 4291 §2.6): the host has one as long as a
//! socket has joined it, beside others on the link that have it.

use core::net::{IpAddr, Ipv6Addr};

use crate::iface::Interface;
use crate::link::IfIndex;
use crate::socket::{AnycastError, Key};
use crate::stack::Stack;

impl Stack {
    /// IPV6_JOIN_ANYCAST; a socket may join an address more than once. `on` of `None` takes the interface whose net has the
    /// address.
    pub fn anycast_join(&mut self, key: Key, addr: Ipv6Addr, on: Option<IfIndex>) -> Result<(), AnycastError> {
        let interfaces = &self.ip.interfaces;
        let zone = on.filter(|_| addr.is_unicast_link_local() || addr.is_loopback());
        let zone = zone.filter(|on| interfaces.get(*on).is_some());
        if addr.is_multicast() || interfaces.owner(addr.into(), zone).is_some() {
            return Err(AnycastError::Invalid);
        }
        let interface = match on {
            Some(on) => interfaces.get(on).ok_or(AnycastError::NoInterface)?,
            None => self.interface_of_net(addr).ok_or(AnycastError::NotOfOurNets)?,
        };
        // A router can have what its routes lead to.
        if !self.forwarding && !interface.is_of_a_net(addr) {
            return Err(AnycastError::NotOfOurNets);
        }
        let on = interface.index;
        self.anycast.entry(key).or_default().push((addr, on));
        self.ip.interfaces.join_anycast(on, addr);
        Ok(())
    }

    /// IPV6_LEAVE_ANYCAST: once. `on` of `None`: where it was joined last.
    pub fn anycast_leave(&mut self, key: Key, addr: Ipv6Addr, on: Option<IfIndex>) -> Result<(), AnycastError> {
        let joined = self.anycast.get_mut(&key).ok_or(AnycastError::NotJoined)?;
        let is_this = |joined: &(Ipv6Addr, IfIndex)| joined.0 == addr && on.is_none_or(|on| on == joined.1);
        let at = joined.iter().rposition(is_this).ok_or(AnycastError::NotJoined)?;
        let (addr, on) = joined.remove(at);
        self.ip.interfaces.leave_anycast(on, addr);
        Ok(())
    }

    /// The socket is closed.
    pub(in crate::stack) fn leave_all_anycast(&mut self, key: Key) {
        for (addr, on) in self.anycast.remove(&key).unwrap_or_default() {
            self.ip.interfaces.leave_anycast(on, addr);
        }
    }

    pub(in crate::stack) fn has_anycast(&self, addr: IpAddr) -> bool {
        matches!(addr, IpAddr::V6(addr) if self.ip.interfaces.anycast_owner(addr, None).is_some())
    }

    /// The first interface with a net that has the address; a router takes any link.
    fn interface_of_net(&self, addr: Ipv6Addr) -> Option<&Interface> {
        let interfaces = &self.ip.interfaces;
        let of_net = interfaces.iter().find(|interface| interface.is_of_a_net(addr));
        of_net
            .or_else(|| interfaces.iter().find(|interface| self.forwarding && interface.up && !interface.is_loopback()))
    }
}
