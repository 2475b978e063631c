//! The part of a set that lives in the host's epoll: members of the host, and threads that sleep in the host's call.
//!
//! A set without members of ours is waited for by the host's own call. When it gets the first one, whoever sleeps there
//! must come over to us: a doorbell in the host's set, ready at once, brings them back, and the last one takes it down.

use crate::descriptor::{Protected, protect_new};
use crate::{Errno, Result, host};
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

#[derive(Default)]
pub(super) struct HostSide {
    /// Whether the set has, or had, members of ours.
    mixed: AtomicBool,
    /// No fewer than the members in the host's set: closing a member's last descriptor takes it out unseen.
    members: AtomicUsize,
    /// Threads in the host's call that began before the set was mixed.
    sleepers: AtomicUsize,
    doorbell: Mutex<Option<Protected>>,
}

impl HostSide {
    pub(super) fn with_members(members: usize) -> HostSide {
        HostSide { members: AtomicUsize::new(members), ..HostSide::default() }
    }

    pub(super) fn mixed(&self) -> bool {
        self.mixed.load(SeqCst)
    }

    pub(super) fn has_members(&self) -> bool {
        self.members.load(SeqCst) > 0
    }

    /// Whether it is the first.
    pub(super) fn added(&self) -> bool {
        self.members.fetch_add(1, SeqCst) == 0
    }

    pub(super) fn removed(&self) {
        let less = |members: usize| members.checked_sub(1);
        // Below zero only if another process shares the set.
        let _ = self.members.fetch_update(SeqCst, SeqCst, less);
    }

    /// Counts this thread as asleep in the host's call, unless the set is mixed.
    pub(super) fn enter(&self) -> bool {
        self.sleepers.fetch_add(1, SeqCst);
        let enter = !self.mixed();
        if !enter {
            self.exit();
        }
        enter
    }

    /// This thread is back from the host's call.
    pub(super) fn exit(&self) {
        if self.sleepers.fetch_sub(1, SeqCst) == 1 && self.mixed() {
            self.take_down();
        }
    }

    /// From now on the set is mixed; `epfd` names it. ENOMEM if sleepers had to be fetched and no descriptor was free.
    pub(super) fn become_mixed(&self, epfd: RawFd) -> Result<()> {
        self.mixed.store(true, SeqCst);
        if self.sleepers.load(SeqCst) == 0 {
            return Ok(());
        }
        if self.ring(epfd).is_err() {
            self.mixed.store(false, SeqCst);
            return Err(Errno::NOMEM);
        }
        // They may all have left before it rang.
        if self.sleepers.load(SeqCst) == 0 {
            self.take_down();
        }
        Ok(())
    }

    /// What is ready of the host's members now.
    pub(super) fn collect(&self, epfd: RawFd, out: &mut [libc::epoll_event]) -> Result<usize> {
        if out.is_empty() || !self.has_members() {
            return Ok(0);
        }
        let n = host::epoll_look(epfd, out)?;
        Ok(self.without_doorbell(out, n))
    }

    /// Takes the doorbell out of the first `n` events; how many are left.
    pub(super) fn without_doorbell(&self, events: &mut [libc::epoll_event], n: usize) -> usize {
        let mut kept = 0;
        for at in 0..n.min(events.len()) {
            if { events[at].u64 } != self.doorbell_data() {
                events[kept] = events[at];
                kept += 1;
            }
        }
        kept
    }

    #[cfg(test)]
    pub(super) fn begin_count(&self) -> usize {
        self.sleepers.load(SeqCst)
    }

    fn ring(&self, epfd: RawFd) -> Result<()> {
        let bell = protect_new(|| eventfd(1, EventfdFlags::CLOEXEC))?;
        let event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: self.doorbell_data() };
        // Level-triggered: each who wakes by it wakes the next.
        host::epoll_ctl(epfd, libc::EPOLL_CTL_ADD, bell.as_raw_fd(), Some(&event))?;
        *self.doorbell.lock() = Some(bell);
        Ok(())
    }

    /// Closing its only descriptor takes it out of the host's set.
    fn take_down(&self) {
        self.doorbell.lock().take();
    }

    /// An address of ours: no data of the program's.
    fn doorbell_data(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }
}
