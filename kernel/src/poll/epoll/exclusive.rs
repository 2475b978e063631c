//! EPOLLEXCLUSIVE: of the sets that watch a socket exclusively, one that somebody sleeps on is woken, not all.

use super::current::table;
use super::set::EpollSet;
use crate::Watcher;
use crate::poll::pollable::{Pollable, address};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The groups by the address of what they watch.
#[derive(Default)]
pub(super) struct Groups(Mutex<BTreeMap<usize, Arc<Group>>>);

/// The exclusive members of one socket, in whatever sets: the socket's one watcher for all of them.
#[derive(Default)]
pub(super) struct Group(Mutex<VecDeque<(Arc<EpollSet>, u32)>>);

/// Makes `slot` of `set` an exclusive watcher of `target`.
pub(super) fn join(target: &Arc<dyn Pollable>, set: &Arc<EpollSet>, slot: u32) -> Arc<Group> {
    let mut groups = table().exclusive.0.lock();
    let group = groups.entry(address(target)).or_insert_with(|| {
        let group = Arc::new(Group::default());
        target.watch(&(group.clone() as Arc<dyn Watcher>), 0);
        group
    });
    group.0.lock().push_back((set.clone(), slot));
    group.clone()
}

/// Ends what [`join`] began.
pub(super) fn part(target: &Arc<dyn Pollable>, group: &Arc<Group>, set: &EpollSet, slot: u32) {
    let mut groups = table().exclusive.0.lock();
    let mut watching = group.0.lock();
    watching.retain(|(other, at)| !(std::ptr::eq(&**other, set) && *at == slot));
    if watching.is_empty() {
        groups.remove(&address(target));
        drop(watching);
        target.unwatch(&(group.clone() as Arc<dyn Watcher>), 0);
    }
}

impl Watcher for Group {
    /// As Linux's wait queue: sets without a sleeper note it and let it pass, the first with one ends the walk. It goes
    /// to the end of the line, so that the next event wakes another.
    fn notify(&self, _token: u64) {
        let mut watching = self.0.lock();
        if let Some(at) = watching.iter().position(|(set, slot)| set.queue(*slot))
            && let Some(woken) = watching.remove(at)
        {
            watching.push_back(woken);
        }
    }
}
