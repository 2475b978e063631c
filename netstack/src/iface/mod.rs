//! Interfaces: their addresses, multicast groups, counters, and frames that wait for their link.

mod address;
mod parameters;

pub use address::{Address, AddressOrigin, AddressState};
pub use parameters::LinkParameters;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::VecDeque;

use crate::ip::{IpNet, Packet};
use crate::link::{IfIndex, LinkCaps, Mac};
use crate::ndp::TemporaryAddresses;
use crate::packet::Memberships;
use crate::wire::{ethernet, igmp, ndp};

/// The loopback interface, which every stack has.
pub const LOOPBACK: IfIndex = IfIndex(1);
/// Of the loopback's own net.
const LOOPBACK_BROADCAST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255));

/// Bytes that may wait for a link that is full, before senders are told to wait.
const MAX_QUEUED: usize = 1 << 20;
/// Bytes of the longest packet that we cut for a link.
const LONGEST_CUT: u32 = 1 << 15;

/// What an interface is made of.
#[derive(Clone, Debug)]
pub struct InterfaceConfig {
    /// Its name, as `shmif0`.
    pub name: String,
    /// Our hardware address on the link.
    pub mac: Mac,
    /// Bytes of the largest IP packet, 68–65535. Values outside are brought inside.
    pub mtu: u32,
    /// What the link can do.
    pub caps: LinkCaps,
}

/// Traffic counters of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames.
    pub packets: u64,
    /// Bytes, link header included.
    pub bytes: u64,
    /// Frames dropped for want of room or of somebody to take them.
    pub drops: u64,
    /// Malformed frames.
    pub errors: u64,
}

/// Traffic counters of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Received.
    pub rx: Traffic,
    /// Sent.
    pub tx: Traffic,
}

/// An interface as seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number.
    pub index: IfIndex,
    /// Our hardware address on it; zero on loopback.
    pub mac: Mac,
    /// Bytes of the largest IP packet.
    pub mtu: u32,
    /// What counts for IPv6 on it.
    pub v6: LinkParameters,
    /// Does it carry traffic?
    pub up: bool,
    /// Is it `lo`?
    pub loopback: bool,
    /// Does its link cut segments that are longer than its packets (and join others)?
    pub long_segments: bool,
    /// Its addresses, the primary one of each family first.
    pub addresses: &'a [Address],
    /// Its traffic.
    pub counters: Counters,
}

pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) index: IfIndex,
    pub(crate) mac: Mac,
    pub(crate) mtu: u32,
    /// What routers say of IPv6 on the link.
    pub(crate) v6: LinkParameters,
    /// Which temporary addresses it makes.
    pub(crate) temporary: TemporaryAddresses,
    pub(crate) caps: LinkCaps,
    pub(crate) up: bool,
    /// The host passes packets on.
    router: bool,
    pub(crate) addresses: Vec<Address>,
    /// Multicast groups with the number of sockets that joined each here.
    groups: Vec<(IpAddr, u32)>,
    /// Anycast addresses, likewise.
    joined_anycast: Vec<(Ipv6Addr, u32)>,
    /// What packet sockets want it to take.
    pub(crate) memberships: Memberships,
    pub(crate) counters: Counters,
    /// Frames that wait for the link, link header filled in.
    pub(crate) queue: VecDeque<Packet>,
    queued_bytes: usize,
}

impl Interface {
    fn new(index: IfIndex, config: InterfaceConfig, router: bool) -> Interface {
        let InterfaceConfig { name, mac, mtu, caps } = config;
        Interface {
            name,
            index,
            mac,
            mtu,
            v6: LinkParameters::default(),
            temporary: TemporaryAddresses::Off,
            caps,
            up: true,
            router,
            addresses: Vec::new(),
            groups: Vec::new(),
            joined_anycast: Vec::new(),
            memberships: Memberships::default(),
            counters: Counters::default(),
            queue: VecDeque::new(),
            queued_bytes: 0,
        }
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.index == LOOPBACK
    }

    /// Is `addr` an address of this interface, usable or not?
    pub(crate) fn has(&self, addr: impl Into<IpAddr>) -> bool {
        self.address(addr.into()).is_some()
    }

