//! What a program finds in the receive ring of a datagram socket, and the options that all datagram sockets have.
//!
//! The ring holds a sequence of records: a [`Header`] of [`HEADER_LEN`] bytes, then [`Header::len`] bytes of payload. A
//! record is published whole or not at all; what does not fit, or is more than SO_RCVBUF allows, is dropped and counted.

mod cork;
mod inbox;
mod outbox;
mod truesize;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::ip::{Received, end};
use crate::link::IfIndex;
use crate::socket::{PortRange, SendOptions, SocketError};
use crate::time::Instant;

pub(crate) use cork::{Corked, Way};
pub use inbox::RECEIVE_BUFFER;
pub(crate) use inbox::{Admission, DROPS, Inbox};
pub(crate) use outbox::Outbox;
pub(crate) use truesize::truesize;

/// Bytes of an encoded [`Header`].
pub const HEADER_LEN: usize = 68;

/// What the engine knows of a received datagram.
///
/// As bytes, little-endian: length (4), interface (4), time (8), source address (16), destination address (16), source
/// port (2), destination port (2), address family 4 or 6 (1), TTL (1), TOS (1), a zero, flow label (4), size of the longest
/// fragment (2), length of the options (2), drops (4). An IPv4 address stands in the first four of its 16 bytes. The zone of
/// link-local addresses is the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload that follow.
    pub len: u32,
    /// Who sent it. Port 0 on raw and ping sockets.
    pub src: SocketAddr,
    /// To which of our addresses (or which broadcast or multicast address) it was sent.
    pub dst: SocketAddr,
    /// The interface that it came in by.
    pub on: IfIndex,
    /// Time to live, or hop limit, on arrival.
    pub ttl: u8,
    /// Type of service byte, or traffic class.
    pub tos: u8,
    /// Flow label, 20 bits; 0 of IPv4.
    pub flow_label: u32,
    /// Bytes of the longest fragment that it came in, IP header included; 0 of what came whole.
    pub fragment_size: u16,
    /// Bytes between this and the payload: the options of IPv4, with us in them, or the extension headers of IPv6 behind the
    /// byte that says what the first is.
    pub options: u16,
    /// When the engine saw it.
    pub timestamp: Instant,
    /// Datagrams that the socket had to drop before it (SO_RXQ_OVFL).
    pub drops: u32,
}

impl Header {
    /// Of a packet on its way to a socket, which gets `len` bytes of it.
    pub(crate) fn of_packet(now: Instant, packet: &Received<'_>, ports: (u16, u16), len: usize) -> Header {
        Header {
            len: len as u32,
            src: end(packet.src, ports.0, packet.on),
            dst: end(packet.dst, ports.1, packet.on),
            on: packet.on,
            ttl: packet.ttl,
            tos: packet.tos,
            flow_label: packet.flow_label,
            fragment_size: packet.fragment_size,
            options: (packet.options.len() + packet.extensions.len()) as u16,
            timestamp: now,
            drops: 0,
        }
    }

    /// The header as bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let Header { len, src, dst, on, ttl, tos, flow_label, fragment_size, options, timestamp, drops } = *self;
        let mut out = [0; HEADER_LEN];
        out[0..4].copy_from_slice(&len.to_le_bytes());
        out[4..8].copy_from_slice(&on.0.to_le_bytes());
        out[8..16].copy_from_slice(&timestamp.0.to_le_bytes());
        put_addr(&mut out[16..32], src.ip());
        put_addr(&mut out[32..48], dst.ip());
        out[48..50].copy_from_slice(&src.port().to_le_bytes());
        out[50..52].copy_from_slice(&dst.port().to_le_bytes());
        out[52] = if src.is_ipv4() { 4 } else { 6 };
        out[53] = ttl;
        out[54] = tos;
        out[56..60].copy_from_slice(&flow_label.to_le_bytes());
        out[60..62].copy_from_slice(&fragment_size.to_le_bytes());
        out[62..64].copy_from_slice(&options.to_le_bytes());
        out[DROPS..].copy_from_slice(&drops.to_le_bytes());
        out
    }

    /// Reads a header. None if the bytes are not one (the ring lies in memory that others can write).
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Header> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |at: usize| u32::from_le_bytes(words[at / 4]);
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let family = bytes[52];
        let on = IfIndex(word(4));
        Some(Header {
            len: word(0),
            src: end(get_addr(family, &bytes[16..32])?, half(48), on),
            dst: end(get_addr(family, &bytes[32..48])?, half(50), on),
            on,
            ttl: bytes[53],
            tos: bytes[54],
            flow_label: word(56),
            fragment_size: half(60),
            options: half(62),
            timestamp: Instant(u64::from(word(8)) | u64::from(word(12)) << 32),
            drops: word(DROPS),
        })
    }
}

