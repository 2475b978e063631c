//! Signals and the kernel's critical sections.
//!
//! A handler of the program may run at any instruction, also while its thread holds a lock of ours, and may then call us
//! again, or leave by siglongjmp. So handlers are kept out: once the process has a rump kernel, every handler that the
//! program installs goes through a [trampoline](actions) which, inside a [`Critical`] section, puts the signal off: the
//! signal is queued again for this thread with the same siginfo, and stays blocked until the section ends. No system call is
//! made unless a signal does arrive.
//!
//! A thread that sleeps inside a call leaves the section for the sleep ([`around_sleep`], [`around_poll`]), which a signal ends;
//! [`Mark`] tells the sleeper afterwards of which kind its handler is. As on Linux the call then lets go of all that it holds,
//! and with the section the handler runs: it may leave by siglongjmp, or close the descriptor. The call fails with EINTR, or
//! ends with [`RESTART`], whereupon the hook begins it anew (SA_RESTART). Calls that cannot begin anew (getaddrinfo(3), and
//! those with a mask of their own, which holds in the sleep alone) have the handlers run in the sleep ([`Handlers`]).
//!
//! Signals that an instruction raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS) are never put off.

pub mod actions;
pub mod cancel;
mod critical;
pub mod io;

pub use critical::{
    Critical, Handlers, Mark, around_poll, around_sleep, handled_since, inside, interrupted_since, mark,
};
pub use critical::{blocked, enter_for_good, raise, run_waiting, waiting};

/// Linux's ERESTARTSYS: the call has done nothing, and is to begin anew when the handlers have run. Never reaches a program.
pub const RESTART: crate::Errno = crate::Errno::from_raw_os_error(512);
