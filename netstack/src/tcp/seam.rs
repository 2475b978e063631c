//! The interface between TCP and the rest of the stack: what TCP is given, and what it needs.

use crate::datagram::ErrorReport;
use crate::events::Events;
use crate::ip::{HeaderOptions, Limits, Received};
use crate::link::{IfIndex, TxResult};
use crate::rng::Rng;
use crate::socket::BufferPool;
use crate::tx_timestamp::Tag;
use core::net::{IpAddr, SocketAddr};

/// What the IP layer knows of a datagram that carries a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpMeta<'a> {
    pub(crate) packet: &'a Received<'a>,
    /// The interface by which it came, for sockets that are bound to one.
    pub(crate) came_by: IfIndex,
    /// The listener that the program of a SO_REUSEPORT group has chosen.
    pub(crate) chosen: Option<u32>,
}

/// The route to a destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// The address to send from: the one asked for, else the route's preferred one.
    pub(crate) src: IpAddr,
    /// The interface that `src` is on, where that is needed to tell which address it is.
    pub(crate) on: IfIndex,
    /// Largest IP datagram on the egress link, in bytes.
    pub(crate) mtu: u32,
    /// The same of the whole path, as far as is known.
    pub(crate) path_mtu: u32,
}

/// What TCP asks of routing.
pub(crate) trait Paths {
    /// The route from `src` (`None`: choose) to `remote`; `None` if there is none.
    fn path(&self, src: Option<IpAddr>, remote: SocketAddr, limits: Limits) -> Option<Path>;
    /// Whether it is a unicast address of one of our interfaces, to which a socket can be bound.
    fn is_local(&self, addr: IpAddr) -> bool;
}

/// A segment on its way to IP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpSegmentOut<'a> {
    pub(crate) src: IpAddr,
    /// If it is link-local, its zone is the interface.
    pub(crate) remote: SocketAddr,
    /// What the socket allows of routes and sources.
    pub(crate) limits: Limits,
    /// What stands behind the IP header.
    pub(crate) options: Option<&'a HeaderOptions>,
    /// As [`TcpOptions::flow_label`](super::TcpOptions::flow_label).
    pub(crate) flow_label: Option<u32>,
    /// TCP header with options; the checksum field is zero, IP fills it in as the link wants it.
    pub(crate) header: &'a [u8],
    /// In two parts where it wraps in the ring.
    pub(crate) payload: (&'a [u8], &'a [u8]),
    /// `None`: the default, or what the link's routers say.
    pub(crate) ttl: Option<u8>,
    pub(crate) tos: u8,
    /// Not 0: the payload is that of several segments, which are cut below TCP, each of so many bytes.
    pub(crate) segment_size: u16,
    /// Who wants to know when its last byte leaves.
    pub(crate) tag: Option<Tag>,
}

impl TcpSegmentOut<'_> {
    /// Bytes of header and payload.
    pub(crate) fn len(&self) -> usize {
        self.header.len() + self.payload.0.len() + self.payload.1.len()
    }
}

/// Where segments go.
pub(crate) trait TcpOut {
    /// `Full`: nothing was sent, ask again later. A segment that has no route or no neighbour yet counts as sent.
    fn transmit(&mut self, segment: TcpSegmentOut<'_>) -> TxResult;

    /// The largest IP packet towards `remote` that is cut into segments below TCP, by the link or before it; 0: none is.
    fn longest_segment(&self, src: IpAddr, remote: SocketAddr, limits: Limits) -> u32;

    /// A number that changes whenever a path MTU does.
    fn path_changes(&self) -> u32;

    /// The path MTU to `remote`, as far as is known; `None` without a route.
    fn path_mtu(&self, src: IpAddr, remote: SocketAddr, limits: Limits) -> Option<u32>;
}

/// What the stack lends to TCP for the length of a call.
pub(crate) struct Env<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) paths: &'a dyn Paths,
    pub(crate) pool: &'a mut dyn BufferPool,
    pub(crate) events: &'a mut Events,
}

/// What an ICMP error says of one of our segments.
#[derive(Debug)]
pub(crate) enum IcmpError {
    /// The path carries no packet longer than this.
    PathMtu(u32),
    /// It was not delivered.
    Undelivered(ErrorReport),
}
