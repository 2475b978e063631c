//! One small error enum per operation, in the words of the RFCs and of man pages. Which errno each becomes is the caller's
//! business.

#[cfg(doc)]
use super::SendOptions;

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
    /// UDP-Lite is not cut.
    NoSegments,
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
