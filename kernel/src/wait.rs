//! How a thread sleeps until sockets change.

use crate::events::Watcher;
use crate::{Result, Socket};
use std::sync::Arc;
use std::time::Instant;

/// A thread that may sleep. One a thread, cached.
pub struct Waiter;

/// Why [`Waiter::sleep`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woke {
    /// A watched socket may have changed.
    Notified,
    /// A host descriptor is ready.
    Foreign,
    /// The deadline has passed.
    TimedOut,
}

impl Watcher for Waiter {
    fn notify(&self, _token: u64) {}
}

impl Waiter {
    /// This thread's.
    pub fn current() -> Arc<Waiter> {
        unimplemented!()
    }

    /// Forgets earlier notifications; called before the condition is checked.
    pub fn arm(&self) {}

    /// Sleeps until notified since [`arm`](Self::arm), until `deadline`, until one of `foreign` is ready (its revents are
    /// then set), or until a signal handler without SA_RESTART ran: EINTR. `mask` replaces the thread's signal mask
    /// during the sleep, as in ppoll(2).
    pub fn sleep(
        &self,
        _foreign: &mut [libc::pollfd],
        _deadline: Option<Instant>,
        _mask: Option<&libc::sigset_t>,
    ) -> Result<Woke> {
        unimplemented!()
    }
}

/// A watch that ends when it is dropped.
pub struct Watch<'a> {
    socket: &'a Socket,
    watcher: Arc<dyn Watcher>,
    token: u64,
}

impl<'a> Watch<'a> {
    /// Begins to watch.
    pub fn new(socket: &'a Socket, watcher: Arc<dyn Watcher>, token: u64) -> Watch<'a> {
        socket.watch(&watcher, token);
        Watch { socket, watcher, token }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.socket.unwatch(&self.watcher, self.token);
    }
}
