//! A receive ring: many senders, one reader, and no holes.
//!
//! Positions are 64-bit counts. The entry for position `p` lies at `p % RING` and carries the lap of `p` as a tag; an entry
//! with any other tag is free, provided that `p` is less than a ring's length past the reader's head. A sender claims and
//! publishes an entry by one compare-and-swap, so one killed at any instruction leaves either nothing or a whole frame.
//! `tail` is only a hint where to begin: behind the truth, senders walk over the taken entries; past it, the reader puts
//! it back.

use crate::format::{Descriptor, RING};
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(test)]
mod tests;

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
    /// Publishes a frame and returns its position. `known` is the sender's own memory of the reader's head, which is asked for
    /// only where it matters: that line is the reader's. Looks at no more than two ring lengths of entries.
    #[inline]
    pub(crate) fn publish(&self, frame: Descriptor, known: &mut u64) -> Result<u64, Full> {
        let hint = self.tail.load(Ordering::Acquire);
        let mut position = self.plausible(hint, known);
        for _ in 0..2 * RING {
            if !is_within(position, *known) {
                *known = self.head.load(Ordering::Acquire);
                if is_before(position, *known) {
                    position = *known;
                } else if !is_within(position, *known) {
                    return Err(Full);
                }
            }
            let place = self.place(position);
            let entry = place.load(Ordering::Acquire);
            if Descriptor::is_at(entry, position) {
                position = position.wrapping_add(1);
                continue;
            }
            if !Descriptor::is_at(entry, position.wrapping_sub(RING as u64)) {
                // Not what the lap before left: nonsense, which may be overwritten, or the reader is already a lap further.
                // It is not if its head, looked at after the entry, is not past us.
                *known = self.head.load(Ordering::Acquire);
                if is_before(position, *known) {
                    position = *known;
                    continue;
                }
            }
            if place.compare_exchange(entry, frame.entry(position)) {
                // Another sender that was faster, or a repair, leaves the hint as it wants.
                self.tail.compare_exchange(hint, position.wrapping_add(1));
                return Ok(position);
            }
        }
        Err(Full)
    }

    /// True where `publish` is likely to find room now. `known` as there.
    #[inline]
    pub(crate) fn has_room(&self, known: &mut u64) -> bool {
        let hint = self.tail.load(Ordering::Acquire);
        let tail = self.plausible(hint, known);
        is_within(tail, *known) || {
            *known = self.head.load(Ordering::Acquire);
            is_within(self.plausible(hint, known), *known)
        }
    }

    /// The frame at `head`, the reader's own position; `None` where none is published.
    pub(crate) fn peek(&self, head: u64) -> Option<Descriptor> {
        let entry = self.place(head).load(Ordering::Acquire);
        Descriptor::is_at(entry, head).then(|| Descriptor::from_entry(entry))
    }

    /// For the reader: everything before `head` is read, and its blocks may be used again.
    #[inline]
    pub(crate) fn advance(&self, head: u64) {
        self.head.store(head, Ordering::Release);
    }

    /// For the reader when it finds nothing at `head`: puts right what somebody may have scribbled on the shared positions.
    pub(crate) fn repair(&self, head: u64) {
        let shown = self.head.load(Ordering::Acquire);
        if shown != head {
            // Not a store: the reader may have gone on meanwhile, if this is another of its threads.
            self.head.compare_exchange(shown, head);
        }
        let tail = self.tail.load(Ordering::Acquire);
        // A frame published between the caller's look and ours has moved the tail rightly.
        if tail != head && self.peek(head).is_none() {
            self.tail.compare_exchange(tail, head);
        }
    }

    #[inline]
    fn place(&self, position: u64) -> &W {
        &self.entries[position as usize % RING]
    }

    /// The tail where it can be true, else the head.
    #[inline]
    fn plausible(&self, tail: u64, known: &mut u64) -> u64 {
        if tail.wrapping_sub(*known) > RING as u64 {
            *known = self.head.load(Ordering::Acquire);
        }
        if tail.wrapping_sub(*known) > RING as u64 { *known } else { tail }
    }
}

/// True where `position` is one of the ring's length from `head` on.
fn is_within(position: u64, head: u64) -> bool {
    position.wrapping_sub(head) < RING as u64
}

fn is_before(position: u64, head: u64) -> bool {
    position.wrapping_sub(head).cast_signed() < 0
}

/// A 64-bit atomic: std's, or that of a model checker.
pub(crate) trait Word {
    fn load(&self, order: Ordering) -> u64;
    fn store(&self, value: u64, order: Ordering);
    /// Sequentially consistent; true where it swapped.
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
        self.compare_exchange(current, new, Ordering::SeqCst, Ordering::Acquire).is_ok()
    }
}
