//! The harness of the whole-system tests: real programs, run with deadlines, on buses and in namespaces that each test makes for itself.
//!
//! Read [`program`] first: every process of a test is a [`Program`], which names what it runs on (the host, a namespace, a rump
//! kernel). [`bus`] and [`namespace`] are the networks, [`capture`] and [`strace`] the witnesses, [`content`] what is carried over them.
//! Everything cleans up when dropped, and every failure is one readable [`Failure`]. A program that is not installed is a failure that
//! names its package, never a skipped test.
//!
//! `src/bin/semantics` is the socket-semantics suite: a plain program whose output on the host kernel and under
//! `librumphijack.so` must be the same: [`compat`] runs its generated part on both, and [`known`] is the list of what may differ. [`suite`] does the same
//! with test suites that others wrote.

pub mod bus;
pub mod capture;
pub mod compat;
pub mod content;
mod death_signal;
pub mod failure;
pub mod known;
pub mod matrix;
pub mod namespace;
pub mod packages;
pub mod program;
pub mod rump;
pub mod running;
pub mod strace;
pub mod suite;
pub mod unique;
pub mod web;

pub use bus::Bus;
pub use failure::{Failure, Outcome};
pub use known::Known;
pub use namespace::Namespace;
pub use program::Program;
pub use running::{Finished, Running};
