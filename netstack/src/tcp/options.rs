//! What a program can set on a TCP socket (tcp(7), socket(7), ip(7)).

use super::congestion::Algorithm;
use super::fast_open::FastOpenOptions;
use super::saved_syn::SaveSyn;
use super::seam::IpMeta;
use crate::ip::{HeaderOptions, Limits};
use crate::link::IfIndex;
use crate::socket::{PortRange, StreamSizes};
use crate::wire::ipv4_options;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

/// `SO_KEEPALIVE` and its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// `SO_KEEPALIVE`.
    pub on: bool,
    /// `TCP_KEEPIDLE`: silence before the first probe; 2 hours.
    pub idle: Duration,
    /// `TCP_KEEPINTVL`: time between probes; 75 s.
    pub interval: Duration,
    /// `TCP_KEEPCNT`: probes without an answer before the connection is given up; 9.
    pub count: u8,
}

/// The options of one TCP socket. After a change call `tcp_options_changed`, which makes it take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// `TCP_NODELAY`: small segments do not wait for an acknowledgement.
    pub nodelay: bool,
    /// `TCP_CORK`: only full segments go, for at most 200 ms.
    pub cork: bool,
    /// `TCP_QUICKACK`: true acknowledges at once; false takes the program for one that answers, whose answers carry
    /// acknowledgements; `None` finds out.
    pub quickack: Option<bool>,
    /// `SO_KEEPALIVE`, `TCP_KEEPIDLE`, `TCP_KEEPINTVL`, `TCP_KEEPCNT`.
    pub keepalive: Keepalive,
    /// `TCP_MAXSEG`: upper bound of the segment size, in bytes, both ways; set before the connection opens.
    pub maxseg: Option<u16>,
    /// `TCP_USER_TIMEOUT`: how long sent data may stay unacknowledged (RFC 5482); `None` for the default of
    /// [`retries`](Self::retries).
    pub user_timeout: Option<Duration>,
    /// `TCP_LINGER2`: how long a closed socket waits in FIN-WAIT-2; `None` not at all; 60 s.
    pub linger2: Option<Duration>,
    /// `TCP_SYNCNT`: repetitions of a SYN before connect(2) fails; 6.
    pub syn_retries: u8,
    /// `tcp_retries2`: repetitions of a segment before the connection is given up; 15.
    pub retries: u8,
    /// `SO_SNDBUF` and `SO_RCVBUF`, in bytes of ring: a side that is set stays at that size (of a larger ring no more is
    /// used), the others follow the path.
    pub buffers: StreamSizes,
    /// `SO_RCVLOWAT`, in bytes: where `buffers` leaves it free, the receiving ring grows until it can hold twice as much; 1.
    pub receive_low_water: u32,
    /// `TCP_THIN_LINEAR_TIMEOUTS`: who has few segments out waits no longer after each of the first timeouts.
    pub thin_linear: bool,
    /// `TCP_CONGESTION`.
    pub congestion: Algorithm,
    /// `TCP_DEFER_ACCEPT`, as times that the SYN-ACK is sent: while no text has come for so long, a connection does not come to
    /// accept(2); 0.
    pub defer_accept: u8,
    /// `TCP_WINDOW_CLAMP`: no larger window is offered, in bytes.
    pub window_clamp: Option<u32>,
    /// `SO_MAX_PACING_RATE`: bytes a second; `u64::MAX` and 0 are no bound.
    pub max_pacing_rate: u64,
    /// The socket is touched when text leaves, not only when it is acknowledged: whoever keeps little in the ring that has
    /// not left (`TCP_NOTSENT_LOWAT`) can then go on.
    pub watches_sent: bool,
    /// A connection that we open asks for ECN (`tcp_ecn` = 1); one that the peer opens uses it if the peer asks.
    pub ecn: bool,
    /// Fast Open; a connection that comes of a listener has its listener's.
    pub fast_open: FastOpenOptions,
    /// `SO_BINDTODEVICE`: the only interface that the socket's segments leave and come by.
    pub bound_to: Option<IfIndex>,
    /// `SO_DONTROUTE`: no router is used.
    pub dont_route: bool,
    /// `IPV6_ADDR_PREFERENCES`: connects from a temporary address, or from none; `None`: as its interface says.
    pub temporary: Option<bool>,
    /// `IP_LOCAL_PORT_RANGE`.
    pub ports: PortRange,
    /// `IP_TRANSPARENT`: connects from addresses that are not ours, too.
    pub transparent: bool,
    /// `IP_MINTTL` and `IPV6_MINHOPCOUNT`: segments that have come from farther are not heard (RFC 5082).
    pub least_ttl: u8,
    /// The same of IPv6.
    pub least_hops: u8,
    /// `IPV6_FLOWINFO_SEND`: the flow label, 20 bits; `None`: one of the flow's own (`IPV6_AUTOFLOWLABEL`, RFC 6437 §3).
    pub flow_label: Option<u32>,
    /// `IP_RECVERR`: what ICMP says of an open connection becomes its pending error.
    pub report_errors: bool,
    /// `IPV6_RECVERR`: the same of IPv6.
    pub report_errors6: bool,
    /// `IP_RECVERR_RFC4884`: what ICMP says of an attempt is reported with what routers added.
    pub report_extensions: bool,
    /// `IPV6_RECVERR_RFC4884`: the same of IPv6.
    pub report_extensions6: bool,
    /// `SO_TIMESTAMP` and its kin: when text came is kept.
    pub receive_times: bool,
    /// `TCP_SAVE_SYN`, of a listener.
    pub save_syn: SaveSyn,
    /// `IP_TTL`; `None`: 64.
    pub ttl: Option<u8>,
    /// `IP_TOS`, without the ECN bits.
    pub tos: u8,
    /// `IPV6_UNICAST_HOPS`; `None`: what the link's routers say, else 64.
    pub hops: Option<u8>,
    /// `IPV6_TCLASS`, without the ECN bits.
    pub traffic_class: u8,
    /// `IP_OPTIONS`, and the extension headers of RFC 3542: stand in each segment, and make their text shorter.
    pub header_options: Option<Arc<HeaderOptions>>,
}

