//! Forks of a process with threads. A test program of its own: the children would hold copies of other tests' descriptors.
#![allow(unsafe_code)]

use rump_kernel::descriptor::{forked, in_child, is_protected, prepare_fork, protect_new};
use rump_kernel::host;
use rustix::event::{EventfdFlags, eventfd};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_child_finds_every_lock_free_whatever_other_threads_were_doing() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                drop(protect_new(|| eventfd(0, EventfdFlags::CLOEXEC)).expect("eventfd"));
            }
        });
        let held = (0..200).all(|_| {
            prepare_fork();
            let held = holds_in_child(|| {
                in_child();
                !is_protected(0)
            });
            forked();
            held
        });
        stop.store(true, Ordering::Relaxed);
        assert!(held);
    });
}

/// Runs `test` in the child of a fork; whether it held. A child that hangs is killed.
fn holds_in_child(test: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `test`, which takes no lock that another thread may hold, and ends without returning.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: takes a number.
        unsafe { libc::alarm(20) };
        host::exit(if test() { 0 } else { 1 });
    }
    let mut status = 0;
    // SAFETY: the status is written to a live integer.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    waited == child && status == 0
}
