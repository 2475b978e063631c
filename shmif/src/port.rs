//! The moving side of a node: sending, receiving, claiming addresses.

use crate::blocks::{Blocks, Class};
use crate::claim;
use crate::error::BusError;
use crate::format::{Descriptor, FRAME_CHECKSUM_PARTIAL, LINK_HEADER, MAX_FRAME};
use crate::node::{self, Node, realtime_ns};
use crate::table::{self, Counters, NodeGone, NodeInfo, View};
use crate::targets::{NoRoom, Targets, grant_room};
use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// Two addresses and a type (IEEE 802.3 §3.1): nothing shorter is a frame.
const SHORTEST: usize = 14;

/// Every so many vain polls the ring's shared positions are put right; so they are before each sleep.
const POLLS_TO_REPAIR: u32 = 64;

/// The moving end of a node. Dropping it leaves the bus.
pub struct Port {
    node: Arc<Node>,
    blocks: Blocks,
    view: View,
    targets: Targets,
    counters: Counters,
    /// Frames are copied here before anything of them is believed.
    buffer: Box<[u8]>,
    /// How often there was nothing to receive.
    polls: u32,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transmit {
    /// It is on its way, or went where a wire would have lost it.
    Sent,
    /// There is no room now. The bell rings when there may be.
    Full,
    /// It is longer than this node's MTU allows.
    TooLong,
}

/// What is known of a frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The transport checksum field holds only the pseudo-header sum.
    pub checksum_partial: bool,
    /// When the sender sent it: nanoseconds of CLOCK_REALTIME.
    pub timestamp_ns: u64,
}

/// Something that happened to the bus as a whole. Each is told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BusEvent {
    /// The file was removed. The nodes that are on it go on; nobody can join them.
    Removed,
    /// The file was truncated. The bus is dead: nothing is sent or received any more.
    Truncated,
    /// The program closed the bus's descriptor. What was mapped goes on; nodes that it did not talk to before cannot be reached.
    Closed,
    /// Another node holds this one's slot. Nothing is sent or received any more.
    Evicted,
}

impl Port {
    pub(crate) fn new(node: Arc<Node>, blocks: Blocks) -> Port {
        Port {
            node,
            blocks,
            view: View::default(),
            targets: Targets::default(),
            counters: Counters::default(),
            buffer: vec![0; MAX_FRAME].into_boxed_slice(),
            polls: 0,
        }
    }

    /// This node's Ethernet address.
    pub fn mac(&self) -> [u8; 6] {
        self.node.identity.mac
    }

    /// This node's place on the bus.
    pub fn slot(&self) -> u32 {
        self.node.slot as u32
    }

