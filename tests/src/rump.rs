//! Where the built library and command are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{Failure, Outcome, failure::ensure};

/// `RUMP_BUILD` in the environment (set by `cargo xtask`), else the directory of the profile that the test was built with.
pub fn build_directory() -> PathBuf {
    if let Some(directory) = std::env::var_os("RUMP_BUILD") {
        return directory.into();
    }
    let exe = std::env::current_exe().unwrap_or_default();
    let directory = exe.parent().unwrap_or(Path::new("."));
    if directory.ends_with("deps") { directory.parent().unwrap_or(directory).into() } else { directory.into() }
}

/// `librumphijack.so`.
pub fn library() -> PathBuf {
    build_directory().join("librumphijack.so")
}

/// The `rump` command.
pub fn command() -> PathBuf {
    build_directory().join("rump")
}

/// The socket-semantics program.
pub fn semantics() -> PathBuf {
    build_directory().join("semantics")
}

/// Sees to it that they are built from the present sources. Under `cargo xtask` (`RUMP_BUILD`) they are; else cargo is asked, which
/// costs a moment when nothing has changed.
pub fn built() -> Outcome {
    static BUILT: OnceLock<Outcome> = OnceLock::new();
    BUILT.get_or_init(build).as_ref().map_err(|failure| Failure::new(failure.to_string())).copied()
}

fn build() -> Outcome {
    if std::env::var_os("RUMP_BUILD").is_none() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "-p", "rumphijack", "-p", "rump", "-p", "system-tests", "--target-dir"]);
        build.arg(build_directory().join("..")).args(if cfg!(debug_assertions) { &[][..] } else { &["--release"] });
        ensure(build.status()?.success(), || "`cargo build -p rumphijack -p rump` failed".to_owned())?;
    }
    for file in [library(), command()] {
        ensure(file.is_file(), || {
            format!("{} is not built: run `cargo build --release -p rumphijack -p rump`", file.display())
        })?;
    }
    Ok(())
}
