//! `cargo xtask suite`: other people's test suites on both kernels, and docs/SUITES.md from what they saw.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use system_tests::failure::ensure;
use system_tests::suite::{Part, SUITES, Suite};
use system_tests::{Failure, Outcome};

use crate::{build, setup};

const TABLE: &str = "docs/SUITES.md";
const HEAD: &str = "\
# Other people's test suites

Made by `cargo xtask suite`: each case runs on the host kernel, which is the measure, and on a rump kernel under
`LD_PRELOAD=librumphijack.so`. What is not the same is listed below with its reason (`tests/known/`); anything else is a failure.
";

/// Runs one suite, or one part of it, or all.
pub fn run(name: Option<&str>, part: Option<&str>) -> Outcome {
    setup::everything()?;
    build::everything()?;
    let suites: Vec<&Suite> = SUITES.iter().filter(|suite| name.is_none_or(|name| name == suite.name)).collect();
    ensure(!suites.is_empty(), || {
        format!(
            "there is no such suite; there are {}",
            SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ")
        )
    })?;
    let (mut text, mut failures) = (HEAD.to_owned(), Vec::new());
    for suite in suites {
        let _ = write!(
            text,
            "\n## {}\n\n{}.\n\n| part | cases | the same | differ |\n|---|---|---|---|\n",
            suite.name, suite.what
        );
        let mut differences: Vec<(String, String)> = Vec::new();
        for part in suite.parts.iter().filter(|known| part.is_none_or(|part| part == known.name)) {
            let row = one(suite, part, &mut differences, &mut failures)?;
            print!("{row}");
            text += &row;
        }
        text += "\n| reason | cases |\n|---|---|\n";
        let known = suite.known()?;
        let reasons: BTreeSet<&str> = known.rows().map(|(_, reason)| reason).collect();
        for reason in reasons {
            let count = differences.iter().filter(|(case, _)| known.reason(case) == Some(reason)).count();
            let _ = writeln!(text, "| {reason} | {count} |");
        }
    }
    if name.is_none() && part.is_none() {
        std::fs::write(Path::new(TABLE), text)?;
        println!("the table is in {TABLE}");
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.concat())) }
}

fn one(
    suite: &Suite,
    part: &Part,
    differences: &mut Vec<(String, String)>,
    failures: &mut Vec<String>,
) -> Outcome<String> {
    let comparison = suite.compare(part)?;
    if let Err(failure) = suite.judge(part, &comparison) {
        failures.push(failure.to_string());
    }
    let (cases, differ) = (comparison.cases, comparison.differences.len());
    differences.extend(comparison.differences);
    Ok(format!("| {} | {cases} | {} | {differ} |\n", part.name, cases.saturating_sub(differ)))
}
