//! A single-producer single-consumer byte ring.
//!
//! Positions are 64-bit counts that never wrap. Each end keeps its own position privately and treats the other's, which
//! lies in shared memory, as a hint to be clamped: a peer that scribbles on it can garble the data, never the memory.

use crate::memory::Span;
use std::sync::Arc;

/// A ring in private memory: for tests, simulations and benchmarks. `capacity` in bytes, a power of two.
pub fn heap(capacity: usize) -> (Producer, Consumer) {
    ends(Span::heap(capacity))
}

pub(crate) fn ends(span: Span) -> (Producer, Consumer) {
    let span = Arc::new(span);
    (Producer { head: span.header().head(), span: span.clone() }, Consumer { tail: span.header().tail(), span })
}

/// The writing end.
pub struct Producer {
    span: Arc<Span>,
    head: u64,
}

/// The reading end.
pub struct Consumer {
    span: Arc<Span>,
    tail: u64,
}

/// A look at a ring without the right to move it: how full it is, for readiness.
#[derive(Clone)]
pub struct View(Arc<Span>);

impl Producer {
    /// Size of the ring in bytes.
    pub fn capacity(&self) -> usize {
        self.span.capacity()
    }

    /// Bytes that can be written now.
    pub fn free(&self) -> usize {
        self.capacity() - self.used()
    }

    /// Bytes published and not yet freed by the consumer.
    pub fn used(&self) -> usize {
        (self.head.wrapping_sub(self.span.header().tail()) as usize).min(self.capacity())
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
        let n = self.free().saturating_sub(offset).min(data.len());
        self.span.copy_in(self.head.wrapping_add(offset as u64), &data[..n]);
        n
    }

    /// Makes the next `n` bytes, already written with [`write_at`](Self::write_at), visible to the consumer. They fitted when
    /// they were written: the consumer's position, which may have been scribbled on since, is not asked again.
    pub fn publish(&mut self, n: usize) {
        self.head = self.head.wrapping_add(n as u64);
        self.span.header().set_head(self.head);
    }

    /// Asks the consumer to say so ([`Consumer::consume`] returns true) when it has freed `bytes` more than it has by now.
    /// Look at [`free`](Self::free) afterwards: what the consumer freed in the meantime it does not tell.
    pub fn notify_after(&mut self, bytes: usize) {
        let header = self.span.header();
        header.set_notify_at(header.tail().wrapping_add(bytes as u64));
        header.order_mark_and_tail();
    }

    /// Withdraws [`notify_after`](Self::notify_after).
    pub fn notify_never(&mut self) {
        self.span.header().set_notify_at(u64::MAX);
    }

    /// A look at the ring.
    pub fn view(&self) -> View {
        View(self.span.clone())
    }
}

impl Consumer {
    /// Size of the ring in bytes.
    pub fn capacity(&self) -> usize {
        self.span.capacity()
    }

    /// Bytes that can be read now.
    pub fn len(&self) -> usize {
        (self.span.header().head().wrapping_sub(self.tail) as usize).min(self.capacity())
    }

    /// True when there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes ever freed.
    pub fn position(&self) -> u64 {
        self.tail
    }

    /// Up to `len` bytes from `offset` bytes past the oldest, in two parts where they wrap.
    pub fn slices(&self, offset: usize, len: usize) -> (&[u8], &[u8]) {
        let len = self.len().saturating_sub(offset).min(len);
        self.span.slices(self.tail.wrapping_add(offset as u64), len)
    }

    /// Copies bytes from `offset` past the oldest without freeing them; returns how many.
    pub fn peek_at(&self, offset: usize, into: &mut [u8]) -> usize {
        let (a, b) = self.slices(offset, into.len());
        into[..a.len()].copy_from_slice(a);
        into[a.len()..a.len() + b.len()].copy_from_slice(b);
        a.len() + b.len()
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
        self.span.header().set_tail(self.tail);
        self.span.header().order_mark_and_tail();
        let at = self.span.header().notify_at();
        before < at && at <= self.tail
    }

    /// A look at the ring.
    pub fn view(&self) -> View {
        View(self.span.clone())
    }
}

impl View {
    /// Bytes published and not yet freed.
    pub fn used(&self) -> usize {
        let header = self.0.header();
        let tail = header.tail();
        (header.head().saturating_sub(tail) as usize).min(self.0.capacity())
    }

    /// Bytes that could be written now.
    pub fn free(&self) -> usize {
        self.capacity() - self.used()
    }

    /// Size of the ring in bytes.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Bytes ever published: grows with every arrival.
    pub fn published(&self) -> u64 {
        self.0.header().head()
    }
}

#[cfg(test)]
mod tests;
