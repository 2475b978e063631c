//! What the engine and the program share of one socket: its record, its rings (`rings`), its poll(2) bits (`readiness`), and
//! who watches it.
//!
//! The engine's owner writes the record and its ends of the rings; the program reads the record and moves its own ends.
//! Neither waits for the other.

mod bounds;
mod ending;
mod errors;
mod frames;
mod readiness;
mod rings;
mod signal_driven;

pub(crate) use errors::ErrorQueue;
pub use errors::{Origin, QueuedError};
pub(crate) use rings::Ahead;
pub use rings::Rings;
pub use signal_driven::SignalDriven;

use crate::events::Watcher;
use arena::{Mark, Record};
use netstack::packet::PacketKind;
use netstack::packet::ring::RingViews;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};

/// The kernel's number of a socket: the index of its record.
pub type SocketId = u32;

/// What a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// SOCK_STREAM, TCP.
    Stream,
    /// SOCK_DGRAM, UDP.
    Datagram,
    /// SOCK_DGRAM, ICMP: echo requests and their replies.
    Ping,
    /// SOCK_RAW with its IP protocol.
    Raw(u8),
    /// A packet socket.
    Packet(PacketKind),
}

bitflags::bitflags! {
    /// The state bits of a record.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct State: u32 {
        /// TCP is CLOSED: never connected, or over.
        const CLOSED = 1;
        /// A listener.
        const LISTENING = 2;
        /// SYN-SENT or SYN-RECEIVED.
        const CONNECTING = 4;
        /// Nothing more will arrive: the peer's FIN, a reset, or shutdown(SHUT_RD).
        const NO_MORE_IN = 8;
        /// Nothing more can be sent: shutdown(SHUT_WR), or a reset.
        const NO_MORE_OUT = 16;
        /// A datagram socket.
        const DATAGRAM = 32;
        /// The connection has been established at some time.
        const CONNECTED = 64;
        /// A connection was tried: CLOSED now means over, not fresh.
        const USED = 128;
        /// With CONNECTING: the SYN waits for the first text (TCP_FASTOPEN_CONNECT).
        const DEFERRED = 256;
    }
}

/// Work for the engine, left by a program that moved a ring.
pub(crate) const DATA_QUEUED: u32 = 1;
pub(crate) const SPACE_FREED: u32 = 2;
const MARKED: u32 = 4;

/// See the module.
pub struct Endpoint {
    /// What kind of socket it is.
    pub kind: Kind,
    /// The record in the arena.
    pub record: Arc<Record>,
    rings: RwLock<Option<Arc<Rings>>>,
    /// Of a packet socket.
    frames: RwLock<RingViews>,
    watchers: Mutex<Vec<(Arc<dyn Watcher>, u64)>>,
    watched: AtomicUsize,
    /// A writer found no room and wants to hear of some (Linux's SOCK_NOSPACE).
    wants_space: AtomicBool,
    /// SO_RCVLOWAT: how many bytes make a stream readable.
    low_water: AtomicUsize,
    /// TCP_NOTSENT_LOWAT: with so many unsent bytes in the ring there is no room to write; 0: no such bound.
    not_sent_low_water: AtomicUsize,
    bounds: bounds::Bounds,
    marks: AtomicU32,
    /// SO_OOBINLINE: the urgent byte is read with the others.
    oob_inline: AtomicBool,
    /// SO_SELECT_ERR_QUEUE: what is in the error queue is POLLPRI, too.
    errors_are_urgent: AtomicBool,
    /// The last send had MSG_MORE.
    more_comes: AtomicBool,
    released: AtomicBool,
    ending: ending::Ending,
    /// What MSG_ERRQUEUE reads.
    pub(crate) errors: ErrorQueue,
    /// Signal-driven I/O.
    signals: signal_driven::Signals,
    /// The peer's FIN has come, whatever the program has shut down itself.
    fin: AtomicBool,
    /// Of a datagram socket: there is no room to send.
    full: AtomicBool,
    /// What the watchers have been told.
    seen: Mutex<Seen>,
}

/// The state of which a change is worth a notification.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    state: u32,
    error: i32,
    accept_queue: u32,
    fin: bool,
    full: bool,
    received: u64,
    urgent: Option<Mark>,
}

impl Seen {
    fn brought_input_since(&self, before: &Seen) -> bool {
        (self.received, self.urgent) != (before.received, before.urgent) || self.accept_queue > before.accept_queue
    }

    fn state_differs_from(&self, before: &Seen) -> bool {
        (self.state, self.error, self.fin) != (before.state, before.error, before.fin)
    }
}

impl Endpoint {
    pub(crate) fn new(kind: Kind, record: Arc<Record>) -> Endpoint {
        let state = if kind == Kind::Stream { State::CLOSED } else { State::DATAGRAM };
        record.set_state(state.bits());
        Endpoint {
            kind,
            record,
            rings: RwLock::new(None),
            frames: RwLock::new(RingViews::default()),
            watchers: Mutex::new(Vec::new()),
            watched: AtomicUsize::new(0),
            wants_space: AtomicBool::new(false),
            low_water: AtomicUsize::new(1),
            not_sent_low_water: AtomicUsize::new(0),
            bounds: bounds::Bounds::default(),
            marks: AtomicU32::new(0),
            oob_inline: AtomicBool::new(false),
            errors_are_urgent: AtomicBool::new(false),
            more_comes: AtomicBool::new(false),
            released: AtomicBool::new(false),
            ending: ending::Ending::default(),
            errors: ErrorQueue::default(),
            signals: signal_driven::Signals::default(),
            fin: AtomicBool::new(false),
            full: AtomicBool::new(false),
            seen: Mutex::new(Seen { state: state.bits(), ..Seen::default() }),
        }
    }

