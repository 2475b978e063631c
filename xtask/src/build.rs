//! Cargo, run from a task.

use std::ffi::OsStr;
use std::process::Command;

use system_tests::failure::ensure;
use system_tests::{Outcome, rump};

/// `cargo` with these arguments, its output passed through.
pub fn cargo<A: AsRef<OsStr>>(arguments: &[A]) -> Outcome {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    // The tests then run what was built here.
    command.env("RUMP_BUILD", rump::build_directory());
    let status = command.status()?;
    ensure(status.success(), || {
        let words: Vec<_> = arguments.iter().map(|word| word.as_ref().to_string_lossy()).collect();
        format!("`cargo {}` failed ({status})", words.join(" "))
    })
}

/// The library and the command, in release.
pub fn library() -> Outcome {
    cargo(&["build", "--release", "--quiet", "-p", "rumphijack", "-p", "rump"])?;
    rump::built()
}

/// And the programs that tests and benchmarks run.
pub fn everything() -> Outcome {
    cargo(&["build", "--release", "--quiet", "-p", "rumphijack", "-p", "rump", "-p", "system-tests", "-p", "benches"])?;
    rump::built()
}
