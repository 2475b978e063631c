//! A network of stacks on a virtual clock: same seed, same run.
//!
//! [`Net`] owns nodes (a [`Stack`] each) and links. User calls go to `net.stack(node)`; [`Net::poll`] lets a node send
//! what they queued; [`Net::run_for`] and [`Net::run_until`] move the clock from event to event. Every frame that
//! passes a link is kept in [`Net::trace`].
#![allow(dead_code, missing_docs)] // Each test crate uses its own part.

mod frames;
mod link;
mod memory;

pub use frames::*;
pub use link::Link;
pub use memory::Memory;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use link::{LinkState, Outbox};
use netstack::datagram::{HEADER_LEN, Header};
use netstack::iface::InterfaceConfig;
use netstack::link::{IfIndex, LinkCaps, Mac, RxMeta};
use netstack::rng::Rng;
use netstack::time::{Duration, Instant};
use netstack::{Config, Key, Notice, RawId, Stack, UdpId};

/// A node of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(pub usize);

/// A frame as a link saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub from: NodeId,
    pub frame: Vec<u8>,
    /// The link lost it.
    pub lost: bool,
}

struct Node {
    stack: Stack,
    memory: Memory,
    /// The link of each interface from 2 on.
    links: Vec<usize>,
    touched: Vec<Key>,
    released: Vec<Key>,
    notices: Vec<Notice>,
    alive: bool,
}

struct Delivery {
    to: NodeId,
    on: IfIndex,
    frame: Vec<u8>,
    meta: RxMeta,
}

/// The network.
pub struct Net {
    now: Instant,
    rng: Rng,
    nodes: Vec<Node>,
    links: Vec<LinkState>,
    /// Frames in flight: when they arrive, and a number that keeps the order of equals.
    in_flight: BinaryHeap<Reverse<(Instant, u64)>>,
    deliveries: std::collections::HashMap<u64, Delivery>,
    sent: u64,
    pub trace: Vec<Seen>,
}

impl Net {
    /// An empty network.
    pub fn new(seed: u8) -> Net {
        Net {
            now: Instant::from_millis(1000),
            rng: Rng::new([seed; 32]),
            nodes: Vec::new(),
            links: Vec::new(),
            in_flight: BinaryHeap::new(),
            deliveries: std::collections::HashMap::new(),
            sent: 0,
            trace: Vec::new(),
        }
    }

