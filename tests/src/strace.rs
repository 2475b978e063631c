//! What the host kernel was asked for: the `socket()` calls of a traced program.

use std::path::Path;

use crate::{Outcome, failure::ensure};

/// A failure that shows the calls, if the trace (of `strace -f -e trace=socket`) has an Internet socket of the host; or
/// if it has no call at all, since a trace of nothing proves nothing. A rump socket is an `AF_UNIX` one to the host.
pub fn no_host_inet(file: &Path) -> Outcome {
    let text = std::fs::read_to_string(file)?;
    let calls: Vec<&str> = text.lines().filter(|line| line.contains("socket(")).collect();
    ensure(!calls.is_empty(), || format!("{} shows no socket() call at all:\n{text}", file.display()))?;
    let inet: Vec<&str> =
        calls.into_iter().filter(|line| ["AF_INET", "AF_PACKET"].iter().any(|f| line.contains(f))).collect();
    ensure(inet.is_empty(), || format!("the host was asked for Internet sockets:\n{}", inet.join("\n")))
}
