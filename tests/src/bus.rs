//! A shmif bus of a test's own.

use std::path::{Path, PathBuf};

use crate::unique;

/// A path for a bus file in `/dev/shm`; the first node creates the file, and dropping this removes it.
pub struct Bus {
    path: PathBuf,
}

impl Bus {
    /// A path that nothing uses yet.
    #[allow(clippy::new_without_default, reason = "each one is a different file")]
    pub fn new() -> Bus {
        Bus { path: Path::new("/dev/shm").join(unique::name("rump-test")) }
    }

    /// Where the bus is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `RUMP_NET` for a node at `address` (`10.0.0.2/24`, or `10.0.0.0/24` for any free one).
    pub fn node(&self, address: &str) -> String {
        format!("shmif:{},addr={address}", self.path.display())
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
