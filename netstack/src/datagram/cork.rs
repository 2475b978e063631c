//! Datagrams that are written in pieces (MSG_MORE, UDP_CORK), and sends that are cut into several datagrams (UDP_SEGMENT).

use core::num::NonZeroU16;
use std::sync::Arc;

use super::MtuDiscovery;
use crate::ip::{Account, Header, HeaderOptions, Hop};
use crate::socket::{BufferPool, SendError, SendOptions};

/// How a datagram is sent: all that is decided before its bytes are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) hop: Hop,
    pub(crate) header: Header,
    pub(crate) discovery: MtuDiscovery,
    pub(crate) multicast_loop: bool,
    /// UDP: our port and the destination's.
    pub(crate) ports: (u16, u16),
    /// UDP_SEGMENT.
    pub(crate) segment: Option<NonZeroU16>,
    /// UDP: whether there is a checksum.
    pub(crate) checksum: bool,
    /// UDP-Lite: how many bytes the checksum covers.
    pub(crate) coverage: Option<u16>,
    /// IPV6_AUTOFLOWLABEL: without a label the flow gets one of its own.
    pub(crate) auto_flow_label: bool,
    /// IPV6_MTU: bytes of the longest packet.
    pub(crate) most: Option<u16>,
    /// IP options or extension headers.
    pub(crate) options: Option<Arc<HeaderOptions>>,
    pub(crate) account: Account,
}

/// A datagram of which more pieces are to come. How it is sent was decided with the first.
pub(crate) struct Corked {
    pub(crate) way: Way,
    /// The send options of the first piece.
    pub(crate) how: SendOptions,
    pub(crate) bytes: Vec<u8>,
    most: usize,
}

impl Corked {
    /// One without bytes yet, which may have `most` of them.
    pub(crate) fn new(way: Way, how: SendOptions, most: usize) -> Corked {
        Corked { way, how, bytes: Vec::new(), most }
    }

    /// Adds a piece.
    pub(crate) fn add(&mut self, pool: &mut dyn BufferPool, piece: &[&[u8]]) -> Result<(), SendError> {
        let len = piece.iter().map(|part| part.len()).sum::<usize>();
        if self.bytes.len() + len > self.most {
            return Err(SendError::MessageTooLong);
        }
        if !pool.charge(len) {
            return Err(SendError::NoBuffers);
        }
        piece.iter().for_each(|part| self.bytes.extend_from_slice(part));
        Ok(())
    }

    /// Gives back the memory that it was charged for.
    pub(crate) fn release(self, pool: &mut dyn BufferPool) -> Vec<u8> {
        pool.release(self.bytes.len());
        self.bytes
    }
}
