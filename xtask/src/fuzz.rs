//! `cargo xtask fuzz`: the targets of `fuzz/` under libFuzzer, and the inputs that are kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use system_tests::failure::ensure;
use system_tests::{Outcome, rump};

use crate::build;

/// Where the kept inputs are, a file a target.
const CORPUS: &str = "fuzz/corpus";
/// libFuzzer's options for every run: no input is longer, none may take longer.
const OPTIONS: &[&str] = &["-max_len=2048", "-timeout=20"];

/// What to run.
pub struct Plan {
    /// Seconds for each target.
    pub seconds: u32,
    /// Only the target of this name.
    pub only: Option<String>,
    /// Add what was found to the kept inputs.
    pub keep: bool,
}

/// Fuzzes each target. A failure names the input that did it.
pub fn fuzz(plan: &Plan) -> Outcome {
    ensure(available(), || {
        "fuzzing wants the nightly toolchain and cargo-fuzz (`rustup toolchain install nightly`, `cargo install cargo-fuzz`); \
         `cargo test -p fuzz-targets` runs the kept inputs without"
            .into()
    })?;
    let all = targets()?;
    let chosen = |name: &&String| plan.only.as_ref().is_none_or(|only| only == *name);
    ensure(all.iter().any(|name| chosen(&name)), || format!("there is no such target; there are {}", all.join(", ")))?;
    all.iter().filter(chosen).try_for_each(|name| target(name, plan))
}

/// A few seconds of each target; where that cannot be, the tests of the kept inputs must do.
pub fn briefly() -> Outcome {
    if available() {
        return fuzz(&Plan { seconds: 10, only: None, keep: false });
    }
    println!("no nightly toolchain with cargo-fuzz here: of the fuzz targets, only the kept inputs were run");
    Ok(())
}

fn targets() -> Outcome<Vec<String>> {
    let name = |path: PathBuf| path.file_stem().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(CORPUS)? {
        names.extend(name(entry?.path()));
    }
    names.sort();
    Ok(names)
}

fn target(name: &str, plan: &Plan) -> Outcome {
    let (known, found) = (fresh(name, "known")?, fresh(name, "found")?);
    corpus("unpack", name, &known)?;
    let time = format!("-max_total_time={}", plan.seconds);
    let failures = format!("-artifact_prefix={}/", work().display());
    libfuzzer(name, &[&found, &known], &[&time, &failures])?;
    if !plan.keep {
        return Ok(());
    }
    // Of all, those that together reach what was reached.
    let kept = fresh(name, "kept")?;
    libfuzzer(name, &[&kept, &found, &known], &["-merge=1"])?;
    corpus("keep", name, &kept)
}

fn corpus(task: &str, name: &str, directory: &Path) -> Outcome {
    let directory = directory.display().to_string();
    build::cargo(&["run", "--quiet", "-p", "fuzz-targets", "--bin", "fuzz", "--", task, name, &directory])
}

fn libfuzzer(name: &str, directories: &[&Path], options: &[&str]) -> Outcome {
    let mut command = nightly();
    command.args(["run", "--fuzz-dir", "fuzz/libfuzzer", "--target-dir"]).arg(work().join("build"));
    command.arg(name).args(directories).arg("--").args(OPTIONS).args(options);
    let status = command.status()?;
    ensure(status.success(), || {
        format!("the target {name} failed ({status}); its input is the newest file in {}", work().display())
    })
}

fn available() -> bool {
    nightly().arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}

/// `cargo fuzz` of another toolchain than the one that runs us, which has left its traces in the environment.
fn nightly() -> Command {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz"]);
    ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "RUSTC", "RUSTDOC"].iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

/// An empty directory beside the build.
fn fresh(target: &str, what: &str) -> Outcome<PathBuf> {
    let path = work().join(format!("{target}-{what}"));
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    fs::create_dir_all(&path)?;
    Ok(path)
}

fn work() -> PathBuf {
    rump::build_directory().with_file_name("fuzz")
}
