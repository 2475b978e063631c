//! A network of stacks and routers on a virtual clock: same seed, same run.
//!
//! [`Net`] owns nodes (a [`Stack`] each), routers and links. User calls go to `net.stack(node)`; [`Net::poll`] lets a node
//! send what they queued; [`Net::run_for`], [`Net::run_until`] and [`Net::step`] move the clock from event to event. Every
//! frame that passes a link is kept in [`Net::trace`], unless [`Net::keep_trace`] says no.
#![allow(dead_code, unused_imports, missing_docs)] // Each test crate uses its own part.

mod frames;
pub mod groups;
mod link;
mod memory;
mod offers;
mod router;
pub mod seeds;
mod segments;
mod sockets;

pub use frames::*;
pub use link::{Bursts, Link, Segments};
pub use memory::Memory;
pub use offers::*;
pub use sockets::{Packets, Raw, Udp};

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;

use link::{Leaving, LinkState, Outbox, Station};
use netstack::iface::InterfaceConfig;
use netstack::link::{Checksum, IfIndex, Mac, RxMeta};
use netstack::rng::Rng;
use netstack::time::{Duration, Instant};
use netstack::wire::{arp, ethernet, icmpv6, ipv4, ipv6};
use netstack::{Config, Key, Notice, Stack};
use router::{Port, Router};

/// A node of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(pub usize);

/// A router of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterId(pub usize);

/// A frame as a link saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    /// The node that sent it; of a router, its number behind [`Seen::ROUTERS`].
    pub from: NodeId,
    pub frame: Vec<u8>,
    /// The link lost it.
    pub lost: bool,
}

impl Seen {
    /// Where routers are numbered from.
    pub const ROUTERS: usize = 1 << 20;
}

struct Node {
    stack: Stack,
    config: Config,
    memory: Memory,
    /// The link of each interface from 2 on, and the node's number there.
    links: Vec<(usize, usize)>,
    touched: Vec<Key>,
    released: Vec<Key>,
    notices: Vec<Notice>,
    alive: bool,
    /// What it sends may be others', whole or not.
    passes_on: bool,
    /// As [`Net::timers`] has it.
    deadline: Option<Instant>,
    /// It is in [`Net::stale`].
    stale: bool,
}

/// A frame in flight. The number keeps the order of those that arrive together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flight {
    at: Instant,
    number: u64,
    to: (usize, usize),
    frame: Vec<u8>,
    checksum_good: bool,
    segment_size: u16,
}

/// Whether no link has changed the packet of this frame.
fn is_whole(frame: &[u8]) -> bool {
    inside(frame).is_some_and(|inside| inside.has_good_sum())
}

/// The network.
pub struct Net {
    now: Instant,
    rng: Rng,
    nodes: Vec<Node>,
    routers: Vec<Router>,
    links: Vec<LinkState>,
    in_flight: BinaryHeap<Reverse<Flight>>,
    sent: u64,
    /// When which node wants to be polled.
    timers: BTreeSet<(Instant, usize)>,
    /// Nodes whose deadline may have changed.
    stale: Vec<usize>,
    /// Nodes that have touched sockets which nobody has taken.
    awake: Vec<NodeId>,
    pub trace: Vec<Seen>,
    pub keep_trace: bool,
    /// TCP segments that entered a link.
    pub tcp_frames: u64,
    /// Packets of IPv6 that a router found too long.
    pub too_big: u64,
    hash: DefaultHasher,
}

