//! Errors that the network reports about a socket's datagrams (ip(7), IP_RECVERR).

use super::Header;
use crate::socket::SocketError;
use core::net::SocketAddr;

/// An error about one packet of ours, kept for a socket that asked for it (IP_RECVERR).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// What it means.
    pub error: SocketError,
    /// Type and code of the ICMP message.
    pub message: (u8, u8),
    /// What the message says besides: the MTU that a router allows, in bytes, or where in the packet the problem is.
    pub info: u32,
    /// Of the packet that brought the message: its source is the offender (SO_EE_OFFENDER).
    pub icmp_header: Header,
    /// Where the datagram was sent to.
    pub destination: SocketAddr,
    /// Its payload, as far as the message quotes it, and what follows.
    pub payload: Vec<u8>,
    /// Of a socket that asked for them (IP_RECVERR_RFC4884).
    pub extensions: Option<Extensions>,
}

/// What routers added to an ICMP error (RFC 4884).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// Where in the report's payload it begins.
    pub at: u16,
    /// It can be what it claims to be.
    pub whole: bool,
}

/// Reports that nobody has taken yet. They do not pile up past [`MAX_REPORTS`].
#[derive(Default)]
pub(crate) struct Reports(Vec<ErrorReport>);

const MAX_REPORTS: usize = 32;

impl Reports {
    pub(crate) fn push(&mut self, report: ErrorReport) {
        if self.0.len() < MAX_REPORTS {
            self.0.push(report);
        }
    }

    pub(crate) fn take(&mut self) -> Vec<ErrorReport> {
        std::mem::take(&mut self.0)
    }
}

/// What the network said about a socket's datagrams.
#[derive(Default)]
pub(crate) struct Errors {
    /// The pending error (SO_ERROR).
    pub(crate) pending: Option<SocketError>,
    pub(crate) reports: Reports,
}
