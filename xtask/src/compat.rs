//! `cargo xtask compat`: the generated suite on both kernels, and docs/COMPATIBILITY.md from what it saw.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use system_tests::compat::{self, Difference, GROUPS, Kernel, Seen};
use system_tests::{Known, Outcome};

/// The kinds of sockets, in the order of the columns.
const KINDS: &[&str] = &["tcp", "udp", "raw", "ping", "tcp6", "udp6", "raw6", "ping6", "packet"];

/// Prints what differs among the cases that begin with `prefix`, with the reason where it is known.
pub fn print(prefix: &str) -> Outcome {
    let (host, rump) = (compat::run(Kernel::Host, prefix)?, compat::run(Kernel::Rump, prefix)?);
    let differences = compat::differences(&host, &rump);
    let known = Known::read("compat")?;
    let absent = "(no such line)";
    for one in &differences {
        println!("{}", one.name());
        println!("    host {}", one.host.as_deref().unwrap_or(absent));
        println!("    rump {}", one.rump.as_deref().unwrap_or(absent));
        println!(
            "    {}",
            known.reason(&one.name()).map_or("not listed".to_owned(), |reason| format!("known: {reason}"))
        );
    }
    println!("{} of {} lines differ", differences.len(), host.len());
    Ok(())
}

/// Writes the table, then judges.
pub fn write(table: &Path) -> Outcome {
    let (mut host, mut rump) = (Seen::new(), Seen::new());
    for group in GROUPS {
        host.extend(compat::run(Kernel::Host, group)?);
        rump.extend(compat::run(Kernel::Rump, group)?);
    }
    let differences = compat::differences(&host, &rump);
    if let Some(directory) = table.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(table, Page { host: &host, rump: &rump, differences: &differences }.text()?)?;
    println!("{} of {} lines differ; the table is in {}", differences.len(), host.len(), table.display());
    compat::judge(&differences, GROUPS)
}

struct Page<'a> {
    host: &'a Seen,
    rump: &'a Seen,
    differences: &'a [Difference],
}

/// A cell of a table.
#[derive(Default, Clone)]
struct Cell {
    lines: usize,
    /// The whats or the states that differ.
    differ: BTreeSet<String>,
    /// rump says ENOPROTOOPT or the like throughout, where the host does not.
    missing: bool,
}

impl Cell {
    fn show(&self) -> String {
        match self {
            Cell { lines: 0, .. } => "–".to_owned(),
            Cell { differ, .. } if differ.is_empty() => "same".to_owned(),
            Cell { missing: true, .. } => "missing".to_owned(),
            Cell { differ, lines, .. } => format!("{} of {lines}", differ.len()),
        }
    }
}

type Table = BTreeMap<String, BTreeMap<String, Cell>>;

