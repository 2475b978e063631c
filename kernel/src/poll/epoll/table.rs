//! Which descriptors name which sets.

use super::current;
use super::exclusive::Groups;
use super::set::EpollSet;
use crate::poll::host;
use crate::{Errno, Result};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::Arc;

/// The sets of a process.
#[derive(Default)]
pub(super) struct Table {
    sets: RwLock<BTreeMap<RawFd, Arc<EpollSet>>>,
    /// Held while sets are put into each other, so that two threads cannot close a loop.
    pub(super) nesting: Mutex<()>,
    pub(super) exclusive: Groups,
}

/// The set that `fd` names, if it is known.
pub(in crate::poll) fn find(fd: RawFd) -> Option<Arc<EpollSet>> {
    current::known()?.sets.read().get(&fd).cloned()
}

/// Whether `fd` names a set.
pub(in crate::poll) fn is_set(fd: RawFd) -> bool {
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
    let ended = {
        let mut sets = table.sets.write();
        sets.remove(&fd).filter(|set| {
            let other = sets.iter().find(|(_, other)| Arc::ptr_eq(other, set)).map(|(&fd, _)| fd);
            set.renumber(other.unwrap_or(-1));
            other.is_none()
        })
    };
    if let Some(ended) = ended {
        ended.close();
    }
}

/// `new` names what `old` names.
pub(in crate::poll) fn duplicated(old: RawFd, new: RawFd) {
    forget(new);
    if let Some(set) = find(old) {
        current::table().sets.write().insert(new, set);
    }
}

/// Every set, some more than once.
pub(super) fn all() -> Vec<Arc<EpollSet>> {
    current::known().map_or_else(Vec::new, |table| table.sets.read().values().cloned().collect())
}

fn enter(fd: RawFd, set: Arc<EpollSet>) {
    forget(fd);
    current::table().sets.write().insert(fd, set);
}
