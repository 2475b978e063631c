//! One option on every kind of socket: its default, values in range, below and above it, and lengths that are short, zero, long and
//! negative; each on a fresh socket, each followed by what the option says then.

use libc::c_int;

use super::kinds::{self, Kind};
use super::sock;
use crate::report::{Report, Show, hex};
use crate::sys::{self, Fd, Ret};

/// An option, and how to ask it.
pub struct Row {
    pub name: &'static str,
    pub level: c_int,
    pub number: c_int,
    pub values: Values,
    pub shown: Shown,
}

/// What is set.
pub enum Values {
    /// Ints: those of [`SWEEP`].
    Ints,
    /// These, each with a name.
    Bytes(&'static [(&'static str, &'static [u8])]),
}

/// How a value is printed.
#[derive(Clone, Copy)]
pub enum Shown {
    Whole,
    /// Whether it is zero: the value itself is another one each time.
    Zero,
    /// How long it is.
    Length,
}

/// Around every limit that an int option of Linux has.
const SWEEP: &[i32] =
    &[0, 1, 2, 3, 5, -1, -2, 64, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 1 << 20, i32::MAX, i32::MIN];
const LENGTHS: &[i64] = &[0, 1, 2, 3, 4, 8, 12, 16, 64, -1];
const ROOMS: &[i64] = &[0, 1, 2, 3, 4, 8, 16, 256, -1];

/// Prints all of it.
pub fn probe(row: &Row, r: &mut Report) {
    for kind in kinds::ALL {
        match kind.try_socket() {
            // Linux takes 15 ms to close a packet socket: one has to do for all, and only for the options that are its own.
            Ok(fd) if kind.family == libc::AF_PACKET => {
                if row.level == libc::SOL_PACKET {
                    Probe { row, kind, shared: Some(fd) }.all(r);
                }
            }
            Ok(fd) => {
                let _ = sys::close(fd);
                Probe { row, kind, shared: None }.all(r);
            }
            Err(errno) => r.see(&format!("{}, socket", kind.name), errno.to_string()),
        }
    }
}

struct Probe<'a> {
    row: &'a Row,
    kind: &'a Kind,
    /// The socket for every question, where each cannot have its own.
    shared: Option<Fd>,
}

impl Probe<'_> {
    fn all(&self, r: &mut Report) {
        for &room in ROOMS {
            let what = if room == 256 { "default".to_owned() } else { format!("room for {room}") };
            self.see(r, &what, |fd| self.get(fd, room));
        }
        match self.row.values {
            Values::Ints => {
                for &value in SWEEP {
                    self.see(r, &format!(":= {value}"), |fd| self.set(fd, &value.to_ne_bytes(), 4));
                }
                let mut one = [0; 64];
                one[0] = 1;
                for &len in LENGTHS {
                    self.see(r, &format!("{len} bytes"), |fd| self.set(fd, &one, len));
                }
            }
            Values::Bytes(values) => {
                for (name, bytes) in values {
                    self.see(r, &format!(":= {name}"), |fd| self.set(fd, bytes, bytes.len() as i64));
                }
                if let Some((_, bytes)) = values.first() {
                    let long = [bytes, &[0; 64][..]].concat();
                    for &len in LENGTHS {
                        self.see(r, &format!("{len} bytes"), |fd| self.set(fd, &long, len));
                    }
                }
            }
        }
    }

    fn see(&self, r: &mut Report, what: &str, ask: impl FnOnce(Fd) -> String) {
        let fd = self.shared.unwrap_or_else(|| self.kind.socket());
        r.see(&format!("{}, {what}", self.kind.name), ask(fd));
        if self.shared.is_none() {
            let _ = sys::close(fd);
        }
    }

    /// What setting gave, and the option's value then.
    fn set(&self, fd: Fd, bytes: &[u8], len: i64) -> String {
        let set = sock::set_option(fd, self.row.level, self.row.number, bytes, len);
        format!("{}, then {}", set.show(), self.get(fd, 256))
    }

    fn get(&self, fd: Fd, room: i64) -> String {
        let value: Ret<Vec<u8>> = sock::get_option(fd, self.row.level, self.row.number, room);
        value.map(|bytes| self.row.shown.show(&bytes)).show()
    }
}

impl Shown {
    fn show(self, bytes: &[u8]) -> String {
        let zero = bytes.iter().all(|&byte| byte == 0);
        match (self, bytes) {
            (Shown::Zero, _) => format!("{} in {} bytes", if zero { "zero" } else { "nonzero" }, bytes.len()),
            (Shown::Length, _) => format!("{} bytes", bytes.len()),
            (Shown::Whole, &[a, b, c, d]) => i32::from_ne_bytes([a, b, c, d]).to_string(),
            (Shown::Whole, _) if zero => format!("{} bytes of 0", bytes.len()),
            (Shown::Whole, _) => {
                let shown = hex(&bytes[..bytes.len().min(64)]);
                format!("{} bytes {}", bytes.len(), shown.trim_end_matches("00"))
            }
        }
    }
}
