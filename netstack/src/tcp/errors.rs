//! Why a connection failed, as the program learns it later (`SO_ERROR`).

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
    /// No way to the host (`EHOSTUNREACH`).
    HostUnreachable,
    /// No way to the network (`ENETUNREACH`).
    NetUnreachable,
    /// The host does not speak TCP (`ENOPROTOOPT`).
    ProtocolUnreachable,
    /// The program itself aborted it, by another descriptor or by disconnecting (`ECONNABORTED`).
    Aborted,
}
