//! NETLINK_SOCK_DIAG (sock_diag(7)): the sockets, as ss(8) asks for them.

mod inet;
#[cfg(test)]
mod tests;

use super::answer::{Row, Told, Wish};
use super::protocol::Protocol;
use crate::{Errno, Kernel, Result};
use libc::{AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX};

// linux/sock_diag.h.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;
/// Linux has room for so many in any protocol.
const GROUPS: u32 = 32;
/// Of Linux 6.18.
const AF_MAX: i32 = 46;

pub(super) const PROTOCOL: Protocol = Protocol { number: libc::NETLINK_SOCK_DIAG, groups: GROUPS, ask };

fn ask(kernel: &Kernel, kind: u16, body: &[u8], wish: Wish) -> Result<Told> {
    let [family, _, ..] = *body else { return Err(Errno::INVAL) };
    match kind {
        SOCK_DIAG_BY_FAMILY => {}
        // As where Linux is built without INET_DIAG_DESTROY.
        SOCK_DESTROY => return Err(Errno::OPNOTSUPP),
        _ => return Err(Errno::INVAL),
    }
    match (i32::from(family), wish) {
        (AF_INET | AF_INET6, _) => inet::ask(kernel, body, wish),
        // Such sockets are the host's, or not told of. Where there is no table ss(8) would read the host's in /proc/net.
        (AF_UNIX | AF_NETLINK | AF_PACKET, Wish::All { .. }) => Ok(Told::all([].into_iter())),
        (AF_MAX.., _) => Err(Errno::INVAL),
        _ => Err(Errno::NOENT),
    }
}
