//! What is known of one host.

use std::net::IpAddr;

/// A host as hostent(3) describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its canonical name, without the dot at the end.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Its addresses, in the order in which they were found, none twice.
    pub addresses: Vec<IpAddr>,
}

impl Host {
    /// Adds an address once.
    pub fn add_address(&mut self, address: IpAddr) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }

    /// Adds another name once.
    pub fn add_alias(&mut self, alias: &str) {
        if !same_name(&self.name, alias) && !self.aliases.iter().any(|known| same_name(known, alias)) {
            self.aliases.push(alias.to_owned());
        }
    }
}

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// IPv4 (A).
    pub v4: bool,
    /// IPv6 (AAAA).
    pub v6: bool,
}

impl Families {
    /// IPv4 alone.
    pub const V4: Families = Families { v4: true, v6: false };
    /// IPv6 alone.
    pub const V6: Families = Families { v4: false, v6: true };
    /// Both.
    pub const BOTH: Families = Families { v4: true, v6: true };

    /// Whether `address` is of a family asked for.
    pub fn contains(self, address: &IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => self.v4,
            IpAddr::V6(_) => self.v6,
        }
    }
}

/// Whether two names are the same to DNS (RFC 4343), with or without the dot at the end.
pub fn same_name(one: &str, other: &str) -> bool {
    without_dot(one).eq_ignore_ascii_case(without_dot(other))
}

/// A name without the dot at its end.
pub fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
