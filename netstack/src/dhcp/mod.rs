//! Addresses that come from the network: DHCP (RFC 2131), and link-local addresses where nobody gives one (RFC 3927).
//!
//! Reading order: [`Lease`] (what a server gives), [`client`] (the states of RFC 2131 figure 5), [`link_local`]. Both
//! machines are told with `handle_*` and asked with `poll`, and send nothing themselves: that is in `stack::dhcp`.
//!
//! The messages are of our own making ([`wire::dhcp`](crate::wire::dhcp)): a client needs eighteen options, and the
//! crates that know all of them bring clocks, entropy and a DNS library with them.

mod backoff;
mod client;
mod lease;
mod link_local;

pub(crate) use client::{Action, Client, Destination};
pub(crate) use lease::domains;
pub use lease::{Lease, LeasedRoute};
pub(crate) use link_local::{LinkLocal, LinkLocalAction};

#[cfg(test)]
mod tests;
