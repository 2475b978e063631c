//! User calls of UDP sockets.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use arena::Producer;

use crate::datagram::{DatagramOptions, DatagramStatus, Egress, ErrorReport};
use crate::filter::Program;
use crate::ip::{NextHop, end, zone};
use crate::reuseport::GroupProgramError;
use crate::socket::{BindError, BindOptions, ConnectError, Key, SendError, SendOptions, SocketError, UdpId};
use crate::stack::Stack;
use crate::stack::output::destination;
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
        // Linux checks the address first for IPv4, and the state (below) for IPv6.
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
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        if socket.corked.is_some() {
            let piece = if how.probe { &[] } else { payload };
            return self.udp_continue(id, to, piece, how.more).map(|_| len);
        }
        let remote = to.or(socket.remote()).ok_or(SendError::DestinationRequired)?;
        // Linux refuses what is longer than any packet here, and what is too long for this one once the hop is known.
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
        if how.probe {
            return self.udp_autobind(id, dst).map(|_| len).map_err(|_| SendError::NoPorts);
        }
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
        let account = self.account(id, key, how.tx_timestamp)?;
        let protocol = if options.lite.is_some() { ipv4::UDP_LITE } else { ipv4::UDP };
        let egress = Egress {
            ports: (local.port(), remote.port()),
            segment: how.segment,
            checksum: !(if dst.is_ipv4() { options.no_checksum } else { options.v6.no_checksum }),
            coverage: options.lite.and_then(|lite| lite.send),
            auto_flow_label: options.v6.auto_flow_label,
            most: options.v6.most.filter(|_| dst.is_ipv6()),
            ..self.egress(&options, (hop, account), dst, protocol, how)
        };
        let sent =
            if how.more { self.udp_begin(id, egress, how, payload) } else { self.udp_emit(key, &egress, payload) };
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

    /// SO_ATTACH_FILTER, SO_DETACH_FILTER: which datagrams the socket gets from now on.
    pub fn udp_attach(&mut self, id: UdpId, filter: Option<Program>) {
        if let Some(socket) = self.udp.get_mut(id) {
            socket.inbox.filter = filter;
        }
    }

    /// SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF: the program that chooses which of the sockets that share this one's
    /// address gets a datagram. `shares`: the socket has SO_REUSEPORT, which matters before it is bound.
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
}

/// The unspecified address of an address's family.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn specified(local: SocketAddr) -> Option<IpAddr> {
    Some(local.ip()).filter(|addr| !addr.is_unspecified())
}
