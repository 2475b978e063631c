#![allow(unsafe_code)]
//! The section of a thread in which handlers wait.

use super::actions::restarts;
use super::cancel;
use std::ffi::c_int;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst, compiler_fence,
};

/// What a thread and the handlers that interrupt it share. Atomics, because a handler is another party; relaxed, because
/// it is of the same thread.
struct Thread {
    /// Sections entered and not left.
    depth: AtomicU32,
    /// Signals put off, bit `signal - 1`. They are blocked in this thread, and pending.
    deferred: AtomicU64,
    /// Handlers that ran, and signals for which a sleep has ended whose handlers are yet to run; one may count twice.
    handled: AtomicU64,
    /// Those among them without SA_RESTART.
    interrupted: AtomicU64,
    /// The futex word of the sleep that is about to begin.
    word: AtomicPtr<AtomicU32>,
    /// The thread sleeps, and handlers wait until the call has let go of all that it holds.
    yielding: AtomicBool,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            depth: AtomicU32::new(0),
            deferred: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            interrupted: AtomicU64::new(0),
            word: AtomicPtr::new(ptr::null_mut()),
            yielding: AtomicBool::new(false),
        }
    };
}

/// While it lives, handlers on this thread are put off.
#[must_use]
pub struct Critical(PhantomData<*const ()>);

impl Critical {
    /// Enters; sections nest.
    #[inline]
    pub fn enter() -> Critical {
        THREAD.with(|thread| thread.depth.store(thread.depth.load(Relaxed) + 1, Relaxed));
        compiler_fence(SeqCst);
        Critical(PhantomData)
    }
}

impl Critical {
    /// Takes up a section that was entered and then forgotten (`mem::forget`) by another function, as the handlers of
    /// pthread_atfork(3) must: they come before and after the fork.
    pub fn taken_up() -> Critical {
        Critical(PhantomData)
    }
}

impl Drop for Critical {
    #[inline]
    fn drop(&mut self) {
        compiler_fence(SeqCst);
        THREAD.with(|thread| {
            // Saturating: a handler that ran while we slept may have left by siglongjmp, and with it left our caller's section.
            let depth = thread.depth.load(Relaxed).saturating_sub(1);
            thread.depth.store(depth, Relaxed);
            if depth == 0 {
                thread.deliver();
            }
        });
    }
}

impl Thread {
    /// Counts a handler that ran, or for which a sleep ends, and ends the sleep.
    fn handled(&self, restarts: bool) {
        self.handled.fetch_add(1, Relaxed);
        if !restarts {
            self.interrupted.fetch_add(1, Relaxed);
        }
        let word = self.word.load(Relaxed);
        if !word.is_null() {
            // SAFETY: set by `around_sleep`, whose caller promises that it lives as long as the thread.
            unsafe { &*word }.fetch_add(1, SeqCst);
        }
    }

    /// Outside of a section nobody runs the handlers when the call has ended: a program calls the kernel without hooks.
    fn begins_to_yield(&self, handlers: Handlers) -> bool {
        let yielding = handlers == Handlers::AfterCall && self.depth.load(Relaxed) != 0;
        self.yielding.store(yielding, Relaxed);
        yielding
    }

    /// Lets the handlers run that have waited.
    #[inline]
    fn deliver(&self) {
        compiler_fence(SeqCst);
        if self.deferred.load(Relaxed) != 0 {
            let deferred = set_of(self.deferred.swap(0, Relaxed));
            // Those of a thread that is about to end stay blocked, and end with it: on Linux, too, its cancellation comes first.
            if !cancel::is_due() {
                change_mask(libc::SIG_UNBLOCK, &deferred);
            }
        }
    }
}

/// For the trampoline: runs what may call a hooked function, whose end must not let the handler run that is being put off.
pub(super) fn within<R>(call: impl FnOnce() -> R) -> R {
    let outer = THREAD.with(|thread| thread.depth.swap(1, Relaxed));
    compiler_fence(SeqCst);
    let result = call();
    compiler_fence(SeqCst);
    THREAD.with(|thread| thread.depth.store(outer, Relaxed));
    result
}

/// Whether this thread is inside a section: what runs now is our own code.
#[inline]
pub fn inside() -> bool {
    THREAD.with(|thread| thread.depth.load(Relaxed) != 0)
}

/// For a thread of the kernel's own: all that it does is our own code, and no handler of the program ever runs on it.
pub fn enter_for_good() {
    std::mem::forget(Critical::enter());
    change_mask(libc::SIG_BLOCK, &all_signals());
}

/// A point in this thread's history of handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    handled: u64,
    interrupted: u64,
}

/// Now.
#[inline]
pub fn mark() -> Mark {
    THREAD.with(|thread| Mark { handled: thread.handled.load(Relaxed), interrupted: thread.interrupted.load(Relaxed) })
}

/// Whether a signal whose handler has no SA_RESTART came to this thread since `since`: EINTR for calls that signal(7) restarts.
#[inline]
pub fn interrupted_since(since: Mark) -> bool {
    mark().interrupted != since.interrupted
}

/// Whether a signal with any handler came to this thread since `since`: EINTR for calls that are never restarted (poll, select, epoll_wait, and
/// send and recv with SO_SNDTIMEO or SO_RCVTIMEO).
#[inline]
pub fn handled_since(since: Mark) -> bool {
    mark().handled != since.handled
}

/// When the handlers run of signals that come while a call sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handlers {
    /// In the sleep. What the call holds stays held if the handler leaves by siglongjmp.
    InSleep,
    /// When the call has ended, which it does at once ([`waiting`]). Only where somebody runs them then, in a [`Critical`] section.
    AfterCall,
}

