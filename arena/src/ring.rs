//! A single-producer single-consumer byte ring.
//!
//! Positions are 64-bit counts that never wrap. Each end keeps its own position privately and treats the other's, which
//! lies in shared memory, as a hint to be clamped: a peer that scribbles on it can garble the data, never the memory.
//!
//! A ring can grow (see `growth`): the engine, whichever end it has, gives it a larger [`Region`].

use crate::fault::{self, Fault};
pub use crate::growth::REACH;
use crate::growth::{Growth, Lane, copy_in, slices};
use crate::memory::{Copy, Header, Positions, Region};
use crate::urgent::Mark;
use std::cell::OnceCell;
use std::sync::Arc;

/// A ring in private memory: for tests, simulations and benchmarks. `capacity` in bytes, a power of two.
pub fn heap(capacity: usize) -> (Producer, Consumer) {
    ends(Positions::heap(), Region::heap(capacity))
}

pub(crate) fn ends(positions: Positions, region: Region) -> (Producer, Consumer) {
    let shared = Arc::new(Shared { positions, growth: Growth::new(region.capacity()) });
    let lane = Lane::new(region);
    let (head, tail) = (shared.header().head(), shared.header().tail());
    let producer =
        Producer { shared: shared.clone(), head, furthest: head, lane: lane.clone(), next: None, grows_from: 0 };
    (producer, Consumer { shared, tail, lane, next: OnceCell::new() })
}

/// What the ends of a ring have in common.
struct Shared {
    positions: Positions,
    growth: Growth,
}

impl Shared {
    fn header(&self) -> &Header {
        self.positions.header()
    }
}

/// The writing end.
pub struct Producer {
    shared: Arc<Shared>,
    head: u64,
    /// The end of what was ever written, published or not.
    furthest: u64,
    lane: Lane,
    /// Where the ring goes on, until the head is there.
    next: Option<Lane>,
    /// The tail from which on it may grow again.
    grows_from: u64,
}

/// The reading end.
pub struct Consumer {
    shared: Arc<Shared>,
    tail: u64,
    lane: Lane,
    /// Where the ring goes on, until the tail is there.
    next: OnceCell<Lane>,
}

/// A look at a ring without the right to move it: how full it is, for readiness.
#[derive(Clone)]
pub struct View(Arc<Shared>);

impl Producer {
    /// Bytes that the ring can hold.
    pub fn capacity(&self) -> usize {
        self.shared.growth.capacity(self.shared.header().tail())
    }

    /// Bytes that can be written now.
    pub fn free(&self) -> usize {
        let tail = self.shared.header().tail();
        let capacity = self.shared.growth.capacity(tail);
        capacity - (self.head.wrapping_sub(tail) as usize).min(capacity)
    }

    /// Bytes published and not yet freed by the consumer.
    pub fn used(&self) -> usize {
        let tail = self.shared.header().tail();
        (self.head.wrapping_sub(tail) as usize).min(self.shared.growth.capacity(tail))
    }

    /// Bytes ever published.
    pub fn position(&self) -> u64 {
        self.head
    }

    /// Writes and publishes as much of `data` as fits; returns how much that was.
    pub fn write(&mut self, data: &[u8]) -> usize {
        let n = self.write_at(0, data);
        self.publish(n);
        n
    }

    /// Writes `data` at `offset` bytes past what is published, without publishing it (reassembly writes ahead of gaps).
    /// Returns how much of it fitted.
    pub fn write_at(&mut self, offset: usize, data: &[u8]) -> usize {
        // Our own memory is there.
        self.copy_at(offset, data, Copy::Own).unwrap_or(0)
    }

    /// As [`write_at`](Self::write_at), from memory of the program's.
    ///
    /// # Errors
    /// Memory that is not there. The ring is as before: what was written is not published.
    pub fn fill_at(&mut self, offset: usize, data: &[u8]) -> Result<usize, Fault> {
        self.copy_at(offset, data, Copy::Program)
    }

    #[inline]
    fn copy_at(&mut self, offset: usize, data: &[u8], copy: Copy) -> Result<usize, Fault> {
        if self.shared.growth.offer.is_full() {
            self.take_offer();
        }
        let n = self.free().saturating_sub(offset).min(data.len());
        let at = self.head.wrapping_add(offset as u64);
        copy_in(&self.lane, self.next.as_ref(), at, &data[..n], copy)?;
        self.furthest = self.furthest.max(at.wrapping_add(n as u64));
        Ok(n)
    }

