//! perl's tests of its socket modules, from Debian's source package; a case is a line that begins with `ok` or `not ok`, and how the
//! script ended is one more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Outcomes;
use crate::compat::Kernel;
use crate::failure::ensure;
use crate::{Bus, Failure, Finished, Outcome, Program, rump};

/// For a script, in seconds.
const LIMIT: &str = "30";

/// What became of each case of the scripts of a module.
pub fn run(kernel: Kernel, module: &str) -> Outcome<Outcomes> {
    let directory = source()?.join(if module == "IO" { "dist" } else { "cpan" }).join(module);
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(directory.join("t"))? {
        scripts.push(entry?.path());
    }
    scripts.retain(|path| path.extension().is_some_and(|extension| extension == "t"));
    ensure(!scripts.is_empty(), || format!("no test is in {}", directory.display()))?;
    let mut outcomes = Outcomes::new();
    for script in scripts {
        let name = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let finished = program(kernel, &Bus::new(), &directory, &script)?;
        note(&mut outcomes, &format!("test.{module}.{name}"), &finished);
    }
    Ok(outcomes)
}

fn note(outcomes: &mut Outcomes, script: &str, finished: &Finished) {
    for line in String::from_utf8_lossy(&finished.stdout).lines() {
        let (outcome, rest) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(rest), _) => ("ok", rest),
            (_, Some(rest)) => ("not ok", rest),
            _ => continue,
        };
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let skipped = rest.to_ascii_lowercase().contains("# skip");
        outcomes.insert(format!("{script} {number}"), if skipped { "skipped" } else { outcome }.to_owned());
    }
    // What timeout(1) gives.
    let end = if finished.status.code() == Some(124) { "time limit".to_owned() } else { finished.status.to_string() };
    outcomes.insert(format!("{script} end"), end);
}

/// Where the tests are; fetched the first time.
fn source() -> Outcome<PathBuf> {
    let directory = rump::build_directory().join("suites/perl");
    if !directory.join("complete").is_file() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/perl-source.sh");
        let fetch = Program::new("sh").arg(script).arg(&directory).limit(Duration::from_secs(300)).run();
        fetch.map_err(|failure| Failure::new(format!("perl's source package could not be fetched: {failure}")))?;
    }
    Ok(directory)
}

fn program(kernel: Kernel, bus: &Bus, directory: &Path, script: &Path) -> Outcome<Finished> {
    // perl refuses a script whose first line asks for taint checks, unless its command line does too.
    let first = std::fs::read(script)?.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
    let taint = if String::from_utf8_lossy(&first).contains("-T") { "-T " } else { "" };
    let line = format!("timeout --kill-after=1 {LIMIT} perl {taint}{}", script.display());
    let limit = Duration::from_secs(60);
    if kernel == Kernel::Rump {
        rump::built()?;
        let net = format!("{},addr=fd00::1/64", bus.node("10.9.0.1/24"));
        let (first, rest) = line.split_once(' ').unwrap_or((&line, ""));
        return Program::new(first).words(rest).directory(directory).nowhere().rump(&net).limit(limit).finish();
    }
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    let run = format!("ip link set lo up && exec {line}");
    Program::new("unshare").args(apart).args(["--net", "sh", "-c", &run]).directory(directory).limit(limit).finish()
}