impl Net {
    /// An empty network.
    pub fn new(seed: u64) -> Net {
        let mut bytes = [seed as u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Net {
            now: Instant::from_millis(1000),
            rng: Rng::new(bytes),
            nodes: Vec::new(),
            routers: Vec::new(),
            links: Vec::new(),
            in_flight: BinaryHeap::new(),
            sent: 0,
            timers: BTreeSet::new(),
            stale: Vec::new(),
            awake: Vec::new(),
            trace: Vec::new(),
            keep_trace: true,
            tcp_frames: 0,
            too_big: 0,
            hash: DefaultHasher::new(),
        }
    }

    /// Two nodes, 10.0.0.1 and 10.0.0.2, on one link.
    pub fn pair(seed: u64, link: Link) -> (Net, NodeId, NodeId) {
        let mut net = Net::new(seed);
        let (a, b) = (net.node(), net.node());
        let link = net.link(link);
        net.join(a, link, "10.0.0.1/24");
        net.join(b, link, "10.0.0.2/24");
        (net, a, b)
    }

    /// Adds a node with loopback alone.
    pub fn node(&mut self) -> NodeId {
        self.node_with(Config::default())
    }

    /// Adds a node with a configuration of its own (but for the seed, which is the network's).
    pub fn node_with(&mut self, config: Config) -> NodeId {
        let memory = Memory::new();
        let stack = self.boot(&config, &memory);
        let (links, touched, released, notices) = Default::default();
        let (alive, passes_on, deadline, stale) = (true, false, None, false);
        self.nodes.push(Node {
            stack,
            config,
            memory,
            links,
            touched,
            released,
            notices,
            alive,
            passes_on,
            deadline,
            stale,
        });
        NodeId(self.nodes.len() - 1)
    }

    fn boot(&mut self, config: &Config, memory: &Memory) -> Stack {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.rng.u64().to_le_bytes());
        Stack::new(Config { seed, ..config.clone() }, Box::new(memory.pool()))
    }

    /// The node starts again with the addresses that it had and nothing else: what it knew of connections and neighbours
    /// is gone. Returns its memory, which is new too.
    pub fn reboot(&mut self, node: NodeId) -> Memory {
        let (config, memory) = (self.nodes[node.0].config.clone(), Memory::new());
        let stack = self.boot(&config, &memory);
        let old = std::mem::replace(&mut self.nodes[node.0].stack, stack);
        self.nodes[node.0].memory = memory.clone();
        let now = self.now;
        for interface in old.interfaces().filter(|interface| !interface.loopback) {
            let (link, _) = self.nodes[node.0].links[interface.index.0 as usize - 2];
            let caps = self.links[link].link.caps();
            let (name, mac, mtu) = (interface.name.to_owned(), interface.mac, interface.mtu);
            let stack = self.stack(node);
            let on = stack.add_interface(now, InterfaceConfig { name, mac, mtu, caps });
            for netstack::iface::Address { net, .. } in interface.addresses {
                stack.add_address(now, on, net.addr, net.prefix_len).expect("it was good before");
            }
        }
        for route in old.routes().iter().filter(|route| route.via.is_some()) {
            self.stack(node).add_route(*route).expect("it was good before");
        }
        self.poll(node);
        memory
    }

    /// Adds a node that passes packets on.
    pub fn forwarder(&mut self) -> NodeId {
        let node = self.node();
        self.stack(node).set_forwarding(true);
        self.nodes[node.0].passes_on = true;
        node
    }

    /// Adds a router of IPv4.
    pub fn router(&mut self) -> RouterId {
        self.routers.push(Router::default());
        RouterId(self.routers.len() - 1)
    }

    /// Puts a router on a link with an address like `10.0.0.254/24`.
    pub fn join_router(&mut self, router: RouterId, link: usize, address: &str) {
        let (addr, prefix_len) = parse_net(address);
        let state = &mut self.links[link];
        let mac = station_mac(link, state.members.len());
        let port = self.routers[router.0].ports.len();
        let member = state.add(Station::Router(router.0, port), mac);
        state.members[member].addresses.push(addr);
        let mtu = state.link.mtu as usize;
        self.routers[router.0].ports.push(Port { link, member, mac, addr, prefix_len, mtu });
    }

    /// Tells a router the next hop to a network like `10.0.9.0/24`.
    pub fn router_route(&mut self, router: RouterId, net: &str, via: Ipv4Addr) {
        let (net, prefix_len) = parse_net(net);
        self.routers[router.0].add_route(net, prefix_len, via);
    }

