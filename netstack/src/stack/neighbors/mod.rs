//! Who has which hardware address on a link, and who else has an address of ours: ARP (RFC 826) and neighbour discovery
//! (RFC 4861). The table is [`neighbor`](crate::neighbor); who asks is `ip::control`.

mod arp;
mod ndp;
