//! Address resolution (RFC 826, RFC 1122 §2.3.2) and address conflicts (RFC 5227).
//!
//! [`Claims`]: our own addresses, announced and defended. Who has which hardware address is in `neighbor`; what happens to
//! ARP packets that arrive is in `stack::neighbors::arp`.

mod claims;
mod defence;
mod probing;

pub(crate) use claims::Claims;
pub(crate) use defence::Defence;
pub(crate) use probing::{Probing, Step, Timing};

use core::net::Ipv4Addr;

use crate::link::Mac;
use crate::wire::arp::{Operation, Packet};

/// Who has `target`?
pub(crate) fn request(mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Packet {
    Packet { operation: Operation::Request, sender_mac: mac, sender, target_mac: Mac::default(), target }
}

/// Does anybody have `addr`? Says nothing of the asker's own addresses (RFC 5227 §2.1.1).
pub(crate) fn probe(mac: Mac, addr: Ipv4Addr) -> Packet {
    request(mac, Ipv4Addr::UNSPECIFIED, addr)
}

/// `addr` is at `mac`: for everybody's tables (RFC 5227 §2.3).
pub(crate) fn announcement(mac: Mac, addr: Ipv4Addr) -> Packet {
    request(mac, addr, addr)
}

/// The answer to a request.
pub(crate) fn reply(mac: Mac, to: &Packet) -> Packet {
    Packet {
        operation: Operation::Reply,
        sender_mac: mac,
        sender: to.target,
        target_mac: to.sender_mac,
        target: to.sender,
    }
}
