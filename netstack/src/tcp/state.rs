//! The states of a connection (RFC 9293 §3.3.2).

/// RFC 9293 §3.3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection.
    #[default]
    Closed,
    /// Waiting for connections.
    Listen,
    /// SYN sent, waiting for one.
    SynSent,
    /// SYN sent and received, waiting for the acknowledgement of ours.
    SynReceived,
    /// Open both ways.
    Established,
    /// Our FIN is sent or queued, not acknowledged; the peer's has not come.
    FinWait1,
    /// Our FIN is acknowledged; the peer's has not come.
    FinWait2,
    /// The peer's FIN has come; ours waits for the program.
    CloseWait,
    /// Both FINs are sent, ours is not acknowledged, the peer's came before that.
    Closing,
    /// The peer's FIN has come, ours is sent or queued and not acknowledged.
    LastAck,
    /// Both sides are closed; old segments are waited out.
    TimeWait,
}

impl State {
    /// Both SYNs are acknowledged and the connection is not over: the states from ESTABLISHED to LAST-ACK.
    pub fn is_synchronized(self) -> bool {
        !matches!(self, State::Closed | State::Listen | State::SynSent | State::SynReceived | State::TimeWait)
    }

    /// The program may still queue data (RFC 9293 §3.10.2).
    pub fn can_send(self) -> bool {
        matches!(self, State::SynSent | State::SynReceived | State::Established | State::CloseWait)
    }

    /// Text may still arrive (RFC 9293 §3.10.7.4, seventh).
    pub(super) fn takes_text(self) -> bool {
        matches!(self, State::Established | State::FinWait1 | State::FinWait2)
    }

    /// The peer's FIN has come and been acknowledged.
    pub fn peer_closed(self) -> bool {
        matches!(self, State::CloseWait | State::Closing | State::LastAck | State::TimeWait)
    }

    /// Our FIN is queued or sent.
    pub fn write_closed(self) -> bool {
        matches!(self, State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck | State::TimeWait)
    }
}
