//! `cargo xtask install`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use system_tests::{Failure, Outcome, rump};

use crate::build;

/// `PREFIX/bin/rump`, `PREFIX/lib/librumphijack.so`, and `PREFIX/lib/rump/librumphijack.so` as a link to it.
pub fn install(prefix: Option<PathBuf>) -> Outcome {
    build::library()?;
    let root = rustix::process::geteuid().is_root();
    let prefix = match prefix {
        Some(prefix) => prefix,
        None if root => PathBuf::from("/usr/local"),
        None => PathBuf::from(
            std::env::var_os("HOME").ok_or_else(|| Failure::new("HOME is not set: say where by --prefix"))?,
        )
        .join(".local"),
    };
    let (programs, libraries) = (prefix.join("bin"), prefix.join("lib"));
    let command = programs.join("rump");
    let library = libraries.join("librumphijack.so");
    place(&rump::command(), &command)?;
    place(&rump::library(), &library)?;
    let link = libraries.join("rump/librumphijack.so");
    prepare(&link)?;
    symlink("../librumphijack.so", &link).map_err(|error| failed(&link, &error))?;
    println!("installed {}\n          {}", command.display(), library.display());
    let bare = root && Command::new("ldconfig").status().is_ok_and(|status| status.success()) && cached();
    let preload = if bare { "librumphijack.so".to_owned() } else { library.display().to_string() };
    println!("\n  rump run --net NET -- PROGRAM\n  LD_PRELOAD={preload} RUMP_NET=NET PROGRAM");
    Ok(())
}

/// Whether the dynamic linker finds the library by its bare name.
fn cached() -> bool {
    Command::new("ldconfig")
        .arg("-p")
        .output()
        .is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains("librumphijack.so"))
}

/// Copies beside the target and renames, so that a program that runs with the old library keeps it whole.
fn place(from: &Path, to: &Path) -> Outcome {
    prepare(to)?;
    let beside = to.with_extension("new");
    fs::copy(from, &beside).and_then(|_| fs::rename(&beside, to)).map_err(|error| failed(to, &error))
}

fn prepare(path: &Path) -> Outcome {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|error| failed(directory, &error))?;
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => fs::remove_file(path).map_err(|error| failed(path, &error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("could not install {}: {error}; choose another place by --prefix", path.display()))
}
