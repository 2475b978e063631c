//! The kernel's own threads: they never run the program's signal handlers.
#![allow(unsafe_code)]

mod count;
mod last;

pub use count::look_for_count;
pub use last::is_last;

use crate::{Errno, Result};
use count::LeftOut;
use std::thread::JoinHandle;

/// Starts a thread in which every signal is blocked but those that a fault raises in it. The program may end without it.
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    start(name, move || {
        let _left_out = LeftOut;
        body();
    })?;
    count::leave_out();
    Ok(())
}

/// Whether this thread can still go so many bytes down its stack. Not on a stack that the program switched to by itself, whose
/// end nobody knows.
pub(crate) fn has_stack(bytes: usize) -> bool {
    let here = &raw const bytes as usize;
    bounds().is_some_and(|(start, end)| (start..end).contains(&here) && here - start >= bytes)
}

/// Where the stack of this thread begins and ends.
fn bounds() -> Option<(usize, usize)> {
    // SAFETY: the attributes are plain memory that pthread_getattr_np fills in, and they are destroyed once.
    unsafe {
        let mut attributes = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attributes) != 0 {
            return None;
        }
        let (mut start, mut size) = (std::ptr::null_mut(), 0);
        let known = libc::pthread_attr_getstack(&attributes, &mut start, &mut size) == 0;
        libc::pthread_attr_destroy(&mut attributes);
        known.then_some((start as usize, start as usize + size))
    }
}

/// Runs `body` in a thread of its own and waits for what it returns: it needs more of a stack than the program's thread may
/// have (`PTHREAD_STACK_MIN` is 16 KiB).
pub(crate) fn run<R: Send + 'static>(name: &str, body: impl FnOnce() -> R + Send + 'static) -> Result<R> {
    start(name, body)?.join().map_err(|_| Errno::NOMEM)
}

fn start<R: Send + 'static>(name: &str, body: impl FnOnce() -> R + Send + 'static) -> Result<JoinHandle<R>> {
    let before = block_signals();
    let body = move || {
        // Whatever it calls is our own code, which no hook may take for the program's.
        crate::signal::enter_for_good();
        body()
    };
    let spawned = std::thread::Builder::new().name(name.to_string()).stack_size(256 << 10).spawn(body);
    restore(&before);
    spawned.map_err(|_| Errno::AGAIN)
}

fn block_signals() -> libc::sigset_t {
    // SAFETY: both sets are plain memory that sigfillset and pthread_sigmask fill; pthread_sigmask changes this thread only.
    unsafe {
        let mut all = std::mem::zeroed();
        let mut before = std::mem::zeroed();
        libc::sigfillset(&mut all);
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP] {
            libc::sigdelset(&mut all, fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        before
    }
}

fn restore(mask: &libc::sigset_t) {
    // SAFETY: `mask` is a set that pthread_sigmask gave.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
}
