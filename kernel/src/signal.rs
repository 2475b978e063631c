//! Signals and the kernel's critical sections.
//!
//! A handler of the program may run at any instruction, also while its thread holds a lock of ours, and may then call us
//! again, or leave by siglongjmp. So handlers are kept out: once the process has a rump kernel, every handler that the
//! program installs goes through a [trampoline](actions) which, inside a [`Critical`] section, puts the signal off: the
//! signal is queued again for this thread with the same siginfo, and stays blocked until the section ends. No system call is
//! made unless a signal does arrive.
//!
//! A thread that sleeps inside a call leaves the section for the sleep ([`around_sleep`], [`around_poll`]), because that is
//! where signal(7) wants handlers to run; [`Mark`] tells the sleeper afterwards which kind did, and so whether the call
//! goes on (SA_RESTART) or fails with EINTR.
//!
//! Signals that an instruction raises (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS) are never put off.

pub mod actions;
pub mod cancel;
mod critical;
pub mod io;

pub use critical::{Critical, Mark, around_poll, around_sleep, handled_since, inside, interrupted_since, mark};
pub use critical::{enter_for_good, raise};
