//! `cargo xtask suite`: other people's test suites on both kernels, and docs/SUITES.md from what they saw.

use std::collections::BTreeSet;
use std::fmt::Write;

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
    let mut failures = Vec::new();
    for suite in suites {
        let section = section(suite, part, &mut failures)?;
        if part.is_none() {
            keep(suite, &section)?;
            println!("the table of {} is in {TABLE}", suite.name);
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures.concat())) }
}

/// What is to be said of a suite, and what is wrong with it.
fn section(suite: &Suite, part: Option<&str>, failures: &mut Vec<String>) -> Outcome<String> {
    let mut text = format!("{}.\n\n| part | cases | the same | differ |\n|---|---|---|---|\n", suite.what);
    let mut differences: Vec<(String, String)> = Vec::new();
    for part in suite.parts.iter().filter(|known| part.is_none_or(|part| part == known.name)) {
        let row = one(suite, part, &mut differences, failures)?;
        print!("{row}");
        text += &row;
    }
    let known = suite.known()?;
    let reasons: BTreeSet<&str> = known.rows().map(|(_, reason)| reason).collect();
    if !reasons.is_empty() {
        text += "\n| reason | cases |\n|---|---|\n";
    }
    for reason in reasons {
        let count = differences.iter().filter(|(case, _)| known.reason(case) == Some(reason)).count();
        let _ = writeln!(text, "| {reason} | {count} |");
    }
    Ok(text)
}

/// Puts the section into the document, where the other suites keep theirs.
fn keep(suite: &Suite, section: &str) -> Outcome {
    let old = std::fs::read_to_string(TABLE).unwrap_or_default();
    std::fs::write(TABLE, document(&old, suite.name, section))?;
    Ok(())
}

fn document(old: &str, name: &str, section: &str) -> String {
    let mut sections: Vec<(&str, &str)> =
        old.split("\n## ").skip(1).filter_map(|text| text.split_once("\n\n")).filter(|(of, _)| *of != name).collect();
    sections.push((name, section));
    sections.sort_unstable();
    let sections = sections.iter().map(|(name, text)| format!("\n## {name}\n\n{}\n", text.trim_end()));
    HEAD.to_owned() + &sections.collect::<String>()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_its_older_one() {
        let first = document("", "perl", "old\n");
        let both = document(&document(&first, "tokio", "good\n"), "perl", "new\n");
        assert_eq!(both, format!("{HEAD}\n## perl\n\nnew\n\n## tokio\n\ngood\n"));
    }
}
