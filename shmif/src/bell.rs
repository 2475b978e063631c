//! Sleeping until something comes, and waking who sleeps.
//!
//! A sleeper reads the futex word, sets its flag, and looks at its ring once more before it waits; who publishes a frame
//! looks at the flag afterwards, and only who clears it makes the system call. So one of the two always sees the other.

use crate::death::{Advice, Neighbour};
use crate::format::{self, BellWord, Record};
use crate::node::{Node, monotonic_ns};
use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

/// How long a background sleeper sleeps where it cannot wait for a neighbour's death.
const NAP_WITHOUT_WAITV: Duration = Duration::from_millis(250);

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
        !node.is_gone() && (has_frame(node) || node.record().kicked.load(Ordering::Relaxed) != 0) || node.has_events()
    }

    /// Announces that `who` is about to sleep. There is one sleeper of each kind at a time.
    pub fn prepare(&self, who: Who) -> Token {
        self.node.mend_ring();
        let BellWord { word, sleeping } = self.node.bell(who);
        let token = Token(word.load(Ordering::Acquire));
        sleeping.store(1, Ordering::Relaxed);
        // The flag, then the look at the ring: see `ring_if_sleeping` for the other half.
        fence(Ordering::SeqCst);
        token
    }

    /// Sleeps until somebody rings, a signal comes, or `timeout` is over. A foreground sleep is one futex(2) FUTEX_WAIT: EINTR
    /// is returned as [`Sleep::Interrupted`], and without a timeout SA_RESTART restarts it, as with recv(2). If the bus file
    /// is truncated under it, only a timeout or a signal ends it. A background sleep also watches the other nodes and the file.
    pub fn sleep(&self, who: Who, token: Token, timeout: Option<Duration>) -> Sleep {
        let bell = self.node.bell(who);
        let woke = match who {
            Who::Background if !self.node.is_gone() => self.sleep_and_watch(bell, token, timeout),
            _ => wait(&bell.word, token.0, timeout),
        };
        bell.sleeping.store(0, Ordering::Relaxed);
        woke
    }

    /// Withdraws what [`Bell::prepare`] announced. The caller must look at the ring afterwards: a frame that came before has
    /// woken nobody else.
    pub fn cancel(&self, who: Who) {
        self.node.bell(who).sleeping.store(0, Ordering::Relaxed);
        // The flag, then the look at the ring: see `ring_if_sleeping` for the other half.
        fence(Ordering::SeqCst);
    }

    /// Says that `who` is awake and will look at the ring ([`Bell::has_input`]) once more after [`Bell::neglect`]: until then
    /// nobody of the node is woken for a frame.
    pub fn attend(&self, who: Attender) {
        self.node.record().attended.fetch_or(who as u32, Ordering::Relaxed);
    }

    /// Withdraws what [`Bell::attend`] said. The caller must look at the ring afterwards.
    pub fn neglect(&self, who: Attender) {
        self.node.record().attended.fetch_and(!(who as u32), Ordering::Relaxed);
        // The flag, then the look at the ring: see `wake` for the other half.
        fence(Ordering::SeqCst);
    }

    /// Wakes our own sleeper, or keeps the one that is about to sleep from it.
    pub fn ring(&self, who: Who) {
        ring(self.node.bell(who));
    }

    /// The word on which the foreground sleeper waits: whoever changes it keeps a sleeper that has not yet slept from it.
    pub fn foreground_word(&self) -> &AtomicU32 {
        &self.node.bell(Who::Foreground).word
    }

    /// To be called by the node's background thread, once, before anything else: from then on the host announces the node's
    /// death whatever ends it. It takes the place of the thread's list of robust pthread mutexes, which the thread must not
    /// use. A thread does this for one node only.
    pub fn enter_background_thread(&self) {
        self.node.watch.enter(&self.node);
    }

    /// To be called by the same thread if it ends while the node lives on.
    pub fn leave_background_thread(&self) {
        self.node.watch.leave(&self.node);
    }

    /// In a fork child, before anything else there uses the bus: gives up the child's copies of the file, so that the parent's
    /// death is noticed while the child lives. The child's copy of the node is off the bus, and so are those of all other
    /// nodes of the process on the same bus, for each of which this is to be called too. Async-signal-safe.
    pub fn close_in_child(&self) {
        self.node.close_in_child();
    }

    fn sleep_and_watch(&self, bell: &BellWord, token: Token, timeout: Option<Duration>) -> Sleep {
        let end = timeout.map(|timeout| Instant::now() + timeout);
        let node = &*self.node;
        loop {
            let Advice { neighbour, nap } = node.watch.look(node);
            if node.is_gone() || node.has_events() {
                self.ring(Who::Foreground);
                return Sleep::Woken;
            }
            let now = Instant::now();
            let nap = end.map_or(nap, |end| nap.min(end.saturating_duration_since(now)));
            let watched = neighbour.map(|Neighbour { slot, alive }| (&node.file.record(slot).alive, alive));
            match wait_any((&bell.word, token.0), watched, now, nap) {
                Sleep::Interrupted => return Sleep::Interrupted,
                _ if bell.word.load(Ordering::Acquire) != token.0 => return Sleep::Woken,
                Sleep::Woken => {}
                Sleep::TimedOut if end.is_some_and(|end| end <= Instant::now()) => return Sleep::TimedOut,
                Sleep::TimedOut if self.has_input() => {
                    // Nobody rang for it: who should have was killed first, or somebody cleared the flag.
                    self.ring(Who::Foreground);
                    return Sleep::Woken;
                }
                Sleep::TimedOut => {}
            }
        }
    }
}

