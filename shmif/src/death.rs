//! Noticing that a node died, whatever killed it.
//!
//! Each node's background thread holds a robust futex in its record (`death/robust.rs`), which the host's kernel marks when
//! the thread ends. Each sleeping background thread waits on its own bell and on the robust futex of the next live node in
//! slot order, so exactly one node wakes for a death. It checks the death against the lock on the slot, marks the record,
//! and wakes everybody.

mod robust;

use crate::bell;
use crate::format::SLOTS;
use crate::node::Node;
use crate::table;
use robust::Registration;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a background thread looks after the bus at least.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(2);
/// A node whose background thread ended, whose lock is still held (by a fork child, say), and which shows no heartbeat for so
/// long, is dead.
const STALE: Duration = Duration::from_secs(5);
/// A dying process lets go of its lock a little after its threads end (144 ms for 2 GB): look again so soon, then
/// at growing intervals.
const RECHECK: Duration = Duration::from_millis(1);
const RECHECK_AT_MOST: Duration = Duration::from_millis(50);

/// What a node's background thread knows of the others' lives.
#[derive(Default)]
pub(crate) struct Watch(Mutex<State>);

#[derive(Default)]
struct State {
    registration: Option<Registration>,
    /// The table's version that `neighbour` was found in.
    version: Option<u64>,
    neighbour: Option<Neighbour>,
    suspects: Vec<Suspect>,
    beaten: Option<Instant>,
}

/// The next live node, and its robust futex as we saw it.
#[derive(Clone, Copy)]
pub(crate) struct Neighbour {
    pub(crate) slot: usize,
    pub(crate) alive: u32,
}

/// A node whose background thread ended and whose lock is held.
struct Suspect {
    slot: usize,
    generation: u64,
    heartbeat: u64,
    since: Instant,
}

/// What a background thread should do next.
pub(crate) struct Advice {
    /// Sleep on this too.
    pub(crate) neighbour: Option<Neighbour>,
    /// And no longer than this.
    pub(crate) nap: Duration,
}

impl Watch {
    /// Makes the calling thread's end, by whatever cause, the announcement of this node's death.
    pub(crate) fn enter(&self, node: &Node) {
        if node.is_gone() {
            return;
        }
        self.state().registration = robust::register(&node.record().alive);
        node.table_changed();
        bell::ring_predecessor(node);
    }

    /// The reverse, in the same thread, for one that ends while the node lives on.
    pub(crate) fn leave(&self, node: &Node) {
        let Some(registration) = self.state().registration.take() else { return };
        registration.end();
        if !node.is_gone() {
            node.record().alive.store(0, Ordering::Release);
            node.table_changed();
            bell::ring_predecessor(node);
        }
    }

    /// Looks after the bus, as far as it is due: the own file and record, and the lives of the next nodes. Marks who died.
    pub(crate) fn look(&self, node: &Node) -> Advice {
        let mut state = self.state();
        let due = state.beaten.is_none_or(|beaten| beaten.elapsed() >= HEARTBEAT);
        if due {
            state.beaten = Some(Instant::now());
            node.record().heartbeat.fetch_add(1, Ordering::Relaxed);
            node.check_own_record();
        }
        if due || node.file.take_fault() {
            node.check_file();
        }
        if due || !state.suspects.is_empty() || !state.is_current(node) {
            state.walk(node, due);
        }
        Advice { neighbour: state.neighbour, nap: state.nap() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_current(&self, node: &Node) -> bool {
        self.version == Some(node.file.header().table_version.load(Ordering::Acquire))
            && self.neighbour.is_none_or(|n| node.file.record(n.slot).alive.load(Ordering::Acquire) == n.alive)
    }

    /// Goes round from the slot after ours to the first node that is surely alive. `locks` says whether to look at locks
    /// also where nothing else makes a death likely.
    fn walk(&mut self, node: &Node, locks: bool) {
        self.version = Some(node.file.header().table_version.load(Ordering::Acquire));
        self.neighbour = None;
        let before = std::mem::take(&mut self.suspects);
        let mut deaths = false;
        for slot in (1..SLOTS).map(|step| (node.slot + step) % SLOTS) {
            let record = node.file.record(slot);
            let life = record.life();
            if !life.is_live() {
                continue;
            }
            let alive = record.alive.load(Ordering::Acquire);
            let owner_died = table::owner_died(record);
            let held = !(owner_died || locks) || node.file.slot_is_held(slot);
            if owner_died && held {
                let known = before.iter().find(|s| (s.slot, s.generation) == (slot, life.generation));
                let heartbeat = record.heartbeat.load(Ordering::Relaxed);
                let since = known.filter(|s| s.heartbeat == heartbeat).map_or_else(Instant::now, |s| s.since);
                if since.elapsed() < STALE {
                    self.suspects.push(Suspect { slot, generation: life.generation, heartbeat, since });
                    continue;
                }
            }
            if owner_died || !held {
                deaths |= table::mark_died(&node.file, slot, life);
            } else if alive != 0 {
                self.neighbour = Some(Neighbour { slot, alive });
                break;
            }
        }
        if deaths {
            node.table_changed();
            node.kick_all();
            bell::kick(node.record());
        }
    }

    fn nap(&self) -> Duration {
        let youngest = self.suspects.iter().map(|suspect| suspect.since.elapsed()).min();
        youngest.map_or(HEARTBEAT, |age| age.clamp(RECHECK, RECHECK_AT_MOST))
    }
}
