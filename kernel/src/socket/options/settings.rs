//! What a program has set on a socket.

use super::kept::Kept;
use crate::backend::Buffers;
use crate::config::TcpDefaults;
use crate::endpoint::{Endpoint, Kind};
use crate::engine::first_ring;
use crate::socket::{Family, WantedInfo};
use netstack::datagram::{DatagramOptions, RECEIVE_BUFFER};
use netstack::ip::HeaderOptions;
use netstack::link::IfIndex;
use netstack::raw::RawOptions;
use netstack::socket::BindOptions;
use netstack::tcp::{FastOpenModes, TcpOptions};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// All settings of one socket. The engine's copies are [`tcp`](Self::tcp) and [`raw`](Self::raw).
#[derive(Clone)]
pub(in crate::socket) struct Settings {
    default_receive: usize,
    /// IPV6_V6ONLY.
    pub(in crate::socket) v6_only: bool,
    pub(in crate::socket) inet6: Inet6,
    pub(in crate::socket) reuse: Reuse,
    pub(super) reuse_port: bool,
    /// SO_SNDBUF and SO_RCVBUF as set by the program, in bytes before Linux's doubling.
    pub(super) send_buffer: Option<usize>,
    pub(super) receive_buffer: Option<usize>,
    /// UDP_CORK.
    pub(in crate::socket) cork: bool,
    /// UDP_ENCAP.
    pub(super) encapsulation: i32,
    /// UDP_SEGMENT.
    pub(in crate::socket) segment: u16,
    /// UDP_GRO.
    pub(in crate::socket) gro: bool,
    /// SO_ZEROCOPY.
    pub(in crate::socket) zerocopy: bool,
    /// What of Fast Open the kernel does.
    pub(in crate::socket) fast_open: FastOpenModes,
    /// TCP_FASTOPEN_CONNECT.
    pub(in crate::socket) fast_open_connect: bool,
    pub(super) priority: i32,
    pub(super) kept: Kept,
    pub(super) packet: super::PacketSettings,
    pub(super) filter: super::FilterSettings,
    pub(super) mark: i32,
    /// IP_MULTICAST_IF, as an address.
    pub(super) multicast_from: Ipv4Addr,
    pub(super) mtu_discover: i32,
    pub(super) free_bind: bool,
    /// IP_BIND_ADDRESS_NO_PORT.
    pub(super) no_port: bool,
    pub(in crate::socket) tcp: TcpOptions,
    pub(in crate::socket) raw: RawOptions,
    /// SO_LINGER, in seconds.
    pub(in crate::socket) linger: Option<u32>,
    pub(in crate::socket) receive_timeout: Option<Duration>,
    pub(in crate::socket) send_timeout: Option<Duration>,
    pub(in crate::socket) wanted: WantedInfo,
}

/// Whether the port may be one that others have, as SO_REUSEADDR shows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::socket) enum Reuse {
    No,
    /// SO_REUSEADDR: if they allow it.
    Asked,
    /// TCP_REPAIR: Linux's SK_FORCE_REUSE.
    Forced,
}

impl From<bool> for Reuse {
    fn from(asked: bool) -> Reuse {
        if asked { Reuse::Asked } else { Reuse::No }
    }
}

/// What of ipv6(7) only this side looks at.
#[derive(Clone)]
pub(in crate::socket) struct Inet6 {
    pub(super) mtu_discover: i32,
    /// IPV6_FLOWINFO_SEND.
    pub(in crate::socket) flow_info_send: bool,
    /// IPV6_ROUTER_ALERT, as it shows.
    pub(super) router_alert: bool,
    /// IPV6_ROUTER_ALERT_ISOLATE: of routers.
    pub(super) router_alert_isolate: bool,
    /// IPV6_ADDR_PREFERENCES that are set.
    pub(super) address_preferences: i32,
    /// The socket came by accept(2).
    pub(super) accepted: bool,
}

impl Default for Inet6 {
    fn default() -> Inet6 {
        Inet6 {
            mtu_discover: libc::IPV6_PMTUDISC_WANT,
            flow_info_send: false,
            router_alert: false,
            router_alert_isolate: false,
            address_preferences: 0,
            accepted: false,
        }
    }
}

