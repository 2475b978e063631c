//! User calls of UDP sockets.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use arena::Producer;
use std::sync::Arc;

use super::Stack;
use crate::datagram::{DatagramOptions, DatagramStatus, ErrorReport, MtuDiscovery, Way};
use crate::filter::Program;
use crate::ip::{Header, HeaderOptions, Hop, Ip, Limits, NextHop, OutputError, end, is_unicast, zone};
use crate::link::IfIndex;
use crate::reuseport::GroupProgramError;
use crate::socket::{BindError, BindOptions, ConnectError, Key, SendError, SendOptions, SocketError, UdpId};
use crate::time::Instant;
use crate::wire::{ipv4, udp};

impl Stack {
    /// socket(2). Datagrams come into `rx` as [`datagram`](crate::datagram) records.
    pub fn udp_open(&mut self, key: Key, rx: Producer) -> UdpId {
        self.udp.open(key, rx)
    }

    /// bind(2). 0.0.0.0 is all our IPv4 addresses, `::` all our addresses (with IPV6_V6ONLY all of IPv6), port 0 an
    /// ephemeral one. Returns the address bound to.
    pub fn udp_bind(&mut self, id: UdpId, local: SocketAddr, reuse: BindOptions) -> Result<SocketAddr, BindError> {
        let bound = || self.udp.get(id).and_then(|socket| socket.local()).is_some_and(|local| local.port() != 0);
        // Linux: of IPv4 the address comes first, of IPv6 the state, which is looked at below.
        if !(reuse.free || self.can_bind_datagrams(local) || local.is_ipv6() && bound()) {
            return Err(BindError::AddrNotAvailable);
        }
        self.udp.bind(id, local, reuse, &mut self.rng)
    }

    /// connect(2): only datagrams from `remote` come in from now on, its errors are reported, and sends need no
    /// destination. `None` (AF_UNSPEC) undoes it. Binds if needed.
    pub fn udp_connect(&mut self, id: UdpId, remote: Option<SocketAddr>) -> Result<(), ConnectError> {
        let socket = self.udp.get(id).ok_or(ConnectError::NotFound)?;
        let Some(remote) = remote else {
            self.udp.disconnect(id);
            return Ok(());
        };
        let from = socket.local().and_then(specified);
        let dst = destination(remote.ip(), from);
        let on = zone(remote);
        let hop = self.datagram_hop(&socket.options, from, dst, on).ok_or(ConnectError::NetUnreachable)?;
        if hop.to == NextHop::Broadcast && !socket.options.broadcast {
            return Err(ConnectError::AccessDenied);
        }
        self.udp_autobind(id, dst).map_err(|_| ConnectError::NoPorts)?;
        let zone = on.unwrap_or_else(|| self.ip.zone_of(hop.src, hop.on));
        self.udp.connect(id, hop.src, zone, end(dst, remote.port(), zone));
        self.redirect_corked(id, remote);
        Ok(())
    }

    /// close(2). The key is released at once; pieces of a datagram that was not finished are dropped.
    pub fn udp_close(&mut self, id: UdpId) {
        self.udp_drop_corked(id);
        if let Some(socket) = self.udp.close(id) {
            self.leave_all(socket.key, socket.groups);
            self.let_go(socket.key);
            self.events.release(socket.key);
        }
    }

