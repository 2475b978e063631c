//! The README's table of settings says what the code's tables say.

use kernel::config::keys::KEYS;
use kernel::config::links::LINKS;
use kernel::config::variables::VARIABLES;

const README: &str = include_str!("../../README.md");

/// Every setting as the README must have it: how its row begins.
fn rows() -> Vec<String> {
    let variables = VARIABLES.iter().map(|variable| format!("| `{}` | {} | ", variable.name, variable.takes));
    let links = LINKS.iter().map(|kind| format!("| `{}:{}` | {} | ", kind.name, kind.example, kind.takes));
    let keys = KEYS.iter().map(|key| format!("| `{}={}` | {} | ", key.name, key.example, key.takes));
    variables.chain(links).chain(keys).collect()
}

#[test]
fn every_setting_has_its_row() {
    for row in rows() {
        assert!(README.lines().any(|line| line.starts_with(&row)), "README.md has no row that begins with {row}");
    }
}

#[test]
fn repeatable_settings_are_called_so() {
    for key in KEYS {
        let row = format!("| `{}={}` | {} | ", key.name, key.example, key.takes);
        let said = README.lines().any(|line| line.starts_with(&row) && line.contains("repeatable"));
        assert_eq!(said, key.repeatable, "README.md, the row of {}", key.name);
    }
}

#[test]
fn there_is_no_row_of_a_setting_that_is_not_there() {
    let first = |name: &str| README.lines().position(|line| line == name);
    let from = first("| **variables** | | |").expect("the table of settings");
    let table = README.lines().skip(from).take_while(|line| line.starts_with('|'));
    let known = rows();
    for line in table.filter(|line| line.starts_with("| `")) {
        assert!(known.iter().any(|row| line.starts_with(row)), "README.md has a row of nothing: {line}");
    }
}
