//! Names: the kernel's own, its hosts file, and a stub resolver over the kernel's own sockets.
//!
//! The host's resolvers are never asked, by whatever way (its resolv.conf, its hosts file, nscd, systemd-resolved): a name
//! means what it means on the network that the kernel is attached to. Read first: RFC 1034 §5.3.1, RFC 1035 §4 and §7,
//! RFC 5452 (answers that are not forged); timeouts, attempts and search are glibc's (resolv.conf(5)).
//!
//! Reading order: [`resolver`] (in what order names are looked for), `search`, `exchange`, `question` and `answer` (DNS),
//! [`transport`] and `sockets` (the way to the servers), [`addrinfo`] and [`nameinfo`] (what C programs call).
//!
//! What it does not do: caches, EDNS and DNSSEC (nor does glibc's by default), nsswitch.conf, mDNS. IPv6 addresses are asked
//! for and understood, but [`addrinfo`] leaves them out as long as there is no AF_INET6 socket.

pub mod addrinfo;
mod answer;
mod error;
mod exchange;
mod file;
mod host;
mod hosts;
pub mod nameinfo;
mod numeric;
mod order;
mod own;
mod question;
pub mod resolver;
mod search;
mod services;
mod shown;
mod sockets;
#[cfg(test)]
mod tests;
pub mod transport;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

pub use error::NameError;
pub use host::{Families, Host};
pub use numeric::address as parse_address;
pub use shown::NameFile;

use crate::Kernel;
use crate::backend::{Call, Reply};
use crate::config::{AddrSpec, Config, Names};
use addrinfo::Lookup;
use hosts::Hosts;
use order::Source;
use own::Own;
use resolver::Resolver;
use sockets::KernelSockets;

/// The names of this process's kernel, which boots only when its files or its servers must be asked.
pub struct OfProcess {
    /// How it boots.
    pub boot: fn() -> crate::Result<&'static Arc<Kernel>>,
}

impl OfProcess {
    /// Runs `ask` with the resolver of the kernel, which boots.
    ///
    /// # Errors
    /// The boot's, or what `ask` gives.
    pub fn with_resolver<T>(&self, ask: impl FnOnce(&Resolver<'_>) -> Result<T, NameError>) -> Result<T, NameError> {
        let kernel = (self.boot)()?;
        let names = kernel.names();
        ask(&Resolver {
            own: Own { hostname: hostname(), addresses: own_addresses(kernel) },
            hosts: hosts_file(&names),
            servers: &names.dns,
            domains: search_domains(&names),
            transport: &KernelSockets(kernel),
        })
    }
}

impl Kernel {
    /// How names are resolved: as the kernel was told, and where it was told nothing, as the network says.
    pub fn names(&self) -> Names {
        let mut names = self.config().names.clone();
        if (names.dns.is_empty() || names.search.is_empty())
            && let Ok(Reply::Learned(learned)) = self.backend().call(Call::Learned)
        {
            if names.dns.is_empty() {
                names.dns = learned.dns;
            }
            if names.search.is_empty() {
                names.search = learned.search;
            }
        }
        names
    }
}

impl Lookup for OfProcess {
    fn by_name(&self, name: &str, families: Families) -> Result<Host, NameError> {
        match own::localhost(name, families) {
            Some(host) if host.addresses.is_empty() => Err(NameError::NoData),
            Some(host) => Ok(host),
            None => self.with_resolver(|resolver| resolver.by_name(name, families)),
        }
    }

    fn by_address(&self, address: IpAddr) -> Result<Host, NameError> {
        let named_in_file = told().is_some_and(|config| config.names.hosts.is_some());
        if let Some(host) = own::loopback(address).filter(|_| !named_in_file) {
            return Ok(host);
        }
        self.with_resolver(|resolver| resolver.by_address(address))
    }

    fn source(&self, destination: IpAddr) -> Option<Source> {
        sockets::source((self.boot)().ok()?, destination)
    }

    fn configured(&self) -> Families {
        let Ok(kernel) = (self.boot)() else { return Families::BOTH };
        let addresses = own_addresses(kernel);
        Families { v4: addresses.iter().any(IpAddr::is_ipv4), v6: addresses.iter().any(IpAddr::is_ipv6) }
    }

