//! Datagrams that are written in pieces (MSG_MORE, UDP_CORK).

use super::Egress;
use crate::socket::{BufferPool, SendError, SendOptions};

/// A datagram of which more pieces are to come. How it is sent was decided with the first.
pub(crate) struct Corked {
    pub(crate) egress: Egress,
    /// The send options of the first piece.
    pub(crate) how: SendOptions,
    pub(crate) bytes: Vec<u8>,
    most: usize,
}

impl Corked {
    /// One without bytes yet, which may have `most` of them.
    pub(crate) fn new(egress: Egress, how: SendOptions, most: usize) -> Corked {
        Corked { egress, how, bytes: Vec::new(), most }
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