impl TcpOptions {
    /// Which ways the socket allows.
    pub(super) fn limits(&self) -> Limits {
        Limits { on: self.bound_to, direct: self.dont_route, temporary: self.temporary }
    }

    /// The time to live, or hop limit, of segments to `remote`.
    pub(super) fn ttl_to(&self, remote: SocketAddr) -> Option<u8> {
        if remote.is_ipv4() { self.ttl } else { self.hops }
    }

    /// The type of service, or traffic class, of segments to `remote`.
    pub(super) fn tos_to(&self, remote: SocketAddr) -> u8 {
        if remote.is_ipv4() { self.tos } else { self.traffic_class }
    }

    pub(super) fn reports_extensions(&self, remote: SocketAddr) -> bool {
        if remote.is_ipv4() { self.report_extensions } else { self.report_extensions6 }
    }

    pub(super) fn reports_errors(&self, remote: SocketAddr) -> bool {
        if remote.is_ipv4() { self.report_errors } else { self.report_errors6 }
    }

    /// What stands behind the IP header of segments to `remote`, if anything does.
    pub(super) fn behind_header(&self, remote: SocketAddr) -> Option<&Arc<HeaderOptions>> {
        self.header_options.as_ref().filter(|options| options.len(remote.is_ipv4()) > 0)
    }

    /// What a connection has of its listener's that a packet with these IPv4 options asks for: they are answered (RFC 1122
    /// §4.2.3.8), and the listener's own are not sent, as on Linux.
    pub(super) fn answering(&self, ip: &IpMeta<'_>) -> TcpOptions {
        let mut options = self.clone();
        let answer = if ip.packet.src.is_ipv4() { ipv4_options::answering(ip.packet.options) } else { Vec::new() };
        let ours = self.header_options.as_deref();
        if !answer.is_empty() || ours.is_some_and(|ours| !ours.v4.is_empty()) {
            let answered = HeaderOptions { v4: answer, ..ours.cloned().unwrap_or_default() };
            options.header_options = (!answered.is_empty()).then(|| Arc::new(answered));
        }
        options
    }

    /// Whether a segment has come from near enough.
    pub(super) fn is_near(&self, ip: &IpMeta<'_>) -> bool {
        ip.packet.ttl >= if ip.packet.src.is_ipv4() { self.least_ttl } else { self.least_hops }
    }
}

impl Default for TcpOptions {
    fn default() -> TcpOptions {
        TcpOptions {
            nodelay: false,
            cork: false,
            quickack: None,
            keepalive: Keepalive {
                on: false,
                idle: Duration::from_secs(7200),
                interval: Duration::from_secs(75),
                count: 9,
            },
            maxseg: None,
            user_timeout: None,
            linger2: Some(Duration::from_secs(60)),
            syn_retries: 6,
            retries: 15,
            buffers: StreamSizes::default(),
            receive_low_water: 1,
            thin_linear: false,
            congestion: Algorithm::default(),
            defer_accept: 0,
            window_clamp: None,
            max_pacing_rate: u64::MAX,
            watches_sent: false,
            ecn: false,
            fast_open: FastOpenOptions::default(),
            bound_to: None,
            dont_route: false,
            temporary: None,
            ports: PortRange::default(),
            transparent: false,
            least_ttl: 0,
            least_hops: 0,
            flow_label: None,
            receive_times: false,
            report_errors: false,
            report_errors6: false,
            report_extensions: false,
            report_extensions6: false,
            ttl: None,
            tos: 0,
            hops: None,
            traffic_class: 0,
            save_syn: SaveSyn::default(),
            header_options: None,
        }
    }
}
