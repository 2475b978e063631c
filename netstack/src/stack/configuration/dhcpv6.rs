//! DHCPv6: asking servers for what is no address (RFC 8415 §18.2.6), where routers say that there is one.

use core::net::{IpAddr, Ipv6Addr};

use crate::dhcp::{Information, Inquiry, duid_of_link, duid_of_node};
use crate::events::Notice;
use crate::ip::{Fill, Header, Outgoing, Received};
use crate::link::IfIndex;
use crate::ndp::Task;
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::dhcpv6::{CLIENT_PORT, Message, SERVER_PORT};
use crate::wire::{ipv4, udp};

/// All_DHCP_Relay_Agents_and_Servers (RFC 8415 §7.1).
const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// The group is one of the link.
const HOP_LIMIT: u8 = 1;

impl Stack {
    /// What a DHCPv6 server said to an interface.
    pub fn information(&self, on: IfIndex) -> Option<&Information> {
        self.ndp.links.get(&on)?.inquiry.as_ref()?.information()
    }

    /// Does an interface ask for it, and has nobody answered yet?
    pub fn awaits_information(&self, on: IfIndex) -> bool {
        let inquiry = self.ndp.links.get(&on).and_then(|link| link.inquiry.as_ref());
        inquiry.is_some_and(|inquiry| inquiry.information().is_none())
    }

    /// A router says that there is a server to ask.
    pub(super) fn have_inquiry(&mut self, now: Instant, on: IfIndex) {
        let duid = self.duid(on);
        let Some(link) = self.ndp.links.get_mut(&on).filter(|link| link.inquiry.is_none()) else { return };
        link.inquiry = Some(Inquiry::new(now, duid, &mut self.rng));
        self.plan_inquiry(on);
    }

    pub(super) fn go_on_inquiring(&mut self, now: Instant, on: IfIndex) {
        let Some(inquiry) = self.ndp.links.get_mut(&on).and_then(|link| link.inquiry.as_mut()) else { return };
        if let Some(message) = inquiry.handle_timeout(now, &mut self.rng) {
            self.send_to_servers(now, on, &message);
        }
        self.plan_inquiry(on);
    }

    /// A datagram for the client of the interface? False: it is for others.
    pub(in crate::stack) fn input_dhcpv6(
        &mut self,
        now: Instant,
        packet: &Received<'_>,
        datagram: &udp::Datagram<'_>,
    ) -> bool {
        let (on, IpAddr::V6(server)) = (packet.on, packet.src) else { return false };
        if datagram.dst_port != CLIENT_PORT || datagram.src_port != SERVER_PORT || datagram.no_checksum {
            return false;
        }
        let Some(inquiry) = self.ndp.links.get_mut(&on).and_then(|link| link.inquiry.as_mut()) else { return false };
        let taken = Message::parse(datagram.payload).is_ok_and(|message| inquiry.handle_reply(now, &message));
        if taken {
            self.plan_inquiry(on);
            self.events.notice(Notice::Informed { server, on });
        }
        taken
    }

    fn plan_inquiry(&mut self, on: IfIndex) {
        let inquiry = self.ndp.links.get(&on).and_then(|link| link.inquiry.as_ref());
        match inquiry.and_then(Inquiry::next_deadline) {
            Some(at) => self.ndp.tasks.set(Task::Inquire(on), at),
            None => self.ndp.tasks.cancel(Task::Inquire(on)),
        }
    }

    fn send_to_servers(&mut self, now: Instant, on: IfIndex, message: &[u8]) {
        let Some(src) = self.ip.interfaces.get(on).and_then(|interface| interface.link_local()) else { return };
        let Some(hop) = self.ip.hop(Some(src.into()), ALL_SERVERS.into(), Some(on)) else { return };
        let header = Header::atomic(hop.src, ALL_SERVERS.into(), ipv4::UDP, HOP_LIMIT, 0);
        let (transport, payload) = (udp::emit(CLIENT_PORT, SERVER_PORT, message.len()), [message]);
        let out = Outgoing::new(header, &transport, &payload, Fill::At(6));
        // What has no room is lost as on the wire, and said again.
        let _ = self.ip.send(now, &mut *self.pool, hop, &out);
    }

    /// Who we are to servers (RFC 8415 §11): of the node's secret if there is one, so that it is the same at each boot.
    fn duid(&self, on: IfIndex) -> Vec<u8> {
        let mac = self.ip.interfaces.get(on).map(|interface| interface.mac).unwrap_or_default();
        self.ndp.secret.node_id().map_or_else(|| duid_of_link(mac), duid_of_node)
    }
}
