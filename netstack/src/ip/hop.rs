//! The next hop of a packet: by which interface, to whom on its link, and from which of our addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address::{multicast_scope, needs_zone};
use super::{Ip, select, zone};
use crate::iface::LOOPBACK;
use crate::link::IfIndex;
use crate::tcp::seam::{Path, Paths};

/// What a socket allows of routes and source addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// SO_BINDTODEVICE, or a zone: the only interface.
    pub(crate) on: Option<IfIndex>,
    /// SO_DONTROUTE, MSG_DONTROUTE: no router. Of IPv4 alone, as on Linux.
    pub(crate) direct: bool,
    /// IPV6_ADDR_PREFERENCES: a temporary source, or none; `None`: as its interface says.
    pub(crate) temporary: Option<bool>,
}

impl Limits {
    /// These, and the zone of `remote`.
    pub(crate) fn towards(self, remote: SocketAddr) -> Limits {
        Limits { on: zone(remote).or(self.on), ..self }
    }
}

impl From<Option<IfIndex>> for Limits {
    fn from(on: Option<IfIndex>) -> Limits {
        Limits { on, ..Limits::default() }
    }
}

/// A packet's first hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) on: IfIndex,
    /// The address to send from.
    pub(crate) src: IpAddr,
    pub(crate) to: NextHop,
}

impl Hop {
    /// The packet goes to one host.
    pub(crate) fn is_unicast(&self) -> bool {
        matches!(self.to, NextHop::Ourselves | NextHop::Neighbor(_))
    }
}

/// Who gets the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextHop {
    /// One of our own addresses.
    Ourselves,
    /// A station on the link.
    Neighbor(IpAddr),
    /// All stations.
    Broadcast,
    /// The members of a group.
    Group(IpAddr),
}

impl Ip {
    /// The hop towards `dst`. `src`: the address to send from, if it is decided.
    pub(crate) fn hop(&self, src: Option<IpAddr>, dst: IpAddr, limits: impl Into<Limits>) -> Option<Hop> {
        let limits = limits.into();
        match (dst, src) {
            (IpAddr::V4(dst), None) => self.hop_v4(None, dst, limits),
            (IpAddr::V4(dst), Some(IpAddr::V4(src))) => self.hop_v4(Some(src), dst, limits),
            (IpAddr::V6(dst), None) => self.hop_v6(None, dst, limits),
            (IpAddr::V6(dst), Some(IpAddr::V6(src))) => self.hop_v6(Some(src), dst, limits),
            _ => None,
        }
    }

    fn hop_v4(&self, src: Option<Ipv4Addr>, dst: Ipv4Addr, limits: Limits) -> Option<Hop> {
        if dst.is_unspecified() {
            return None; // Calls in which it means this host have put another address in its place.
        }
        let on = limits.on;
        let usable = |index: IfIndex| on.is_none_or(|only| only == index) && self.interfaces.is_up(index);
        if self.interfaces.is_local(dst) && on.is_none_or(|on| on == LOOPBACK || on == self.came_by(dst, LOOPBACK)) {
            return Some(Hop { on: LOOPBACK, src: src.unwrap_or(dst).into(), to: NextHop::Ourselves });
        }
        let broadcast = self.interfaces.broadcast_link(dst).filter(|interface| usable(interface.index));
        // RFC 1122 §3.2.1.3 (g): no packet to a loopback address leaves the host.
        if dst.is_loopback() && broadcast.is_none() {
            return None;
        }
        // RFC 1122 §3.2.1.3 (g): a loopback address never appears outside a host, as a source either.
        let stays = on == Some(LOOPBACK) || broadcast.is_some_and(|interface| interface.is_loopback());
        if src.is_some_and(|src| src.is_loopback()) && !stays {
            return None;
        }
        if let Some(interface) = broadcast {
            return self.hop_by(interface.index, src, dst, NextHop::Broadcast);
        }
        match on {
            Some(only) if dst.is_broadcast() && usable(only) => self.hop_by(only, src, dst, NextHop::Broadcast),
            Some(only) if dst.is_multicast() && usable(only) => self.hop_by(only, src, dst, NextHop::Group(dst.into())),
            Some(_) if dst.is_broadcast() || dst.is_multicast() => None,
            _ => self.routed_v4(src, dst, limits),
        }
    }

    /// The hop that the best route says.
    fn routed_v4(&self, src: Option<Ipv4Addr>, dst: Ipv4Addr, Limits { on, direct, .. }: Limits) -> Option<Hop> {
        let usable = |index: IfIndex| on.is_none_or(|only| only == index) && self.interfaces.is_up(index);
        let route = self.routes.find(dst.into(), |route| usable(route.on) && !(direct && route.via.is_some()));
        let (on, via) = match route {
            Some(route) => (route.on, route.via),
            // Linux: what has no route is taken to be on the one link that is allowed.
            None => (on.filter(|&on| usable(on))?, None),
        };
        let via = match via {
            None => None,
            Some(IpAddr::V4(via)) => Some(via),
            Some(IpAddr::V6(_)) => return None,
        };
        let to = match dst {
            dst if dst.is_broadcast() => NextHop::Broadcast,
            dst if dst.is_multicast() => NextHop::Group(dst.into()),
            // RFC 3927 §2.6.2: never to a router.
            dst if dst.is_link_local() => NextHop::Neighbor(dst.into()),
            dst => {
                let via = via.map(|via| self.redirects.gateway(dst.into(), on).unwrap_or(via.into()));
                NextHop::Neighbor(via.unwrap_or(dst.into()))
            }
        };
        self.hop_by(on, src, via.unwrap_or(dst), to)
    }

