//! Datagrams that programs write in pieces (MSG_MORE, UDP_CORK).

use core::net::SocketAddr;

use super::egress::{datagram_header, destination};
use crate::datagram::{Corked, Egress, Outbox};
use crate::ip::{Header, OutputError, zone};
use crate::socket::{RawId, SendError, SendOptions, UdpId};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::udp;

/// Linux refuses more bytes than this before it looks whether there are pieces already.
const TOO_LONG: usize = 0xffff;

impl Stack {
    /// UDP_CORK was cleared: the pieces so far become a datagram. As on Linux, an error is told to nobody.
    pub fn udp_uncork(&mut self, now: Instant, id: UdpId) {
        self.now = now;
        let _ = self.udp_finish(id);
    }

    /// Drops the pieces of a datagram that was never finished.
    pub fn udp_drop_corked(&mut self, id: UdpId) {
        if let Some(corked) = self.udp.get_mut(id).and_then(|socket| socket.corked.take()) {
            corked.release(&mut *self.pool);
            self.book(id.into(), Outbox::uncork);
        }
    }

    /// As [`udp_drop_corked`](Self::udp_drop_corked).
    pub fn raw_drop_corked(&mut self, id: RawId) {
        if let Some(corked) = self.raw.get_mut(id).and_then(|socket| socket.corked.take()) {
            corked.release(&mut *self.pool);
            self.book(id.into(), Outbox::uncork);
        }
    }

    /// The first piece of a datagram.
    pub(in crate::stack) fn udp_begin(
        &mut self,
        id: UdpId,
        egress: Egress,
        how: &SendOptions,
        piece: &[&[u8]],
    ) -> Result<(), SendError> {
        let most = self.most_in_pieces(&egress).saturating_sub(udp::HEADER_LEN);
        let headers = egress.header.len() + udp::HEADER_LEN;
        let mut corked = Corked::new(egress, how.clone(), most);
        corked.add(&mut *self.pool, piece)?;
        let len = headers + corked.bytes.len();
        self.udp.get_mut(id).ok_or(SendError::NotFound)?.corked = Some(corked);
        self.book(id.into(), |outbox| outbox.cork(len));
        Ok(())
    }

    /// Another piece of a datagram. As on Linux, only the family of its destination is looked at. If it is refused, the pieces before
    /// it are dropped, too.
    pub(in crate::stack) fn udp_continue(
        &mut self,
        id: UdpId,
        to: Option<SocketAddr>,
        piece: &[&[u8]],
        more: bool,
    ) -> Result<usize, SendError> {
        let len = piece.iter().map(|part| part.len()).sum::<usize>();
        let socket = self.udp.get_mut(id).ok_or(SendError::NotFound)?;
        let corked = socket.corked.as_mut().ok_or(SendError::NotFound)?;
        let v4 = corked.egress.header.dst.is_ipv4();
        if v4 && len > TOO_LONG {
            return Err(SendError::MessageTooLong);
        }
        if !v4 && to.is_some_and(|to| to.is_ipv4()) {
            return Err(SendError::InvalidDestination);
        }
        let (key, hop) = (socket.key, corked.egress.hop);
        if !more && !self.ip.has_room(hop, corked.egress.header.len() + udp::HEADER_LEN + corked.bytes.len() + len) {
            return self.sent(key, Err(OutputError::Full)).map(|()| 0);
        }
        if let Err(error) = corked.add(&mut *self.pool, piece) {
            self.udp_drop_corked(id);
            return Err(error);
        }
        self.book(id.into(), |outbox| outbox.cork_more(len));
        if !more {
            self.udp_finish(id)?;
        }
        Ok(len)
    }

    fn udp_finish(&mut self, id: UdpId) -> Result<(), SendError> {
        let socket = self.udp.get_mut(id).ok_or(SendError::NotFound)?;
        let (key, Some(corked)) = (socket.key, socket.corked.take()) else { return Ok(()) };
        self.book(id.into(), Outbox::uncork);
        let mut egress = corked.egress.clone();
        if egress.header.dst.is_ipv4()
            && let Some(socket) = self.udp.get(id)
        {
            // Linux: what the first piece did not say itself is by the socket's options now.
            egress.header = datagram_header(
                &self.ip,
                &socket.options,
                egress.hop,
                egress.header.dst,
                egress.header.protocol,
                &corked.how,
            );
        }
        let sent = self.udp_emit(key, &egress, &[&corked.bytes]);
        corked.release(&mut *self.pool);
        sent
    }

    /// Takes a raw packet or a piece of one, and returns what is to be sent now. As on Linux the last piece says the address of an
    /// IPv4 packet, and the first piece that of an IPv6 packet.
    pub(in crate::stack) fn raw_gather(
        &mut self,
        id: RawId,
        egress: Egress,
        how: &SendOptions,
        piece: &[&[u8]],
    ) -> Result<Option<(Egress, Vec<u8>)>, SendError> {
        let most = self.most_in_pieces(&egress);
        let socket = self.raw.get_mut(id).ok_or(SendError::NotFound)?;
        if socket.corked.is_none() && !how.more {
            return Ok(Some((egress, piece.concat())));
        }
        let key = socket.key;
        let there = socket.corked.as_ref().map_or(0, |corked| corked.bytes.len());
        let len = egress.header.len() + there + piece.iter().map(|part| part.len()).sum::<usize>();
        if !how.more && !self.ip.has_room(egress.hop, len) {
            return self.sent(key, Err(OutputError::Full)).map(|()| None);
        }
        let mut corked = socket.corked.take().unwrap_or_else(|| Corked::new(egress.clone(), how.clone(), most));
        let first = corked.bytes.is_empty();
        if let Err(error) = corked.add(&mut *self.pool, piece) {
            corked.release(&mut *self.pool);
            self.book(id.into(), Outbox::uncork);
            return Err(error);
        }
        if how.more {
            let bytes = corked.bytes.len() - there;
            socket.corked = Some(corked);
            self.book(id.into(), |outbox| if first { outbox.cork(len) } else { outbox.cork_more(bytes) });
            return Ok(None);
        }
        self.book(id.into(), Outbox::uncork);
        let Header { dst, protocol, .. } = egress.header;
        let socket = self.raw.get(id).ok_or(SendError::NotFound)?;
        let header = datagram_header(&self.ip, &socket.options.datagram, egress.hop, dst, protocol, &corked.how);
        let egress = if dst.is_ipv4() { Egress { header, ..egress } } else { corked.egress.clone() };
        Ok(Some((egress, corked.release(&mut *self.pool))))
    }

    /// Linux: a connect(2) by IPv4 also redirects a datagram that is not finished.
    pub(in crate::stack) fn redirect_corked(&mut self, id: UdpId, remote: SocketAddr) {
        let Some(socket) = self.udp.get(id) else { return };
        let from = socket.local().map(|local| local.ip()).filter(|from| !from.is_unspecified());
        let dst = destination(remote.ip(), from);
        let hop = self.datagram_hop(&socket.options, from, dst, zone(remote));
        let Some(corked) = self.udp.get_mut(id).and_then(|socket| socket.corked.as_mut()) else { return };
        if let Some(hop) = hop
            && dst.is_ipv4()
            && corked.egress.header.dst.is_ipv4()
        {
            corked.egress.hop = hop;
            corked.egress.header = Header { src: hop.src, dst, ..corked.egress.header };
            corked.egress.ports.1 = remote.port();
        }
    }
}
