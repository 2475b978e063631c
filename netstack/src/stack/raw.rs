//! User calls of raw and ping sockets.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use arena::Producer;

use super::Stack;
use super::udp::{datagram_header, destination};
use crate::datagram::{DatagramStatus, ErrorReport};
use crate::ip::{Fill, Hop, NextHop, Outgoing};
use crate::raw::{RawKind, RawOptions, prepare_echo};
use crate::socket::{BindError, ConnectError, Key, RawId, SendError, SendOptions, SocketError};
use crate::time::Instant;
use crate::wire::{checksum, ipv4};

impl Stack {
    /// socket(2): SOCK_RAW of a protocol, or a ping socket. Packets come into `rx` as [`datagram`](crate::datagram)
    /// records.
    pub fn raw_open(&mut self, key: Key, rx: Producer, kind: RawKind) -> RawId {
        self.raw.open(key, rx, kind)
    }

    /// bind(2). The port is the identifier of a ping socket (0: a free one), and nothing to a raw socket.
    pub fn raw_bind(&mut self, id: RawId, local: SocketAddr) -> Result<SocketAddr, BindError> {
        let IpAddr::V4(addr) = local.ip() else { return Err(BindError::AddrNotAvailable) };
        let socket = self.raw.get(id).ok_or(BindError::NotFound)?;
        let possible = match socket.kind {
            RawKind::Raw { .. } => self.can_bind_datagrams(addr),
            RawKind::Ping => addr.is_unspecified() || self.ip.interfaces.is_local(addr),
        };
        if !possible {
            return Err(BindError::AddrNotAvailable);
        }
        self.raw.identify(id, local.port(), &mut self.rng)?;
        let socket = self.raw.get_mut(id).ok_or(BindError::NotFound)?;
        socket.local = addr;
        socket.bound = !addr.is_unspecified();
        Ok(SocketAddr::new(addr.into(), socket.identifier.unwrap_or(0)))
    }

    /// connect(2): only packets from `remote` come in from now on. `None` (AF_UNSPEC) undoes it.
    pub fn raw_connect(&mut self, id: RawId, remote: Option<SocketAddr>) -> Result<(), ConnectError> {
        let socket = self.raw.get(id).ok_or(ConnectError::NotFound)?;
        let connected = match remote.map(|remote| remote.ip()) {
            None => None,
            Some(IpAddr::V6(_)) => return Err(ConnectError::AddrNotAvailable),
            Some(IpAddr::V4(dst)) => {
                let dst = destination(dst, from(socket.local));
                let options = &socket.options.datagram;
                let hop = self.datagram_hop(options, from(socket.local), dst, None);
                let hop = hop.ok_or(ConnectError::NetUnreachable)?;
                if hop.to == NextHop::Broadcast && !options.broadcast {
                    return Err(ConnectError::AccessDenied);
                }
                Some((dst, hop.src))
            }
        };
        if connected.is_some() {
            self.raw.identify(id, 0, &mut self.rng).map_err(|_| ConnectError::NoPorts)?;
        }
        let socket = self.raw.get_mut(id).ok_or(ConnectError::NotFound)?;
        socket.remote = connected.map(|(dst, _)| dst);
        if !socket.bound {
            socket.local = connected.map_or(Ipv4Addr::UNSPECIFIED, |(_, src)| src);
        }
        Ok(())
    }

    /// close(2). The key is released at once.
    pub fn raw_close(&mut self, id: RawId) {
        if let Some(socket) = self.raw.close(id) {
            self.events.release(socket.key);
        }
    }

