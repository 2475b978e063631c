//! User calls of UDP sockets.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use arena::Producer;

use super::Stack;
use crate::datagram::{DatagramOptions, DatagramStatus, ErrorReport};
use crate::ip::{Fill, Hop, NextHop, Outgoing, OutputError};
use crate::link::IfIndex;
use crate::socket::{
    BindError, BindOptions, ConnectError, GroupError, Key, SendError, SendOptions, SocketError, UdpId,
};
use crate::time::Instant;
use crate::wire::{ipv4, udp};

/// Groups that one socket may join (Linux igmp_max_memberships).
const MAX_GROUPS: usize = 20;

impl Stack {
    /// socket(2). Datagrams come into `rx` as [`datagram`](crate::datagram) records.
    pub fn udp_open(&mut self, key: Key, rx: Producer) -> UdpId {
        self.udp.open(key, rx)
    }

    /// bind(2). 0.0.0.0 is all our addresses, port 0 an ephemeral one. Returns the address bound to.
    pub fn udp_bind(&mut self, id: UdpId, local: SocketAddr, reuse: BindOptions) -> Result<SocketAddr, BindError> {
        let IpAddr::V4(addr) = local.ip() else { return Err(BindError::AddrNotAvailable) };
        if !self.can_bind_datagrams(addr) {
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
        let IpAddr::V4(dst) = remote.ip() else { return Err(ConnectError::AddrNotAvailable) };
        let from = socket.local().and_then(specified);
        let dst = destination(dst, from);
        let hop = self.datagram_hop(&socket.options, from, dst, None).ok_or(ConnectError::NetUnreachable)?;
        if hop.to == NextHop::Broadcast && !socket.options.broadcast {
            return Err(ConnectError::AccessDenied);
        }
        self.udp_autobind(id).map_err(|_| ConnectError::NoPorts)?;
        self.udp.connect(id, hop.src.into(), SocketAddr::new(dst.into(), remote.port()));
        Ok(())
    }

    /// close(2). The key is released at once.
    pub fn udp_close(&mut self, id: UdpId) {
        if let Some(socket) = self.udp.close(id) {
            for (group, on) in socket.groups {
                if let Some(interface) = self.ip.interfaces.get_mut(on) {
                    interface.leave(group);
                }
            }
            self.events.release(socket.key);
        }
    }

    /// send(2), sendto(2), sendmsg(2): queues one datagram, which the next poll sends, and returns its length. An error
    /// that the network reported comes first, once. Binds if needed.
    pub fn udp_send(
        &mut self,
        now: Instant,
        id: UdpId,
        to: Option<SocketAddr>,
        payload: &[&[u8]],
        how: &SendOptions,
    ) -> Result<usize, SendError> {
        self.now = now;
        let socket = self.udp.get_mut(id).ok_or(SendError::NotFound)?;
        let remote = to.or(socket.remote()).ok_or(SendError::DestinationRequired)?;
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        if len > udp::MAX_PAYLOAD {
            return Err(SendError::MessageTooLong);
        }
        let IpAddr::V4(dst) = remote.ip() else { return Err(SendError::InvalidDestination) };
        if remote.port() == 0 {
            return Err(SendError::InvalidDestination);
        }
        if let Some(error) = socket.errors.pending.take() {
            return Err(SendError::Pending(error));
        }
        let from = socket.local().and_then(specified);
        let dst = destination(dst, from);
        let (key, options) = (socket.key, socket.options);
        let hop = self.sending_hop(&options, from, dst, how)?;
        let local = self.udp_autobind(id).map_err(|_| SendError::NoPorts)?;
        let transport = udp::emit(local.port(), remote.port(), len);
        let out = Outgoing {
            header: datagram_header(&options, hop, dst, ipv4::UDP, how),
            transport: &transport,
            payload,
            fill: Fill::At(6),
            multicast_loop: options.multicast_loop,
        };
        let sent = self.ip.send(now, &mut *self.pool, hop, &out);
        self.sent(key, sent).map(|()| len)
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

    /// SO_ERROR: takes the error that the network reported.
    pub fn udp_take_error(&mut self, id: UdpId) -> Option<SocketError> {
        self.udp.get_mut(id)?.errors.pending.take()
    }

    /// MSG_ERRQUEUE: takes what the network said about single datagrams since IP_RECVERR was set.
    pub fn udp_take_reports(&mut self, id: UdpId) -> Vec<ErrorReport> {
        self.udp.get_mut(id).map(|socket| socket.errors.take_reports()).unwrap_or_default()
    }

    /// The socket as seen from outside.
    pub fn udp_status(&self, id: UdpId) -> Option<DatagramStatus> {
        let socket = self.udp.get(id)?;
        Some(DatagramStatus {
            local: socket.local().unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
            remote: socket.remote(),
            error: socket.errors.pending,
            dropped: socket.inbox.dropped,
            writable: !self.events.is_blocked(socket.key),
        })
    }

    /// IP_ADD_MEMBERSHIP. `on` of `None` takes the interface that a route to the group names. No IGMP is spoken: the
    /// links that we know deliver every group.
    pub fn udp_join(&mut self, id: UdpId, group: Ipv4Addr, on: Option<IfIndex>) -> Result<(), GroupError> {
        let on = self.group_interface(group, on)?;
        let socket = self.udp.get_mut(id).ok_or(GroupError::NotFound)?;
        if socket.groups.contains(&(group, on)) {
            return Err(GroupError::AlreadyMember);
        }
        if socket.groups.len() >= MAX_GROUPS {
            return Err(GroupError::TooMany);
        }
        let interface = self.ip.interfaces.get_mut(on).ok_or(GroupError::NoInterface)?;
        interface.join(group);
        socket.groups.push((group, on));
        Ok(())
    }

    /// IP_DROP_MEMBERSHIP.
    pub fn udp_leave(&mut self, id: UdpId, group: Ipv4Addr, on: Option<IfIndex>) -> Result<(), GroupError> {
        let on = self.group_interface(group, on)?;
        let socket = self.udp.get_mut(id).ok_or(GroupError::NotFound)?;
        let at = socket.groups.iter().position(|joined| *joined == (group, on)).ok_or(GroupError::NotMember)?;
        socket.groups.swap_remove(at);
        if let Some(interface) = self.ip.interfaces.get_mut(on) {
            interface.leave(group);
        }
        Ok(())
    }

    fn group_interface(&self, group: Ipv4Addr, on: Option<IfIndex>) -> Result<IfIndex, GroupError> {
        if !group.is_multicast() {
            return Err(GroupError::Invalid);
        }
        let routed = || self.ip.hop(None, group, None).map(|hop| hop.on);
        let on = on.or_else(routed).ok_or(GroupError::NoInterface)?;
        self.ip.interfaces.get(on).map(|interface| interface.index).ok_or(GroupError::NoInterface)
    }

    fn udp_autobind(&mut self, id: UdpId) -> Result<SocketAddr, BindError> {
        match self.udp.get(id).and_then(|socket| socket.local()) {
            Some(local) => Ok(local),
            None => {
                let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
                self.udp.bind(id, any, BindOptions::default(), &mut self.rng)
            }
        }
    }

    /// bind(2) of datagram sockets also takes broadcast and multicast addresses, to hear only those.
    pub(super) fn can_bind_datagrams(&self, addr: Ipv4Addr) -> bool {
        let interfaces = &self.ip.interfaces;
        addr.is_unspecified()
            || interfaces.is_local(addr)
            || addr.is_multicast()
            || addr.is_broadcast()
            || interfaces.broadcast_link(addr).is_some()
    }

    pub(super) fn datagram_hop(
        &self,
        options: &DatagramOptions,
        from: Option<Ipv4Addr>,
        dst: Ipv4Addr,
        on: Option<IfIndex>,
    ) -> Option<Hop> {
        let multicast_on = options.multicast_on.filter(|_| dst.is_multicast());
        // Bound to a broadcast or multicast address a socket only hears there; it sends from a real one.
        let from = from.filter(|from| self.ip.interfaces.is_local(*from));
        self.ip.hop(from, dst, on.or(options.bound_to).or(multicast_on))
    }

    /// The way of a datagram, or why it may not go it.
    pub(super) fn sending_hop(
        &self,
        options: &DatagramOptions,
        from: Option<Ipv4Addr>,
        dst: Ipv4Addr,
        how: &SendOptions,
    ) -> Result<Hop, SendError> {
        let from = match how.source {
            Some(IpAddr::V4(source)) if self.ip.interfaces.is_local(source) => Some(source),
            Some(source) if !source.is_unspecified() => return Err(SendError::AddrNotAvailable),
            _ => from,
        };
        let hop = self.datagram_hop(options, from, dst, how.on).ok_or(SendError::NetUnreachable)?;
        if hop.to == NextHop::Broadcast && !options.broadcast {
            return Err(SendError::AccessDenied);
        }
        Ok(hop)
    }

    /// What became of a datagram, in the words of the caller; who finds the way full waits to be touched.
    pub(super) fn sent(&mut self, key: Key, result: Result<(), OutputError>) -> Result<(), SendError> {
        result.map_err(|error| match error {
            OutputError::TooLong => SendError::MessageTooLong,
            OutputError::NoBuffers => SendError::NoBuffers,
            OutputError::Full => {
                self.events.block(key);
                SendError::Full
            }
        })
    }
}

/// The IP header of a datagram.
pub(super) fn datagram_header(
    options: &DatagramOptions,
    hop: Hop,
    dst: Ipv4Addr,
    protocol: u8,
    how: &SendOptions,
) -> ipv4::Header {
    let usual = if dst.is_multicast() { options.multicast_ttl } else { options.ttl };
    let (ttl, tos) = (how.ttl.unwrap_or(usual), how.tos.unwrap_or(options.tos));
    ipv4::Header { dont_fragment: options.dont_fragment, ..ipv4::Header::atomic(hop.src, dst, protocol, ttl, tos) }
}

/// Linux: 0.0.0.0 as a destination means this host, by the address that is sent from.
pub(super) fn destination(dst: Ipv4Addr, from: Option<Ipv4Addr>) -> Ipv4Addr {
    if dst.is_unspecified() { from.unwrap_or(Ipv4Addr::LOCALHOST) } else { dst }
}

fn specified(local: SocketAddr) -> Option<Ipv4Addr> {
    match local.ip() {
        IpAddr::V4(addr) if !addr.is_unspecified() => Some(addr),
        _ => None,
    }
}
