//! Files to carry: known content, and the digest by which it is recognised.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::{Outcome, Program};

/// Writes `size` bytes that compress badly and repeat nowhere near, the same ones every time.
pub fn write(path: &Path, size: u64) -> Outcome {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left = size;
    while left > 0 {
        // xorshift64: every byte position differs from its neighbours, so a lost, doubled or shifted piece shows.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bytes = state.to_le_bytes();
        let n = left.min(8);
        file.write_all(&bytes[..n as usize])?;
        left -= n;
    }
    file.flush()?;
    Ok(())
}

/// The SHA-256 of a file, as `sha256sum` prints it.
pub fn sha256(path: &Path) -> Outcome<String> {
    let text = Program::new("sha256sum").arg(path).run()?.text();
    Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
}
