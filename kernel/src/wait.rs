//! How a thread sleeps until sockets change.
//!
//! The protocol of a sleeper: watch the sockets, then in a loop [`arm`](Waiter::arm), look at the condition, and only if
//! it does not hold [`sleep`](Waiter::sleep). A notification between the look and the sleep ends the sleep at once.

use crate::descriptor::{self, Protected};
use crate::events::Watcher;
use crate::link::Lead;
use crate::lock::lock;
use crate::signal::{Handlers, RESTART};
use crate::{Errno, Result, Socket, signal};
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, PollFlags};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::thread::futex;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, OnceLock, Weak};
use std::time::{Duration, Instant};

/// How the thread sleeps at the moment, which is how it must be woken.
mod how {
    pub const AWAKE: u32 = 0;
    pub const FUTEX: u32 = 1;
    pub const DOORBELL: u32 = 2;
    pub const EVENTFD: u32 = 3;
}

/// A thread that may sleep. One a thread, cached.
pub struct Waiter {
    /// 0 armed, 1 notified.
    word: AtomicU32,
    /// What a handler means to the sleep: a [`Manner`].
    manner: AtomicU32,
    how: AtomicU32,
    /// Wakes a thread that sleeps on a link's doorbell.
    doorbell: Mutex<Option<Arc<dyn Lead>>>,
    event: OnceLock<Protected>,
}

/// What a signal's handler means to a sleep (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Manner {
    /// It runs in the sleep, which goes on after one with SA_RESTART.
    GoesOn,
    /// It runs when the call has ended: EINTR, or [`RESTART`] after one with SA_RESTART.
    Restarted,
    /// It runs when the call has ended: EINTR.
    Unrestarted,
}

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
    fn notify(&self, _token: u64) {
        if self.word.swap(1, Ordering::SeqCst) == 1 {
            return;
        }
        match self.how.load(Ordering::SeqCst) {
            how::FUTEX => {
                let _ = futex::wake(&self.word, futex::Flags::PRIVATE, 1);
            }
            how::DOORBELL => {
                if let Some(doorbell) = &*self.doorbell.lock() {
                    doorbell.ring();
                }
            }
            how::EVENTFD => {
                if let Some(event) = self.event.get() {
                    let _ = rustix::io::write(event, &1u64.to_ne_bytes());
                }
            }
            _ => {}
        }
    }
}

/// Every waiter there is.
static ALL: StdMutex<Vec<Weak<Waiter>>> = StdMutex::new(Vec::new());

/// Ends every sleep, for threads to see what has become of them (pthread_cancel(3)): the others sleep on.
pub fn wake_all() {
    let all: Vec<Arc<Waiter>> = lock(&ALL).iter().filter_map(Weak::upgrade).collect();
    all.iter().for_each(|waiter| waiter.notify(0));
}

