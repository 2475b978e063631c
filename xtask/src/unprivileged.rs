//! The demo as an ordinary user, watched: what CI, which is root, runs to prove that no root is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use system_tests::unique::Directory;
use system_tests::{Outcome, Program, failure::ensure, rump, strace};

use crate::{build, setup};

/// `nobody`.
const UID: u32 = 65534;

/// Copies what was built to where any user can read it, runs the demo there under strace without a privilege left, and looks at its
/// `socket()` calls: an `AF_INET` or `AF_INET6` one is a failure.
pub fn check(no_build: bool) -> Outcome {
    ensure(rustix::process::geteuid().is_root(), || {
        "--unprivileged-check changes to another user: run it as root".to_owned()
    })?;
    if !no_build {
        setup::everything()?;
        build::library()?;
    }
    let place = Directory::new("rump-unprivileged")?;
    open_to(place.path(), 0o777)?;
    let demo = place.join("xtask");
    copy(&std::env::current_exe()?, &demo)?;
    copy(&rump::library(), &place.join("librumphijack.so"))?;
    copy(&rump::command(), &place.join("rump"))?;
    let trace = place.join("trace");
    let shown = Program::new(&demo)
        .args(["demo", "--no-build", "--pcap"])
        .arg(place.join("demo.pcap"))
        .env("RUMP_BUILD", place.path())
        .env("TMPDIR", place.path())
        .env("HOME", place.path())
        .directory(place.path())
        .user(UID)
        .traced(&trace)
        .limit(Duration::from_secs(180))
        .run()?;
    ensure(shown.text().contains("sha256"), || "the demo said nothing of the file".to_owned())?;
    strace::no_host_inet(&trace)?;
    let calls = fs::read_to_string(&trace)?.lines().filter(|call| call.contains("socket(")).count();
    println!(
        "the demo runs as uid {UID} without a capability; strace saw {calls} socket() calls, none of them AF_INET or AF_INET6"
    );
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::copy(from, to)?;
    open_to(to, 0o755)
}

fn open_to(path: &Path, mode: u32) -> Outcome {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}
