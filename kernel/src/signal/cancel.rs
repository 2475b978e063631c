#![allow(unsafe_code)]
//! pthread_cancel(3) of a thread that is in the kernel.
//!
//! libc ends a cancelled thread by unwinding its stack, which must not go through frames of ours. So a call that may be ended
//! ([`Shield`]) has the thread's cancellation disabled while it runs, as any call has that could meet a cancellation point of
//! libc's; a sleeper that is cancelled ([`requested`]) is interrupted as by a signal and lets go of all it holds, and the
//! exported function ends the thread when its own frame is gone.
//!
//! Nothing of this costs more than a load until the process cancels for the first time, or makes a thread's cancellation
//! asynchronous ([`announce`]).

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst};
use std::{mem, ptr};

const ENABLED: c_int = 0;
const DISABLED: c_int = 1;
const DEFERRED: c_int = 0;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
    fn dlvsym(handle: *mut c_void, name: *const c_char, version: *const c_char) -> *mut c_void;
}

/// Whether this process has ever cancelled a thread.
static ANY: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy)]
struct Thread {
    /// The state that the program left, while ours is [`DISABLED`].
    shielded: Option<c_int>,
    /// The function is a cancellation point.
    point: bool,
    /// The call is of one that is none.
    refused: bool,
    /// A sleep was interrupted for it.
    interrupted: bool,
    /// The thread is to end when the exported function has returned.
    due: bool,
}

const OUTSIDE: Thread = Thread { shielded: None, point: false, refused: false, interrupted: false, due: false };

thread_local! {
    static THREAD: Cell<Thread> = const { Cell::new(OUTSIDE) };
}

fn change<R>(with: impl FnOnce(&mut Thread) -> R) -> R {
    THREAD.with(|cell| {
        let mut thread = cell.get();
        let result = with(&mut thread);
        cell.set(thread);
        result
    })
}

/// From now on threads may be cancelled.
pub fn announce() {
    ANY.store(true, SeqCst);
}

/// Whether [`announce`] has been called.
#[inline]
pub fn any() -> bool {
    ANY.load(Relaxed)
}

/// Whether the thread is to end when the exported function has returned.
pub(super) fn is_due() -> bool {
    any() && THREAD.get().due
}

/// Runs a function that is a cancellation point; `None` where the thread is to end instead of returning from it.
#[inline]
pub fn point<R>(call: impl FnOnce() -> R) -> Option<R> {
    if !any() {
        let result = call();
        return (!any() || !change(|thread| mem::take(&mut thread.due))).then_some(result);
    }
    if super::inside() {
        return Some(call());
    }
    if pending() && state() == ENABLED {
        return None;
    }
    let outer = change(|thread| mem::replace(thread, Thread { point: true, ..OUTSIDE }));
    let result = call();
    let due = change(|thread| mem::replace(thread, outer).due);
    (!due).then_some(result)
}

/// A call in the kernel, with cancellation disabled if threads may be cancelled.
#[must_use]
pub struct Shield(Option<Thread>);

impl Shield {
    /// Begins.
    #[inline]
    pub fn enter() -> Shield {
        if any() { Shield::raise() } else { Shield(None) }
    }

    #[cold]
    fn raise() -> Shield {
        let outer = THREAD.get();
        THREAD.set(Thread { refused: !outer.point, ..OUTSIDE });
        shield();
        Shield(Some(outer))
    }

    /// Ends. `failed`: the call has done nothing that is lost if it does not return.
    #[inline]
    pub fn leave(self, failed: bool) {
        if any() {
            self.lower(failed);
        }
    }

    #[cold]
    fn lower(self, failed: bool) {
        let thread = THREAD.get();
        let mut due = thread.interrupted && failed;
        if let Some(state) = thread.shielded {
            if state == ENABLED && pending() && kind() != DEFERRED {
                // It would act as soon as the state allows it, here. Where it cannot be done later, it is at the next point.
                set_kind(DEFERRED);
                due |= !thread.refused;
            }
            if !due {
                set_state(state);
            }
        }
        let outer = self.0.unwrap_or(thread);
        THREAD.set(Thread { shielded: outer.shielded.filter(|_| self.0.is_some()), due, interrupted: false, ..outer });
    }
}

/// For a sleeper: whether its call ends because the thread was cancelled.
#[inline]
pub fn requested() -> bool {
    any() && requested_now()
}

#[cold]
fn requested_now() -> bool {
    // The first cancellation of the process may find the thread asleep without its shield.
    if THREAD.get().refused {
        return false;
    }
    shield();
    change(|thread| {
        let ends = thread.shielded == Some(ENABLED) && pending();
        thread.interrupted |= ends;
        ends
    })
}

/// For a call that has done all that it was to do while a sleep of it ended early: whether that was because the thread is to end.
#[inline]
pub fn interrupted() -> bool {
    any() && THREAD.get().interrupted
}

/// Runs what meets cancellation points of libc's, at which not even the first cancellation of the process may end the thread.
pub fn shielded<R>(call: impl FnOnce() -> R) -> R {
    let raised = THREAD.get().shielded.is_none();
    shield();
    let result = call();
    // Otherwise the shield of the call that is under way lowers it.
    if raised
        && !any()
        && let Some(state) = change(|thread| thread.shielded.take())
    {
        set_state(state);
    }
    result
}

fn shield() {
    change(|thread| {
        if thread.shielded.is_none() {
            thread.shielded = Some(set_state(DISABLED));
        }
    });
}

fn set_state(state: c_int) -> c_int {
    let mut old = ENABLED;
    // SAFETY: `old` is written. Where this enables an asynchronous cancellation that is pending, the caller has seen to it.
    unsafe { pthread_setcancelstate(state, &mut old) };
    old
}

/// The state of a thread without a shield.
fn state() -> c_int {
    let state = set_state(DISABLED);
    if state == ENABLED && kind() == DEFERRED {
        set_state(state);
    }
    state
}

fn kind() -> c_int {
    let kind = set_kind(DEFERRED);
    set_kind(kind);
    kind
}

/// Of a thread whose state is disabled, so that it has no effect yet.
fn set_kind(kind: c_int) -> c_int {
    let mut old = DEFERRED;
    // SAFETY: `old` is written.
    unsafe { pthread_setcanceltype(kind, &mut old) };
    old
}

/// Whether somebody has cancelled this thread, and it does not end yet: what cleans up behind it may call what it likes. libc has no function for it; it tells debuggers where the word is (libthread_db).
fn pending() -> bool {
    const CANCELED: u32 = 1 << 3;
    const EXITING: u32 = 1 << 4;
    static OFFSET: OnceLock<Option<usize>> = OnceLock::new();
    let found = || {
        let (name, version) = (c"_thread_db_pthread_cancelhandling", c"GLIBC_PRIVATE");
        // SAFETY: two strings; what is found is an array of three words: bits, elements, offset.
        let field = unsafe { dlvsym(libc::RTLD_DEFAULT, name.as_ptr(), version.as_ptr()).cast::<[u32; 3]>().as_ref() };
        field.filter(|[bits, ..]| *bits == 32).map(|[.., offset]| *offset as usize)
    };
    OFFSET.get_or_init(found).is_some_and(|offset| {
        // SAFETY: takes nothing and cannot fail.
        let own = unsafe { libc::pthread_self() } as usize;
        // SAFETY: a word of libc's structure of this thread, which others change atomically.
        let word = unsafe { &*ptr::with_exposed_provenance::<std::sync::atomic::AtomicU32>(own + offset) };
        word.load(SeqCst) & (CANCELED | EXITING) == CANCELED
    })
}

#[cfg(test)]
mod tests;
