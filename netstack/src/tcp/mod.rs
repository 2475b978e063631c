//! TCP (RFC 9293).
//!
//! Read RFC 9293 §3.3 and §3.10 first. `Tcp` owns every connection, listener and TIME-WAIT entry of a stack. Segments
//! come in by `handle_segment`, which answers by queueing; segments leave only in `poll`. After whatever happened to a
//! connection, `settle` draws the consequences in one place: events, timers, the end.
//!
//! Reading order:
//!
//! | | |
//! |---|---|
//! | a connection | `state`, `durable`, `tcb`; its options: `options` |
//! | input | `segment` (whose segment it is), `input` (a file a step of §3.10.7), `reassembly`, `sack` |
//! | output | `output`, `window`, `nagle`, `delayed_ack`, `urgent`, `ecn` |
//! | timers | `timers`, `retransmit`, `persist`, `rtt` |
//! | loss | `sent` (what is in flight), `recovery`, `rack`, `tlp`, `undo` |
//! | how much to send | `congestion`, `prr`, `usage`, `pacing`, `rate`, `windowed_min` |
//! | the path, the buffers | `path_mtu`, `mtu_search`, `autotune` |
//! | opening | `listen`, `syn_queue`, `syn_cookie`, `isn`, `fast_open`, `saved_syn` |
//! | closing | `close`, `remnant` (TIME-WAIT) |
//! | moving | `repair` |
//! | tables | `demux`, `ports`, `reuseport`, `filter` |
//! | the program's calls | `calls`, `close`, `times` (timestamps), `packet_info`, `info`, `listing` |
//! | the stack's calls | `poll`, `settle`, `reply`, `icmp`, `seam` (what TCP needs of the stack) |

mod autotune;
mod calls;
mod close;
mod congestion;
mod delayed_ack;
mod demux;
mod durable;
mod ecn;
mod errors;
mod fast_open;
mod filter;
mod icmp;
mod info;
mod input;
mod isn;
mod listen;
mod listing;
mod mtu_search;
mod nagle;
mod options;
mod output;
mod pacing;
mod packet_info;
mod path_mtu;
mod persist;
mod poll;
mod ports;
mod prr;
mod rack;
mod rate;
mod reassembly;
mod recovery;
mod remnant;
mod repair;
mod reply;
mod retransmit;
mod reuseport;
mod rtt;
mod sack;
mod saved_syn;
pub(crate) mod seam;
mod segment;
mod sent;
mod seq;
mod settle;
mod socket;
mod state;
mod syn_cookie;
mod syn_queue;
mod tcb;
mod timers;
mod times;
mod tlp;
mod undo;
mod urgent;
mod usage;
mod window;
mod windowed_min;

pub use congestion::Algorithm;
pub use durable::{Durable, Timestamps};
pub use errors::TcpError;
pub use fast_open::{FastOpenFail, FastOpenKeys, FastOpenModes, FastOpenOptions, FirstText};
pub use info::{TcpInfo, TcpStatus};
pub use options::{Keepalive, TcpOptions};
pub use packet_info::PacketInfo;
pub use recovery::Phase;
pub use repair::{Agreement, Sequences, Windows};
pub use saved_syn::SaveSyn;
pub use seq::Seq;
pub use state::State;

use crate::filter::Program;
use crate::ip::HeaderOptions;
use crate::rng::Rng;
use crate::slab::{Handle, Slab};
use crate::socket::Key;
use crate::time::{Duration, Instant};
use crate::timer::TimerQueue;
use core::net::SocketAddr;
use core::ops::RangeInclusive;
use demux::Demux;
use fast_open::FastOpening;
use isn::Secrets;
use ports::Ports;
use remnant::Remnant;
use reply::Replies;
use socket::Socket;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use syn_queue::Request;

/// The engine's name for a TCP socket, valid until its key is released. A stale one names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TcpId(pub(crate) Handle);

/// A connection taken from a listener's queue by accept(2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The engine's name for it.
    pub id: TcpId,
    /// The kernel's name for it, from [`BufferPool::stream`](crate::socket::BufferPool::stream).
    pub key: Key,
    /// Its address here.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// What stands behind the IP header of its segments: IP_OPTIONS answers what its SYN had.
    pub header_options: Option<Arc<HeaderOptions>>,
}

/// How close(2) ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Deliver what is queued, then FIN. If `unread` data is lost by this, RST instead (RFC 2525 §2.17, as Linux).
    Graceful {
        /// The program leaves received data unread (its own position in the ring counts, so the caller says it).
        unread: bool,
    },
    /// RST, and nothing more is delivered (`SO_LINGER` with a time of 0).
    Abort,
    /// The peer hears nothing: somebody else goes on with the connection (`TCP_REPAIR`).
    Abandon,
}

/// What is the same for all connections of a stack.
#[derive(Clone, Debug)]
pub(crate) struct TcpConfig {
    /// How long TIME-WAIT lasts.
    pub(crate) time_wait: Duration,
    /// Ports for sockets that are not bound to one.
    pub(crate) ephemeral: RangeInclusive<u16>,
    /// What of Fast Open is on.
    pub(crate) fast_open: FastOpenModes,
    /// How long a path that swallows it turns it off.
    pub(crate) fast_open_pause: Duration,
}

/// Whose deadline it is in the stack's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Waiter {
    Connection(Handle),
    Request(Handle),
    Remnant(Handle),
}

/// All of TCP in a stack.
pub(crate) struct Tcp {
    config: TcpConfig,
    secrets: Secrets,
    fast_open: FastOpening,
    sockets: Slab<Socket>,
    requests: Slab<Request>,
    remnants: Slab<Remnant>,
    demux: Demux,
    ports: Ports,
    timers: TimerQueue<Waiter>,
    /// Connections that may have something to send, each once.
    ready: VecDeque<Handle>,
    replies: Replies,
    filters: BTreeMap<Handle, Program>,
    saved_syns: BTreeMap<Handle, Box<[u8]>>,
    /// SO_ATTACH_REUSEPORT_CBPF of sockets that do not listen yet; `None` where it was taken away again.
    programs: BTreeMap<Handle, Option<Program>>,
    /// A group of listeners has had a program.
    has_programs: bool,
    /// A link was full: when to try again.
    retry_at: Option<Instant>,
    /// The time of the last call.
    now: Instant,
}

impl Tcp {
    pub(crate) fn new(config: TcpConfig, rng: &mut Rng) -> Tcp {
        let secrets = Secrets::new(rng);
        let fast_open = FastOpening::new(config.fast_open, config.fast_open_pause, secrets.fast_open_cookies());
        Tcp {
            secrets,
            fast_open,
            sockets: Slab::new(),
            requests: Slab::new(),
            remnants: Slab::new(),
            demux: Demux::new(rng.hash_key()),
            ports: Ports::new(config.ephemeral.clone(), rng.hash_key()),
            timers: TimerQueue::new(),
            ready: VecDeque::new(),
            replies: Replies::default(),
            filters: BTreeMap::new(),
            saved_syns: BTreeMap::new(),
            programs: BTreeMap::new(),
            has_programs: false,
            retry_at: None,
            now: Instant::default(),
            config,
        }
    }
}
