//! The files that programs read the network out of: for each there is ours, with what is true in a rump kernel.

use crate::names::{self, NameFile};
use crate::{Result, proc_net};

/// What a program finds that opens the file at `path` to read it. None: it is the host's.
///
/// # Errors
/// ENETDOWN in a child of vfork(2).
pub fn shown(path: &[u8]) -> Option<Result<String>> {
    match NameFile::at(path) {
        Some(file) => names::shown_file(file).map(Ok),
        None => proc_net::shown(path),
    }
}
