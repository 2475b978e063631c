//! poll(2) bits of a socket, and the settings on which they depend.

use super::{Ahead, Endpoint, Kind, Rings, State};
use crate::events::Events;
use std::sync::atomic::{Ordering, fence};

impl Endpoint {
    /// poll(2) bits that hold now. The rules are tcp_poll()'s and datagram_poll()'s of Linux.
    pub fn readiness(&self) -> Events {
        let state = self.state();
        if state.contains(State::LISTENING) {
            let ready = self.record.accept_queue() > 0;
            return if ready { Events::IN | Events::RDNORM } else { Events::empty() };
        }
        let mut events = self.condition(state);
        if state.contains(State::CONNECTING) {
            return events;
        }
        let rings = self.rings.read();
        if let Some(rings) = rings.as_ref() {
            events |= self.input_ready(rings);
        }
        if self.has_frames() {
            events |= Events::IN | Events::RDNORM;
        }
        if state.contains(State::DATAGRAM) {
            if !self.is_full() {
                events |= Events::OUT | Events::WRNORM | Events::WRBAND;
            }
        } else if state.intersects(State::NO_MORE_OUT | State::CLOSED) || self.has_room(rings.as_deref()) {
            events |= Events::OUT | Events::WRNORM;
        }
        events
    }

    /// What errors and the state of the connection say, whatever the rings hold.
    fn condition(&self, state: State) -> Events {
        let mut events = Events::empty();
        if self.record.error() != 0 || !self.errors.is_empty() {
            events |= Events::ERR;
        }
        // tcp_poll() does not ask for it.
        if self.kind != Kind::Stream && self.errors_are_urgent() && !self.errors.is_empty() {
            events |= Events::PRI;
        }
        if state.contains(State::CLOSED) || state.contains(State::NO_MORE_IN | State::NO_MORE_OUT) {
            events |= Events::HUP;
        }
        if state.contains(State::NO_MORE_IN) {
            events |= Events::IN | Events::RDNORM | Events::RDHUP;
        }
        if state.contains(State::DEFERRED) {
            // As Linux: the program is to write.
            events |= Events::OUT | Events::WRNORM;
        }
        events
    }

    /// What the receive ring says.
    fn input_ready(&self, rings: &Rings) -> Events {
        let mut events = Events::empty();
        let mut least = if self.kind == Kind::Stream { self.low_water() } else { 1 };
        let inline = self.oob_inline();
        let Ahead { bytes, mark } = rings.ahead(inline);
        if let Some(mark) = mark {
            // An urgent byte that is next counts for nothing, unless it is in line.
            least += usize::from(mark.ahead == 0 && !inline);
            events.set(Events::PRI, mark.has_arrived);
        }
        if bytes >= self.reachable(least, rings) {
            events |= Events::IN | Events::RDNORM;
        }
        events
    }

    /// SO_RCVLOWAT.
    pub(crate) fn low_water(&self) -> usize {
        self.low_water.load(Ordering::Relaxed)
    }

    /// Sets SO_RCVLOWAT, which may change what a watcher sees.
    pub(crate) fn set_low_water(&self, bytes: usize) {
        self.low_water.store(bytes, Ordering::Relaxed);
        self.changed();
    }

    /// TCP_NOTSENT_LOWAT.
    pub(crate) fn not_sent_low_water(&self) -> usize {
        self.not_sent_low_water.load(Ordering::Relaxed)
    }

    /// Sets TCP_NOTSENT_LOWAT, which may change what a watcher sees.
    pub(crate) fn set_not_sent_low_water(&self, bytes: usize) {
        self.not_sent_low_water.store(bytes, Ordering::Relaxed);
        self.changed();
    }

    /// Whether there is room to write; if not, the engine is asked to say when there is.
    fn has_room(&self, rings: Option<&Rings>) -> bool {
        let Some(rings) = rings else { return true };
        let writable = || rings.writable(self.bounds.send(), self.not_sent_low_water());
        if writable() {
            return true;
        }
        self.wants_space.store(true, Ordering::SeqCst);
        // The engine may have freed space before it could see that we want it.
        fence(Ordering::SeqCst);
        writable()
    }

    /// SO_OOBINLINE.
    pub(crate) fn oob_inline(&self) -> bool {
        self.oob_inline.load(Ordering::Relaxed)
    }

    /// Sets SO_OOBINLINE, which may change what a watcher sees.
    pub(crate) fn set_oob_inline(&self, inline: bool) {
        self.oob_inline.store(inline, Ordering::Relaxed);
        self.changed();
    }

    /// SO_SELECT_ERR_QUEUE.
    pub(crate) fn errors_are_urgent(&self) -> bool {
        self.errors_are_urgent.load(Ordering::Relaxed)
    }

    /// Sets SO_SELECT_ERR_QUEUE, which may change what a watcher sees.
    pub(crate) fn set_errors_are_urgent(&self, urgent: bool) {
        self.errors_are_urgent.store(urgent, Ordering::Relaxed);
        self.changed();
    }

    /// Called by the engine's owner after space came free in the tx ring: true when a writer waits for what there is now.
    pub(crate) fn space_wanted(&self) -> bool {
        fence(Ordering::SeqCst);
        self.wants_space.load(Ordering::SeqCst)
            && self
                .rings
                .read()
                .as_ref()
                .is_some_and(|rings| rings.writable(self.bounds.send(), self.not_sent_low_water()))
            && self.wants_space.swap(false, Ordering::SeqCst)
    }
}
