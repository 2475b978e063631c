//! Reading the small text files that names come from, by direct system calls: the hooked `open` is not for us.

use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::Result;

/// A file larger than this is cut: a hosts file of a million lines is no hosts file.
const LARGEST: usize = 16 << 20;

/// The text of the file at `path`; bytes that are no UTF-8 become U+FFFD.
pub fn read(path: &Path) -> Result<String> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 4096];
    while bytes.len() < LARGEST {
        match rustix::io::read(&file, &mut chunk) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
