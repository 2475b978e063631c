//! From a transport's bytes to packets: headers, checksum, fragments, and where they wait.

use core::net::IpAddr;

use super::header::{self, Header, Piece};
use super::{Account, HeaderOptions, Hop, Ip, NextHop, Packet};
use crate::datagram::truesize;
use crate::iface::LOOPBACK;
use crate::link::{IfIndex, LinkCaps, Mac};
use crate::neighbor::Resolution;
use crate::socket::BufferPool;
use crate::time::Instant;
use crate::wire::checksum::Sum;
use crate::wire::{ethernet, ipv4};

/// A packet to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) header: Header,
    /// The transport's header.
    pub(crate) transport: &'a [u8],
    /// The transport's data.
    pub(crate) payload: &'a [&'a [u8]],
    pub(crate) fill: Fill,
    /// Copies of multicasts come back to members on this host.
    pub(crate) multicast_loop: bool,
    /// Only the first link's MTU counts, not the path's.
    pub(crate) link_mtu: bool,
    /// Bytes of the longest fragment, and of the longest packet that must not be cut, if that is said.
    pub(crate) most: Option<u16>,
    /// What stands behind the fixed header; as long as the header says.
    pub(crate) options: Option<&'a HeaderOptions>,
    pub(crate) account: Account,
}

impl<'a> Outgoing<'a> {
    /// A packet with no special wishes.
    pub(crate) fn new(header: Header, transport: &'a [u8], payload: &'a [&'a [u8]], fill: Fill) -> Outgoing<'a> {
        let (multicast_loop, link_mtu, most, options, account) = Default::default();
        Outgoing { header, transport, payload, fill, multicast_loop, link_mtu, most, options, account }
    }
}

/// What is left to do to the transport's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Nothing.
    Nothing,
    /// The field at this offset of the transport's header is zero and wants the checksum with the pseudo-header.
    At(usize),
    /// The same, of the first so many bytes of header and data alone (RFC 3828). No link can be asked to do it.
    Covered(usize, usize),
}

/// Why a packet was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputError {
    /// Longer than a packet can be, or than the link allows while fragmenting is forbidden.
    TooLong,
    /// The link, or the loopback, has no room now.
    Full,
    /// At the memory limit.
    NoBuffers,
}

/// How many bytes a transport's header can have.
pub(super) const MAX_TRANSPORT: usize = 60;

