//! Threads that are cancelled in the middle of a call.

use std::path::Path;
use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::unique::Directory;
use system_tests::{Outcome, Program};

#[test]
fn cancelled_threads_end_as_on_the_host() -> Outcome {
    let place = Directory::new("rump-cancel")?;
    let program = place.join("cancel");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/cancel.c");
    Program::new("gcc").args(["-Wall", "-O1", "-pthread", "-o"]).arg(&program).arg(source).run()?;
    let limit = Duration::from_secs(60);
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let run = format!("ip link set lo up && exec {}", program.display());
    let host = Program::new("unshare").args(apart).args(["--net", "sh", "-c", &run]).limit(limit).run()?;
    let rump = Program::new(&program).nowhere().preload().limit(limit).run()?;
    let seen = host.text();
    ensure(seen.contains("recv, asleep: ended, 1 cleaned up, then 0"), || format!("the host says:\n{seen}"))?;
    ensure(seen == rump.text(), || format!("the host says:\n{seen}\nand rump:\n{}", rump.text()))
}
