//! What goes with the bytes of a message: addresses, and the contents of control messages.

use super::{Auxdata, Name, PathMtu, QueuedError, stamping};
use netstack::ip::HeaderOptions;
use std::net::IpAddr;

/// What recv returns.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Bytes copied, or the datagram's whole length under MSG_TRUNC.
    pub len: usize,
    /// Who sent it (datagrams).
    pub from: Option<Name>,
    /// MSG_TRUNC and its like.
    pub flags: i32,
    /// What control messages tell of a datagram.
    pub info: Option<DatagramInfo>,
    /// Of packet sockets.
    pub auxdata: Option<Auxdata>,
    /// When the last byte of a stream arrived, or the time of an entry of the error queue; CLOCK_REALTIME nanoseconds.
    pub time_ns: Option<u64>,
    /// From the error queue (MSG_ERRQUEUE).
    pub error: Option<Box<QueuedError>>,
    /// The IPv4 options of a datagram; or its IPv6 extension headers, after a byte that says the kind of the first.
    pub header_options: Vec<u8>,
    /// Instead of a datagram (IPV6_RECVPATHMTU).
    pub path_mtu: Option<PathMtu>,
}

/// What a datagram carried besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct DatagramInfo {
    /// The address it was sent to.
    pub destination: IpAddr,
    /// The port of it.
    pub port: u16,
    /// The flow label of IPv6.
    pub flow_label: u32,
    /// Bytes of the longest fragment in which it came; 0 if it came whole.
    pub fragment_size: u16,
    /// The interface it came by.
    pub interface: u32,
    /// Time to live as received.
    pub ttl: u8,
    /// Type of service as received.
    pub tos: u8,
    /// UDP_GRO: it is several datagrams of this many bytes, the last may be shorter.
    pub segment: Option<u32>,
    /// When it came, CLOCK_REALTIME nanoseconds.
    pub timestamp_ns: u64,
    /// How many were dropped before it.
    pub drops: u32,
}

/// What the control messages of sendmsg ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendControl {
    /// IP_PKTINFO: source address.
    pub source: Option<IpAddr>,
    /// IP_PKTINFO: interface index.
    pub interface: Option<u32>,
    /// IP_TTL.
    pub ttl: Option<u8>,
    /// IP_TOS.
    pub tos: Option<u8>,
    /// IP_RETOPTS: IPv4 options in place of the socket's; may be empty.
    pub options: Option<Vec<u8>>,
    /// IPV6_HOPOPTS and its kin: extension headers in place of all that the socket has.
    pub extensions: HeaderOptions,
    /// IPV6_FLOWINFO: the flow label.
    pub flow_label: Option<u32>,
    /// IPV6_DONTFRAG.
    pub dont_fragment: Option<bool>,
    /// SCM_TXTIME, which is accepted if SO_TXTIME was set.
    pub tx_time: bool,
    /// UDP_SEGMENT; 0 for none.
    pub segment: Option<u16>,
    /// SCM_TIMESTAMPING: flags of [`stamping::TX`] in place of the socket's.
    pub tx_timestamp: Option<u32>,
    /// SCM_TS_OPT_ID: the number of this one.
    pub tx_timestamp_id: Option<u32>,
}

/// Which control messages a program wants with what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedInfo {
    /// IP_PKTINFO.
    pub packet_info: bool,
    /// IP_RECVTTL.
    pub ttl: bool,
    /// IP_RECVTOS.
    pub tos: bool,
    /// SO_TIMESTAMP and its kin.
    pub stamps: Stamps,
    /// SO_RXQ_OVFL.
    pub drops: bool,
    /// IPV6_RECVPKTINFO.
    pub packet_info6: bool,
    /// IPV6_RECVHOPLIMIT.
    pub hop_limit: bool,
    /// IPV6_RECVTCLASS.
    pub traffic_class: bool,
    /// IP_RECVORIGDSTADDR.
    pub original_destination: bool,
    /// IPV6_RECVORIGDSTADDR.
    pub original_destination6: bool,
    /// IPV6_FLOWINFO.
    pub flow_info: bool,
    /// IP_RECVFRAGSIZE.
    pub fragment_size: bool,
    /// IPV6_RECVFRAGSIZE.
    pub fragment_size6: bool,
    /// IPV6_RECVPATHMTU.
    pub path_mtu: bool,
    /// IP_RECVOPTS.
    pub options: bool,
    /// IP_RETOPTS.
    pub return_options: bool,
    /// IPV6_RECVHOPOPTS.
    pub hop_options: bool,
    /// IPV6_RECVDSTOPTS.
    pub destination_options: bool,
    /// IPV6_RECVRTHDR.
    pub routing: bool,
    /// IPV6_2292HOPOPTS.
    pub old_hop_options: bool,
    /// IPV6_2292DSTOPTS.
    pub old_destination_options: bool,
    /// IPV6_2292RTHDR.
    pub old_routing: bool,
    /// IPV6_2292PKTINFO.
    pub old_packet_info6: bool,
    /// IPV6_2292HOPLIMIT.
    pub old_hop_limit: bool,
    /// TCP_INQ.
    pub inq: bool,
    /// PACKET_AUXDATA.
    pub auxdata: bool,
}

/// Which times a program wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// SO_TIMESTAMP, SO_TIMESTAMPNS.
    pub unit: Option<Stamp>,
    /// By the options that end in _NEW, with 64-bit times.
    pub new: bool,
    /// SO_TIMESTAMPING.
    pub flags: u32,
}

impl Stamps {
    /// Whether what is received comes with its time.
    pub(super) fn wants_arrivals(&self) -> bool {
        const BOTH: u32 = stamping::RX_SOFTWARE | stamping::SOFTWARE;
        self.unit.is_some() || self.flags & BOTH == BOTH
    }
}

/// The fraction of a second of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// As of `struct timeval`.
    Micros,
    /// As of `struct timespec`.
    Nanos,
}
