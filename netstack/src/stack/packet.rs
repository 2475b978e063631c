//! User calls of packet sockets.

use arena::Producer;

use super::Stack;
use crate::departure::{DepartureRequest, Station};
use crate::filter::Program;
use crate::iface::LOOPBACK;
use crate::ip::{Account, Looped, OutputError};
use crate::link::{IfIndex, Mac};
use crate::packet::ring::{Direction, Ground, RingError, RingOptions, RingRequest, RingViews};
use crate::packet::{
    ALL, Fanout, FanoutError, Membership, PacketKind, PacketName, PacketOptions, PacketStatistics, RolloverCounts,
    Sender,
};
use crate::socket::{GroupError, Key, PacketId, SendError, SocketError};
use crate::time::Instant;
use crate::wire::ethernet;

/// Where a packet socket's packet goes, where it does not say so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketTo {
    /// The interface.
    pub on: IfIndex,
    /// The protocol, as an ethertype.
    pub protocol: u16,
    /// The station; only [`PacketKind::Payload`] looks at it.
    pub mac: Mac,
}

/// Where a packet socket's packets go.
struct PacketWay {
    id: PacketId,
    key: Key,
    kind: PacketKind,
    on: IfIndex,
    ours: Mac,
    mtu: usize,
    protocol: u16,
    station: Option<Mac>,
}

impl PacketWay {
    /// Bytes of the longest.
    fn most(&self) -> usize {
        self.mtu + if self.kind == PacketKind::Frame { ethernet::HEADER_LEN } else { 0 }
    }
}

impl Stack {
    /// socket(2): frames come into `rx` as [`Record`](crate::packet::Record)s, once it is bound to a protocol.
    pub fn packet_open(&mut self, key: Key, rx: Producer, kind: PacketKind) -> PacketId {
        self.ip.taps.open(key, rx, kind)
    }

    /// bind(2): from now on only what passes `on` is seen, or what passes any interface. Protocol 0 leaves the protocol as
    /// it is. Errors: there is no such interface, or the socket shares with others (PACKET_FANOUT).
    pub fn packet_bind(&mut self, id: PacketId, on: Option<IfIndex>, protocol: u16) -> Result<(), GroupError> {
        if self.ip.taps.group(id).is_some() {
            return Err(GroupError::Invalid);
        }
        let down = match on {
            Some(on) => !self.ip.interfaces.get(on).ok_or(GroupError::NoInterface)?.up,
            None => false,
        };
        let socket = self.ip.taps.get_mut(id).ok_or(GroupError::NotFound)?;
        if down {
            socket.error = Some(SocketError::InterfaceDown);
        }
        let protocol = if protocol == 0 { socket.name.protocol } else { protocol };
        self.ip.taps.bind(id, PacketName { on, protocol });
        Ok(())
    }

    /// close(2). The key is released at once.
    pub fn packet_close(&mut self, id: PacketId) {
        if let Some(socket) = self.ip.taps.close(id) {
            for (Membership { on, kind }, _) in socket.memberships {
                if let Some(interface) = self.ip.interfaces.get_mut(on) {
                    interface.memberships.drop(kind);
                }
            }
            self.events.release(socket.key);
        }
    }

    /// send(2), sendto(2): queues one frame, which the next poll sends, and returns the length of what was given. `departure`: what
    /// is to be told of it.
    pub fn packet_send(
        &mut self,
        now: Instant,
        id: PacketId,
        to: Option<PacketTo>,
        payload: &[&[u8]],
        departure: Option<DepartureRequest>,
    ) -> Result<usize, SendError> {
        (self.now, self.ip.now) = (now, now);
        let way = self.packet_way(id, to)?;
        if payload.iter().map(|part| part.len()).sum::<usize>() > way.most() {
            return Err(SendError::MessageTooLong);
        }
        self.send_packet(&way, &payload.concat(), departure)
    }

