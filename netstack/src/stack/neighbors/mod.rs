//! Who has which hardware address on a link, and who else has an address of ours: ARP (RFC 826) and neighbour discovery
//! (RFC 4861). The table is [`neighbor`](crate::neighbor); who asks is `ip::control`.

mod arp;
mod ndp;

use core::net::Ipv4Addr;

use crate::link::IfIndex;
use crate::stack::Stack;

impl Stack {
    /// Whether an address is of a net on the link (RFC 1122 §3.3.1.1).
    pub(super) fn is_neighbor(&self, on: IfIndex, addr: Ipv4Addr) -> bool {
        let interface = self.ip.interfaces.get(on);
        interface.is_some_and(|interface| interface.addresses.iter().any(|address| address.net.contains(addr.into())))
    }
}
