//! Datagrams of UDP and UDP-Lite, one by one or many by one send (UDP_SEGMENT).

use crate::datagram::Egress;
use crate::ip::{Fill, Header, Outgoing, OutputError};
use crate::socket::{Key, SendError};
use crate::stack::Stack;
use crate::wire::{ipv4, udp};

/// Datagrams that one send may be cut into (Linux's UDP_MAX_SEGMENTS).
const MAX_SEGMENTS: usize = 128;

impl Stack {
    /// Sends a datagram, or with UDP_SEGMENT what it is cut into.
    pub(in crate::stack) fn udp_emit(&mut self, key: Key, egress: &Egress, payload: &[&[u8]]) -> Result<(), SendError> {
        let Some(segment) = egress.segment.map(|segment| usize::from(segment.get())) else {
            let sent = self.udp_output(egress, payload, 0);
            return self.sent(key, sent);
        };
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        let packet = egress.header.len() + udp::HEADER_LEN + len.min(segment);
        if packet > self.mtu_of(egress) {
            return Err(SendError::MessageTooLong);
        }
        if len > segment * MAX_SEGMENTS {
            return Err(SendError::TooManySegments);
        }
        if egress.header.protocol == ipv4::UDP_LITE {
            return Err(SendError::NoSegments);
        }
        let headers = len.div_ceil(segment) * (egress.header.len() + udp::HEADER_LEN);
        // All of them or none: it is one send.
        if !self.ip.has_room(egress.hop, headers + len) {
            return self.sent(key, Err(OutputError::Full));
        }
        let whole = payload.concat();
        let mut sent = Ok(());
        match whole.len() {
            0 => sent = self.udp_output(egress, &[], 0),
            _ => {
                for (index, datagram) in whole.chunks(segment).enumerate() {
                    sent = self.udp_output(egress, &[datagram], index);
                    if sent.is_err() {
                        break;
                    }
                }
            }
        }
        self.sent(key, sent)
    }

    /// `index`: among the datagrams of one send.
    fn udp_output(&mut self, egress: &Egress, payload: &[&[u8]], index: usize) -> Result<(), OutputError> {
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        let len_behind = udp::HEADER_LEN + len;
        let dont_fragment =
            self.forbids_fragments(egress.discovery, egress.hop, &egress.header, len_behind, egress.most);
        let header = self.ip.labelled(egress.header, egress.auto_flow_label, egress.ports);
        let (src, dst) = egress.ports;
        let (transport, fill) = match egress.header.protocol {
            ipv4::UDP_LITE => {
                let (transport, covered) = udp::emit_lite(src, dst, len, egress.coverage);
                (transport, Fill::Covered(6, covered))
            }
            _ => (udp::emit(src, dst, len), if egress.checksum { Fill::At(6) } else { Fill::Nothing }),
        };
        let out = Outgoing {
            header: Header { dont_fragment, ..header },
            transport: &transport,
            payload,
            fill,
            multicast_loop: egress.multicast_loop,
            link_mtu: !egress.discovery.heeds_path(),
            most: egress.most,
            options: egress.options.as_deref(),
            account: egress.account.of_piece(index),
        };
        self.ip.send(self.now, &mut *self.pool, egress.hop, &out)
    }
}