impl Ip {
    /// Queues a packet; the next poll gives it to the link. Cut into fragments where the link needs it.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        out: &Outgoing<'_>,
    ) -> Result<(), OutputError> {
        let payload_len = out.payload.iter().map(|part| part.len()).sum::<usize>();
        let len = out.transport.len() + payload_len;
        if len > out.header.max_payload() {
            return Err(OutputError::TooLong);
        }
        if !self.has_room(hop, out.header.len() + len) {
            return Err(OutputError::Full);
        }
        if let Some(options) = out.options {
            return self.send_behind(now, pool, hop, out, options);
        }
        let (mtu, most) = self.limits_of(hop, out);
        if out.header.len() + len > most && out.header.dont_fragment {
            return Err(OutputError::TooLong);
        }
        // Linux: a packet that fits the path is not cut for IPV6_MTU's sake.
        if out.header.len() + len > mtu {
            return self.send_fragments(now, pool, hop, out, most, len);
        }
        let caps = self.interfaces.get(hop.on).map_or(LinkCaps::default(), |interface| interface.caps);
        let partial = caps.checksum_offload && matches!(out.fill, Fill::At(_));
        let mut transport = [0; MAX_TRANSPORT];
        let transport = filled(&mut transport, out, len, partial);
        let mut header = [0; header::MAX_LEN];
        let header = self.identified(out.header, false).emit(&mut header, len);
        let packet = match out.payload {
            [one] => self.packets.make(pool, &[header, transport, one], partial),
            many => {
                let parts: Vec<&[u8]> = [header, transport].into_iter().chain(many.iter().copied()).collect();
                self.packets.make(pool, &parts, partial)
            }
        };
        let mut packet = packet.ok_or(OutputError::NoBuffers)?;
        self.packets.enter(out.account, &mut packet);
        self.dispatch(now, pool, hop, packet, out.multicast_loop);
        Ok(())
    }

    /// Bytes of the longest packet that is sent whole, and of the longest fragment otherwise.
    pub(super) fn limits_of(&self, hop: Hop, out: &Outgoing<'_>) -> (usize, usize) {
        let dst = out.header.dst;
        let mtu = if out.link_mtu { self.mtu(hop.on, dst) } else { self.path_mtu(hop.on, dst) };
        (mtu, out.most.map_or(mtu, |most| mtu.min(most.into())))
    }

    /// Queues a whole packet whose header the caller made (IP_HDRINCL, or one that is passed on).
    pub(crate) fn send_made(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        parts: &[&[u8]],
        multicast_loop: bool,
        account: Account,
    ) -> Result<(), OutputError> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        if len > self.mtu(hop.on, hop.src) {
            return Err(OutputError::TooLong);
        }
        if !self.has_room(hop, len) {
            return Err(OutputError::Full);
        }
        let mut packet = self.packets.make(pool, parts, false).ok_or(OutputError::NoBuffers)?;
        self.packets.enter(account, &mut packet);
        self.dispatch(now, pool, hop, packet, multicast_loop);
        Ok(())
    }

    /// Whether there is room in the link's queue, or on the loopback, for another packet.
    pub(crate) fn has_room(&self, hop: Hop, bytes: usize) -> bool {
        match self.interfaces.get(hop.on) {
            _ if hop.on == LOOPBACK => self.loopback_has_room(bytes),
            Some(interface) => interface.has_room(bytes),
            None => false,
        }
    }

    /// RFC 791 §3.2, RFC 8200 §4.5: every fragment but the last carries a multiple of 8 bytes.
    fn send_fragments(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        out: &Outgoing<'_>,
        mtu: usize,
        len: usize,
    ) -> Result<(), OutputError> {
        let mut whole = Vec::with_capacity(len);
        let mut transport = [0; MAX_TRANSPORT];
        whole.extend_from_slice(filled(&mut transport, out, len, false));
        for part in out.payload {
            whole.extend_from_slice(part);
        }
        let header = self.identified(out.header, true);
        let room = if header.dst.is_ipv4() { mtu - header.len() } else { mtu - header::MAX_LEN };
        let step = room & !7;
        // ip_append_data(): the first fragment may be one too many, those that follow meet another bound.
        let before_last = whole.len().saturating_sub(1) / step * truesize(header.len() + step);
        if out.account.owner.is_some_and(|owner| before_last > owner.spare) {
            return Err(OutputError::NoBuffers);
        }
        for (index, bytes) in whole.chunks(step).enumerate() {
            let piece = Piece { offset: (index * step) as u16, more: (index + 1) * step < len };
            let mut space = [0; header::MAX_LEN];
            let header = header.emit_fragment(&mut space, piece, bytes.len());
            let mut packet = self.packets.make(pool, &[header, bytes], false).ok_or(OutputError::NoBuffers)?;
            self.packets.enter(out.account.of_piece(index), &mut packet);
            self.dispatch(now, pool, hop, packet, out.multicast_loop);
        }
        Ok(())
    }

    /// What may be fragmented, here or on the way, needs an identification (RFC 6864 §4); with IPv6 only the fragments.
    pub(super) fn identified(&mut self, header: Header, fragments: bool) -> Header {
        if header.dont_fragment || header.dst.is_ipv6() && !fragments {
            return header;
        }
        let identification = self.identification.next(header.src, header.dst, header.protocol);
        Header { identification, ..header }
    }

    /// The identification of a packet of IPv4 whose header somebody else makes.
    pub(crate) fn identification_of(&mut self, src: IpAddr, dst: IpAddr, protocol: u8) -> u16 {
        self.identification.next(src, dst, protocol) as u16
    }

    /// Puts a packet where it waits: for ourselves, for its link, or for ARP.
    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        pool: &mut dyn BufferPool,
        hop: Hop,
        packet: Packet,
        multicast_loop: bool,
    ) {
        self.now = now;
        match hop.to {
            NextHop::Ourselves => self.loop_back(packet, hop.on),
            _ if hop.on == LOOPBACK => self.loop_back(packet, hop.on),
            NextHop::Broadcast => {
                self.loop_copy(pool, hop.on, &packet);
                self.enqueue(hop.on, Mac::BROADCAST, packet);
            }
            NextHop::Group(group) => {
                if multicast_loop && self.interfaces.get(hop.on).is_some_and(|interface| interface.in_group(group)) {
                    self.loop_copy(pool, hop.on, &packet);
                }
                self.enqueue(hop.on, ethernet::multicast(group), packet);
            }
            NextHop::Neighbor(next) => match self.neighbors.resolve(now, hop.on, next) {
                Resolution::Known(mac) => self.enqueue(hop.on, mac, packet),
                Resolution::Wait { ask } => {
                    for dropped in self.neighbors.hold(hop.on, next, packet) {
                        if let Some(interface) = self.interfaces.get_mut(hop.on) {
                            interface.counters.tx.drops += 1;
                        }
                        self.packets.give_back(pool, dropped);
                    }
                    if ask {
                        self.ask(pool, hop.on, next, None);
                    }
                }
            },
        }
    }

    /// A broadcast or multicast is also heard by its own host.
    fn loop_copy(&mut self, pool: &mut dyn BufferPool, on: IfIndex, packet: &Packet) {
        if self.loopback_has_room(packet.payload().len())
            && let Some(copy) = self.packets.make(pool, &[packet.payload()], true)
        {
            self.loop_back(copy, on);
        }
    }
}

/// The transport's header in `space` with its checksum filled in: the whole one, or if `partial` the pseudo-header's sum.
pub(super) fn filled<'a>(space: &'a mut [u8], out: &Outgoing<'_>, len: usize, partial: bool) -> &'a [u8] {
    let space = &mut space[..out.transport.len()];
    space.copy_from_slice(out.transport);
    let (at, covered) = match out.fill {
        Fill::Nothing => return space,
        Fill::At(at) => (at, len),
        Fill::Covered(at, covered) => (at, covered),
    };
    let pseudo = Sum::pseudo(out.header.src, out.header.dst, out.header.protocol, len);
    let value = if partial {
        pseudo.partial()
    } else {
        let mut left = covered.saturating_sub(space.len());
        let sum = out.payload.iter().fold(pseudo.bytes(space), |sum, part| {
            let part = &part[..part.len().min(left)];
            left -= part.len();
            sum.bytes(part)
        });
        let sum = sum.finish();
        // RFC 768: a computed zero is sent as all ones, since zero says that none was computed.
        if sum == 0 && matches!(out.header.protocol, ipv4::UDP | ipv4::UDP_LITE) { 0xffff } else { sum }
    };
    space[at..at + 2].copy_from_slice(&value.to_be_bytes());
    space
}
