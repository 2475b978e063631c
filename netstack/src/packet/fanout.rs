//! Packet sockets that share what comes (PACKET_FANOUT): of a group one gets each frame.

use super::show::{view, wants};
use super::{PacketName, PacketType, Record, Room, Sender, Socket};
use crate::filter::Program;
use crate::rng::{HashKey, Rng};
use crate::slab::{Handle, Slab};
use crate::wire::{be16, ethernet, ipv4, ipv6};

/// Who of a group gets a frame, by Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FanoutKind {
    /// All frames of a flow go to one socket, those of both ways.
    Hash = 0,
    /// One after the other.
    Balance = 1,
    /// By the processor that takes the frame; here one does.
    Processor = 2,
    /// The first one that has room.
    Rollover = 3,
    /// Whoever.
    Random = 4,
    /// By the queue of the device; ours have one.
    Queue = 5,
    /// As a program says (PACKET_FANOUT_DATA).
    Program = 6,
}

impl FanoutKind {
    /// By its number.
    pub fn of(number: u8) -> Option<FanoutKind> {
        use FanoutKind::{Balance, Hash, Processor, Program, Queue, Random, Rollover};
        let all = [Hash, Balance, Processor, Rollover, Random, Queue, Program];
        all.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// What a socket wants of its group (`struct fanout_args`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fanout {
    /// The group's number; none: a new one (PACKET_FANOUT_FLAG_UNIQUEID).
    pub id: Option<u16>,
    /// Who gets a frame.
    pub kind: FanoutKind,
    /// [`Fanout::ROLLS_OVER`] and its kin. As on Linux others are kept, and mean nothing.
    pub flags: u8,
    /// The most members; 0: whatever the group has.
    pub most: u32,
}

impl Fanout {
    /// Where that one has no room, another does (PACKET_FANOUT_FLAG_ROLLOVER).
    pub const ROLLS_OVER: u8 = 0x10;
    /// PACKET_FANOUT_FLAG_UNIQUEID, which a group does not keep.
    pub const UNIQUE: u8 = 0x20;
    /// PACKET_FANOUT_FLAG_IGNORE_OUTGOING.
    pub const IGNORE_OUTGOING: u8 = 0x40;
    /// Fragments go where the rest of their flow does (PACKET_FANOUT_FLAG_DEFRAG).
    pub const FRAGMENTS: u8 = 0x80;

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Does another socket get what one has no room for?
    pub fn rolls_over(&self) -> bool {
        self.has(Fanout::ROLLS_OVER) || self.kind == FanoutKind::Rollover
    }
}

/// Why a socket cannot be in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanoutError {
    /// No such socket, or it is in no group.
    NotFound,
    /// It is in one.
    Already,
    /// The group is of another kind, or the socket is not bound as its members are.
    Invalid,
    /// It has as many members as it may.
    Full,
}

/// How often frames went to a socket for want of room elsewhere (PACKET_ROLLOVER_STATS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolloverCounts {
    /// Frames of this socket that another got.
    pub moved: u64,
    /// Frames that no socket had room for.
    pub failed: u64,
}

/// A group.
struct Group {
    id: u16,
    /// By its first member, with what that left open.
    asked: Fanout,
    name: PacketName,
    members: Vec<Handle>,
    turn: u32,
    program: Option<Program>,
}

/// All groups.
pub(super) struct Groups {
    list: Vec<Group>,
    next_id: u16,
    key: HashKey,
}

impl Groups {
    pub(super) fn new(rng: &mut Rng) -> Groups {
        Groups { list: Vec::new(), next_id: 0, key: rng.hash_key() }
    }

    /// fanout_add(): the number of the group.
    pub(super) fn join(&mut self, socket: &mut Socket, id: Handle, asked: Fanout) -> Result<(), FanoutError> {
        /// PACKET_FANOUT_MAX, and what a group has that says nothing.
        const MOST: u32 = 1 << 16;
        const DEFAULT: u32 = 256;
        if socket.group.is_some() {
            return Err(FanoutError::Already);
        }
        let number = asked.id.unwrap_or_else(|| self.free_id());
        let known = self.list.iter().position(|group| group.id == number);
        let asked = Fanout { flags: asked.flags & !Fanout::UNIQUE, ..asked };
        let same = |other: &Fanout| other.flags == asked.flags && (asked.most == 0 || asked.most == other.most);
        let most = if asked.most == 0 { DEFAULT } else { asked.most };
        let refused = match known {
            Some(at) => !same(&self.list[at].asked) || self.list[at].asked.kind != asked.kind,
            None => most > MOST,
        };
        if refused || socket.name.protocol == 0 || known.is_some_and(|at| self.list[at].name != socket.name) {
            return Err(FanoutError::Invalid);
        }
        let at = known.unwrap_or_else(|| {
            let asked = Fanout { id: Some(number), most, ..asked };
            let (name, members) = (socket.name, Vec::new());
            self.list.push(Group { id: number, asked, name, members, turn: 0, program: None });
            self.list.len() - 1
        });
        let group = &mut self.list[at];
        if group.members.len() >= group.asked.most as usize {
            return Err(FanoutError::Full);
        }
        group.members.push(id);
        socket.group = Some(number);
        Ok(())
    }

    fn free_id(&mut self) -> u16 {
        while self.list.iter().any(|group| group.id == self.next_id) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        id
    }

    pub(super) fn leave(&mut self, number: u16, id: Handle) {
        let Some(group) = self.get(number) else { return };
        if let Some(at) = group.members.iter().position(|member| *member == id) {
            group.members.swap_remove(at);
        }
        self.list.retain(|group| !group.members.is_empty());
    }

