//! TCP sockets: connect in [`opening`], [`send`], [`receive`].

mod opening;
mod receive;
mod send;

use super::{Received, SendControl, Socket};
use crate::{Errno, Result};
use arena::fault;
use std::io::IoSlice;

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

/// What a call that the engine answers has to send.
pub(super) fn parts<'a>(bufs: &'a [IoSlice<'_>]) -> Vec<&'a [u8]> {
    bufs.iter().map(|buf| &**buf).collect()
}

/// Whether the engine can read up to `most` bytes of each part, under its lock. Errors: EFAULT.
pub(super) fn check_readable(parts: &[&[u8]], most: usize) -> Result<()> {
    let readable = |part: &&[u8]| fault::readable(part.as_ptr(), part.len().min(most)).is_ok();
    if parts.iter().all(readable) { Ok(()) } else { Err(Errno::FAULT) }
}

#[cfg(test)]
mod tests;
