//! The inputs that are kept: a file a target, a line an input, in hexadecimal.

use std::path::PathBuf;

/// Where a target's inputs are.
pub fn file(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus", &format!("{target}.hex")].iter().collect()
}

/// Reads such a file; the failure names the line that is none.
pub fn parse(text: &str) -> Result<Vec<Vec<u8>>, String> {
    text.lines().enumerate().map(|(at, line)| input(line).ok_or(format!("line {}: not hexadecimal", at + 1))).collect()
}

/// Writes one, shortest input first.
pub fn show(mut inputs: Vec<Vec<u8>>) -> String {
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    let line =
        |input: &Vec<u8>| input.iter().map(|byte| format!("{byte:02x}")).chain(["\n".into()]).collect::<String>();
    inputs.iter().map(line).collect()
}

fn input(line: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    line.len().is_multiple_of(2).then(|| line.as_bytes().chunks(2).map(pair).collect())?
}
