//! The kernel in this process: a call is a function call into the engine.

use super::spin::Spin;
use super::{Backend, Call, Mark, Reply};
use crate::endpoint::{DATA_QUEUED, Endpoint, SPACE_FREED};
use crate::engine::{Engine, Owner};
use crate::link::Lead;
use crate::wait::{Waiter, left};
use crate::{Errno, Result, signal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// See the module.
pub struct Local {
    pub(crate) owner: Owner,
    /// The bus on which a blocked thread may wait for frames itself; only if it is the kernel's one link.
    lead: Option<Arc<dyn Lead>>,
    led: AtomicBool,
    spin: Spin,
}

impl Local {
    pub(crate) fn new(owner: Owner, lead: Option<Arc<dyn Lead>>, spin: Option<Duration>) -> Local {
        Local { owner, lead, led: AtomicBool::new(false), spin: Spin::new(spin) }
    }

    /// The leader sleeps on the link's own doorbell, so that the peer wakes it directly: one context switch in each direction
    /// instead of two. A thread leads only while it sleeps; at other times the link's thread takes the frames.
    fn lead(&self, lead: &Arc<dyn Lead>, waiter: &Waiter, deadline: Option<Instant>) -> Result<bool> {
        let mark = signal::mark();
        waiter.on_doorbell(lead, || {
            if self.spin.worth_it() && self.spin(lead, waiter) {
                return Ok(true);
            }
            loop {
                let token = lead.prepare();
                self.look();
                let left = left(deadline);
                let undisturbed = !waiter.notified() && waiter.interrupted_since(mark).is_none();
                let sleeps = undisturbed && left != Some(Duration::ZERO);
                let sleep = || lead.sleep(token, left);
                let interrupted = sleeps && signal::around_sleep(waiter.handlers(), Some(lead.word()), sleep);
                lead.cancel();
                // A frame that came since the last look has woken nobody, or nobody but this thread.
                self.look();
                if waiter.notified() {
                    return Ok(true);
                }
                if let Some(errno) = waiter.interrupted_since(mark).or(interrupted.then_some(Errno::INTR)) {
                    return Err(errno);
                }
                if !sleeps {
                    return Ok(false);
                }
            }
        })
    }

    /// Looks for input for a while before sleeping. True when notified.
    fn spin(&self, lead: &Arc<dyn Lead>, waiter: &Waiter) -> bool {
        lead.spin_begins();
        let notified = self.spin.look(|| {
            self.look();
            waiter.notified()
        });
        lead.spin_ends();
        // A frame that came since the last look has woken nobody.
        self.look();
        notified
    }
}

impl Backend for Local {
    fn call(&self, call: Call<'_>) -> Result<Reply> {
        self.owner.with(|engine, now| engine.answer(now, call))
    }

    fn mark(&self, endpoint: &Arc<Endpoint>, mark: Mark) {
        let what = match mark {
            Mark::DataQueued => DATA_QUEUED,
            Mark::SpaceFreed => SPACE_FREED,
        };
        self.owner.mark(endpoint, what);
    }

    fn look(&self) {
        if self.owner.has_input() {
            self.owner.run_now();
        }
    }

    fn sleep(&self, waiter: &Waiter, deadline: Option<Instant>) -> Result<bool> {
        match &self.lead {
            Some(lead) if !self.led.swap(true, Ordering::Acquire) => {
                let result = self.lead(lead, waiter, deadline);
                self.led.store(false, Ordering::Release);
                result
            }
            _ => waiter.sleep_on_word(deadline),
        }
    }
}

/// The end of the process.
impl Local {
    /// Closes every socket as the end of a process does. None where the engine could not be had in time.
    pub(crate) fn close_all(&self, patience: Duration) -> Option<()> {
        self.owner.with_patience(patience, |engine, now| {
            for (endpoint, _) in engine.sockets.open() {
                let _ = engine.answer(now, Call::Close(endpoint.id(), endpoint.ending()));
            }
        })
    }

    /// Bytes and FINs that peers have not acknowledged yet.
    pub(crate) fn undelivered(&self, patience: Duration) -> Option<usize> {
        self.owner.with_patience(patience, |engine, _| engine.stack.tcp_undelivered())
    }

    /// Gives addresses back to the servers that gave them, and says to hosts that we are a router no more. True if something
    /// has to be waited for.
    pub(crate) fn take_leave(&self, patience: Duration) -> bool {
        let release = |engine: &mut Engine, now| {
            let any = engine.links.iter().any(|attached| engine.stack.lease(attached.index).is_some());
            engine.stack.release_leases(now);
            engine.stack.stop_advertising(now) || any
        };
        self.owner.with_patience(patience, release).unwrap_or(false)
    }

    /// Whether packets wait for a link or for a neighbour's answer.
    pub(crate) fn has_queued(&self, patience: Duration) -> bool {
        self.owner.with_patience(patience, |engine, _| engine.stack.has_queued()).unwrap_or(false)
    }

    /// Stops the engine and leaves the links.
    pub(crate) fn halt(&self, patience: Duration) {
        self.owner.halt();
        self.owner.with_patience(patience, |engine, _| {
            for attached in &mut engine.links {
                attached.link.leave();
            }
        });
    }

    /// In a child of a fork: the links are the parent's.
    pub(crate) fn close_in_child(&self) {
        self.owner.close_in_child();
    }
}
