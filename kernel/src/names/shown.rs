//! The files that a program sees which looks for names itself (dig, c-ares): ours in the place of the host's.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use super::{file, search_domains};
use crate::config::Names;

/// The port that resolv.conf(5) means.
const DOMAIN: u16 = 53;

/// A file that programs read names from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFile {
    /// /etc/resolv.conf.
    ResolvConf,
    /// /etc/hosts.
    Hosts,
}

impl NameFile {
    /// Which one `path` is.
    pub fn at(path: &[u8]) -> Option<NameFile> {
        match path {
            b"/etc/resolv.conf" => Some(NameFile::ResolvConf),
            b"/etc/hosts" => Some(NameFile::Hosts),
            _ => None,
        }
    }

    /// What a program finds in it. `addresses` are the kernel's own.
    pub(super) fn content(self, names: &Names, hostname: &str, addresses: &[IpAddr]) -> String {
        match self {
            NameFile::ResolvConf => resolv_conf(names),
            NameFile::Hosts => hosts(names, hostname, addresses),
        }
    }
}

fn resolv_conf(names: &Names) -> String {
    let mut text = String::from("# of the rump kernel, made from dns= and search= of RUMP_NET, or what DHCP gave\n");
    let domains = search_domains(names);
    if !domains.is_empty() {
        let _ = writeln!(text, "search {}", domains.join(" "));
    }
    for server in &names.dns {
        let _ = match server.port() {
            DOMAIN => writeln!(text, "nameserver {}", server.ip()),
            _ => writeln!(text, "# nameserver {server}: this file cannot say a port"),
        };
    }
    if !names.dns.iter().any(|server| server.port() == DOMAIN) {
        // What resolv.conf(5) has without any; libevent makes no resolver at all of a file that names none.
        let _ = writeln!(text, "nameserver {}", Ipv4Addr::LOCALHOST);
    }
    text
}

fn hosts(names: &Names, hostname: &str, addresses: &[IpAddr]) -> String {
    let mut text = String::from("# of the rump kernel: itself, then the file that hosts= of RUMP_NET names\n");
    text.push_str("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    // Link-local ones say nothing without an interface.
    for address in addresses.iter().filter(|one| !matches!(one, IpAddr::V6(v6) if v6.is_unicast_link_local())) {
        let _ = writeln!(text, "{address}\t{hostname}");
    }
    if let Some(path) = &names.hosts {
        text.push_str(&file::read(path).unwrap_or_default());
    }
    text
}
