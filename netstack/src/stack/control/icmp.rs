//! ICMP messages that arrive (RFC 792, RFC 1122 §3.2.2), and how messages of ours in either family are sent.

use crate::icmp::Report;
use crate::ip::{self, Cast, Fill, Hop, Outgoing, Received};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::icmpv4::{self, Message};

/// Time to live of what we send by ourselves (RFC 1122 §3.2.1.7).
pub(super) const TTL: u8 = 64;

impl Stack {
    pub(in crate::stack) fn input_icmp(&mut self, now: Instant, packet: &Received<'_>) {
        let Ok(message) = Message::parse(packet.payload) else { return self.count_error(packet.on) };
        match message.kind {
            // RFC 1122 §3.2.2.6: echo requests to a group may be left unanswered, and are, as on Linux.
            icmpv4::ECHO_REQUEST if packet.cast == Cast::Unicast => {
                self.answer_v4(now, packet, icmpv4::ECHO_REPLY, message.rest, message.payload);
            }
            // RFC 1122 §3.2.2.8.
            icmpv4::TIMESTAMP if packet.cast == Cast::Unicast && message.payload.len() >= 12 => {
                let times = self.timestamp_reply(now, message.payload);
                self.answer_v4(now, packet, icmpv4::TIMESTAMP_REPLY, message.rest, &times);
            }
            icmpv4::REDIRECT if packet.cast == Cast::Unicast => {
                self.input_redirect(now, packet.on, packet.src, &message)
            }
            icmpv4::ECHO_REPLY => self.deliver_echo_reply(now, packet, message.identifier()),
            _ => {
                if let Some(report) = Report::parse(&message) {
                    self.input_report(now, packet, &report);
                }
            }
        }
    }

    /// Sends a message of either family.
    pub(super) fn send_icmp(&mut self, now: Instant, hop: Hop, header: ip::Header, transport: &[u8], payload: &[u8]) {
        // The checksum of ICMPv6 covers the addresses, which only IP knows.
        let fill = if header.dst.is_ipv4() { Fill::Nothing } else { Fill::At(2) };
        let payload = [payload];
        let out = Outgoing::new(header, transport, &payload, fill);
        // If there is no room it is lost, as it could be on the wire.
        let _ = self.ip.send(now, &mut *self.pool, hop, &out);
    }
}
