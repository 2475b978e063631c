//! Datagrams that are given in pieces (MSG_MORE, UDP_CORK), and sends that are cut into several datagrams (UDP_SEGMENT).

use core::num::NonZeroU16;
use std::sync::Arc;

use super::MtuDiscovery;
use crate::ip::{Account, Header, HeaderOptions, Hop};
use crate::socket::{BufferPool, SendError, SendOptions};

/// How a datagram goes.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) hop: Hop,
    pub(crate) header: Header,
    pub(crate) discovery: MtuDiscovery,
    pub(crate) multicast_loop: bool,
    /// Of UDP: ours and the destination's.
    pub(crate) ports: (u16, u16),
    /// UDP_SEGMENT.
    pub(crate) segment: Option<NonZeroU16>,
    /// Of UDP: there is one.
    pub(crate) checksum: bool,
    /// Of UDP-Lite: how much the checksum is to cover.
    pub(crate) coverage: Option<u16>,
    /// Where no flow label is said, the flow has one of its own.
    pub(crate) auto_flow_label: bool,
    /// IPV6_MTU: bytes of the longest packet.
    pub(crate) most: Option<u16>,
    /// What stands behind the IP header.
    pub(crate) options: Option<Arc<HeaderOptions>>,
    pub(crate) account: Account,
}

/// A datagram of which more pieces are to come. Its way was settled with the first.
pub(crate) struct Corked {
    pub(crate) way: Way,
    /// What the first piece said for itself.
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
