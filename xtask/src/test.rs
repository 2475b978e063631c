//! `cargo xtask test`: the README's second command.

use std::process::{Command, Stdio};

use system_tests::Outcome;

use crate::{build, demo, fuzz, setup, unprivileged};

/// Sets up, builds, runs every test (of the workspace, the documentation, the whole system), then the demo.
pub fn test(runner: &[String]) -> Outcome {
    setup::everything()?;
    build::everything()?;
    if nextest() {
        tests(&["nextest", "run", "--workspace"], runner)?;
        build::cargo(&["test", "--doc", "--workspace", "--quiet"])?;
    } else {
        tests(&["test", "--workspace", "--no-fail-fast"], runner)?;
    }
    if !runner.is_empty() {
        return Ok(());
    }
    fuzz::briefly()?;
    let pcap = system_tests::unique::Directory::new("rump-demo")?;
    demo::demo(&pcap.join("demo.pcap"), true)?;
    if rustix::process::geteuid().is_root() { unprivileged::check(true) } else { Ok(()) }
}

fn tests(command: &[&str], more: &[String]) -> Outcome {
    let arguments: Vec<&str> = command.iter().copied().chain(more.iter().map(String::as_str)).collect();
    build::cargo(&arguments)
}

fn nextest() -> bool {
    Command::new("cargo")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
