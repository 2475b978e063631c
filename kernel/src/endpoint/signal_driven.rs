//! Signal-driven I/O: when a socket sends signals, and to whom. The rules are those of Linux's sk_wake_async() and its callers.

use super::{Endpoint, Seen, State};
use crate::Kind;
use crate::signal::io::{self, Band, Owner};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a program has set by fcntl(2). The host keeps it too, and judges it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalDriven {
    /// F_SETOWN.
    pub owner: Option<Owner>,
    /// F_SETSIG; 0 for SIGIO.
    pub signal: i32,
    /// O_ASYNC, and the descriptor by which it was set.
    pub fd: Option<i32>,
}

#[derive(Default)]
pub(super) struct Signals {
    /// There is an owner: the rest matters.
    armed: AtomicBool,
    settings: Mutex<SignalDriven>,
    /// Threads asleep in recv(2) of a stream: what they wait for is for them (SOCKWQ_ASYNC_WAITDATA).
    readers: AtomicUsize,
}

/// While it lives, a thread waits for a stream's bytes.
#[must_use]
pub(crate) struct Reading<'a>(&'a AtomicUsize);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Endpoint {
    pub(crate) fn signal_driven(&self) -> SignalDriven {
        *self.signals.settings.lock()
    }

    pub(crate) fn set_signal_driven(&self, settings: SignalDriven) {
        *self.signals.settings.lock() = settings;
        self.signals.armed.store(settings.owner.is_some(), Ordering::SeqCst);
    }

    /// A thread is about to sleep until bytes come.
    pub(crate) fn reading(&self) -> Reading<'_> {
        self.signals.readers.fetch_add(1, Ordering::SeqCst);
        Reading(&self.signals.readers)
    }

    /// Sends the signals for what has changed. `space`: a writer that found no room has some.
    pub(super) fn signal(&self, before: &Seen, now: &Seen, space: bool) {
        if self.signals.armed.load(Ordering::Relaxed) {
            self.news(before, now, space).into_iter().for_each(|band| self.tell(band));
        }
    }

    /// Sends the signal of an error that is no news of the engine's.
    pub(crate) fn signal_error(&self) {
        if self.signals.armed.load(Ordering::Relaxed) {
            self.tell(Band::Error);
        }
    }

    fn tell(&self, band: Band) {
        let SignalDriven { owner: Some(owner), signal, fd } = self.signal_driven() else { return };
        if band == Band::Urgent {
            // SIGURG needs no O_ASYNC; and without F_SETSIG there is no other.
            io::urgent(owner);
            if signal == 0 {
                return;
            }
        }
        if let Some(fd) = fd {
            io::tell(owner, signal, band, fd);
        }
    }

    /// The reasons, in Linux's order.
    pub(super) fn news(&self, before: &Seen, now: &Seen, space: bool) -> Vec<Band> {
        let (was, is) = (State::from_bits_truncate(before.state), State::from_bits_truncate(now.state));
        let failed = now.error != 0 && now.error != before.error;
        let left_listening = was.contains(State::LISTENING) && !is.contains(State::LISTENING);
        let asleep = self.kind == Kind::Stream && self.signals.readers.load(Ordering::SeqCst) > 0;
        let mut news = Vec::new();
        if now.urgent.is_some_and(|mark| before.urgent.is_none_or(|old| old.position < mark.position)) {
            news.push(Band::Urgent);
        }
        if now.received != before.received && !asleep && self.above_low_water() {
            news.push(Band::In);
        }
        if now.accept_queue > before.accept_queue {
            news.push(Band::In);
        }
        if is.contains(State::CONNECTED) && !was.contains(State::CONNECTED) && !failed {
            news.push(Band::Out);
        }
        if now.fin && !before.fin && !failed && !asleep {
            // tcp_fin(), and the reader's own wake-up.
            news.push(if is.contains(State::NO_MORE_OUT) { Band::HangUp } else { Band::In });
            news.push(Band::In);
        }
        if failed || left_listening {
            news.push(Band::Error);
        }
        if space && !is.contains(State::NO_MORE_OUT) {
            news.push(Band::Out);
        }
        news
    }

    fn above_low_water(&self) -> bool {
        let least = if self.kind == Kind::Stream { self.low_water() } else { 0 };
        self.rings().is_none_or(|rings| rings.readable() >= self.reachable(least, &rings))
    }
}
