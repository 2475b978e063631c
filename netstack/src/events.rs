//! What the engine has to tell its caller: sockets that changed, sockets that are gone, lines for the log.

use core::net::Ipv4Addr;

use crate::link::{IfIndex, Mac};
use crate::socket::Key;

/// Something that an operator should read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Another node uses one of our addresses (RFC 5227). Repeated at most every ten seconds for one address.
    AddressConflict {
        /// The address that both claim.
        addr: Ipv4Addr,
        /// The other node.
        mac: Mac,
        /// The interface on which it was heard.
        on: IfIndex,
    },
}

/// Notices that nobody takes do not pile up past this many.
const MAX_NOTICES: usize = 64;

/// The three queues towards the caller.
#[derive(Default)]
pub(crate) struct Events {
    touched: Vec<Key>,
    /// One bit a key: is it in `touched`?
    is_touched: Vec<u64>,
    released: Vec<Key>,
    notices: Vec<Notice>,
}

impl Events {
    /// The socket's state, readiness or data changed.
    pub(crate) fn touch(&mut self, key: Key) {
        let (word, bit) = place(key);
        if word >= self.is_touched.len() {
            self.is_touched.resize(word + 1, 0);
        }
        if self.is_touched[word] & bit == 0 {
            self.is_touched[word] |= bit;
            self.touched.push(key);
        }
    }

    /// The engine has forgotten a closed socket.
    pub(crate) fn release(&mut self, key: Key) {
        self.released.push(key);
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        if self.notices.len() < MAX_NOTICES {
            self.notices.push(notice);
        }
    }

    pub(crate) fn take_touched(&mut self, into: &mut Vec<Key>) {
        for key in &self.touched {
            let (word, bit) = place(*key);
            self.is_touched[word] &= !bit;
        }
        into.append(&mut self.touched);
    }

    pub(crate) fn take_released(&mut self, into: &mut Vec<Key>) {
        into.append(&mut self.released);
    }

    pub(crate) fn take_notices(&mut self, into: &mut Vec<Notice>) {
        into.append(&mut self.notices);
    }
}

fn place(key: Key) -> (usize, u64) {
    (key.0 as usize / 64, 1 << (key.0 % 64))
}

#[cfg(test)]
mod tests;