impl Settings {
    pub(in crate::socket) fn new(family: Family, kind: Kind, tcp: TcpDefaults) -> Settings {
        let raw = RawOptions {
            header_included: kind == Kind::Raw(libc::IPPROTO_RAW as u8),
            // Linux: of the IPv4 groups of others a socket of IPv6 hears nothing.
            datagram: DatagramOptions { multicast_all: family == Family::Inet, ..DatagramOptions::default() },
            // RFC 3542 §3.1: of raw ICMPv6 sockets the kernel makes the checksum.
            checksum_at: (family == Family::Inet6 && kind == Kind::Raw(libc::IPPROTO_ICMPV6 as u8)).then_some(2),
            ..RawOptions::default()
        };
        Settings {
            default_receive: if kind == Kind::Stream { first_ring() } else { RECEIVE_BUFFER },
            // Linux: a ping socket of IPv6 speaks no IPv4.
            v6_only: family == Family::Inet6 && kind == Kind::Ping,
            inet6: Inet6::default(),
            // Linux: nothing of theirs could be taken.
            reuse: Reuse::from(matches!(kind, Kind::Raw(_) | Kind::Ping)),
            reuse_port: false,
            send_buffer: None,
            receive_buffer: None,
            cork: false,
            encapsulation: 0,
            segment: 0,
            gro: false,
            zerocopy: false,
            fast_open: tcp.fast_open,
            fast_open_connect: false,
            priority: 0,
            kept: Kept::default(),
            packet: super::PacketSettings::default(),
            filter: super::FilterSettings::default(),
            mark: 0,
            multicast_from: Ipv4Addr::UNSPECIFIED,
            mtu_discover: libc::IP_PMTUDISC_WANT,
            free_bind: false,
            no_port: false,
            tcp: TcpOptions { congestion: tcp.congestion, ecn: tcp.ecn, ..TcpOptions::default() },
            raw,
            linger: None,
            receive_timeout: None,
            send_timeout: None,
            wanted: WantedInfo::default(),
        }
    }

    /// What an accepted socket has from its listener.
    pub(in crate::socket) fn inherited(&self, header_options: Option<Arc<HeaderOptions>>) -> Settings {
        let mut settings = Settings { kept: self.kept.inherited(), ..self.clone() };
        settings.inet6.accepted = true;
        settings.tcp.fast_open.queue = 0;
        settings.tcp.fast_open.keys = None;
        settings.tcp.header_options = header_options;
        settings
    }

    pub(in crate::socket) fn bind(&self) -> BindOptions {
        BindOptions {
            reuse_addr: self.reuse == Reuse::Asked,
            reuse_port: self.reuse_port,
            forced: self.reuse == Reuse::Forced,
            v6_only: self.v6_only,
            free: self.free_bind || self.tcp.transparent,
            on: self.tcp.bound_to,
            ports: self.tcp.ports,
            no_port: self.no_port,
        }
    }

    /// IP_TRANSPARENT, IPV6_TRANSPARENT.
    pub(super) fn set_transparent(&mut self, on: bool) {
        self.tcp.transparent = on;
        self.raw.datagram.transparent = on;
    }

    /// IP_RECVERR.
    pub(super) fn report_errors(&mut self, on: bool) {
        self.raw.datagram.report_errors = on;
        self.tcp.report_errors = on;
    }

    /// IPV6_RECVERR.
    pub(super) fn report_errors6(&mut self, on: bool) {
        self.raw.datagram.v6.report_errors = on;
        self.tcp.report_errors6 = on;
    }

    /// The flow label of a stream and of datagrams; 0: none is said.
    pub(in crate::socket) fn set_flow_label(&mut self, label: u32) {
        self.raw.datagram.v6.flow_label = label;
        self.tcp.flow_label = (label != 0 || !self.raw.datagram.v6.auto_flow_label).then_some(label);
    }

    /// PACKET_VNET_HDR_SZ: bytes before each frame of a packet socket.
    pub(in crate::socket) fn vnet_header(&self) -> usize {
        self.packet.options.vnet_header.into()
    }

    /// SO_TXTIME.
    pub(in crate::socket) fn tx_time(&self) -> Option<[i32; 2]> {
        self.kept.tx_time
    }

    /// SO_BINDTODEVICE.
    pub(super) fn bind_to(&mut self, on: Option<IfIndex>) {
        self.tcp.bound_to = on;
        self.raw.datagram.bound_to = on;
    }

    /// A stream's rings hold no more than the program says, though they may be larger.
    pub(in crate::socket) fn bound_rings(&self, endpoint: &Endpoint) {
        let shown = |bytes: Option<usize>| bytes.map(|bytes| bytes * 2);
        endpoint.set_bounds(shown(self.send_buffer), shown(self.receive_buffer));
    }

    /// Sizes of the rings to be made.
    pub(in crate::socket) fn buffers(&self) -> Buffers {
        Buffers {
            send: self.send_buffer.map_or_else(first_ring, |bytes| bytes * 2),
            receive: self.receive_buffer.map_or(self.default_receive, |bytes| bytes * 2),
        }
    }
}
