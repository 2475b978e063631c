//! What a kernel says to its user, on the process's standard error.

use netstack::Notice;
use std::sync::atomic::{AtomicBool, Ordering};

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// RUMP_VERBOSE.
pub(crate) fn set_verbose(on: bool) {
    VERBOSE.store(on, Ordering::Relaxed);
}

/// A line of the boot messages, shown under RUMP_VERBOSE.
pub(crate) fn boot(line: &str) {
    if VERBOSE.load(Ordering::Relaxed) {
        write(&format!("{line}\n"));
    }
}

/// A line that a user should see.
pub fn warn(line: &str) {
    write(&format!("rump: {line}\n"));
}

/// Something that the stack noticed.
pub(crate) fn notice(notice: &Notice) {
    match notice {
        Notice::AddressConflict { addr, mac, on } => {
            warn(&format!("{addr} on interface {} is also used by {mac}: give one of the two another address", on.0));
        }
    }
}

/// One write(2), so that lines of several threads do not mix. Nobody is left to hear of an error.
fn write(text: &str) {
    let _ = rustix::io::write(crate::host::borrow(2), text.as_bytes());
}
