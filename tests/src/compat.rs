//! One suite, two kernels: the semantics program on the host kernel, the oracle, and on a rump kernel; and where they differ.
//!
//! The host's run has a network namespace of its own with its loopback up; where the caller is root it keeps root's capabilities, since
//! every caller of a rump kernel has them there. The rump run has its loopback alone, in a namespace where nothing is up.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Failure, Known, Outcome, Program, rump};

/// The groups of generated cases, as their names begin.
pub const GROUPS: &[&str] = &["option/", "call/", "pointer/"];

/// (case, what) → what was seen.
pub type Seen = BTreeMap<(String, String), String>;

/// Where a run took place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// The host's own.
    Host,
    /// rump's, by the preload.
    Rump,
}

/// What the cases that begin with `prefix` saw.
pub fn run(kernel: Kernel, prefix: &str) -> Outcome<Seen> {
    rump::built()?;
    let program = match kernel {
        Kernel::Host => host(prefix),
        Kernel::Rump => Program::new(rump::semantics()).args(["run", prefix]).nowhere().preload(),
    };
    let output = program.limit(Duration::from_secs(280)).run()?.text();
    let mut seen = Seen::new();
    for line in output.lines() {
        let (case, rest) = line.split_once(": ").unwrap_or((line, ""));
        let (what, value) = rest.split_once(": ").unwrap_or((rest, ""));
        if let Some(twice) = seen.insert((case.to_owned(), what.to_owned()), value.to_owned()) {
            return Err(Failure::new(format!("the suite says {case}: {what} twice: {twice} and {value}")));
        }
    }
    if seen.is_empty() { Err(Failure::new(format!("no case begins with {prefix:?}"))) } else { Ok(seen) }
}

fn host(prefix: &str) -> Program {
    // Ping sockets are for anybody inside a rump kernel.
    let prepare = "ip link set lo up && printf '0 0' >/proc/sys/net/ipv4/ping_group_range";
    let run = format!("{prepare} && exec {} run '{prefix}'", rump::semantics().display());
    let apart: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
    Program::new("unshare").args(apart).args(["--net", "sh", "-c", &run])
}

/// One thing that was not the same.
pub struct Difference {
    /// Of which case.
    pub case: String,
    /// Of what of it.
    pub what: String,
    /// On the host kernel; none where the line is missing.
    pub host: Option<String>,
    /// On rump.
    pub rump: Option<String>,
}

impl Difference {
    /// As the list of known differences names it.
    pub fn name(&self) -> String {
        format!("{}: {}", self.case, self.what)
    }

    fn how(&self) -> String {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(no such line)".to_owned());
        format!("    host {}\n    rump {}\n", side(&self.host), side(&self.rump))
    }
}

/// All of them, in the order of their names.
pub fn differences(host: &Seen, rump: &Seen) -> Vec<Difference> {
    let mut names: Vec<&(String, String)> =
        host.keys().chain(rump.keys().filter(|key| !host.contains_key(*key))).collect();
    names.sort();
    names
        .into_iter()
        .filter(|key| host.get(*key) != rump.get(*key))
        .map(|key| Difference {
            case: key.0.clone(),
            what: key.1.clone(),
            host: host.get(key).cloned(),
            rump: rump.get(key).cloned(),
        })
        .collect()
}

/// Runs a group on both and judges by `tests/known/compat.txt`.
pub fn check(group: &str) -> Outcome {
    let (host, rump) = (run(Kernel::Host, group)?, run(Kernel::Rump, group)?);
    judge(&differences(&host, &rump), &[group])
}

/// By `tests/known/compat.txt`.
pub fn judge(differences: &[Difference], groups: &[&str]) -> Outcome {
    let different: Vec<(String, String)> = differences.iter().map(|one| (one.name(), one.how())).collect();
    Known::read("compat")?.judge(&different, groups)
}
