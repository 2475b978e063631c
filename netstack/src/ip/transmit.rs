//! The last step before the link: TCP segments, which go there without being copied, and the packets that wait in an
//! interface's queue.

use super::header::{self, Header};
use super::output::{MAX_TRANSPORT, filled};
use super::{Account, Fill, Hop, Ip, NextHop, Outgoing, OutputError, Packet, segmentation};
use crate::link::{Checksum, IfIndex, Mac, Sink, TxFrame, TxResult};
use crate::packet::cut::Segments;
use crate::packet::{PacketType, Passing};
use crate::socket::BufferPool;
use crate::tcp::seam::TcpSegmentOut;
use crate::time::Instant;
use crate::tx_timestamp::TimestampPoint;
use crate::wire::ethernet;

/// Space for all headers of a frame.
const MAX_HEAD: usize = ethernet::HEADER_LEN + header::MAX_LEN + MAX_TRANSPORT;

impl<'a> Outgoing<'a> {
    /// A TCP segment; `payload` is its payload as an array, which can be borrowed.
    fn of_segment(header: Header, segment: &TcpSegmentOut<'a>, payload: &'a [&'a [u8]; 2]) -> Outgoing<'a> {
        let (options, account) = (segment.options, Account { tag: segment.tag, owner: None });
        Outgoing { link_mtu: true, options, account, ..Outgoing::new(header, segment.header, payload, Fill::At(16)) }
    }
}

impl Ip {
    /// Sends a TCP segment straight to the link, its payload read from where it lies; in pieces if it is several that the link
    /// does not cut.
    pub(crate) fn transmit_segment(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        sink: &mut dyn Sink,
        hop: Hop,
        header: Header,
        segment: &TcpSegmentOut<'_>,
    ) -> TxResult {
        let len = header.len() + segment.len();
        if !self.has_room(hop, len) {
            return TxResult::Full;
        }
        let link = match hop.to {
            NextHop::Neighbor(next) => self.neighbors.lookup(hop.on, next),
            _ => None,
        };
        let (Some(mac), Some(interface), None) = (link, self.interfaces.get(hop.on), segment.options) else {
            return self.queue_segment(now, pool, hop, header, segment);
        };
        if !interface.queue.is_empty() {
            return TxResult::Full; // Segments do not overtake frames that wait.
        }
        let ethertype = if header.dst.is_ipv4() { ethernet::IPV4 } else { ethernet::IPV6 };
        let link = ethernet::Header { dst: mac, src: interface.mac, ethertype }.emit();
        if segment.segment_size > 0 && len <= interface.caps.segment_offload as usize {
            return self.transmit_frame(sink, hop.on, &link, header, segment);
        }
        let longest = match segment.segment_size {
            0 => len,
            size => len.min(header.len() + segment.header.len() + usize::from(size)),
        };
        if longest > interface.mtu as usize {
            return self.queue_segment(now, pool, hop, header, segment);
        }
        let mut result = None;
        segmentation::pieces(segment, |piece| match result {
            None => result = Some(self.transmit_frame(sink, hop.on, &link, header, piece)),
            Some(TxResult::Full) => {}
            // Once a piece has left the segment has: what the link does not take now waits in its queue, which has room.
            Some(TxResult::Sent) => {
                let waits = self.interfaces.get(hop.on).is_none_or(|interface| !interface.queue.is_empty());
                if waits || self.transmit_frame(sink, hop.on, &link, header, piece) == TxResult::Full {
                    let _ = self.queue_segment(now, pool, hop, header, piece);
                }
            }
        });
        result.unwrap_or(TxResult::Sent)
    }

    /// Gives a frame to its link.
    fn transmit_frame(
        &mut self,
        sink: &mut dyn Sink,
        on: IfIndex,
        link: &[u8; ethernet::HEADER_LEN],
        header: Header,
        segment: &TcpSegmentOut<'_>,
    ) -> TxResult {
        let header = self.identified(header, false);
        let Some(interface) = self.interfaces.get_mut(on) else { return TxResult::Sent };
        let partial = interface.caps.checksum_offload;
        let mut head = [0; MAX_HEAD];
        let (link_header, rest) = head.split_at_mut(ethernet::HEADER_LEN);
        let (ip_header, transport) = rest.split_at_mut(header.len());
        link_header.copy_from_slice(link);
        header.emit(ip_header, segment.len());
        filled(transport, &Outgoing::of_segment(header, segment, &segment.payload.into()), segment.len(), partial);
        let head_len = ethernet::HEADER_LEN + header.len() + segment.header.len();
        let (payload, segment_size) = (segment.payload, segment.segment_size);
        let frame = TxFrame { head: &head[..head_len], payload, checksum_partial: partial, segment_size };
        let result = sink.transmit(on, &frame);
        if result == TxResult::Sent {
            interface.counters.tx.packets += 1;
            interface.counters.tx.bytes += frame.len() as u64;
            if let Some(tag) = segment.tag {
                let passes = |station| tag.passes(station, self.now, &frame.parts());
                self.tx_timestamps
                    .extend([TimestampPoint::Scheduled, TimestampPoint::Sent].into_iter().filter_map(passes));
            }
            if !self.taps.is_idle() {
                let (interface, parts, kind) = (&*interface, frame.parts(), PacketType::Outgoing);
                let ethertype = if header.dst.is_ipv4() { ethernet::IPV4 } else { ethernet::IPV6 };
                let (checksum, segments) = (Checksum::partial_if(partial), Segments::of_tcp(ethertype, segment_size));
                self.taps.show(self.now, &Passing { interface, parts, kind, checksum, segments, sender: None });
            }
        }
        result
    }

    /// Queues a segment that cannot go straight to the link, in pieces if it was meant to be cut there.
    fn queue_segment(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        header: Header,
        segment: &TcpSegmentOut<'_>,
    ) -> TxResult {
        let mut result = None;
        let mtu = self.mtu(hop.on, header.dst);
        segmentation::pieces(segment, |piece| {
            // A route that became narrower since the segment was cut: the network may cut it again.
            let dont_fragment = header.dont_fragment && header.len() + piece.len() <= mtu;
            let header = Header { dont_fragment, ..header };
            let sent = self.send(now, pool, hop, &Outgoing::of_segment(header, piece, &piece.payload.into()));
            // Once a piece is on its way the segment is: the others may be lost, as a network loses them.
            result.get_or_insert(match sent {
                Err(OutputError::Full | OutputError::NoBuffers) => TxResult::Full,
                Ok(()) | Err(OutputError::TooLong) => TxResult::Sent,
            });
        });
        result.unwrap_or(TxResult::Sent)
    }

    /// Puts a packet with a resolved link address into its interface's queue.
    pub(crate) fn enqueue(&mut self, on: IfIndex, dst: Mac, mut packet: Packet) {
        if let Some(interface) = self.interfaces.get_mut(on) {
            let ethertype = packet.ethertype();
            packet.set_link_header(ethernet::Header { dst, src: interface.mac, ethertype });
            if let Some(tag) = packet.tag {
                self.tx_timestamps.extend(tag.passes(TimestampPoint::Scheduled, self.now, &[packet.frame()]));
            }
            interface.enqueue(packet);
        }
    }

    /// Gives waiting frames to their links, as many as they take.
    pub(crate) fn flush(&mut self, pool: &mut dyn BufferPool, sink: &mut dyn Sink) {
        for interface in self.interfaces.iter_mut() {
            while let Some(packet) = interface.queue.front() {
                let (head, checksum_partial) = (packet.frame(), packet.checksum_partial);
                let frame = TxFrame { head, payload: (&[], &[]), checksum_partial, segment_size: 0 };
                if sink.transmit(interface.index, &frame) == TxResult::Full {
                    break;
                }
                interface.counters.tx.packets += 1;
                interface.counters.tx.bytes += frame.len() as u64;
                if let Some(tag) = packet.tag {
                    self.tx_timestamps.extend(tag.passes(TimestampPoint::Sent, self.now, &frame.parts()));
                }
                if !self.taps.is_idle() {
                    let (interface, parts, kind) = (&*interface, frame.parts(), PacketType::Outgoing);
                    let (checksum, sender) = (Checksum::partial_if(checksum_partial), packet.sender);
                    self.taps.show(self.now, &Passing { interface, parts, kind, checksum, segments: None, sender });
                }
                if let Some(packet) = interface.dequeue() {
                    self.packets.give_back(pool, packet);
                }
            }
        }
    }
}
