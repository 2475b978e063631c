//! Members and sleepers for tests: no kernel needed.
#![allow(unsafe_code)]

use super::look;
use super::pollable::Pollable;
use crate::{Events, Watcher};
use arena::record::Counts;
use parking_lot::Mutex;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};

/// A member whose readiness the test sets.
#[derive(Default)]
pub(super) struct Fake {
    ready: AtomicU32,
    arrivals: AtomicU64,
    watchers: Mutex<Vec<(Arc<dyn Watcher>, u64)>>,
    /// How often it was asked for its readiness.
    pub(super) asked: AtomicUsize,
    /// Answers in place of `ready`, if there.
    host: Option<OwnedFd>,
}

impl Fake {
    pub(super) fn new() -> Arc<Fake> {
        Arc::default()
    }

    /// One that is as ready as a descriptor of the host.
    pub(super) fn mirror(host: OwnedFd) -> Arc<Fake> {
        Arc::new(Fake { host: Some(host), ..Fake::default() })
    }

    /// From now on `ready` holds; nobody is told.
    pub(super) fn set(&self, ready: Events) {
        self.ready.store(ready.bits(), SeqCst);
    }

    /// An arrival, after which `ready` holds.
    pub(super) fn arrive(&self, ready: Events) {
        self.set(ready);
        self.stir();
    }

    /// Something arrived.
    pub(super) fn stir(&self) {
        self.arrivals.fetch_add(1, SeqCst);
        let watchers = self.watchers.lock().clone();
        watchers.iter().for_each(|(watcher, token)| watcher.notify(*token));
    }

    pub(super) fn watcher_count(&self) -> usize {
        self.watchers.lock().len()
    }

    pub(super) fn as_dyn(self: &Arc<Self>) -> Arc<dyn Pollable> {
        self.clone()
    }
}

impl Pollable for Fake {
    fn readiness(&self) -> Events {
        self.asked.fetch_add(1, SeqCst);
        let Some(host) = &self.host else { return Events::from_bits_retain(self.ready.load(SeqCst)) };
        let all = libc::POLLIN | libc::POLLPRI | libc::POLLOUT | libc::POLLRDHUP;
        let mut fds = [libc::pollfd { fd: host.as_raw_fd(), events: all, revents: 0 }];
        look(&mut fds).expect("poll");
        Events::from_bits_retain(u32::from(fds[0].revents.cast_unsigned()))
    }
    fn counts(&self) -> Counts {
        Counts { changes: self.arrivals.load(SeqCst), ..Counts::default() }
    }
    fn watch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        self.watchers.lock().push((watcher.clone(), token));
    }
    fn unwatch(&self, watcher: &Arc<dyn Watcher>, token: u64) {
        let mut watchers = self.watchers.lock();
        let at = watchers.iter().position(|(other, at)| *at == token && Arc::ptr_eq(other, watcher));
        watchers.swap_remove(at.expect("watched"));
    }
}

/// Counts its notifications.
#[derive(Default)]
pub(super) struct Bell(AtomicUsize);

impl Bell {
    pub(super) fn new() -> Arc<Bell> {
        Arc::default()
    }
    pub(super) fn rung(&self) -> usize {
        self.0.load(SeqCst)
    }
    pub(super) fn as_dyn(self: &Arc<Self>) -> Arc<dyn Watcher> {
        self.clone()
    }
}

impl Watcher for Bell {
    fn notify(&self, _token: u64) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Owns what a call under test has made.
pub(super) fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: the caller just got it from a call that makes a descriptor, and nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Installs a handler that does nothing, as a program with our hooks does.
pub(super) fn watch_signal(signal: i32, flags: i32) {
    extern "C" fn nothing(_signal: i32) {}
    crate::signal::actions::take_over();
    // SAFETY: a sigaction of zeros is one without mask and flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
    action.sa_flags = flags;
    crate::signal::actions::sigaction(signal, Some(action)).expect("sigaction");
}

/// Runs `call` in a thread, as a hook does, and sends it `signal` until it returns.
pub(super) fn interrupt<R: Send>(signal: i32, call: &(dyn Fn() -> R + Sync)) -> R {
    let (tell, thread) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(move || {
            // SAFETY: takes nothing, and cannot fail.
            tell.send(unsafe { libc::pthread_self() }).expect("the test waits");
            let _critical = crate::signal::Critical::enter();
            call()
        });
        let thread = thread.recv().expect("the thread begins with it");
        while !sleeper.is_finished() {
            // SAFETY: the thread is not joined yet, so its name is valid.
            unsafe { libc::pthread_kill(thread, signal) };
            std::thread::yield_now();
        }
        sleeper.join().expect("thread")
    })
}

/// Tests of one process run beside each other. A child of a fork holds copies of every descriptor, so that a close is no
/// last close while it lives: a fork is made under `write`, and who counts on last closes holds `read`.
pub(super) static COPIES: std::sync::RwLock<()> = std::sync::RwLock::new(());

/// Runs `test` in the child of a fork; whether it held.
pub(super) fn holds_in_child(test: impl FnOnce() -> bool) -> bool {
    let _copies = COPIES.write();
    // SAFETY: the child runs `test`, which takes no lock that another thread may hold, and ends without returning.
    let child = unsafe { libc::fork() };
    if child == 0 {
        crate::host::exit(if test() { 0 } else { 1 });
    }
    let mut status = 0;
    // SAFETY: the status is written to a live integer.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    waited == child && status == 0
}
