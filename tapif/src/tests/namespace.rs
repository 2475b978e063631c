//! A network namespace of a test's own.
#![allow(unsafe_code)]

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Moves this thread, and the programs that it starts, into a network namespace that goes with it.
pub fn enter_own() {
    // SAFETY: only UnshareFlags::FILES is unsafe, because it parts the thread from descriptors that others rely on.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
        .expect("these tests make a network namespace: run them as root (or with CAP_SYS_ADMIN and CAP_NET_ADMIN)");
}
