//! The sending side of all datagram sockets, and how SO_SNDBUF bounds it: what waits for a link or for a neighbour's address
//! (Linux's sk_wmem_alloc).

use super::truesize;

/// SO_SNDBUF of a socket that has not said otherwise, in bytes: Linux's net.core.wmem_default.
const SEND_BUFFER: usize = 212_992;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// SO_SNDBUF, doubled as it shows.
    most: usize,
    /// Charged for packets that have not left.
    waiting: usize,
    /// Charged for the pieces of a datagram that is not finished.
    corked: usize,
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        Outbox { most: SEND_BUFFER, waiting: 0, corked: 0 }
    }

    pub(crate) fn set_most(&mut self, bytes: usize) {
        self.most = bytes;
    }

    /// How much of SO_SNDBUF is in use.
    pub(crate) fn charged(&self) -> usize {
        self.waiting + self.corked
    }

    /// Whether another datagram may be sent (sock_alloc_send_pskb()). It may exceed the bound.
    pub(crate) fn admits(&self) -> bool {
        self.charged() < self.most
    }

    /// How much the fragments of a datagram but the last may take (sock_wmalloc()); `None`: nothing.
    pub(crate) fn spare(&self) -> Option<usize> {
        (2 * self.most).checked_sub(self.charged())
    }

    /// Whether poll(2) reports POLLOUT (sock_writeable()).
    pub(crate) fn is_writable(&self) -> bool {
        self.charged() * 2 < self.most
    }

    /// A packet of so many bytes, with the IP header, waits.
    pub(crate) fn put(&mut self, packet: usize) {
        self.waiting += truesize(packet);
    }

    /// It waits no more.
    pub(crate) fn take(&mut self, packet: usize) {
        self.waiting = self.waiting.saturating_sub(truesize(packet));
    }

    /// The first piece of a datagram, with what stands before it.
    pub(crate) fn cork(&mut self, first: usize) {
        self.corked = truesize(first);
    }

    /// Another one.
    pub(crate) fn cork_more(&mut self, bytes: usize) {
        self.corked += bytes;
    }

    /// There is none any more.
    pub(crate) fn uncork(&mut self) {
        self.corked = 0;
    }
}
