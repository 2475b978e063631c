//! User calls of raw and ping sockets.

use core::net::{IpAddr, SocketAddr};

use arena::Producer;

use crate::datagram::{DatagramStatus, ErrorReport};
use crate::filter::Program;
use crate::ip::{Account, NextHop, end, zone};
use crate::link::IfIndex;
use crate::raw::{RawKind, RawOptions, Socket};
use crate::socket::{BindError, BindOptions, ConnectError, Key, RawId, SendError, SendOptions, SocketError};
use crate::stack::Stack;
use crate::stack::output::{destination, included, included_v6, multicast_loop};
use crate::time::Instant;
use crate::wire::{ipv4, ipv6};

impl Stack {
    /// socket(2): SOCK_RAW of a protocol, or a ping socket. Packets come into `rx` as [`datagram`](crate::datagram)
    /// records.
    pub fn raw_open(&mut self, key: Key, rx: Producer, kind: RawKind) -> RawId {
        self.raw.open(key, rx, kind)
    }

    /// bind(2). The port is the identifier of a ping socket (0: a free one), and nothing to a raw socket.
    pub fn raw_bind(&mut self, id: RawId, local: SocketAddr, options: BindOptions) -> Result<SocketAddr, BindError> {
        let addr = local.ip();
        let socket = self.raw.get(id).ok_or(BindError::NotFound)?;
        let possible = match socket.kind {
            RawKind::Raw { .. } | RawKind::Raw6 { .. } => self.can_bind_datagrams(local),
            RawKind::Ping | RawKind::Ping6 => addr.is_unspecified() || self.ip.interfaces.is_local(addr),
        };
        if matches!(socket.kind, RawKind::Raw { .. } | RawKind::Raw6 { .. }) && socket.remote.is_some() {
            return Err(BindError::InvalidState);
        }
        if !(possible || options.free) || socket.kind.is_v6() != addr.is_ipv6() {
            return Err(BindError::AddrNotAvailable);
        }
        if socket.identifier.is_some() {
            return Err(BindError::InvalidState);
        }
        self.raw.identify(id, local.port(), options.reuse_addr, &mut self.rng)?;
        let socket = self.raw.get_mut(id).ok_or(BindError::NotFound)?;
        socket.identifier_asked = local.port() != 0;
        socket.local = addr;
        socket.zone = zone(local);
        socket.bound = !addr.is_unspecified();
        Ok(socket_end(socket, addr, socket.identifier.unwrap_or(0)))
    }

    /// connect(2): only packets from `remote` come in from now on. `None` (AF_UNSPEC) undoes it, and as on
    /// Linux a raw socket hears nothing any more.
    pub fn raw_connect(&mut self, id: RawId, remote: Option<SocketAddr>) -> Result<(), ConnectError> {
        let socket = self.raw.get(id).ok_or(ConnectError::NotFound)?;
        let connected = match remote {
            None => None,
            Some(remote) if remote.is_ipv6() != socket.kind.is_v6() => return Err(ConnectError::AddrNotAvailable),
            Some(remote) => {
                let dst = destination(remote.ip(), from(socket.local));
                let options = &socket.options.datagram;
                let hop = self.datagram_hop(options, from(socket.local), dst, zone(remote).or(socket.zone));
                let hop = hop.ok_or(ConnectError::NetUnreachable)?;
                if hop.to == NextHop::Broadcast && !options.broadcast {
                    return Err(ConnectError::AccessDenied);
                }
                Some((dst, hop.src, zone(remote)))
            }
        };
        match connected {
            Some(_) => self.raw.identify(id, 0, true, &mut self.rng).map_err(|_| ConnectError::NoPorts)?,
            // As for UDP, what bind(2) did not choose is forgotten.
            None if !socket.identifier_asked => self.raw.forget_identifier(id),
            None => {}
        }
        if connected.is_none() {
            // __udp_disconnect() in Linux, after which nothing puts the socket back.
            self.raw.forget_protocol(id);
        }
        let socket = self.raw.get_mut(id).ok_or(ConnectError::NotFound)?;
        socket.remote = connected.map(|(dst, ..)| dst);
        if !socket.bound {
            socket.local = connected.map_or(socket.kind.any(), |(_, src, _)| src);
            socket.zone = connected.and_then(|(.., zone)| zone);
        }
        Ok(())
    }

    /// close(2). The key is released at once.
    pub fn raw_close(&mut self, id: RawId) {
        self.raw_drop_corked(id);
        if let Some(socket) = self.raw.close(id) {
            self.leave_all(socket.key, socket.groups);
            self.let_go(socket.key);
            self.events.release(socket.key);
        }
    }