    /// As [`packet_send`](Self::packet_send) of the frames that wait in the ring. [`SendError::Full`]: some still wait.
    pub fn packet_send_ring(
        &mut self,
        now: Instant,
        id: PacketId,
        to: Option<PacketTo>,
        departure: Option<DepartureRequest>,
    ) -> Result<usize, SendError> {
        (self.now, self.ip.now) = (now, now);
        let way = self.packet_way(id, to)?;
        let (mut sum, mut bytes) = (0, Vec::new());
        let mut ring = self.ip.taps.get_mut(id).and_then(|socket| socket.rings.tx.take()).ok_or(SendError::NotFound)?;
        let mut result = Ok(());
        // A program that goes on asking must not hold the caller.
        for _ in 0..ring.frames() {
            let Some(next) = ring.next(way.mtu, way.kind, &mut bytes) else { break };
            match next.and_then(|()| self.send_packet(&way, &bytes, departure)) {
                Ok(len) => {
                    sum += len;
                    ring.sent();
                }
                Err(error @ (SendError::MessageTooLong | SendError::InvalidDestination)) => {
                    if !ring.refuse() {
                        result = Err(error);
                        break;
                    }
                }
                Err(error) => {
                    result = if sum > 0 { Ok(()) } else { Err(error) };
                    break;
                }
            }
        }
        if let Some(socket) = self.ip.taps.get_mut(id) {
            socket.rings.tx = Some(ring);
        }
        result.map(|()| sum)
    }

    fn packet_way(&self, id: PacketId, to: Option<PacketTo>) -> Result<PacketWay, SendError> {
        let socket = self.ip.taps.get(id).ok_or(SendError::NotFound)?;
        let on = to.map(|to| to.on).or(socket.name.on).ok_or(SendError::NoInterface)?;
        let interface = self.ip.interfaces.get(on).ok_or(SendError::NoInterface)?;
        if !interface.up {
            return Err(SendError::InterfaceDown);
        }
        Ok(PacketWay {
            id,
            key: socket.key,
            kind: socket.kind,
            on,
            ours: interface.mac,
            mtu: interface.mtu as usize,
            protocol: to.map_or(socket.name.protocol, |to| to.protocol),
            // eth_header(): without a station only a link that has no addresses knows what to do.
            station: to.map(|to| to.mac).or((on == LOOPBACK).then_some(Mac::default())),
        })
    }

    fn send_packet(
        &mut self,
        way: &PacketWay,
        bytes: &[u8],
        departure: Option<DepartureRequest>,
    ) -> Result<usize, SendError> {
        let &PacketWay { id, key, kind, on, ours, protocol, station, .. } = way;
        if bytes.len() > way.most() {
            return Err(SendError::MessageTooLong);
        }
        let (link, payload) = match kind {
            PacketKind::Frame => ethernet::parse(bytes).map_err(|_| SendError::InvalidDestination)?,
            PacketKind::Payload => {
                let dst = station.ok_or(SendError::InvalidDestination)?;
                (ethernet::Header { dst, src: ours, ethertype: protocol }, bytes)
            }
        };
        // Who says nothing means what the frame says.
        let protocol = if matches!(protocol, 0 | ALL) { link.ethertype } else { protocol };
        self.admit(id)?;
        let account = self.account(id, key, departure)?;
        let sent = self.send_frame(on, link, payload, Sender { id, protocol }, account);
        self.sent(key, sent).map(|()| bytes.len())
    }

    fn send_frame(
        &mut self,
        on: IfIndex,
        link: ethernet::Header,
        bytes: &[u8],
        sender: Sender,
        account: Account,
    ) -> Result<(), OutputError> {
        let interface = self.ip.interfaces.get(on).ok_or(OutputError::Full)?;
        let len = ethernet::HEADER_LEN + bytes.len();
        let room = if on == LOOPBACK { self.ip.loopback_has_room(len) } else { interface.has_room(len) };
        if !room {
            return Err(OutputError::Full);
        }
        let mut packet = self.ip.packets.make(&mut *self.pool, &[bytes], false).ok_or(OutputError::NoBuffers)?;
        packet.sender = Some(sender);
        self.ip.packets.enter(account, &mut packet);
        if on == LOOPBACK {
            self.ip.put_looped(Looped { packet, on, link: Some(link) }, Some(sender));
        } else if let Some(interface) = self.ip.interfaces.get_mut(on) {
            packet.set_link_header(link);
            if let Some(tag) = packet.tag {
                let departure = tag.passes(Station::Scheduled, self.now, &[packet.frame()]);
                self.ip.departures.extend(departure);
            }
            interface.enqueue(packet);
        }
        Ok(())
    }

    /// PACKET_ADD_MEMBERSHIP. The same again is counted.
    pub fn packet_join(&mut self, id: PacketId, membership: Membership) -> Result<(), GroupError> {
        let interface = self.ip.interfaces.get_mut(membership.on).ok_or(GroupError::NoInterface)?;
        let socket = self.ip.taps.get_mut(id).ok_or(GroupError::NotFound)?;
        match socket.memberships.iter_mut().find(|(member, _)| *member == membership) {
            Some((_, count)) => *count += 1,
            None => {
                socket.memberships.push((membership, 1));
                interface.memberships.add(membership.kind);
            }
        }
        Ok(())
    }

