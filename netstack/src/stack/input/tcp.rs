//! A TCP segment for one of our addresses.

use super::packet_view;
use crate::ip::{Received, end};
use crate::link::IfIndex;
use crate::stack::Stack;
use crate::tcp::seam::IpMeta;
use crate::time::Instant;
use crate::wire::checksum::Sum;
use crate::wire::{ipv4, tcp};

impl Stack {
    pub(super) fn input_tcp(&mut self, now: Instant, packet: &Received<'_>) {
        let Received { src, dst, on, payload: segment, .. } = *packet;
        let sum = || Sum::pseudo(src, dst, ipv4::TCP, segment.len()).bytes(segment);
        if !packet.checksum_good && sum().finish() != 0 {
            self.count_error(on);
            return;
        }
        let came_by = self.ip.came_by(dst, on);
        let chosen = if self.tcp.has_group_programs() { self.chosen(packet, segment, came_by) } else { None };
        let segment = match self.tcp.has_filters() {
            false => segment,
            true => match self.filtered(packet, segment, came_by, chosen) {
                Some(segment) => segment,
                None => return,
            },
        };
        let (tcp, mut env) = self.tcp_env();
        tcp.handle_segment(now, &IpMeta { packet, came_by, chosen }, segment, &mut env);
    }

    /// What the filter of a segment's socket leaves of it, the header at least; None: nothing.
    #[cold]
    fn filtered<'a>(
        &mut self,
        packet: &Received<'a>,
        segment: &'a [u8],
        by: IfIndex,
        chosen: Option<u32>,
    ) -> Option<&'a [u8]> {
        let Ok(parsed) = tcp::Segment::parse(segment) else { return Some(segment) };
        let local = end(packet.dst, parsed.header.dst_port, packet.on);
        let remote = end(packet.src, parsed.header.src_port, packet.on);
        let Some(filter) = self.tcp.filter_of(local, remote, by, chosen) else { return Some(segment) };
        let rng = &mut self.rng;
        match filter.run(&packet_view(packet, segment.len()), &mut || rng.u32()) as usize {
            0 => None,
            accepted => Some(&segment[..segment.len().min(accepted.max(usize::from(segment[12] >> 4) * 4))]),
        }
    }

    /// Which of the listeners that share its address is to get a segment; the program that tells sees what follows the header.
    #[cold]
    fn chosen(&mut self, packet: &Received<'_>, segment: &[u8], by: IfIndex) -> Option<u32> {
        let header = tcp::Segment::parse(segment).ok()?.header;
        let local = end(packet.dst, header.dst_port, packet.on);
        let remote = end(packet.src, header.src_port, packet.on);
        let program = self.tcp.group_program(local, remote, by)?;
        let text = segment.len().saturating_sub(usize::from(segment[12] >> 4) * 4);
        let rng = &mut self.rng;
        Some(program.run(&packet_view(packet, text), &mut || rng.u32()))
    }
}
