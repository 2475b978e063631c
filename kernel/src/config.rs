//! Boot parameters: the environment of a kernel, turned into typed values.
//!
//! Reading order: this file (what a kernel is told), [`net`] (the grammar of `RUMP_NET`), [`links`] and [`keys`] (its
//! two tables, to which a link kind or a key is added as a row), [`variables`] (the table of the other variables).
//! Nothing here touches a file, a device or the network; every wrong setting is a [`ConfigError`] of one sentence.

mod check;
mod error;
pub mod keys;
pub mod links;
pub mod net;
#[cfg(test)]
mod tests;
mod values;
pub mod variables;

use std::ffi::OsString;
use std::time::Duration;

pub use error::ConfigError;
pub use net::{AddrSpec, Interface, LinkSpec, Names, Net, TcpDefaults};

/// All that a kernel is told at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The interfaces besides `lo`, in the order given. Empty: the kernel has its loopback alone.
    pub interfaces: Vec<Interface>,
    /// How names are resolved, and the kernel's own name.
    pub names: Names,
    /// Packets are passed on between the interfaces.
    pub forward: bool,
    /// What stable addresses of IPv6 are made with (RFC 7217 §5).
    pub secret: Option<[u8; 16]>,
    /// What connections begin with.
    pub tcp: TcpDefaults,
    /// Virtual CPUs: threads that may run the engine at once. At least 1.
    pub ncpu: u32,
    /// Print the boot messages.
    pub verbose: bool,
    /// Bytes that sockets, reassembly and queues may hold together. At least 1; `None`: no limit.
    pub memlimit: Option<u64>,
    /// How long a blocking call looks for input before it sleeps. At most one second. `None`: a little, where it has paid.
    pub spin: Option<Duration>,
}

impl Default for Config {
    /// What a kernel is with none of its variables set.
    fn default() -> Config {
        Config {
            interfaces: Vec::new(),
            names: Names::default(),
            forward: false,
            secret: None,
            tcp: TcpDefaults::default(),
            ncpu: 2,
            verbose: false,
            memlimit: None,
            spin: None,
        }
    }
}

impl From<Net> for Config {
    /// What a kernel is with this `RUMP_NET` and none of the other variables set.
    fn from(Net { interfaces, names, forward, secret, tcp }: Net) -> Config {
        Config { interfaces, names, forward, secret, tcp, ..Config::default() }
    }
}

impl Config {
    /// Reads every variable of [`variables::VARIABLES`] through `lookup`, which is given a name and answers with the
    /// value, or `None` where the variable is unset.
    ///
    /// # Errors
    /// The first setting that is wrong. It is never replaced by a default.
    pub fn from_env(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        for variable in variables::VARIABLES {
            let Some(value) = lookup(variable.name) else { continue };
            let value = value.into_string().map_err(|value| ConfigError::NotText { variable: variable.name, value })?;
            variable.read(&value, &mut config)?;
        }
        Ok(config)
    }
}
