//! The seam between sockets and the kernel that serves them.
//!
//! A socket call is a self-contained value ([`Call`]) with an answer ([`Reply`]); data goes through the rings of the
//! socket's [`Endpoint`]. The local backend answers by a function call; a client of a `rump_server` would send the
//! same values as messages and map the same rings.

mod answer;
mod flow_label;
mod local;
mod packet;
mod sockets;
mod spin;

pub use flow_label::FlowLabelCall;
pub use local::Local;
pub use packet::PacketCall;
pub use sockets::Transport;

use crate::endpoint::{Endpoint, Kind, SocketId};
use crate::netlink::Network;
use crate::socket::Family;
use crate::wait::Waiter;
use crate::{Errno, InterfaceInfo, Result, errno};
use netstack::departure::DepartureRequest;
use netstack::filter::Program;
use netstack::flow_label::LabelView;
use netstack::ip::HeaderOptions;
use netstack::packet::{Fanout, PacketName, PacketStatistics, RolloverCounts};
use netstack::raw::RawOptions;
use netstack::socket::{BindOptions, SendError, SendOptions, Shutdown};
use netstack::tcp::{Carrier, Close, TcpInfo, TcpOptions};
use netstack::{DatagramMemory, Filter, Listed, SourceChange};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// What a socket asks of its kernel. No call blocks.
#[derive(Debug)]
pub enum Call<'a> {
    /// A new socket: [`Reply::Socket`].
    Open(Family, Kind, Buffers),
    /// bind(2).
    Bind(SocketId, SocketAddr, BindOptions),
    /// connect(2): begins; the endpoint's state tells how it went.
    Connect(SocketId, SocketAddr, Buffers),
    /// connect(2) with Fast Open. With text (MSG_FASTOPEN): [`Reply::Sent`], how much of it the SYN takes. Without, the SYN may
    /// wait for some.
    ConnectFast(SocketId, SocketAddr, Buffers, Option<&'a [&'a [u8]]>),
    /// A SYN that waits goes, with this: [`Reply::Sent`].
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
    /// SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF. Whether the socket says SO_REUSEPORT.
    SetGroupProgram(SocketId, Option<Program>, bool),
    /// SO_RCVBUF of what is no stream, doubled.
    SetReceiveBuffer(SocketId, usize),
    /// SO_SNDBUF of what is no stream, doubled.
    SetSendBuffer(SocketId, usize),
    /// SO_MEMINFO of what is no stream: [`Reply::Memory`].
    Memory(SocketId),
    /// IPV6_JOIN_ANYCAST, or with `false` IPV6_LEAVE_ANYCAST, on an interface (0: any).
    Anycast(SocketId, bool, Ipv6Addr, u32),
    /// What is asked of flow labels.
    FlowLabel(SocketId, FlowLabelCall),
    /// What only packet sockets ask.
    Packet(SocketId, PacketCall<'a>),
    /// UDP_CORK taken off: what was given in pieces goes.
    Uncork(SocketId),
    /// A piece of a datagram could not be read: those before it are dropped.
    DropCorked(SocketId),
    /// The options of a stream.
    SetTcpOptions(SocketId, TcpOptions),
    /// The options of a datagram socket; a UDP socket has only the first part of them.
    SetDatagramOptions(SocketId, RawOptions),
    /// Changes what a socket wants of a multicast group on an interface (0: any).
    Group(SocketId, GroupChange, IpAddr, u32),
    /// What a socket wants of a multicast group on an interface (none: where the routes lead): [`Reply::Filter`].
    GroupFilter(SocketId, IpAddr, Option<u32>),
    /// getsockname(2), getpeername(2): [`Reply::Names`].
    Names(SocketId),
    /// TCP_INFO: [`Reply::TcpInfo`].
    TcpInfo(SocketId),
    /// TCP_SAVED_SYN, and the room there is for it: [`Reply::SavedSyn`].
    TakeSavedSyn(SocketId, usize),
    /// What the network said of a stream that outlived it: [`Reply::SoftError`].
    TakeSoftError(SocketId),
    /// How a stream's segments came: [`Reply::Carrier`].
    Carrier(SocketId),
    /// What is to be told of the text before a position of the tx ring.
    AskDeparture(SocketId, u64, DepartureRequest),
    /// When the byte at a position of the rx ring came, and what lies before another is not asked for any more: [`Reply::Arrival`].
    Arrival(SocketId, u64, u64),
    /// The interfaces: [`Reply::Interfaces`].
    Interfaces,
    /// Everything that rtnetlink tells of: [`Reply::Network`].
    Network,
    /// Where a neighbour on an interface is; nowhere that is known.
    SetNeighbor(u32, IpAddr, Option<[u8; 6]>),
    /// The sockets of a protocol, with TCP_INFO or without: [`Reply::Sockets`].
    Sockets(Transport, bool),
    /// Bytes of the largest packet to a destination: [`Reply::PathMtu`], or ENOTCONN without a route.
    PathMtu(SocketAddr),
    /// The hop limit of packets to a destination whose sender says none: [`Reply::HopLimit`], or ENOTCONN without a route.
    HopLimit(SocketAddr),
    /// What the network told about names: [`Reply::Learned`].
    Learned,
    /// The source address towards a destination: [`Reply::Source`], or ENETUNREACH.
    SourceFor(IpAddr),
}

