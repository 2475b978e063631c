//! epoll_wait(2) and its like.

use super::set::EpollSet;
use super::table::{find, generation};
use crate::poll::{expired, left, take_in};
use crate::signal::Handlers;
use crate::wait::{Waiter, Woke};
use crate::{Errno, Result, Watcher, host, signal};
use std::cell::RefCell;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

/// How a hook of epoll_wait(2) goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Nothing of ours: the real function with the program's arguments, and no more.
    Host,
    /// The real function with the program's arguments, then [`end`].
    Counted,
    /// [`wait`].
    Ours,
}

thread_local! {
    /// Being thread-local, it is let go also when the thread is cancelled in the host's call.
    static LAST: RefCell<Last> = const { RefCell::new(Last { at: None, set: None, asleep: false }) };
}

/// The set that this thread waited for last: most threads wait for one, and find it here without a lock.
struct Last {
    /// The number, and the generation of the table, for which `set` holds.
    at: Option<(RawFd, u64)>,
    set: Option<Arc<EpollSet>>,
    /// Counted among those in the host's call.
    asleep: bool,
}

impl Last {
    fn find(&mut self, epfd: RawFd) -> Option<&Arc<EpollSet>> {
        let at = Some((epfd, generation()));
        if self.at != at {
            self.leave();
            self.set = find(epfd);
            self.at = at;
        }
        self.set.as_ref()
    }

    fn begin(&mut self, epfd: RawFd) -> Begin {
        self.leave();
        match self.find(epfd) {
            None => Begin::Host,
            Some(set) if set.host.enter() => {
                self.asleep = true;
                Begin::Counted
            }
            Some(_) => Begin::Ours,
        }
    }

    /// Back from the host's call: the set, if it became mixed meanwhile.
    fn leave(&mut self) -> Option<&EpollSet> {
        let set = self.set.as_deref().filter(|_| std::mem::take(&mut self.asleep))?;
        set.host.exit();
        set.host.mixed().then_some(set)
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What a hook of epoll_wait(2) does first. Another thread may give the set its first rump socket while this one sleeps
/// in the host's call: that is what is counted for.
pub fn begin(epfd: RawFd) -> Begin {
    // A thread that is ending has no thread-locals any more, and sleeps uncounted.
    LAST.try_with(|last| last.borrow_mut().begin(epfd)).unwrap_or(Begin::Host)
}

/// What the host's call gave after [`Begin::Counted`], with `n` its result: the result for the program, or `None` if the
/// wait goes on with [`wait`] and what is left of the time.
pub fn end(events: &mut [libc::epoll_event], n: i32) -> Option<i32> {
    let end = |last: &RefCell<Last>| {
        let mut last = last.borrow_mut();
        let (Some(set), Ok(count)) = (last.leave(), usize::try_from(n)) else { return Some(n) };
        match set.host.without_doorbell(events, count) {
            0 => None,
            kept => i32::try_from(kept).ok(),
        }
    };
    LAST.try_with(end).unwrap_or(Some(n))
}

/// epoll_pwait2(2): fills `events`, whose length is `maxevents`, and returns how many are ready. A `deadline` that has
/// passed only looks; `mask` replaces the thread's signal mask while it sleeps.
///
/// # Errors
/// EBADF, EINVAL as the host says; EINVAL for no room; EINTR after any handler.
pub fn wait(
    epfd: RawFd,
    events: &mut [libc::epoll_event],
    deadline: Option<Instant>,
    mask: Option<&libc::sigset_t>,
) -> Result<usize> {
    if events.is_empty() {
        return Err(Errno::INVAL);
    }
    let in_host = |events: &mut [libc::epoll_event]| {
        signal::around_poll(mask, Handlers::AfterCall, |mask| {
            host::epoll_wait(epfd, events, left(deadline), Some(mask))
        })
    };
    loop {
        match begin(epfd) {
            Begin::Host => return in_host(events),
            Begin::Counted => {
                let n = in_host(events);
                let raw = n.map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX));
                if let Some(kept) = end(events, raw) {
                    return n.map(|_| kept.unsigned_abs() as usize);
                }
            }
            Begin::Ours => {
                let last = LAST.try_with(|last| last.borrow_mut().find(epfd).cloned());
                let Some(set) = last.unwrap_or_else(|_| find(epfd)) else { continue };
                return set.wait(epfd, events, deadline, mask);
            }
        }
    }
}

impl EpollSet {
    fn wait(
        &self,
        epfd: RawFd,
        out: &mut [libc::epoll_event],
        deadline: Option<Instant>,
        mask: Option<&libc::sigset_t>,
    ) -> Result<usize> {
        let mut n = self.collect(epfd, out)?;
        if n == 0 && take_in() {
            n = self.collect_ours(out);
        }
        if n > 0 || expired(deadline) {
            return Ok(n);
        }
        let mark = signal::mark();
        let waiter = Waiter::current();
        let seat = Seat { set: self, sleeper: waiter.clone() };
        let mut foreign = Vec::new();
        loop {
            waiter.arm();
            self.ready.sit(&seat.sleeper);
            // The host's members are looked at by the sleep.
            let n = self.collect_ours(out);
            if n > 0 {
                return Ok(n);
            }
            foreign.clear();
            self.foreign(epfd, &mut foreign);
            let woke = waiter.sleep_unrestarted(&mut foreign, deadline, mask);
            let n = self.collect(epfd, out)?;
            match woke {
                _ if n > 0 => return Ok(n),
                Err(error) => return Err(error),
                _ if signal::handled_since(mark) => return Err(Errno::INTR),
                Ok(Woke::TimedOut) => return Ok(0),
                Ok(Woke::Notified | Woke::Foreign) => {}
            }
        }
    }
}

/// A place among a set's sleepers, until it is dropped.
struct Seat<'a> {
    set: &'a EpollSet,
    sleeper: Arc<dyn Watcher>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.set.ready.leave(&self.sleeper);
    }
}