    /// The open file: a program that closes descriptors that it did not open must leave this one.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.node.file.fd()
    }

    /// In a fork child: as [`Bell::close_in_child`](crate::Bell::close_in_child).
    pub fn close_in_child(&self) {
        self.node.close_in_child();
    }

    /// Whether this node gets copies of frames for other nodes, from now on.
    pub fn set_promiscuous(&self, on: bool) {
        self.node.set_promiscuous(on);
    }

    /// Claims an address for this node.
    ///
    /// # Errors
    /// [`BusError::AddressInUse`] names the live node that has it.
    pub fn claim(&mut self, addr: Ipv4Addr, prefix: u8) -> Result<(), BusError> {
        claim::one(&self.node, addr, prefix)
    }

    /// Claims the lowest free host address of a net.
    ///
    /// # Errors
    /// [`BusError::NetFull`] where every host address is claimed.
    pub fn claim_free(&mut self, net: Ipv4Addr, prefix: u8) -> Result<Ipv4Addr, BusError> {
        claim::free(&self.node, net, prefix)
    }

    /// Sends one Ethernet frame, given in parts: to the node that has its destination address, or to all where that is a
    /// group address or nobody's; and to promiscuous nodes.
    pub fn transmit(&mut self, parts: &[&[u8]], checksum_partial: bool) -> Transmit {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        if length > self.node.identity.mtu as usize + LINK_HEADER {
            return Transmit::TooLong;
        }
        if length < SHORTEST || !self.look() {
            return self.counters.dropped();
        }
        let result = self.route_frame(destination(parts), length, parts, checksum_partial);
        self.counters.publish(self.node.record());
        result
    }

    fn route_frame(&mut self, to: [u8; 6], length: usize, parts: &[&[u8]], checksum_partial: bool) -> Transmit {
        let Port { node, blocks, targets, counters, .. } = self;
        let class = Class::of(length);
        let route = targets.route(to);
        if let Some(main) = route.main
            && !targets.accepts(node, blocks, main, class)
        {
            match targets.make_room(node, blocks, main, class) {
                Ok(()) => {}
                Err(NoRoom::Wait) => return counters.full(),
                Err(NoRoom::Stopped) => {
                    targets.overrun(node, main);
                    return counters.dropped();
                }
            }
        }
        let copies = targets.copies(route);
        if route.main.is_none() && copies == 0 {
            return counters.sent(length);
        }
        let Some(area) = node.file.area(node.slot) else {
            return counters.dropped();
        };
        let Some(block) = take_block(node, blocks, targets, class) else {
            // With nothing out there is nothing that could come back: the host has no memory.
            return if targets.want_room_anywhere(node) { counters.full() } else { counters.dropped() };
        };
        let sequence = blocks.fill(area, block, parts, checksum_partial, realtime_ns());
        let frame = Descriptor { slot: node.slot, block: block.into(), sequence };
        let mut published = false;
        // Who only watches comes first, so that no answer is seen before what it answers.
        for nth in 0..copies {
            let Some(index) = targets.copy(route, nth) else {
                continue;
            };
            if targets.accepts(node, blocks, index, class) && targets.publish(node, blocks, index, frame) {
                published = true;
            } else {
                targets.overrun(node, index);
            }
        }
        if let Some(main) = route.main
            && !targets.publish_or_wait(node, blocks, main, frame)
        {
            if !published {
                blocks.put_back(block);
            }
            return counters.full();
        }
        published |= route.main.is_some();
        if !published {
            blocks.put_back(block);
        }
        counters.sent(length)
    }

    /// Receives up to `max` frames: copies each to private memory, checks it, and calls `each` with it. Returns how many.
    pub fn receive(&mut self, max: usize, each: &mut dyn FnMut(&[u8], Received)) -> usize {
        if !self.look() {
            return 0;
        }
        let Port { node, counters, buffer, polls, .. } = self;
        let kicked = &node.record().kicked;
        if kicked.load(Ordering::Relaxed) != 0 {
            kicked.store(0, Ordering::Relaxed);
        }
        let Some(ring) = node.ring_of(node.slot) else {
            return 0;
        };
        let mut head = node.head.load(Ordering::Relaxed);
        let start = head;
        let mut received = 0;
        for _ in 0..max {
            let Some(frame) = ring.peek(head) else {
                // Not each time: who polls would take the senders' line from them.
                *polls = polls.wrapping_add(1);
                if polls.is_multiple_of(POLLS_TO_REPAIR) {
                    ring.repair(head);
                }
                break;
            };
            let copied = copy_out(node, frame, buffer);
            head = head.wrapping_add(1);
            node.head.store(head, Ordering::Relaxed);
            ring.advance(head);
            match copied {
                Some((length, meta)) => {
                    counters.received(length);
                    received += 1;
                    each(&buffer[..length], meta);
                }
                None => counters.rx_torn += 1,
            }
        }
        if head != start {
            grant_room(node);
            counters.publish(node.record());
        }
        received
    }

    /// The nodes that went since the last call, each once. Cheap while the table does not change.
    pub fn table_changes(&mut self) -> Vec<NodeGone> {
        self.look();
        self.view.take_gone()
    }

    /// What happened to the bus since the last call.
    pub fn events(&mut self) -> Vec<BusEvent> {
        self.look();
        let events = self.node.take_events();
        let named = [
            (node::REMOVED, BusEvent::Removed),
            (node::TRUNCATED, BusEvent::Truncated),
            (node::CLOSED, BusEvent::Closed),
            (node::EVICTED, BusEvent::Evicted),
        ];
        named.into_iter().filter(|(bit, _)| events & bit != 0).map(|(_, event)| event).collect()
    }

    /// What this node has moved and lost so far.
    pub fn counters(&self) -> Counters {
        let rx_overruns = self.node.record().overruns.load(Ordering::Relaxed);
        Counters { rx_overruns, ..self.counters }
    }

    /// The nodes that are on the bus now, in slot order, this one among them.
    pub fn nodes(&self) -> Vec<NodeInfo> {
        table::nodes(&self.node.file, Some(self.node.slot))
    }

    /// What every call begins with: whether the bus still works, and who is on it. False where it does not.
    #[inline]
    fn look(&mut self) -> bool {
        let node = &*self.node;
        if node.file.take_fault() {
            node.check_file();
        }
        if node.is_gone() {
            return false;
        }
        if self.view.is_stale(&node.file) {
            node.check_own_record();
            self.view.refresh(&node.file, node.slot);
            self.targets.follow(&self.view, &mut self.blocks);
        }
        true
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.node.leave();
    }
}

