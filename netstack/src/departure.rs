//! Transmit timestamps (Linux's SOF_TIMESTAMPING_TX_*): when what a program sent was queued, was sent, was acknowledged.
//!
//! A send that asks for them leaves a tag on its packet, which goes with it through the queues; each station reports the packet as
//! it passes. For TCP they are asked for by the position of the last byte in the tx ring (`tcp::times`).

use crate::socket::Key;
use crate::time::Instant;

/// The timestamps that a program wants of one send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepartureRequest {
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
pub enum Station {
    /// The interface has it.
    Scheduled,
    /// The link has it.
    Sent,
    /// The peer has it.
    Acknowledged,
}

/// A timestamp of what a socket sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// The socket.
    pub key: Key,
    /// What it has passed.
    pub station: Station,
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
    pub(crate) request: DepartureRequest,
}

impl Tag {
    pub(crate) fn new(key: Key, request: Option<DepartureRequest>) -> Option<Tag> {
        request.map(|request| Tag { key, request })
    }

    /// The packet of these bytes passes a station now.
    pub(crate) fn passes(&self, station: Station, at: Instant, parts: &[&[u8]]) -> Option<Departure> {
        let DepartureRequest { scheduled, sent, acknowledged, bare, id } = self.request;
        let wanted = match station {
            Station::Scheduled => scheduled,
            Station::Sent => sent,
            Station::Acknowledged => acknowledged,
        };
        let bytes = || if bare { Vec::new() } else { parts.concat() };
        wanted.then(|| Departure { key: self.key, station, at, id, bytes: bytes() })
    }
}
