//! The running kernels of this machine, found by their arenas: each is a memfd that its process holds open.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use arena::observe::{Observation, Observed};

/// A running kernel.
pub struct Running {
    pub pid: u32,
    /// As its program is called.
    pub name: String,
    pub sockets: Vec<Observation>,
}

/// What every arena's memfd is called, before the name of the program.
const PREFIX: &str = "rump-";

/// The kernels of one process, or of all processes that may be looked at, by number.
pub fn find(pid: Option<u32>) -> Result<Vec<Running>, String> {
    let Some(pid) = pid else { return Ok(once(processes().into_iter().flat_map(|pid| of(pid).unwrap_or_default()))) };
    match of(pid) {
        Ok(arenas) if arenas.is_empty() => Err(format!(
            "process {pid} has no rump kernel: `rump ps` shows who has, a program has none before its first socket"
        )),
        Ok(arenas) => Ok(once(arenas)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("there is no process {pid}")),
        Err(error) => Err(format!("process {pid} cannot be looked at ({error}): it takes its own user, or root")),
    }
}

/// An arena, and one process that holds it.
struct Found {
    pid: u32,
    file: (u64, u64),
    arena: Observed,
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn of(pid: u32) -> io::Result<Vec<Found>> {
    let directory = fs::read_dir(format!("/proc/{pid}/fd"))?;
    Ok(directory.flatten().filter_map(|entry| found(pid, &entry.path())).collect())
}

fn found(pid: u32, descriptor: &Path) -> Option<Found> {
    let target = fs::read_link(descriptor).ok()?;
    target.to_str()?.strip_prefix("/memfd:")?.strip_prefix(PREFIX)?;
    let status = fs::metadata(descriptor).ok()?;
    Some(Found { pid, file: (status.dev(), status.ino()), arena: Observed::open(descriptor).ok()? })
}

/// Each arena once, with its kernel's own process if that holds it: children of a fork hold copies.
fn once(all: impl IntoIterator<Item = Found>) -> Vec<Running> {
    let mut arenas: BTreeMap<(u64, u64), Found> = BTreeMap::new();
    for found in all {
        let better = |have: &Found| found.pid == found.arena.pid && have.pid != have.arena.pid;
        if arenas.get(&found.file).is_none_or(better) {
            arenas.insert(found.file, found);
        }
    }
    let mut running: Vec<_> = arenas.into_values().filter_map(observe).collect();
    running.sort_by_key(|running| running.pid);
    running
}

/// `None` if the kernel ended meanwhile.
fn observe(Found { pid, arena, .. }: Found) -> Option<Running> {
    let sockets = arena.sockets().ok()?;
    let name = arena.name.strip_prefix(PREFIX).unwrap_or(&arena.name).to_owned();
    Some(Running { pid, name, sockets })
}

/// The command line of a process, and its value of a variable, as far as they can be read.
pub fn command_line(pid: u32) -> String {
    let words = fs::read(PathBuf::from(format!("/proc/{pid}/cmdline"))).unwrap_or_default();
    let words: Vec<_> = words.split(|&b| b == 0).map(String::from_utf8_lossy).collect();
    words.join(" ").trim_end().to_owned()
}

/// A variable of the environment with which a process was started.
pub fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |entry: &[u8]| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    environment.split(|&b| b == 0).find_map(value).map(|value| String::from_utf8_lossy(&value).into_owned())
}
