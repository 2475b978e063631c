//! The seam between sockets and the kernel that serves them.
//!
//! A socket call is a self-contained value ([`Call`]) with an answer ([`Reply`]); data goes through the rings of the
//! socket's [`Endpoint`]. The local backend answers by a function call; a client of a `rump_server` would send the
//! same values as messages and map the same rings.

mod answer;
mod flow_label;
mod local;
mod packet;
mod repair;
mod sockets;
mod spin;

pub use flow_label::FlowLabelCall;
pub use local::Local;
pub use packet::PacketCall;
pub use repair::RepairCall;
pub use sockets::Transport;

use crate::endpoint::{Endpoint, Kind, SocketId};
use crate::netlink::{Mailbox, Network};
use crate::socket::Family;
use crate::wait::Waiter;
use crate::{Errno, InterfaceInfo, Result, errno};
use netstack::filter::Program;
use netstack::flow_label::LabelView;
use netstack::ip::HeaderOptions;
use netstack::packet::{Fanout, PacketName, PacketStatistics, RolloverCounts};
use netstack::raw::RawOptions;
use netstack::socket::{BindOptions, SendError, SendOptions, Shutdown};
use netstack::tcp::{Close, PacketInfo, Sequences, TcpInfo, TcpOptions, Windows};
use netstack::tx_timestamp::TxTimestampRequest;
use netstack::{DatagramMemory, Filter, Listed, SourceChange};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Instant;