    pub(crate) fn address(&self, addr: IpAddr) -> Option<&Address> {
        self.addresses.iter().find(|address| address.net.addr == addr)
    }

    /// The IPv4 source address for packets to `to` on this link: of the net that holds it, else the primary one.
    pub(crate) fn source_for(&self, to: Ipv4Addr) -> Option<Ipv4Addr> {
        let mut usable = self.addresses.iter().filter(|address| address.net.addr.is_ipv4() && address.is_usable());
        let primary = usable.clone().next();
        match usable.find(|address| address.net.contains(to.into())).or(primary)?.net.addr {
            IpAddr::V4(addr) => Some(addr),
            IpAddr::V6(_) => None,
        }
    }

    /// Our address on the link that other stations of it can always reach (RFC 4861 §2.2).
    pub(crate) fn link_local(&self) -> Option<Ipv6Addr> {
        self.addresses.iter().filter(|address| address.is_usable()).find_map(|address| match address.net.addr {
            IpAddr::V6(addr) if addr.is_unicast_link_local() => Some(addr),
            _ => None,
        })
    }

    /// Is `addr` the directed broadcast address of a net on this link?
    pub(crate) fn is_broadcast(&self, addr: Ipv4Addr) -> bool {
        self.addresses.iter().any(|address| address.net.broadcast() == Some(addr))
    }

    /// Is `addr` an anycast address that we have here?
    pub(crate) fn is_anycast(&self, addr: Ipv6Addr) -> bool {
        self.anycast().any(|anycast| anycast == addr)
    }

    /// Those that programs have joined, and of each net the one that all its routers have, we among them (RFC 4291 §2.6.1). As on
    /// Linux none of nets without room for it.
    fn anycast(&self) -> impl Iterator<Item = Ipv6Addr> {
        let shared = |address: &&Address| address.is_usable() && address.net.prefix_len < 127;
        let nets = if self.router { &self.addresses[..] } else { &[] };
        let of_routers = nets.iter().filter(shared).filter_map(|address| match address.net.network().addr {
            IpAddr::V6(addr) if !self.has(addr) => Some(addr),
            _ => None,
        });
        self.joined_anycast.iter().map(|(addr, _)| *addr).chain(of_routers)
    }

    /// Is `addr` of a net on this link?
    pub(crate) fn is_of_a_net(&self, addr: Ipv6Addr) -> bool {
        self.addresses.iter().any(|address| address.net.contains(addr.into()))
    }

    /// The groups that the host is in by itself: of all systems (RFC 1112 §4); with IPv6 of all nodes, of each of its
    /// addresses, and a router of all routers (RFC 4291 §2.8).
    pub(crate) fn own_groups(&self) -> impl Iterator<Item = IpAddr> {
        let own = self.addresses.iter().filter_map(|address| match address.net.addr {
            IpAddr::V6(addr) => Some(addr),
            IpAddr::V4(_) => None,
        });
        let solicited = own.chain(self.anycast()).map(ndp::solicited_node);
        let routers = ndp::ROUTERS.into_iter().filter(|_| self.router);
        let v6 = ndp::NODES.into_iter().chain(routers).chain(solicited).map(IpAddr::V6);
        core::iter::once(igmp::ALL_SYSTEMS.into()).chain(v6)
    }

    /// All groups that the host is in here, by itself or for a program.
    fn all_groups(&self) -> impl Iterator<Item = IpAddr> {
        self.own_groups().chain(self.groups.iter().map(|(group, _)| *group))
    }

    pub(crate) fn in_group(&self, group: IpAddr) -> bool {
        self.all_groups().any(|joined| joined == group)
    }

    /// Would a network card set up for this interface take a frame to `dst`?
    pub(crate) fn takes(&self, dst: Mac) -> bool {
        let in_group = || self.all_groups().any(|group| ethernet::multicast(group) == dst);
        dst == self.mac || dst == Mac::BROADCAST || in_group() || self.memberships.take(dst)
    }

    pub(crate) fn join(&mut self, group: IpAddr) {
        join(&mut self.groups, group);
    }

    pub(crate) fn leave(&mut self, group: IpAddr) {
        leave(&mut self.groups, group);
    }

