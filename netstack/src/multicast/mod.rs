//! Membership of multicast groups as a host keeps it and tells routers (RFC 9776, the same for both families).
//!
//! Reading order: [`Filter`] (which sources somebody wants), [`Memberships`] (who wants what, what the interface wants
//! therefore, and what is to be said of it). The messages are in `wire::igmp`, `wire::mld` and, as far as they are the same, in
//! `wire::group`; what is sent is in `stack::control::multicast`.

use core::net::IpAddr;

use crate::link::IfIndex;

mod filter;
mod fit;
mod memberships;

pub use filter::{Filter, FilterMode};
pub(crate) use fit::fit;
pub(crate) use memberships::{Family, Member, Memberships, Say};

/// The groups of a socket, and where each was joined.
pub(crate) type Joined = Vec<(IpAddr, IfIndex)>;

#[cfg(test)]
mod tests;
