//! The options of socket(7), ip(7), ipv6(7), tcp(7), udp(7), raw(7) and packet(7), a row each, by level and number.
//!
//! The numbers are Linux's (`asm-generic/socket.h`, `linux/in.h`, `linux/in6.h`, `linux/tcp.h`, `linux/udp.h`, `linux/if_packet.h`):
//! a C library's headers lack many. A name that ends in 222 is nobody's option of that level.

use libc::c_int;

use super::options::Shown::{Length, Whole, Zero};
use super::options::{Row, Shown, Values};

const fn int(level: c_int, number: c_int, name: &'static str) -> Row {
    with(Whole, level, number, name)
}

const fn with(shown: Shown, level: c_int, number: c_int, name: &'static str) -> Row {
    Row { name, level, number, values: Values::Ints, shown }
}

const fn bytes(
    level: c_int,
    number: c_int,
    name: &'static str,
    values: &'static [(&'static str, &'static [u8])],
) -> Row {
    Row { name, level, number, values: Values::Bytes(values), shown: Whole }
}

const SOCKET: c_int = libc::SOL_SOCKET;
const IP: c_int = libc::IPPROTO_IP;
const IPV6: c_int = libc::IPPROTO_IPV6;
const TCP: c_int = libc::IPPROTO_TCP;
const UDP: c_int = libc::IPPROTO_UDP;
const PACKET: c_int = libc::SOL_PACKET;

/// `struct group_req`: an interface, and 224.0.0.251 in a `sockaddr_storage`.
const fn group(interface: u8) -> [u8; 136] {
    let mut request = [0; 136];
    request[0] = interface;
    request[8] = libc::AF_INET as u8;
    request[12] = 224;
    request[15] = 251;
    request
}

