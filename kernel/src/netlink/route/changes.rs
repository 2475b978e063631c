//! What became of the tables from one moment to another, in the order in which Linux tells its own changes.

use super::super::answer::Row;
use super::{Link, Network, addresses, links, neighbors, routes};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::AddressFlags;
use netlink_packet_route::neighbour::NeighbourState;
use netlink_packet_route::route::RouteMessage;
use netstack::iface::{Address, AddressState};
use netstack::ip::IpNet;
use netstack::link::IfIndex;
use netstack::route::Route;
use netstack::time::Instant;
use netstack::{Neighbor, NeighborState};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A message with its flags.
type News = (Row, u16);

/// What there is to tell those who knew `old`.
pub(in super::super) fn changes(old: &Network, new: &Network) -> Vec<News> {
    let change = Change { old, new };
    let mut news = change.links();
    news.extend(change.of_ipv4());
    news.extend(change.of_ipv6());
    news.extend(change.neighbors());
    news
}

struct Change<'a> {
    old: &'a Network,
    new: &'a Network,
}

/// Which routes: those that lead to a gateway, or to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Gateway,
    Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn has(self, addr: IpAddr) -> bool {
        addr.is_ipv4() == (self == Family::V4)
    }
}

impl Change<'_> {
    /// A DHCP client of Linux takes routes away before their address, and sets them after it; the kernel itself those of a net.
    fn of_ipv4(&self) -> Vec<News> {
        let (back, of) = (self.reversed(), Family::V4);
        [
            back.routes(of, To::Gateway, gone),
            self.gone_addresses(of),
            back.routes(of, To::Link, gone),
            back.local(of, gone),
            self.new_addresses(of),
            self.local(of, come),
            self.routes(of, To::Link, come),
            self.routes(of, To::Gateway, come),
        ]
        .concat()
    }

    /// Routes come with a router's word; the address that is made of it has to be tried first.
    fn of_ipv6(&self) -> Vec<News> {
        let (back, of) = (self.reversed(), Family::V6);
        [
            back.routes(of, To::Gateway, gone),
            self.gone_addresses(of),
            back.local(of, gone),
            back.routes(of, To::Link, gone),
            self.routes(of, To::Gateway, come),
            self.routes(of, To::Link, come),
            self.new_addresses(of),
            self.local(of, come),
        ]
        .concat()
    }

    /// From the later moment to the earlier: what is new by that is gone.
    fn reversed(&self) -> Change<'_> {
        Change { old: self.new, new: self.old }
    }

    fn links(&self) -> Vec<News> {
        let state = |link: &Link| (link.info.mtu, link.info.up);
        let is_news = |link: &&Link| self.before(link).map(state) != Some(state(link));
        let changed = self.new.links.iter().filter(is_news);
        changed.map(|link| plain(Message::NewLink(links::describe(link)))).collect()
    }

    /// The link as it was.
    fn before(&self, link: &Link) -> Option<&Link> {
        self.old.links.iter().find(|old| old.info.index == link.info.index)
    }

    fn gone_addresses(&self, of: Family) -> Vec<News> {
        let (back, mut news) = (self.reversed(), Vec::new());
        for link in &self.old.links {
            let now = back.before(link).map_or(&[][..], |link| &link.addresses);
            let is_gone = |address: &&Address| now.iter().all(|other| other.net != address.net);
            let gone = link.addresses.iter().filter(|address| of.has(address.net.addr)).filter(is_gone);
            news.extend(
                gone.map(|address| plain(Message::DelAddress(addresses::describe(self.new.now, link, address)))),
            );
        }
        news
    }

    /// New ones and changed ones. Of one that is still tried for nobody is told.
    fn new_addresses(&self, of: Family) -> Vec<News> {
        let mut news = Vec::new();
        for link in &self.new.links {
            let before = self.before(link);
            let had = |address: &Address| {
                let same = |before: &Link| before.addresses.iter().any(|old| told(before, old) == told(link, address));
                before.is_some_and(same)
            };
            let is_news = |address: &&Address| {
                of.has(address.net.addr) && address.state != AddressState::Tentative && !had(address)
            };
            let new = link.addresses.iter().filter(is_news);
            news.extend(
                new.map(|address| plain(Message::NewAddress(addresses::describe(self.new.now, link, address)))),
            );
        }
        news
    }

    fn local(&self, of: Family, tell: Telling) -> Vec<News> {
        let had = |network: &Network, (link, addr): &(&Link, IpAddr)| {
            network.local().any(|(other, at)| (other.info.index, at) == (link.info.index, *addr))
        };
        let new = self.new.local().filter(|(_, addr)| of.has(*addr)).filter(|local| !had(self.old, local));
        new.map(|(link, addr)| tell(routes::to_us(link, addr), false)).collect()
    }

    fn routes(&self, of: Family, to: To, tell: Telling) -> Vec<News> {
        let is_meant = |route: &&Route| of.has(route.dst.addr) && route.via.is_some() == (to == To::Gateway);
        let new = self.new.routes.iter().filter(is_meant).filter(|route| !self.old.routes.contains(route));
        new.map(|route| tell(routes::describe(self.new, route), self.is_one_of_several(route))).collect()
    }

    /// Linux puts routes of IPv6 that differ in their gateway alone together.
    fn is_one_of_several(&self, route: &Route) -> bool {
        let ways = self.new.routes.iter().filter(|other| (other.dst, other.metric) == (route.dst, route.metric));
        route.dst.addr.is_ipv6() && ways.count() > 1
    }

    /// As Linux tells nobody who is asked, or will be.
    fn neighbors(&self) -> Vec<News> {
        let table = |network: &Network| -> BTreeMap<(IfIndex, IpAddr), Neighbor> {
            network.neighbors.iter().map(|row| ((row.on, row.addr), *row)).collect()
        };
        let (old, new) = (table(self.old), table(self.new));
        let mut news = Vec::new();
        for row in old.iter().filter(|(id, _)| !new.contains_key(id)).map(|(_, row)| row) {
            let mut message = neighbors::describe(&Neighbor { mac: None, ..*row });
            message.header.state = NeighbourState::Failed;
            news.extend([Message::NewNeighbour(message.clone()), Message::DelNeighbour(message)].map(plain));
        }
        let is_told = |row: &Neighbor| !matches!(row.state, NeighborState::Incomplete | NeighborState::Delay);
        let changed = new.iter().filter(|(id, row)| is_told(row) && old.get(id) != Some(row));
        news.extend(changed.map(|(_, row)| plain(Message::NewNeighbour(neighbors::describe(row)))));
        news
    }
}

/// What of an address is told, but how long it is still good.
fn told(link: &Link, address: &Address) -> (IpNet, AddressFlags, [Option<Instant>; 2]) {
    (address.net, link.address_flags(address), [address.preferred_until, address.valid_until])
}

/// How a route is told. `more`: there are others beside it.
type Telling = fn(RouteMessage, more: bool) -> News;

fn come(row: RouteMessage, more: bool) -> News {
    let first = if more { 0 } else { NLM_F_EXCL };
    (Row::new(&Message::NewRoute(row)), NLM_F_CREATE | first)
}

fn gone(row: RouteMessage, _: bool) -> News {
    plain(Message::DelRoute(row))
}

fn plain(message: Message) -> News {
    (Row::new(&message), 0)
}

#[cfg(test)]
mod tests;
