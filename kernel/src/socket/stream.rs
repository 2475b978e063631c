//! TCP sockets: connect in [`opening`], [`send`], [`receive`].

mod opening;
mod receive;
mod send;

use super::{Received, SendControl, Socket};
use crate::Errno;

/// Bytes that come or go together where some memory of a call's is not there.
const PIECE: usize = 32 * 1024;

impl Socket {
    /// Takes the pending error.
    pub(super) fn take_error(&self) -> Option<Errno> {
        match self.endpoint.record.take_error() {
            0 => None,
            errno => Some(Errno::from_raw_os_error(errno)),
        }
    }
}

#[cfg(test)]
mod tests;
