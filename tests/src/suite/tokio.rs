//! tokio's own tests, from its published crate: a part is a test program of it, a case one test, each a process of its own, since a test
//! of readiness may hang where it fails.

use std::path::PathBuf;
use std::time::Duration;

use super::{Outcomes, TOKIO};
use crate::compat::Kernel;
use crate::failure::ensure;
use crate::{Bus, Failure, Finished, Outcome, Program, rump};

/// Of the crate; its Cargo.lock names the versions of what its tests use.
pub(super) const VERSION: &str = "1.54.1";
/// For a case, in seconds.
const LIMIT: &str = "30";

/// What became of each case of a test program.
pub fn run(kernel: Kernel, part: &str) -> Outcome<Outcomes> {
    let directory = built()?;
    let program = directory.join("tests").join(part);
    let list = Program::new(&program).words("--list --format terse").run()?.text();
    let names: Vec<&str> = list.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    ensure(!names.is_empty(), || format!("{} names no test", program.display()))?;
    let bus = Bus::new();
    let mut outcomes = Outcomes::new();
    for name in names {
        let run = format!("timeout --kill-after=1 {LIMIT} {} --exact {name}", program.display());
        let finished =
            case(kernel, &bus, &run)?.directory(&directory.join("source")).limit(Duration::from_secs(60)).finish()?;
        outcomes.insert(format!("test.{part}.{name}"), outcome(&finished));
    }
    Ok(outcomes)
}

/// The word behind `test NAME ... `, or how the process ended where it says none.
fn outcome(finished: &Finished) -> String {
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    let result = said.lines().find_map(|line| line.strip_prefix("test result: "));
    match (finished.status.code(), result) {
        // What timeout(1) gives.
        (Some(124), _) => "time limit".to_owned(),
        (Some(0), Some(result)) if result.contains(" 1 ignored;") => "skipped".to_owned(),
        (Some(0), Some(result)) if result.contains(" 1 passed;") => "ok".to_owned(),
        (Some(101), Some(_)) => "failed".to_owned(),
        _ => finished.status.to_string(),
    }
}

/// Where the test programs are; fetched and built the first time.
fn built() -> Outcome<PathBuf> {
    let directory = rump::build_directory().join("suites/tokio").join(VERSION);
    if !directory.join("complete").is_file() {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("suites/tokio-tests.sh");
        let build = Program::new("sh").arg(script).arg(&directory).arg(VERSION);
        let build = build.args(TOKIO.parts.iter().map(|part| part.name)).limit(Duration::from_secs(1800)).run();
        build.map_err(|failure| Failure::new(format!("tokio's tests could not be built: {failure}")))?;
    }
    Ok(directory)
}

fn case(kernel: Kernel, bus: &Bus, line: &str) -> Outcome<Program> {
    if kernel == Kernel::Rump {
        rump::built()?;
        let net = format!("{},addr=fd00::1/64", bus.node("10.9.0.1/24"));
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        return Ok(Program::new(first).words(rest).nowhere().rump(&net));
    }
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let run = format!("ip link set lo up && exec {line}");
    Ok(Program::new("unshare").args(apart).args(["--net", "sh", "-c", &run]))
}
