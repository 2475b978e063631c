//! The everyday pair: python's HTTP server and curl.

use std::path::Path;
use std::time::Duration;

use crate::{Outcome, Program, Running};

/// `python3 -m http.server PORT` that serves `directory`; the caller adds what it runs on, starts it, and waits with [`ready`].
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
    Program::new("curl").args(["-sS", "--fail", "--noproxy", "*", "--max-time", "25", url])
}