fn put_addr(out: &mut [u8], addr: IpAddr) {
    match addr {
        IpAddr::V4(addr) => out[..4].copy_from_slice(&addr.octets()),
        IpAddr::V6(addr) => out.copy_from_slice(&addr.octets()),
    }
}

fn get_addr(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?).into()),
        6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

/// What a socket does about datagrams that do not fit their path (ip(7), IP_MTU_DISCOVER).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MtuDiscovery {
    /// Anybody may fragment them.
    Dont,
    /// We fragment what does not fit the path as it is known; nobody fragments the rest.
    Want,
    /// What does not fit the path is an error.
    Do,
    /// What does not fit the link is an error, and the path is not asked: to probe for it.
    Probe,
    /// As [`Probe`](Self::Probe), but routers may fragment.
    Interface,
    /// As [`Interface`](Self::Interface), but we fragment what does not fit the link.
    Omit,
}

impl MtuDiscovery {
    /// May we fragment?
    pub(crate) fn fragments(self) -> bool {
        matches!(self, MtuDiscovery::Dont | MtuDiscovery::Want | MtuDiscovery::Omit)
    }

    /// Does what routers said about the path count?
    pub(crate) fn heeds_path(self) -> bool {
        matches!(self, MtuDiscovery::Dont | MtuDiscovery::Want | MtuDiscovery::Do)
    }
}

/// How many bytes of a datagram of UDP-Lite the checksum covers, the header's eight among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// UDPLITE_SEND_CSCOV: of what is sent; 0 and `None` for all.
    pub send: Option<u16>,
    /// UDPLITE_RECV_CSCOV: the least of what is taken, where it is not all; 0: what is not covered whole is dropped.
    pub least: Option<u16>,
}

impl Coverage {
    /// Whether a datagram of `len` bytes is taken of which `covered` are.
    pub(crate) fn accepts(self, covered: usize, len: usize) -> bool {
        covered == len || self.least.is_none_or(|least| least != 0 && covered >= usize::from(least))
    }
}

/// Options of a datagram socket. Change them at any time; the next datagram uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramOptions {
    /// SO_BROADCAST: sending to broadcast addresses is allowed.
    pub broadcast: bool,
    /// IP_TTL, 1–255.
    pub ttl: u8,
    /// IP_TOS.
    pub tos: u8,
    /// IP_MTU_DISCOVER.
    pub mtu_discovery: MtuDiscovery,
    /// SO_BINDTODEVICE: send and receive on this interface only.
    pub bound_to: Option<IfIndex>,
    /// SO_DONTROUTE: no router is used.
    pub dont_route: bool,
    /// IP_UNICAST_IF: where to send to one host, if nothing else says it.
    pub unicast_on: Option<IfIndex>,
    /// IP_LOCAL_PORT_RANGE.
    pub ports: PortRange,
    /// SO_NO_CHECK: what is sent by IPv4 has no UDP checksum.
    pub no_checksum: bool,
    /// The socket is one of UDP-Lite (RFC 3828). Said before anything else, and for good.
    pub lite: Option<Coverage>,
    /// UDP_ENCAP_ESPINUDP (RFC 3948): packets of ESP and keepalives are not the program's.
    pub esp_in_udp: bool,
    /// IP_TRANSPARENT: sends from addresses that are not ours, too.
    pub transparent: bool,
    /// IP_RECVERR: soft errors are reported too, and on unconnected sockets.
    pub report_errors: bool,
    /// IP_RECVERR_RFC4884: with what routers added.
    pub report_extensions: bool,
    /// IP_MULTICAST_TTL.
    pub multicast_ttl: u8,
    /// IP_MULTICAST_LOOP: what is sent to a group comes back to members on this host.
    pub multicast_loop: bool,
    /// IP_MULTICAST_ALL: who is in no group also hears those that others on this host have joined.
    pub multicast_all: bool,
    /// IP_MULTICAST_IF: where to send to groups; `None` asks the routes.
    pub multicast_on: Option<IfIndex>,
    /// What counts for IPv6 packets instead. A socket of both families has both.
    pub v6: Ipv6Options,
}

