//! Names that no other test and no other run has.

use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// `PREFIX-PID-N`: short enough for a namespace, unique in this machine while the process lives.
pub fn name(prefix: &str) -> String {
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new directory under the temporary directory, removed with all that is in it on drop.
pub struct Directory(std::path::PathBuf);

impl Directory {
    /// Makes it. Others may read it: an unprivileged program of the test has to.
    pub fn new(prefix: &str) -> crate::Outcome<Directory> {
        let path = std::env::temp_dir().join(name(prefix));
        std::fs::create_dir_all(&path)?;
        Ok(Directory(path))
    }

    /// Its path.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// The path of `file` in it.
    pub fn join(&self, file: &str) -> std::path::PathBuf {
        self.0.join(file)
    }

    /// Writes `file` in it and returns its path.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) -> crate::Outcome<std::path::PathBuf> {
        let path = self.join(file);
        std::fs::write(&path, content)?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
