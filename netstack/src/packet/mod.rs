//! Packet sockets (packet(7)): frames as they pass an interface, and frames of the program's own making.
//!
//! `show` gives a frame to the sockets that want it. `record` is what a program finds in the receive queue, `ring` what it finds in
//! memory that it maps. `fanout` chooses one of several sockets, `memberships` are what interfaces take for them. `vnet_header` says
//! what is left to do to a frame, `cut` does it. User calls are in `stack::sockets::packet`. Frames are shown where they come in
//! (`stack::input`, the loopback in `stack::poll`) and where a link has taken them (`ip::transmit`); if nobody listens, that costs
//! one look at an empty list.

pub(crate) mod cut;
mod fanout;
mod memberships;
mod record;
pub mod ring;
mod show;
mod vnet_header;

use cut::Segments;
use fanout::Groups;
pub use fanout::{Fanout, FanoutError, FanoutKind, RolloverCounts};
pub(crate) use memberships::Memberships;
pub use memberships::{Membership, MembershipKind};
pub use record::{PacketType, Record};
use ring::{Direction, Ground, Incoming, Outgoing, RingError, RingOptions, RingRequest};
pub(crate) use show::packet_type;
pub use vnet_header::VnetHeader;
pub(crate) use vnet_header::Work;

use arena::Producer;

use crate::datagram::{Admission, Inbox, Outbox};
use crate::filter::Program;
use crate::iface::Interface;
use crate::link::{Checksum, IfIndex};
use crate::rng::Rng;
use crate::slab::{Handle, Slab};
use crate::socket::{Key, PacketId, SocketError};
use crate::time::Instant;

/// ETH_P_ALL: frames of every protocol, those on their way out too.
pub const ALL: u16 = 0x0003;

/// What of a frame a packet socket sees and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// SOCK_RAW: all of it.
    Frame,
    /// SOCK_DGRAM: what follows the link header.
    Payload,
    /// SOCK_PACKET: all of it. What is sent is of the protocol that is said, none at all among them.
    ByName,
}

impl PacketKind {
    /// Does it see and give the link header, too?
    pub(crate) fn has_link_header(self) -> bool {
        self != PacketKind::Payload
    }
}

/// Options of a packet socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketOptions {
    /// PACKET_IGNORE_OUTGOING.
    pub ignore_outgoing: bool,
    /// PACKET_COPY_THRESH, which is a switch: what a place of the receive ring cuts, comes into the queue whole.
    pub copies: bool,
    /// PACKET_VNET_HDR_SZ: bytes of the [`VnetHeader`] before each frame, 0, [`VnetHeader::LEN`] or more. In the queue it stands in
    /// the [`Record`].
    pub vnet_header: u8,
}

/// PACKET_STATISTICS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketStatistics {
    /// Frames for the socket, those that were dropped among them.
    pub packets: u32,
    /// Those for which its queue had no room.
    pub drops: u32,
    /// How often a ring of blocks had none to go on with.
    pub freezes: u32,
}

/// Where a packet socket is bound (getsockname(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketName {
    /// The interface; none: all.
    pub on: Option<IfIndex>,
    /// The protocol, as an ethertype; 0: none, [`ALL`].
    pub protocol: u16,
}

/// A packet socket.
pub(crate) struct Socket {
    pub(crate) key: Key,
    pub(crate) kind: PacketKind,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) name: PacketName,
    pub(crate) options: PacketOptions,
    packets: u32,
    /// Drops that PACKET_STATISTICS has told of.
    told: u64,
    /// Frames for which the ring had no place since then.
    lost: u32,
    pub(crate) error: Option<SocketError>,
    pub(crate) memberships: Vec<(Membership, u32)>,
    pub(crate) rings: Rings,
    /// PACKET_FANOUT: its number.
    group: Option<u16>,
    /// Who got the last frame that had no room here.
    rolled_to: usize,
    pub(crate) rollover: RolloverCounts,
}

/// How much more a socket can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    None,
    Low,
    Plenty,
}

/// The rings of a packet socket.
#[derive(Default)]
pub(crate) struct Rings {
    pub(crate) options: RingOptions,
    pub(crate) rx: Option<Incoming>,
    pub(crate) tx: Option<Outgoing>,
}

impl Rings {
    /// PACKET_RX_RING, PACKET_TX_RING: a ring instead of none, or none.
    pub(crate) fn set(
        &mut self,
        direction: Direction,
        request: &RingRequest,
        ground: &mut Ground<'_>,
    ) -> Result<(), RingError> {
        let is_there = match direction {
            Direction::In => self.rx.is_some(),
            Direction::Out => self.tx.is_some(),
        };
        let wanted = request.blocks != 0;
        if wanted && is_there {
            return Err(RingError::Busy);
        }
        if !wanted && request.frames != 0 {
            return Err(RingError::Invalid);
        }
        let options = &self.options;
        match direction {
            Direction::In => self.rx = wanted.then(|| ring::incoming(request, options, ground)).transpose()?,
            Direction::Out => self.tx = wanted.then(|| ring::outgoing(request, options, ground)).transpose()?,
        }
        Ok(())
    }

    /// Is there one?
    pub(crate) fn any(&self) -> bool {
        self.rx.is_some() || self.tx.is_some()
    }
}

impl Socket {
    /// Takes the counts since the last time.
    pub(crate) fn take_statistics(&mut self) -> PacketStatistics {
        let drops = (self.inbox.dropped - self.told) as u32 + self.lost;
        let freezes = self.rings.rx.as_mut().map_or(0, Incoming::take_freezes);
        let statistics = PacketStatistics { packets: self.packets, drops, freezes };
        (self.packets, self.told, self.lost) = (0, self.inbox.dropped, 0);
        statistics
    }

