//! To whom a frame goes, and whether there is room for it there.

use crate::bell;
use crate::blocks::{Blocks, Class, Outstanding};
use crate::format::{self, Descriptor, SLOTS};
use crate::node::Node;
use crate::table::{Seen, View};
use std::collections::HashMap;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

/// A target that has no room and read nothing for so long is stopped: its frames are dropped until it moves.
const STOPPED_AFTER: Duration = Duration::from_millis(500);

/// Blocks that may be outstanding at least before we look how far a target is. The fewer, the fewer blocks are in use and in
/// the cache; the more, the less often the target's line is fetched.
const PATIENCE: [usize; 2] = [16, 4];

/// The live nodes but for ourselves, as a sender sees them.
#[derive(Default)]
pub(crate) struct Targets {
    all: Vec<Target>,
    by_mac: HashMap<u64, usize>,
    promiscuous: Vec<usize>,
    /// The last answer of `by_mac`.
    last: Option<(u64, usize)>,
}

/// A node that we may send to.
struct Target {
    slot: usize,
    generation: u64,
    outstanding: Outstanding,
    /// Its head as last asked for.
    head: u64,
    /// How many blocks of a class may be outstanding before it is asked for again.
    patience: [usize; 2],
    /// Its head, and when it first had no room for us with that head.
    stuck: Option<(u64, Instant)>,
}

/// Where a frame goes: to one node if its address is known, and to copies.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) main: Option<usize>,
    flood: bool,
}

/// What to do with a frame for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Room will come back by itself, and the bell will ring.
    Wait,
    /// The target does not move: drop the frame.
    Stopped,
}

impl Targets {
    /// Follows the table: what went to a node that is gone is taken back.
    pub(crate) fn follow(&mut self, view: &View, blocks: &mut Blocks) {
        let mut before = std::mem::take(&mut self.all).into_iter().peekable();
        self.by_mac.clear();
        self.promiscuous.clear();
        self.last = None;
        for Seen { slot, generation, info } in &view.live {
            while let Some(mut gone) = before.next_if(|t| (t.slot, t.generation) < (*slot, *generation)) {
                blocks.forget(&mut gone.outstanding);
            }
            let same = before.next_if(|t| (t.slot, t.generation) == (*slot, *generation));
            let index = self.all.len();
            self.all.push(same.unwrap_or_else(|| Target {
                slot: *slot,
                generation: *generation,
                outstanding: Outstanding::default(),
                head: 0,
                patience: PATIENCE,
                stuck: None,
            }));
            self.by_mac.insert(format::mac_word(info.mac), index);
            if info.promiscuous {
                self.promiscuous.push(index);
            }
        }
        for mut gone in before {
            blocks.forget(&mut gone.outstanding);
        }
    }

    /// Where a frame to `destination` goes.
    #[inline]
    pub(crate) fn route(&mut self, destination: [u8; 6]) -> Route {
        let mac = format::mac_word(destination);
        let main = match self.last {
            // The group bit (IEEE 802 §8.2) is the lowest of the first byte.
            _ if mac & 1 == 1 => None,
            Some((last, index)) if last == mac => Some(index),
            _ => {
                let found = self.by_mac.get(&mac).copied();
                self.last = found.map(|index| (mac, index)).or(self.last);
                found
            }
        };
        Route { main, flood: main.is_none() }
    }

    /// How many copies a route has besides its main target, at most.
    pub(crate) fn copies(&self, route: Route) -> usize {
        if route.flood { self.all.len() } else { self.promiscuous.len() }
    }

    /// The target of the `nth` copy; `None` where that is the main one.
    pub(crate) fn copy(&self, route: Route, nth: usize) -> Option<usize> {
        let index = if route.flood { nth } else { self.promiscuous[nth] };
        (route.main != Some(index)).then_some(index)
    }

    /// Whether the target would take a frame of `class` now: it moves, its ring has room, and it does not hold more of our
    /// blocks than are left. (So that no number of slow targets can take them all.)
    pub(crate) fn accepts(&mut self, node: &Node, blocks: &mut Blocks, index: usize, class: Class) -> bool {
        self.all[index].accepts(node, blocks, class)
    }

    /// Tries harder than [`Self::accepts`]: takes back every block that can be, and asks to be woken.
    #[cold]
    pub(crate) fn make_room(
        &mut self,
        node: &Node,
        blocks: &mut Blocks,
        index: usize,
        class: Class,
    ) -> Result<(), NoRoom> {
        self.sweep(node, blocks);
        let target = &mut self.all[index];
        if target.accepts(node, blocks, class) {
            return Ok(());
        }
        if target.is_stopped() {
            blocks.forget(&mut target.outstanding);
            return Err(NoRoom::Stopped);
        }
        target.want_room(node);
        // It may have made room before it could see that we want it.
        if target.accepts(node, blocks, class) { Ok(()) } else { Err(NoRoom::Wait) }
    }

