//! A packet as raw and ping sockets get it.

use super::{hears, packet_view};
use crate::datagram::Header;
use crate::ip::Received;
use crate::socket::RawId;
use crate::stack::Stack;
use crate::time::Instant;

impl Stack {
    /// Gives raw sockets their copies: of IPv4 the whole packet, of IPv6 what follows the headers (RFC 3542 §3). False
    /// if none wanted one.
    pub(super) fn deliver_raw(&mut self, now: Instant, packet: &Received<'_>) -> bool {
        let ids = self.raw.find_all(packet, self.ip.came_by(packet.dst, packet.on));
        let bytes = if packet.dst.is_ipv4() { packet.bytes } else { packet.payload };
        for id in &ids {
            let Some(socket) = self.raw.get(*id) else { continue };
            if hears(&self.ip.memberships, packet, socket.key, &socket.options.datagram) {
                self.give_raw(now, *id, packet, bytes);
            }
        }
        !ids.is_empty()
    }

    /// Puts what of a packet its program sees into a raw socket, if its filter takes it.
    pub(in crate::stack) fn give_raw(&mut self, now: Instant, id: RawId, packet: &Received<'_>, bytes: &[u8]) {
        let Some(socket) = self.raw.get_mut(id) else { return };
        let view = || packet_view(packet, bytes.len());
        let Some(accepted) = socket.inbox.accepts(view, &mut self.rng) else { return };
        let bytes = &bytes[..bytes.len().min(accepted)];
        let header = Header::of_packet(now, packet, (0, 0), bytes.len());
        if socket.inbox.deliver(&header.encode(), &[packet.options, packet.extensions, bytes], packet.bytes.len()) {
            self.events.touch(socket.key);
        }
    }

    /// Gives an echo reply to the ping socket that has its identifier.
    pub(in crate::stack) fn deliver_echo_reply(&mut self, now: Instant, packet: &Received<'_>, identifier: u16) {
        let by = self.ip.came_by(packet.dst, packet.on);
        let Some(id) = self.raw.find_ping(identifier, packet.src, packet.dst, by) else { return };
        let Some(socket) = self.raw.get_mut(id) else { return };
        let view = || packet_view(packet, packet.payload.len());
        let Some(accepted) = socket.inbox.accepts(view, &mut self.rng) else { return };
        let bytes = &packet.payload[..packet.payload.len().min(accepted)];
        let header = Header::of_packet(now, packet, (0, 0), bytes.len()).encode();
        if socket.inbox.deliver(&header, &[packet.options, packet.extensions, bytes], packet.bytes.len()) {
            self.events.touch(socket.key);
        }
    }
}
