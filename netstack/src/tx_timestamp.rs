//! Transmit timestamps (Linux's SOF_TIMESTAMPING_TX_*): when what a program sent was queued, was sent, was acknowledged.
//!
//! A send that asks for them leaves a tag on its packet, which goes with it through the queues; each point reports the packet as
//! it passes. For TCP they are asked for by the position of the last byte in the tx ring (`tcp::times`).

use crate::socket::Key;
use crate::time::Instant;

/// The timestamps that a program wants of one send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxTimestampRequest {
    /// When it is given to its interface.
    pub scheduled: bool,
    /// When the link has taken it.
    pub sent: bool,
    /// When the peer has acknowledged all of it: of TCP.
    pub acknowledged: bool,
    /// The timestamps alone, without the packet.
    pub bare: bool,
    /// Given back with the times.
    pub id: u32,
}

/// Where a timestamp is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampPoint {
    /// The interface has it.
    Scheduled,
    /// The link has it.
    Sent,
    /// The peer has it.
    Acknowledged,
}

/// A timestamp of what a socket sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxTimestamp {
    /// The socket.
    pub key: Key,
    /// What it has passed.
    pub point: TimestampPoint,
    /// When.
    pub at: Instant,
    /// As the request has it.
    pub id: u32,
    /// The frame from its link header on; of what is acknowledged, the text. Empty where only times were wanted.
    pub bytes: Vec<u8>,
}

/// What a packet carries along: whose it is, and which timestamps are wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) key: Key,
    pub(crate) request: TxTimestampRequest,
}

impl Tag {
    pub(crate) fn new(key: Key, request: Option<TxTimestampRequest>) -> Option<Tag> {
        request.map(|request| Tag { key, request })
    }

    /// The packet of these bytes passes a point now.
    pub(crate) fn passes(&self, point: TimestampPoint, at: Instant, parts: &[&[u8]]) -> Option<TxTimestamp> {
        let TxTimestampRequest { scheduled, sent, acknowledged, bare, id } = self.request;
        let wanted = match point {
            TimestampPoint::Scheduled => scheduled,
            TimestampPoint::Sent => sent,
            TimestampPoint::Acknowledged => acknowledged,
        };
        let bytes = || if bare { Vec::new() } else { parts.concat() };
        wanted.then(|| TxTimestamp { key: self.key, point, at, id, bytes: bytes() })
    }
}
