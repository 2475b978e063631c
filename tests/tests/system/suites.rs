//! Other people's test suites, as far as they take seconds. `cargo xtask suite` runs all of them.

use system_tests::suite::SUITES;
use system_tests::{Failure, Outcome};

fn check(name: &str) -> Outcome {
    let suite = SUITES.iter().find(|suite| suite.name == name);
    suite.ok_or_else(|| Failure::new(format!("no suite {name}")))?.check_quickly()
}

#[test]
fn python() -> Outcome {
    check("python")
}
