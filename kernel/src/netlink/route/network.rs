//! What there is to tell: the tables of a kernel as they were at one moment.

use crate::InterfaceInfo;
use netstack::Neighbor;
use netstack::iface::{Address, Counters};
use netstack::route::Route;
use netstack::time::Instant;
use std::net::IpAddr;

/// The tables of a kernel.
#[derive(Clone, Debug)]
pub struct Network {
    /// When they were so; to it the times of the addresses belong.
    pub now: Instant,
    /// The interfaces, `lo` first.
    pub links: Vec<Link>,
    /// The routes but those of `lo`, best first.
    pub routes: Vec<Route>,
    /// The neighbours that anybody has asked for.
    pub neighbors: Vec<Neighbor>,
}

impl Network {
    /// The route of a packet, by this interface where one is said.
    pub fn route_to(&self, to: IpAddr, by: Option<u32>) -> Option<&Route> {
        self.routes.iter().find(|route| route.dst.contains(to) && by.is_none_or(|by| route.on.0 == by))
    }
}

/// An interface.
#[derive(Clone, Debug)]
pub struct Link {
    /// What it is.
    pub info: InterfaceInfo,
    /// Its addresses, the primary one of each family first.
    pub addresses: Vec<Address>,
    /// Its traffic.
    pub counters: Counters,
}
