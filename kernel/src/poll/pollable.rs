//! What a wait over many descriptors asks of each that is not the host's.

use crate::endpoint::Endpoint;
use crate::{Events, Socket, Watcher};
use arena::record::Counts;
use std::sync::Arc;

/// A rump socket, or an epoll set with members of ours.
pub(super) trait Pollable: Send + Sync {
    /// The poll(2) bits that hold now.
    fn readiness(&self) -> Events;

    /// What an edge-triggered watcher may see, counted.
    fn counts(&self) -> Counts;

    /// Calls `watcher` with `token` at every change, until [`unwatch`](Self::unwatch).
    fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64);

    /// Ends one [`watch`](Self::watch).
    fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64);

    /// Adds the host descriptors that a sleeper must wait for besides watching.
    fn foreign(&self, _into: &mut Vec<libc::pollfd>) {}

    /// This, if it is an epoll set.
    fn as_set(&self) -> Option<Arc<super::epoll::EpollSet>> {
        None
    }
}

impl Pollable for Endpoint {
    fn readiness(&self) -> Events {
        Endpoint::readiness(self)
    }
    fn counts(&self) -> Counts {
        self.record.counts()
    }
    fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        Endpoint::watch(self, watcher, token);
    }
    fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        Endpoint::unwatch(self, watcher, token);
    }
}

/// A socket, which lives at least as long as the call.
impl Pollable for Socket {
    fn readiness(&self) -> Events {
        Socket::readiness(self)
    }
    fn counts(&self) -> Counts {
        Socket::counts(self)
    }
    fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        Socket::watch(self, watcher, token);
    }
    fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        Socket::unwatch(self, watcher, token);
    }
}

/// A parent's socket after a fork: poll says that something is wrong with it, and the next call says what.
pub(super) struct Inherited;

impl Pollable for Inherited {
    fn readiness(&self) -> Events {
        Events::ERR | Events::HUP
    }
    fn counts(&self) -> Counts {
        Counts::default()
    }
    fn watch(&self, _watcher: &Arc<dyn Watcher>, _token: u64) {}
    fn unwatch(&self, _watcher: &Arc<dyn Watcher>, _token: u64) {}
}

/// The identity of an open file description of ours.
pub(super) fn address<T: ?Sized>(target: &Arc<T>) -> usize {
    Arc::as_ptr(target).cast::<()>().addr()
}

/// `now` with IN and OUT also under their other names, as Linux's sockets report them.
pub(super) fn normal(now: Events) -> Events {
    let mut now = now;
    now.set(Events::RDNORM, now.contains(Events::IN));
    now.set(Events::WRNORM, now.contains(Events::OUT));
    now
}
