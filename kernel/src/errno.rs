//! The engine's errors as errno: the one place where they meet.

use crate::Errno;
use netstack::GroupProgramError;
use netstack::flow_label::LabelError;
use netstack::packet::FanoutError;
use netstack::packet::ring::RingError;
use netstack::socket::{
    AddressError, AnycastError, BindError, ConnectError, GroupError, ListenError, SendError, SocketError,
};
use netstack::tcp::TcpError;

/// bind(2).
pub(crate) fn bind(error: BindError) -> Errno {
    match error {
        BindError::NotFound => Errno::BADF,
        BindError::AddrInUse | BindError::NoPorts => Errno::ADDRINUSE,
        BindError::AddrNotAvailable => Errno::ADDRNOTAVAIL,
        BindError::InvalidState => Errno::INVAL,
    }
}

/// SIOCSARP and SIOCDARP of arp(7).
pub(crate) fn neighbor(error: AddressError) -> Errno {
    match error {
        AddressError::NoInterface => Errno::NODEV,
        AddressError::NotFound => Errno::NXIO,
        AddressError::Invalid | AddressError::Exists => Errno::INVAL,
    }
}

/// listen(2).
pub(crate) fn listen(error: ListenError) -> Errno {
    match error {
        ListenError::NotFound => Errno::BADF,
        ListenError::InvalidState => Errno::INVAL,
        ListenError::AddrInUse | ListenError::NoPorts => Errno::ADDRINUSE,
    }
}

/// connect(2).
pub(crate) fn connect(error: ConnectError) -> Errno {
    match error {
        ConnectError::NotFound => Errno::BADF,
        ConnectError::NetUnreachable => Errno::NETUNREACH,
        ConnectError::HostUnreachable => Errno::HOSTUNREACH,
        ConnectError::AccessDenied => Errno::ACCESS,
        ConnectError::AddrInUse | ConnectError::NoPorts | ConnectError::AddrNotAvailable => Errno::ADDRNOTAVAIL,
        ConnectError::InProgress => Errno::ALREADY,
        ConnectError::IsConnected | ConnectError::InvalidState => Errno::ISCONN,
        ConnectError::NoBuffers => Errno::NOBUFS,
    }
}

/// sendto(2) of a datagram.
pub(crate) fn send(error: SendError) -> Errno {
    match error {
        SendError::NotFound => Errno::BADF,
        SendError::DestinationRequired => Errno::DESTADDRREQ,
        SendError::InvalidDestination | SendError::AddrNotAvailable | SendError::TooManySegments => Errno::INVAL,
        SendError::NetUnreachable => Errno::NETUNREACH,
        SendError::NoInterface => Errno::NXIO,
        SendError::InterfaceDown => Errno::NETDOWN,
        SendError::AccessDenied => Errno::ACCESS,
        SendError::MessageTooLong => Errno::MSGSIZE,
        SendError::NoPorts | SendError::Full => Errno::AGAIN,
        SendError::NoBuffers => Errno::NOBUFS,
        SendError::NoSegments => Errno::IO,
        SendError::Uncuttable => Errno::NOMEM,
        SendError::Pending(error) => pending(error),
        SendError::Refused => Errno::PIPE,
    }
}

/// What the network reported.
pub(crate) fn pending(error: SocketError) -> Errno {
    match error {
        SocketError::Refused => Errno::CONNREFUSED,
        SocketError::ProtocolUnreachable => Errno::NOPROTOOPT,
        SocketError::HostUnreachable => Errno::HOSTUNREACH,
        SocketError::NetUnreachable => Errno::NETUNREACH,
        SocketError::HostUnknown => Errno::HOSTDOWN,
        SocketError::SourceIsolated => Errno::NONET,
        SocketError::SourceRouteFailed => Errno::OPNOTSUPP,
        SocketError::Prohibited => Errno::ACCESS,
        SocketError::MessageTooLong => Errno::MSGSIZE,
        SocketError::Protocol => Errno::PROTO,
        SocketError::InterfaceDown => Errno::NETDOWN,
    }
}

/// A connection's pending error.
pub(crate) fn tcp(error: TcpError) -> Errno {
    match error {
        TcpError::Reset => Errno::CONNRESET,
        TcpError::Refused => Errno::CONNREFUSED,
        TcpError::BrokenPipe => Errno::PIPE,
        TcpError::TimedOut => Errno::TIMEDOUT,
        TcpError::Network(error) => pending(error),
        TcpError::Aborted => Errno::CONNABORTED,
    }
}

/// PACKET_FANOUT.
pub(crate) fn fanout(error: FanoutError) -> Errno {
    match error {
        FanoutError::NotFound | FanoutError::Invalid => Errno::INVAL,
        FanoutError::Already => Errno::ALREADY,
        FanoutError::Full => Errno::NOSPC,
    }
}

/// PACKET_RX_RING, PACKET_TX_RING, and what counts for them.
pub(crate) fn ring(error: RingError) -> Errno {
    match error {
        RingError::NotFound => Errno::BADF,
        RingError::Busy => Errno::BUSY,
        RingError::Invalid => Errno::INVAL,
        RingError::NoMemory => Errno::NOMEM,
    }
}

/// SO_ATTACH_REUSEPORT_CBPF and SO_DETACH_REUSEPORT_BPF.
pub(crate) fn group_program(error: GroupProgramError) -> Errno {
    match error {
        GroupProgramError::NotShared => Errno::INVAL,
        GroupProgramError::NoProgram => Errno::NOENT,
    }
}

/// IPV6_JOIN_ANYCAST and IPV6_LEAVE_ANYCAST.
pub(crate) fn anycast(error: AnycastError) -> Errno {
    match error {
        AnycastError::Invalid => Errno::INVAL,
        AnycastError::NoInterface => Errno::NODEV,
        AnycastError::NotOfOurNets => Errno::ADDRNOTAVAIL,
        AnycastError::NotJoined => Errno::NOENT,
    }
}

/// IPV6_FL_A_GET.
pub(crate) fn flow_label(error: LabelError) -> Errno {
    match error {
        LabelError::NotFound => Errno::NOENT,
        LabelError::Exists => Errno::EXIST,
        LabelError::NotShared => Errno::PERM,
        LabelError::TooMany => Errno::NOBUFS,
    }
}

/// IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP.
pub(crate) fn group(error: GroupError) -> Errno {
    match error {
        GroupError::NotFound => Errno::BADF,
        GroupError::Invalid => Errno::INVAL,
        GroupError::NoInterface => Errno::NODEV,
        GroupError::AlreadyMember => Errno::ADDRINUSE,
        GroupError::NotMember => Errno::ADDRNOTAVAIL,
        GroupError::TooMany => Errno::NOBUFS,
        GroupError::NoMemory => Errno::NOMEM,
    }
}
