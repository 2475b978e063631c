//! A capture, looked at by an independent judge: tshark with its checksum validation switched on.

use std::path::Path;
use std::time::Duration;

use crate::{Outcome, Program, failure::ensure};

/// Validation is off by default, and a bad checksum is then shown as a good packet. Putting streams together again, which is on,
/// takes minutes for 100 MB and tells nothing of packets; what random bytes look like to a dissector of HTTP tells no more.
const SETTINGS: &[&str] = &[
    "-o",
    "ip.check_checksum:TRUE",
    "-o",
    "tcp.check_checksum:TRUE",
    "-o",
    "udp.check_checksum:TRUE",
    "-o",
    "tcp.desegment_tcp_streams:FALSE",
    "--disable-protocol",
    "http",
];

const BAD: &str = "_ws.malformed || ip.checksum.status == \"Bad\" || tcp.checksum.status == \"Bad\" \
                   || udp.checksum.status == \"Bad\" || icmp.checksum.status == \"Bad\" \
                   || icmpv6.checksum.status == \"Bad\"";

/// A failure if the capture has a malformed packet or a bad checksum, or nothing that matches `wanted` (a tshark display filter).
/// Returns how many frames match.
pub fn check(file: &Path, wanted: &str) -> Outcome<usize> {
    let bad = frames(file, BAD)?;
    ensure(bad.is_empty(), || {
        format!("tshark finds fault with {} frames of {}:\n{}", bad.len(), file.display(), listing(&bad))
    })?;
    let good = frames(file, wanted)?.len();
    ensure(good > 0, || format!("no frame of {} matches {wanted:?}", file.display()))?;
    Ok(good)
}

/// The frames that match a display filter, one line each as tshark summarises them.
pub fn frames(file: &Path, filter: &str) -> Outcome<Vec<String>> {
    let shown = Program::new("tshark")
        .args(["-n", "-r"])
        .arg(file)
        .args(SETTINGS)
        .args(["-Y", filter])
        .limit(Duration::from_secs(120))
        .run()?;
    Ok(shown.text().lines().map(str::to_owned).collect())
}

fn listing(lines: &[String]) -> String {
    lines.iter().take(10).map(|line| format!("  {line}\n")).collect()
}