    fn interface_index(&self, name: &str) -> Option<u32> {
        let interfaces = (self.boot)().ok()?.interfaces();
        interfaces.iter().find(|interface| interface.name == name).map(|interface| interface.index)
    }

    fn interface_name(&self, index: u32) -> Option<String> {
        let interfaces = (self.boot)().ok()?.interfaces();
        interfaces.into_iter().find(|interface| interface.index == index).map(|interface| interface.name)
    }

    fn hostname(&self) -> String {
        hostname()
    }
}

/// The lines of gethostent(3): the file that /etc/hosts shows.
pub fn host_entries() -> Vec<Host> {
    let text = shown_file(NameFile::Hosts).unwrap_or_default();
    Hosts::parse(&text).iter().collect()
}

/// gethostname(2): `hostname=`, or else the host's. No boot.
pub fn hostname() -> String {
    match told().and_then(|config| config.names.hostname.as_ref()) {
        Some(name) => name.clone(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// The host name that `hostname=` gives, if it does. No boot.
pub fn own_hostname() -> Option<&'static str> {
    told()?.names.hostname.as_deref()
}

/// What a program that opens `file` is shown in its place: what this kernel was told, where RUMP_NET is set. No boot, but
/// where the network has to be asked first.
pub fn shown_file(file: NameFile) -> Option<String> {
    let config = told()?;
    let kernel = if asks_network(config) { crate::current().ok() } else { crate::booted() };
    let (names, addresses) = match kernel {
        Some(kernel) => (kernel.names(), own_addresses(kernel)),
        None => (config.names.clone(), static_addresses(config)),
    };
    Some(file.content(&names, &hostname(), &addresses))
}

/// Whether the files that the settings name can be read. For the boot, which stops the program otherwise.
///
/// # Errors
/// One sentence.
pub fn check(names: &Names) -> Result<(), String> {
    let Some(path) = &names.hosts else { return Ok(()) };
    file::read(path).map(drop).map_err(|errno| {
        format!(
            "hosts={} cannot be read ({errno}); it takes the path of a file in the format of hosts(5)",
            path.display()
        )
    })
}

/// The domains that are tried behind a name: `search=`, or else, as resolv.conf(5) has it, the domain of the host name.
fn search_domains(names: &Names) -> Vec<String> {
    if !names.search.is_empty() {
        return names.search.clone();
    }
    let domain = names.hostname.as_deref().and_then(|name| name.split_once('.')).map(|(_, domain)| domain.to_owned());
    domain.into_iter().collect()
}

fn hosts_file(names: &Names) -> Hosts {
    let text = names.hosts.as_deref().and_then(|path| file::read(path).ok());
    text.map(|text| Hosts::parse(&text)).unwrap_or_default()
}

fn own_addresses(kernel: &Arc<Kernel>) -> Vec<IpAddr> {
    let interfaces = kernel.interfaces().into_iter().filter(|interface| !interface.loopback);
    interfaces.flat_map(|interface| interface.addresses).map(|(address, _)| address).collect()
}

fn asks_network(config: &Config) -> bool {
    let mut all = config.interfaces.iter().flat_map(|interface| &interface.addresses);
    all.any(|address| matches!(address, AddrSpec::Dhcp | AddrSpec::Auto))
}

fn static_addresses(config: &Config) -> Vec<IpAddr> {
    let all = config.interfaces.iter().flat_map(|interface| &interface.addresses);
    all.filter_map(|address| match address {
        AddrSpec::Static(address, _) => Some(IpAddr::V4(*address)),
        AddrSpec::Static6(address, _) => Some(IpAddr::V6(*address)),
        AddrSpec::AnyOf(..) | AddrSpec::Dhcp | AddrSpec::Auto => None,
    })
    .collect()
}

/// Whether this process is told to have a kernel, booted or not.
pub(crate) fn is_told() -> bool {
    told().is_some()
}

/// The settings of a process that is told to have a kernel, booted or not. A wrong setting is the boot's to name: until then
/// the program has none.
fn told() -> Option<&'static Config> {
    static TOLD: OnceLock<Option<Config>> = OnceLock::new();
    TOLD.get_or_init(|| {
        std::env::var_os("RUMP_NET")?;
        Config::from_env(|name| std::env::var_os(name)).ok()
    })
    .as_ref()
}
