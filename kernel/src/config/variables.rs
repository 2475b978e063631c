//! The table of environment variables (rumpkernel(7), and ours). A new variable is a row.

use std::time::Duration;

use super::error::Refusal;
use super::{Config, ConfigError, Net};

/// A variable of the environment that a kernel reads at boot.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it takes, as the end of the sentence "NAME takes …".
    pub takes: &'static str,
    /// A value that it takes, empty where there is none yet.
    pub example: &'static str,
    /// What holds when it is unset.
    pub unset: &'static str,
    set: Setter,
}

enum Setter {
    /// The value is one thing.
    Value(fn(&mut Config, &str) -> Result<(), Refusal>),
    /// The value has a grammar, which has its own errors.
    Grammar(fn(&mut Config, &str) -> Result<(), ConfigError>),
}

/// Every variable, in the order in which they are read.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "RUMP_NET",
        takes: "interfaces and settings: see `rump help net`",
        example: "shmif:/dev/shm/bus,addr=10.0.0.2/24,gw=10.0.0.1",
        unset: "the loopback alone",
        set: Setter::Grammar(|config, value| {
            let Net { interfaces, names, forward, secret, tcp } = value.parse()?;
            config.interfaces = interfaces;
            config.names = names;
            config.forward = forward;
            config.secret = secret;
            config.tcp = tcp;
            Ok(())
        }),
    },
    Variable {
        name: "RUMP_SERVER",
        takes: "nothing yet, because rump_server is not there: leave it unset and use RUMP_NET",
        example: "",
        unset: "the kernel is inside the program",
        set: Setter::Value(|_, _| Err(Refusal::because("a server cannot be used yet"))),
    },
    Variable {
        name: "RUMP_NCPU",
        takes: "a number of virtual CPUs from 1 to 4294967295, or `host` for as many as this machine lets the program use",
        example: "4",
        unset: "2",
        set: Setter::Value(|config, value| {
            config.ncpu = match value {
                "host" => host_cpus(),
                _ => decimal(value).and_then(|n| u32::try_from(n).ok()).filter(|&n| n >= 1).ok_or(Refusal::Form)?,
            };
            Ok(())
        }),
    },
    Variable {
        name: "RUMP_VERBOSE",
        takes: "a first character other than 0 to print the boot messages",
        example: "1",
        unset: "quiet",
        set: Setter::Value(|config, value| {
            config.verbose = !value.is_empty() && !value.starts_with('0');
            Ok(())
        }),
    },
    Variable {
        name: "RUMP_MEMLIMIT",
        takes: "a decimal number of bytes, at least 1, with at most one suffix k, m or g (1024, 1024² or 1024³)",
        example: "64m",
        unset: "no limit",
        set: Setter::Value(|config, value| {
            config.memlimit = Some(bytes(value)?);
            Ok(())
        }),
    },
    Variable {
        name: "RUMP_SPIN_US",
        takes: "microseconds to look for input before sleeping, 0 to 1000000",
        example: "50",
        unset: "a little, where it has paid",
        set: Setter::Value(|config, value| {
            let us = decimal(value).filter(|&us| us <= 1_000_000).ok_or(Refusal::Form)?;
            config.spin = Some(Duration::from_micros(us));
            Ok(())
        }),
    },
];

impl Variable {
    pub(super) fn read(&self, value: &str, config: &mut Config) -> Result<(), ConfigError> {
        match self.set {
            Setter::Grammar(set) => set(config, value),
            Setter::Value(set) => set(config, value).map_err(|refusal| {
                let mut allowed = format!("{} takes {}", self.name, self.takes);
                if !self.example.is_empty() {
                    allowed.push_str(&format!(", such as {}={}", self.name, self.example));
                }
                refusal.of(format!("{}={value}", self.name), allowed)
            }),
        }
    }
}

/// Digits alone: `str::parse` would also take a sign.
pub(super) fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn bytes(text: &str) -> Result<u64, Refusal> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1u64),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::Form);
    }
    let bytes =
        decimal(digits).and_then(|n| n.checked_mul(unit)).ok_or_else(|| Refusal::because("it is beyond 2^64 bytes"))?;
    if bytes == 0 { Err(Refusal::because("with no memory nothing could be sent")) } else { Ok(bytes) }
}

/// The CPUs that this thread may run on, which is also what `nproc` says. At least 1.
fn host_cpus() -> u32 {
    rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count().max(1))
}