impl Page<'_> {
    fn text(&self) -> Outcome<String> {
        let mut text = String::from(HEAD);
        let total = self.host.len();
        let differ = self.differences.len();
        let _ = writeln!(text, "Of {total} lines {} are the same and {differ} differ.\n", total.saturating_sub(differ));
        self.options(&mut text);
        self.calls(&mut text);
        self.pointers(&mut text);
        self.reasons(&mut text)?;
        Ok(text)
    }

    /// Cells of `group`, by what `place` makes of a line: the row, the column, what is counted.
    fn table(&self, group: &str, place: impl Fn(&str, &str) -> Option<(String, String, String)>) -> Table {
        let mut table = Table::new();
        for ((case, what), value) in self.host.iter().filter(|((case, _), _)| case.starts_with(group)) {
            let Some((row, column, counted)) = place(case, what) else { continue };
            let cell = table.entry(row).or_default().entry(column).or_default();
            cell.lines += 1;
            let ours = self.rump.get(&(case.clone(), what.clone()));
            if ours != Some(value) {
                cell.differ.insert(counted);
                cell.missing |= what.ends_with(", default") && ours.is_some_and(|ours| ours == "ENOPROTOOPT");
                cell.missing |= what.ends_with(", socket") || ours.is_none();
            }
        }
        table
    }

    fn options(&self, text: &mut String) {
        text.push_str(OPTIONS);
        let table = self.table("option/", |case, what| {
            let (kind, what) = what.split_once(", ")?;
            Some((case.strip_prefix("option/")?.to_owned(), kind.to_owned(), what.to_owned()))
        });
        rows(text, "option", &table);
    }

    fn calls(&self, text: &mut String) {
        text.push_str(CALLS);
        let table = self.table("call/", |case, what| {
            let (kind, state) = case.strip_prefix("call/")?.split_once('/')?;
            Some((what.to_owned(), kind.to_owned(), state.to_owned()))
        });
        rows(text, "call", &table);
        text.push_str("\nThe states in which a call differs:\n\n");
        for (call, cells) in &table {
            for (kind, cell) in cells.iter().filter(|(_, cell)| !cell.differ.is_empty() && !cell.missing) {
                let states: Vec<&str> = cell.differ.iter().map(String::as_str).collect();
                let _ = writeln!(text, "- {call}, {kind}: {}", states.join("; "));
            }
        }
    }

    fn pointers(&self, text: &mut String) {
        text.push_str(POINTERS);
        let of = |seen: &Seen, key: &(String, String)| seen.get(key).cloned().unwrap_or_else(|| "SIGSEGV".to_owned());
        for key in self.host.keys().filter(|(case, _)| case.starts_with("pointer/")) {
            let (host, rump) = (of(self.host, key), of(self.rump, key));
            let call = key.0.trim_start_matches("pointer/");
            let result = if host == rump { "same".to_owned() } else { format!("Linux {host}, rump {rump}") };
            let _ = writeln!(text, "| {call} | {} | {result} |", key.1);
        }
    }

    fn reasons(&self, text: &mut String) -> Outcome {
        text.push_str(REASONS);
        let known = Known::read("compat")?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let names: Vec<String> = self.differences.iter().map(Difference::name).collect();
        for name in &names {
            *counts.entry(known.reason(name).unwrap_or("**not listed: a bug**")).or_default() += 1;
        }
        for (reason, count) in counts {
            let _ = writeln!(text, "| {count} | {reason} |");
        }
        Ok(())
    }
}

fn rows(text: &mut String, first: &str, table: &Table) {
    let columns: Vec<&str> =
        KINDS.iter().copied().filter(|kind| table.values().any(|cells| cells.contains_key(*kind))).collect();
    let _ = writeln!(text, "| {first} | {} |\n|---|{}", columns.join(" | "), "---|".repeat(columns.len()));
    for (row, cells) in table {
        let cells: Vec<String> =
            columns.iter().map(|kind| cells.get(*kind).cloned().unwrap_or_default().show()).collect();
        let _ = writeln!(text, "| {row} | {} |", cells.join(" | "));
    }
}

const HEAD: &str = "# Compatibility, call by call

Made by `cargo xtask compat`: a generated suite (`tests/src/bin/semantics/matrix`) runs on the host kernel, which is the oracle, and then
under `librumphijack.so`, and each line that it prints is compared. What may differ is listed with its reason in
`tests/known/compat.txt`; a difference that is not listed fails the tests, and so does a line of the list that has become the same.
The written cases (`tests/src/bin/semantics`: order of events, blocking, signals, threads) are compared in the same way; what differs
there is in POSIX.md.

";

const OPTIONS: &str = "## Options

Each option of socket(7), ip(7), ipv6(7), tcp(7), udp(7), raw(7) and packet(7), on a fresh socket of each kind: what it is at first, with
room for 0 to 256 bytes; twenty values around the limits that Linux has, and what the option says then; lengths that are short, zero, long
and negative. \"same\": every line is. \"3 of 39\": so many lines differ. \"missing\": there is no such option or socket yet.

";

const CALLS: &str = "\n## Calls

Each call on a socket of each kind in each state (a TCP socket: fresh, bound, listening, connecting, refused, connected, shut down each
way, reset, …). A line is what the call gave, and what poll(2), SO_ERROR, TCP's state and the peer said then. \"2 of 22\": it differs in
two states.

";

const POINTERS: &str = "\n## Pointers that point nowhere

| call | socket | |
|---|---|---|
";

const REASONS: &str = "\n## Why

| lines | reason |
|---|---|
";
