//! An IPv4 packet (RFC 1122 §3.2.1).

use super::{Arrival, Refusal};
use crate::icmp::Complaint;
use crate::ip::{Cast, Fragment, Received, is_reserved, is_this_network};
use crate::link::IfIndex;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::{ipv4, ipv4_options};

impl Stack {
    /// RFC 1122 §3.2.1: takes an IPv4 packet.
    pub(super) fn input_v4(&mut self, now: Instant, arrival: Arrival, bytes: &[u8]) {
        let outcome = match ipv4::Packet::parse(bytes) {
            Ok(packet) if self.has_autos() && !arrival.looped && self.input_dhcp(now, arrival, &packet) => return,
            Ok(packet) if self.is_to_forward(arrival, &packet) => return self.forward(now, arrival, &packet),
            Ok(packet) => self.accept_v4(arrival, &packet).map(|cast| (packet, cast)),
            Err(_) => Err(Refusal::Malformed),
        };
        self.count(arrival, bytes.len(), outcome.as_ref().err());
        let Ok((packet, cast)) = outcome else { return };
        if !packet.is_fragment() {
            return self.deliver_v4(now, arrival.on, &packet, received(arrival, cast, &packet));
        }
        let fragment = Fragment::v4(&packet);
        if let Ok(Some(whole)) = self.ip.reassembly.insert(now, arrival.on, &fragment, &mut *self.pool)
            && let Ok(packet) = ipv4::Packet::parse(&whole.bytes)
        {
            // A link that vouches for fragments vouches for what they carry only if it has seen all of it.
            let arrival = Arrival { checksum_good: arrival.looped, ..arrival };
            let whole = Received { fragment_size: whole.longest, ..received(arrival, cast, &packet) };
            self.deliver_v4(now, arrival.on, &packet, whole);
        }
    }

    /// RFC 1122 §3.2.1.8: who gets the packet finds us in the options in which it is recorded where it came.
    fn deliver_v4(&mut self, now: Instant, on: IfIndex, packet: &ipv4::Packet<'_>, received: Received<'_>) {
        if packet.options().is_empty() {
            return self.deliver(now, &received);
        }
        let interfaces = &self.ip.interfaces;
        let source = || interfaces.get(on).and_then(|interface| interface.source_for(packet.src()));
        let ours = if received.cast == Cast::Unicast { Some(packet.dst()) } else { source() }.unwrap_or(packet.dst());
        let mut bytes = packet.bytes().to_vec();
        let options = ipv4::HEADER_LEN..packet.header_len();
        let is_ours = |addr| interfaces.is_local(addr);
        match ipv4_options::record(&mut bytes[options.clone()], ours, is_ours, now.millis(), true) {
            Ok(()) => self.deliver(now, &Received { options: &bytes[options], bytes: &bytes, ..received }),
            Err(at) => self.refuse(now, &received, Complaint::HeaderByte(at)),
        }
    }

    /// Is the packet for us, and can it be what it claims to be?
    fn accept_v4(&self, arrival: Arrival, packet: &ipv4::Packet<'_>) -> Result<Cast, Refusal> {
        let (src, dst) = (packet.src(), packet.dst());
        let interfaces = &self.ip.interfaces;
        let interface = interfaces.get(arrival.on).ok_or(Refusal::NotForUs)?;
        if packet.is_source_routed() {
            return Err(Refusal::NotForUs);
        }
        // RFC 1122 §3.2.1.3: what no host can be, and what nobody but ourselves can be, is no source.
        let impossible = src.is_multicast()
            || src.is_broadcast()
            || is_reserved(src)
            || is_this_network(src) && !src.is_unspecified()
            || interfaces.broadcast_link(src).is_some();
        let forged = !arrival.looped && (src.is_loopback() || dst.is_loopback() || interfaces.is_local(src));
        if impossible || forged || is_this_network(dst) {
            return Err(Refusal::Malformed);
        }
        if interfaces.is_local(dst) {
            // RFC 1122 §3.3.6: a packet for one host in a frame for all is dropped.
            let strange = !arrival.unicast || src.is_unspecified();
            return if strange { Err(Refusal::NotForUs) } else { Ok(Cast::Unicast) };
        }
        let group = dst.is_multicast() && interface.in_group(dst.into());
        let many = dst.is_broadcast() || interface.is_broadcast(dst) || group;
        if many { Ok(Cast::Many) } else { Err(Refusal::NotForUs) }
    }
}

fn received<'a>(arrival: Arrival, cast: Cast, packet: &ipv4::Packet<'a>) -> Received<'a> {
    Received {
        cast,
        checksum_good: arrival.checksum_good,
        segment_size: arrival.segment_size,
        link: arrival.link,
        ..Received::v4(packet, arrival.on)
    }
}
