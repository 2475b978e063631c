//! TCP's segments, straight to the link.

use core::net::{IpAddr, SocketAddr};

use crate::iface::Interface;
use crate::ip::{self, Ip, Limits};
use crate::link::{Sink, TxResult};
use crate::socket::BufferPool;
use crate::stack::Stack;
use crate::tcp::seam::{TcpOut, TcpSegmentOut};
use crate::time::Instant;
use crate::wire::{be16, ipv4};

impl Stack {
    /// Lets the connections send.
    pub(in crate::stack) fn poll_tcp(&mut self, now: Instant, sink: &mut dyn Sink) {
        let Stack { ip, tcp, pool, events, .. } = self;
        tcp.poll(now, &mut Output { now, ip, pool: &mut **pool, sink }, events);
    }
}

/// Where TCP's segments go: straight to the link.
struct Output<'a> {
    now: Instant,
    ip: &'a mut Ip,
    pool: &'a mut dyn BufferPool,
    sink: &'a mut dyn Sink,
}

impl TcpOut for Output<'_> {
    fn transmit(&mut self, segment: TcpSegmentOut<'_>) -> TxResult {
        let (src, dst) = (segment.src, segment.remote.ip());
        let first = segment.options.map_or(dst, |options| options.first_stop(dst));
        let Some(hop) = self.ip.hop(Some(src), first, segment.limits.towards(segment.remote)) else {
            return TxResult::Sent;
        };
        if !hop.is_unicast() {
            return TxResult::Sent; // RFC 9293 §3.9.2.3 (MUST-57): no segments to groups.
        }
        let dont_fragment = !self.ip.is_too_narrow(dst);
        let flow_label = segment.flow_label.unwrap_or(0);
        let ttl = segment.ttl.unwrap_or_else(|| self.ip.hop_limit(hop.on, dst));
        let header = ip::Header::atomic(src, dst, ipv4::TCP, ttl, segment.tos);
        let options_len = segment.options.map_or(0, |options| options.len(dst.is_ipv4())) as u16;
        let header = ip::Header { dont_fragment, flow_label, options_len, ..header };
        let ports = (be16(segment.header, 0), be16(segment.header, 2));
        let header = self.ip.labelled(header, segment.flow_label.is_none(), ports);
        self.ip.transmit_segment(self.now, self.pool, self.sink, hop, header, &segment)
    }

    fn longest_segment(&self, src: IpAddr, remote: SocketAddr, limits: Limits) -> u32 {
        let hop = self.ip.hop(Some(src), remote.ip(), limits.towards(remote));
        let interface = hop.and_then(|hop| self.ip.interfaces.get(hop.on));
        interface.map_or(0, Interface::longest_segment)
    }

    fn path_changes(&self) -> u32 {
        self.ip.path_mtus.changes()
    }

    fn path_mtu(&self, src: IpAddr, remote: SocketAddr, limits: Limits) -> Option<u32> {
        let hop = self.ip.hop(Some(src), remote.ip(), limits.towards(remote))?;
        Some(self.ip.path_mtu(hop.on, remote.ip()) as u32)
    }
}
