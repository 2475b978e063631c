//! The files that a program sees which looks for names itself (dig, c-ares): ours in the place of the host's.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use super::{file, search_domains};
use crate::config::Names;

/// The port that resolv.conf(5) means.
const DOMAIN: u16 = 53;

/// What a program finds at `path`, if that is a file of names. `addresses` are the kernel's own.
pub fn content(path: &Path, names: &Names, hostname: &str, addresses: &[Ipv4Addr]) -> Option<String> {
    match path.to_str()? {
        "/etc/resolv.conf" => Some(resolv_conf(names)),
        "/etc/hosts" => Some(hosts(names, hostname, addresses)),
        _ => None,
    }
}

fn resolv_conf(names: &Names) -> String {
    let mut text = String::from("# of the rump kernel, made from dns= and search= of RUMP_NET\n");
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
    text
}

fn hosts(names: &Names, hostname: &str, addresses: &[Ipv4Addr]) -> String {
    let mut text = String::from("# of the rump kernel: itself, then the file that hosts= of RUMP_NET names\n");
    text.push_str("127.0.0.1\tlocalhost\n");
    for address in addresses {
        let _ = writeln!(text, "{address}\t{hostname}");
    }
    if let Some(path) = &names.hosts {
        text.push_str(&file::read(path).unwrap_or_default());
    }
    text
}