    /// Goes over to a larger region. Given back where it is not larger, or the ring still goes over to the one before: try
    /// again later.
    pub fn grow(&mut self, region: Region) -> Result<(), Region> {
        let growth = &self.shared.growth;
        let before = self.lane.region.capacity();
        // Two regions at a time: the consumer must have read a byte of this one, and so have left the one before.
        let going_over = self.next.is_some() || growth.next.is_full() || self.shared.header().tail() < self.grows_from;
        if going_over || region.capacity() <= before {
            return Err(region);
        }
        let lane = Lane { region: Arc::new(region), from: self.lane.switch_after(self.furthest) };
        self.grows_from = lane.from + 1;
        growth.switch(before, &lane);
        growth.next.put(lane.clone());
        if lane.from == self.head {
            self.lane = lane
        } else {
            self.next = Some(lane)
        }
        Ok(())
    }

    fn take_offer(&mut self) {
        if let Some(region) = self.shared.growth.offer.take()
            && let Err(region) = self.grow(region)
            && region.capacity() > self.lane.region.capacity()
        {
            self.shared.growth.offer.put(region);
        }
    }

    /// Makes the next `n` bytes, already written with [`write_at`](Self::write_at), visible to the consumer. They fitted when
    /// they were written: the consumer's position, which may have been scribbled on since, is not asked again.
    pub fn publish(&mut self, n: usize) {
        self.head = self.head.wrapping_add(n as u64);
        self.furthest = self.furthest.max(self.head);
        if self.next.as_ref().is_some_and(|next| self.head >= next.from)
            && let Some(next) = self.next.take()
        {
            self.lane = next;
        }
        self.shared.header().set_head(self.head);
    }

    /// The urgent mark that the consumer has not passed.
    pub fn urgent(&self) -> Option<Mark> {
        self.shared.header().urgent()
    }

    /// Sets the urgent mark, before the bytes behind it are published.
    pub fn set_urgent(&mut self, mark: Mark) {
        self.shared.header().set_urgent(mark);
    }

    /// The byte at the mark is the next to be read, and a newer mark will replace it: it is out of line all the same.
    pub fn pass_over(&mut self, mark: Mark) {
        self.shared.header().set_passed_over(mark.position);
    }

    /// Asks the consumer to say so ([`Consumer::consume`] returns true) when it has freed `bytes` more than it has by now.
    /// Look at [`free`](Self::free) afterwards: what the consumer freed in the meantime it does not tell.
    pub fn notify_after(&mut self, bytes: usize) {
        let header = self.shared.header();
        header.set_notify_at(header.tail().wrapping_add(bytes as u64));
        header.order_mark_and_tail();
    }

    /// Withdraws [`notify_after`](Self::notify_after).
    pub fn notify_never(&mut self) {
        self.shared.header().set_notify_at(u64::MAX);
    }

    /// A look at the ring.
    pub fn view(&self) -> View {
        View(self.shared.clone())
    }
}

impl Consumer {
    /// Bytes that the ring can hold.
    pub fn capacity(&self) -> usize {
        self.shared.growth.capacity(self.tail)
    }

    /// Bytes that can be read now.
    pub fn len(&self) -> usize {
        let head = self.shared.header().head();
        // The region in which the newest bytes lie was handed over before they were published.
        if self.shared.growth.next.is_full()
            && self.next.get().is_none()
            && let Some(lane) = self.shared.growth.next.take()
        {
            let _ = self.next.set(lane);
        }
        (head.wrapping_sub(self.tail) as usize).min(self.shared.growth.capacity(self.tail))
    }

    /// True when there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Offers the producer a larger region, which it uses from its next write on.
    pub fn offer(&self, region: Region) {
        self.shared.growth.offer.put(region);
    }

    /// The producer has not taken the region that it was offered last.
    pub fn has_offer(&self) -> bool {
        self.shared.growth.offer.is_full()
    }

    /// Bytes ever freed.
    pub fn position(&self) -> u64 {
        self.tail
    }

    /// Up to `len` bytes from `offset` bytes past the oldest, in two parts where they wrap; fewer than there are only beyond
    /// [`REACH`].
    pub fn slices(&self, offset: usize, len: usize) -> (&[u8], &[u8]) {
        let len = self.len().saturating_sub(offset).min(len);
        slices(&self.lane, self.next.get(), self.tail.wrapping_add(offset as u64), len)
    }

