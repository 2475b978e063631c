//! What a connection is, apart from what it happens to be doing: enough for another process to adopt it.

use super::seq::Seq;
use super::state::State;
use core::net::SocketAddr;

/// The durable state of a connection: plain data, kept in one piece inside the TCB. Names are RFC 9293 §3.3.1's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
    /// RFC 9293 §3.3.2.
    pub state: State,
    /// Initial send sequence number.
    pub iss: Seq,
    /// Initial receive sequence number.
    pub irs: Seq,
    /// Oldest unacknowledged sequence number. The tail of the tx ring is this one, unless it is the SYN's.
    pub snd_una: Seq,
    /// Next sequence number to send for the first time.
    pub snd_nxt: Seq,
    /// Send window, in bytes (after scaling).
    pub snd_wnd: u32,
    /// Sequence number of the segment that last updated the window.
    pub snd_wl1: Seq,
    /// Acknowledgement number of the segment that last updated the window.
    pub snd_wl2: Seq,
    /// Largest send window ever seen, in bytes (RFC 9293 §3.8.6.2.1).
    pub snd_wnd_max: u32,
    /// Sequence number of our FIN, once the program has closed its side: the end of the tx ring.
    pub fin: Option<Seq>,
    /// Next sequence number expected.
    pub rcv_nxt: Seq,
    /// Right edge of the window that the peer was told last. Never moves left (RFC 9293 §3.8.6).
    pub rcv_adv: Seq,
    /// The peer's window scale, applied to windows received (RFC 7323 §2).
    pub snd_scale: u8,
    /// Our window scale, applied to windows sent.
    pub rcv_scale: u8,
    /// Largest segment payload to send, options not counted, in bytes.
    pub snd_mss: u16,
    /// Timestamps, if both ends offered them.
    pub timestamps: Option<Timestamps>,
    /// Both ends offered SACK (RFC 2018 §2). In SYN-SENT: ours does.
    pub sack: bool,
    /// Both ends understand ECN (RFC 3168 §6.1.1). In SYN-SENT: we ask for it.
    pub ecn: bool,
}

impl Durable {
    /// A connection before anything has been sent (RFC 9293 §3.10.1, active open), offering no options.
    pub(super) fn syn_sent(local: SocketAddr, remote: SocketAddr, iss: Seq) -> Durable {
        Durable {
            local,
            remote,
            state: State::SynSent,
            iss,
            irs: Seq(0),
            snd_una: iss,
            snd_nxt: iss,
            snd_wnd: 0,
            snd_wl1: Seq(0),
            snd_wl2: iss,
            snd_wnd_max: 0,
            fin: None,
            rcv_nxt: Seq(0),
            rcv_adv: Seq(0),
            snd_scale: 0,
            rcv_scale: 0,
            snd_mss: 536,
            timestamps: None,
            sack: false,
            ecn: false,
        }
    }
}

/// RFC 7323 §3–5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamps {
    /// Added to the clock of 1 ms for TSval.
    pub offset: u32,
    /// TS.Recent.
    pub recent: u32,
    /// When `recent` was taken, in milliseconds of the same clock without the offset.
    pub recent_age: u32,
}