    /// Two nodes, 10.0.0.1 and 10.0.0.2, on one link.
    pub fn pair(seed: u8, link: Link) -> (Net, NodeId, NodeId) {
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
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.rng.u64().to_le_bytes());
        let memory = Memory::new();
        let stack = Stack::new(Config { seed, ..config }, Box::new(memory.pool()));
        let (links, touched, released, notices) = Default::default();
        self.nodes.push(Node { stack, memory, links, touched, released, notices, alive: true });
        NodeId(self.nodes.len() - 1)
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
        let (addr, len) = address.split_once('/').expect("an address with a prefix length");
        let (addr, len) = (addr.parse().expect("an IPv4 address"), len.parse().expect("a length"));
        let now = self.now;
        self.stack(node).add_address(now, on, addr, len).expect("a good address");
        self.poll(node);
        on
    }

    /// Puts a node on a link without an address.
    pub fn attach(&mut self, node: NodeId, link: usize) -> IfIndex {
        let now = self.now;
        let state = &mut self.links[link];
        let mac = Mac([0xb2, 0xa0, 0, 0, link as u8, state.members.len() as u8 + 1]);
        let caps = LinkCaps { checksum_offload: state.link.checksum_offload };
        let name = format!("sim{link}");
        let config = InterfaceConfig { name, mac, mtu: state.link.mtu, caps };
        let on = self.nodes[node.0].stack.add_interface(now, config);
        state.members.push((node, on, mac));
        self.nodes[node.0].links.push(link);
        on
    }

    pub fn now(&self) -> Instant {
        self.now
    }

    /// A node's stack, for user calls. Call [`poll`](Self::poll) after them.
    pub fn stack(&mut self, node: NodeId) -> &mut Stack {
        &mut self.nodes[node.0].stack
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
        let Node { stack, links, touched, released, notices, alive, .. } = &mut self.nodes[node.0];
        if !*alive {
            return;
        }
        let mut outbox = Outbox::new(now, links, &mut self.links);
        stack.poll(now, &mut outbox);
        stack.take_touched(touched);
        stack.take_released(released);
        stack.take_notices(notices);
        for (link, frame, checksum_partial) in outbox.frames {
            self.send(node, link, frame, checksum_partial);
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

    /// Goes on to the next event if it is not later than `until`.
    fn step(&mut self, until: Instant) -> bool {
        let arrival = self.in_flight.peek().map(|Reverse((at, _))| *at);
        let timer = self.nodes.iter().filter(|node| node.alive).filter_map(|node| node.stack.next_deadline()).min();
        let Some(next) = arrival.into_iter().chain(timer).min().map(|next| next.max(self.now)) else {
            self.now = until;
            return false;
        };
        if next > until {
            self.now = until;
            return false;
        }
        self.now = next;
        while let Some(Reverse((at, number))) = self.in_flight.peek().copied()
            && at <= self.now
        {
            self.in_flight.pop();
            let Some(Delivery { to, on, frame, meta }) = self.deliveries.remove(&number) else { continue };
            if self.nodes[to.0].alive {
                self.nodes[to.0].stack.input(self.now, on, &frame, meta);
                self.poll(to);
            }
        }
        for node in 0..self.nodes.len() {
            if self.nodes[node].stack.next_deadline().is_some_and(|at| at <= self.now) {
                self.poll(NodeId(node));
            }
        }
        true
    }

    /// A frame of `from` enters a link.
    fn send(&mut self, from: NodeId, link: usize, mut frame: Vec<u8>, checksum_partial: bool) {
        let state = &mut self.links[link];
        if !checksum_partial {
            assert_checksums(&frame);
        }
        let fate = state.fate(self.now, frame.len(), &mut self.rng);
        self.trace.push(Seen { at: self.now, from, frame: frame.clone(), lost: fate.arrivals.is_empty() });
        let mut meta = RxMeta { checksum_good: checksum_partial };
        if let Some(bit) = fate.corrupt {
            netstack::wire::checksum::complete(&mut frame);
            let at = bit / 8 % frame.len();
            frame[at] ^= 1 << (bit % 8);
            meta.checksum_good = false;
        }
        let dst = Mac(frame[..6].try_into().expect("six bytes"));
        for at in fate.arrivals {
            for (to, on, mac) in &state.members {
                if *to != from && (dst == *mac || dst.0[0] & 1 == 1) {
                    self.sent += 1;
                    self.in_flight.push(Reverse((at, self.sent)));
                    self.deliveries.insert(self.sent, Delivery { to: *to, on: *on, frame: frame.clone(), meta });
                }
            }
        }
    }

    /// Gives a frame to a node as if a stranger on its link had sent it.
    pub fn inject(&mut self, to: NodeId, on: IfIndex, frame: &[u8]) {
        let now = self.now;
        self.stack(to).input(now, on, frame, RxMeta::default());
        self.poll(to);
    }

    /// Opens a UDP socket with a receive ring of 256 KiB.
    pub fn udp(&mut self, node: NodeId) -> Udp {
        let (rx, reader) = arena::ring::heap(1 << 18);
        let key = self.memory(node).new_key();
        let id = self.stack(node).udp_open(key, rx);
        Udp { node, id, key, reader }
    }

    /// Opens a UDP socket bound to `local`.
    pub fn udp_at(&mut self, node: NodeId, local: &str) -> Udp {
        let socket = self.udp(node);
        let local = local.parse().expect("an address and port");
        self.stack(node).udp_bind(socket.id, local, Default::default()).expect("free");
        socket
    }

    /// Opens a raw or ping socket.
    pub fn raw(&mut self, node: NodeId, kind: netstack::raw::RawKind) -> Raw {
        let (rx, reader) = arena::ring::heap(1 << 18);
        let key = self.memory(node).new_key();
        let id = self.stack(node).raw_open(key, rx, kind);
        Raw { node, id, key, reader }
    }

    /// Sends a datagram and lets the node transmit it.
    pub fn udp_send(&mut self, from: &Udp, to: &str, payload: &[u8]) -> Result<usize, netstack::socket::SendError> {
        let (now, to) = (self.now, to.parse().expect("an address and port"));
        let sent = self.stack(from.node).udp_send(now, from.id, Some(to), &[payload], &Default::default());
        self.poll(from.node);
        sent
    }

    /// Sends by a raw or ping socket and lets the node transmit it.
    pub fn raw_send(&mut self, from: &Raw, to: Ipv4Addr, payload: &[u8]) -> Result<usize, netstack::socket::SendError> {
        let (now, to) = (self.now, Some((to, 0).into()));
        let sent = self.stack(from.node).raw_send(now, from.id, to, &[payload], &Default::default());
        self.poll(from.node);
        sent
    }
}

/// The program's side of a UDP socket.
pub struct Udp {
    pub node: NodeId,
    pub id: UdpId,
    pub key: Key,
    reader: arena::Consumer,
}

/// The program's side of a raw or ping socket.
pub struct Raw {
    pub node: NodeId,
    pub id: RawId,
    pub key: Key,
    reader: arena::Consumer,
}

impl Udp {
    /// The next datagram, if one is there.
    pub fn recv(&mut self) -> Option<(Header, Vec<u8>)> {
        recv(&mut self.reader)
    }
}

impl Raw {
    /// The next packet, if one is there.
    pub fn recv(&mut self) -> Option<(Header, Vec<u8>)> {
        recv(&mut self.reader)
    }
}

fn recv(reader: &mut arena::Consumer) -> Option<(Header, Vec<u8>)> {
    if reader.is_empty() {
        return None;
    }
    let mut bytes = [0; HEADER_LEN];
    assert_eq!(reader.read(&mut bytes).0, HEADER_LEN, "records are published whole");
    let header = Header::decode(&bytes).expect("a header of the engine's");
    let mut payload = vec![0; header.len as usize];
    assert_eq!(reader.read(&mut payload).0, payload.len(), "records are published whole");
    Some((header, payload))
}
