//! CPython's test modules, a case a line (`tests/suites/cases.py`). A case that hangs or crashes is an outcome; the run goes on
//! behind it.

use std::path::Path;
use std::time::Duration;

use super::Outcomes;
use crate::compat::Kernel;
use crate::failure::ensure;
use crate::unique::Directory;
use crate::{Bus, Finished, Outcome, Program, packages, rump};

/// The interpreter whose tests they are.
const PYTHON: &str = "python3.11";
/// The module by which one sees that they are there; it is looked for among the packages' programs.
pub(crate) const MODULE: &str = "/usr/lib/python3.11/test/test_socket.py";
/// Cases that may end the run before it is given up.
const MOST_ENDED: usize = 40;
/// For all that is left of a module.
const LIMIT: Duration = Duration::from_secs(1800);

/// What became of each case of a module.
pub fn run(kernel: Kernel, module: &str) -> Outcome<Outcomes> {
    packages::find(MODULE)?;
    let directory = Directory::new("rump-suite")?;
    let (results, done) = (directory.write("results", "")?, directory.write("done", "")?);
    let bus = Bus::new();
    let mut outcomes = Outcomes::new();
    for _ in 0..MOST_ENDED {
        let run = program(kernel, &bus, &results, &done, module)?.directory(directory.path()).limit(LIMIT).finish()?;
        let text = std::fs::read_to_string(&results)?;
        let mut running = None;
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("begin", case)) => running = Some(case.to_owned()),
                Some((case, outcome)) => {
                    outcomes.insert(case.to_owned(), outcome.to_owned());
                    running = None;
                }
                None => {}
            }
        }
        if text.ends_with("all\n") {
            return Ok(outcomes);
        }
        let last = running.ok_or_else(|| crate::Failure::new(format!("{module} ended before its first case")))?;
        outcomes.insert(last, format!("ended the run ({})", how_it_ended(&run)));
        std::fs::write(&done, outcomes.keys().map(|case| format!("{case}\n")).collect::<String>())?;
        std::fs::write(&results, "")?;
    }
    ensure(false, || format!("{MOST_ENDED} cases of {module} ended the run"))?;
    Ok(outcomes)
}

/// A case that took too long says so by faulthandler, in whose way the process then exits.
fn how_it_ended(run: &Finished) -> String {
    let timed_out = String::from_utf8_lossy(&run.stderr).contains("Timeout (");
    if timed_out { "it took too long".to_owned() } else { run.status.to_string() }
}

fn program(kernel: Kernel, bus: &Bus, results: &Path, done: &Path, module: &str) -> Outcome<Program> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/cases.py");
    let python = packages::find(PYTHON)?;
    if kernel == Kernel::Rump {
        rump::built()?;
        let net = format!("{},addr=fd00::1/64", bus.node("10.9.0.1/24"));
        return Ok(Program::new(python).arg(cases).args([results, done]).arg(module).nowhere().rump(&net));
    }
    let words = [python.as_path(), &cases, results, done, Path::new(module)].map(|word| word.display().to_string());
    let run = format!("ip link set lo up && exec {}", words.join(" "));
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    Ok(Program::new("unshare").args(apart).args(["--net", "--uts", "sh", "-c", &run]))
}