    /// Room for a frame of `len` bytes, and more than a quarter of all besides.
    fn room(&mut self, len: usize) -> Room {
        match &self.rings.rx {
            Some(ring) => ring.room(),
            None => self.inbox.room(len),
        }
    }

    /// Have frames been dropped since PACKET_STATISTICS has told of some?
    fn is_losing(&self) -> bool {
        self.lost > 0 || self.inbox.dropped > self.told
    }
}

/// All packet sockets.
pub(crate) struct Taps {
    sockets: Slab<Socket>,
    /// Those with a protocol: the ones that are shown frames.
    listening: Vec<Handle>,
    /// Sockets that got a frame since the stack last asked.
    touched: Vec<Key>,
    /// The frame that is being shown, with its checksum.
    scratch: Vec<u8>,
    /// The same as it passes, for those who are told what is left to do to it.
    bare: Vec<u8>,
    /// For filters.
    rng: Rng,
    groups: Groups,
}

/// A frame that passes an interface.
pub(crate) struct Passing<'a> {
    pub(crate) interface: &'a Interface,
    /// Its bytes from the link header on.
    pub(crate) parts: [&'a [u8]; 3],
    pub(crate) kind: PacketType,
    /// Who looks at the frame sees a partial checksum completed, unless it is told of it.
    pub(crate) checksum: Checksum,
    /// What a device is to cut it into, or has joined it from.
    pub(crate) segments: Option<Segments>,
    /// The packet socket that sent it does not see it leave, and says of what protocol it is.
    pub(crate) sender: Option<Sender>,
}

/// The packet socket that sent a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) id: PacketId,
    /// `sll_protocol`, which need not be that of the frame.
    pub(crate) protocol: u16,
}

impl Taps {
    pub(crate) fn new(rng: &mut Rng) -> Taps {
        Taps {
            sockets: Slab::new(),
            listening: Vec::new(),
            touched: Vec::new(),
            scratch: Vec::new(),
            bare: Vec::new(),
            groups: Groups::new(rng),
            rng: rng.fork(),
        }
    }

    pub(crate) fn open(&mut self, key: Key, rx: Producer, kind: PacketKind) -> PacketId {
        PacketId(self.sockets.insert(Socket {
            key,
            kind,
            inbox: Inbox::new(rx, Admission::NotFull),
            outbox: Outbox::new(),
            name: PacketName { on: None, protocol: 0 },
            options: PacketOptions::default(),
            packets: 0,
            told: 0,
            lost: 0,
            error: None,
            memberships: Vec::new(),
            rings: Rings::default(),
            group: None,
            rolled_to: 0,
            rollover: RolloverCounts::default(),
        }))
    }

    pub(crate) fn get(&self, id: PacketId) -> Option<&Socket> {
        self.sockets.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: PacketId) -> Option<&mut Socket> {
        self.sockets.get_mut(id.0)
    }

    pub(crate) fn close(&mut self, id: PacketId) -> Option<Socket> {
        self.listening.retain(|other| *other != id.0);
        let socket = self.sockets.remove(id.0)?;
        if let Some(group) = socket.group {
            self.groups.leave(group, id.0);
        }
        Some(socket)
    }

    /// From now on the socket is shown what its new name says.
    pub(crate) fn bind(&mut self, id: PacketId, name: PacketName) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        socket.name = name;
        self.listening.retain(|other| *other != id.0);
        if name.protocol != 0 {
            self.listening.push(id.0);
        }
    }

    /// PACKET_FANOUT: from now on the socket is shown what falls to it in its group.
    pub(crate) fn join(&mut self, id: PacketId, asked: Fanout) -> Result<(), FanoutError> {
        let socket = self.sockets.get_mut(id.0).ok_or(FanoutError::NotFound)?;
        self.groups.join(socket, id.0, asked)
    }

    /// The group that a socket is in.
    pub(crate) fn group(&self, id: PacketId) -> Option<Fanout> {
        self.groups.asked(self.sockets.get(id.0)?.group?)
    }

    /// PACKET_FANOUT_DATA: what decides in its group.
    pub(crate) fn set_group_program(&mut self, id: PacketId, program: Program) -> Result<(), FanoutError> {
        let group = self.sockets.get(id.0).and_then(|socket| socket.group).ok_or(FanoutError::NotFound)?;
        self.groups.set_program(group, program)
    }

    /// The sockets that are bound to an interface learn that it is down.
    pub(crate) fn interface_down(&mut self, on: IfIndex) {
        let Taps { sockets, touched, .. } = self;
        for socket in sockets.values_mut().filter(|socket| socket.name.on == Some(on)) {
            socket.error = Some(SocketError::InterfaceDown);
            touched.push(socket.key);
        }
    }

    /// Does nobody listen?
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.listening.is_empty()
    }

    /// When a block of a ring is to be given to its program.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let rings = self.listening.iter().filter_map(|id| self.sockets.get(*id)?.rings.rx.as_ref()?.deadline());
        rings.min()
    }

    /// Gives the blocks to the programs whose time has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        for id in &self.listening {
            let Some(socket) = self.sockets.get_mut(*id) else { continue };
            let losing = socket.is_losing();
            if socket.rings.rx.as_mut().is_some_and(|ring| ring.expire(now, losing)) {
                self.touched.push(socket.key);
            }
        }
    }

    pub(crate) fn take_touched(&mut self) -> impl Iterator<Item = Key> {
        self.touched.drain(..)
    }
}
