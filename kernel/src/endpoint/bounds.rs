//! What the program lets the rings of a stream hold: less than they can, where it set SO_SNDBUF or SO_RCVBUF on a connection.

use super::{Endpoint, Rings};
use std::sync::atomic::{AtomicUsize, Ordering};

/// In bytes each way; no more than a ring has.
pub(super) struct Bounds {
    send: AtomicUsize,
    receive: AtomicUsize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { send: AtomicUsize::new(usize::MAX), receive: AtomicUsize::new(usize::MAX) }
    }
}

impl Bounds {
    pub(super) fn send(&self) -> usize {
        self.send.load(Ordering::Relaxed)
    }
}

impl Endpoint {
    /// Sets them, which may change what a watcher sees; `None`: as much as the rings can.
    pub(crate) fn set_bounds(&self, send: Option<usize>, receive: Option<usize>) {
        self.bounds.send.store(send.unwrap_or(usize::MAX), Ordering::Relaxed);
        self.bounds.receive.store(receive.unwrap_or(usize::MAX), Ordering::Relaxed);
        self.changed();
    }

    /// Bytes that make a stream readable. Linux keeps SO_RCVLOWAT within half of the buffer (tcp_set_rcvlowat()): a window can reach
    /// it.
    pub(super) fn reachable(&self, least: usize, rings: &Rings) -> usize {
        least.min(rings.rx_view.capacity().min(self.bounds.receive.load(Ordering::Relaxed)) / 2)
    }

    /// Bytes that may be written now: what SO_SNDBUF leaves and, though some have not left, TCP_NOTSENT_LOWAT; as on Linux the last of
    /// those may be part of a long segment.
    pub(crate) fn may_write(&self, rings: &Rings) -> usize {
        const SEGMENT: usize = 32 << 10;
        let bytes = match self.not_sent_low_water() {
            0 => usize::MAX,
            bytes => bytes.checked_sub(rings.not_sent()).filter(|&n| n > 0).map_or(0, |n| n.max(SEGMENT)),
        };
        bytes.min(self.bounds.send().saturating_sub(rings.unsent()))
    }
}
