//! What comes from the network: addresses by DHCP (RFC 2131), link-local ones where nobody gives any (RFC 3927), and what DHCPv6
//! says besides addresses (RFC 8415).
//!
//! Reading order: [`Lease`] (what a server gives), [`client`] (the states of RFC 2131 figure 5), [`link_local`],
//! [`information`]. The machines are told with `handle_*` and asked with `poll`, and send nothing themselves: that is in
//! `stack::configuration`.
//!
//! The messages are of our own making ([`wire::dhcp`](crate::wire::dhcp)): a client needs eighteen options, and the
//! crates that know all of them bring clocks, entropy and a DNS library with them.

mod backoff;
mod client;
mod information;
mod lease;
mod link_local;

pub(crate) use client::{Action, Client, Destination};
pub use information::Information;
pub(crate) use information::{Inquiry, duid_of_link, duid_of_node};
pub(crate) use lease::domains;
pub use lease::{Lease, LeasedRoute};
pub(crate) use link_local::{LinkLocal, LinkLocalAction};

#[cfg(test)]
mod tests;
