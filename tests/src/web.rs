//! The everyday pair: python's HTTP server and curl, and the file that goes between them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::ensure;
use crate::unique::Directory;
use crate::{Outcome, Program, Running, content};

/// What `index.html` of a [`Site`] says.
pub const PAGE: &str = "a page\n";

/// A directory to serve: `index.html`, and `file` of a given size.
pub struct Site {
    directory: Directory,
    digest: String,
}

impl Site {
    /// With a file of `size` bytes.
    pub fn new(size: u64) -> Outcome<Site> {
        let directory = Directory::new("rump-site")?;
        directory.write("index.html", PAGE)?;
        content::write(&directory.join("file"), size)?;
        let digest = content::sha256(&directory.join("file"))?;
        Ok(Site { directory, digest })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Fetches both from `http://AUTHORITY/` by the curl that `on` places, and compares.
    pub fn fetch(&self, authority: &str, on: impl Fn(Program) -> Program) -> Outcome {
        let page = on(curl(&format!("http://{authority}/"))).run()?.text();
        ensure(page == PAGE, || format!("http://{authority}/ gave {page:?} and not {PAGE:?}"))?;
        self.fetch_file(authority, on)
    }

    /// Fetches the file and compares digests.
    pub fn fetch_file(&self, authority: &str, on: impl Fn(Program) -> Program) -> Outcome {
        let place = Directory::new("rump-got")?;
        let got: PathBuf = place.join("file");
        let url = format!("http://{authority}/file");
        on(curl(&url).arg("--output").arg(&got)).limit(Duration::from_secs(60)).run()?;
        let digest = content::sha256(&got)?;
        ensure(digest == self.digest, || format!("{url} came with SHA-256 {digest} and not {}", self.digest))
    }
}

/// `python3 -m http.server PORT` that serves `directory`; the caller says what it runs on and starts it by [`ready`].
pub fn server(port: u16, directory: &Path) -> Program {
    Program::new("python3")
        .args(["-u", "-m", "http.server", &port.to_string(), "--directory"])
        .arg(directory)
        .limit(Duration::from_secs(120))
}

/// Starts it and waits until it says that it serves.
pub fn ready(server: Program) -> Outcome<Running> {
    let mut running = server.start()?;
    running.expect("Serving HTTP")?;
    Ok(running)
}

/// curl for one URL, quiet but for errors; it fails on HTTP errors and is never kept waiting for ever.
pub fn curl(url: &str) -> Program {
    Program::new("curl").args(["-sS", "--fail", "--noproxy", "*", "--max-time", "50", url])
}
