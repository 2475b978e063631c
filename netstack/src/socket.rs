//! What the socket calls of every protocol share: names, buffers, options of a call, and [`errors`](BindError).

mod errors;
mod listed;

pub use errors::{
    AddressError, AnycastError, BindError, ConnectError, GroupError, ListenError, RouteError, SendError, SocketError,
};
pub use listed::Listed;

use core::net::IpAddr;
use core::num::NonZeroU16;
use core::ops::RangeInclusive;
use std::sync::Arc;

use crate::ip::HeaderOptions;
use crate::link::IfIndex;
use crate::slab::Handle;
use crate::tx_timestamp::TxTimestampRequest;

/// The caller's name for a socket. The engine only carries it. Keys should be small and dense (an index of the caller's
/// record table): the engine keeps one bit for each number up to the largest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

/// A UDP socket of one [`Stack`](crate::Stack). A stale id never names another socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UdpId(pub(crate) Handle);

/// A raw or ping socket of one [`Stack`](crate::Stack). A stale id never names another socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawId(pub(crate) Handle);

/// A socket of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramId {
    /// One of UDP.
    Udp(UdpId),
    /// A raw or ping socket.
    Raw(RawId),
    /// A packet socket.
    Packet(PacketId),
}

impl From<UdpId> for DatagramId {
    fn from(id: UdpId) -> DatagramId {
        DatagramId::Udp(id)
    }
}

impl From<RawId> for DatagramId {
    fn from(id: RawId) -> DatagramId {
        DatagramId::Raw(id)
    }
}

impl From<PacketId> for DatagramId {
    fn from(id: PacketId) -> DatagramId {
        DatagramId::Packet(id)
    }
}

/// A packet socket of one [`Stack`](crate::Stack). A stale id never names another socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketId(pub(crate) Handle);

/// Where the engine gets buffers for connections that arrive by themselves, and leave to hold memory of its own.
pub trait BufferPool: Send {
    /// Rings for a new passive connection, or None at the memory limit (the ACK that would complete the connection is
    /// then dropped; the peer retries).
    fn stream(&mut self, sizes: StreamSizes) -> Option<StreamBuffers>;

    /// Size in bytes of the receive ring that [`stream`](Self::stream) would give now: a SYN-ACK offers no more.
    fn receive_size(&self, sizes: StreamSizes) -> usize;

    /// Memory for a ring of `from` bytes to grow into: up to `to` bytes, a power of two, more than `from`. None where there
    /// is no more; the ring stays as it is.
    fn grow(&mut self, from: usize, to: usize) -> Option<arena::Region> {
        let _ = (from, to);
        None
    }

    /// Bytes that a ring may grow to however short the path is: what it has where it did not begin smaller, for want of memory.
    fn full_ring(&self) -> usize {
        0
    }

    /// Whether [`stream`](Self::stream) would give rings now. If not, a SYN is not answered: its sender is better off
    /// waiting than with a connection that nobody can accept.
    fn has_stream(&self) -> bool {
        true
    }

    /// Asks to hold `bytes` in queues of the engine (reassembly, packets waiting for ARP or for a link). False: at the
    /// limit, drop instead.
    fn charge(&mut self, bytes: usize) -> bool;

    /// Gives back what [`charge`](Self::charge) granted.
    fn release(&mut self, bytes: usize);
}

/// The rings of a stream socket, and the name under which its events will be reported.
pub struct StreamBuffers {
    /// The caller's name for the new socket.
    pub key: Key,
    /// What the program sends.
    pub tx: arena::Consumer,
    /// What the program receives.
    pub rx: arena::Producer,
}

/// How large the rings of a stream socket are wanted, in bytes; `None` leaves it to the pool and to autotuning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamSizes {
    /// What the program sends (SO_SNDBUF).
    pub send: Option<u32>,
    /// What the program receives (SO_RCVBUF).
    pub receive: Option<u32>,
}

/// IP_LOCAL_PORT_RANGE: the lowest and the highest ephemeral port of the socket; 0: the stack's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortRange {
    /// The least.
    pub least: u16,
    /// The most.
    pub most: u16,
}

impl PortRange {
    /// What of `all` is in it; all of `all` where nothing is, as on Linux.
    pub(crate) fn within(self, all: &RangeInclusive<u16>) -> RangeInclusive<u16> {
        let most = if self.most == 0 { *all.end() } else { self.most.min(*all.end()) };
        let least = self.least.max(*all.start());
        if least <= most { least..=most } else { all.clone() }
    }
}

/// Flags of bind(2) that live in socket options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindOptions {
    /// SO_REUSEADDR.
    pub reuse_addr: bool,
    /// SO_REUSEPORT.
    pub reuse_port: bool,
    /// TCP_REPAIR: the port is taken whoever has it.
    pub forced: bool,
    /// IPV6_V6ONLY: bound to `::`, the socket does not get what comes by IPv4 as well.
    pub v6_only: bool,
    /// IP_FREEBIND: the address need not be ours yet. Nothing is sent from it before it is.
    pub free: bool,
    /// SO_BINDTODEVICE, for streams: sockets on different interfaces may have the same address and port.
    pub on: Option<IfIndex>,
    /// Where an ephemeral port is to be.
    pub ports: PortRange,
    /// IP_BIND_ADDRESS_NO_PORT: port 0 is none yet, and connect(2) takes one that is free towards its destination.
    pub no_port: bool,
}

/// shutdown(2): which directions end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// No more receiving.
    pub read: bool,
    /// No more sending.
    pub write: bool,
}

/// What a datagram overrides for itself (control messages of sendmsg(2)). `None` takes the socket's own setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Source address (IP_PKTINFO `ipi_spec_dst`): must be one of ours.
    pub source: Option<IpAddr>,
    /// Interface to leave by (IP_PKTINFO `ipi_ifindex`).
    pub on: Option<IfIndex>,
    /// Time to live, 1–255, or hop limit, 0–255.
    pub ttl: Option<u8>,
    /// Type of service byte, or traffic class.
    pub tos: Option<u8>,
    /// What stands behind the IP header: the socket's, or this datagram's.
    pub header_options: Option<Arc<HeaderOptions>>,
    /// IPV6_DONTFRAG.
    pub dont_fragment: Option<bool>,
    /// Flow label of IPv6 (`sin6_flowinfo`), 20 bits.
    pub flow_label: Option<u32>,
    /// MSG_MORE, UDP_CORK: this is a piece, and the datagram goes with the first send that does not say so. Sockets of UDP,
    /// and raw ones whose IP header is ours.
    pub more: bool,
    /// MSG_DONTROUTE: no router is used.
    pub dont_route: bool,
    /// It is not to be sent: only other errors are reported, else [`SendError::Refused`].
    pub refused: bool,
    /// MSG_PROBE: all is done that a send does up to the route, and nothing leaves.
    pub probe: bool,
    /// UDP_SEGMENT: cut into datagrams of this many bytes, the last may be shorter.
    pub segment: Option<NonZeroU16>,
    /// Timestamps that are wanted of it.
    pub tx_timestamp: Option<TxTimestampRequest>,
}
