//! A child that cannot outlive the test: `PR_SET_PDEATHSIG`.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

/// The child is killed when the thread that starts it ends. (A setuid program sheds this.)
pub(crate) fn die_with_parent(command: &mut Command) {
    // SAFETY: the closure makes one direct system call and touches no memory of the parent, so it may run between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
}