/// A free block, if need be after taking back what can be.
fn take_block(node: &Node, blocks: &mut Blocks, targets: &mut Targets, class: Class) -> Option<u16> {
    if let Some(block) = blocks.take(&node.file, class) {
        return Some(block);
    }
    targets.sweep(node, blocks);
    blocks.take(&node.file, class)
}

/// Copies a frame out, then checks that it was, all the time, what its descriptor says.
fn copy_out(node: &Node, frame: Descriptor, buffer: &mut [u8]) -> Option<(usize, Received)> {
    let block = node.file.area(frame.slot)?.block(frame.block)?;
    let sequence = block.header.sequence.load(Ordering::Acquire);
    let length = block.header.length.load(Ordering::Relaxed) as usize;
    let flags = block.header.flags.load(Ordering::Relaxed);
    let timestamp_ns = block.header.timestamp.load(Ordering::Relaxed);
    let current = sequence & 1 == 0 && (sequence >> 1) & Descriptor::SEQUENCE_MASK == frame.sequence;
    if !current || length < SHORTEST || !block.read(buffer.get_mut(..length)?) {
        return None;
    }
    // The copy, then the second look at the sequence: the sender makes it odd before it writes.
    fence(Ordering::Acquire);
    let unchanged = block.header.sequence.load(Ordering::Relaxed) == sequence;
    unchanged.then_some((length, Received { checksum_partial: flags & FRAME_CHECKSUM_PARTIAL != 0, timestamp_ns }))
}

/// The first six bytes of a frame in parts that has at least fourteen.
fn destination(parts: &[&[u8]]) -> [u8; 6] {
    if let Some(Some(mac)) = parts.first().map(|part| part.first_chunk()) {
        return *mac;
    }
    let mut mac = [0; 6];
    mac.iter_mut().zip(parts.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
    mac
}

impl Counters {
    fn received(&mut self, length: usize) {
        self.rx_frames += 1;
        self.rx_bytes += length as u64;
    }

    fn sent(&mut self, length: usize) -> Transmit {
        self.tx_frames += 1;
        self.tx_bytes += length as u64;
        Transmit::Sent
    }

    fn full(&mut self) -> Transmit {
        self.tx_full += 1;
        Transmit::Full
    }

    fn dropped(&mut self) -> Transmit {
        self.tx_dropped += 1;
        Transmit::Sent
    }
}