    /// A hop by an interface, from its address towards `next` where `src` does not say another.
    fn hop_by(&self, on: IfIndex, src: Option<Ipv4Addr>, next: Ipv4Addr, to: NextHop) -> Option<Hop> {
        let interface = self.interfaces.get(on)?;
        // A host that has no address yet sends from 0.0.0.0 (RFC 1122 §3.2.1.3).
        let src = src.or_else(|| interface.source_for(next)).unwrap_or(Ipv4Addr::UNSPECIFIED);
        Some(Hop { on, src: src.into(), to })
    }

    fn hop_v6(&self, src: Option<Ipv6Addr>, dst: Ipv6Addr, Limits { on, temporary, .. }: Limits) -> Option<Hop> {
        if dst.is_unspecified() {
            return None;
        }
        let link_scope = needs_zone(dst.into());
        let allowed = on.filter(|on| *on != LOOPBACK || link_scope);
        if self.interfaces.owner(dst.into(), allowed).is_some() {
            return Some(Hop { on: LOOPBACK, src: src.unwrap_or(dst).into(), to: NextHop::Ourselves });
        }
        // Of all that have an anycast address, we are the nearest.
        if let Some(owner) = self.interfaces.anycast_owner(dst, on.filter(|_| link_scope)) {
            let src = src.or_else(|| select::source(&self.interfaces, dst, owner, temporary))?;
            return Some(Hop { on: LOOPBACK, src: src.into(), to: NextHop::Ourselves });
        }
        // RFC 4291 §2.5.3: the same for ::1.
        if dst.is_loopback() || src.is_some_and(|src| src.is_loopback()) {
            return None;
        }
        let usable = |index: IfIndex| on.is_none_or(|only| only == index) && self.interfaces.is_up(index);
        let (on, to) = if dst.is_multicast() {
            // RFC 4291 §2.7: a packet to an interface-local group does not leave the host.
            let on = if multicast_scope(dst) <= 1 { LOOPBACK } else { on.or_else(|| self.multicast_interface())? };
            (on, NextHop::Group(dst.into()))
        } else if link_scope {
            // RFC 4007 §6: without a zone a link-local address means nothing, unless there is but one link.
            let on = on.or_else(|| self.only_link())?;
            (on, NextHop::Neighbor(dst.into()))
        } else {
            let route = self.route_v6(dst, usable)?;
            (route.0, NextHop::Neighbor(route.1))
        };
        if !self.interfaces.is_up(on) {
            return None;
        }
        let src = match src {
            Some(src) => src,
            None => select::source(&self.interfaces, dst, on, temporary)?,
        };
        Some(Hop { on, src: src.into(), to })
    }

    /// The interface and the next hop of the best route.
    fn route_v6(&self, dst: Ipv6Addr, usable: impl Fn(IfIndex) -> bool) -> Option<(IfIndex, IpAddr)> {
        let route = self.routes.lookup(dst.into(), usable)?;
        let via = route.via.map(|via| self.redirects.gateway(dst.into(), route.on).unwrap_or(via));
        Some((route.on, via.unwrap_or(dst.into())))
    }

    /// The interface for groups if none is named: that of the default route.
    fn multicast_interface(&self) -> Option<IfIndex> {
        let default = self.routes.lookup(Ipv6Addr::UNSPECIFIED.into(), |on| self.interfaces.is_up(on));
        default.map(|route| route.on).or_else(|| self.links_v6().next())
    }

    fn only_link(&self) -> Option<IfIndex> {
        let mut links = self.links_v6();
        links.next().filter(|_| links.next().is_none())
    }

    /// Interfaces but `lo` that speak IPv6.
    fn links_v6(&self) -> impl Iterator<Item = IfIndex> {
        let speaks = |interface: &&crate::iface::Interface| interface.up && interface.link_local().is_some();
        self.interfaces.iter().filter(speaks).map(|interface| interface.index)
    }

    /// The interface by which a packet to `ours` came, for sockets that are bound to one: as on Linux, what we send to ourselves
    /// comes by the interface that has the address.
    pub(crate) fn came_by(&self, ours: impl Into<IpAddr>, on: IfIndex) -> IfIndex {
        if on == LOOPBACK { self.owner(ours.into()).unwrap_or(on) } else { on }
    }

    /// The interface that an address of the link-local kind means where a packet came in by `on`: our own packets to
    /// ourselves come in by `lo`, but mean the link whose address they bear.
    pub(crate) fn zone_of(&self, ours: IpAddr, on: IfIndex) -> IfIndex {
        if on == LOOPBACK && needs_zone(ours) { self.owner(ours).unwrap_or(on) } else { on }
    }

    /// The interface that has the address, alone or with others.
    fn owner(&self, ours: IpAddr) -> Option<IfIndex> {
        self.interfaces.owner(ours, None).or_else(|| match ours {
            IpAddr::V6(ours) => self.interfaces.anycast_owner(ours, None),
            IpAddr::V4(_) => None,
        })
    }
}

impl Paths for Ip {
    fn path(&self, src: Option<IpAddr>, remote: SocketAddr, limits: Limits) -> Option<Path> {
        let on = zone(remote);
        let hop = self.hop(src, remote.ip(), limits.towards(remote))?;
        // RFC 9293 §3.9.2.3 (MUST-57): no connections to groups.
        if !hop.is_unicast() {
            return None;
        }
        let zone = on.unwrap_or_else(|| self.zone_of(hop.src, hop.on));
        Some(Path {
            src: hop.src,
            on: zone,
            mtu: self.mtu(hop.on, hop.src) as u32,
            path_mtu: self.path_mtu(hop.on, remote.ip()) as u32,
        })
    }

    fn is_local(&self, addr: IpAddr) -> bool {
        self.interfaces.is_local(addr)
    }
}
