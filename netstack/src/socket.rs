//! What the socket calls of every protocol share: names, buffers, options of a call, errors.
//!
//! Errors are one small enum per operation, in the words of the RFCs and of man pages. Which errno each becomes is the
//! caller's business.

use core::net::IpAddr;
use core::num::NonZeroU16;
use core::ops::RangeInclusive;
use std::sync::Arc;

use crate::departure::DepartureRequest;
use crate::ip::HeaderOptions;
use crate::link::IfIndex;
use crate::slab::Handle;

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

/// IP_LOCAL_PORT_RANGE: the least and the most of the ports that the socket gets where it asks for any; 0: the stack's.
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
    /// It is not sent, only what else is wrong with it is told.
    pub refused: bool,
    /// UDP_SEGMENT: cut into datagrams of this many bytes, the last may be shorter.
    pub segment: Option<NonZeroU16>,
    /// What is to be told of its departure.
    pub departure: Option<DepartureRequest>,
}

/// Why bind(2) failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindError {
    /// No such socket (any more).
    NotFound,
    /// Another socket has this address and port, and reuse rules do not allow two.
    AddrInUse,
    /// The address is not one of ours.
    AddrNotAvailable,
    /// The socket is already bound, or not in a state in which it can be.
    InvalidState,
    /// Every ephemeral port is taken.
    NoPorts,
}

/// Why listen(2) failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenError {
    /// No such socket (any more).
    NotFound,
    /// The socket is connected or connecting.
    InvalidState,
    /// Another socket listens on this address and port.
    AddrInUse,
    /// The socket was unbound and every ephemeral port is taken.
    NoPorts,
}

/// Why connect(2) failed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// No such socket (any more).
    NotFound,
    /// No route to the destination.
    NetUnreachable,
    /// The destination is known not to answer.
    HostUnreachable,
    /// The destination is a broadcast address and the socket has not asked for broadcast, or it is one that nobody can
    /// connect to.
    AccessDenied,
    /// The four-tuple is in use.
    AddrInUse,
    /// The bound source address is not one of ours (any more), or no source address fits.
    AddrNotAvailable,
    /// Every ephemeral port to this destination is taken.
    NoPorts,
    /// A connection attempt is under way.
    InProgress,
    /// Already connected.
    IsConnected,
    /// The socket listens, or is otherwise not in a state in which it can connect.
    InvalidState,
    /// At the memory limit.
    NoBuffers,
}

/// Why a datagram was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// No such socket (any more).
    NotFound,
    /// Neither connected nor given a destination.
    DestinationRequired,
    /// A destination without a port, or of a family that the socket does not have, or a malformed header
    /// (IP_HDRINCL).
    InvalidDestination,
    /// No route to the destination.
    NetUnreachable,
    /// The chosen source address is not one of ours.
    AddrNotAvailable,
    /// Of packet sockets: no interface is named, or there is none of that index.
    NoInterface,
    /// The interface is down.
    InterfaceDown,
    /// A broadcast without SO_BROADCAST.
    AccessDenied,
    /// More datagrams than one send may be cut into.
    TooManySegments,
    /// A packet socket's frame is to be cut and is not what it would have to be.
    Uncuttable,
    /// Larger than a datagram can be, or than the path allows where fragmenting is forbidden.
    MessageTooLong,
    /// Every ephemeral port is taken.
    NoPorts,
    /// The way out is full: try again when the socket is touched.
    Full,
    /// At the memory limit.
    NoBuffers,
    /// The caller said [`SendOptions::refused`], and nothing else is wrong.
    Refused,
    /// An earlier datagram's error, reported once and cleared; this datagram was not sent.
    Pending(SocketError),
}

/// An error that the network reported for a socket, kept until somebody takes it (SO_ERROR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketError {
    /// ICMP port unreachable.
    Refused,
    /// ICMP protocol unreachable.
    ProtocolUnreachable,
    /// ICMP host unreachable, or nobody answers ARP for it.
    HostUnreachable,
    /// ICMP network unreachable.
    NetUnreachable,
    /// ICMP: the destination is not known.
    HostUnknown,
    /// ICMP: the source is isolated.
    SourceIsolated,
    /// ICMP: a source route failed.
    SourceRouteFailed,
    /// ICMPv6: administratively prohibited.
    Prohibited,
    /// ICMP fragmentation needed.
    MessageTooLong,
    /// ICMP parameter problem.
    Protocol,
    /// The interface that a packet socket is bound to is down.
    InterfaceDown,
}

/// Why an interface call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// No interface has that index.
    NoInterface,
    /// The interface has this address already.
    Exists,
    /// The interface does not have this address.
    NotFound,
    /// Not an address that a host can have (unspecified, multicast, broadcast), or a prefix longer than an address.
    Invalid,
}

/// Why a route was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// No interface has that index.
    NoInterface,
    /// The same route is there already.
    Exists,
    /// There is no such route.
    NotFound,
    /// The gateway is not on a directly connected net of that interface.
    GatewayUnreachable,
    /// A prefix longer than an address, bits set beyond it, or a gateway of another family.
    Invalid,
}

/// Why an anycast address was not joined or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnycastError {
    /// It is our own, or a group.
    Invalid,
    /// No interface has that index.
    NoInterface,
    /// No net of the interface has it.
    NotOfOurNets,
    /// The socket has not joined it.
    NotJoined,
}

/// Why a multicast group was not joined or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// No such socket (any more).
    NotFound,
    /// Not a multicast address; of sources: a filter of the other kind, or of a group that the socket is not in.
    Invalid,
    /// No interface has that index, or none leads to the group.
    NoInterface,
    /// The socket is in this group already.
    AlreadyMember,
    /// The socket is not in this group.
    NotMember,
    /// The socket has as many groups of IPv4, or the group as many sources, as one may have.
    TooMany,
    /// The socket has as many groups as there is room for.
    NoMemory,
}