    /// The largest IP packet with TCP's segments that it takes: what its link does not cut, we do. 0: none beyond its MTU.
    pub(crate) fn longest_segment(&self) -> u32 {
        match self.caps.segment_offload {
            _ if self.index == LOOPBACK => 0,
            0 => LONGEST_CUT,
            by_link => by_link,
        }
    }

    /// Is there room for senders to queue another `bytes`? One packet always fits an empty queue.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.queue.is_empty() || self.queued_bytes + bytes <= MAX_QUEUED
    }

    pub(crate) fn enqueue(&mut self, frame: Packet) {
        self.queued_bytes += frame.frame().len();
        self.queue.push_back(frame);
    }

    pub(crate) fn dequeue(&mut self) -> Option<Packet> {
        let frame = self.queue.pop_front()?;
        self.queued_bytes -= frame.frame().len();
        Some(frame)
    }

    fn view(&self) -> InterfaceView<'_> {
        InterfaceView {
            name: &self.name,
            index: self.index,
            mac: self.mac,
            mtu: self.mtu,
            v6: self.v6,
            up: self.up,
            loopback: self.is_loopback(),
            long_segments: self.caps.segment_offload > 0,
            addresses: &self.addresses,
            counters: self.counters,
        }
    }
}

/// One more is in it.
fn join<T: PartialEq>(joined: &mut Vec<(T, u32)>, what: T) {
    match joined.iter_mut().find(|(joined, _)| *joined == what) {
        Some((_, count)) => *count += 1,
        None => joined.push((what, 1)),
    }
}

/// One less is in it.
fn leave<T: PartialEq>(joined: &mut Vec<(T, u32)>, what: T) {
    if let Some(at) = joined.iter().position(|(joined, _)| *joined == what) {
        joined[at].1 -= 1;
        if joined[at].1 == 0 {
            joined.swap_remove(at);
        }
    }
}

/// All interfaces of a stack; `lo` first.
pub(crate) struct Interfaces {
    list: Vec<Interface>,
    /// Every usable address of every interface, sorted, with its interface.
    local: Vec<(IpAddr, IfIndex)>,
    /// The host passes packets on.
    router: bool,
    /// What [`Interface::own_groups`] says may be another than it was.
    own_groups_changed: bool,
    changes: u64,
}

impl Interfaces {
    pub(crate) fn new() -> Interfaces {
        let lo = InterfaceConfig {
            name: "lo".into(),
            mac: Mac::default(),
            mtu: 65536,
            caps: LinkCaps { checksum_offload: true, segment_offload: 0 },
        };
        let (list, local) = (vec![Interface::new(LOOPBACK, lo, false)], Vec::new());
        let mut interfaces = Interfaces { list, local, router: false, own_groups_changed: false, changes: 0 };
        interfaces.add_address(LOOPBACK, Address::manual(IpNet::new(Ipv4Addr::LOCALHOST, 8)));
        interfaces.add_address(LOOPBACK, Address::manual(IpNet::new(Ipv6Addr::LOCALHOST, 128)));
        interfaces
    }

    pub(crate) fn add(&mut self, mut config: InterfaceConfig) -> IfIndex {
        config.mtu = config.mtu.clamp(68, 65535); // RFC 791 §3.2: every link carries 68 bytes.
        let index = IfIndex(self.list.len() as u32 + 1);
        self.list.push(Interface::new(index, config, self.router));
        self.own_groups_changed = true;
        self.changes += 1;
        index
    }

    /// How often one came, its state or MTU changed, or something about an address.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Its link carries packets of this size.
    pub(crate) fn set_mtu(&mut self, on: IfIndex, mtu: u32) {
        self.changes += 1;
        if let Some(interface) = self.get_mut(on) {
            interface.mtu = mtu;
        }
    }

    /// Takes one up or down.
    pub(crate) fn set_up(&mut self, on: IfIndex, up: bool) {
        self.changes += 1;
        if let Some(interface) = self.get_mut(on) {
            interface.up = up;
        }
    }

    /// The host passes packets on, or does not any more.
    pub(crate) fn set_router(&mut self, router: bool) {
        self.router = router;
        self.list.iter_mut().for_each(|interface| interface.router = router);
        self.own_groups_changed = true;
    }

