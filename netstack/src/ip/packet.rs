//! Packets that wait: for a link, for a neighbour's address, or on the loopback.

use crate::packet::Sender;
use crate::socket::{BufferPool, DatagramId};
use crate::tx_timestamp::Tag;
use crate::wire::ethernet;

/// Charged for a waiting packet besides its bytes.
const OVERHEAD: usize = 64;
/// Buffers kept for the next packets.
const MAX_SPARE: usize = 32;

/// An IP packet or an ARP packet, with room for the link header before it.
#[derive(Debug)]
pub(crate) struct Packet {
    bytes: Vec<u8>,
    /// See [`TxFrame::checksum_partial`](crate::link::TxFrame::checksum_partial).
    pub(crate) checksum_partial: bool,
    /// The packet socket that it is from.
    pub(crate) sender: Option<Sender>,
    /// Whose buffer it is charged to while it waits (SO_SNDBUF).
    owner: Option<DatagramId>,
    /// Who wants to know when it leaves.
    pub(crate) tag: Option<Tag>,
}

impl Packet {
    /// The packet without the link header.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.bytes[ethernet::HEADER_LEN..]
    }

    /// The packet with the link header.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn frame_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// What an IP packet is to the link.
    pub(crate) fn ethertype(&self) -> u16 {
        if self.payload().first().is_some_and(|first| first >> 4 == 6) { ethernet::IPV6 } else { ethernet::IPV4 }
    }

    pub(crate) fn set_link_header(&mut self, header: ethernet::Header) {
        self.bytes[..ethernet::HEADER_LEN].copy_from_slice(&header.emit());
    }
}

/// Makes packets and takes their buffers back. What packets hold is charged to the caller's memory limit.
#[derive(Default)]
pub(crate) struct Packets {
    spare: Vec<Vec<u8>>,
    /// Changes that the senders' buffers have not been charged with yet.
    entries: Vec<Entry>,
}

/// Who sends a packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    /// The socket that it is charged to while it waits.
    pub(crate) owner: Option<Owner>,
    /// Who wants to know when it leaves.
    pub(crate) tag: Option<Tag>,
}

/// A socket with a buffer that bounds what waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) id: DatagramId,
    /// The most that its fragments but the last may be charged.
    pub(crate) spare: usize,
}

impl Account {
    /// That of one of the packets that a send becomes: it has left with the first.
    pub(crate) fn of_piece(self, index: usize) -> Account {
        Account { tag: self.tag.filter(|_| index == 0), ..self }
    }
}

/// A packet of so many bytes begins to wait, or has gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) owner: DatagramId,
    pub(crate) bytes: usize,
    pub(crate) gone: bool,
}

impl Packets {
    /// A packet made of `parts`, link header not yet filled in. None at the memory limit.
    pub(crate) fn make(
        &mut self,
        pool: &mut dyn BufferPool,
        parts: &[&[u8]],
        checksum_partial: bool,
    ) -> Option<Packet> {
        let len = ethernet::HEADER_LEN + parts.iter().map(|part| part.len()).sum::<usize>();
        if !pool.charge(len + OVERHEAD) {
            return None;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.reserve(len);
        bytes.extend([0; ethernet::HEADER_LEN]);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        Some(Packet { bytes, checksum_partial, sender: None, owner: None, tag: None })
    }

    /// Charges a packet to its sender, until it has gone.
    pub(crate) fn enter(&mut self, account: Account, packet: &mut Packet) {
        packet.tag = account.tag;
        if let Some(Owner { id: owner, .. }) = account.owner {
            packet.owner = Some(owner);
            self.entries.push(Entry { owner, bytes: packet.payload().len(), gone: false });
        }
    }

    /// Ends the charge.
    pub(crate) fn disown(&mut self, packet: &mut Packet) {
        if let Some(owner) = packet.owner.take() {
            self.entries.push(Entry { owner, bytes: packet.payload().len(), gone: true });
        }
    }

    /// Takes the changes, in their order.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// Gives the list back, empty.
    pub(crate) fn reuse(&mut self, entries: Vec<Entry>) {
        self.entries = entries;
    }

    /// The packet has gone, or is dropped.
    pub(crate) fn give_back(&mut self, pool: &mut dyn BufferPool, mut packet: Packet) {
        self.disown(&mut packet);
        pool.release(packet.bytes.len() + OVERHEAD);
        if self.spare.len() < MAX_SPARE {
            self.spare.push(packet.bytes);
        }
    }
}
