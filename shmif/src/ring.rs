//! A receive ring: many senders, one reader, and no holes.
//!
//! Positions are 64-bit counts. The entry for position `p` lies at `p % RING` and carries the lap of `p` as a tag; an entry
//! with any other tag is free, provided that `p` is less than a ring's length past the reader's head. A sender claims and
//! publishes an entry by one compare-and-swap, so one killed at any instruction leaves either nothing or a whole frame.
//! `tail` is only a hint where to begin: behind the truth, senders walk over the taken entries; past it, the reader puts
//! it back.

use crate::format::{Descriptor, RING};
use std::sync::atomic::{AtomicU64, Ordering};

/// A ring as the senders and its reader share it.
pub(crate) struct Ring<'a, W: Word = AtomicU64> {
    pub(crate) entries: &'a [W; RING],
    /// The reader's position as it publishes it. Senders take it for what it is: a word that anybody may have written.
    pub(crate) head: &'a W,
    pub(crate) tail: &'a W,
}

/// The ring is full, or was changing under us all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl<W: Word> Ring<'_, W> {
    /// Publishes a frame and returns its position. Looks at no more than two ring lengths of entries.
    pub(crate) fn publish(&self, frame: Descriptor) -> Result<u64, Full> {
        let hint = self.tail.load(Ordering::Acquire);
        let mut position = self.plausible(hint);
        for _ in 0..2 * RING {
            let place = self.place(position);
            let entry = place.load(Ordering::Acquire);
            // The entry first, then the head: an entry seen free is then free of this lap, or the swap fails.
            let ahead = position.wrapping_sub(self.head.load(Ordering::Acquire));
            if ahead >= RING as u64 {
                if ahead.cast_signed() >= 0 {
                    return Err(Full);
                }
                // The reader has passed us.
                position = self.head.load(Ordering::Acquire);
            } else if Descriptor::is_at(entry, position) {
                position = position.wrapping_add(1);
            } else if place.compare_exchange(entry, frame.entry(position)) {
                // Another sender that was faster, or a repair, leaves the hint as it wants.
                self.tail.compare_exchange(hint, position.wrapping_add(1));
                return Ok(position);
            }
        }
        Err(Full)
    }

    /// True where `publish` would find room now.
    pub(crate) fn has_room(&self) -> bool {
        let tail = self.plausible(self.tail.load(Ordering::Acquire));
        tail.wrapping_sub(self.head.load(Ordering::Acquire)) < RING as u64
    }

    /// The frame at `head`, the reader's own position; `None` where none is published.
    pub(crate) fn peek(&self, head: u64) -> Option<Descriptor> {
        let entry = self.place(head).load(Ordering::Acquire);
        Descriptor::is_at(entry, head).then(|| Descriptor::from_entry(entry))
    }

    /// For the reader when it finds nothing at `head`: puts right what somebody may have scribbled on the shared positions.
    pub(crate) fn repair(&self, head: u64) {
        if self.head.load(Ordering::Relaxed) != head {
            self.head.store(head, Ordering::Release);
        }
        let tail = self.tail.load(Ordering::Acquire);
        // A frame published between the caller's look and ours has moved the tail rightly.
        if tail != head && self.peek(head).is_none() {
            self.tail.compare_exchange(tail, head);
        }
    }

    fn place(&self, position: u64) -> &W {
        &self.entries[position as usize % RING]
    }

    /// The tail where it can be true, else the head.
    fn plausible(&self, tail: u64) -> u64 {
        let head = self.head.load(Ordering::Acquire);
        if tail.wrapping_sub(head) <= RING as u64 { tail } else { head }
    }
}

/// A 64-bit atomic: std's, or that of a model checker.
pub(crate) trait Word {
    fn load(&self, order: Ordering) -> u64;
    fn store(&self, value: u64, order: Ordering);
    /// True where it swapped.
    fn compare_exchange(&self, current: u64, new: u64) -> bool;
}

impl Word for AtomicU64 {
    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }

    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }

    #[inline]
    fn compare_exchange(&self, current: u64, new: u64) -> bool {
        self.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
