//! What a case saw, in a form that can be compared line by line.

use std::net::SocketAddrV4;

use crate::errno::Errno;
use crate::sys::Fd;

/// Prints one line an observation. Nothing that differs between two runs on one kernel may be shown: ports and descriptors are shown
/// as relations ("same", "nonzero"), times as whether they lie in a span.
pub struct Report {
    case: String,
}

impl Report {
    /// For the case of this name.
    pub fn new(case: &str) -> Report {
        Report { case: case.to_owned() }
    }

    /// One observation.
    pub fn see(&mut self, what: &str, value: impl Show) {
        println!("{}: {what}: {}", self.case, value.show());
    }
}

/// Bytes as digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value's canonical form.
pub trait Show {
    /// That form.
    fn show(&self) -> String;
}

impl<T: Show> Show for Result<T, Errno> {
    fn show(&self) -> String {
        match self {
            Ok(value) => value.show(),
            Err(errno) => errno.to_string(),
        }
    }
}

impl Show for () {
    fn show(&self) -> String {
        "ok".to_owned()
    }
}

impl Show for bool {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for &str {
    fn show(&self) -> String {
        (*self).to_owned()
    }
}

impl Show for String {
    fn show(&self) -> String {
        self.clone()
    }
}

impl Show for i64 {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for usize {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for u32 {
    fn show(&self) -> String {
        format!("{self:#x}")
    }
}

/// A plain int: an option's value, a count. Descriptors are shown by [`made`].
impl Show for i32 {
    fn show(&self) -> String {
        self.to_string()
    }
}

/// Bytes: short ones as text, long ones as their number and a sum.
impl Show for Vec<u8> {
    fn show(&self) -> String {
        if self.len() <= 64 {
            format!("{:?}", String::from_utf8_lossy(self))
        } else {
            let sum = self.iter().fold(0u32, |sum, &byte| sum.rotate_left(5) ^ u32::from(byte));
            format!("{} bytes, sum {sum:08x}", self.len())
        }
    }
}

impl Show for Vec<Vec<u8>> {
    fn show(&self) -> String {
        let parts: Vec<String> = self.iter().map(Show::show).collect();
        format!("[{}]", parts.join(" "))
    }
}

impl Show for (i64, Vec<Vec<u8>>) {
    fn show(&self) -> String {
        let parts: Vec<String> = self.1.iter().map(Show::show).collect();
        format!("{} {}", self.0, parts.join(" "))
    }
}

/// `poll`'s answer.
impl Show for (i64, Vec<i16>) {
    fn show(&self) -> String {
        let events: Vec<String> = self.1.iter().map(|&bits| poll_events(bits)).collect();
        format!("{} [{}]", self.0, events.join(", "))
    }
}

/// `epoll_wait`'s answer, sorted by the data, since the order is nobody's promise.
impl Show for Vec<(u32, u64)> {
    fn show(&self) -> String {
        let mut events = self.clone();
        events.sort_by_key(|event| event.1);
        let shown: Vec<String> =
            events.iter().map(|(bits, data)| format!("{data}:{}", poll_events(*bits as i16))).collect();
        format!("[{}]", shown.join(", "))
    }
}

/// A call that makes a descriptor: that it did, not its number.
pub fn made(fd: Result<Fd, Errno>) -> Result<&'static str, Errno> {
    fd.map(|_| "a descriptor")
}

/// An address with its port only as "zero" or "nonzero".
pub fn place(address: Result<SocketAddrV4, Errno>) -> Result<String, Errno> {
    address.map(|address| format!("{}:{}", address.ip(), if address.port() == 0 { "zero" } else { "nonzero" }))
}

/// The names of poll bits; epoll's have the same values.
pub fn poll_events(bits: i16) -> String {
    const NAMES: &[(i16, &str)] = &[
        (libc::POLLIN, "IN"),
        (libc::POLLPRI, "PRI"),
        (libc::POLLOUT, "OUT"),
        (libc::POLLERR, "ERR"),
        (libc::POLLHUP, "HUP"),
        (libc::POLLNVAL, "NVAL"),
        (libc::POLLRDNORM, "RDNORM"),
        (libc::POLLRDBAND, "RDBAND"),
        (libc::POLLWRNORM, "WRNORM"),
        (libc::POLLWRBAND, "WRBAND"),
        (libc::POLLRDHUP, "RDHUP"),
    ];
    let names: Vec<&str> = NAMES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    if names.is_empty() { "-".to_owned() } else { names.join("+") }
}
