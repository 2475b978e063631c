//! A datagram of UDP or UDP-Lite.

use super::{hears, packet_view};
use crate::datagram::Header;
use crate::filter::Program;
use crate::icmp::Complaint;
use crate::ip::{Cast, Received, end};
use crate::socket::UdpId;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::udp;

impl Stack {
    pub(super) fn input_udp(&mut self, now: Instant, packet: &Received<'_>) {
        let Received { src, dst, on, .. } = *packet;
        let Ok(datagram) = udp::Datagram::parse(src, dst, packet.payload, packet.checksum_good) else {
            return self.count_error(on);
        };
        if packet.cast == Cast::Unicast && self.input_dhcpv6(now, packet, &datagram) {
            return;
        }
        self.give_datagram(now, packet, &datagram, None);
    }

    pub(super) fn input_udp_lite(&mut self, now: Instant, packet: &Received<'_>) {
        match udp::Datagram::parse_lite(packet.src, packet.dst, packet.payload) {
            Ok((datagram, covered)) => self.give_datagram(now, packet, &datagram, Some(covered)),
            Err(_) => self.count_error(packet.on),
        }
    }

    /// `covered`: of UDP-Lite, how many bytes the checksum covers.
    fn give_datagram(
        &mut self,
        now: Instant,
        packet: &Received<'_>,
        datagram: &udp::Datagram<'_>,
        covered: Option<usize>,
    ) {
        let Received { src, dst, on, .. } = *packet;
        let lite = covered.is_some();
        // RFC 6935 §5, RFC 8200 §8.1.
        let unsummed = datagram.no_checksum && dst.is_ipv6();
        let local = end(dst, datagram.dst_port, on);
        let remote = end(src, datagram.src_port, on);
        let ports = (datagram.src_port, datagram.dst_port);
        let header = Header::of_packet(now, packet, ports, datagram.payload.len());
        let payload = datagram.payload;
        if packet.cast.is_for_one() {
            let (rng, by) = (&mut self.rng, self.ip.came_by(dst, on));
            let choose = |program: &Program| Some(program.run(&packet_view(packet, payload.len()), &mut || rng.u32()));
            match self.udp.receiver(lite, local, remote, by, choose) {
                Some(id) if unsummed && self.udp.get(id).is_some_and(|socket| !socket.options.v6.takes_no_checksum) => {
                    self.count_error(on);
                }
                None if unsummed => self.count_error(on),
                Some(id) => self.deliver_udp(id, packet, header, payload, covered),
                // RFC 1122 §4.1.3.1, RFC 4443 §3.1.
                None => self.refuse(now, packet, Complaint::NobodyAtPort),
            }
        } else {
            let memberships = &self.ip.memberships;
            let sums = |socket: &crate::udp::Socket| !unsummed || socket.options.v6.takes_no_checksum;
            let member = |socket: &crate::udp::Socket| hears(memberships, packet, socket.key, &socket.options);
            for id in self.udp.find_all(lite, local, remote, on, |socket| sums(socket) && member(socket)) {
                self.deliver_udp(id, packet, header, payload, covered);
            }
        }
    }

    fn deliver_udp(
        &mut self,
        id: UdpId,
        packet: &Received<'_>,
        header: Header,
        payload: &[u8],
        covered: Option<usize>,
    ) {
        let Some(socket) = self.udp.get_mut(id) else { return };
        if let (Some(coverage), Some(covered)) = (socket.options.lite, covered)
            && !coverage.accepts(covered, packet.payload.len())
        {
            return self.count_error(packet.on);
        }
        if socket.options.esp_in_udp && udp::is_esp(payload) {
            return; // There is nobody who could decrypt it.
        }
        // The filter sees the header; however little it takes, that stays.
        let view = || packet_view(packet, packet.payload.len());
        let Some(accepted) = socket.inbox.accepts(view, &mut self.rng) else { return };
        let payload = &payload[..payload.len().min(accepted.saturating_sub(udp::HEADER_LEN))];
        let header = Header { len: payload.len() as u32, ..header };
        if socket.inbox.deliver(&header.encode(), &[packet.options, packet.extensions, payload], packet.bytes.len()) {
            self.events.touch(socket.key);
        }
    }
}
