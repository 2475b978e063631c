//! Who runs the engine: whoever holds its lock (flat combining).
//!
//! A thread that has moved a ring leaves a mark and tries the lock. If it gets the lock it runs the engine itself, without a
//! context switch. If not, the holder finds the mark: it looks for marks once more *after* it has unlocked, so that none is lost.

use super::Engine;
use crate::clock;
use crate::endpoint::Endpoint;
use crate::link::Doorbell;
use netstack::time::{Duration, Instant};
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, OnceLock};

const NEVER: u64 = u64::MAX;
/// How many runs a thread of the program does for others, after its own.
const SHARE: usize = 2;

/// See the module.
pub(crate) struct Owner {
    engine: Mutex<Engine>,
    marked: Mutex<Vec<Arc<Endpoint>>>,
    marks: AtomicUsize,
    /// The engine's next deadline, in nanoseconds of [`clock::now`].
    deadline: AtomicU64,
    /// When the timekeeper will wake by itself; 0 while it is awake.
    asleep_until: AtomicU64,
    doorbells: OnceLock<Vec<Arc<dyn Doorbell>>>,
    halted: AtomicBool,
}

impl Owner {
    pub(crate) fn new(engine: Engine) -> Owner {
        Owner {
            engine: Mutex::new(engine),
            marked: Mutex::new(Vec::new()),
            marks: AtomicUsize::new(0),
            deadline: AtomicU64::new(NEVER),
            asleep_until: AtomicU64::new(0),
            doorbells: OnceLock::new(),
            halted: AtomicBool::new(false),
        }
    }

    /// Sets the links' doorbells, once. The first link's thread is the timekeeper.
    pub(crate) fn set_doorbells(&self, doorbells: Vec<Arc<dyn Doorbell>>) {
        let _ = self.doorbells.set(doorbells);
    }

    fn doorbells(&self) -> &[Arc<dyn Doorbell>] {
        self.doorbells.get().map_or(&[], Vec::as_slice)
    }

    /// Whether a frame waits on a link.
    pub(crate) fn has_input(&self) -> bool {
        self.doorbells().iter().any(|bell| bell.has_input())
    }

    /// Calls `f` with the engine, then runs it: for control calls, which wait for their turn.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        let mut engine = self.engine.lock();
        let now = clock::now();
        let r = f(&mut engine, now);
        self.run(engine, now);
        self.run_if_free();
        r
    }

    /// As [`with`](Self::with), but gives up after `patience`: for a process that is on its way out.
    pub(crate) fn with_patience<R>(&self, patience: Duration, f: impl FnOnce(&mut Engine, Instant) -> R) -> Option<R> {
        let mut engine = self.engine.try_lock_for(patience)?;
        let now = clock::now();
        let r = f(&mut engine, now);
        self.run(engine, now);
        self.run_if_free();
        Some(r)
    }

    /// Leaves a mark for `endpoint`, and runs the engine unless another thread does.
    pub(crate) fn mark(&self, endpoint: &Arc<Endpoint>, what: u32) {
        if endpoint.mark(what) {
            self.marked.lock().push(endpoint.clone());
            self.marks.fetch_add(1, Ordering::SeqCst);
        }
        self.run_now();
    }

    /// Runs the engine unless another thread does, which then looks for marks when it is done.
    pub(crate) fn run_now(&self) {
        fence(Ordering::SeqCst);
        if let Some(engine) = self.engine.try_lock() {
            self.run(engine, clock::now());
            self.run_if_free();
        }
    }

    /// Does the work that others have left because the lock was taken. A thread of the program does only its share: under an
    /// endless flood the links' threads go on, and the program gets to see what came.
    fn run_if_free(&self) {
        for _ in 0..SHARE {
            if !self.has_work() {
                return;
            }
            let Some(engine) = self.engine.try_lock() else { return };
            self.run(engine, clock::now());
        }
        if self.has_work() {
            for bell in self.doorbells() {
                bell.interrupt();
            }
        }
    }

    fn has_work(&self) -> bool {
        fence(Ordering::SeqCst);
        let halted = self.halted.load(Ordering::Relaxed);
        !halted && (self.marks.load(Ordering::SeqCst) != 0 || self.has_input())
    }

    fn run(&self, mut engine: MutexGuard<'_, Engine>, now: Instant) {
        if self.halted.load(Ordering::Relaxed) {
            self.marks.store(0, Ordering::SeqCst);
            return;
        }
        for bell in self.doorbells() {
            bell.attend();
        }
        let mut now = now;
        let mut marked = Vec::new();
        for _ in 0..super::ROUNDS {
            if self.marks.swap(0, Ordering::SeqCst) != 0 {
                std::mem::swap(&mut marked, &mut *self.marked.lock());
                engine.work(now, &mut marked);
            }
            let frames = engine.round(now);
            if frames == 0 && self.marks.load(Ordering::SeqCst) == 0 {
                break;
            }
            now = clock::now();
        }
        let deadline = engine.stack.next_deadline().map_or(NEVER, |at| at.0);
        self.deadline.store(deadline, Ordering::SeqCst);
        drop(engine);
        // From here on senders wake the link's thread again. What came before that, the callers look for.
        for bell in self.doorbells() {
            bell.neglect();
        }
        if deadline < self.asleep_until.load(Ordering::SeqCst)
            && let Some(timekeeper) = self.doorbells().first()
        {
            timekeeper.interrupt();
        }
    }

    /// The life of a link's thread: sleep until there is something to do, run the engine, again. `timekeeper` also wakes
    /// for the engine's deadlines.
    pub(crate) fn serve(&self, bell: &dyn Doorbell, timekeeper: bool) {
        bell.enter();
        while !self.halted.load(Ordering::Relaxed) {
            loop {
                let engine = self.engine.lock();
                self.run(engine, clock::now());
                if !self.has_work() {
                    break;
                }
            }
            let mut until = NEVER;
            if timekeeper {
                until = self.deadline.load(Ordering::SeqCst);
                self.asleep_until.store(until, Ordering::SeqCst);
            }
            let now = clock::now().0;
            let timeout = (until != NEVER).then(|| Duration::from_nanos(until.saturating_sub(now)));
            // Asked when a wake-up can no longer be lost: a deadline that has moved since it was published is seen here,
            // one that moves later rings the bell.
            bell.sleep(timeout, &mut || {
                let earlier = timekeeper && self.deadline.load(Ordering::SeqCst) < until;
                let marked = self.marks.load(Ordering::SeqCst) != 0;
                until <= now || earlier || marked || bell.has_input() || self.halted.load(Ordering::Relaxed)
            });
            if timekeeper {
                self.asleep_until.store(0, Ordering::SeqCst);
            }
        }
    }

    /// In a child of a fork: the links are the parent's.
    pub(crate) fn close_in_child(&self) {
        for bell in self.doorbells() {
            bell.close_in_child();
        }
    }

    /// Stops the engine for good: from now on nothing moves. Wakes the links' threads so that they end.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::SeqCst);
        for bell in self.doorbells() {
            bell.interrupt();
        }
    }
}

#[cfg(test)]
mod tests;
