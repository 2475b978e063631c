//! Sending of packet sockets: frames as they are, and frames to which something is to be done before.

use crate::iface::LOOPBACK;
use crate::ip::{Account, Looped, OutputError};
use crate::link::{IfIndex, Mac};
use crate::packet::cut::{Segments, Uncut, Uncuttable};
use crate::packet::{ALL, PacketKind, Sender, VnetHeader, Work};
use crate::socket::{Key, PacketId, SendError};
use crate::stack::Stack;
use crate::time::Instant;
use crate::tx_timestamp::{TimestampPoint, TxTimestampRequest};
use crate::wire::{checksum, ethernet};

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

/// Bytes of the longest frame that is taken to be cut (Linux: a page of the largest order, and as many of order 3 as a packet has
/// parts).
pub const LONGEST_UNCUT: usize = (4 << 20) + 17 * (32 << 10);

/// A frame as it goes.
struct Made<'a> {
    link: ethernet::Header,
    payload: &'a [u8],
    /// Its checksum is left to the link.
    partial: bool,
    segments: Option<Segments>,
}

impl<'a> Made<'a> {
    fn of(frame: &'a [u8], partial: bool, segments: Option<Segments>) -> Made<'a> {
        let (link, payload) = ethernet::parse(frame).unwrap_or_default();
        Made { link, payload, partial, segments }
    }
}

/// Where a packet socket's packets go.
struct PacketEgress {
    id: PacketId,
    key: Key,
    kind: PacketKind,
    on: IfIndex,
    ours: Mac,
    mtu: usize,
    protocol: u16,
    station: Option<Mac>,
    /// See [`PacketOptions::vnet_header`](crate::packet::PacketOptions::vnet_header).
    vnet_header: usize,
}

impl PacketEgress {
    /// Bytes of the longest.
    fn most(&self) -> usize {
        self.mtu + if self.kind.has_link_header() { ethernet::HEADER_LEN } else { 0 }
    }

    /// What is to be done to what is sent, and the rest of it.
    fn split<'a>(&self, bytes: &'a [u8]) -> Result<(VnetHeader, &'a [u8]), SendError> {
        if self.vnet_header == 0 {
            return Ok((VnetHeader::default(), bytes));
        }
        let (header, bytes) = bytes.split_at_checked(self.vnet_header).ok_or(SendError::InvalidDestination)?;
        Ok((header.first_chunk().map(VnetHeader::decode).unwrap_or_default(), bytes))
    }
}

impl Stack {
    /// send(2), sendto(2): queues one frame, which the next poll sends, and returns the length of what was given. `tx_timestamp`: what
    /// is to be told of it.
    pub fn packet_send(
        &mut self,
        now: Instant,
        id: PacketId,
        to: Option<PacketTo>,
        payload: &[&[u8]],
        tx_timestamp: Option<TxTimestampRequest>,
    ) -> Result<usize, SendError> {
        (self.now, self.ip.now) = (now, now);
        let egress = self.packet_egress(id, to)?;
        let len = payload.iter().map(|part| part.len()).sum::<usize>();
        match egress.vnet_header {
            0 if len > egress.most() => return Err(SendError::MessageTooLong),
            _ if len > LONGEST_UNCUT => return Err(SendError::NoBuffers),
            _ => {}
        }
        let bytes = payload.concat();
        let (header, frame) = egress.split(&bytes)?;
        if !header.cuts() && frame.len() > egress.most() {
            return Err(SendError::MessageTooLong);
        }
        self.send_packet(&egress, &header, frame, tx_timestamp).map(|()| len)
    }

