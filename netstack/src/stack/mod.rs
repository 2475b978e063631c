//! [`Stack`]: all of the engine behind one `&mut self`.
//!
//! A room for each step of the data's way, all of them `impl Stack`; the state that they drive is in the protocols' own modules.
//!
//! | module | what it is |
//! |---|---|
//! | `poll` | the caller's loop: timers, everything that is to be sent |
//! | `input` | a frame on its way up: link, IP, transport |
//! | `forward` | a router's part: packets for others |
//! | `control` | what arrives of ICMP, IGMP and MLD, and what we say by them |
//! | `neighbors` | ARP and neighbour discovery |
//! | `configuration` | addresses, routes and name servers: set by the caller, from DHCP, from routers |
//! | `sockets` | user calls, a file a kind of socket |
//! | `output` | what sockets send, on its way down to IP |

mod configuration;
mod control;
mod forward;
mod input;
mod neighbors;
mod output;
mod poll;
mod sockets;

pub use configuration::AutoConfig;
pub use output::{LONGEST_UNCUT, PacketTo};
pub use sockets::{DatagramMemory, SourceChange, max_sources};

use core::net::{IpAddr, Ipv6Addr};
use core::ops::RangeInclusive;
use std::collections::BTreeMap;

use crate::events::{Events, Notice};
use crate::flow_label::FlowLabels;
use crate::icmp::Limiter;
use crate::ip::Ip;
use crate::link::IfIndex;
use crate::rng::Rng;
use crate::socket::{BufferPool, Key};
use crate::tcp::seam::Env;
use crate::tcp::{FastOpenModes, Tcp, TcpConfig};
use crate::time::{Duration, Instant};
use crate::tx_timestamp::TxTimestamp;
use crate::udp::Udp;

/// What is decided when a stack is made.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where all randomness comes from. Never the same in two kernels, but for a run that is to be repeated.
    pub seed: [u8; 32],
    /// How long TIME-WAIT lasts.
    pub time_wait: Duration,
    /// Ports for sockets that are not bound to one.
    pub ephemeral: RangeInclusive<u16>,
    /// What of Fast Open is on.
    pub fast_open: FastOpenModes,
    /// How long a path that swallows connections of Fast Open turns it off for the programs that connect, the first time;
    /// zero: never.
    pub fast_open_pause: Duration,
    /// What stable addresses are made with (RFC 7217 §5), for those that are to be the same at each boot, though the hardware
    /// address is not. `None`: a secret of the seed.
    pub secret: Option<[u8; 16]>,
}

impl Default for Config {
    /// Linux's figures, and a seed of zeros.
    fn default() -> Config {
        Config {
            seed: [0; 32],
            time_wait: Duration::from_secs(60),
            ephemeral: 32768..=60999,
            fast_open: FastOpenModes::default(),
            fast_open_pause: Duration::ZERO,
            secret: None,
        }
    }
}

/// A TCP/IP stack.
///
/// The caller's loop: give frames to [`input`](Stack::input), make user calls, and after either call
/// [`poll`](Stack::poll), which alone sends. Then take what changed ([`take_touched`](Stack::take_touched),
/// [`take_released`](Stack::take_released), [`take_notices`](Stack::take_notices)), and call `poll` again by
/// [`next_deadline`](Stack::next_deadline). `now` never goes back.
pub struct Stack {
    ip: Ip,
    errors: Limiter,
    tcp: Tcp,
    udp: Udp,
    raw: crate::raw::Raw,
    flow_labels: FlowLabels,
    /// The anycast addresses that each socket has joined, and where.
    anycast: BTreeMap<Key, Vec<(Ipv6Addr, IfIndex)>>,
    /// Packets for others are passed on.
    forwarding: bool,
    /// Interfaces that get their address from the network.
    autos: Vec<configuration::Auto>,
    ndp: crate::ndp::Ndp,
    rng: Rng,
    pool: Box<dyn BufferPool>,
    events: Events,
    /// The latest moment that the caller has told.
    now: Instant,
}

impl Stack {
    /// A stack with nothing but `lo` (127.0.0.1/8, ::1/128).
    pub fn new(config: Config, pool: Box<dyn BufferPool>) -> Stack {
        let Config { seed, time_wait, ephemeral, fast_open, fast_open_pause, secret } = config;
        let tcp = TcpConfig { time_wait, ephemeral: ephemeral.clone(), fast_open, fast_open_pause };
        let mut rng = Rng::new(seed);
        Stack {
            ip: Ip::new(&mut rng),
            errors: Limiter::new(&mut rng),
            tcp: Tcp::new(tcp, &mut rng),
            udp: Udp::new(&mut rng, ephemeral),
            raw: crate::raw::Raw::new(&mut rng),
            flow_labels: FlowLabels::default(),
            anycast: BTreeMap::new(),
            forwarding: false,
            autos: Vec::new(),
            ndp: crate::ndp::Ndp::new(secret, &mut rng),
            rng,
            pool,
            events: Events::default(),
            now: Instant::default(),
        }
    }

    /// Moves the sockets whose state, readiness or data changed since the last call to the end of `into`, each once.
    pub fn take_touched(&mut self, into: &mut Vec<Key>) {
        for key in self.ip.taps.take_touched() {
            self.events.touch(key);
        }
        self.events.take_touched(into);
    }

    /// Moves the closed sockets that the engine has now forgotten to the end of `into`: their keys may be used again.
    pub fn take_released(&mut self, into: &mut Vec<Key>) {
        self.events.take_released(into);
    }

    /// Moves what the sockets that asked are to hear of what they sent to the end of `into`, in the order of time for each.
    pub fn take_tx_timestamps(&mut self, into: &mut Vec<TxTimestamp>) {
        into.append(&mut self.ip.tx_timestamps);
        self.events.take_tx_timestamps(into);
    }

    /// Moves what an operator should read to the end of `into`.
    pub fn take_notices(&mut self, into: &mut Vec<Notice>) {
        self.events.take_notices(into);
    }

    /// The link says that the node at `addr` is gone: its connections are reset as by a RST.
    pub fn peer_died(&mut self, now: Instant, addr: IpAddr) {
        self.now = now;
        self.tcp.peer_died(now, addr, &mut self.events);
        let links: Vec<_> = self.ip.interfaces.iter().map(|interface| interface.index).collect();
        for on in links {
            let dropped = self.ip.neighbors.forget(on, Some(addr));
            self.drop_packets(dropped);
        }
    }

    /// Forgets what a closed socket had beside its protocol.
    fn let_go(&mut self, key: Key) {
        self.flow_labels.put_all(self.now, key);
        self.leave_all_anycast(key);
    }

    /// TCP, and what the stack lends to it.
    fn tcp_env(&mut self) -> (&mut Tcp, Env<'_>) {
        let Stack { ip, tcp, rng, pool, events, .. } = self;
        (tcp, Env { rng, paths: &*ip, pool: &mut **pool, events })
    }
}
