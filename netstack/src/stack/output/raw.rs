//! Packets of raw and ping sockets: with a header that the program made (IP_HDRINCL), or with one of ours.

use core::net::IpAddr;

use super::{mtu_discovery, multicast_loop};
use crate::datagram::{DatagramOptions, Egress};
use crate::ip::{Fill, Header, Hop, Ip, Outgoing, OutputError};
use crate::raw::{RawKind, prepare_echo};
use crate::socket::{RawId, SendError};
use crate::stack::Stack;
use crate::time::Instant;
use crate::wire::{checksum, ipv4, ipv6};

impl Stack {
    /// The echo request of a ping socket, with the socket's identifier.
    pub(in crate::stack) fn echo_request(
        &mut self,
        id: RawId,
        kind: RawKind,
        payload: &[&[u8]],
    ) -> Result<Vec<u8>, SendError> {
        self.raw.identify(id, 0, true, &mut self.rng).map_err(|_| SendError::NoPorts)?;
        let identifier = self.raw.get(id).and_then(|socket| socket.identifier).unwrap_or(0);
        let mut message = payload.concat();
        if !prepare_echo(&mut message, kind.is_v6(), identifier) {
            return Err(SendError::InvalidDestination);
        }
        Ok(message)
    }

    /// Sends a message whose checksum with the pseudo-header, if it has one, is put at `at`.
    pub(in crate::stack) fn send_summed(
        &mut self,
        now: Instant,
        egress: &Egress,
        mut message: Vec<u8>,
        at: Option<usize>,
        options: &DatagramOptions,
    ) -> Result<(), OutputError> {
        let (hop, header) = (egress.hop, egress.header);
        if let Some(at) = at {
            message[at..at + 2].fill(0);
            let pseudo = checksum::Sum::pseudo(header.src, header.dst, header.protocol, message.len());
            let sum = pseudo.bytes(&message).finish();
            message[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        let header = self.ip.labelled(header, options.v6.auto_flow_label, (0, 0));
        let discovery = mtu_discovery(options, header.dst);
        let most = options.v6.most.filter(|_| header.dst.is_ipv6());
        let dont_fragment = self.forbids_fragments(discovery, hop, &header, message.len(), most);
        let out = Outgoing {
            header: Header { dont_fragment, ..header },
            transport: &[],
            payload: &[&message[..]],
            fill: Fill::Nothing,
            multicast_loop: multicast_loop(options, header.dst),
            link_mtu: !discovery.heeds_path(),
            most,
            options: egress.options.as_deref(),
            account: egress.account,
        };
        self.ip.send(now, &mut *self.pool, hop, &out)
    }
}

/// A packet whose header the program made (IP_HDRINCL): we fill in total length and checksum always, source and
/// identification where they are zero, as raw(7) says.
pub(in crate::stack) fn included(parts: &[&[u8]], hop: Hop, dst: IpAddr, ip: &mut Ip) -> Result<Vec<u8>, SendError> {
    let mut packet = parts.concat();
    let parsed = ipv4::Packet::parse_quoted(&packet).map_err(|_| SendError::InvalidDestination)?;
    let (header_len, protocol) = (parsed.header_len(), parsed.protocol());
    let may_be_cut = !parsed.dont_fragment() && parsed.identification() == 0;
    let total = u16::try_from(packet.len()).map_err(|_| SendError::MessageTooLong)?;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    for (at, addr) in [(12, hop.src), (16, dst)] {
        if let (IpAddr::V4(addr), [0, 0, 0, 0]) = (addr, &packet[at..at + 4]) {
            packet[at..at + 4].copy_from_slice(&addr.octets());
        }
    }
    if may_be_cut {
        packet[4..6].copy_from_slice(&ip.identification_of(hop.src, dst, protocol).to_be_bytes());
    }
    packet[10..12].fill(0);
    let sum = checksum::checksum(&packet[..header_len]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    Ok(packet)
}

/// The same of IPv6 (IPV6_HDRINCL), which goes as the program made it.
pub(in crate::stack) fn included_v6(parts: &[&[u8]]) -> Result<Vec<u8>, SendError> {
    let packet = parts.concat();
    match ipv6::Packet::parse(&packet) {
        Ok(_) => Ok(packet),
        Err(_) => Err(SendError::InvalidDestination),
    }
}