    /// Were there changes of the groups that the host is in by itself since this was last asked?
    pub(crate) fn take_own_groups_changed(&mut self) -> bool {
        core::mem::take(&mut self.own_groups_changed)
    }

    pub(crate) fn get(&self, on: IfIndex) -> Option<&Interface> {
        self.list.get((on.0 as usize).checked_sub(1)?)
    }

    pub(crate) fn get_mut(&mut self, on: IfIndex) -> Option<&mut Interface> {
        self.list.get_mut((on.0 as usize).checked_sub(1)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.list.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Interface> {
        self.list.iter_mut()
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = InterfaceView<'_>> {
        self.list.iter().map(Interface::view)
    }

    pub(crate) fn is_up(&self, on: IfIndex) -> bool {
        self.get(on).is_some_and(|interface| interface.up)
    }

    pub(crate) fn add_address(&mut self, on: IfIndex, address: Address) {
        if let Some(interface) = self.get_mut(on) {
            interface.addresses.push(address);
            self.index_addresses();
        }
    }

    pub(crate) fn remove_address(&mut self, on: IfIndex, addr: IpAddr) -> Option<Address> {
        let interface = self.get_mut(on)?;
        let at = interface.addresses.iter().position(|address| address.net.addr == addr)?;
        let address = interface.addresses.remove(at);
        self.index_addresses();
        Some(address)
    }

    /// Changes what is known of an address.
    pub(crate) fn change_address(&mut self, on: IfIndex, addr: IpAddr, change: impl FnOnce(&mut Address)) {
        let Some(interface) = self.get_mut(on) else { return };
        if let Some(address) = interface.addresses.iter_mut().find(|address| address.net.addr == addr) {
            change(address);
            self.index_addresses();
        }
    }

    /// Is `addr` one of ours? All of 127.0.0.0/8 is, but for the last, which as on Linux is its broadcast address.
    pub(crate) fn is_local(&self, addr: impl Into<IpAddr>) -> bool {
        let addr = addr.into();
        addr.is_loopback() && addr != LOOPBACK_BROADCAST || self.owner(addr, None).is_some()
    }

    /// The interface that has `addr`: `on`, if it is given. The same link-local address may be on several.
    pub(crate) fn owner(&self, addr: IpAddr, on: Option<IfIndex>) -> Option<IfIndex> {
        let first = self.local.partition_point(|(local, _)| *local < addr);
        let mut owners = self.local[first..].iter().take_while(|(local, _)| *local == addr).map(|(_, owner)| *owner);
        owners.find(|owner| on.is_none_or(|on| on == *owner))
    }

    /// The interface that has `addr` as an anycast address. One that is link-local must be of the link that it came in by.
    pub(crate) fn anycast_owner(&self, addr: Ipv6Addr, came_by: Option<IfIndex>) -> Option<IfIndex> {
        let only = came_by.filter(|on| *on != LOOPBACK && addr.is_unicast_link_local());
        let mut owners = self.list.iter().filter(|interface| only.is_none_or(|only| only == interface.index));
        owners.find(|interface| interface.is_anycast(addr)).map(|interface| interface.index)
    }

    /// A program has `addr` as an anycast address.
    pub(crate) fn join_anycast(&mut self, on: IfIndex, addr: Ipv6Addr) {
        self.own_groups_changed = true;
        if let Some(interface) = self.get_mut(on) {
            join(&mut interface.joined_anycast, addr);
        }
    }

    /// It has it no more.
    pub(crate) fn leave_anycast(&mut self, on: IfIndex, addr: Ipv6Addr) {
        self.own_groups_changed = true;
        if let Some(interface) = self.get_mut(on) {
            leave(&mut interface.joined_anycast, addr);
        }
    }

    /// The directed broadcast address of a net on some interface that is up.
    pub(crate) fn broadcast_link(&self, addr: Ipv4Addr) -> Option<&Interface> {
        self.list.iter().find(|interface| interface.up && interface.is_broadcast(addr))
    }

    fn index_addresses(&mut self) {
        self.changes += 1;
        self.own_groups_changed = true;
        self.local.clear();
        for interface in &self.list {
            let usable = interface.addresses.iter().filter(|address| address.is_usable());
            self.local.extend(usable.map(|address| (address.net.addr, interface.index)));
        }
        self.local.sort_unstable();
    }
}
