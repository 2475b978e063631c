//! Why a name has no answer.

use core::fmt;

use crate::Errno;

/// Why a lookup failed: the meanings of `h_errno` (netdb.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// HOST_NOT_FOUND: the name does not exist.
    NotFound,
    /// TRY_AGAIN: no server gave a usable answer, or there is none to ask.
    TryAgain,
    /// NO_RECOVERY: a server answered that it cannot answer.
    NoRecovery,
    /// NO_DATA: the name exists, but not with what was asked for.
    NoData,
    /// NETDB_INTERNAL: a system call failed.
    System(Errno),
}

impl NameError {
    /// The value of `h_errno`.
    pub fn h_errno(self) -> i32 {
        match self {
            NameError::System(_) => -1,
            NameError::NotFound => 1,
            NameError::TryAgain => 2,
            NameError::NoRecovery => 3,
            NameError::NoData => 4,
        }
    }
}

impl From<Errno> for NameError {
    fn from(errno: Errno) -> NameError {
        NameError::System(errno)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::NotFound => f.write_str("the name does not exist"),
            NameError::TryAgain => f.write_str("no name server gave an answer"),
            NameError::NoRecovery => f.write_str("the name server cannot answer this"),
            NameError::NoData => f.write_str("the name has no such record"),
            NameError::System(errno) => errno.fmt(f),
        }
    }
}

impl std::error::Error for NameError {}