/// What a socket asks of its kernel. No call blocks.
#[derive(Debug)]
pub enum Call<'a> {
    /// A new socket: [`Reply::Socket`].
    Open(Family, Kind, Buffers),
    /// bind(2).
    Bind(SocketId, SocketAddr, BindOptions),
    /// connect(2): starts; the endpoint's state tells how it ends.
    Connect(SocketId, SocketAddr, Buffers),
    /// connect(2) with Fast Open. With text (MSG_FASTOPEN): [`Reply::Sent`], the bytes that the SYN carries. Without
    /// (TCP_FASTOPEN_CONNECT): the SYN may wait for the first text.
    ConnectFast(SocketId, SocketAddr, Buffers, Option<&'a [&'a [u8]]>),
    /// Sends a SYN that waits for text, with this text: [`Reply::Sent`].
    SendSyn(SocketId, &'a [&'a [u8]]),
    /// connect(2) with AF_UNSPEC.
    Disconnect(SocketId),
    /// listen(2).
    Listen(SocketId, usize),
    /// accept(2): [`Reply::Accepted`], or EAGAIN.
    Accept(SocketId),
    /// shutdown(2).
    Shutdown(SocketId, Shutdown),
    /// The last close(2).
    Close(SocketId, Close),
    /// Sends a datagram: [`Reply::Sent`] or [`Reply::Full`].
    Send(SocketId, Option<SocketAddr>, &'a [&'a [u8]], &'a SendOptions),
    /// SO_ATTACH_FILTER, SO_DETACH_FILTER.
    Attach(SocketId, Option<Program>),
    /// SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF, and whether the socket has SO_REUSEPORT.
    SetGroupProgram(SocketId, Option<Program>, bool),
    /// SO_RCVBUF of a socket that is no stream, doubled.
    SetReceiveBuffer(SocketId, usize),
    /// SO_SNDBUF of a socket that is no stream, doubled.
    SetSendBuffer(SocketId, usize),
    /// SO_MEMINFO of a socket that is no stream: [`Reply::Memory`].
    Memory(SocketId),
    /// IPV6_JOIN_ANYCAST, or with `false` IPV6_LEAVE_ANYCAST, on an interface (0: any).
    Anycast(SocketId, bool, Ipv6Addr, u32),
    /// IPV6_FLOWLABEL_MGR.
    FlowLabel(SocketId, FlowLabelCall),
    /// A call of a stream under repair.
    Repair(SocketId, RepairCall<'a>),
    /// A call that only packet sockets have.
    Packet(SocketId, PacketCall<'a>),
    /// UDP_CORK was cleared: the datagram that was written in pieces is sent.
    Uncork(SocketId),
    /// A piece of a datagram could not be read: the pieces before it are dropped.
    DropCorked(SocketId),
    /// The options of a stream.
    SetTcpOptions(SocketId, TcpOptions),
    /// The options of a datagram socket; UDP sockets use [`RawOptions::datagram`] only.
    SetDatagramOptions(SocketId, RawOptions),
    /// Changes a socket's membership of a multicast group on an interface (0: any).
    Group(SocketId, GroupChange, IpAddr, u32),
    /// A socket's source filter of a multicast group on an interface (none: where the routes lead): [`Reply::Filter`].
    GroupFilter(SocketId, IpAddr, Option<u32>),
    /// getsockname(2), getpeername(2): [`Reply::Names`].
    Names(SocketId),
    /// TCP_INFO: [`Reply::TcpInfo`].
    TcpInfo(SocketId),
    /// TCP_SAVED_SYN, and how many bytes fit: [`Reply::SavedSyn`].
    TakeSavedSyn(SocketId, usize),
    /// An ICMP error that did not end the connection (Linux's sk_err_soft): [`Reply::SoftError`].
    TakeSoftError(SocketId),
    /// The IP header fields with which a stream's segments arrived: [`Reply::PacketInfo`].
    PacketInfo(SocketId),
    /// Timestamps are wanted of the text before a position of the tx ring.
    RequestTxTimestamp(SocketId, u64, TxTimestampRequest),
    /// When the byte at a position of the rx ring arrived: [`Reply::Arrival`]. Of bytes before the second position nobody will ask
    /// any more.
    Arrival(SocketId, u64, u64),
    /// The interfaces: [`Reply::Interfaces`].
    Interfaces,
    /// Everything that rtnetlink(7) can dump: [`Reply::Network`].
    Network,
    /// Tells a netlink socket from now on what changes of that.
    Monitor(Weak<Mailbox>),
    /// Sets the hardware address of a neighbour on an interface, or forgets it.
    SetNeighbor(u32, IpAddr, Option<[u8; 6]>),
    /// The sockets of a protocol, with TCP_INFO or without: [`Reply::Sockets`].
    Sockets(Transport, bool),
    /// Bytes of the largest packet to a destination: [`Reply::PathMtu`], or ENOTCONN without a route.
    PathMtu(SocketAddr),
    /// The default hop limit of packets to a destination: [`Reply::HopLimit`], or ENOTCONN without a route.
    HopLimit(SocketAddr),
    /// Name servers and search domains that the network has announced: [`Reply::Learned`].
    Learned,
    /// The source address towards a destination: [`Reply::Source`], or ENETUNREACH.
    SourceFor(IpAddr),
}

/// A change of a socket's membership of a multicast group.
#[derive(Clone, Debug)]
pub enum GroupChange {
    /// Joins, for all sources.
    Join,
    /// Leaves.
    Leave,
    /// Adds, removes, blocks or unblocks one source.
    Source(IpAddr, SourceChange),
    /// Replaces the source filter.
    Filter(Filter),
}

/// The answer to a [`Call`] that succeeded.
pub enum Reply {
    /// Nothing to say.
    Done,
    /// A new socket.
    Socket(Arc<Endpoint>),
    /// A connection, its peer's address, and the IP options or extension headers of its segments.
    Accepted(Arc<Endpoint>, SocketAddr, Option<Arc<HeaderOptions>>),
    /// Bytes sent.
    Sent(usize),
    /// The link's queue or the send buffer is full: nothing was sent.
    Full,
    /// Our address and the peer's.
    Names(Option<SocketAddr>, Option<SocketAddr>),
    /// Where a packet socket is bound.
    PacketName(PacketName),
    /// The fanout group of a packet socket, if it is in one.
    PacketGroup(Option<(Fanout, RolloverCounts)>),
    /// PACKET_STATISTICS.
    PacketStatistics(PacketStatistics),
    /// The flow label that a socket got.
    FlowLabel(u32),
    /// A flow label.
    FlowLabelView(LabelView),
    /// The extension headers of a flow label that somebody has requested; they replace the socket's own up to the routing header.
    FlowLabelHeaders(Option<Arc<HeaderOptions>>),
    /// How much of the buffers is in use.
    Memory(DatagramMemory),
    /// The sources of a group.
    Filter(Filter),
    /// TCP_INFO, and how many connections wait to be accepted.
    TcpInfo(Box<TcpInfo>),
    /// An error that did not end the connection.
    SoftError(Option<Errno>),
    /// TCP_QUEUE_SEQ of a connection.
    Sequences(Option<Sequences>),
    /// TCP_REPAIR_WINDOW of a connection.
    Windows(Option<Windows>),
    /// The payload of the largest segment that a connection's peer takes.
    PeerMss(Option<u16>),
    /// Text that is not acknowledged.
    Text(Vec<u8>),
    /// The headers of a connection's SYN, or their length if they do not fit.
    SavedSyn(std::result::Result<Box<[u8]>, usize>),
    /// The header fields; none before the first segment.
    PacketInfo(Option<PacketInfo>),
    /// When text arrived, if that is known.
    Arrival(Option<netstack::time::Instant>),
    /// The interfaces, `lo` first.
    Interfaces(Vec<InterfaceInfo>),
    /// Interfaces, addresses, routes, neighbours.
    Network(Box<Network>),
    /// Sockets; TCP sockets with their TCP_INFO if it was asked for.
    Sockets(Vec<(Listed, Option<TcpInfo>)>),
    /// Bytes of a packet.
    PathMtu(u32),
    /// A hop limit.
    HopLimit(u8),
    /// Name servers and search domains.
    Learned(Learned),
    /// A source address.
    Source(IpAddr),
}

/// Name servers and search domains that servers and routers have announced, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// DNS servers.
    pub dns: Vec<SocketAddr>,
    /// Domains in which short names are looked up.
    pub search: Vec<String>,
}