    /// As [`packet_send`](Self::packet_send) of the frames that wait in the ring. [`SendError::Full`]: some still wait.
    pub fn packet_send_ring(
        &mut self,
        now: Instant,
        id: PacketId,
        to: Option<PacketTo>,
        tx_timestamp: Option<TxTimestampRequest>,
    ) -> Result<usize, SendError> {
        (self.now, self.ip.now) = (now, now);
        let egress = self.packet_egress(id, to)?;
        let (mut sum, mut bytes) = (0, Vec::new());
        let mut ring = self.ip.taps.get_mut(id).and_then(|socket| socket.rings.tx.take()).ok_or(SendError::NotFound)?;
        let mut result = Ok(());
        // A program that goes on asking must not hold the caller.
        for _ in 0..ring.frames() {
            let mtu = (egress.vnet_header == 0).then_some(egress.mtu);
            let Some(next) = ring.next(mtu, egress.kind, &mut bytes) else { break };
            let sent = next.and_then(|()| egress.split(&bytes)).and_then(|(header, frame)| match mtu {
                Some(_) if frame.len() > egress.most() => Err(SendError::MessageTooLong),
                _ => self.send_packet(&egress, &header, frame, tx_timestamp).map(|()| frame.len()),
            });
            match sent {
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
                // The frame stays and is tried again. Of one that cannot be cut Linux tells, whatever was sent before.
                Err(error) => {
                    result = if sum > 0 && error != SendError::Uncuttable { Ok(()) } else { Err(error) };
                    break;
                }
            }
        }
        if let Some(socket) = self.ip.taps.get_mut(id) {
            socket.rings.tx = Some(ring);
        }
        result.map(|()| sum)
    }

    fn packet_egress(&self, id: PacketId, to: Option<PacketTo>) -> Result<PacketEgress, SendError> {
        let socket = self.ip.taps.get(id).ok_or(SendError::NotFound)?;
        let on = to.map(|to| to.on).or(socket.name.on).ok_or(SendError::NoInterface)?;
        let interface = self.ip.interfaces.get(on).ok_or(SendError::NoInterface)?;
        if !interface.up {
            return Err(SendError::InterfaceDown);
        }
        Ok(PacketEgress {
            id,
            key: socket.key,
            kind: socket.kind,
            on,
            ours: interface.mac,
            mtu: interface.mtu as usize,
            protocol: to.map_or(socket.name.protocol, |to| to.protocol),
            vnet_header: socket.options.vnet_header.into(),
            // eth_header(): without a station only a link that has no addresses knows what to do.
            station: to.map(|to| to.mac).or((on == LOOPBACK).then_some(Mac::default())),
        })
    }

    fn send_packet(
        &mut self,
        egress: &PacketEgress,
        header: &VnetHeader,
        bytes: &[u8],
        tx_timestamp: Option<TxTimestampRequest>,
    ) -> Result<(), SendError> {
        let &PacketEgress { id, key, kind, on, ours, protocol, station, .. } = egress;
        let (link, payload) = match kind {
            PacketKind::Frame | PacketKind::ByName => {
                ethernet::parse(bytes).map_err(|_| SendError::InvalidDestination)?
            }
            PacketKind::Payload => {
                let dst = station.ok_or(SendError::InvalidDestination)?;
                (ethernet::Header { dst, src: ours, ethertype: protocol }, bytes)
            }
        };
        // Who says nothing means what the frame says.
        let says_nothing = matches!(protocol, 0 | ALL) && kind != PacketKind::ByName;
        let protocol = if says_nothing { link.ethertype } else { protocol };
        let work = header.work(bytes, protocol)?;
        self.admit(id)?;
        let account = self.account(id, key, tx_timestamp)?;
        let sender = Sender { id, protocol };
        if work == Work::default() {
            let frame = Made { link, payload, partial: false, segments: None };
            let sent = self.send_frame(on, &frame, sender, account);
            return self.sent(key, sent);
        }
        self.send_worked(egress, &work, bytes, sender, account)
    }