    /// Number of the socket.
    pub fn id(&self) -> SocketId {
        self.record.index()
    }

    /// The program's ends, once there are rings.
    pub fn rings(&self) -> Option<Arc<Rings>> {
        self.rings.read().clone()
    }

    pub(crate) fn set_rings(&self, rings: Option<Rings>) {
        *self.rings.write() = rings.map(Arc::new);
    }

    /// State bits now.
    pub fn state(&self) -> State {
        State::from_bits_truncate(self.record.state())
    }

    /// Whether anybody watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::SeqCst) > 0
    }

    /// Begins to tell `watcher` of changes.
    pub fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        let mut watchers = self.watchers.lock();
        watchers.push((watcher.clone(), token));
        self.watched.store(watchers.len(), Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Ends what `watch` began.
    pub fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        let mut watchers = self.watchers.lock();
        let same =
            |(w, t): &(Arc<dyn Watcher>, u64)| *t == token && std::ptr::addr_eq(Arc::as_ptr(w), Arc::as_ptr(watcher));
        if let Some(at) = watchers.iter().position(same) {
            watchers.swap_remove(at);
        }
        self.watched.store(watchers.len(), Ordering::SeqCst);
    }

    /// Tells the watchers that the state has changed, or how ready the socket is in it: whoever changed it calls this after the
    /// change is visible.
    pub(crate) fn changed(&self) {
        self.record.count_change();
        self.notify();
    }

    fn notify(&self) {
        fence(Ordering::SeqCst);
        if self.watched.load(Ordering::SeqCst) > 0 {
            for (watcher, token) in self.watchers.lock().iter() {
                watcher.notify(*token);
            }
        }
    }

    /// Notifies the watchers if something that they can see has changed: data arrived, the state changed, or there is space for
    /// which a writer waits. An acknowledgement alone wakes nobody.
    pub(crate) fn settle(&self) {
        let rings = self.rings();
        let now = Seen {
            state: self.record.state(),
            error: self.record.error(),
            accept_queue: self.record.accept_queue(),
            fin: self.fin.load(Ordering::Relaxed),
            full: self.is_full(),
            received: rings.as_ref().map_or(0, |rings| rings.received()) + self.frames_given(),
            urgent: rings.and_then(|rings| rings.rx_view.urgent()),
        };
        let before = std::mem::replace(&mut *self.seen.lock(), now);
        let space = self.space_wanted() || before.full && !now.full;
        let input = now.brought_input_since(&before);
        let change = now.state_differs_from(&before);
        if !(space || input || change) {
            return;
        }
        // As by the keys of Linux's wake-ups: sock_def_readable(), sk_stream_write_space(), sock_def_wakeup().
        if input {
            self.record.count_input();
        }
        if space {
            self.record.count_space();
        }
        if change {
            self.record.count_change();
        }
        self.notify();
        self.signal(&before, &now, space);
    }

    /// Whether a datagram socket has room to send; [`settle`](Self::settle) follows.
    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    /// Whether the peer's FIN has come; [`settle`](Self::settle) follows.
    pub(crate) fn set_fin(&self, fin: bool) {
        self.fin.store(fin, Ordering::Relaxed);
    }

    /// Sets the pending error. It is news to the watchers even if they have seen the same one before, since that has been taken.
    pub(crate) fn fail(&self, errno: i32) {
        self.record.set_error(errno);
        self.seen.lock().error = 0;
    }

    /// The engine has no more use for the closed socket: what was sent is acknowledged, or never will be.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
        self.changed();
    }

    /// Whether [`release`](Self::release) was called.
    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::SeqCst)
    }

    /// A connection was taken from the accept queue: the next one to come is news again.
    pub(crate) fn accepted_one(&self) {
        let mut seen = self.seen.lock();
        seen.accept_queue = seen.accept_queue.saturating_sub(1);
        self.record.set_accept_queue(self.record.accept_queue().saturating_sub(1));
    }

    /// After a disconnect: the socket is fresh again. As on Linux, an error that nobody took stays.
    pub(crate) fn forget_history(&self) {
        self.record.set_state(State::CLOSED.bits());
    }

    /// Whether the last send said that more is about to come (MSG_MORE).
    pub(crate) fn more_comes(&self) -> bool {
        self.more_comes.load(Ordering::SeqCst)
    }

    /// Says so, before the mark that tells the engine of the bytes.
    pub(crate) fn set_more_comes(&self, more: bool) {
        self.more_comes.store(more, Ordering::SeqCst);
    }

    /// Leaves work for the engine. True: the caller must add the socket to the owner's list.
    pub(crate) fn mark(&self, what: u32) -> bool {
        self.marks.fetch_or(what | MARKED, Ordering::SeqCst) & MARKED == 0
    }

    /// Takes the work that was left.
    pub(crate) fn take_marks(&self) -> u32 {
        self.marks.swap(0, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests;
