//! Memory that is kept for when the host gives no more (RLIMIT_AS). What is open goes on with it, and nothing new begins before
//! there is a reserve again.
//!
//! It is address space: its pages are never touched, so that it costs none.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is kept at least, and for each socket: a table of all of them doubles at once.
const LEAST: usize = 1 << 20;
const A_SOCKET: usize = 4 << 10;

struct Reserve {
    /// Only tried, never waited for: the allocator may be asked while it is held, by the same thread or before a fork.
    memory: Mutex<Vec<u8>>,
    /// Bytes of it.
    kept: AtomicUsize,
}

static RESERVE: Reserve = Reserve::new();

/// For an allocator that has found no memory: what was kept goes back to it. False where nothing was.
pub fn spend() -> bool {
    RESERVE.spend()
}

/// The host has given no more memory since there was a reserve.
pub(crate) fn is_spent() -> bool {
    RESERVE.is_spent()
}

/// Whether there is a reserve that does for so many sockets, or the host gives it now.
pub(crate) fn is_there(sockets: usize) -> bool {
    RESERVE.is_there(sockets)
}

impl Reserve {
    const fn new() -> Reserve {
        Reserve { memory: Mutex::new(Vec::new()), kept: AtomicUsize::new(0) }
    }

    fn spend(&self) -> bool {
        let memory = self.memory.try_lock().map(|mut memory| std::mem::take(&mut *memory)).unwrap_or_default();
        self.kept.store(0, Ordering::Relaxed);
        memory.capacity() != 0
    }

    fn is_spent(&self) -> bool {
        self.kept.load(Ordering::Relaxed) == 0
    }

    fn is_there(&self, sockets: usize) -> bool {
        let wanted = LEAST + sockets.next_power_of_two() * A_SOCKET;
        let kept = self.kept.load(Ordering::Relaxed);
        if kept >= wanted {
            return true;
        }
        let Ok(mut memory) = self.memory.try_lock() else { return false };
        // Given back first: to grow in place would copy, and so touch it.
        *memory = Vec::new();
        let kept = [wanted, kept].into_iter().find(|&bytes| memory.try_reserve_exact(bytes).is_ok()).unwrap_or(0);
        self.kept.store(kept, Ordering::Relaxed);
        kept >= wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_taken_again_when_it_can_be() {
        let reserve = Reserve::new();
        assert!(reserve.is_there(100) && !reserve.is_spent());
        assert!(reserve.spend() && reserve.is_spent());
        assert!(!reserve.spend(), "there is only one");
        assert!(reserve.is_there(1000) && !reserve.is_spent());
        assert!(!reserve.is_there(usize::MAX >> 16) && !reserve.is_spent(), "what there was is kept");
    }
}