/// Runs `sleep` outside of the critical section. A handler that has waited runs before it, or ends it; one that comes before
/// the sleep has begun bumps `word` (adds 1), so that a futex wait on the value read before this call returns at once. `word`
/// must live as long as the thread, because a handler may leave by siglongjmp.
pub fn around_sleep<R>(handlers: Handlers, word: Option<&AtomicU32>, sleep: impl FnOnce() -> R) -> R {
    let word = word.map_or(ptr::null_mut(), |word| ptr::from_ref(word).cast_mut());
    let (depth, outer) = THREAD.with(|thread| {
        let outer = thread.word.swap(word, Relaxed);
        let yielding = thread.begins_to_yield(handlers);
        let depth = thread.depth.swap(0, Relaxed);
        if yielding {
            compiler_fence(SeqCst);
            let deferred = thread.deferred.load(Relaxed);
            if deferred != 0 {
                signals(deferred).for_each(|signal| thread.handled(restarts(signal)));
            }
        } else {
            thread.deliver();
        }
        (depth, outer)
    });
    let result = sleep();
    compiler_fence(SeqCst);
    THREAD.with(|thread| {
        thread.depth.store(depth, Relaxed);
        thread.yielding.store(false, Relaxed);
        compiler_fence(SeqCst);
        thread.word.store(outer, Relaxed);
    });
    result
}

/// Runs `poll` outside of the critical section with every signal blocked, and hands it the mask to sleep with, as ppoll(2)
/// and epoll_pwait(2) take it: so a signal can come only inside of the sleep, and no EINTR is lost. That is `of_call`, under
/// which handlers always run in the sleep, or the thread's own. For sleeps that are not one futex; two system calls dearer
/// than [`around_sleep`].
pub fn around_poll<R>(
    of_call: Option<&libc::sigset_t>,
    handlers: Handlers,
    poll: impl FnOnce(&libc::sigset_t) -> R,
) -> R {
    let handlers = if of_call.is_some() { Handlers::InSleep } else { handlers };
    let mut mask = change_mask(libc::SIG_BLOCK, &all_signals());
    let depth = THREAD.with(|thread| {
        // Signals put off are blocked by us, not by the program.
        remove(&mut mask, thread.deferred.swap(0, Relaxed));
        thread.begins_to_yield(handlers);
        thread.depth.swap(0, Relaxed)
    });
    compiler_fence(SeqCst);
    let result = poll(of_call.unwrap_or(&mask));
    compiler_fence(SeqCst);
    THREAD.with(|thread| {
        thread.depth.store(depth, Relaxed);
        thread.yielding.store(false, Relaxed);
    });
    // Those that were put off in the sleep come again here, and are put off again.
    change_mask(libc::SIG_SETMASK, &mask);
    result
}

/// Runs `call` while no signal comes but those that an instruction raises.
pub fn blocked<R>(call: impl FnOnce() -> R) -> R {
    let mask = change_mask(libc::SIG_BLOCK, &all_signals());
    let result = call();
    change_mask(libc::SIG_SETMASK, &mask);
    result
}

/// Sends `signal` to this thread, as the kernel does with SIGPIPE.
pub fn raise(signal: c_int) {
    // SAFETY: takes a number, and touches no memory of ours.
    unsafe { libc::raise(signal) };
}

/// Whether handlers wait for this call to end.
pub fn waiting() -> bool {
    THREAD.with(|thread| thread.deferred.load(Relaxed) != 0)
}

/// Runs the handlers that wait, in the midst of a call that cannot end for them.
pub fn run_waiting() {
    around_sleep(Handlers::InSleep, None, || ());
}

/// For the trampoline: if the thread is in a section, or in a sleep that ends for it, notes that `signal` is put off.
pub(super) fn defer(signal: c_int, restarts: bool) -> bool {
    THREAD.with(|thread| {
        let inside = thread.depth.load(Relaxed) != 0;
        let yielding = !inside && thread.yielding.load(Relaxed);
        if inside || yielding {
            thread.deferred.fetch_or(bit(signal), Relaxed);
        }
        if yielding {
            thread.handled(restarts);
        }
        inside || yielding
    })
}

/// For the trampoline: a handler ran.
pub(super) fn handled(restarts: bool) {
    THREAD.with(|thread| thread.handled(restarts));
}

pub(super) fn bit(signal: c_int) -> u64 {
    1u64.checked_shl(signal.wrapping_sub(1).cast_unsigned()).unwrap_or(0)
}

fn signals(bits: u64) -> impl Iterator<Item = c_int> {
    (1..=64).filter(move |signal| bits & bit(*signal) != 0)
}

pub(super) fn set_of(bits: u64) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set before it is assumed to be; sigaddset gets a reference to it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        let mut set = set.assume_init();
        for signal in signals(bits) {
            libc::sigaddset(&mut set, signal);
        }
        set
    }
}

fn remove(set: &mut libc::sigset_t, bits: u64) {
    for signal in signals(bits) {
        // SAFETY: a reference to an initialised set; a signal that does not exist is EINVAL.
        unsafe { libc::sigdelset(set, signal) };
    }
}

/// Every signal that may be blocked. Not those that an instruction raises, whose block would be death without a word; glibc
/// itself leaves out its own two, without which setuid() in another thread would hang.
fn all_signals() -> libc::sigset_t {
    set_of(!super::actions::SYNCHRONOUS.iter().fold(0, |bits, signal| bits | bit(*signal)))
}

/// pthread_sigmask(3), which gives the mask from before.
fn change_mask(how: c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut old = set_of(0);
    // SAFETY: both point to sets that live as long as the call. It cannot fail with these arguments.
    unsafe { libc::pthread_sigmask(how, set, &mut old) };
    old
}
