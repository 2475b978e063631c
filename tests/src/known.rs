//! The list of known differences: what rump does not do as Linux does in somebody's suite, and why.
//!
//! A line is `PATTERN | REASON`; `*` in a pattern stands for anything; lines that begin with `#`, and empty ones, are for the reader. A
//! difference that no line covers is a failure, and so is a line that covers none any more: the list says what is true.

use std::path::{Path, PathBuf};

use crate::{Failure, Outcome};

/// The lines of one file.
pub struct Known {
    file: PathBuf,
    rows: Vec<Row>,
}

struct Row {
    pattern: String,
    reason: String,
}

impl Known {
    /// `tests/known/NAME.txt`.
    pub fn read(name: &str) -> Outcome<Known> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("known").join(name).with_extension("txt");
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Failure::new(format!("the list of known differences {}: {error}", file.display())))?;
        Ok(Known { rows: rows(&text, &file)?, file })
    }

    /// The patterns and their reasons.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|row| (row.pattern.as_str(), row.reason.as_str()))
    }

    /// Why this differs; the first line that covers it.
    pub fn reason(&self, what: &str) -> Option<&str> {
        self.rows.iter().find(|row| covers(&row.pattern, what)).map(|row| row.reason.as_str())
    }

    /// Fails where one of `different` (what, and how) is not on the list, or where a line of the list whose pattern begins with one of
    /// `asked` covers none of them.
    pub fn judge(&self, different: &[(String, String)], asked: &[&str]) -> Outcome {
        const SHOWN: usize = 40;
        let news: Vec<&(String, String)> = different.iter().filter(|(what, _)| self.reason(what).is_none()).collect();
        let stale: Vec<&str> = self
            .rows()
            .map(|(pattern, _)| pattern)
            .filter(|pattern| asked.iter().any(|prefix| pattern.starts_with(prefix)))
            .filter(|pattern| !different.iter().any(|(what, _)| covers(pattern, what)))
            .collect();
        let mut text = String::new();
        if !news.is_empty() {
            text += &format!("{} differences are not in {}:\n", news.len(), self.file.display());
            for (what, how) in news.iter().take(SHOWN) {
                text += &format!("  {what}\n{how}");
            }
        }
        for pattern in &stale {
            text += &format!("no longer differs, so its line in {} must go: {pattern}\n", self.file.display());
        }
        if text.is_empty() { Ok(()) } else { Err(Failure::new(text)) }
    }
}

fn rows(text: &str, file: &Path) -> Outcome<Vec<Row>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.rsplit_once(" | ") {
            Some((pattern, reason)) if !reason.trim().is_empty() => {
                Ok(Row { pattern: pattern.trim().to_owned(), reason: reason.trim().to_owned() })
            }
            _ => Err(Failure::new(format!("{}: not `PATTERN | REASON`: {line:?}", file.display()))),
        })
        .collect()
}

/// Whether `pattern`, with `*` for anything, is the whole of `text`.
fn covers(pattern: &str, text: &str) -> bool {
    let Some((head, mut pattern)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    while let Some((piece, rest)) = pattern.split_once('*') {
        // The earliest place leaves the most for what follows.
        let Some(at) = text.find(piece) else { return false };
        (text, pattern) = (&text[at + piece.len()..], rest);
    }
    text.ends_with(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(covers("option/SO_TYPE: tcp, default", "option/SO_TYPE: tcp, default"));
        assert!(!covers("option/SO_TYPE", "option/SO_TYPE: tcp"));
        assert!(covers("option/*: *6, *", "option/SO_TYPE: tcp6, default"));
        assert!(!covers("option/*: *6, *", "option/SO_TYPE: tcp, default"));
        assert!(covers("*", ""));
        assert!(covers("a*b*b", "a b b"));
        assert!(!covers("a*b*b", "a b"));
    }

    fn known(text: &str) -> Known {
        Known { file: "list.txt".into(), rows: rows(text, Path::new("list.txt")).unwrap() }
    }

    fn different(what: &[&str]) -> Vec<(String, String)> {
        what.iter().map(|what| ((*what).to_owned(), String::new())).collect()
    }

    #[test]
    fn a_difference_that_is_not_listed_fails() {
        let known = known("# a comment\n\na: * | not there yet\n");
        known.judge(&different(&["a: 1", "a: 2"]), &[""]).unwrap();
        assert!(known.judge(&different(&["a: 1", "b: 1"]), &[""]).is_err());
    }

    #[test]
    fn a_line_that_covers_nothing_fails_where_it_was_asked() {
        let known = known("a: * | not there yet\nb: * | neither\n");
        known.judge(&different(&["a: 1"]), &["a"]).unwrap();
        assert!(known.judge(&different(&["a: 1"]), &["a", "b"]).is_err());
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert!(rows("a: *\n", Path::new("list.txt")).is_err());
        assert!(rows("a: * | \n", Path::new("list.txt")).is_err());
    }
}