/// `struct timeval`.
const TIMES: &[(&str, &[u8])] = &[
    ("1.5 s", &[1, 0, 0, 0, 0, 0, 0, 0, 0x20, 0xa1, 7, 0, 0, 0, 0, 0]),
    ("0", &[0; 16]),
    ("1 us", &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
    ("999999 us", &[0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0x42, 0xf, 0, 0, 0, 0, 0]),
    ("1000000 us", &[0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x42, 0xf, 0, 0, 0, 0, 0]),
    ("-1 s", &[255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("-1 us", &[0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
];

/// `struct ip_mreq` and `ip_mreqn`.
const GROUPS: &[(&str, &[u8])] = &[
    ("224.0.0.251 on 127.0.0.1", &[224, 0, 0, 251, 127, 0, 0, 1]),
    ("224.0.0.251 on lo by index", &[224, 0, 0, 251, 0, 0, 0, 0, 1, 0, 0, 0]),
    ("224.0.0.251 on 10.9.9.9", &[224, 0, 0, 251, 10, 9, 9, 9]),
    ("224.0.0.251 on interface 77", &[224, 0, 0, 251, 0, 0, 0, 0, 77, 0, 0, 0]),
    ("127.0.0.1, no group", &[127, 0, 0, 1, 127, 0, 0, 1]),
    ("224.0.0.251 on any", &[224, 0, 0, 251, 0, 0, 0, 0]),
];

/// `struct ip_mreq_source`.
const SOURCES: &[(&str, &[u8])] = &[
    ("232.1.1.1, 127.0.0.1, 127.0.0.1", &[232, 1, 1, 1, 127, 0, 0, 1, 127, 0, 0, 1]),
    ("no group", &[127, 0, 0, 1, 127, 0, 0, 1, 127, 0, 0, 1]),
    ("on 10.9.9.9", &[232, 1, 1, 1, 10, 9, 9, 9, 127, 0, 0, 1]),
];

/// `struct in6_flowlabel_req`: a label, an action, a share, flags; to ::1.
const fn label(label: u16, action: u8, share: u8, flags: u8) -> [u8; 32] {
    let mut request = [0; 32];
    request[15] = 1;
    [request[18], request[19]] = label.to_be_bytes();
    [request[20], request[21], request[22]] = [action, share, flags];
    request
}

/// `struct ipv6_mreq`.
const GROUPS6: &[(&str, &[u8])] = &[
    ("ff02::fb on lo", &[255, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb, 1, 0, 0, 0]),
    ("ff02::fb on 77", &[255, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb, 77, 0, 0, 0]),
    ("::1, no group", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]),
];

pub const ROWS: &[Row] = &[
    int(SOCKET, 1, "SO_DEBUG"),
    int(SOCKET, 2, "SO_REUSEADDR"),
    int(SOCKET, 3, "SO_TYPE"),
    int(SOCKET, 4, "SO_ERROR"),
    int(SOCKET, 5, "SO_DONTROUTE"),
    int(SOCKET, 6, "SO_BROADCAST"),
    int(SOCKET, 7, "SO_SNDBUF"),
    int(SOCKET, 8, "SO_RCVBUF"),
    int(SOCKET, 9, "SO_KEEPALIVE"),
    int(SOCKET, 10, "SO_OOBINLINE"),
    int(SOCKET, 11, "SO_NO_CHECK"),
    int(SOCKET, 12, "SO_PRIORITY"),
    bytes(
        SOCKET,
        13,
        "SO_LINGER",
        &[
            ("on, 7 s", &[1, 0, 0, 0, 7, 0, 0, 0]),
            ("on, 0 s", &[1, 0, 0, 0, 0, 0, 0, 0]),
            ("off, 7 s", &[0, 0, 0, 0, 7, 0, 0, 0]),
            ("on, -1 s", &[1, 0, 0, 0, 255, 255, 255, 255]),
        ],
    ),
    int(SOCKET, 14, "SO_BSDCOMPAT"),
    int(SOCKET, 15, "SO_REUSEPORT"),
    int(SOCKET, 16, "SO_PASSCRED"),
    with(Length, SOCKET, 17, "SO_PEERCRED"),
    int(SOCKET, 18, "SO_RCVLOWAT"),
    int(SOCKET, 19, "SO_SNDLOWAT"),
    bytes(SOCKET, 20, "SO_RCVTIMEO", TIMES),
    bytes(SOCKET, 21, "SO_SNDTIMEO", TIMES),
    bytes(
        SOCKET,
        25,
        "SO_BINDTODEVICE",
        &[
            ("lo", b"lo\0"),
            ("lo without NUL", b"lo"),
            ("nothing", b"\0"),
            ("nosuch0", b"nosuch0\0"),
            ("a long name", b"abcdefghijklmnopqrstuvwxyz\0"),
        ],
    ),
    bytes(
        SOCKET,
        26,
        "SO_ATTACH_FILTER",
        &[("no program", &[0; 16]), ("one instruction, nowhere", &[1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0])],
    ),
    int(SOCKET, 27, "SO_DETACH_FILTER"),
    int(SOCKET, 28, "SO_PEERNAME"),
    int(SOCKET, 29, "SO_TIMESTAMP"),
    int(SOCKET, 30, "SO_ACCEPTCONN"),
    int(SOCKET, 31, "SO_PEERSEC"),
    int(SOCKET, 32, "SO_SNDBUFFORCE"),
    int(SOCKET, 33, "SO_RCVBUFFORCE"),
    int(SOCKET, 34, "SO_PASSSEC"),
    int(SOCKET, 35, "SO_TIMESTAMPNS"),
    int(SOCKET, 36, "SO_MARK"),
    int(SOCKET, 37, "SO_TIMESTAMPING"),
    int(SOCKET, 38, "SO_PROTOCOL"),
    int(SOCKET, 39, "SO_DOMAIN"),
    int(SOCKET, 40, "SO_RXQ_OVFL"),
    int(SOCKET, 41, "SO_WIFI_STATUS"),
    int(SOCKET, 42, "SO_PEEK_OFF"),
    int(SOCKET, 43, "SO_NOFCS"),
    int(SOCKET, 44, "SO_LOCK_FILTER"),
    int(SOCKET, 45, "SO_SELECT_ERR_QUEUE"),
    int(SOCKET, 46, "SO_BUSY_POLL"),
    int(SOCKET, 47, "SO_MAX_PACING_RATE"),
    with(Length, SOCKET, 48, "SO_BPF_EXTENSIONS"),
    int(SOCKET, 49, "SO_INCOMING_CPU"),
    int(SOCKET, 50, "SO_ATTACH_BPF"),
    int(SOCKET, 51, "SO_ATTACH_REUSEPORT_CBPF"),
    int(SOCKET, 52, "SO_ATTACH_REUSEPORT_EBPF"),
    int(SOCKET, 53, "SO_CNX_ADVICE"),
    with(Length, SOCKET, 55, "SO_MEMINFO"),
    int(SOCKET, 56, "SO_INCOMING_NAPI_ID"),
    with(Zero, SOCKET, 57, "SO_COOKIE"),
    int(SOCKET, 59, "SO_PEERGROUPS"),
    int(SOCKET, 60, "SO_ZEROCOPY"),
    int(SOCKET, 61, "SO_TXTIME"),
    int(SOCKET, 62, "SO_BINDTOIFINDEX"),
    int(SOCKET, 63, "SO_TIMESTAMP_NEW"),
    int(SOCKET, 64, "SO_TIMESTAMPNS_NEW"),
    int(SOCKET, 65, "SO_TIMESTAMPING_NEW"),
    bytes(SOCKET, 66, "SO_RCVTIMEO_NEW", TIMES),
    bytes(SOCKET, 67, "SO_SNDTIMEO_NEW", TIMES),
    int(SOCKET, 69, "SO_PREFER_BUSY_POLL"),
    int(SOCKET, 70, "SO_BUSY_POLL_BUDGET"),
    with(Zero, SOCKET, 71, "SO_NETNS_COOKIE"),
    int(SOCKET, 72, "SO_BUF_LOCK"),
    int(SOCKET, 73, "SO_RESERVE_MEM"),
    int(SOCKET, 74, "SO_TXREHASH"),
    int(SOCKET, 75, "SO_RCVMARK"),
    int(SOCKET, 222, "SOL_SOCKET_222"),
    int(IP, 1, "IP_TOS"),
    int(IP, 2, "IP_TTL"),
    int(IP, 3, "IP_HDRINCL"),
    bytes(
        IP,
        4,
        "IP_OPTIONS",
        &[
            ("NOP NOP NOP EOL", &[1, 1, 1, 0]),
            ("none", &[]),
            ("bad", &[7, 99, 4, 0]),
            ("41 bytes", &[1; 41]),
            ("record route", &[7, 7, 4, 0, 0, 0, 0, 0]),
        ],
    ),
    int(IP, 5, "IP_ROUTER_ALERT"),
    int(IP, 6, "IP_RECVOPTS"),
    int(IP, 7, "IP_RETOPTS"),
    int(IP, 8, "IP_PKTINFO"),
    int(IP, 9, "IP_PKTOPTIONS"),
    int(IP, 10, "IP_MTU_DISCOVER"),
    int(IP, 11, "IP_RECVERR"),
    int(IP, 12, "IP_RECVTTL"),
    int(IP, 13, "IP_RECVTOS"),
    int(IP, 14, "IP_MTU"),
    int(IP, 15, "IP_FREEBIND"),
    int(IP, 18, "IP_PASSSEC"),
    int(IP, 19, "IP_TRANSPARENT"),
    int(IP, 20, "IP_RECVORIGDSTADDR"),
    int(IP, 21, "IP_MINTTL"),
    int(IP, 22, "IP_NODEFRAG"),
    int(IP, 23, "IP_CHECKSUM"),
    int(IP, 24, "IP_BIND_ADDRESS_NO_PORT"),
    int(IP, 25, "IP_RECVFRAGSIZE"),
    int(IP, 26, "IP_RECVERR_RFC4884"),
    bytes(
        IP,
        32,
        "IP_MULTICAST_IF",
        &[
            ("127.0.0.1", &[127, 0, 0, 1]),
            ("any", &[0, 0, 0, 0]),
            ("10.9.9.9", &[10, 9, 9, 9]),
            ("mreq 127.0.0.1", &[0, 0, 0, 0, 127, 0, 0, 1]),
            ("index 1", &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
            ("index 77", &[0, 0, 0, 0, 0, 0, 0, 0, 77, 0, 0, 0]),
        ],
    ),
    int(IP, 33, "IP_MULTICAST_TTL"),
    int(IP, 34, "IP_MULTICAST_LOOP"),
    bytes(IP, 35, "IP_ADD_MEMBERSHIP", GROUPS),
    bytes(IP, 36, "IP_DROP_MEMBERSHIP", GROUPS),
    bytes(IP, 37, "IP_UNBLOCK_SOURCE", SOURCES),
    bytes(IP, 38, "IP_BLOCK_SOURCE", SOURCES),
    bytes(IP, 39, "IP_ADD_SOURCE_MEMBERSHIP", SOURCES),
    bytes(IP, 40, "IP_DROP_SOURCE_MEMBERSHIP", SOURCES),
    bytes(
        IP,
        41,
        "IP_MSFILTER",
        &[
            ("232.1.1.1 exclude none", &[232, 1, 1, 1, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("short", &[232, 1, 1, 1]),
        ],
    ),
    int(IP, 49, "IP_MULTICAST_ALL"),
    int(IP, 50, "IP_UNICAST_IF"),
    int(IP, 51, "IP_LOCAL_PORT_RANGE"),
    int(IP, 52, "IP_PROTOCOL"),
    int(IP, 222, "IPPROTO_IP_222"),
    bytes(IP, 42, "MCAST_JOIN_GROUP", &[("224.0.0.251 on lo", &group(1)), ("interface 77", &group(77))]),
    bytes(IP, 45, "MCAST_LEAVE_GROUP", &[("224.0.0.251 on lo", &group(1))]),
    int(IPV6, 1, "IPV6_ADDRFORM"),
    int(IPV6, 2, "IPV6_2292PKTINFO"),
    int(IPV6, 3, "IPV6_2292HOPOPTS"),
    int(IPV6, 4, "IPV6_2292DSTOPTS"),
    int(IPV6, 5, "IPV6_2292RTHDR"),
    int(IPV6, 6, "IPV6_2292PKTOPTIONS"),
    int(IPV6, 7, "IPV6_CHECKSUM"),
    int(IPV6, 8, "IPV6_2292HOPLIMIT"),
    int(IPV6, 11, "IPV6_FLOWINFO"),
    int(IPV6, 16, "IPV6_UNICAST_HOPS"),
    int(IPV6, 17, "IPV6_MULTICAST_IF"),
    int(IPV6, 18, "IPV6_MULTICAST_HOPS"),
    int(IPV6, 19, "IPV6_MULTICAST_LOOP"),
    bytes(IPV6, 20, "IPV6_JOIN_GROUP", GROUPS6),
    bytes(IPV6, 21, "IPV6_LEAVE_GROUP", GROUPS6),
    int(IPV6, 22, "IPV6_ROUTER_ALERT"),
    int(IPV6, 23, "IPV6_MTU_DISCOVER"),
    int(IPV6, 24, "IPV6_MTU"),
    int(IPV6, 25, "IPV6_RECVERR"),
    int(IPV6, 26, "IPV6_V6ONLY"),
    bytes(IPV6, 27, "IPV6_JOIN_ANYCAST", GROUPS6),
    bytes(IPV6, 28, "IPV6_LEAVE_ANYCAST", GROUPS6),
    int(IPV6, 29, "IPV6_MULTICAST_ALL"),
    int(IPV6, 30, "IPV6_ROUTER_ALERT_ISOLATE"),
    int(IPV6, 31, "IPV6_RECVERR_RFC4884"),
    bytes(
        IPV6,
        32,
        "IPV6_FLOWLABEL_MGR",
        &[
            ("any label", &label(0, 0, 255, 1)),
            ("a label of one", &label(0, 0, 1, 1)),
            ("nobody's", &label(0, 0, 0, 1)),
            ("0x123", &label(0x123, 0, 255, 1)),
            ("0x124, not there", &label(0x124, 0, 255, 0)),
            ("0x124, given up", &label(0x124, 1, 255, 0)),
            ("0x124, renewed", &label(0x124, 2, 255, 0)),
            ("another action", &label(0, 3, 255, 1)),
            ("the peer's", &label(0, 0, 255, 4)),
            ("the peer's, given up", &label(0, 1, 255, 4)),
        ],
    ),
    int(IPV6, 33, "IPV6_FLOWINFO_SEND"),
    int(IPV6, 49, "IPV6_RECVPKTINFO"),
    bytes(
        IPV6,
        50,
        "IPV6_PKTINFO",
        &[
            ("::1 on lo", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]),
            ("nothing", &[0; 20]),
            ("on 77", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 77, 0, 0, 0]),
        ],
    ),
    int(IPV6, 51, "IPV6_RECVHOPLIMIT"),
    int(IPV6, 52, "IPV6_HOPLIMIT"),
    int(IPV6, 53, "IPV6_RECVHOPOPTS"),
    int(IPV6, 54, "IPV6_HOPOPTS"),
    int(IPV6, 55, "IPV6_RTHDRDSTOPTS"),
    int(IPV6, 56, "IPV6_RECVRTHDR"),
    int(IPV6, 57, "IPV6_RTHDR"),
    int(IPV6, 58, "IPV6_RECVDSTOPTS"),
    int(IPV6, 59, "IPV6_DSTOPTS"),
    int(IPV6, 60, "IPV6_RECVPATHMTU"),
    int(IPV6, 61, "IPV6_PATHMTU"),
    int(IPV6, 62, "IPV6_DONTFRAG"),
    int(IPV6, 66, "IPV6_RECVTCLASS"),
    int(IPV6, 67, "IPV6_TCLASS"),
    int(IPV6, 70, "IPV6_AUTOFLOWLABEL"),
    int(IPV6, 72, "IPV6_ADDR_PREFERENCES"),
    int(IPV6, 73, "IPV6_MINHOPCOUNT"),
    int(IPV6, 74, "IPV6_RECVORIGDSTADDR"),
    int(IPV6, 75, "IPV6_TRANSPARENT"),
    int(IPV6, 76, "IPV6_UNICAST_IF"),
    int(IPV6, 77, "IPV6_RECVFRAGSIZE"),
    int(IPV6, 78, "IPV6_FREEBIND"),
    int(IPV6, 222, "IPPROTO_IPV6_222"),
    int(TCP, 1, "TCP_NODELAY"),
    int(TCP, 2, "TCP_MAXSEG"),
    int(TCP, 3, "TCP_CORK"),
    int(TCP, 4, "TCP_KEEPIDLE"),
    int(TCP, 5, "TCP_KEEPINTVL"),
    int(TCP, 6, "TCP_KEEPCNT"),
    int(TCP, 7, "TCP_SYNCNT"),
    int(TCP, 8, "TCP_LINGER2"),
    int(TCP, 9, "TCP_DEFER_ACCEPT"),
    int(TCP, 10, "TCP_WINDOW_CLAMP"),
    with(Length, TCP, 11, "TCP_INFO"),
    int(TCP, 12, "TCP_QUICKACK"),
    bytes(
        TCP,
        13,
        "TCP_CONGESTION",
        &[
            ("cubic", b"cubic"),
            ("reno", b"reno"),
            ("reno and NUL", b"reno\0"),
            ("nosuch", b"nosuch"),
            ("a long name", b"abcdefghijklmnopqrstuvwxyz"),
        ],
    ),
    bytes(TCP, 14, "TCP_MD5SIG", &[("nothing", &[0; 16])]),
    int(TCP, 16, "TCP_THIN_LINEAR_TIMEOUTS"),
    int(TCP, 17, "TCP_THIN_DUPACK"),
    int(TCP, 18, "TCP_USER_TIMEOUT"),
    int(TCP, 19, "TCP_REPAIR"),
    int(TCP, 20, "TCP_REPAIR_QUEUE"),
    int(TCP, 21, "TCP_QUEUE_SEQ"),
    bytes(TCP, 22, "TCP_REPAIR_OPTIONS", &[("SACK", &[4, 0, 0, 0, 0, 0, 0, 0])]),
    int(TCP, 23, "TCP_FASTOPEN"),
    with(Zero, TCP, 24, "TCP_TIMESTAMP"),
    int(TCP, 25, "TCP_NOTSENT_LOWAT"),
    with(Length, TCP, 26, "TCP_CC_INFO"),
    int(TCP, 27, "TCP_SAVE_SYN"),
    int(TCP, 28, "TCP_SAVED_SYN"),
    bytes(TCP, 29, "TCP_REPAIR_WINDOW", &[("nothing", &[0; 20])]),
    int(TCP, 30, "TCP_FASTOPEN_CONNECT"),
    bytes(TCP, 31, "TCP_ULP", &[("nosuch", b"nosuch")]),
    Row {
        shown: Length,
        ..bytes(TCP, 33, "TCP_FASTOPEN_KEY", &[("16 bytes", &[5; 16]), ("32 bytes", &[6; 32]), ("15 bytes", &[7; 15])])
    },
    int(TCP, 34, "TCP_FASTOPEN_NO_COOKIE"),
    int(TCP, 36, "TCP_INQ"),
    int(TCP, 37, "TCP_TX_DELAY"),
    int(TCP, 222, "IPPROTO_TCP_222"),
    int(UDP, 1, "UDP_CORK"),
    int(UDP, 100, "UDP_ENCAP"),
    int(UDP, 101, "UDP_NO_CHECK6_TX"),
    int(UDP, 102, "UDP_NO_CHECK6_RX"),
    int(UDP, 103, "UDP_SEGMENT"),
    int(UDP, 104, "UDP_GRO"),
    int(UDP, 222, "IPPROTO_UDP_222"),
    int(libc::SOL_RAW, 1, "ICMP_FILTER"),
    bytes(libc::IPPROTO_ICMPV6, 1, "ICMP6_FILTER", &[("all", &[255; 32]), ("none", &[0; 32])]),
    bytes(
        PACKET,
        1,
        "PACKET_ADD_MEMBERSHIP",
        &[
            ("promiscuous on lo", &[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("on 77", &[77, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            ("kind 9", &[1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ],
    ),
    bytes(
        PACKET,
        2,
        "PACKET_DROP_MEMBERSHIP",
        &[("promiscuous on lo", &[1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ),
    int(PACKET, 3, "PACKET_RECV_OUTPUT"),
    int(PACKET, 5, "PACKET_RX_RING"),
    int(PACKET, 6, "PACKET_STATISTICS"),
    int(PACKET, 7, "PACKET_COPY_THRESH"),
    int(PACKET, 8, "PACKET_AUXDATA"),
    int(PACKET, 9, "PACKET_ORIGDEV"),
    int(PACKET, 10, "PACKET_VERSION"),
    int(PACKET, 11, "PACKET_HDRLEN"),
    int(PACKET, 12, "PACKET_RESERVE"),
    int(PACKET, 13, "PACKET_TX_RING"),
    int(PACKET, 14, "PACKET_LOSS"),
    int(PACKET, 15, "PACKET_VNET_HDR"),
    int(PACKET, 16, "PACKET_TX_TIMESTAMP"),
    int(PACKET, 17, "PACKET_TIMESTAMP"),
    int(PACKET, 18, "PACKET_FANOUT"),
    int(PACKET, 19, "PACKET_TX_HAS_OFF"),
    int(PACKET, 20, "PACKET_QDISC_BYPASS"),
    int(PACKET, 21, "PACKET_ROLLOVER_STATS"),
    int(PACKET, 23, "PACKET_IGNORE_OUTGOING"),
    int(PACKET, 24, "PACKET_VNET_HDR_SZ"),
    int(PACKET, 222, "SOL_PACKET_222"),
    int(250, 1, "LEVEL_250"),
];
