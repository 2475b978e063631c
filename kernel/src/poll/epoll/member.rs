//! One member of a set: what it is watched for, and when it is reported.

use super::exclusive::Group;
use crate::poll::pollable::{Pollable, normal};
use crate::{Errno, Events, Result};
use arena::record::Counts;
use std::os::fd::RawFd;
use std::sync::Arc;

const EDGE: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
const WAKEUP: u32 = libc::EPOLLWAKEUP as u32;
/// How to report, as against what.
const MANNER: u32 = EDGE | ONESHOT | EXCLUSIVE | WAKEUP;
/// The keys of Linux's wake-ups of readers and of writers.
const INPUT: Events = Events::IN.union(Events::PRI).union(Events::RDNORM);
const OUTPUT: Events = Events::OUT.union(Events::WRNORM).union(Events::WRBAND);
const ALWAYS: u32 = (libc::EPOLLERR | libc::EPOLLHUP) as u32;

/// What epoll_ctl(2) registers: events and the program's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interest {
    pub(super) events: u32,
    pub(super) data: u64,
}

impl Interest {
    pub(super) fn to_add(event: &libc::epoll_event) -> Result<Interest> {
        let interest = Interest { events: event.events, data: event.u64 };
        let allowed = (libc::EPOLLIN | libc::EPOLLOUT) as u32 | ALWAYS | WAKEUP | EDGE | EXCLUSIVE;
        if interest.exclusive() && interest.events & !allowed != 0 {
            return Err(Errno::INVAL);
        }
        Ok(interest)
    }

    pub(super) fn to_modify(event: &libc::epoll_event) -> Result<Interest> {
        let interest = Interest { events: event.events, data: event.u64 };
        if interest.exclusive() { Err(Errno::INVAL) } else { Ok(interest) }
    }

    pub(super) fn exclusive(self) -> bool {
        self.events & EXCLUSIVE != 0
    }

    fn wanted(self) -> Events {
        Events::from_bits_retain(self.events & !MANNER | ALWAYS)
    }
}

/// A member of a set.
pub(super) struct Member {
    pub(super) target: Arc<dyn Pollable>,
    /// The number under which it was added; with the target it is the member's identity.
    pub(super) fd: RawFd,
    interest: Interest,
    /// A one-shot that has been reported: nothing is wanted, not even errors, until it is modified.
    spent: bool,
    /// Edge-triggered: what had happened to the target when it was last reported.
    seen: Option<Counts>,
    /// Who hears of the target's changes on behalf of exclusive members.
    pub(super) group: Option<Arc<Group>>,
}

impl Member {
    pub(super) fn new(target: Arc<dyn Pollable>, fd: RawFd, interest: Interest, group: Option<Arc<Group>>) -> Member {
        Member { target, fd, interest, spent: false, seen: None, group }
    }

    pub(super) fn exclusive(&self) -> bool {
        self.interest.exclusive()
    }

    /// EPOLL_CTL_MOD: also arms a spent one-shot, and shows an edge-triggered watcher again what is ready.
    pub(super) fn modify(&mut self, interest: Interest) {
        self.interest = interest;
        self.spent = false;
        self.seen = None;
    }

    /// Whether it stays on the ready list after a report, if it is not [`spent`](Self::spent).
    pub(super) fn level_triggered(&self) -> bool {
        self.interest.events & EDGE == 0
    }

    /// Whether it is a one-shot that has been reported.
    pub(super) fn spent(&self) -> bool {
        self.spent
    }

    /// Whether there is something to report.
    pub(super) fn is_ready(&self) -> bool {
        self.look().is_some()
    }

    /// What to report now, if anything; it counts as reported.
    pub(super) fn report(&mut self) -> Option<libc::epoll_event> {
        let (counts, now) = self.look()?;
        self.seen = Some(counts);
        self.spent = self.interest.events & ONESHOT != 0;
        Some(libc::epoll_event { events: now.bits(), u64: self.interest.data })
    }

    /// Whether somebody asleep must wait for the host descriptors of the target, too.
    pub(super) fn awaited(&self) -> bool {
        !self.spent
            && self.has_news(self.target.counts())
            && self.interest.wanted().intersects(Events::IN | Events::RDNORM)
    }

    /// Level-triggered it always has. An edge is what the member asked for, or a change of state, which goes to all.
    fn has_news(&self, now: Counts) -> bool {
        let Some(seen) = self.seen.filter(|_| !self.level_triggered()) else { return true };
        let wanted = self.interest.wanted();
        seen.changes != now.changes
            || seen.input != now.input && wanted.intersects(INPUT)
            || seen.space != now.space && wanted.intersects(OUTPUT)
    }

    fn look(&self) -> Option<(Counts, Events)> {
        if self.spent {
            return None;
        }
        // Before the readiness: what arrives in between is then a new edge.
        let counts = self.target.counts();
        if !self.has_news(counts) {
            return None;
        }
        let now = normal(self.target.readiness()) & self.interest.wanted();
        (!now.is_empty()).then_some((counts, now))
    }
}
