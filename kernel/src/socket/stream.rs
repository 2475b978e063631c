//! TCP sockets: connect in [`opening`], [`send`], [`receive`].

mod opening;
mod receive;
mod send;

use super::{Received, SendControl, Socket};
use crate::Errno;

/// If part of a call's memory is not there (EFAULT), bytes are transferred in whole pieces of this length.
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
