//! TCP (RFC 9293).
//!
//! Read RFC 9293 §3.3 and §3.10 first. [`Tcp`] owns every connection, listener and TIME-WAIT entry of a stack. Segments
//! come in by `handle_segment`, which answers by queueing; segments leave only in `poll`.

mod durable;
mod errors;
mod info;
mod options;
pub(crate) mod seam;
mod seq;
mod state;

pub use durable::{Durable, Timestamps};
pub use errors::TcpError;
pub use info::{TcpInfo, TcpStatus};
pub use options::{Keepalive, TcpOptions};
pub use seq::Seq;
pub use state::State;

use crate::events::Events;
use crate::rng::Rng;
use crate::slab::Handle;
use crate::socket::{BindError, BindOptions, ConnectError, Key, ListenError, Shutdown};
use crate::time::Instant;
use arena::{Consumer, Producer};
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;
use core::time::Duration;
use seam::{Env, IcmpError, IpMeta, TcpOut};

/// The engine's name for a TCP socket. A stale one names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpId(pub(crate) Handle);

/// A connection taken from a listener's queue by accept(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The engine's name for it.
    pub id: TcpId,
    /// The kernel's name for it, from [`BufferPool::stream`](crate::socket::BufferPool::stream).
    pub key: Key,
    /// Its address here.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
}

/// How close(2) ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Deliver what is queued, then FIN. If `unread` data is lost by this, RST instead (RFC 2525 §2.17, as Linux).
    Graceful {
        /// The program leaves received data unread (its own position in the ring counts, so the caller says it).
        unread: bool,
    },
    /// RST, and nothing more is delivered (`SO_LINGER` with a time of 0).
    Abort,
}

/// What is the same for all connections of a stack.
#[derive(Clone, Debug)]
pub(crate) struct TcpConfig {
    /// How long TIME-WAIT lasts.
    pub(crate) time_wait: Duration,
    /// Ports for sockets that are not bound to one.
    pub(crate) ephemeral: RangeInclusive<u16>,
}

/// All of TCP in a stack.
pub(crate) struct Tcp {
    sockets: crate::slab::Slab<Key>,
}

#[allow(unused_variables)]
impl Tcp {
    pub(crate) fn new(config: TcpConfig, rng: &mut Rng) -> Tcp {
        Tcp { sockets: crate::slab::Slab::new() }
    }

    /// A segment for one of our addresses, TCP header and payload; its checksum is known to be good.
    pub(crate) fn handle_segment(&mut self, now: Instant, ip: &IpMeta, segment: &[u8], env: &mut Env<'_>) {}

    /// An ICMP error that quotes a segment from `local` to `remote` with sequence number `quoted_seq`.
    pub(crate) fn handle_icmp_error(
        &mut self,
        now: Instant,
        error: IcmpError,
        local: SocketAddr,
        remote: SocketAddr,
        quoted_seq: u32,
        events: &mut Events,
    ) {
    }

    /// The next hop towards `dst` does not answer (ARP).
    pub(crate) fn handle_unreachable(&mut self, now: Instant, dst: IpAddr, events: &mut Events) {}

    /// Runs timers that are due and sends what wants to go out.
    pub(crate) fn poll(&mut self, now: Instant, out: &mut dyn TcpOut, events: &mut Events) {}

    /// When `poll` must be called again even if nothing comes.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// The node at `addr` is gone: its connections are reset as by a RST.
    pub(crate) fn peer_died(&mut self, now: Instant, addr: IpAddr, events: &mut Events) {}

    /// socket(2).
    pub(crate) fn open(&mut self, key: Key) -> TcpId {
        TcpId(self.sockets.insert(key))
    }

    /// bind(2). Port 0 takes an ephemeral port. Returns the address bound to.
    pub(crate) fn bind(
        &mut self,
        id: TcpId,
        local: SocketAddr,
        options: BindOptions,
        env: &mut Env<'_>,
    ) -> Result<SocketAddr, BindError> {
        Err(BindError::NotFound)
    }

    /// listen(2). Again on a listener changes the backlog.
    pub(crate) fn listen(&mut self, id: TcpId, backlog: usize, env: &mut Env<'_>) -> Result<(), ListenError> {
        Err(ListenError::NotFound)
    }

    /// connect(2): the SYN goes at the next poll.
    pub(crate) fn connect(
        &mut self,
        now: Instant,
        id: TcpId,
        remote: SocketAddr,
        tx: Consumer,
        rx: Producer,
        env: &mut Env<'_>,
    ) -> Result<(), ConnectError> {
        Err(ConnectError::NotFound)
    }

    /// accept(2).
    pub(crate) fn accept(&mut self, listener: TcpId) -> Option<Accepted> {
        None
    }

    /// The program put bytes into the tx ring.
    pub(crate) fn data_queued(&mut self, now: Instant, id: TcpId) {}

    /// The program took bytes out of the rx ring, past the mark that `Producer::notify_after` set.
    pub(crate) fn space_freed(&mut self, now: Instant, id: TcpId) {}

    /// shutdown(2).
    pub(crate) fn shutdown(&mut self, now: Instant, id: TcpId, how: Shutdown, events: &mut Events) {}

    /// close(2): the id is stale from now on; the key is released once the engine has no more use for its rings.
    pub(crate) fn close(&mut self, now: Instant, id: TcpId, how: Close, events: &mut Events) {}

    /// connect(2) with `AF_UNSPEC`: abort, back to CLOSED.
    pub(crate) fn disconnect(&mut self, now: Instant, id: TcpId, events: &mut Events) {}

    pub(crate) fn status(&self, id: TcpId) -> Option<TcpStatus> {
        None
    }

    pub(crate) fn take_error(&mut self, id: TcpId) -> Option<TcpError> {
        None
    }

    pub(crate) fn options(&mut self, id: TcpId) -> Option<&mut TcpOptions> {
        None
    }

    pub(crate) fn options_changed(&mut self, now: Instant, id: TcpId) {}

    pub(crate) fn info(&self, now: Instant, id: TcpId) -> Option<TcpInfo> {
        None
    }

    pub(crate) fn snapshot(&self, id: TcpId) -> Option<Durable> {
        None
    }
}