/// Options of a datagram socket for what it sends by IPv6 (ipv6(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Options {
    /// IPV6_UNICAST_HOPS; `None` (-1): the interface's, as the router says.
    pub unicast_hops: Option<u8>,
    /// IPV6_MULTICAST_HOPS.
    pub multicast_hops: u8,
    /// IPV6_MULTICAST_LOOP.
    pub multicast_loop: bool,
    /// IPV6_MULTICAST_IF.
    pub multicast_on: Option<IfIndex>,
    /// IPV6_MULTICAST_ALL: as IP_MULTICAST_ALL.
    pub multicast_all: bool,
    /// IPV6_UNICAST_IF.
    pub unicast_on: Option<IfIndex>,
    /// IPV6_PKTINFO: the interface of all that does not name one itself; goes before the two above.
    pub sends_by: Option<IfIndex>,
    /// IPV6_ADDR_PREFERENCES: sends from a temporary address, or from none; `None`: as its interface says.
    pub temporary: Option<bool>,
    /// IPV6_MTU: no fragment is longer.
    pub most: Option<u16>,
    /// UDP_NO_CHECK6_TX (RFC 6935): what is sent has no checksum.
    pub no_checksum: bool,
    /// UDP_NO_CHECK6_RX: what comes need not have one.
    pub takes_no_checksum: bool,
    /// IPV6_TCLASS.
    pub traffic_class: u8,
    /// Flow label (IPV6_FLOWINFO_SEND), 20 bits.
    pub flow_label: u32,
    /// IPV6_AUTOFLOWLABEL: where no label is said, the flow has one of its own (RFC 6437 §3).
    pub auto_flow_label: bool,
    /// IPV6_DONTFRAG: what does not fit is an error.
    pub dont_fragment: bool,
    /// IPV6_MTU_DISCOVER.
    pub mtu_discovery: MtuDiscovery,
    /// IPV6_RECVERR: soft errors are reported too, and on unconnected sockets.
    pub report_errors: bool,
    /// IPV6_RECVERR_RFC4884: with what routers added.
    pub report_extensions: bool,
}

impl DatagramOptions {
    /// The options as one datagram has them, which says something for itself.
    pub(crate) fn for_one(&self, how: &SendOptions) -> DatagramOptions {
        let mut options = *self;
        options.v6.dont_fragment = how.dont_fragment.unwrap_or(options.v6.dont_fragment);
        options
    }
}

impl Default for Ipv6Options {
    fn default() -> Ipv6Options {
        Ipv6Options {
            unicast_hops: None,
            multicast_hops: 1,
            multicast_loop: true,
            multicast_on: None,
            multicast_all: true,
            unicast_on: None,
            sends_by: None,
            temporary: None,
            most: None,
            no_checksum: false,
            takes_no_checksum: false,
            traffic_class: 0,
            flow_label: 0,
            auto_flow_label: true,
            dont_fragment: false,
            mtu_discovery: MtuDiscovery::Want,
            report_errors: false,
            report_extensions: false,
        }
    }
}

impl Default for DatagramOptions {
    fn default() -> DatagramOptions {
        DatagramOptions {
            broadcast: false,
            ttl: 64,
            tos: 0,
            mtu_discovery: MtuDiscovery::Want,
            bound_to: None,
            dont_route: false,
            unicast_on: None,
            ports: PortRange::default(),
            no_checksum: false,
            lite: None,
            esp_in_udp: false,
            transparent: false,
            report_errors: false,
            report_extensions: false,
            multicast_ttl: 1,
            multicast_loop: true,
            multicast_all: true,
            multicast_on: None,
            v6: Ipv6Options::default(),
        }
    }
}

/// A datagram socket as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramStatus {
    /// getsockname(2): where it is bound; unspecified address and port 0 if nowhere. The port of a ping socket is its
    /// identifier, that of a raw socket 0.
    pub local: SocketAddr,
    /// getpeername(2): where it is connected.
    pub remote: Option<SocketAddr>,
    /// An error that waits to be taken.
    pub error: Option<SocketError>,
    /// Datagrams dropped because the ring was full.
    pub dropped: u64,
}

/// An error about one packet of ours, kept for a socket that asked for it (IP_RECVERR).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// What it means.
    pub error: SocketError,
    /// Type and code of the ICMP message.
    pub message: (u8, u8),
    /// What the message says besides: the MTU that a router allows, in bytes, or where in the packet the problem is.
    pub info: u32,
    /// The packet that brought the message: its source is who complains.
    pub carrier: Header,
    /// Where the datagram was sent to.
    pub destination: SocketAddr,
    /// Its payload, as far as the message quotes it, and what follows.
    pub payload: Vec<u8>,
    /// Of a socket that asked for them (IP_RECVERR_RFC4884).
    pub extensions: Option<Extensions>,
}

/// What routers added to an ICMP error (RFC 4884).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// Where in the report's payload it begins.
    pub at: u16,
    /// It can be what it claims to be.
    pub whole: bool,
}

/// Reports that nobody has taken yet. They do not pile up past [`MAX_REPORTS`].
#[derive(Default)]
pub(crate) struct Reports(Vec<ErrorReport>);

const MAX_REPORTS: usize = 32;

impl Reports {
    pub(crate) fn push(&mut self, report: ErrorReport) {
        if self.0.len() < MAX_REPORTS {
            self.0.push(report);
        }
    }

    pub(crate) fn take(&mut self) -> Vec<ErrorReport> {
        std::mem::take(&mut self.0)
    }
}

/// What the network said about a socket's datagrams.
#[derive(Default)]
pub(crate) struct Errors {
    /// The pending error (SO_ERROR).
    pub(crate) pending: Option<SocketError>,
    pub(crate) reports: Reports,
}

#[cfg(test)]
mod tests;