    /// Copies bytes from `offset` past the oldest without freeing them; returns how many.
    pub fn peek_at(&self, offset: usize, into: &mut [u8]) -> usize {
        let own = |into: &mut [u8], part: &[u8]| {
            into.copy_from_slice(part);
            Ok(())
        };
        self.copy_out(offset, into, own).unwrap_or(0)
    }

    /// As [`peek_at`](Self::peek_at), to memory of the program's.
    ///
    /// # Errors
    /// Memory that is not there, or is not to be written; some of it may have been.
    pub fn give_at(&self, offset: usize, into: &mut [u8]) -> Result<usize, Fault> {
        self.copy_out(offset, into, fault::copy)
    }

    #[inline]
    fn copy_out(
        &self,
        offset: usize,
        into: &mut [u8],
        copy: impl Fn(&mut [u8], &[u8]) -> Result<(), Fault>,
    ) -> Result<usize, Fault> {
        let mut copied = 0;
        loop {
            let (a, b) = self.slices(offset + copied, into.len() - copied);
            if a.is_empty() {
                return Ok(copied);
            }
            for part in [a, b] {
                if !part.is_empty() {
                    copy(&mut into[copied..copied + part.len()], part)?;
                    copied += part.len();
                }
            }
        }
    }

    /// The urgent mark.
    pub fn urgent(&self) -> Option<Mark> {
        self.shared.header().urgent()
    }

    /// The byte at `mark` is read out of line: true if it still was the mark and nobody had it.
    pub fn take_urgent(&mut self, mark: Mark) -> bool {
        self.shared.header().take_urgent(mark)
    }

    /// Where a byte stood that was out of line, and that a newer mark has replaced when it was the next to be read.
    pub fn passed_over(&self) -> Option<u64> {
        self.shared.header().passed_over()
    }

    /// Says how far the bytes are used that are kept until they are freed: the first `n`.
    pub fn set_used(&self, n: usize) {
        self.shared.header().set_used(self.tail.wrapping_add(n as u64));
    }

    /// Copies out and frees up to `into.len()` bytes; returns how many, and whether the producer asked to be told now.
    pub fn read(&mut self, into: &mut [u8]) -> (usize, bool) {
        let n = self.peek_at(0, into);
        (n, self.consume(n))
    }

    /// Frees the oldest `n` bytes, which were there when they were looked at: the producer's position, which may have been
    /// scribbled on since, is not asked again. True when this passes the point at which the producer asked to be told.
    pub fn consume(&mut self, n: usize) -> bool {
        let before = self.tail;
        self.tail = self.tail.wrapping_add(n as u64);
        if self.next.get().is_some_and(|next| self.tail >= next.from)
            && let Some(next) = self.next.take()
        {
            self.lane = next;
        }
        self.shared.header().set_tail(self.tail);
        if let Some(mark) = self.urgent()
            && mark.position < self.tail
        {
            self.shared.header().forget_urgent(mark);
        }
        self.shared.header().order_mark_and_tail();
        let at = self.shared.header().notify_at();
        before < at && at <= self.tail
    }

    /// A look at the ring.
    pub fn view(&self) -> View {
        View(self.shared.clone())
    }
}

impl View {
    /// Bytes published and not yet freed.
    pub fn used(&self) -> usize {
        let header = self.0.header();
        let tail = header.tail();
        (header.head().saturating_sub(tail) as usize).min(self.0.growth.capacity(tail))
    }

    /// Bytes published that the consumer has neither freed nor used ([`Consumer::set_used`]).
    pub fn unused(&self) -> usize {
        let header = self.0.header();
        (header.head().saturating_sub(header.used()) as usize).min(self.used())
    }

    /// Bytes that could be written now.
    pub fn free(&self) -> usize {
        self.capacity().saturating_sub(self.used())
    }

    /// Bytes that the ring can hold.
    pub fn capacity(&self) -> usize {
        self.0.growth.capacity(self.0.header().tail())
    }

    /// Bytes ever freed.
    pub fn freed(&self) -> u64 {
        self.0.header().tail()
    }

    /// The urgent mark.
    pub fn urgent(&self) -> Option<Mark> {
        self.0.header().urgent()
    }

    /// As [`Consumer::passed_over`].
    pub fn passed_over(&self) -> Option<u64> {
        self.0.header().passed_over()
    }

    /// Bytes ever published: grows with every arrival.
    pub fn published(&self) -> u64 {
        self.0.header().head()
    }
}

#[cfg(test)]
mod tests;
