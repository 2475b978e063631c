//! How the last close(2) of a stream ends its connection, which the end of the process may be.

use super::Endpoint;
use netstack::tcp::Close;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What the program has said of it.
#[derive(Default)]
pub(super) struct Ending {
    resets: AtomicBool,
    under_repair: AtomicBool,
}

impl Endpoint {
    /// Sets SO_LINGER with a time of 0: the peer is reset.
    pub(crate) fn set_resets(&self, resets: bool) {
        self.ending.resets.store(resets, Relaxed);
    }

    /// TCP_REPAIR: the connection goes on elsewhere, and the peer hears nothing.
    pub(crate) fn is_under_repair(&self) -> bool {
        self.ending.under_repair.load(Relaxed)
    }

    /// Sets it.
    pub(crate) fn set_under_repair(&self, on: bool) {
        self.ending.under_repair.store(on, Relaxed);
    }

    /// What close(2) does now.
    pub(crate) fn ending(&self) -> Close {
        if self.is_under_repair() {
            Close::Abandon
        } else if self.ending.resets.load(Relaxed) {
            Close::Abort
        } else {
            Close::Graceful { unread: self.rings().is_some_and(|rings| rings.readable() > 0) }
        }
    }
}
