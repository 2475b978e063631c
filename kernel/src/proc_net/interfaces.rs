//! The interfaces and their addresses of IPv6. (Those of IPv4 have no file.)

use crate::{Kernel, Result};
use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
";

/// Counters that we do not keep are 0.
pub(super) fn dev(kernel: &Kernel) -> Result<String> {
    let mut text = DEV.to_owned();
    for link in kernel.network()?.links {
        let (name, rx, tx) = (link.info.name, link.counters.rx, link.counters.tx);
        let _ = write!(text, "{name:>6}: {:7} {:7} {:4} {:4}", rx.bytes, rx.packets, rx.errors, rx.drops);
        let _ = write!(text, " {:4} {:5} {:10} {:9} ", 0, 0, 0, 0);
        let _ = write!(text, "{:8} {:7} {:4} {:4}", tx.bytes, tx.packets, tx.errors, tx.drops);
        let _ = writeln!(text, " {:4} {:5} {:7} {:10}", 0, 0, 0, 0);
    }
    Ok(text)
}

pub(super) fn if_inet6(kernel: &Kernel) -> Result<String> {
    let mut text = String::new();
    for link in kernel.network()?.links {
        for address in &link.addresses {
            let IpAddr::V6(ip) = address.net.addr else { continue };
            let (index, prefix_len, flags) =
                (link.info.index, address.net.prefix_len, link.address_flags(address).bits() as u8);
            let _ = write!(text, "{} {index:02x} {prefix_len:02x} {:02x} {flags:02x} ", super::digits(ip), scope(ip));
            let _ = writeln!(text, "{:>8}", link.info.name);
        }
    }
    Ok(text)
}

/// IPV6_ADDR_LOOPBACK, IPV6_ADDR_LINKLOCAL, or 0 for all the world's.
fn scope(ip: Ipv6Addr) -> u8 {
    match ip {
        _ if ip.is_loopback() => 0x10,
        _ if ip.is_unicast_link_local() => 0x20,
        _ => 0,
    }
}
