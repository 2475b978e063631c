//! How a ring gets larger while both ends use it.
//!
//! A ring's bytes lie in a [`Region`]. To grow, the producer chooses a *switch*: a position before which bytes lie in the
//! old region and from which on they lie in a larger new one. Positions never wrap, so both ends know for each byte where it
//! is. The producer hands the new region over before it publishes the first byte in it; the consumer takes it when it first
//! sees a position beyond what it knew, and each end lets go of the old one when it has passed the switch. Nobody waits.

use crate::fault::Fault;
use crate::memory::{Copy, Region};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A range of at most this many bytes comes in at most two parts, whether it wraps or crosses a switch: the old region does
/// not wrap within so many bytes before the switch. No segment is longer.
pub const REACH: usize = 64 << 10;

/// A region and the position whose byte lies at its beginning.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) region: Arc<Region>,
    pub(crate) from: u64,
}

impl Lane {
    pub(crate) fn new(region: Region) -> Lane {
        Lane { region: Arc::new(region), from: 0 }
    }

    /// Where a producer that has written up to `furthest` may go over to another region.
    pub(crate) fn switch_after(&self, furthest: u64) -> u64 {
        let capacity = self.region.capacity();
        let into_lap = (furthest.wrapping_sub(self.from) as usize & (capacity - 1)) as u64;
        let reach = REACH.min(capacity) as u64;
        if into_lap == 0 || into_lap >= reach { furthest } else { furthest + (reach - into_lap) }
    }

    /// What does not fit is left out: only a scribbled tail leads to it.
    fn copy_in(&self, at: u64, data: &[u8], copy: Copy) -> Result<(), Fault> {
        let fits = data.len().min(self.region.capacity());
        self.region.copy_in(at.wrapping_sub(self.from), &data[..fits], copy)
    }

    fn slices(&self, at: u64, len: usize) -> (&[u8], &[u8]) {
        self.region.slices(at.wrapping_sub(self.from), len.min(self.region.capacity()))
    }
}

/// Copies `data` to position `at` of a ring that goes over from `lane` to `next`, if there is one.
#[inline]
pub(crate) fn copy_in(lane: &Lane, next: Option<&Lane>, at: u64, data: &[u8], copy: Copy) -> Result<(), Fault> {
    match next {
        Some(next) if at >= next.from => next.copy_in(at, data, copy),
        Some(next) => {
            let before = data.len().min((next.from - at) as usize);
            lane.copy_in(at, &data[..before], copy)?;
            next.copy_in(next.from, &data[before..], copy)
        }
        None => lane.copy_in(at, data, copy),
    }
}

/// The `len` bytes at position `at`, in two parts; fewer where that takes more than two, which is never so for [`REACH`]
/// bytes or less.
pub(crate) fn slices<'a>(lane: &'a Lane, next: Option<&'a Lane>, at: u64, len: usize) -> (&'a [u8], &'a [u8]) {
    match next {
        Some(next) if at >= next.from => next.slices(at, len),
        Some(next) => {
            let before = len.min((next.from - at) as usize);
            let (a, b) = lane.slices(at, before);
            if b.is_empty() { (a, next.slices(next.from, len - a.len()).0) } else { (a, b) }
        }
        None => lane.slices(at, len),
    }
}

/// What the two ends tell each other about growth.
pub(crate) struct Growth {
    /// A larger region from the consumer's side, which the producer uses from its next write on.
    pub(crate) offer: Slot<Region>,
    /// The region that the producer goes over to, until the consumer follows.
    pub(crate) next: Slot<Lane>,
    capacity: AtomicUsize,
    /// The capacity before the last switch. It holds until the tail reaches `holds_to`.
    before: AtomicUsize,
    holds_to: AtomicU64,
}

impl Growth {
    pub(crate) fn new(capacity: usize) -> Growth {
        Growth {
            offer: Slot::default(),
            next: Slot::default(),
            capacity: AtomicUsize::new(capacity),
            before: AtomicUsize::new(capacity),
            holds_to: AtomicU64::new(0),
        }
    }

    /// Bytes that the ring may hold from `tail` on. What lies before a switch must fit into the old region.
    pub(crate) fn capacity(&self, tail: u64) -> usize {
        let by_position = if tail >= self.holds_to.load(Ordering::Relaxed) { &self.capacity } else { &self.before };
        by_position.load(Ordering::Relaxed)
    }

    /// The producer goes over from `before` bytes to the larger region of `lane`.
    pub(crate) fn switch(&self, before: usize, lane: &Lane) {
        self.before.store(before, Ordering::Relaxed);
        self.holds_to.store(lane.from.saturating_sub(before as u64), Ordering::Relaxed);
        self.capacity.store(lane.region.capacity(), Ordering::Relaxed);
    }
}

/// A place for one thing that one end leaves for the other. Looking at an empty one costs a load.
pub(crate) struct Slot<T> {
    full: AtomicBool,
    value: Mutex<Option<T>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot { full: AtomicBool::new(false), value: Mutex::new(None) }
    }
}

impl<T> Slot<T> {
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Leaves `value`, instead of what may be there.
    pub(crate) fn put(&self, value: T) {
        let before = self.value.lock().unwrap_or_else(PoisonError::into_inner).replace(value);
        self.full.store(true, Ordering::Release);
        drop(before);
    }

    pub(crate) fn take(&self) -> Option<T> {
        if !self.is_full() {
            return None;
        }
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.full.store(false, Ordering::Release);
        value
    }
}

#[cfg(test)]
mod tests;