/// Who of a node can be awake and looking. There is one of each kind at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attender {
    /// Whoever owns the [`Port`](crate::Port) and is at work with it.
    Owner = 1,
    /// A thread that looks for frames for a while instead of sleeping.
    Spinner = 2,
}

fn has_frame(node: &Node) -> bool {
    let head = node.head.load(Ordering::Relaxed);
    node.ring_of(node.slot).is_some_and(|ring| ring.peek(head).is_some())
}

/// futex(2), FUTEX_WAIT.
fn wait(word: &AtomicU32, token: u32, timeout: Option<Duration>) -> Sleep {
    ended(futex::wait(word, futex::Flags::empty(), token, timeout.map(timespec).as_ref()))
}

/// futex_waitv(2) on our own word and somebody else's, for at most `nap` from `now` on; a shorter FUTEX_WAIT on our own where
/// the host has no such call.
fn wait_any(own: (&AtomicU32, u32), other: Option<(&AtomicU32, u32)>, now: Instant, nap: Duration) -> Sleep {
    static MISSING: AtomicBool = AtomicBool::new(false);
    let Some(other) = other else { return wait(own.0, own.1, Some(nap)) };
    if MISSING.load(Ordering::Relaxed) {
        return wait(own.0, own.1, Some(nap.min(NAP_WITHOUT_WAITV)));
    }
    let waiters = [own, other].map(|(word, value)| {
        let mut waiter = futex::Wait::new();
        waiter.val = value.into();
        waiter.uaddr = futex::WaitPtr::new(word.as_ptr().cast());
        waiter.flags = futex::WaitFlags::SIZE_U32;
        waiter
    });
    // It wants the end as a time of CLOCK_MONOTONIC.
    let end = timespec(Duration::from_nanos(monotonic_ns()) + nap.saturating_sub(now.elapsed()));
    match futex::waitv(&waiters, futex::WaitvFlags::empty(), Some(&end), futex::ClockId::Monotonic) {
        Err(Errno::NOSYS | Errno::PERM) => {
            MISSING.store(true, Ordering::Relaxed);
            Sleep::Woken
        }
        other => ended(other),
    }
}

fn ended<T>(result: Result<T, Errno>) -> Sleep {
    match result {
        Err(Errno::TIMEDOUT) => Sleep::TimedOut,
        Err(Errno::INTR) => Sleep::Interrupted,
        _ => Sleep::Woken,
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() }
}

/// Wakes a node for a frame that was just published in its ring. The frame, then the look at the flag: both are sequentially
/// consistent, as is the fence in `Bell::prepare`, which is the other half.
#[inline]
pub(crate) fn wake(record: &Record) {
    if record.attended.load(Ordering::SeqCst) != 0 {
        return;
    }
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
    if let Some(record) = before.map(|slot| node.file.record(slot)).find(|record| record.life().is_live()) {
        ring(&record.background);
    }
}

#[inline]
fn ring_if_sleeping(bell: &BellWord) -> bool {
    if bell.sleeping.load(Ordering::SeqCst) == 0 || bell.sleeping.swap(0, Ordering::AcqRel) == 0 {
        return false;
    }
    bell.word.fetch_add(1, Ordering::Release);
    wake_word(&bell.word);
    true
}

/// Wakes whoever sleeps there, or keeps who is about to sleep from it.
pub(crate) fn ring(bell: &BellWord) {
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
