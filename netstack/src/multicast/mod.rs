//! Membership of multicast groups as a host keeps it and tells routers (RFC 9776, the same for both families).
//!
//! Reading order: [`Filter`] (which sources somebody wants), [`Memberships`] (who wants what, what the interface wants
//! therefore, and what is to be said of it). The messages are in `wire::igmp`, what is sent in `stack::multicast`.

mod filter;
mod memberships;

pub use filter::{Filter, FilterMode};
pub(crate) use memberships::{Memberships, Query, Record, Say};

#[cfg(test)]
mod tests;
