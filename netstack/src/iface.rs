//! Interfaces: their addresses, multicast groups, counters, and frames that wait for their link.

use core::net::Ipv4Addr;
use std::collections::VecDeque;

use crate::ip::{Ipv4Net, Packet};
use crate::link::{IfIndex, LinkCaps, Mac};

/// The loopback interface, which every stack has.
pub const LOOPBACK: IfIndex = IfIndex(1);

/// Bytes that may wait for a link that is full, before senders are told to wait.
const MAX_QUEUED: usize = 1 << 20;

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
    /// Does it carry traffic?
    pub up: bool,
    /// Is it `lo`?
    pub loopback: bool,
    /// Its addresses, the primary one first.
    pub addresses: &'a [Ipv4Net],
    /// Its traffic.
    pub counters: Counters,
}

pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) index: IfIndex,
    pub(crate) mac: Mac,
    pub(crate) mtu: u32,
    pub(crate) caps: LinkCaps,
    pub(crate) up: bool,
    pub(crate) addresses: Vec<Ipv4Net>,
    /// Multicast groups with the number of sockets that joined each here.
    groups: Vec<(Ipv4Addr, u32)>,
    pub(crate) counters: Counters,
    /// Frames that wait for the link, link header filled in.
    pub(crate) queue: VecDeque<Packet>,
    queued_bytes: usize,
}

impl Interface {
    fn new(index: IfIndex, config: InterfaceConfig) -> Interface {
        let InterfaceConfig { name, mac, mtu, caps } = config;
        Interface {
            name,
            index,
            mac,
            mtu,
            caps,
            up: true,
            addresses: Vec::new(),
            groups: Vec::new(),
            counters: Counters::default(),
            queue: VecDeque::new(),
            queued_bytes: 0,
        }
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.index == LOOPBACK
    }

    pub(crate) fn has(&self, addr: Ipv4Addr) -> bool {
        self.addresses.iter().any(|net| net.addr == addr)
    }

    /// The source address for packets to `to` on this link: of the net that holds it, else the primary one.
    pub(crate) fn source_for(&self, to: Ipv4Addr) -> Option<Ipv4Addr> {
        let same_net = self.addresses.iter().find(|net| net.contains(to));
        same_net.or(self.addresses.first()).map(|net| net.addr)
    }

    /// Is `addr` the directed broadcast address of a net on this link?
    pub(crate) fn is_broadcast(&self, addr: Ipv4Addr) -> bool {
        self.addresses.iter().any(|net| net.broadcast() == Some(addr))
    }

    /// Every host is in the all-systems group (RFC 1112 §4).
    pub(crate) fn in_group(&self, group: Ipv4Addr) -> bool {
        group == Ipv4Addr::new(224, 0, 0, 1) || self.groups.iter().any(|(joined, _)| *joined == group)
    }

    pub(crate) fn join(&mut self, group: Ipv4Addr) {
        match self.groups.iter_mut().find(|(joined, _)| *joined == group) {
            Some((_, count)) => *count += 1,
            None => self.groups.push((group, 1)),
        }
    }

    pub(crate) fn leave(&mut self, group: Ipv4Addr) {
        if let Some(at) = self.groups.iter().position(|(joined, _)| *joined == group) {
            self.groups[at].1 -= 1;
            if self.groups[at].1 == 0 {
                self.groups.swap_remove(at);
            }
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
            up: self.up,
            loopback: self.is_loopback(),
            addresses: &self.addresses,
            counters: self.counters,
        }
    }
}

/// All interfaces of a stack; `lo` first.
pub(crate) struct Interfaces {
    list: Vec<Interface>,
    /// Every address of every interface, sorted, with its interface.
    local: Vec<(Ipv4Addr, IfIndex)>,
}

impl Interfaces {
    pub(crate) fn new() -> Interfaces {
        let lo = InterfaceConfig {
            name: "lo".into(),
            mac: Mac::default(),
            mtu: 65536,
            caps: LinkCaps { checksum_offload: true },
        };
        let mut interfaces = Interfaces { list: vec![Interface::new(LOOPBACK, lo)], local: Vec::new() };
        interfaces.add_address(LOOPBACK, Ipv4Net { addr: Ipv4Addr::LOCALHOST, prefix_len: 8 });
        interfaces
    }

    pub(crate) fn add(&mut self, mut config: InterfaceConfig) -> IfIndex {
        config.mtu = config.mtu.clamp(68, 65535); // RFC 791 §3.2: every link carries 68 bytes.
        let index = IfIndex(self.list.len() as u32 + 1);
        self.list.push(Interface::new(index, config));
        index
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

    pub(crate) fn add_address(&mut self, on: IfIndex, net: Ipv4Net) {
        if let Some(interface) = self.get_mut(on) {
            interface.addresses.push(net);
            self.index_addresses();
        }
    }

    pub(crate) fn remove_address(&mut self, on: IfIndex, addr: Ipv4Addr) -> Option<Ipv4Net> {
        let interface = self.get_mut(on)?;
        let at = interface.addresses.iter().position(|net| net.addr == addr)?;
        let net = interface.addresses.remove(at);
        self.index_addresses();
        Some(net)
    }

    /// Is `addr` one of ours? All of 127.0.0.0/8 is.
    pub(crate) fn is_local(&self, addr: Ipv4Addr) -> bool {
        addr.is_loopback() || self.local.binary_search_by_key(&addr, |(local, _)| *local).is_ok()
    }

    /// The directed broadcast address of a net on some link that is up.
    pub(crate) fn broadcast_link(&self, addr: Ipv4Addr) -> Option<&Interface> {
        self.list.iter().find(|interface| interface.up && !interface.is_loopback() && interface.is_broadcast(addr))
    }

    fn index_addresses(&mut self) {
        self.local.clear();
        for interface in &self.list {
            self.local.extend(interface.addresses.iter().map(|net| (net.addr, interface.index)));
        }
        self.local.sort_unstable();
    }
}