    /// send(2), sendto(2), sendmsg(2): queues one datagram, which the next poll sends, and returns its length. An error
    /// that the network reported comes first, once. Binds if needed. With [`SendOptions::more`] it is a piece of one.
    pub fn udp_send(
        &mut self,
        now: Instant,
        id: UdpId,
        to: Option<SocketAddr>,
        payload: &[&[u8]],
        how: &SendOptions,
    ) -> Result<usize, SendError> {
        self.now = now;
        let socket = self.udp.get(id).ok_or(SendError::NotFound)?;
        if socket.corked.is_some() {
            return self.udp_continue(id, to, payload, how.more);
        }
        let remote = to.or(socket.remote()).ok_or(SendError::DestinationRequired)?;
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        // Linux: what is longer than any packet is refused first, and the rest where the way is known.
        if remote.is_ipv4() && len > usize::from(u16::MAX) {
            return Err(SendError::MessageTooLong);
        }
        // Linux: a connected socket may have a peer of port 0, which refuses what it is sent.
        if to.is_some() && remote.port() == 0 {
            return Err(SendError::InvalidDestination);
        }
        let from = socket.local().and_then(specified);
        let dst = destination(remote.ip(), from);
        let (key, options) = (socket.key, socket.options.for_one(how));
        let hop = self.sending_hop(&options, from, dst, zone(remote), how)?;
        if len > if dst.is_ipv4() { udp::MAX_PAYLOAD } else { udp::MAX_PAYLOAD_V6 } {
            return Err(SendError::MessageTooLong);
        }
        if let Some(error) = self.udp_take_error(id) {
            return Err(SendError::Pending(error));
        }
        if how.refused {
            return Err(SendError::Refused);
        }
        let local = self.udp_autobind(id, dst).map_err(|_| SendError::NoPorts)?;
        self.admit(id)?;
        let account = self.account(id, key, how.departure)?;
        let protocol = if options.lite.is_some() { ipv4::UDP_LITE } else { ipv4::UDP };
        let way = Way {
            hop,
            header: datagram_header(&self.ip, &options, hop, dst, protocol, how),
            discovery: mtu_discovery(&options, dst),
            multicast_loop: multicast_loop(&options, dst),
            ports: (local.port(), remote.port()),
            segment: how.segment,
            checksum: !(if dst.is_ipv4() { options.no_checksum } else { options.v6.no_checksum }),
            coverage: options.lite.and_then(|lite| lite.send),
            auto_flow_label: options.v6.auto_flow_label,
            most: options.v6.most.filter(|_| dst.is_ipv6()),
            options: options_behind(how, dst),
            account,
        };
        let sent = if how.more { self.udp_begin(id, way, how, payload) } else { self.udp_emit(key, &way, payload) };
        sent.map(|()| len)
    }

    /// The socket's options: changes count from the next datagram on.
    pub fn udp_options(&mut self, id: UdpId) -> Option<&mut DatagramOptions> {
        self.udp.get_mut(id).map(|socket| &mut socket.options)
    }

    /// getsockname(2).
    pub fn udp_local(&self, id: UdpId) -> Option<SocketAddr> {
        self.udp_status(id).map(|status| status.local)
    }

    /// getpeername(2).
    pub fn udp_remote(&self, id: UdpId) -> Option<SocketAddr> {
        self.udp.get(id)?.remote()
    }

    /// SO_ATTACH_FILTER, SO_DETACH_FILTER: what the socket wants of the datagrams from now on.
    pub fn udp_attach(&mut self, id: UdpId, filter: Option<Program>) {
        if let Some(socket) = self.udp.get_mut(id) {
            socket.inbox.filter = filter;
        }
    }

    /// SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF: the program that tells which of the sockets that share this one's
    /// address gets a datagram. `shares`: it says SO_REUSEPORT, which counts where it is not bound yet.
    pub fn udp_set_group_program(
        &mut self,
        id: UdpId,
        program: Option<Program>,
        shares: bool,
    ) -> Result<(), GroupProgramError> {
        self.udp.set_group_program(id, program, shares)
    }

    /// SO_ERROR: takes the error that the network reported.
    pub fn udp_take_error(&mut self, id: UdpId) -> Option<SocketError> {
        self.udp.get_mut(id)?.errors.pending.take()
    }

    /// MSG_ERRQUEUE: takes what the network said about single datagrams since IP_RECVERR was set.
    pub fn udp_take_reports(&mut self, id: UdpId) -> Vec<ErrorReport> {
        self.udp.get_mut(id).map(|socket| socket.errors.reports.take()).unwrap_or_default()
    }

    /// The socket as seen from outside.
    pub fn udp_status(&self, id: UdpId) -> Option<DatagramStatus> {
        let socket = self.udp.get(id)?;
        Some(DatagramStatus {
            local: socket.local().unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
            remote: socket.remote(),
            error: socket.errors.pending,
            dropped: socket.inbox.dropped,
        })
    }

    /// Binds a socket that is not bound to all addresses of the family that it is about to send to.
    fn udp_autobind(&mut self, id: UdpId, dst: IpAddr) -> Result<SocketAddr, BindError> {
        let socket = self.udp.get(id).ok_or(BindError::NotFound)?;
        match socket.local() {
            Some(local) if local.port() != 0 => Ok(local),
            local => {
                let options = BindOptions { ports: socket.options.ports, ..BindOptions::default() };
                let any = SocketAddr::new(unspecified(dst), 0);
                self.udp.bind(id, local.unwrap_or(any), options, &mut self.rng)
            }
        }
    }

    /// bind(2) of datagram sockets also takes broadcast and multicast addresses, to hear only those.
    pub(super) fn can_bind_datagrams(&self, local: SocketAddr) -> bool {
        let interfaces = &self.ip.interfaces;
        let addr = local.ip();
        let here = match addr {
            IpAddr::V4(addr) => {
                interfaces.is_local(addr) || addr.is_broadcast() || interfaces.broadcast_link(addr).is_some()
            }
            IpAddr::V6(v6) => v6.is_loopback() || interfaces.owner(addr, zone(local)).is_some(),
        };
        here || addr.is_unspecified() || addr.is_multicast()
    }

