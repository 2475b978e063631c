//! SO_PEEK_OFF: where MSG_PEEK goes on.

use super::Socket;
use arena::Consumer;
use std::sync::atomic::Ordering;

impl Socket {
    /// Where MSG_PEEK begins, if it does not begin with the next byte.
    pub(super) fn peek_offset(&self) -> Option<usize> {
        usize::try_from(self.peek_offset.load(Ordering::Relaxed)).ok()
    }

    /// `n` more bytes have been peeked at.
    pub(super) fn peek_moves_on(&self, n: usize) {
        let _ = self
            .peek_offset
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| (at >= 0).then(|| at.saturating_add(n as i32)));
    }

    /// `n` bytes have been read, and are no longer before it.
    pub(super) fn peek_moves_back(&self, n: usize) {
        let _ = self.peek_offset.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| {
            (at >= 0).then(|| at.saturating_sub(n as i32).max(0))
        });
    }
    /// The empty datagram at `at` of the ring has been peeked at. No bytes tell of that, so the next peek would find it again.
    pub(super) fn peeked_at_nothing(&self, rx: &Consumer, at: usize) {
        self.peeked_nothing.store(rx.position().wrapping_add(at as u64).wrapping_add(1), Ordering::Relaxed);
    }

    /// Whether the empty datagram at `at` has been.
    pub(super) fn has_peeked_at_nothing(&self, rx: &Consumer, at: usize) -> bool {
        rx.position().wrapping_add(at as u64) < self.peeked_nothing.load(Ordering::Relaxed)
    }
}