/// Sizes of a socket's rings, in bytes; the kernel rounds them to what it has.
#[derive(Clone, Copy, Debug)]
pub struct Buffers {
    /// SO_SNDBUF.
    pub send: usize,
    /// SO_RCVBUF.
    pub receive: usize,
}

/// Work that a program leaves for the engine when it has moved a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Bytes were put into the tx ring.
    DataQueued,
    /// Bytes were taken from the rx ring, past the position at which the engine wants to know.
    SpaceFreed,
}

/// The kernel as its sockets see it.
pub trait Backend: Send + Sync {
    /// Answers one call.
    fn call(&self, call: Call<'_>) -> Result<Reply>;

    /// Leaves work for the engine, and runs it if nobody else does.
    fn mark(&self, endpoint: &Arc<Endpoint>, mark: Mark);

    /// Runs the engine on what has arrived, if nobody else does: a last look before sleeping.
    fn look(&self);

    /// Sleeps until `waiter` is notified. Ok(false): the deadline has passed. EINTR: see [`Waiter::sleep`].
    fn sleep(&self, waiter: &Waiter, deadline: Option<Instant>) -> Result<bool>;
}

impl Reply {
    pub(crate) fn socket(self) -> Result<Arc<Endpoint>> {
        match self {
            Reply::Socket(endpoint) => Ok(endpoint),
            _ => Err(Errno::PROTO),
        }
    }

    /// What became of a datagram or a frame.
    fn of_send(sent: std::result::Result<usize, SendError>) -> Result<Reply> {
        match sent {
            Err(SendError::Full) => Ok(Reply::Full),
            sent => sent.map(Reply::Sent).map_err(errno::send),
        }
    }

    pub(crate) fn sent(self) -> Result<usize> {
        match self {
            Reply::Sent(n) => Ok(n),
            _ => Err(Errno::PROTO),
        }
    }

    pub(crate) fn names(self) -> Result<(Option<SocketAddr>, Option<SocketAddr>)> {
        match self {
            Reply::Names(local, remote) => Ok((local, remote)),
            _ => Err(Errno::PROTO),
        }
    }
}
