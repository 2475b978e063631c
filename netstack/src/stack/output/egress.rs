//! How a datagram leaves: its next hop, its IP header, whether it may be fragmented. This is the same for UDP, raw and ping sockets.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::datagram::{DatagramOptions, Egress, MtuDiscovery};
use crate::ip::{Account, Header, Hop, Ip, Limits, NextHop, OutputError, is_unicast};
use crate::link::IfIndex;
use crate::socket::{Key, SendError, SendOptions};
use crate::stack::Stack;

impl Stack {
    /// The hop to `dst`. `on`: the only interface allowed, by the call or by the destination's zone.
    pub(in crate::stack) fn datagram_hop(
        &self,
        options: &DatagramOptions,
        from: Option<IpAddr>,
        dst: IpAddr,
        on: Option<IfIndex>,
    ) -> Option<Hop> {
        let (multicast_on, unicast_on) = match dst {
            IpAddr::V4(_) => (options.multicast_on, options.unicast_on),
            IpAddr::V6(_) => (options.v6.multicast_on, options.v6.unicast_on),
        };
        // Nothing is sent from an address that is not ours, to which IP_FREEBIND has bound the socket.
        if from.is_some_and(|from| {
            !options.transparent && !self.can_bind_datagrams(SocketAddr::new(from, 0)) && !self.has_anycast(from)
        }) {
            return None;
        }
        // A socket that is bound to a broadcast or multicast address only receives there; it sends from a unicast one.
        let from = from.filter(|from| {
            options.transparent && is_unicast(*from) || self.ip.interfaces.is_local(*from) || self.has_anycast(*from)
        });
        let chosen = if dst.is_multicast() { multicast_on } else { unicast_on };
        let chosen = options.v6.sends_by.filter(|_| dst.is_ipv6()).or(chosen);
        let on = on.or(options.bound_to).or(chosen);
        self.ip.hop(from, dst, Limits { on, direct: options.dont_route, temporary: options.v6.temporary })
    }

    /// The hop of a datagram that is to be sent, or why it may not be.
    pub(in crate::stack) fn sending_hop(
        &self,
        options: &DatagramOptions,
        from: Option<IpAddr>,
        dst: IpAddr,
        zone: Option<IfIndex>,
        how: &SendOptions,
    ) -> Result<Hop, SendError> {
        let from = match how.source {
            Some(source) if options.transparent || self.ip.interfaces.is_local(source) => Some(source),
            // As on Linux sockets cannot be bound to it, but a message can say it.
            Some(source) if self.has_anycast(source) => Some(source),
            Some(source) if !source.is_unspecified() => return Err(SendError::AddrNotAvailable),
            _ => from,
        };
        let options = &DatagramOptions { dont_route: options.dont_route || how.dont_route, ..*options };
        let first = how.header_options.as_ref().map_or(dst, |options| options.first_stop(dst));
        let hop = self.datagram_hop(options, from, first, how.on.or(zone)).ok_or(SendError::NetUnreachable)?;
        if hop.to == NextHop::Broadcast && !options.broadcast {
            return Err(SendError::AccessDenied);
        }
        Ok(hop)
    }

    /// Whether fragments are forbidden for a datagram of `len` bytes behind its IP header. If they are and it does not fit, the send
    /// is an error. `most`: bytes of the longest packet, if the program has said it.
    pub(super) fn forbids_fragments(
        &self,
        mode: MtuDiscovery,
        hop: Hop,
        header: &Header,
        len: usize,
        most: Option<u16>,
    ) -> bool {
        let within = |mtu: usize| header.len() + len <= most.map_or(mtu, |most| mtu.min(most.into()));
        match mode {
            MtuDiscovery::Do | MtuDiscovery::Probe => true,
            MtuDiscovery::Want => within(self.ip.path_mtu(hop.on, header.dst)) && !self.ip.is_too_narrow(header.dst),
            // Routers may cut it, but if it does not fit our own link the send is an error.
            MtuDiscovery::Interface => !within(self.ip.mtu(hop.on, header.dst)),
            MtuDiscovery::Dont | MtuDiscovery::Omit => false,
        }
    }

