//! SO_PEEK_OFF: where MSG_PEEK goes on.

use super::Socket;
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
}
