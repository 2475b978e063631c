//! What the resolver needs of the world. Its second implementation is the tests' script.

use std::net::SocketAddr;
use std::time::Instant;

use crate::Result;

/// The way to name servers, and the clock and the randomness beside it.
pub trait Transport {
    /// Now.
    fn now(&self) -> Instant;

    /// A number that no stranger can guess.
    fn random(&self) -> u16;

    /// A new UDP socket at a random port, connected to `server`.
    fn open(&self, server: SocketAddr) -> Result<Box<dyn Datagrams + '_>>;

    /// Sends one message to `server` over TCP and receives the one that comes back (RFC 1035 §4.2.2). TIMEDOUT at
    /// `deadline`.
    fn stream(&self, server: SocketAddr, message: &[u8], deadline: Instant) -> Result<Vec<u8>>;
}

/// A UDP socket connected to a server.
pub trait Datagrams {
    /// Sends one message.
    fn send(&self, message: &[u8]) -> Result<()>;

    /// The next datagram and who sent it; `None` at `deadline`. ECONNREFUSED where no server is at the port.
    fn receive(&self, into: &mut [u8], deadline: Instant) -> Result<Option<(usize, SocketAddr)>>;
}