    /// Takes back what was read, and what lies with targets that do not move.
    #[cold]
    pub(crate) fn sweep(&mut self, node: &Node, blocks: &mut Blocks) {
        for target in self.all.iter_mut().filter(|t| !t.outstanding.is_empty()) {
            target.reap(node, blocks);
            if !target.outstanding.is_empty() && target.is_stopped() {
                blocks.forget(&mut target.outstanding);
            }
        }
    }

    /// Asks every target that holds blocks of ours to wake us when it made room; false where none does.
    #[cold]
    pub(crate) fn want_room_anywhere(&self, node: &Node) -> bool {
        let mut any = false;
        for target in self.all.iter().filter(|t| !t.outstanding.is_empty()) {
            target.want_room(node);
            any = true;
        }
        any
    }

    /// Publishes a frame to a target and wakes it; false where its ring is full.
    #[inline]
    pub(crate) fn publish(&mut self, node: &Node, blocks: &mut Blocks, index: usize, frame: Descriptor) -> bool {
        let target = &mut self.all[index];
        let Some(Ok(position)) = node.ring_of(target.slot).map(|ring| ring.publish(frame, &mut target.head)) else {
            return false;
        };
        blocks.sent(&mut target.outstanding, frame.block as u16, position);
        bell::wake(node.file.record(target.slot));
        true
    }

    /// As [`Self::publish`], where the target accepted and another sender may have been faster since. Where it fails, we are
    /// woken when there is room.
    #[inline]
    pub(crate) fn publish_or_wait(
        &mut self,
        node: &Node,
        blocks: &mut Blocks,
        index: usize,
        frame: Descriptor,
    ) -> bool {
        self.publish(node, blocks, index, frame) || {
            self.all[index].want_room(node);
            self.publish(node, blocks, index, frame)
        }
    }

    /// Counts a frame that a target lost for want of room.
    pub(crate) fn overrun(&self, node: &Node, index: usize) {
        node.file.record(self.all[index].slot).overruns.fetch_add(1, Ordering::Relaxed);
    }
}

impl Target {
    #[inline]
    fn accepts(&mut self, node: &Node, blocks: &mut Blocks, class: Class) -> bool {
        if self.outstanding.count(class) >= self.patience[class as usize] || self.stuck.is_some() {
            self.reap(node, blocks);
        }
        if let Some((stuck_at, since)) = self.stuck {
            if stuck_at != self.head {
                self.stuck = None;
            } else if since.elapsed() >= STOPPED_AFTER {
                return false;
            }
        }
        self.outstanding.count(class) < blocks.available(class)
            && node.ring_of(self.slot).is_some_and(|ring| ring.has_room(&mut self.head))
    }

    /// Asks how far the target is, and takes back what it has read.
    fn reap(&mut self, node: &Node, blocks: &mut Blocks) {
        self.head = node.file.record(self.slot).head.load(Ordering::Acquire);
        blocks.reap(&mut self.outstanding, self.head);
        for class in [Class::Small, Class::Big] {
            self.patience[class as usize] = self.outstanding.count(class) + PATIENCE[class as usize];
        }
    }

    /// Notes that there was no room at this head; true where that has been so for too long.
    fn is_stopped(&mut self) -> bool {
        match self.stuck {
            Some((stuck_at, since)) if stuck_at == self.head => since.elapsed() >= STOPPED_AFTER,
            _ => {
                self.stuck = Some((self.head, Instant::now()));
                false
            }
        }
    }

    fn want_room(&self, node: &Node) {
        if let Some(area) = node.file.area(self.slot) {
            let room = area.room();
            room.slots[node.slot / 64].fetch_or(1 << (node.slot % 64), Ordering::Relaxed);
            room.any.store(1, Ordering::Release);
            // Our wish, then another look at its head; the reader's half is in `grant_room`.
            fence(Ordering::SeqCst);
        }
    }
}

/// For a reader that just made room: wakes the senders that wait for it.
#[inline]
pub(crate) fn grant_room(node: &Node) {
    let Some(area) = node.file.area(node.slot) else {
        return;
    };
    let room = area.room();
    fence(Ordering::SeqCst);
    if room.any.load(Ordering::Relaxed) == 0 || room.any.swap(0, Ordering::AcqRel) == 0 {
        return;
    }
    for (index, word) in room.slots.iter().enumerate() {
        let mut waiting = word.swap(0, Ordering::AcqRel);
        while waiting != 0 {
            let slot = index * 64 + waiting.trailing_zeros() as usize;
            waiting &= waiting - 1;
            bell::kick(node.file.record(slot));
        }
    }
}

const _: () = assert!(SLOTS.is_multiple_of(64));