    /// The router drops packets that are too long without saying so.
    pub fn make_black_hole(&mut self, router: RouterId) {
        self.routers[router.0].black_hole = true;
    }

    /// The router takes packets of `mtu` bytes on all of its links from now on.
    pub fn widen(&mut self, router: RouterId, mtu: usize) {
        self.routers[router.0].ports.iter_mut().for_each(|port| port.mtu = mtu);
    }

    /// Adds a link; nodes are put on it with [`join`](Self::join). A frame goes to the station that it is for, or to
    /// all.
    pub fn link(&mut self, link: Link) -> usize {
        self.links.push(LinkState::new(link));
        self.links.len() - 1
    }

    /// Puts a node on a link with an address like `10.0.0.1/24`.
    pub fn join(&mut self, node: NodeId, link: usize, address: &str) -> IfIndex {
        let on = self.attach(node, link);
        let (addr, len) = parse_net(address);
        let now = self.now;
        self.stack(node).add_address(now, on, addr, len).expect("a good address");
        self.links[link].members.last_mut().expect("it was put there").addresses.push(addr);
        self.poll(node);
        on
    }

    /// Puts a node on a link without an address.
    pub fn attach(&mut self, node: NodeId, link: usize) -> IfIndex {
        let now = self.now;
        let state = &mut self.links[link];
        let mac = station_mac(link, state.members.len());
        let caps = state.link.caps();
        let name = format!("sim{link}");
        let config = InterfaceConfig { name, mac, mtu: state.link.mtu, caps };
        let on = self.nodes[node.0].stack.add_interface(now, config);
        let member = state.add(Station::Node(node, on), mac);
        self.nodes[node.0].links.push((link, member));
        on
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// A node's stack, for user calls. Call [`poll`](Self::poll) after them.
    pub fn stack(&mut self, node: NodeId) -> &mut Stack {
        if !self.nodes[node.0].stale {
            self.nodes[node.0].stale = true;
            self.stale.push(node.0);
        }
        &mut self.nodes[node.0].stack
    }

    /// Nodes with sockets that were touched since this was last asked, in order.
    pub fn take_awake(&mut self, into: &mut Vec<NodeId>) {
        into.append(&mut self.awake);
    }

    /// How many frames have been sent, and a hash of what they were and when.
    pub fn fingerprint(&self) -> (u64, u64) {
        (self.sent, self.hash.finish())
    }

    /// When the next thing happens by itself.
    pub fn next_event(&mut self) -> Option<Instant> {
        self.refresh_timers();
        let arrival = self.in_flight.peek().map(|Reverse(flight)| flight.at);
        let timer = self.timers.first().map(|(at, _)| *at);
        arrival.into_iter().chain(timer).min().map(|next| next.max(self.now))
    }

    fn refresh_timers(&mut self) {
        while let Some(number) = self.stale.pop() {
            let node = &mut self.nodes[number];
            node.stale = false;
            let deadline = node.stack.next_deadline().filter(|_| node.alive);
            if deadline != node.deadline {
                if let Some(at) = node.deadline {
                    self.timers.remove(&(at, number));
                }
                self.timers.extend(deadline.map(|at| (at, number)));
                node.deadline = deadline;
            }
        }
    }

    /// Where a node's buffers come from.
    pub fn memory(&self, node: NodeId) -> &Memory {
        &self.nodes[node.0].memory
    }

    /// Changes a link while the network runs.
    pub fn change_link(&mut self, link: usize, change: impl FnOnce(&mut Link)) {
        change(&mut self.links[link].link);
    }

    /// The node is gone without a word, as by kill -9.
    pub fn kill(&mut self, node: NodeId) {
        self.nodes[node.0].alive = false;
        self.stack(node);
    }

    /// Sockets of a node that were touched since the last call.
    pub fn touched(&mut self, node: NodeId) -> Vec<Key> {
        std::mem::take(&mut self.nodes[node.0].touched)
    }

    /// Sockets of a node that were released since the last call.
    pub fn released(&mut self, node: NodeId) -> Vec<Key> {
        std::mem::take(&mut self.nodes[node.0].released)
    }

    /// Notices of a node since the last call.
    pub fn notices(&mut self, node: NodeId) -> Vec<Notice> {
        std::mem::take(&mut self.nodes[node.0].notices)
    }

    /// Lets a node send what it has queued.
    pub fn poll(&mut self, node: NodeId) {
        let now = self.now;
        self.stack(node);
        let Node { stack, links, touched, released, notices, alive, passes_on, .. } = &mut self.nodes[node.0];
        if !*alive {
            return;
        }
        let passes_on = *passes_on;
        let mut outbox = Outbox::new(now, links, &mut self.links);
        stack.poll(now, &mut outbox);
        let slept = touched.is_empty();
        stack.take_touched(touched);
        stack.take_released(released);
        stack.take_notices(notices);
        if slept && !touched.is_empty() {
            self.awake.push(node);
        }
        for leaving in outbox.frames {
            if !leaving.checksum_partial && !passes_on {
                assert_checksums(&leaving.frame);
            }
            self.send(leaving);
        }
    }

    /// Lets all nodes send what they have queued.
    pub fn poll_all(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.poll(NodeId(node)));
    }

