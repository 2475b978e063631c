//! Why a connection failed, as the program learns it later (`SO_ERROR`).

use crate::socket::SocketError;

/// What ended a connection, or kept it from opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpError {
    /// The peer reset the connection (`ECONNRESET`).
    Reset,
    /// The peer refused the connection (`ECONNREFUSED`).
    Refused,
    /// The peer closed its reading side or reset after our FIN (`EPIPE`).
    BrokenPipe,
    /// No answer in time (`ETIMEDOUT`).
    TimedOut,
    /// What ICMP said of a segment.
    Network(SocketError),
    /// The program itself aborted it, by another descriptor or by disconnecting (`ECONNABORTED`).
    Aborted,
}
