//! Where interfaces have their addresses, routes and name servers from: the caller (`manual`), DHCP, or the link's routers (RFC 4862,
//! RFC 4861 §6). The state machines are [`dhcp`](crate::dhcp) and [`ndp`](crate::ndp); here is done what they want.
//!
//! `slaac` makes addresses of the prefixes that `router_discovery` hears, `temporary` more of them, and `router_advertisement` is the
//! other side: what we, as a router, tell hosts.

mod dhcp;
mod dhcpv6;
mod manual;
mod router_advertisement;
mod router_discovery;
mod slaac;
mod temporary;

pub(super) use dhcp::Auto;
pub use dhcp::AutoConfig;
