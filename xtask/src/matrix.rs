//! `cargo xtask matrix`: real programs with real workloads, and docs/PROGRAMS.md of how they did.

use std::fmt::Write;

use system_tests::failure::ensure;
use system_tests::matrix::{Over, ROWS, Row};
use system_tests::{Failure, Outcome};

use crate::{build, setup};

const TABLE: &str = "docs/PROGRAMS.md";
const HEAD: &str = "\
# Programs

Made by `cargo xtask matrix`: unmodified programs under `LD_PRELOAD=librumphijack.so`, each with a workload whose result is checked. On a *bus*
all of them are in rump kernels; over *TAP* the server is, and its clients are on the host's own network. Rates are of the machine that made the
table, with everything on it at once. A row that fails says why.

| program and workload | network | result |
|---|---|---|
";

/// Runs all rows, or those whose name contains `only`.
pub fn run(only: Option<&str>) -> Outcome {
    setup::for_matrix()?;
    build::everything()?;
    let rows: Vec<&Row> = ROWS.iter().filter(|row| only.is_none_or(|only| row.name.contains(only))).collect();
    ensure(!rows.is_empty(), || "no row of tests/src/matrix.rs has such a name".into())?;
    let (mut text, mut failures) = (HEAD.to_owned(), Vec::new());
    for row in rows {
        for over in row.networks() {
            let network = match over {
                Over::Bus => "bus",
                Over::Tap => "TAP",
            };
            let result = row.run(*over).unwrap_or_else(|failure| {
                failures.push(format!("{failure}\n"));
                "**failed**".into()
            });
            println!("{}, {network}: {result}", row.name);
            let _ = writeln!(text, "| {} | {network} | {result} |", row.name);
        }
    }
    if only.is_none() {
        std::fs::write(TABLE, text)?;
        println!("the table is in {TABLE}");
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.concat())) }
}