    /// Moves the clock by `time`.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        self.poll_all();
        while self.step(until) {}
    }

    /// Runs until `done` says so. False if that did not happen within `limit`.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Net) -> bool) -> bool {
        let until = self.now + limit;
        self.poll_all();
        loop {
            if done(self) {
                return true;
            }
            self.poll_all();
            if !self.step(until) {
                return done(self);
            }
        }
    }

    /// Goes on to the next event if it is not later than `until`. Else the clock stands at `until`, and the answer is no.
    pub fn step(&mut self, until: Instant) -> bool {
        let Some(next) = self.next_event().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = next;
        while self.in_flight.peek().is_some_and(|Reverse(flight)| flight.at <= self.now) {
            let Some(Reverse(flight)) = self.in_flight.pop() else { break };
            self.arrive(flight);
        }
        self.refresh_timers();
        let due: Vec<usize> = self.timers.range(..=(self.now, usize::MAX)).map(|(_, node)| *node).collect();
        due.into_iter().for_each(|node| self.poll(NodeId(node)));
        true
    }

    fn arrive(&mut self, Flight { to: (link, member), frame, checksum_good, segment_size, .. }: Flight) {
        match self.links[link].members[member].station {
            Station::Node(node, on) => {
                if self.nodes[node.0].alive {
                    let checksum = Checksum::partial_if(checksum_good);
                    self.nodes[node.0].stack.input(self.now, on, &frame, RxMeta { checksum, segment_size });
                    self.poll(node);
                }
            }
            Station::Router(router, port) => self.route(router, port, &frame, checksum_good),
        }
    }

    /// A frame of a station of a link enters it.
    fn send(&mut self, leaving: Leaving) {
        let Leaving { from: (link, member), mut frame, checksum_partial, segment_size } = leaving;
        let state = &mut self.links[link];
        match inside(&frame) {
            Some(Inside { protocol: ipv4::TCP, .. }) => self.tcp_frames += 1,
            Some(Inside { protocol: ipv6::ICMPV6, bytes: [icmpv6::PACKET_TOO_BIG, ..], .. }) => self.too_big += 1,
            _ => {}
        }
        let fate = state.fate(self.now, member, frame.len(), &mut self.rng);
        (self.now, link, member, frame.len(), fate.arrivals.len()).hash(&mut self.hash);
        frame[..frame.len().min(74)].hash(&mut self.hash);
        if self.keep_trace {
            let from = match state.members[member].station {
                Station::Node(node, _) => node,
                Station::Router(router, _) => NodeId(Seen::ROUTERS + router),
            };
            self.trace.push(Seen { at: self.now, from, frame: frame.clone(), lost: fate.arrivals.is_empty() });
        }
        if fate.mark {
            mark(&mut frame);
        }
        let mut checksum_good = checksum_partial;
        // Nothing but the link's own check protects an ARP packet: a changed one would be another truth.
        if let Some(bit) = fate.corrupt.filter(|_| frame[12..14] != ethernet::ARP.to_be_bytes()) {
            if checksum_partial {
                netstack::wire::checksum::complete(&mut frame);
                assert!(is_whole(&frame));
            }
            // Two changes may be one that no checksum shows.
            if is_whole(&frame) {
                let at = bit / 8 % frame.len();
                frame[at] ^= 1 << (bit % 8);
            }
            checksum_good = false;
        }
        let dst = Mac(frame[..6].try_into().expect("six bytes"));
        let mut receivers = (0..state.members.len())
            .filter(|to| *to != member && (dst.0[0] & 1 == 1 || dst == state.members[*to].mac))
            .flat_map(|to| fate.arrivals.iter().map(move |at| (*at, to)))
            .peekable();
        while let Some((at, to)) = receivers.next() {
            self.sent += 1;
            let frame = if receivers.peek().is_some() { frame.clone() } else { std::mem::take(&mut frame) };
            let (number, to) = (self.sent, (link, to));
            self.in_flight.push(Reverse(Flight { at, number, to, frame, checksum_good, segment_size }));
        }
    }

    /// A frame has come to a router.
    fn route(&mut self, router: usize, number: usize, frame: &[u8], checksum_good: bool) {
        let port = &self.routers[router].ports[number];
        let from = (port.link, port.member);
        if let Some(arp::Packet { operation: arp::Operation::Request, sender_mac, sender, target, .. }) = as_arp(frame)
        {
            if target == port.addr {
                let (operation, target_mac) = (arp::Operation::Reply, sender_mac);
                let reply = arp::Packet { operation, sender_mac: port.mac, sender: target, target_mac, target: sender };
                let frame = arp_frame(sender_mac, reply);
                self.send(Leaving { from, frame, checksum_partial: false, segment_size: 0 });
            }
            return;
        }
        let Some(packet) = as_ipv4(frame) else { return };
        let Some((out, next, packet)) = self.routers[router].receive(number, packet.bytes()) else { return };
        let port = &self.routers[router].ports[out];
        let Some(to) = self.links[port.link].members.iter().find(|member| member.addresses.contains(&next)) else {
            return;
        };
        let partial = checksum_good && packet[9] != ipv4::ICMP;
        let mut frame = ethernet_frame(to.mac, port.mac, ethernet::IPV4, &packet);
        let from = (port.link, port.member);
        if partial {
            netstack::wire::checksum::complete(&mut frame);
        }
        self.send(Leaving { from, frame, checksum_partial: false, segment_size: 0 });
    }

    /// Gives a frame to a node as if a stranger on its link had sent it.
    pub fn inject(&mut self, to: NodeId, on: IfIndex, frame: &[u8]) {
        let now = self.now;
        self.stack(to).input(now, on, frame, RxMeta::default());
        self.poll(to);
    }
}

fn parse_net(text: &str) -> (Ipv4Addr, u8) {
    let (addr, len) = text.split_once('/').expect("an address with a prefix length");
    (addr.parse().expect("an IPv4 address"), len.parse().expect("a length"))
}

fn station_mac(link: usize, member: usize) -> Mac {
    let [a, b] = (link as u16).to_be_bytes();
    let [c, d] = (member as u16 + 1).to_be_bytes();
    Mac([0xb2, 0xa0, a, b, c, d])
}

/// A router's mark on a packet that understands it (RFC 3168 §5).
fn mark(frame: &mut [u8]) {
    if frame[12..14] == ethernet::IPV6.to_be_bytes() && matches!(frame[15] >> 4 & 3, 1 | 2) {
        frame[15] |= 3 << 4;
    }
    if frame[12..14] == ethernet::IPV4.to_be_bytes() && matches!(frame[15] & 3, 1 | 2) {
        frame[15] |= 3;
        frame[24..26].fill(0);
        let sum = netstack::wire::checksum::checksum(&frame[14..14 + usize::from(frame[14] & 15) * 4]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
}
