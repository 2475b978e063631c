//! Requests that are answered: echo (RFC 792, RFC 1122 §3.2.2.6, RFC 4443 §4.2) and timestamp (RFC 1122 §3.2.2.8).

use core::net::IpAddr;

use super::icmp::TTL;
use crate::icmp::Complaint;
use crate::ip::{self, Cast, Fill, Hop, Outgoing, Received};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::{be32, icmpv4, icmpv6, ipv4, ipv4_options, ipv6};

impl Stack {
    /// Answers a request. RFC 1122 §3.2.2.6: the reply comes from the address that was asked, with the same data, and the
    /// record route and timestamp options with us in them, once more where it leaves.
    pub(super) fn answer_v4(&mut self, now: Instant, packet: &Received<'_>, kind: u8, rest: u32, payload: &[u8]) {
        let (src, dst) = (packet.dst, packet.src);
        let (Some(hop), IpAddr::V4(ours)) = (self.ip.hop(Some(src), dst, None).filter(Hop::is_unicast), src) else {
            return;
        };
        let Ok(asked) = ipv4::Packet::parse_quoted(packet.bytes) else { return };
        let transport = icmpv4::emit(kind, 0, rest, payload);
        let header = ip::Header { dont_fragment: false, ..ip::Header::atomic(src, dst, ipv4::ICMP, TTL, packet.tos) };
        if asked.options().is_empty() {
            return self.send_icmp(now, hop, header, &transport, payload);
        }
        let mut options = [0; ipv4::MAX_HEADER_LEN - ipv4::HEADER_LEN];
        let options = &mut options[..asked.options().len()];
        options.copy_from_slice(asked.options());
        let recorded =
            ipv4_options::record(options, ours, |addr| self.ip.interfaces.is_local(addr), now.millis(), false);
        if let Err(at) = recorded {
            return self.report(now, packet, Complaint::HeaderByte(at));
        }
        ipv4_options::blank_all_but_recorded(options);
        let payload = [payload];
        let out = Outgoing::new(header, &transport, &payload, Fill::Nothing);
        let _ = self.ip.send_with_options(now, &mut *self.pool, hop, &out, options);
    }

    /// RFC 4443 §4.2: the reply comes from the address that was asked, with the same data; if a group or an anycast address was
    /// asked, from one of ours.
    pub(super) fn answer_echo_v6(&mut self, now: Instant, packet: &Received<'_>) {
        let (dst, asked) = (packet.src, (packet.cast == Cast::Unicast).then_some(packet.dst));
        let zone = ip::needs_zone(dst).then_some(packet.on);
        let Some(hop) = self.ip.hop(asked, dst, zone).filter(Hop::is_unicast) else { return };
        let (rest, payload) = (be32(packet.payload, 4), &packet.payload[icmpv4::HEADER_LEN..]);
        let header = ip::Header {
            dont_fragment: false,
            flow_label: packet.flow_label, // RFC 6437 §3: answers may reflect it, as Linux does.
            ..ip::Header::atomic(hop.src, dst, ipv6::ICMPV6, self.ip.hop_limit(hop.on, dst), packet.tos)
        };
        self.send_icmp(now, hop, header, &icmpv6::emit(icmpv6::ECHO_REPLY, 0, rest), payload);
    }

    /// RFC 792, RFC 1122 §3.2.2.8: our clock, which does not count from midnight.
    pub(super) fn timestamp_reply(&self, now: Instant, request: &[u8]) -> [u8; 12] {
        let mut times = [0; 12];
        let ours = (now.millis() | ipv4_options::NONSTANDARD_TIME).to_be_bytes();
        times[..4].copy_from_slice(&be32(request, 0).to_be_bytes());
        times[4..8].copy_from_slice(&ours);
        times[8..].copy_from_slice(&ours);
        times
    }
}