    /// sendto(2): queues one packet, which the next poll sends, and returns its length. An error that the network has reported comes
    /// first, once. The destination's port means nothing.
    pub fn raw_send(
        &mut self,
        now: Instant,
        id: RawId,
        to: Option<SocketAddr>,
        payload: &[&[u8]],
        how: &SendOptions,
    ) -> Result<usize, SendError> {
        self.now = now;
        let socket = self.raw.get(id).ok_or(SendError::NotFound)?;
        let dst = match to {
            None => socket.remote.ok_or(SendError::DestinationRequired)?,
            Some(to) if to.is_ipv6() == socket.kind.is_v6() => destination(to.ip(), from(socket.local)),
            Some(_) => return Err(SendError::InvalidDestination),
        };
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        if len > ipv4::MAX_LEN {
            return Err(SendError::MessageTooLong);
        }
        let (key, kind) = (socket.key, socket.kind);
        let options = RawOptions { datagram: socket.options.datagram.for_one(how), ..socket.options };
        let datagram = &options.datagram;
        let zone = to.and_then(zone).or(socket.zone);
        let unfinished = socket.corked.is_some();
        let hop = self.sending_hop(datagram, from(socket.local), dst, zone, how)?;
        if how.probe && !unfinished {
            return Ok(len);
        }
        let payload = if how.probe { &[] } else { payload };
        let account = self.raw_admit(id, how)?;
        let sent = match kind {
            RawKind::Raw { .. } | RawKind::Raw6 { .. } if options.header_included => {
                let packet = match kind.is_v6() {
                    true => included_v6(payload)?,
                    false => included(payload, hop, dst, &mut self.ip)?,
                };
                let multicast_loop = multicast_loop(datagram, dst);
                self.ip.send_made(now, &mut *self.pool, hop, &[&packet], multicast_loop, account)
            }
            RawKind::Raw { protocol } | RawKind::Raw6 { protocol } => {
                let egress = self.egress(datagram, (hop, account), dst, protocol, how);
                let Some((egress, message)) = self.raw_gather(id, egress, how, payload)? else { return Ok(len) };
                let at = options.checksum_at.map(usize::from).filter(|_| kind.is_v6());
                // RFC 3542 §3.1: where the checksum has no room, the packet is refused.
                if at.is_some_and(|at| at + 2 > message.len()) {
                    return Err(SendError::InvalidDestination);
                }
                self.send_summed(now, &egress, message, at, datagram)
            }
            RawKind::Ping | RawKind::Ping6 => {
                let message = self.echo_request(id, kind, payload)?;
                let protocol = if kind.is_v6() { ipv6::ICMPV6 } else { ipv4::ICMP };
                let egress = self.egress(datagram, (hop, account), dst, protocol, how);
                self.send_summed(now, &egress, message, kind.is_v6().then_some(2), datagram)
            }
        };
        self.sent(key, sent).map(|()| len)
    }

    /// Whether the socket may send now: a pending error, shutdown(2) and a full buffer keep it from that.
    fn raw_admit(&mut self, id: RawId, how: &SendOptions) -> Result<Account, SendError> {
        let socket = self.raw.get(id).ok_or(SendError::NotFound)?;
        let key = socket.key;
        let raw = matches!(socket.kind, RawKind::Raw { .. } | RawKind::Raw6 { .. });
        // Linux: a packet whose IP header the kernel makes meets no error.
        let header_is_ours = raw && !socket.options.header_included;
        if !header_is_ours && let Some(error) = self.raw_take_error(id) {
            return Err(SendError::Pending(error));
        }
        if how.refused {
            return Err(SendError::Refused);
        }
        if !header_is_ours {
            self.admit(id)?;
        }
        // raw_sendmsg(): what is refused takes the pieces before it along, which may be all that fills the buffer.
        self.account(id, key, how.tx_timestamp).inspect_err(|_| self.raw_drop_corked(id))
    }

    /// The socket's options: changes count from the next packet on.
    pub fn raw_options(&mut self, id: RawId) -> Option<&mut RawOptions> {
        self.raw.get_mut(id).map(|socket| &mut socket.options)
    }

    /// SO_ATTACH_FILTER, SO_DETACH_FILTER: which packets the socket gets from now on.
    pub fn raw_attach(&mut self, id: RawId, filter: Option<Program>) {
        if let Some(socket) = self.raw.get_mut(id) {
            socket.inbox.filter = filter;
        }
    }

    /// SO_ERROR: takes the error that the network reported.
    pub fn raw_take_error(&mut self, id: RawId) -> Option<SocketError> {
        self.raw.get_mut(id)?.errors.pending.take()
    }

    /// MSG_ERRQUEUE: takes what the network said about single datagrams since IP_RECVERR was set.
    pub fn raw_take_reports(&mut self, id: RawId) -> Vec<ErrorReport> {
        self.raw.get_mut(id).map(|socket| socket.errors.reports.take()).unwrap_or_default()
    }

    /// The socket as seen from outside.
    pub fn raw_status(&self, id: RawId) -> Option<DatagramStatus> {
        let socket = self.raw.get(id)?;
        Some(DatagramStatus {
            local: socket_end(socket, socket.local, socket.identifier.unwrap_or(0)),
            remote: socket.remote.map(|remote| socket_end(socket, remote, 0)),
            error: socket.errors.pending,
            dropped: socket.inbox.dropped,
        })
    }
}

fn from(local: IpAddr) -> Option<IpAddr> {
    (!local.is_unspecified()).then_some(local)
}

/// An address of a socket as a name, with the socket's zone where it needs one.
fn socket_end(socket: &Socket, addr: IpAddr, port: u16) -> SocketAddr {
    end(addr, port, socket.zone.unwrap_or(IfIndex(0)))
}
