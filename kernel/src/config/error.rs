//! What is said to a user about a wrong setting.

use core::fmt;
use std::ffi::OsString;

/// A setting that a kernel cannot start with. Displays as one sentence that names the setting, its value, and what is
/// allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A value that is not what its variable, link kind or key takes.
    Value {
        /// The setting as it was written, e.g. `RUMP_NET: mtu=12`.
        setting: String,
        /// What is wrong with it, if more can be said than that it is not what is taken.
        reason: Option<String>,
        /// What is allowed, with an example.
        allowed: String,
    },
    /// The value of a variable is not UTF-8.
    NotText {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: OsString,
    },
    /// A key or link kind that is not in its table.
    Unknown {
        /// `"key"` or `"kind of link"`.
        what: &'static str,
        /// What was written.
        name: String,
        /// The row of the table whose name is most like it.
        nearest: Option<&'static str>,
        /// The names of all rows.
        known: Vec<&'static str>,
    },
    /// A part of `RUMP_NET` that stands where it cannot, or settings that contradict each other.
    Placement {
        /// The part as it was written.
        part: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Value { setting, reason: Some(reason), allowed } => {
                write!(f, "{setting}: {reason}; {allowed}")
            }
            ConfigError::Value { setting, reason: None, allowed } => {
                write!(f, "{setting} is not understood: {allowed}")
            }
            ConfigError::NotText { variable, value } => {
                write!(f, "{variable}={} is not UTF-8 text: use plain characters only", value.display())
            }
            ConfigError::Unknown { what, name, nearest, known } => {
                write!(f, "RUMP_NET: there is no {what} {name:?}")?;
                if let Some(nearest) = nearest {
                    write!(f, ", perhaps {nearest} is meant")?;
                }
                write!(f, ": allowed are {}", known.join(", "))
            }
            ConfigError::Placement { part, reason } => write!(f, "RUMP_NET: {part}: {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Why one value was refused, before its key and what the key takes are put around it.
pub(super) enum Refusal {
    /// It is not of the form that is taken.
    Form,
    /// It has the form, and cannot be for this reason.
    Because(String),
}

impl Refusal {
    pub(super) fn because(reason: impl Into<String>) -> Refusal {
        Refusal::Because(reason.into())
    }

    pub(super) fn of(self, setting: String, allowed: String) -> ConfigError {
        let reason = match self {
            Refusal::Form => None,
            Refusal::Because(reason) => Some(reason),
        };
        ConfigError::Value { setting, reason, allowed }
    }
}

/// The name most like `name`, where one is like it at all.
pub(super) fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const ALIKE: f64 = 0.75; // "adress" finds addr and "shimf" shmif, "zzz" nothing
    let name = name.to_ascii_lowercase();
    let scored = known.iter().map(|k| (strsim::jaro_winkler(&name, k), *k));
    scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
}