    /// By the socket's options and those of one send, but for what only UDP has.
    pub(in crate::stack) fn egress(
        &self,
        options: &DatagramOptions,
        (hop, account): (Hop, Account),
        dst: IpAddr,
        protocol: u8,
        how: &SendOptions,
    ) -> Egress {
        Egress {
            hop,
            header: datagram_header(&self.ip, options, hop, dst, protocol, how),
            discovery: mtu_discovery(options, dst),
            multicast_loop: multicast_loop(options, dst),
            ports: (0, 0),
            segment: None,
            checksum: true,
            coverage: None,
            auto_flow_label: false,
            most: None,
            options: how.header_options.clone().filter(|options| options.len(dst.is_ipv4()) > 0),
            account,
        }
    }

    /// What became of a datagram, as an error of the call. If there was no room, the socket is touched when there is.
    pub(in crate::stack) fn sent(&mut self, key: Key, result: Result<(), OutputError>) -> Result<(), SendError> {
        self.settle_buffers();
        result.map_err(|error| match error {
            OutputError::TooLong => SendError::MessageTooLong,
            OutputError::NoBuffers => SendError::NoBuffers,
            OutputError::Full => {
                self.events.block(key);
                self.events.touch(key);
                SendError::Full
            }
        })
    }

    /// Bytes of the longest packet that goes uncut.
    pub(super) fn mtu_of(&self, egress: &Egress) -> usize {
        let (on, dst) = (egress.hop.on, egress.header.dst);
        let mtu = if egress.discovery.heeds_path() { self.ip.path_mtu(on, dst) } else { self.ip.mtu(on, dst) };
        egress.most.map_or(mtu, |most| mtu.min(most.into()))
    }

    /// The most bytes behind the IP header of a packet that is written in pieces.
    pub(super) fn most_in_pieces(&self, egress: &Egress) -> usize {
        let most = egress.header.max_payload();
        if egress.discovery.fragments() {
            most
        } else {
            most.min(self.mtu_of(egress).saturating_sub(egress.header.len()))
        }
    }
}

/// The IP header of a datagram.
pub(super) fn datagram_header(
    ip: &Ip,
    options: &DatagramOptions,
    hop: Hop,
    dst: IpAddr,
    protocol: u8,
    how: &SendOptions,
) -> Header {
    let v6 = &options.v6;
    let (ttl, tos) = match (dst.is_ipv4(), dst.is_multicast()) {
        (true, true) => (options.multicast_ttl, options.tos),
        (true, false) => (options.ttl, options.tos),
        (false, true) => (v6.multicast_hops, v6.traffic_class),
        (false, false) => (v6.unicast_hops.unwrap_or_else(|| ip.hop_limit(hop.on, dst)), v6.traffic_class),
    };
    let (ttl, tos) = (how.ttl.unwrap_or(ttl), how.tos.unwrap_or(tos));
    let flow_label = how.flow_label.unwrap_or(v6.flow_label);
    let options_len = how.header_options.as_ref().map_or(0, |options| options.len(dst.is_ipv4())) as u16;
    Header { flow_label, options_len, ..Header::atomic(hop.src, dst, protocol, ttl, tos) }
}

/// IP_MTU_DISCOVER, IPV6_MTU_DISCOVER.
pub(in crate::stack) fn mtu_discovery(options: &DatagramOptions, dst: IpAddr) -> MtuDiscovery {
    match dst {
        IpAddr::V4(_) => options.mtu_discovery,
        IpAddr::V6(_) if options.v6.dont_fragment && options.v6.mtu_discovery.fragments() => MtuDiscovery::Do,
        IpAddr::V6(_) => options.v6.mtu_discovery,
    }
}

/// Whether copies of what is sent to a group come back.
pub(in crate::stack) fn multicast_loop(options: &DatagramOptions, dst: IpAddr) -> bool {
    if dst.is_ipv4() { options.multicast_loop } else { options.v6.multicast_loop }
}

/// Linux: the unspecified address as a destination means this host: the address that is sent from.
pub(in crate::stack) fn destination(dst: IpAddr, from: Option<IpAddr>) -> IpAddr {
    let loopback = match dst {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    if dst.is_unspecified() { from.unwrap_or(loopback) } else { dst }
}