/// Sleeps until the host's `fd` has one of `events`, as a read(2) or write(2) of it would, but so that the thread can be cancelled. Gives
/// what it has.
///
/// # Errors
/// When a signal comes, EINTR or [`RESTART`] (signal(7)).
pub fn until_ready(fd: BorrowedFd<'_>, events: PollFlags) -> Result<PollFlags> {
    let (waiter, mark) = (Waiter::current(), signal::mark());
    waiter.in_manner(Manner::Restarted, || {
        loop {
            waiter.arm();
            let mut foreign = [libc::pollfd { fd: fd.as_raw_fd(), events: events.bits().cast_signed(), revents: 0 }];
            match waiter.sleep(&mut foreign, None, None) {
                Ok(Woke::Foreign) => return Ok(PollFlags::from_bits_retain(foreign[0].revents.cast_unsigned())),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
            if let Some(errno) = waiter.interrupted_since(mark) {
                return Err(errno);
            }
        }
    })
}

/// Held over a fork.
pub(crate) struct Held(MutexGuard<'static, Vec<Weak<Waiter>>>);

pub(crate) fn hold() -> Held {
    Held(lock(&ALL))
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Waiter>>> = const { RefCell::new(None) };
}

impl Waiter {
    fn new() -> Arc<Waiter> {
        let waiter = Arc::new(Waiter {
            word: AtomicU32::new(0),
            manner: AtomicU32::new(Manner::GoesOn as u32),
            how: AtomicU32::new(how::AWAKE),
            doorbell: Mutex::new(None),
            event: OnceLock::new(),
        });
        let mut all = lock(&ALL);
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(&waiter));
        drop(all);
        waiter
    }

    /// This thread's. A call from a signal handler that interrupts another call gets one of its own.
    pub fn current() -> Arc<Waiter> {
        let cached = CURRENT.try_with(|current| {
            let mut current = current.try_borrow_mut().ok()?;
            let waiter = current.get_or_insert_with(Waiter::new);
            // Someone sleeps with it below us on this stack: a handler runs inside a sleep.
            (waiter.how.load(Ordering::Relaxed) == how::AWAKE).then(|| waiter.clone())
        });
        cached.ok().flatten().unwrap_or_else(Waiter::new)
    }

    /// Forgets earlier notifications; called before the condition is checked.
    pub fn arm(&self) {
        self.word.store(0, Ordering::SeqCst);
    }

    /// Whether a notification came since [`arm`](Self::arm).
    pub fn notified(&self) -> bool {
        self.word.load(Ordering::SeqCst) != 0
    }

    /// Sleeps until notified since [`arm`](Self::arm), until `deadline`, until one of `foreign` is ready (its revents are
    /// then set), or until a signal comes for which a sleep of this manner ends: EINTR or [`RESTART`]. `mask` replaces the
    /// thread's signal mask during the sleep, as in ppoll(2); with it every signal that has a handler is EINTR.
    pub fn sleep(
        &self,
        foreign: &mut [libc::pollfd],
        deadline: Option<Instant>,
        mask: Option<&libc::sigset_t>,
    ) -> Result<Woke> {
        if foreign.is_empty() && mask.is_none() {
            let notified = match crate::booted() {
                Some(kernel) => kernel.backend().sleep(self, deadline)?,
                None => self.sleep_on_word(deadline)?,
            };
            return Ok(if notified { Woke::Notified } else { Woke::TimedOut });
        }
        self.sleep_in_poll(foreign, deadline, mask)
    }

    /// As [`sleep`](Self::sleep), for calls that signal(7) never restarts: every signal that has a handler is EINTR.
    pub fn sleep_unrestarted(
        &self,
        foreign: &mut [libc::pollfd],
        deadline: Option<Instant>,
        mask: Option<&libc::sigset_t>,
    ) -> Result<Woke> {
        self.in_manner(Manner::Unrestarted, || self.sleep(foreign, deadline, mask))
    }

    /// Runs a sleep of this manner.
    pub(crate) fn in_manner<R>(&self, manner: Manner, sleep: impl FnOnce() -> R) -> R {
        let outer = self.manner.swap(manner as u32, Ordering::Relaxed);
        let woke = sleep();
        self.manner.store(outer, Ordering::Relaxed);
        woke
    }

    fn is_in(&self, manner: Manner) -> bool {
        self.manner.load(Ordering::Relaxed) == manner as u32
    }

    /// When handlers of signals run that come in the sleep.
    pub(crate) fn handlers(&self) -> Handlers {
        if self.is_in(Manner::GoesOn) { Handlers::InSleep } else { Handlers::AfterCall }
    }

    /// With what the sleep ends because of a handler since `mark`, or because the thread was cancelled.
    pub(crate) fn interrupted_since(&self, mark: signal::Mark) -> Option<Errno> {
        let interrupted = match self.is_in(Manner::Unrestarted) {
            true => signal::handled_since(mark),
            false => signal::interrupted_since(mark),
        };
        if interrupted || signal::cancel::requested() {
            return Some(Errno::INTR);
        }
        // Outside of a section, where nobody would begin the call anew, the handler has run.
        (self.is_in(Manner::Restarted) && signal::waiting() && signal::handled_since(mark)).then_some(RESTART)
    }

    /// Sleeps on the waiter's own word. Ok(false): the deadline has passed.
    pub(crate) fn sleep_on_word(&self, deadline: Option<Instant>) -> Result<bool> {
        let mark = signal::mark();
        self.how.store(how::FUTEX, Ordering::SeqCst);
        let result = loop {
            if self.notified() {
                break Ok(true);
            }
            if let Some(errno) = self.interrupted_since(mark) {
                break Err(errno);
            }
            let timeout = match left(deadline) {
                Some(Duration::ZERO) => break Ok(false),
                left => left.and_then(|left| rustix::time::Timespec::try_from(left).ok()),
            };
            let slept = signal::around_sleep(self.handlers(), Some(&self.word), || {
                futex::wait(&self.word, futex::Flags::PRIVATE, 0, timeout.as_ref())
            });
            if slept == Err(Errno::INTR) && !self.notified() {
                break Err(self.interrupted_since(mark).unwrap_or(Errno::INTR));
            }
        };
        self.how.store(how::AWAKE, Ordering::SeqCst);
        // A handler's bump of the word is no notification.
        match result {
            Ok(true) => self.interrupted_since(mark).map_or(Ok(true), Err),
            other => other,
        }
    }

    /// Says that the thread will now sleep on a link's doorbell.
    pub(crate) fn on_doorbell<R>(&self, doorbell: &Arc<dyn Lead>, sleep: impl FnOnce() -> R) -> R {
        *self.doorbell.lock() = Some(doorbell.clone());
        self.how.store(how::DOORBELL, Ordering::SeqCst);
        let r = sleep();
        self.how.store(how::AWAKE, Ordering::SeqCst);
        r
    }

    fn sleep_in_poll(
        &self,
        foreign: &mut [libc::pollfd],
        deadline: Option<Instant>,
        mask: Option<&libc::sigset_t>,
    ) -> Result<Woke> {
        if signal::cancel::requested() {
            return Err(Errno::INTR);
        }
        let event = self.event()?;
        let mut fds = Vec::with_capacity(foreign.len() + 1);
        fds.push(libc::pollfd { fd: event.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        fds.extend_from_slice(foreign);
        self.how.store(how::EVENTFD, Ordering::SeqCst);
        let slept = if self.notified() {
            Ok(0)
        } else {
            signal::around_poll(mask, self.handlers(), |mask| crate::host::ppoll(&mut fds, left(deadline), Some(mask)))
        };
        self.how.store(how::AWAKE, Ordering::SeqCst);
        // A notification may ring after the sleep for which it was meant: then it ends this one.
        let rung = fds[0].revents != 0;
        if rung {
            let mut count = [0; 8];
            let _ = rustix::io::read(event, &mut count);
        }
        foreign.copy_from_slice(&fds[1..]);
        if foreign.iter().any(|fd| fd.revents != 0) {
            return Ok(Woke::Foreign);
        }
        if rung || self.notified() {
            return Ok(Woke::Notified);
        }
        slept.map(|_| Woke::TimedOut)
    }

    /// The thread's eventfd, made at its first mixed sleep.
    fn event(&self) -> Result<BorrowedFd<'_>> {
        if self.event.get().is_none() {
            let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
            let _ = self.event.set(descriptor::protect_new(|| rustix::event::eventfd(0, flags))?);
        }
        self.event.get().map(AsFd::as_fd).ok_or(Errno::NFILE)
    }
}

/// In a child of a fork: this thread gets a waiter of its own, for the eventfd of this one is the parent's.
pub(crate) fn in_child(held: Held) {
    let Held(mut all) = held;
    all.clear();
    drop(all);
    let _ = CURRENT.try_with(|current| current.try_borrow_mut().map(|mut current| current.take()));
}

/// Time until `deadline`, zero if it has passed.
pub(crate) fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
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