    fn get(&mut self, number: u16) -> Option<&mut Group> {
        self.list.iter_mut().find(|group| group.id == number)
    }

    /// What the group is like.
    pub(super) fn asked(&self, number: u16) -> Option<Fanout> {
        self.list.iter().find(|group| group.id == number).map(|group| group.asked)
    }

    /// PACKET_FANOUT_DATA.
    pub(super) fn set_program(&mut self, number: u16, program: Program) -> Result<(), FanoutError> {
        let group = self.get(number).ok_or(FanoutError::NotFound)?;
        if group.asked.kind != FanoutKind::Program {
            return Err(FanoutError::Invalid);
        }
        group.program = Some(program);
        Ok(())
    }

    /// Shows a frame to one of each group that wants it.
    pub(super) fn show(
        &mut self,
        sockets: &mut Slab<Socket>,
        rng: &mut Rng,
        (whole, frame): (&Record, &[u8]),
        sender: Option<Sender>,
        mut show: impl FnMut(&mut Socket, &mut Rng),
    ) {
        for group in &mut self.list {
            let outgoing = whole.kind == PacketType::Outgoing;
            // Linux: what one of them has sent none of them sees leave.
            let sent_it = outgoing && sender.is_some_and(|sender| group.members.contains(&sender.id.0));
            let wants = wants(&group.name, group.asked.has(Fanout::IGNORE_OUTGOING), whole);
            if sent_it || !wants {
                continue;
            }
            let Some(first) = group.members.first().and_then(|id| sockets.get(*id)) else { continue };
            let seen = || view(first.kind, whole, frame);
            let count = group.members.len() as u32;
            let at = match group.asked.kind {
                FanoutKind::Hash => self.key.hash(&flow(frame, group.asked.has(Fanout::FRAGMENTS))) as u32 % count,
                FanoutKind::Balance => {
                    group.turn = group.turn.wrapping_add(1);
                    group.turn % count
                }
                FanoutKind::Processor | FanoutKind::Queue => 0,
                FanoutKind::Random => rng.u32() % count,
                FanoutKind::Rollover => 0,
                FanoutKind::Program => {
                    group.program.as_ref().map_or(0, |program| program.run(&seen(), &mut || rng.u32())) % count
                }
            };
            let try_self = group.asked.kind != FanoutKind::Rollover;
            let at = if group.asked.rolls_over() {
                roll_over(sockets, &group.members, at as usize, try_self, frame.len())
            } else {
                at as usize
            };
            if let Some(socket) = group.members.get(at).and_then(|id| sockets.get_mut(*id)) {
                show(socket, rng);
            }
        }
    }
}

/// fanout_demux_rollover(): who has room instead of `at`.
fn roll_over(sockets: &mut Slab<Socket>, members: &[Handle], at: usize, try_self: bool, len: usize) -> usize {
    let room =
        |sockets: &mut Slab<Socket>, at: usize| sockets.get_mut(members[at]).map_or(Room::None, |to| to.room(len));
    if try_self && room(sockets, at) != Room::None {
        return at;
    }
    let begin = sockets.get(members[at]).map_or(0, |socket| socket.rolled_to).min(members.len() - 1);
    let found = (0..members.len())
        .map(|step| (begin + step) % members.len())
        .find(|to| !(try_self && *to == at) && room(sockets, *to) == Room::Plenty);
    let Some(socket) = sockets.get_mut(members[at]) else { return at };
    match found {
        Some(to) => {
            (socket.rolled_to, socket.rollover.moved) = (to, socket.rollover.moved + 1);
            to
        }
        None => {
            socket.rollover.failed += 1;
            at
        }
    }
}

/// The ends of a frame's flow, in an order that is the same for both ways, and its protocol. `fragments`: whole packets go where
/// their fragments do, in which there are no ports.
fn flow(frame: &[u8], fragments: bool) -> (Vec<u8>, Vec<u8>, u16) {
    let Ok((header, payload)) = ethernet::parse(frame) else { return Default::default() };
    let (src, dst, protocol, transport) = match header.ethertype {
        ethernet::IPV4 => match ipv4::Packet::parse_quoted(payload) {
            Ok(packet) => {
                let whole = be16(payload, 6) & 0x3fff == 0;
                let at = whole.then_some(packet.header_len());
                (packet.src().octets().to_vec(), packet.dst().octets().to_vec(), packet.protocol(), at)
            }
            Err(_) => return Default::default(),
        },
        ethernet::IPV6 => match ipv6::Packet::parse(payload) {
            Ok(packet) => {
                let (protocol, at) = ipv6::upper(&packet).map_or((0, None), |(protocol, at)| (protocol, Some(at)));
                (packet.src().octets().to_vec(), packet.dst().octets().to_vec(), protocol, at)
            }
            Err(_) => return Default::default(),
        },
        other => {
            return (
                header.src.0.to_vec().min(header.dst.0.to_vec()),
                header.src.0.to_vec().max(header.dst.0.to_vec()),
                other,
            );
        }
    };
    let has_ports = matches!(protocol, ipv4::TCP | ipv4::UDP) && !fragments;
    let ports = transport.filter(|_| has_ports).and_then(|at| payload.get(at..at + 4)).unwrap_or(&[0; 4]);
    let (one, other) = ([&src[..], &ports[..2]].concat(), [&dst[..], &ports[2..]].concat());
    if one <= other { (one, other, protocol.into()) } else { (other, one, protocol.into()) }
}