    /// sendto(2): queues one packet, which the next poll sends, and returns the length of what was given. An error that
    /// the network reported comes first, once. The destination's port means nothing.
    pub fn raw_send(
        &mut self,
        now: Instant,
        id: RawId,
        to: Option<SocketAddr>,
        payload: &[&[u8]],
        how: &SendOptions,
    ) -> Result<usize, SendError> {
        self.now = now;
        let socket = self.raw.get_mut(id).ok_or(SendError::NotFound)?;
        let dst = match to.map(|to| to.ip()) {
            None => socket.remote.ok_or(SendError::DestinationRequired)?,
            Some(IpAddr::V4(dst)) => destination(dst, from(socket.local)),
            Some(IpAddr::V6(_)) => return Err(SendError::InvalidDestination),
        };
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        if len > ipv4::MAX_LEN {
            return Err(SendError::MessageTooLong);
        }
        if let Some(error) = socket.errors.pending.take() {
            return Err(SendError::Pending(error));
        }
        let (key, kind, options) = (socket.key, socket.kind, socket.options);
        let from = from(socket.local);
        let hop = self.sending_hop(&options.datagram, from, dst, how)?;
        let sent = match kind {
            RawKind::Raw { .. } if options.header_included => {
                let packet = included(payload, hop, dst)?;
                self.ip.send_made(now, &mut *self.pool, hop, &[&packet], options.datagram.multicast_loop)
            }
            RawKind::Raw { protocol } => {
                let header = datagram_header(&options.datagram, hop, dst, protocol, how);
                let multicast_loop = options.datagram.multicast_loop;
                let out = Outgoing { header, transport: &[], payload, fill: Fill::Nothing, multicast_loop };
                self.ip.send(now, &mut *self.pool, hop, &out)
            }
            RawKind::Ping => {
                self.raw.identify(id, 0, &mut self.rng).map_err(|_| SendError::NoPorts)?;
                let identifier = self.raw.get(id).and_then(|socket| socket.identifier).unwrap_or(0);
                let mut message = payload.concat();
                if !prepare_echo(&mut message, identifier) {
                    return Err(SendError::InvalidDestination);
                }
                let header = datagram_header(&options.datagram, hop, dst, ipv4::ICMP, how);
                let multicast_loop = options.datagram.multicast_loop;
                let payload = &[&message[..]];
                let out = Outgoing { header, transport: &[], payload, fill: Fill::Nothing, multicast_loop };
                self.ip.send(now, &mut *self.pool, hop, &out)
            }
        };
        self.sent(key, sent).map(|()| len)
    }

    /// The socket's options: changes count from the next packet on.
    pub fn raw_options(&mut self, id: RawId) -> Option<&mut RawOptions> {
        self.raw.get_mut(id).map(|socket| &mut socket.options)
    }

    /// SO_ERROR: takes the error that the network reported.
    pub fn raw_take_error(&mut self, id: RawId) -> Option<SocketError> {
        self.raw.get_mut(id)?.errors.pending.take()
    }

    /// MSG_ERRQUEUE: takes what the network said about single datagrams since IP_RECVERR was set.
    pub fn raw_take_reports(&mut self, id: RawId) -> Vec<ErrorReport> {
        self.raw.get_mut(id).map(|socket| socket.errors.take_reports()).unwrap_or_default()
    }

    /// The socket as seen from outside.
    pub fn raw_status(&self, id: RawId) -> Option<DatagramStatus> {
        let socket = self.raw.get(id)?;
        Some(DatagramStatus {
            local: SocketAddr::new(socket.local.into(), socket.identifier.unwrap_or(0)),
            remote: socket.remote.map(|remote| SocketAddr::new(remote.into(), 0)),
            error: socket.errors.pending,
            dropped: socket.inbox.dropped,
            writable: !self.events.is_blocked(socket.key),
        })
    }
}

/// A packet whose header the program made (IP_HDRINCL): we fill in total length and checksum always, source and
/// identification where they are zero, as raw(7) says.
fn included(parts: &[&[u8]], hop: Hop, dst: Ipv4Addr) -> Result<Vec<u8>, SendError> {
    let mut packet = parts.concat();
    let header_len = match ipv4::Packet::parse_quoted(&packet) {
        Ok(parsed) => parsed.header_len(),
        Err(_) => return Err(SendError::InvalidDestination),
    };
    let total = u16::try_from(packet.len()).map_err(|_| SendError::MessageTooLong)?;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    if packet[12..16] == [0; 4] {
        packet[12..16].copy_from_slice(&hop.src.octets());
    }
    if packet[16..20] == [0; 4] {
        packet[16..20].copy_from_slice(&dst.octets());
    }
    packet[10..12].fill(0);
    let sum = checksum::checksum(&packet[..header_len]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    Ok(packet)
}

fn from(local: Ipv4Addr) -> Option<Ipv4Addr> {
    (!local.is_unspecified()).then_some(local)
}
