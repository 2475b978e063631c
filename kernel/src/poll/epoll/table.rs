//! Which descriptors name which sets.

use super::current;
use super::exclusive::Groups;
use super::set::EpollSet;
use crate::{Errno, Result, host};
use parking_lot::{Mutex, RwLock};
use rustix::process::{Pid, getpid};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Counts the changes of what descriptors name.
static GENERATION: AtomicU64 = AtomicU64::new(0);

pub(super) fn generation() -> u64 {
    GENERATION.load(SeqCst)
}

pub(super) fn changed() {
    GENERATION.fetch_add(1, SeqCst);
}

/// The sets of a process.
pub(super) struct Table {
    /// Whose they are. A vfork child shares our memory but not our descriptors, and must leave the table alone.
    process: Pid,
    sets: RwLock<BTreeMap<RawFd, Arc<EpollSet>>>,
    /// Held while sets are put into each other, so that two threads cannot close a loop.
    pub(super) nesting: Mutex<()>,
    pub(super) exclusive: Groups,
}

impl Table {
    pub(super) fn new() -> Table {
        let exclusive = Groups::default();
        Table { process: getpid(), sets: RwLock::default(), nesting: Mutex::default(), exclusive }
    }
}

/// Whether this is a process that shares the memory of the one whose table it is.
pub(super) fn in_vfork_child() -> bool {
    current::known().is_some_and(|table| table.process != getpid())
}

/// The set that `fd` names, if it is known.
pub(in crate::poll) fn find(fd: RawFd) -> Option<Arc<EpollSet>> {
    current::known()?.sets.read().get(&fd).cloned()
}

/// Whether any of `fds` names a set that has members of ours, or may get some while somebody waits for it.
pub(in crate::poll) fn any_may_hold_rump(mut fds: impl Iterator<Item = RawFd>) -> bool {
    let Some(table) = current::known() else { return false };
    let sets = table.sets.read();
    !sets.is_empty() && fds.any(|fd| sets.get(&fd).is_some_and(|set| set.host.mixed() || crate::booted().is_some()))
}

/// Whether `fd` names a set.
pub(super) fn is_set(fd: RawFd) -> bool {
    current::known().is_some_and(|table| table.sets.read().contains_key(&fd))
}

/// `fd` is an epoll descriptor that the host has just made.
pub(super) fn register(fd: RawFd) {
    enter(fd, EpollSet::new(fd, 0));
}

/// The set that `fd` names; one that we did not see being made (it came over an exec or a socket) is made known, if
/// the host says that it is one. `probe` is a descriptor that can be polled; if it was a member of the host's set, it no
/// longer is.
pub(super) fn adopt(fd: RawFd, probe: RawFd) -> Result<Arc<EpollSet>> {
    if let Some(set) = find(fd) {
        return Ok(set);
    }
    match host::epoll_ctl(fd, libc::EPOLL_CTL_DEL, probe, None) {
        Err(Errno::NOENT) | Ok(()) => {}
        Err(error) => return Err(error),
    }
    // It may have members of the host that nobody counted.
    let set = EpollSet::new(fd, 1);
    enter(fd, set.clone());
    Ok(set)
}

/// `fd` no longer names what it named.
pub(in crate::poll) fn forget(fd: RawFd) {
    let Some(table) = current::known() else { return };
    if !is_set(fd) || in_vfork_child() {
        return;
    }
    let ended = {
        let mut sets = table.sets.write();
        let removed = sets.remove(&fd);
        changed();
        removed.filter(|set| {
            let other = sets.iter().find(|(_, other)| Arc::ptr_eq(other, set)).map(|(&fd, _)| fd);
            set.renumber(other.unwrap_or(-1));
            other.is_none()
        })
    };
    if let Some(ended) = ended {
        ended.close();
    }
}

/// None of `first..=last` names what it named.
pub(in crate::poll) fn forget_range(first: RawFd, last: RawFd) {
    let Some(table) = current::known() else { return };
    let numbers: Vec<RawFd> = table.sets.read().range(first..=last).map(|(&fd, _)| fd).collect();
    numbers.into_iter().for_each(forget);
}

/// `new` names what `old` names.
pub(in crate::poll) fn duplicated(old: RawFd, new: RawFd) {
    forget(new);
    let Some(set) = find(old) else { return };
    if !in_vfork_child() {
        current::table().sets.write().insert(new, set);
        changed();
    }
}

/// Every number of a set.
pub(super) fn numbers() -> Vec<RawFd> {
    current::known().map_or_else(Vec::new, |table| table.sets.read().keys().copied().collect())
}

/// Every set that may have members of ours; some more than once.
pub(super) fn all_mixed() -> Vec<Arc<EpollSet>> {
    let mixed = |table: &Table| table.sets.read().values().filter(|set| set.host.mixed()).cloned().collect();
    current::known().map_or_else(Vec::new, mixed)
}

fn enter(fd: RawFd, set: Arc<EpollSet>) {
    forget(fd);
    current::table().sets.write().insert(fd, set);
    changed();
}
