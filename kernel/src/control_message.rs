//! Control messages (cmsg(3)) as bytes, without pointers.

use crate::{Errno, Result};
use std::mem::size_of;

/// `struct cmsghdr`: the length with the header, level, type.
const HEADER: usize = size_of::<libc::cmsghdr>();
const ALIGN: usize = size_of::<usize>();

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlMessage<'a> {
    /// The level, as SOL_IP.
    pub level: i32,
    /// The type, as IP_TTL.
    pub kind: i32,
    /// What follows the header.
    pub data: &'a [u8],
}

impl ControlMessage<'_> {
    /// The data as `N` words in the machine's order; EINVAL if it is not of that length.
    pub fn words<const N: usize>(&self) -> Result<[u32; N]> {
        if self.data.len() != N * 4 {
            return Err(Errno::INVAL);
        }
        let mut words = [0; N];
        for (word, bytes) in words.iter_mut().zip(self.data.chunks_exact(4)) {
            *word = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Ok(words)
    }
}

/// Goes through the messages of a buffer; EINVAL where a header does not fit into it, as Linux's CMSG_OK.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<ControlMessage<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.rest.get(..HEADER)?;
        let (len, rest) = header.split_first_chunk::<ALIGN>()?;
        let (level, rest) = rest.split_first_chunk::<4>()?;
        let (kind, _) = rest.split_first_chunk::<4>()?;
        let len = usize::from_ne_bytes(*len);
        let Some(data) = self.rest.get(HEADER..len) else {
            self.rest = &[];
            return Some(Err(Errno::INVAL));
        };
        self.rest = self.rest.get(len.next_multiple_of(ALIGN)..).unwrap_or(&[]);
        Some(Ok(ControlMessage { level: i32::from_ne_bytes(*level), kind: i32::from_ne_bytes(*kind), data }))
    }
}

/// Puts messages into a buffer, cutting off the one that does not fit whole, as Linux's put_cmsg.
pub struct Writer<'a> {
    space: &'a mut [u8],
    len: usize,
    truncated: bool,
}

impl<'a> Writer<'a> {
    /// Into `space`.
    pub fn new(space: &'a mut [u8]) -> Writer<'a> {
        Writer { space, len: 0, truncated: false }
    }

    /// Bytes used.
    pub fn used(&self) -> usize {
        self.len
    }

    /// Whether something did not fit (MSG_CTRUNC).
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Adds a message.
    pub fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        let free = &mut self.space[self.len..];
        if free.len() < HEADER {
            self.truncated = true;
            return;
        }
        let whole = HEADER + data.len();
        let len = whole.min(free.len());
        self.truncated |= len < whole;
        free[..ALIGN].copy_from_slice(&len.to_ne_bytes());
        free[ALIGN..ALIGN + 4].copy_from_slice(&level.to_ne_bytes());
        free[ALIGN + 4..HEADER].copy_from_slice(&kind.to_ne_bytes());
        free[HEADER..len].copy_from_slice(&data[..len - HEADER]);
        self.len += len.next_multiple_of(ALIGN).min(free.len());
    }
}

#[cfg(test)]
mod tests;