    /// `on`: the only interface allowed, by the call or by the destination's zone.
    pub(super) fn datagram_hop(
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
        // Of an address that is not ours, by IP_FREEBIND, nothing leaves.
        if from.is_some_and(|from| {
            !options.transparent && !self.can_bind_datagrams(SocketAddr::new(from, 0)) && !self.has_anycast(from)
        }) {
            return None;
        }
        // Bound to a broadcast or multicast address a socket only hears there; it sends from a real one.
        let from = from.filter(|from| {
            options.transparent && is_unicast(*from) || self.ip.interfaces.is_local(*from) || self.has_anycast(*from)
        });
        let chosen = if dst.is_multicast() { multicast_on } else { unicast_on };
        let chosen = options.v6.sends_by.filter(|_| dst.is_ipv6()).or(chosen);
        let on = on.or(options.bound_to).or(chosen);
        self.ip.hop(from, dst, Limits { on, direct: options.dont_route, temporary: options.v6.temporary })
    }

    /// The way of a datagram, or why it may not go it.
    pub(super) fn sending_hop(
        &self,
        options: &DatagramOptions,
        from: Option<IpAddr>,
        dst: IpAddr,
        zone: Option<IfIndex>,
        how: &SendOptions,
    ) -> Result<Hop, SendError> {
        let from = match how.source {
            Some(source) if options.transparent || self.ip.interfaces.is_local(source) => Some(source),
            // As on Linux nothing is bound to it, and what is said of one message alone goes.
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

    /// Does a datagram of `len` bytes behind its IP header forbid fragments? What is said so of one that does not fit is
    /// an error. `most`: bytes of the longest packet, if the program has said it.
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
            // Routers may cut what fits the link; what does not fit it is an error of ours.
            MtuDiscovery::Interface => !within(self.ip.mtu(hop.on, header.dst)),
            MtuDiscovery::Dont | MtuDiscovery::Omit => false,
        }
    }

    /// IP_MTU: bytes of the largest packet to `dst`, as far as is known; None without a route.
    pub fn path_mtu(&self, dst: SocketAddr) -> Option<u32> {
        let hop = self.ip.hop(None, dst.ip(), zone(dst))?;
        Some(self.ip.path_mtu(hop.on, dst.ip()) as u32)
    }

    /// IPV6_UNICAST_HOPS: the hop limit of packets to `dst` whose sender says none; None without a route.
    pub fn hop_limit(&self, dst: SocketAddr) -> Option<u8> {
        let hop = self.ip.hop(None, dst.ip(), zone(dst))?;
        Some(self.ip.hop_limit(hop.on, dst.ip()))
    }

    /// What became of a datagram, in the words of the caller; who finds the way full waits to be touched.
    pub(super) fn sent(&mut self, key: Key, result: Result<(), OutputError>) -> Result<(), SendError> {
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

/// What stands behind the IP header of a datagram to `dst`, if anything does.
pub(super) fn options_behind(how: &SendOptions, dst: IpAddr) -> Option<Arc<HeaderOptions>> {
    how.header_options.clone().filter(|options| options.len(dst.is_ipv4()) > 0)
}

/// IP_MTU_DISCOVER, IPV6_MTU_DISCOVER.
pub(super) fn mtu_discovery(options: &DatagramOptions, dst: IpAddr) -> MtuDiscovery {
    match dst {
        IpAddr::V4(_) => options.mtu_discovery,
        IpAddr::V6(_) if options.v6.dont_fragment && options.v6.mtu_discovery.fragments() => MtuDiscovery::Do,
        IpAddr::V6(_) => options.v6.mtu_discovery,
    }
}

/// Do copies of what is sent to a group come back?
pub(super) fn multicast_loop(options: &DatagramOptions, dst: IpAddr) -> bool {
    if dst.is_ipv4() { options.multicast_loop } else { options.v6.multicast_loop }
}

/// Linux: an unspecified address as a destination means this host, by the address that is sent from.
pub(super) fn destination(dst: IpAddr, from: Option<IpAddr>) -> IpAddr {
    let loopback = match dst {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    if dst.is_unspecified() { from.unwrap_or(loopback) } else { dst }
}

/// All addresses of an address's family.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn specified(local: SocketAddr) -> Option<IpAddr> {
    Some(local.ip()).filter(|addr| !addr.is_unspecified())
}
