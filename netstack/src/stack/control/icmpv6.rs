//! ICMPv6 messages that arrive (RFC 4443 §2.4).

use core::net::IpAddr;

use crate::icmp::Report;
use crate::ip::Received;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::icmpv6::{self, Message};

impl Stack {
    pub(in crate::stack) fn input_icmpv6(&mut self, now: Instant, packet: &Received<'_>) {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (packet.src, packet.dst) else { return };
        let Ok(message) = Message::parse(src, dst, packet.payload, packet.checksum_good) else {
            return self.count_error(packet.on);
        };
        match message.kind {
            // §4.2: requests to a group should be answered, and are, as on Linux.
            icmpv6::ECHO_REQUEST => self.answer_echo_v6(now, packet),
            icmpv6::LISTENER_QUERY | icmpv6::LISTENER_REPORT_V1 => self.input_mld(now, packet),
            icmpv6::ROUTER_SOLICITATION..=icmpv6::REDIRECT => self.input_ndp(now, packet),
            icmpv6::ECHO_REPLY => self.deliver_echo_reply(now, packet, message.identifier()),
            _ => {
                if let Some(report) = Report::parse_v6(&message) {
                    self.input_report(now, packet, &report);
                }
            }
        }
    }
}
