//! An epoll set: members of ours in user space, the host's in the host's own set.

use super::exclusive;
use super::hostside::HostSide;
use super::member::{Interest, Member};
use super::members::{Key, Members};
use super::nest::Nest;
use super::ready::{Batch, ReadyList};
use crate::poll::look;
use crate::poll::pollable::{Pollable, address};
use crate::{Errno, Events, Result, Watcher};
use arena::record::Counts;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// An open epoll instance. It watches its members once each, with their slots as tokens, and lists those that may be
/// ready; a wait looks at the list alone.
///
/// Locks, in this order: the members of an outer set before those of an inner one; members; what the members' sockets
/// lock; the ready list. A notification, which may come from inside the engine, takes the last alone.
pub(in crate::poll) struct EpollSet {
    me: Weak<EpollSet>,
    /// A descriptor that names it; −1 after the last is closed.
    number: AtomicI32,
    members: Mutex<Members>,
    pub(super) ready: ReadyList,
    pub(super) host: HostSide,
    pub(super) nest: Nest,
    /// Who waits for this set itself: sets that it is in, threads in poll(2).
    watchers: Mutex<Watchers>,
    watched: AtomicUsize,
    arrivals: AtomicU64,
    /// Whose turn it is to fill the program's array first.
    host_first: AtomicBool,
}

/// Watchers with their tokens.
type Watchers = SmallVec<[(Arc<dyn Watcher>, u64); 1]>;

impl EpollSet {
    /// The set that the host knows as `number`, with so many members there.
    pub(super) fn new(number: RawFd, host_members: usize) -> Arc<EpollSet> {
        Arc::new_cyclic(|me| EpollSet {
            me: me.clone(),
            number: AtomicI32::new(number),
            members: Mutex::default(),
            ready: ReadyList::default(),
            host: HostSide::with_members(host_members),
            nest: Nest::default(),
            watchers: Mutex::default(),
            watched: AtomicUsize::new(0),
            arrivals: AtomicU64::new(0),
            host_first: AtomicBool::new(false),
        })
    }

    pub(super) fn number(&self) -> RawFd {
        self.number.load(Ordering::Relaxed)
    }

    pub(super) fn renumber(&self, number: RawFd) {
        self.number.store(number, Ordering::Relaxed);
    }

    /// EPOLL_CTL_ADD of a member of ours. The set is mixed already.
    pub(super) fn add(&self, target: Arc<dyn Pollable>, fd: RawFd, interest: Interest) -> Result<()> {
        let Some(me) = self.me.upgrade() else { return Ok(()) };
        let slot = {
            let mut members = self.members.lock();
            let slot = members.vacant((address(&target), fd))?;
            self.ready.unmute(slot);
            let group = if interest.exclusive() {
                Some(exclusive::join(&target, &me, slot))
            } else {
                target.watch(&(me as Arc<dyn Watcher>), slot.into());
                None
            };
            let member = Member::new(target, fd, interest, group);
            let ready = member.is_ready();
            members.insert(slot, member);
            if !ready {
                return Ok(());
            }
            slot
        };
        self.queue(slot);
        Ok(())
    }

    /// EPOLL_CTL_MOD of a member of ours.
    pub(super) fn modify(&self, key: Key, interest: Interest) -> Result<()> {
        let (slot, ready, nested) = {
            let mut members = self.members.lock();
            let (slot, member) = members.find(key)?;
            if member.exclusive() {
                return Err(Errno::INVAL);
            }
            member.modify(interest);
            self.ready.unmute(slot);
            (slot, member.is_ready(), member.target.as_set().is_some())
        };
        if ready {
            self.queue(slot);
        } else if nested {
            // Sleepers may have left its descriptors out.
            self.wake_all();
        }
        Ok(())
    }

    /// EPOLL_CTL_DEL of a member of ours.
    pub(super) fn delete(&self, key: Key) -> Result<()> {
        let (slot, member) = self.members.lock().remove(key)?;
        let Member { target, group, .. } = &member;
        match group {
            Some(group) => exclusive::part(target, group, self, slot),
            None => {
                if let Some(me) = self.me.upgrade() {
                    target.unwatch(&(me as Arc<dyn Watcher>), slot.into());
                }
            }
        }
        if let Some(inner) = target.as_set() {
            inner.nest.left(self);
        }
        Ok(())
    }

    /// The last descriptor of what is at `address` has been closed.
    pub(super) fn target_closed(&self, address: usize) {
        let keys = self.members.lock().keys_of(address);
        for key in keys {
            // Another thread may have been faster.
            let _ = self.delete(key);
        }
    }

    /// The last descriptor of the set itself has been closed.
    pub(super) fn close(&self) {
        let keys = self.members.lock().keys();
        for key in keys {
            let _ = self.delete(key);
        }
        for outer in self.nest.outers() {
            outer.target_closed(std::ptr::from_ref(self).addr());
        }
    }

