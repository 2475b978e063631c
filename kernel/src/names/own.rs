//! The names that a kernel has of itself, which no server is asked for: `localhost` (RFC 6761 §6.3) and its host name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::host::{Families, Host, same_name, without_dot};

/// What a kernel calls itself, and its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// What gethostname(2) says.
    pub hostname: String,
    /// The addresses of its interfaces, the loopback's left out.
    pub addresses: Vec<IpAddr>,
}

impl Own {
    /// This kernel, if `name` is its own.
    pub fn by_name(&self, name: &str, families: Families) -> Option<Host> {
        let own = !self.hostname.is_empty() && (same_name(name, &self.hostname) || same_name(name, self.first_label()));
        if !own {
            return None;
        }
        // Link-local ones say nothing without an interface.
        let told = |address: &&IpAddr| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let mut addresses: Vec<IpAddr> = self.addresses.iter().filter(told).copied().collect();
        if addresses.is_empty() {
            addresses.push(Ipv4Addr::LOCALHOST.into());
        }
        addresses.retain(|address| families.contains(address));
        (!addresses.is_empty()).then(|| self.host(addresses))
    }

    /// This kernel, if `address` is one of its own.
    pub fn by_address(&self, address: IpAddr) -> Option<Host> {
        let own = !self.hostname.is_empty() && self.addresses.contains(&address);
        own.then(|| self.host(vec![address]))
    }

    fn host(&self, addresses: Vec<IpAddr>) -> Host {
        let mut host = Host { name: self.hostname.clone(), aliases: Vec::new(), addresses };
        host.add_alias(self.first_label());
        host
    }

    fn first_label(&self) -> &str {
        self.hostname.split('.').next().unwrap_or_default()
    }
}

/// The loopback, if `name` is `localhost` or ends in `.localhost`.
pub fn localhost(name: &str, families: Families) -> Option<Host> {
    let last_label = without_dot(name).rsplit('.').next()?;
    if !last_label.eq_ignore_ascii_case("localhost") {
        return None;
    }
    // In the order of RFC 6724.
    let loopback = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let addresses = loopback.into_iter().filter(|address| families.contains(address)).collect();
    Some(Host { name: without_dot(name).to_owned(), aliases: Vec::new(), addresses })
}

/// `localhost`, if `address` is a loopback address.
pub fn loopback(address: IpAddr) -> Option<Host> {
    let named = Host { name: "localhost".to_owned(), aliases: Vec::new(), addresses: vec![address] };
    address.is_loopback().then_some(named)
}
