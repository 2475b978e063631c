//! The ready list: the slots of members that may be ready, and the sleepers who want to know.

use crate::Watcher;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// Invariant: while the queue is not empty, a sleeper has been woken for it that has not looked yet, or there is none.
#[derive(Default)]
pub(super) struct ReadyList(Mutex<State>);

#[derive(Default)]
struct State {
    queue: VecDeque<u32>,
    slots: Vec<Slot>,
    /// Threads asleep, or about to be: the last to come is woken first, its caches are warm.
    sleepers: Vec<Arc<dyn Watcher>>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// Whether it is in the queue; a slot is there at most once.
    queued: bool,
    /// A one-shot that was reported: nothing that happens to it is news.
    muted: bool,
}

/// Slots taken from the list at a time: the lock is held for so many.
pub(super) type Batch = SmallVec<[u32; 32]>;

impl ReadyList {
    /// Queues `slot` and wakes one sleeper for it; whether there was one. A slot that is queued already has had its
    /// sleeper.
    pub(super) fn push(&self, slot: u32) -> bool {
        let sleeper = {
            let mut state = self.0.lock();
            if state.enqueue(slot) { state.sleepers.pop() } else { None }
        };
        sleeper.inspect(|sleeper| sleeper.notify(0)).is_some()
    }

    /// What became of slots that were taken: those `again` are queued, without waking anybody, those `spent` are muted.
    pub(super) fn put_back(&self, again: &[u32], spent: &[u32]) {
        if again.is_empty() && spent.is_empty() {
            return;
        }
        let mut state = self.0.lock();
        for &slot in again {
            state.enqueue(slot);
        }
        for &slot in spent {
            state.slot(slot).muted = true;
        }
    }

    /// From now on `slot` can be queued: it has a new member, or its one-shot was armed.
    pub(super) fn unmute(&self, slot: u32) {
        self.0.lock().slot(slot).muted = false;
    }

    /// Takes up to `most` slots (and no more than a batch) from the front. From now on they can be queued again.
    pub(super) fn take(&self, most: usize) -> Batch {
        let mut state = self.0.lock();
        let count = most.min(state.queue.len()).min(Batch::new().inline_size());
        let batch: Batch = state.queue.drain(..count).collect();
        for &slot in &batch {
            state.slot(slot).queued = false;
        }
        batch
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().queue.len()
    }

    /// `sleeper` is about to look at the list, and to sleep if it finds nothing.
    pub(super) fn sit(&self, sleeper: &Arc<dyn Watcher>) {
        let mut state = self.0.lock();
        if !state.sleepers.iter().any(|other| Arc::ptr_eq(other, sleeper)) {
            state.sleepers.push(sleeper.clone());
        }
    }

    /// `sleeper` has what it wanted, or gives up: what is left on the list is the next one's.
    pub(super) fn leave(&self, sleeper: &Arc<dyn Watcher>) {
        self.0.lock().sleepers.retain(|other| !Arc::ptr_eq(other, sleeper));
        self.pass_on();
    }

    /// Wakes one sleeper if the list is not empty.
    pub(super) fn pass_on(&self) {
        let next = {
            let mut state = self.0.lock();
            if state.queue.is_empty() { None } else { state.sleepers.pop() }
        };
        if let Some(next) = next {
            next.notify(0);
        }
    }

    /// Wakes everybody: what they sleep on has changed.
    pub(super) fn wake_all(&self) {
        let all = std::mem::take(&mut self.0.lock().sleepers);
        all.iter().for_each(|sleeper| sleeper.notify(0));
    }
}

impl State {
    /// False if it is there already, or muted.
    fn enqueue(&mut self, slot: u32) -> bool {
        let state = self.slot(slot);
        if state.queued || state.muted {
            return false;
        }
        state.queued = true;
        self.queue.push_back(slot);
        true
    }

    fn slot(&mut self, slot: u32) -> &mut Slot {
        let at = slot as usize;
        if at >= self.slots.len() {
            self.slots.resize(at + 1, Slot::default());
        }
        &mut self.slots[at]
    }
}
