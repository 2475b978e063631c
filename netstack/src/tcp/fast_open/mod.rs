//! Fast Open (RFC 7413): text in the SYN, which the server's program gets before the handshake ends, if the client shows a
//! cookie from before.
//!
//! The client: [`cache`] remembers cookies; [`active`] puts one and text into the SYN and draws the conclusions of the
//! SYN-ACK; [`pause`] gives up for a while where a path swallows such connections. The server: [`cookies`] makes and checks
//! them; [`passive`] opens the connection on a SYN, and bounds how many there are without an end of their handshake.

mod active;
mod cache;
mod cookies;
mod passive;
mod pause;

use crate::slab::Handle;
use crate::time::Duration;
use crate::wire::tcp::FastOpen;
use cache::{Cache, Learned};
pub(super) use cookies::Cookies;
pub(super) use passive::Queue;
use pause::Pause;

bitflags::bitflags! {
    /// What of Fast Open a stack does: the bits of Linux's net.ipv4.tcp_fastopen.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FastOpenModes: u16 {
        /// Connections that are opened may use it.
        const CLIENT = 1;
        /// Listeners may.
        const SERVER = 2;
        /// Text goes in every such SYN, cookie or not.
        const CLIENT_NO_COOKIE = 4;
        /// Text is taken from a SYN without a cookie.
        const SERVER_NO_COOKIE = 0x200;
        /// Listeners do without `TCP_FASTOPEN`: the queue is the backlog.
        const ALL_LISTENERS = 0x400;
    }
}

impl Default for FastOpenModes {
    /// Linux's.
    fn default() -> FastOpenModes {
        FastOpenModes::CLIENT
    }
}

/// What a program sets of Fast Open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FastOpenOptions {
    /// `TCP_FASTOPEN` of a listener: how many connections may be open without the end of their handshake.
    pub queue: usize,
    /// `TCP_FASTOPEN_NO_COOKIE`: neither side needs one.
    pub no_cookie: bool,
    /// `TCP_FASTOPEN_KEY` of a listener; the stack's own otherwise.
    pub keys: Option<FastOpenKeys>,
}

/// The secrets of a server's cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastOpenKeys {
    /// New cookies are made with it.
    pub primary: [u8; 16],
    /// Cookies made with it are taken, too, and replaced: how keys are rotated.
    pub backup: Option<[u8; 16]>,
}

/// Why the SYN of a client did not bring text to the server's program; Linux's `tcpi_fastopen_client_fail`, in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FastOpenFail {
    /// It did, or nobody asked for it.
    #[default]
    None,
    /// There was no cookie yet.
    CookieUnavailable,
    /// The SYN-ACK acknowledged the SYN alone.
    DataNotAcked,
    /// The SYN that was acknowledged was a later one, without text.
    SynRetransmitted,
}

/// When the first text of a connection that we open goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstText {
    /// After the handshake.
    Ordinary,
    /// In the SYN, where there is a cookie (MSG_FASTOPEN).
    InSyn,
    /// Likewise, and where there is a cookie the SYN waits for it (`TCP_FASTOPEN_CONNECT`).
    SynWaits,
}

/// What Fast Open knows of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Early {
    /// The option of our SYN or SYN-ACK, until that has left once: one that is repeated is plain.
    pub(super) option: Option<FastOpen>,
    /// Our SYN had the option.
    asked: bool,
    /// The most text that our SYN takes.
    room: u32,
    /// The SYN waits for text.
    pub(super) deferred: bool,
    /// Our SYN had text.
    sent: bool,
    /// The text of a SYN was taken: ours by the peer, or the peer's by us.
    pub(super) carried: bool,
    pub(super) fail: FastOpenFail,
    /// The peer's SYN opened this connection before the handshake ended.
    pub(super) child: bool,
    /// In whose queue it counts, until then.
    listener: Option<Handle>,
    /// What the SYN-ACK told.
    learned: Option<Learned>,
    /// The path seems to swallow Fast Open.
    black_hole: bool,
}

/// What a stack knows of Fast Open.
#[derive(Debug)]
pub(super) struct FastOpening {
    pub(super) modes: FastOpenModes,
    pub(super) cookies: Cookies,
    cache: Cache,
    pause: Pause,
}

impl FastOpening {
    pub(super) fn new(modes: FastOpenModes, pause: Duration, cookies: Cookies) -> FastOpening {
        FastOpening { modes, cookies, cache: Cache::default(), pause: Pause::new(pause) }
    }
}
