//! What a program finds in the receive ring of a datagram socket, and the options that all datagram sockets have.
//!
//! The ring holds a sequence of records: a [`Header`] of [`HEADER_LEN`] bytes, then [`Header::len`] bytes of payload. A
//! record is published whole or not at all; what does not fit, or is more than SO_RCVBUF allows, is dropped and counted.

mod cork;
mod egress;
mod header;
mod inbox;
mod options;
mod outbox;
mod report;
mod truesize;

pub(crate) use cork::Corked;
pub(crate) use egress::Egress;
pub use header::{HEADER_LEN, Header};
pub use inbox::RECEIVE_BUFFER;
pub(crate) use inbox::{Admission, DROPS, Inbox};
pub use options::{Coverage, DatagramOptions, Ipv6Options, MtuDiscovery};
pub(crate) use outbox::Outbox;
pub use report::{ErrorReport, Extensions};
pub(crate) use report::{Errors, Reports};
pub(crate) use truesize::truesize;

use crate::socket::SocketError;
use core::net::SocketAddr;

/// A datagram socket as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramStatus {
    /// getsockname(2): where it is bound; unspecified address and port 0 if nowhere. The port of a ping socket is its
    /// identifier, that of a raw socket 0.
    pub local: SocketAddr,
    /// getpeername(2): where it is connected.
    pub remote: Option<SocketAddr>,
    /// An error that waits to be taken.
    pub error: Option<SocketError>,
    /// Datagrams dropped because the ring was full.
    pub dropped: u64,
}

#[cfg(test)]
mod tests;
