//! Options of datagram sockets (ip(7), ipv6(7), udp(7)).

use crate::link::IfIndex;
use crate::socket::{PortRange, SendOptions};

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
    /// Whether we may fragment.
    pub(crate) fn fragments(self) -> bool {
        matches!(self, MtuDiscovery::Dont | MtuDiscovery::Want | MtuDiscovery::Omit)
    }

    /// Whether path MTUs that routers have reported count.
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
    /// SO_NO_CHECK: datagrams over IPv4 are sent without a UDP checksum.
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
    /// IP_MULTICAST_ALL: the socket also gets datagrams for groups that only other sockets have joined.
    pub multicast_all: bool,
    /// IP_MULTICAST_IF: where to send to groups; `None` asks the routes.
    pub multicast_on: Option<IfIndex>,
    /// The options for IPv6 packets. A dual-stack socket uses both.
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
    /// The options with those that one datagram overrides.
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
