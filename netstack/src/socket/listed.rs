//! A socket in the list of all.

use core::net::SocketAddr;

use super::Key;
use crate::link::IfIndex;
use crate::tcp::{Algorithm, State, TcpId};

/// A socket of any protocol, or what TCP keeps of a closed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The kernel's name for it; none for connections without a socket (SYN-RECEIVED, TIME-WAIT).
    pub key: Option<Key>,
    /// Its address. The port of a raw socket is its protocol.
    pub local: SocketAddr,
    /// Its peer's, where it is connected.
    pub remote: Option<SocketAddr>,
    /// That of TCP; others are ESTABLISHED where they are connected, else CLOSED.
    pub state: State,
    /// SO_BINDTODEVICE, or the interface of a link-local address.
    pub on: Option<IfIndex>,
    /// IPV6_V6ONLY.
    pub v6_only: bool,
    /// What waits to be read, in bytes; of a listener: connections that accept(2) can take.
    pub received: usize,
    /// What was written and is not acknowledged or has not left; of a listener: the backlog.
    pub sent: usize,
    /// Whether reading is over, and writing.
    pub shut: (bool, bool),
    /// Of TCP: the engine's name for it, and TCP_CONGESTION.
    pub tcp: Option<(TcpId, Algorithm)>,
}

impl Listed {
    /// One that nobody has.
    pub(crate) fn of_nobody(local: SocketAddr, remote: SocketAddr, state: State) -> Listed {
        Listed {
            key: None,
            local,
            remote: Some(remote),
            state,
            on: None,
            v6_only: false,
            received: 0,
            sent: 0,
            shut: (false, false),
            tcp: None,
        }
    }
}
