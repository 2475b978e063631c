//! The socket-semantics suite: the same program on the host kernel and on a rump kernel must see the same things.
//!
//! The host's run is in a network namespace of its own; the rump run has its loopback alone, in a namespace where nothing is up. A line that may differ is in
//! [`DEVIATIONS`] with its reason, and so in POSIX.md; one that no longer differs must leave that list.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use system_tests::failure::ensure;
use system_tests::{Failure, Outcome, Program, rump};

/// (how the lines begin, why they differ). POSIX.md has a row for each.
const DEVIATIONS: &[(&str, &str)] = &[];

/// One group's lines, by case, in their order.
type Seen = BTreeMap<String, Vec<String>>;

fn seen(program: Program) -> Outcome<Seen> {
    let output = program.limit(Duration::from_secs(240)).run()?.text();
    let mut cases = Seen::new();
    for line in output.lines() {
        let case = line.split(':').next().unwrap_or_default();
        cases.entry(case.to_owned()).or_default().push(line.to_owned());
    }
    Ok(cases)
}

fn on_the_host(group: &str) -> Outcome<Seen> {
    let run = format!("ip link set lo up && exec {} run {group}.", rump::semantics().display());
    seen(Program::new("unshare").args(["--user", "--map-root-user", "--net", "sh", "-c", &run]))
}

fn on_rump(group: &str) -> Outcome<Seen> {
    seen(Program::new(rump::semantics()).args(["run", &format!("{group}.")]).nowhere().preload())
}

fn deviates(line: &str) -> bool {
    DEVIATIONS.iter().any(|(known, _)| line.starts_with(known))
}

/// The lines that differ, both sides, with the allowed ones left out.
fn difference(host: &[String], rump: &[String]) -> Option<String> {
    let kept = |lines: &[String]| lines.iter().filter(|line| !deviates(line)).cloned().collect::<Vec<_>>();
    let (host, rump) = (kept(host), kept(rump));
    if host == rump {
        return None;
    }
    let from = host.iter().zip(&rump).take_while(|(a, b)| a == b).count();
    let side = |name: &str, lines: &[String]| {
        lines[from..].iter().take(8).map(|line| format!("  {name} {line}\n")).collect::<String>()
    };
    Some(side("host", &host) + &side("rump", &rump))
}

fn compare(group: &str) -> Outcome {
    rump::built()?;
    let (host, rump) = (on_the_host(group)?, on_rump(group)?);
    ensure(!host.is_empty(), || format!("no case of group {group:?} ran"))?;
    let broken: Vec<&String> = host.values().flatten().filter(|line| line.ends_with("hangs")).collect();
    ensure(broken.is_empty(), || format!("the suite itself hangs on the host kernel: {broken:?}"))?;
    let nothing = Vec::new();
    let differences: Vec<String> =
        host.iter().filter_map(|(case, lines)| difference(lines, rump.get(case).unwrap_or(&nothing))).collect();
    ensure(differences.is_empty(), || {
        format!("{} of {} cases differ:\n{}", differences.len(), host.len(), differences.join("\n"))
    })?;
    let stale: Vec<&str> = DEVIATIONS
        .iter()
        .map(|(known, _)| *known)
        .filter(|known| known.starts_with(&format!("{group}.")) && !really_deviates(known, &host, &rump))
        .collect();
    if stale.is_empty() { Ok(()) } else { Err(Failure::new(format!("no longer deviate: {stale:?}"))) }
}

fn really_deviates(known: &str, host: &Seen, rump: &Seen) -> bool {
    let lines = |seen: &Seen| -> Vec<String> {
        seen.values().flatten().filter(|line| line.starts_with(known)).cloned().collect()
    };
    lines(host) != lines(rump)
}

#[test]
fn each_deviation_is_in_posix_md() -> Outcome {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../POSIX.md");
    let text = std::fs::read_to_string(file)?;
    for (known, why) in DEVIATIONS {
        ensure(text.contains(&format!("`{known}`")), || format!("POSIX.md has no row for `{known}`: {why}"))?;
    }
    Ok(())
}

macro_rules! groups {
    ($($group:ident)*) => {
        /// A test of each is below.
        const GROUPS: &[&str] = &[$(stringify!($group)),*];

        $(
            #[test]
            fn $group() -> Outcome {
                compare(stringify!($group))
            }
        )*
    };
}

groups! {
    life listen lowat data splice options dgram receiving udplite cork zerocopy stamping urgent driven fastopen multicast inet6 flowlabel anycast header included raw pktoptions netlink sockdiag procnet arp
    streamip poll epoll fd stdio signal smallstack names number packet packetring packetfanout packetvnet packetbyname filter fortified blocked reuseport savesyn repair
}

/// Cases of the generated suite have a slash in their names, and tests of their own (`compat`).
#[test]
fn every_group_of_the_suite_is_compared() -> Outcome {
    let all = Program::new(rump::semantics()).arg("list").run()?.text();
    let groups = all.lines().filter_map(|case| case.split_once('.')).map(|(group, _)| group);
    let forgotten: BTreeSet<&str> = groups.filter(|group| !group.contains('/') && !GROUPS.contains(group)).collect();
    ensure(forgotten.is_empty(), || format!("no test runs the cases of {forgotten:?}"))
}