    /// Sends a frame to which something is to be done before.
    fn send_worked(
        &mut self,
        egress: &PacketEgress,
        work: &Work,
        bytes: &[u8],
        sender: Sender,
        account: Account,
    ) -> Result<(), SendError> {
        let (on, key) = (egress.on, egress.key);
        let offload = self.ip.interfaces.get(on).is_some_and(|interface| interface.caps.checksum_offload);
        let uncut = match Uncut::of(bytes, sender.protocol, work) {
            Ok(uncut) => uncut,
            Err(Uncuttable) => return self.lose_uncuttable(on),
        };
        let Some(uncut) = uncut else {
            let mut frame = bytes.to_vec();
            // Others can be left only what they find by themselves.
            let usual = |place| offload && checksum::is_usual(bytes, place);
            let partial = work.checksum.is_some_and(usual);
            if let Some(place) = work.checksum.filter(|_| !partial) {
                checksum::complete_at(&mut frame, place);
            }
            let sent = self.send_frame(on, &Made::of(&frame, partial, None), sender, account);
            return self.sent(key, sent);
        };
        if on == LOOPBACK && uncut.may_pass_whole() {
            let (frame, segments) = uncut.whole(work.checksum.is_some());
            let sent = self.send_frame(on, &Made::of(&frame, true, Some(segments)), sender, account);
            return self.sent(key, sent);
        }
        if !self.link_has_room(on, bytes.len()) {
            return self.sent(key, Err(OutputError::Full));
        }
        let identification = self.rng.u32();
        let mut index = 0;
        uncut.cut(identification, |piece, partial| {
            let mut piece = piece.to_vec();
            if partial && !offload {
                checksum::complete(&mut piece);
            }
            // They are on their way together; what there is no memory for is lost, as a network loses it.
            let made = Made::of(&piece, partial && offload, None);
            let _ = self.put_frame(on, &made, sender, account.of_piece(index));
            index += 1;
        });
        self.sent(key, Ok(()))
    }

    /// A frame that cannot be cut is found at the head of its interface's queue, when nobody is left to be told (Linux:
    /// validate_xmit_skb()); the loopback has none.
    fn lose_uncuttable(&mut self, on: IfIndex) -> Result<(), SendError> {
        let interface = self.ip.interfaces.get_mut(on).filter(|_| on != LOOPBACK).ok_or(SendError::Uncuttable)?;
        interface.counters.tx.drops += 1;
        Ok(())
    }

    fn send_frame(
        &mut self,
        on: IfIndex,
        frame: &Made<'_>,
        sender: Sender,
        account: Account,
    ) -> Result<(), OutputError> {
        if !self.link_has_room(on, ethernet::HEADER_LEN + frame.payload.len()) {
            return Err(OutputError::Full);
        }
        self.put_frame(on, frame, sender, account)
    }

    fn link_has_room(&self, on: IfIndex, len: usize) -> bool {
        match self.ip.interfaces.get(on) {
            Some(_) if on == LOOPBACK => self.ip.loopback_has_room(len),
            Some(interface) => interface.has_room(len),
            None => false,
        }
    }

    fn put_frame(
        &mut self,
        on: IfIndex,
        frame: &Made<'_>,
        sender: Sender,
        account: Account,
    ) -> Result<(), OutputError> {
        let &Made { link, payload, partial, segments } = frame;
        let mut packet = self.ip.packets.make(&mut *self.pool, &[payload], partial).ok_or(OutputError::NoBuffers)?;
        packet.sender = Some(sender);
        self.ip.packets.enter(account, &mut packet);
        if on == LOOPBACK {
            self.ip.put_looped(Looped { packet, on, link: Some(link), segments }, Some(sender));
        } else if let Some(interface) = self.ip.interfaces.get_mut(on) {
            packet.set_link_header(link);
            if let Some(tag) = packet.tag {
                let tx_timestamp = tag.passes(TimestampPoint::Scheduled, self.now, &[packet.frame()]);
                self.ip.tx_timestamps.extend(tx_timestamp);
            }
            interface.enqueue(packet);
        }
        Ok(())
    }
}