    /// PACKET_DROP_MEMBERSHIP. What the socket does not have is no error.
    pub fn packet_leave(&mut self, id: PacketId, membership: Membership) -> Result<(), GroupError> {
        let socket = self.ip.taps.get_mut(id).ok_or(GroupError::NotFound)?;
        let Some(at) = socket.memberships.iter().position(|(member, _)| *member == membership) else { return Ok(()) };
        socket.memberships[at].1 -= 1;
        if socket.memberships[at].1 == 0 {
            let (Membership { on, kind }, _) = socket.memberships.swap_remove(at);
            if let Some(interface) = self.ip.interfaces.get_mut(on) {
                interface.memberships.drop(kind);
            }
        }
        Ok(())
    }

    /// Must the link of an interface hand over what is for other stations, too?
    pub fn is_promiscuous(&self, on: IfIndex) -> bool {
        self.ip.interfaces.get(on).is_some_and(|interface| interface.memberships.promiscuous())
    }

    /// The socket's options: changes count from the next frame on.
    pub fn packet_options(&mut self, id: PacketId) -> Option<&mut PacketOptions> {
        self.ip.taps.get_mut(id).map(|socket| &mut socket.options)
    }

    /// PACKET_FANOUT: the socket shares what comes with others of a group.
    pub fn packet_fan_out(&mut self, id: PacketId, asked: Fanout) -> Result<(), FanoutError> {
        self.ip.taps.join(id, asked)
    }

    /// The group that it is in, and PACKET_ROLLOVER_STATS.
    pub fn packet_group(&self, id: PacketId) -> Option<(Fanout, RolloverCounts)> {
        Some((self.ip.taps.group(id)?, self.ip.taps.get(id)?.rollover))
    }

    /// PACKET_FANOUT_DATA: who of its group gets a frame.
    pub fn packet_set_group_program(&mut self, id: PacketId, program: Program) -> Result<(), FanoutError> {
        self.ip.taps.set_group_program(id, program)
    }

    /// What counts for rings that are made from now on. [`RingError::Busy`]: there is one.
    pub fn packet_set_ring_options(&mut self, id: PacketId, options: RingOptions) -> Result<(), RingError> {
        let rings = &mut self.ip.taps.get_mut(id).ok_or(RingError::NotFound)?.rings;
        if rings.any() {
            return Err(RingError::Busy);
        }
        rings.options = options;
        Ok(())
    }

    /// PACKET_RX_RING, PACKET_TX_RING: frames come into a ring from now on instead of into the queue, or go out of one by
    /// [`packet_send_ring`](Self::packet_send_ring); without blocks, they do no longer.
    pub fn packet_set_ring(
        &mut self,
        id: PacketId,
        direction: Direction,
        request: &RingRequest,
        mut ground: Ground<'_>,
    ) -> Result<(), RingError> {
        let socket = self.ip.taps.get_mut(id).ok_or(RingError::NotFound)?;
        socket.rings.set(direction, request, &mut ground)
    }

    /// Its rings, as its program sees them.
    pub fn packet_rings(&self, id: PacketId) -> Option<RingViews> {
        let rings = &self.ip.taps.get(id)?.rings;
        let (rx, tx) = (rings.rx.as_ref(), rings.tx.as_ref());
        Some(RingViews { rx: rx.map(|ring| ring.view.clone()), tx: tx.map(|ring| ring.window().clone()) })
    }

    /// SO_ATTACH_FILTER, SO_DETACH_FILTER: what the socket wants of the frames from now on.
    pub fn packet_attach(&mut self, id: PacketId, filter: Option<Program>) {
        if let Some(socket) = self.ip.taps.get_mut(id) {
            socket.inbox.filter = filter;
        }
    }

    /// PACKET_STATISTICS: takes the counts.
    pub fn packet_take_statistics(&mut self, id: PacketId) -> Option<PacketStatistics> {
        self.ip.taps.get_mut(id).map(|socket| socket.take_statistics())
    }

    /// SO_ERROR: takes the error.
    pub fn packet_take_error(&mut self, id: PacketId) -> Option<SocketError> {
        self.ip.taps.get_mut(id)?.error.take()
    }

    /// getsockname(2).
    pub fn packet_name(&self, id: PacketId) -> Option<PacketName> {
        self.ip.taps.get(id).map(|socket| socket.name)
    }
}
