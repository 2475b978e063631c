//! User calls of packet sockets; `output::packet` is what sends.

use arena::Producer;

use crate::filter::Program;
use crate::link::IfIndex;
use crate::packet::ring::{Direction, Ground, RingError, RingOptions, RingRequest, RingViews};
use crate::packet::{
    Fanout, FanoutError, Membership, PacketKind, PacketName, PacketOptions, PacketStatistics, RolloverCounts,
};
use crate::socket::{GroupError, Key, PacketId, SocketError};
use crate::stack::Stack;

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
