//! /proc/net (proc_pid_net(5)): ifconfig, netstat, nmap, Java and others read it instead of asking the kernel.
//!
//! A file is a row of [`FILES`]. Columns and padding are Linux's, since programs count characters.

mod interfaces;
mod routes;
mod sockets;
#[cfg(test)]
mod tests;

use crate::backend::Transport::{Raw, Tcp, Udp, UdpLite};
use crate::{Kernel, Result};
use sockets::Table;
use std::net::Ipv6Addr;

type Content = fn(&Kernel) -> Result<String>;

const FILES: &[(&str, Content)] = &[
    ("dev", interfaces::dev),
    ("if_inet6", interfaces::if_inet6),
    ("route", routes::route),
    ("ipv6_route", routes::ipv6_route),
    ("arp", routes::arp),
    ("tcp", |kernel| sockets::table(kernel, Table::V4, Tcp)),
    ("tcp6", |kernel| sockets::table(kernel, Table::V6, Tcp)),
    ("udp", |kernel| sockets::table(kernel, Table::V4, Udp)),
    ("udp6", |kernel| sockets::table(kernel, Table::V6, Udp)),
    ("udplite", |kernel| sockets::table(kernel, Table::V4, UdpLite)),
    ("udplite6", |kernel| sockets::table(kernel, Table::V6, UdpLite)),
    ("raw", |kernel| sockets::table(kernel, Table::V4, Raw)),
    ("raw6", |kernel| sockets::table(kernel, Table::V6, Raw)),
    ("sockstat", sockets::sockstat),
    ("sockstat6", sockets::sockstat6),
];

/// The content of the file at `path`, where RUMP_NET is set (the kernel boots) or a kernel is there. None: the host's is meant.
pub(crate) fn shown(path: &[u8]) -> Option<Result<String>> {
    let content = content_of(path)?;
    crate::expected().then(|| crate::current().and_then(|kernel| content(kernel)))
}

/// The row of a path: all of them lead to the network of the process that opens it.
fn content_of(path: &[u8]) -> Option<Content> {
    let path = std::str::from_utf8(path).ok()?.strip_prefix("/proc/")?;
    let name = match path.split_once("/net/") {
        Some(("self" | "thread-self", name)) => name,
        Some((process, name)) if process == std::process::id().to_string() => name,
        Some(_) => return None,
        None => path.strip_prefix("net/")?,
    };
    FILES.iter().find(|(file, _)| *file == name).map(|&(_, content)| content)
}

/// An address of IPv6 without colons.
fn digits(addr: Ipv6Addr) -> String {
    format!("{:032x}", addr.to_bits())
}

/// A line as long as Linux's seq_setwidth() makes it.
fn padded(line: &str, width: usize) -> String {
    format!("{line:<width$}\n")
}
