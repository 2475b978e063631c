//! A small model checker: threads that take turns at each access to shared memory, in an order drawn from a seed, and
//! that can be killed at any access.

use crate::ring::Word;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The turns of one run.
pub(super) struct Model {
    turns: Mutex<Turns>,
    changed: Condvar,
}

struct Turns {
    random: u64,
    running: usize,
    /// Who still takes turns; the reader is the last.
    alive: Vec<bool>,
}

/// A word of shared memory in the model.
pub(super) struct ModelWord<'m> {
    value: AtomicU64,
    model: &'m Model,
}

/// What a sender may say of itself.
pub(super) struct Step<'m> {
    done: &'m AtomicUsize,
}

struct Killed;

thread_local! {
    static ACTOR: Cell<Option<usize>> = const { Cell::new(None) };
    static MORTAL: Cell<bool> = const { Cell::new(false) };
}

impl Model {
    pub(super) fn new(seed: u64) -> Model {
        let turns = Turns { random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, running: 0, alive: Vec::new() };
        Model { turns: Mutex::new(turns), changed: Condvar::new() }
    }

    pub(super) fn word(&self, value: u64) -> ModelWord<'_> {
        ModelWord { value: AtomicU64::new(value), model: self }
    }

    /// Runs `senders` of the first kind and a reader, which goes on while what it is given says so: until all senders ended.
    /// Returns how much each sender said was done.
    pub(super) fn run(
        &self,
        senders: usize,
        sender: impl Fn(usize, &Step<'_>) + Sync,
        reader: impl FnOnce(&dyn Fn() -> bool) + Send,
    ) -> Vec<usize> {
        self.turns().alive = vec![true; senders + 1];
        let done: Vec<AtomicUsize> = (0..senders).map(|_| AtomicUsize::new(0)).collect();
        std::thread::scope(|scope| {
            for (actor, done) in done.iter().enumerate() {
                let sender = &sender;
                scope.spawn(move || self.play(actor, || sender(actor, &Step { done })));
            }
            scope.spawn(|| self.play(senders, || reader(&|| self.turns().alive[..senders].contains(&true))));
        });
        done.into_iter().map(AtomicUsize::into_inner).collect()
    }

    fn play(&self, actor: usize, part: impl FnOnce()) {
        ACTOR.set(Some(actor));
        self.wait_for(actor);
        let end = catch_unwind(AssertUnwindSafe(part));
        let mut turns = self.turns();
        turns.alive[actor] = false;
        turns.pass_on();
        self.changed.notify_all();
        drop(turns);
        if let Err(cause) = end
            && !cause.is::<Killed>()
        {
            resume_unwind(cause);
        }
    }

    /// Before each access: lets somebody else go first, or dies.
    fn turn(&self) {
        let Some(actor) = ACTOR.get() else { return };
        let mut turns = self.turns();
        let dies = MORTAL.get() && turns.draw().is_multiple_of(20);
        turns.pass_on();
        self.changed.notify_all();
        drop(turns);
        self.wait_for(actor);
        if dies {
            resume_unwind(Box::new(Killed));
        }
    }

    fn wait_for(&self, actor: usize) {
        let mut turns = self.turns();
        while turns.running != actor {
            turns = self.changed.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    fn pass_on(&mut self) {
        let alive: Vec<usize> = (0..self.alive.len()).filter(|actor| self.alive[*actor]).collect();
        if !alive.is_empty() {
            self.running = alive[self.draw() as usize % alive.len()];
        }
    }
}

impl Step<'_> {
    /// From here on this sender can be killed at any access.
    pub(super) fn may_be_killed(&self, may: bool) {
        MORTAL.set(may);
    }

    pub(super) fn done(&self, count: usize) {
        self.done.store(count, Ordering::Relaxed);
    }
}

impl Word for ModelWord<'_> {
    fn load(&self, _: Ordering) -> u64 {
        self.model.turn();
        self.value.load(Ordering::SeqCst)
    }

    fn store(&self, value: u64, _: Ordering) {
        self.model.turn();
        self.value.store(value, Ordering::SeqCst);
    }

    fn compare_exchange(&self, current: u64, new: u64) -> bool {
        self.model.turn();
        self.value.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}
