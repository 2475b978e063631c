//! Sleeping until something comes, and waking who sleeps.
//!
//! A sleeper reads the futex word, sets its flag, and looks at its ring once more before it waits; who publishes a frame
//! looks at the flag afterwards, and only who clears it makes the system call. So one of the two always sees the other.

use crate::format::{self, BellWord, Record};
use crate::node::Node;
use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

/// How long a background sleeper sleeps at most before it looks after the bus.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The sleeping side of a node. It can be used from any thread while another owns the [`Port`](crate::Port).
///
/// To sleep: [`prepare`](Bell::prepare), then check [`has_input`](Bell::has_input) and the caller's own reason to be awake,
/// then [`sleep`](Bell::sleep) or [`cancel`](Bell::cancel).
#[derive(Clone)]
pub struct Bell {
    node: Arc<Node>,
}

/// Which of a node's two sleepers. Frames wake the foreground sleeper if there is one, else the background sleeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The program's thread that waits for the device itself.
    Foreground,
    /// The kernel's own thread, which also looks after the bus while it sleeps.
    Background,
}

/// Proof of [`Bell::prepare`]: a ring after it is not missed.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Token(u32);

/// Why a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Somebody rang, or there is something to see: input, a table change, an event. May come without a cause.
    Woken,
    /// The time was up.
    TimedOut,
    /// A signal handler ran in this thread.
    Interrupted,
}

impl Bell {
    pub(crate) fn new(node: Arc<Node>) -> Bell {
        Bell { node }
    }

    /// There is something for the port: a frame, room after [`Transmit::Full`](crate::Transmit::Full), or a change of the
    /// node table.
    pub fn has_input(&self) -> bool {
        let node = &*self.node;
        !node.is_gone() && (has_frame(node) || node.record().kicked.load(Ordering::Relaxed) != 0)
            || node.has_events()
    }

    /// Announces that `who` is about to sleep. There is one sleeper of each kind at a time.
    pub fn prepare(&self, who: Who) -> Token {
        let BellWord { word, sleeping } = self.word(who);
        let token = Token(word.load(Ordering::Acquire));
        sleeping.store(1, Ordering::Relaxed);
        // The flag, then the look at the ring: see `ring_if_sleeping` for the other half.
        fence(Ordering::SeqCst);
        token
    }

    /// Sleeps until somebody rings, a signal comes, or `timeout` is over. A foreground sleep is one futex(2) FUTEX_WAIT: EINTR
    /// is returned as [`Sleep::Interrupted`], and without a timeout SA_RESTART restarts it, as with recv(2). If the bus file
    /// is truncated under it, only a timeout or a signal ends it.
    pub fn sleep(&self, who: Who, token: Token, timeout: Option<Duration>) -> Sleep {
        let woke = match who {
            _ if self.node.is_gone() => Sleep::Woken,
            Who::Foreground => wait(&self.word(who).word, token.0, timeout),
            Who::Background => self.sleep_in_background(token, timeout),
        };
        self.cancel(who);
        woke
    }

    /// Withdraws what [`Bell::prepare`] announced.
    pub fn cancel(&self, who: Who) {
        self.word(who).sleeping.store(0, Ordering::Relaxed);
    }

    /// Wakes our own sleeper, or keeps the one that is about to sleep from it.
    pub fn ring(&self, who: Who) {
        ring(self.word(who));
    }

    /// The word on which the foreground sleeper waits: whoever changes it keeps a sleeper that has not yet slept from it.
    pub fn foreground_word(&self) -> &AtomicU32 {
        &self.word(Who::Foreground).word
    }

    /// In a fork child: gives up the child's copy of the node, so that the parent's death is noticed while the child lives.
    pub fn close_in_child(&self) {
        self.node.close_in_child();
    }

    fn word(&self, who: Who) -> &BellWord {
        match who {
            Who::Foreground => &self.node.record().foreground,
            Who::Background => &self.node.record().background,
        }
    }

    fn sleep_in_background(&self, token: Token, timeout: Option<Duration>) -> Sleep {
        let end = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let nap = left.map_or(HEARTBEAT, |left| left.min(HEARTBEAT));
            match wait(&self.word(Who::Background).word, token.0, Some(nap)) {
                Sleep::TimedOut if left == Some(nap) => return Sleep::TimedOut,
                Sleep::TimedOut => {}
                woke => return woke,
            }
            self.node.check_file();
            self.node.check_own_record();
            if self.has_input() || self.node.is_gone() {
                // Nobody rang for it: the one who should have died first, or somebody cleared the flag.
                self.ring(Who::Foreground);
                return Sleep::Woken;
            }
        }
    }
}

fn has_frame(node: &Node) -> bool {
    let head = node.head.load(Ordering::Relaxed);
    node.ring_of(node.slot)
        .is_some_and(|ring| ring.peek(head).is_some())
}

/// futex(2), FUTEX_WAIT.
fn wait(word: &AtomicU32, token: u32, timeout: Option<Duration>) -> Sleep {
    let timeout = timeout.map(|t| Timespec {
        tv_sec: t.as_secs().cast_signed(),
        tv_nsec: t.subsec_nanos().into(),
    });
    match futex::wait(word, futex::Flags::empty(), token, timeout.as_ref()) {
        Err(Errno::TIMEDOUT) => Sleep::TimedOut,
        Err(Errno::INTR) => Sleep::Interrupted,
        _ => Sleep::Woken,
    }
}

/// Wakes a node for a frame that was just published in its ring.
#[inline]
pub(crate) fn wake(record: &Record) {
    // The frame, then the look at the flag: see `Bell::prepare` for the other half.
    fence(Ordering::SeqCst);
    let _ = ring_if_sleeping(&record.foreground) || ring_if_sleeping(&record.background);
}

/// Wakes a node, whoever of it sleeps, and leaves word that there is something to see.
pub(crate) fn kick(record: &Record) {
    record.kicked.store(1, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    ring(&record.foreground);
    ring(&record.background);
}

/// Makes the live node before ours look again at whom it watches.
pub(crate) fn ring_predecessor(node: &Node) {
    let before = (1..format::SLOTS).map(|back| (node.slot + format::SLOTS - back) % format::SLOTS);
    if let Some(record) = before
        .map(|slot| node.file.record(slot))
        .find(|record| record.life().is_live())
    {
        ring(&record.background);
    }
}

#[inline]
fn ring_if_sleeping(bell: &BellWord) -> bool {
    if bell.sleeping.load(Ordering::Relaxed) == 0 || bell.sleeping.swap(0, Ordering::AcqRel) == 0 {
        return false;
    }
    bell.word.fetch_add(1, Ordering::Release);
    wake_word(&bell.word);
    true
}

fn ring(bell: &BellWord) {
    bell.word.fetch_add(1, Ordering::Release);
    fence(Ordering::SeqCst);
    if bell.sleeping.swap(0, Ordering::AcqRel) != 0 {
        wake_word(&bell.word);
    }
}

/// futex(2), FUTEX_WAKE, of all: a stranger that waits there too must not take the wake-up.
fn wake_word(word: &AtomicU32) {
    let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
}
