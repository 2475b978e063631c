//! The protocols of rump: a sans-I/O TCP/IP stack.
//!
//! No I/O, no clock, no thread, no unsafe, no errno. Frames come in with the time at which they came, frames go out through a
//! [`link::Sink`], and the caller asks when the engine must be run next. All randomness comes from one seed, so the
//! same seed and the same input give the same run.
//!
//! Reading order:
//! 1. [`time`] and [`link`], the engine's two edges; [`socket`], what the calls of all kinds of sockets have in common.
//! 2. [`stack`]: [`Stack`], the whole as its caller sees it. `stack::input` takes a frame in, `stack::poll` sends.
//! 3. [`wire`]: bytes and their meaning, a file a protocol.
//! 4. [`ip`]: next hops, fragments, queues. `neighbor`: hardware addresses (ARP, NDP). `arp`: address conflicts. [`iface`] and
//!    [`route`]. `multicast`: groups. `ndp`: what hosts and routers of IPv6 tell each other.
//! 5. `udp`, [`raw`] and `icmp`, with [`datagram`]: what a program finds in its ring. [`packet`]: packet sockets, which see frames.
//!    [`filter`]: BPF. [`tx_timestamp`]: timestamps of what was sent. [`flow_label`]: who may use which.
//! 6. `dhcp`: addresses from a server.
//! 7. [`tcp`].
//!
//! `rng`, `timer`, `slab`, `ports`, `events` are small tools that all of these use.
//!
//! What it does not do is in POSIX.md and CONFORMANCE.md.

#![forbid(unsafe_code)]

pub mod datagram;
pub mod filter;
pub mod flow_label;
pub mod iface;
pub mod ip;
pub mod link;
pub mod packet;
pub mod raw;
pub mod rng;
pub mod route;
pub mod socket;
pub mod stack;
pub mod tcp;
pub mod time;
pub mod tx_timestamp;
pub mod wire;

pub(crate) mod arp;
pub(crate) mod dhcp;
pub(crate) mod events;
pub(crate) mod icmp;
pub(crate) mod multicast;
pub(crate) mod ndp;
pub(crate) mod neighbor;
pub(crate) mod ports;
pub(crate) mod reuseport;
pub(crate) mod slab;
pub(crate) mod timer;
pub(crate) mod udp;

pub use dhcp::{Information, Lease, LeasedRoute};
pub use events::Notice;
pub use ip::{IpNet, Ipv4Net};
pub use multicast::{Filter, FilterMode};
pub use ndp::{Advertising, TemporaryAddresses};
pub use neighbor::{Neighbor, NeighborState};
pub use reuseport::GroupProgramError;
pub use socket::{Key, Listed, PacketId, RawId, UdpId};
pub use stack::{AutoConfig, Config, DatagramMemory, LONGEST_UNCUT, PacketTo, SourceChange, Stack, max_sources};