    /// `slot` may be ready. Whether that woke somebody.
    pub(super) fn queue(&self, slot: u32) -> bool {
        let woke = self.ready.push(slot);
        self.tell_watchers();
        woke
    }

    /// What sleepers have to wait for has changed.
    pub(super) fn wake_all(&self) {
        self.ready.wake_all();
        self.tell_watchers();
    }

    /// Fills `out` with what is ready; `epfd` is the number by which the program calls the set.
    pub(super) fn collect(&self, epfd: RawFd, out: &mut [libc::epoll_event]) -> Result<usize> {
        // Taking turns keeps either half from starving the other when `out` is short.
        if self.host_first.fetch_xor(true, Ordering::Relaxed) {
            let n = self.collect_host(epfd, out)?;
            return Ok(n + self.collect_ours(&mut out[n..]));
        }
        let n = self.collect_ours(out);
        match self.collect_host(epfd, &mut out[n..]) {
            Err(error) if n == 0 => Err(error),
            more => Ok(n + more.unwrap_or(0)),
        }
    }

    fn collect_host(&self, epfd: RawFd, out: &mut [libc::epoll_event]) -> Result<usize> {
        let n = self.host.collect(epfd, out)?;
        if n > 0 {
            // An outer set that has reported this one's host members once may do so again.
            self.tell_watchers();
        }
        Ok(n)
    }

    /// Fills `out` with what is ready of ours. Level-triggered members go to the end of the list (epoll(7): round robin).
    pub(super) fn collect_ours(&self, out: &mut [libc::epoll_event]) -> usize {
        let mut left = self.ready.len();
        if left == 0 {
            return 0;
        }
        let mut n = 0;
        let mut members = self.members.lock();
        while left > 0 && n < out.len() {
            let batch = self.ready.take(left.min(out.len() - n));
            if batch.is_empty() {
                break;
            }
            left -= batch.len();
            let (mut again, mut spent) = (Batch::new(), Batch::new());
            for slot in batch {
                // A slot without a member was vacated after it was queued.
                let Some(member) = members.get(slot) else { continue };
                if let Some(event) = member.report() {
                    out[n] = event;
                    n += 1;
                    if member.spent() {
                        spent.push(slot);
                    } else if member.level_triggered() {
                        again.push(slot);
                    }
                }
            }
            self.ready.put_back(&again, &spent);
        }
        drop(members);
        self.ready.pass_on();
        n
    }

    /// Adds the host descriptors that a sleeper must wait for.
    pub(super) fn foreign(&self, epfd: RawFd, into: &mut Vec<libc::pollfd>) {
        if self.host.has_members() {
            into.push(libc::pollfd { fd: epfd, events: libc::POLLIN, revents: 0 });
        }
        for member in self.members.lock().nested().filter(|member| member.awaited()) {
            member.target.foreign(into);
        }
    }

    /// The sets in this one that are members of ours.
    pub(super) fn inner_sets(&self) -> Vec<Arc<EpollSet>> {
        self.members.lock().nested().filter_map(|member| member.target.as_set()).collect()
    }

    /// Whether any member of ours is ready; takes those off the list that are not.
    fn any_ready(&self) -> bool {
        let mut members = self.members.lock();
        for _ in 0..self.ready.len() {
            for slot in self.ready.take(1) {
                if members.get(slot).is_some_and(|member| member.is_ready()) {
                    self.ready.put_back(&[slot], &[]);
                    return true;
                }
            }
        }
        false
    }

    fn tell_watchers(&self) {
        self.arrivals.fetch_add(1, Ordering::Release);
        if self.watched.load(Ordering::SeqCst) == 0 {
            return;
        }
        let watchers = self.watchers.lock().clone();
        for (watcher, token) in watchers {
            watcher.notify(token);
        }
    }
}

impl Watcher for EpollSet {
    fn notify(&self, token: u64) {
        self.queue(token as u32);
    }
}

impl Pollable for EpollSet {
    fn readiness(&self) -> Events {
        let mut host = [libc::pollfd { fd: self.number(), events: libc::POLLIN, revents: 0 }];
        let ready = self.any_ready()
            || (self.host.has_members() && look(&mut host).is_ok() && host[0].revents & libc::POLLIN != 0);
        if ready { Events::IN | Events::RDNORM } else { Events::empty() }
    }

    fn counts(&self) -> Counts {
        Counts { input: self.arrivals.load(Ordering::Acquire), ..Counts::default() }
    }

    fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        self.watchers.lock().push((watcher.clone(), token));
        self.watched.fetch_add(1, Ordering::SeqCst);
    }

    fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        let mut watchers = self.watchers.lock();
        let found = watchers.iter().position(|(other, at)| *at == token && Arc::ptr_eq(other, watcher));
        if let Some(at) = found {
            watchers.swap_remove(at);
            self.watched.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn foreign(&self, into: &mut Vec<libc::pollfd>) {
        EpollSet::foreign(self, self.number(), into);
    }

    fn as_set(&self) -> Option<Arc<EpollSet>> {
        self.me.upgrade()
    }
}
