//! The program's ends of a socket's rings, and what can be seen of them without moving them.

use arena::{Consumer, Producer, UrgentByte, View};
use parking_lot::Mutex;

/// What the next read of a stream finds.
pub(crate) struct Ahead {
    /// Bytes that have come, the urgent one among them.
    pub(crate) bytes: usize,
    pub(crate) mark: Option<UrgentMark>,
}

/// Where the urgent byte is.
pub(crate) struct UrgentMark {
    /// Bytes to be read before it.
    pub(crate) ahead: u64,
    /// It has arrived, and was not read yet (MSG_OOB).
    pub(crate) has_arrived: bool,
}

/// The program's ends of a socket's rings. The locks are for threads that share the socket.
pub struct Rings {
    /// Towards the engine; none for datagrams, which are sent by a call.
    pub tx: Option<(Mutex<Producer>, View)>,
    /// From the engine.
    pub rx: Mutex<Consumer>,
    pub(super) rx_view: View,
}

impl Rings {
    pub(crate) fn new(tx: Option<Producer>, rx: Consumer) -> Rings {
        let rx_view = rx.view();
        let tx = tx.map(|tx| {
            let view = tx.view();
            (Mutex::new(tx), view)
        });
        Rings { tx, rx: Mutex::new(rx), rx_view }
    }

    /// Bytes waiting to be read.
    pub fn readable(&self) -> usize {
        self.rx_view.used()
    }

    /// What the next read finds.
    pub(crate) fn ahead(&self, inline: bool) -> Ahead {
        let (used, freed) = (self.rx_view.used(), self.rx_view.freed());
        let over = usize::from(!inline && used > 0 && self.rx_view.passed_over() == Some(freed));
        let mark = self.rx_view.urgent().and_then(|mark| {
            let ahead = mark.position.checked_sub(freed + over as u64)?;
            Some(UrgentMark { ahead, has_arrived: matches!(mark.byte, UrgentByte::Arrived(_)) })
        });
        Ahead { bytes: used - over, mark }
    }

    /// Sizes of the two rings now, in bytes; they grow as the path allows.
    pub fn sizes(&self) -> (usize, usize) {
        (self.tx.as_ref().map_or(0, |(_, view)| view.capacity()), self.rx_view.capacity())
    }

    /// Bytes ever received.
    pub fn received(&self) -> u64 {
        self.rx_view.published()
    }

    /// Bytes that were written and are not acknowledged yet.
    pub fn unsent(&self) -> usize {
        self.tx.as_ref().map_or(0, |(_, view)| view.used())
    }

    /// Bytes that were written and have not left yet.
    pub fn not_sent(&self) -> usize {
        self.tx.as_ref().map_or(0, |(_, view)| view.unused())
    }

    /// As Linux's sk_stream_is_writeable: at least a third of the buffer (`most` bytes, no more than the ring) is free, and
    /// (tcp_stream_memory_free) of what may wait to leave at least half.
    pub(super) fn writable(&self, most: usize, not_sent_low_water: usize) -> bool {
        self.tx.as_ref().is_none_or(|(_, view)| {
            let most = view.capacity().min(most);
            most.saturating_sub(view.used()) * 3 >= most
                && (not_sent_low_water == 0 || view.unused() * 2 < not_sent_low_water)
        })
    }
}
