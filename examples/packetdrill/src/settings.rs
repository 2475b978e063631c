//! What `--so_flags` says: `KEY=VALUE,KEY=VALUE`. Unset, the addresses are packetdrill's own defaults.

use netstack::link::Mac;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `librumphijack.so`; a bare name is looked for as ld.so(8) says.
    pub library: PathBuf,
    /// The stack's addresses, with prefix lengths.
    local: Vec<String>,
    /// Routers in networks of the stack's addresses.
    gateways: Vec<String>,
    mtu: u32,
    /// Further settings of RUMP_NET.
    more: Vec<String>,
}

/// The keys, for who got one wrong.
const KEYS: &str = "library=, local=, gateway=, mtu=, net=";

impl FromStr for Settings {
    type Err = String;

    fn from_str(flags: &str) -> Result<Settings, String> {
        let mut settings = Settings {
            library: "librumphijack.so".into(),
            local: Vec::new(),
            gateways: Vec::new(),
            mtu: 1500,
            more: Vec::new(),
        };
        for setting in flags.split(',').filter(|setting| !setting.is_empty()) {
            let Some((key, value)) = setting.split_once('=') else {
                return Err(format!("--so_flags: {setting} has no value; the keys are {KEYS}"));
            };
            match key {
                "library" => settings.library = value.into(),
                "local" => settings.local.push(value.into()),
                "gateway" => settings.gateways.push(value.into()),
                "mtu" => {
                    settings.mtu =
                        value.parse().map_err(|_| format!("--so_flags: mtu={value} is no number of bytes"))?;
                }
                "net" => settings.more.push(value.replace('+', ",")),
                _ => return Err(format!("--so_flags: {key} is unknown; the keys are {KEYS}")),
            }
        }
        if settings.local.is_empty() {
            settings.local.push("192.168.0.1/16".into());
            settings.gateways.push("192.168.0.2".into());
        }
        Ok(settings)
    }
}

impl Settings {
    /// The `RUMP_NET` of a kernel with Ethernet address `mac` on `bus`.
    pub fn net(&self, bus: &Path, mac: Mac) -> String {
        let mut net = format!("shmif:{},mac={mac},mtu={}", bus.display(), self.mtu);
        for (key, values) in [("addr", &self.local), ("gw", &self.gateways)] {
            values.iter().for_each(|value| net += &format!(",{key}={value}"));
        }
        self.more.iter().for_each(|more| net += &format!(",{more}"));
        net
    }
}

#[cfg(test)]
mod tests;