/// A change of what a socket wants of a multicast group.
#[derive(Clone, Debug)]
pub enum GroupChange {
    /// All of it.
    Join,
    /// Nothing any more.
    Leave,
    /// More or less by one source.
    Source(IpAddr, SourceChange),
    /// These sources.
    Filter(Filter),
}

/// The answer to a [`Call`] that succeeded.
pub enum Reply {
    /// Nothing to say.
    Done,
    /// A new socket.
    Socket(Arc<Endpoint>),
    /// A connection, who is at its other end, and what stands behind the IP header of its segments.
    Accepted(Arc<Endpoint>, SocketAddr, Option<Arc<HeaderOptions>>),
    /// Bytes sent.
    Sent(usize),
    /// The way is full: nothing was sent.
    Full,
    /// Our address and the peer's.
    Names(Option<SocketAddr>, Option<SocketAddr>),
    /// Where a packet socket is bound.
    PacketName(PacketName),
    /// The group of sockets that share what comes, where it is in one.
    PacketGroup(Option<(Fanout, RolloverCounts)>),
    /// PACKET_STATISTICS.
    PacketStatistics(PacketStatistics),
    /// The flow label that a socket got.
    FlowLabel(u32),
    /// A flow label.
    FlowLabelView(LabelView),
    /// Extension headers in place of the socket's own before and with the routing header, if the label is one to be asked for.
    FlowLabelHeaders(Option<Arc<HeaderOptions>>),
    /// What of the buffers is taken.
    Memory(DatagramMemory),
    /// The sources of a group.
    Filter(Filter),
    /// TCP_INFO, and how many connections wait to be accepted.
    TcpInfo(Box<TcpInfo>),
    /// An error that ended nothing.
    SoftError(Option<Errno>),
    /// The headers of a connection's SYN, or how long they are where there is less room.
    SavedSyn(std::result::Result<Box<[u8]>, usize>),
    /// How segments came, where any did.
    Carrier(Option<Carrier>),
    /// When text came, where that is known.
    Arrival(Option<netstack::time::Instant>),
    /// The interfaces, `lo` first.
    Interfaces(Vec<InterfaceInfo>),
    /// The tables.
    Network(Box<Network>),
    /// Sockets, with TCP_INFO where they have it and it is asked for.
    Sockets(Vec<(Listed, Option<TcpInfo>)>),
    /// Bytes of a packet.
    PathMtu(u32),
    /// A hop limit.
    HopLimit(u8),
    /// What the network told about names.
    Learned(Learned),
    /// A source address.
    Source(IpAddr),
}

/// What servers on the network told about names, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// DNS servers.
    pub dns: Vec<SocketAddr>,
    /// Domains to look up short names in.
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
    /// Bytes were taken from the rx ring, past the point of which the engine asked to hear.
    SpaceFreed,
}

/// A kernel as its sockets see it.
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
