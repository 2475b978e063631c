//! Reassembly of fragments (RFC 791 §3.2, RFC 815, RFC 8200 §4.5), bounded in memory and time.
//!
//! A datagram with overlapping fragments is dropped as a whole (RFC 5722 for IPv6; Linux does so for both): no two hosts agree on
//! what such fragments mean, and honest senders make none. Memory is charged for what has arrived, not for what a fragment claims
//! is to come.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::link::IfIndex;
use crate::rng::Rng;
use crate::socket::BufferPool;
use crate::time::Instant;
use crate::timer::TimerQueue;
use crate::wire::{checksum, icmpv4, ipv4, ipv6};

/// How long a datagram may take to arrive (Linux ipfrag_time; RFC 8200 §4.5).
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_V6: Duration = Duration::from_secs(60);
/// Bytes that incomplete datagrams may hold together (Linux ipfrag_high_thresh); beyond it the oldest are dropped.
const MAX_BYTES: usize = 4 << 20;
/// The ECN field of a packet that a router has marked.
const CE: u8 = 0b11;
/// Charged for a fragment, and for a datagram, besides its bytes.
const OVERHEAD: usize = 128;
/// What a Time Exceeded quotes of the first fragment besides its header; as much as an error may (RFC 1812 §4.3.2.3,
/// RFC 4443 §3.3).
const QUOTED: usize = 576 - ipv4::MAX_HEADER_LEN - icmpv4::HEADER_LEN;
const QUOTED_V6: usize = ipv6::MIN_MTU - 2 * ipv6::HEADER_LEN - icmpv4::HEADER_LEN;

/// A fragment of a packet of either family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) src: IpAddr,
    pub(crate) dst: IpAddr,
    pub(crate) identification: u32,
    /// IPv4: what the packet carries. IPv6 does not tell packets apart by it: 0.
    pub(crate) protocol: u8,
    /// Where its payload lies in the whole.
    pub(crate) offset: usize,
    /// Others follow.
    pub(crate) more: bool,
    /// All before the payload.
    pub(crate) header: &'a [u8],
    /// IPv6: which part of `header` the whole packet does not have, and what stands for it in the field at an offset.
    pub(crate) fragment_header: Option<FragmentHeader>,
    pub(crate) payload: &'a [u8],
}

/// Where a fragment header was in a packet, so that it can be taken out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FragmentHeader {
    /// Where it began, 8 bytes before the payload.
    pub(crate) at: usize,
    /// Where the field is that says that a fragment header follows.
    pub(crate) kind_at: usize,
    /// What follows instead.
    pub(crate) next_header: u8,
}

impl FragmentHeader {
    /// Takes it out of the headers of a packet.
    fn close(self, header: &mut Vec<u8>) {
        header.truncate(self.at);
        header[self.kind_at] = self.next_header;
    }
}

impl<'a> Fragment<'a> {
    pub(crate) fn v4(packet: &ipv4::Packet<'a>) -> Fragment<'a> {
        Fragment {
            src: packet.src().into(),
            dst: packet.dst().into(),
            identification: packet.identification().into(),
            protocol: packet.protocol(),
            offset: packet.fragment_offset(),
            more: packet.more_fragments(),
            header: packet.header(),
            fragment_header: None,
            payload: packet.payload(),
        }
    }

    /// Of a packet whose fragment header is `extension`.
    pub(crate) fn v6(packet: &ipv6::Packet<'a>, extension: &ipv6::Extension<'a>) -> Fragment<'a> {
        let ipv6::Fragment { next_header, offset, more, identification } = ipv6::fragment(extension.bytes);
        let (header, payload) = packet.bytes().split_at(extension.at + ipv6::FRAGMENT_LEN);
        Fragment {
            src: packet.src().into(),
            dst: packet.dst().into(),
            identification,
            protocol: 0,
            offset,
            more,
            header,
            fragment_header: Some(FragmentHeader { at: extension.at, kind_at: extension.kind_at, next_header }),
            payload,
        }
    }

    /// The packet that an atomic fragment is (RFC 6946 §4).
    pub(crate) fn alone(&self) -> Vec<u8> {
        let mut packet = self.header.to_vec();
        if let Some(gap) = self.fragment_header {
            gap.close(&mut packet);
        }
        packet.extend_from_slice(self.payload);
        if self.fragment_header.is_some() {
            let len = (packet.len() - ipv6::HEADER_LEN) as u16;
            packet[4..6].copy_from_slice(&len.to_be_bytes());
        }
        packet
    }

    /// Its ECN field (RFC 3168 §5).
    fn ecn(&self) -> u8 {
        match self.fragment_header {
            None => self.header[1] & 3,
            Some(_) => self.header[1] >> 4 & 3,
        }
    }

    /// How long the packet is at least, as its length field counts it.
    fn reaches(&self) -> usize {
        match self.fragment_header {
            None => self.header.len() + self.offset + self.payload.len(),
            Some(gap) => gap.at - ipv6::HEADER_LEN + self.offset + self.payload.len(),
        }
    }
}

/// A packet that has all come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of the longest of its fragments, IP header included.
    pub(crate) longest: u16,
}

/// Why a fragment cannot belong to any packet (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is not the last and its length is no multiple of 8.
    Length,
    /// It ends beyond the longest packet.
    Offset,
}

/// What the fragments of one datagram share (RFC 791 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Id {
    /// Link-local addresses of one link are not those of another.
    on: IfIndex,
    src: IpAddr,
    dst: IpAddr,
    identification: u32,
    protocol: u8,
}

struct Datagram {
    /// Header of the first fragment, options included.
    header: Vec<u8>,
    fragment_header: Option<FragmentHeader>,
    /// Payloads by offset; no two overlap.
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Which ECN fields its fragments had, a bit each.
    ecn: u8,
    /// Bytes of the longest fragment.
    longest: usize,
    /// Payload bytes in `pieces`.
    have: usize,
    /// Length of the whole payload, once the last fragment has come.
    len: Option<usize>,
    /// Bytes charged.
    charged: usize,
    /// The tie-breaker of eviction: datagrams are numbered as they begin.
    serial: u64,
}

/// A datagram whose time was up, with its first fragment if that had come.
pub(crate) struct Expired {
    /// The first fragment's header and the beginning of its payload, to be quoted in a Time Exceeded.
    pub(crate) first: Option<Vec<u8>>,
    /// The interface that it came in by.
    pub(crate) on: IfIndex,
}

/// All incomplete datagrams.
pub(crate) struct Reassembly {
    table: std::collections::HashMap<Id, Datagram, crate::rng::HashKey>,
    timers: TimerQueue<Id>,
    /// Datagrams in the order in which they began; some are gone by now.
    order: VecDeque<(u64, Id)>,
    bytes: usize,
    begun: u64,
}

impl Reassembly {
    pub(crate) fn new(rng: &mut Rng) -> Reassembly {
        Reassembly {
            table: std::collections::HashMap::with_hasher(rng.hash_key()),
            timers: TimerQueue::new(),
            order: VecDeque::new(),
            bytes: 0,
            begun: 0,
        }
    }

    /// Takes a fragment. Returns the whole packet if it was the last one missing.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        on: IfIndex,
        fragment: &Fragment<'_>,
        pool: &mut dyn BufferPool,
    ) -> Result<Option<Whole>, Flaw> {
        let Fragment { src, dst, identification, protocol, offset, more, payload, .. } = *fragment;
        let id = Id { on, src, dst, identification, protocol };
        if more && !payload.len().is_multiple_of(8) {
            return Err(Flaw::Length);
        }
        // No honest sender makes a fragment that ends beyond the longest packet.
        if fragment.reaches() > ipv4::MAX_LEN {
            return Err(Flaw::Offset);
        }
        if payload.is_empty() {
            return Ok(None); // An empty fragment says nothing.
        }
        self.make_room(payload.len() + OVERHEAD, id, pool);
        if !self.table.contains_key(&id) && self.begin(now, id, pool).is_none() {
            return Ok(None);
        }
        Ok(match self.place(id, fragment, offset, offset + payload.len(), pool) {
            Placed::Kept => None,
            Placed::Complete => self.remove(id, pool).and_then(|datagram| datagram.join()),
            Placed::Conflicting => {
                self.remove(id, pool);
                None
            }
        })
    }

    /// Gives up one datagram whose time is up.
    pub(crate) fn expire(&mut self, now: Instant, pool: &mut dyn BufferPool) -> Option<Expired> {
        let id = self.timers.pop_expired(now)?;
        let datagram = self.remove(id, pool)?;
        // RFC 792: without the first fragment no Time Exceeded need be sent, for the ports are not known.
        let first = datagram.pieces.get(&0).map(|piece| {
            let mut packet = datagram.header.clone();
            let most = if datagram.fragment_header.is_some() { QUOTED_V6 } else { QUOTED };
            packet.extend_from_slice(&piece[..piece.len().min(most)]);
            packet
        });
        Some(Expired { first, on: id.on })
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn begin(&mut self, now: Instant, id: Id, pool: &mut dyn BufferPool) -> Option<()> {
        if !pool.charge(OVERHEAD) {
            return None;
        }
        self.bytes += OVERHEAD;
        self.begun += 1;
        let datagram = Datagram {
            header: Vec::new(),
            fragment_header: None,
            pieces: BTreeMap::new(),
            ecn: 0,
            longest: 0,
            have: 0,
            len: None,
            charged: OVERHEAD,
            serial: self.begun,
        };
        self.table.insert(id, datagram);
        self.order.push_back((self.begun, id));
        if self.order.len() > 64 + 2 * self.table.len() {
            let table = &self.table;
            self.order.retain(|(serial, id)| table.get(id).is_some_and(|datagram| datagram.serial == *serial));
        }
        self.timers.set(id, now + if id.src.is_ipv6() { TIMEOUT_V6 } else { TIMEOUT });
        Some(())
    }

    fn place(
        &mut self,
        id: Id,
        fragment: &Fragment<'_>,
        start: usize,
        end: usize,
        pool: &mut dyn BufferPool,
    ) -> Placed {
        let Some(datagram) = self.table.get_mut(&id) else { return Placed::Kept };
        let payload = fragment.payload;
        if let Some(piece) = datagram.pieces.get(&start)
            && piece.len() == payload.len()
        {
            return Placed::Kept; // The same fragment again.
        }
        let before = datagram.pieces.range(..end).next_back();
        let overlaps = before.is_some_and(|(at, piece)| at + piece.len() > start);
        let beyond = datagram.len.is_some_and(|len| end > len || !fragment.more && end != len);
        let cut_short =
            !fragment.more && datagram.pieces.last_key_value().is_some_and(|(at, piece)| at + piece.len() > end);
        if overlaps || beyond || cut_short {
            return Placed::Conflicting;
        }
        let header = if start == 0 { fragment.header } else { &[] };
        let charge = payload.len() + header.len() + OVERHEAD;
        if !pool.charge(charge) {
            return Placed::Kept; // At the memory limit this fragment is lost as on the wire.
        }
        datagram.charged += charge;
        self.bytes += charge;
        datagram.have += payload.len();
        datagram.ecn |= 1 << fragment.ecn();
        datagram.longest = datagram.longest.max(fragment.header.len() + payload.len());
        datagram.pieces.insert(start, payload.to_vec());
        if start == 0 {
            datagram.header = header.to_vec();
            datagram.fragment_header = fragment.fragment_header;
        }
        if !fragment.more {
            datagram.len = Some(end);
        }
        if datagram.len == Some(datagram.have) { Placed::Complete } else { Placed::Kept }
    }

    /// Drops the oldest datagrams until `bytes` more fit, but not the one that they are for.
    fn make_room(&mut self, bytes: usize, id: Id, pool: &mut dyn BufferPool) {
        while self.bytes + bytes > MAX_BYTES
            && let Some((serial, oldest)) = self.order.pop_front()
        {
            if self.table.get(&oldest).is_none_or(|datagram| datagram.serial != serial) {
                continue;
            }
            if oldest == id {
                self.order.push_front((serial, oldest));
                return;
            }
            self.remove(oldest, pool);
        }
    }

    fn remove(&mut self, id: Id, pool: &mut dyn BufferPool) -> Option<Datagram> {
        self.timers.cancel(id);
        let datagram = self.table.remove(&id)?;
        self.bytes -= datagram.charged;
        pool.release(datagram.charged);
        Some(datagram)
    }
}

enum Placed {
    Kept,
    Complete,
    Conflicting,
}

impl Datagram {
    /// The whole packet, under the first fragment's header.
    fn join(self) -> Option<Whole> {
        let longest = u16::try_from(self.longest).unwrap_or(u16::MAX);
        let mut packet = self.header;
        let marked = self.ecn & 1 << CE != 0;
        // RFC 3168 §5.3: a mark on any is a mark on the whole, and none belongs on what is not ECT.
        if marked && self.ecn & 1 != 0 {
            return None;
        }
        if let Some(gap) = self.fragment_header {
            gap.close(&mut packet);
        }
        if marked {
            packet[1] |= if self.fragment_header.is_some() { CE << 4 } else { CE };
        }
        let header_len = packet.len();
        packet.reserve(self.have);
        for piece in self.pieces.into_values() {
            packet.extend_from_slice(&piece);
        }
        if self.fragment_header.is_some() {
            // Another first fragment may have had a longer header than the one that was kept.
            let len = u16::try_from(packet.len() - ipv6::HEADER_LEN).ok()?;
            packet[4..6].copy_from_slice(&len.to_be_bytes());
            return Some(Whole { bytes: packet, longest });
        }
        let total = u16::try_from(packet.len()).ok()?;
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet[6..8].fill(0); // No longer a fragment.
        packet[10..12].fill(0);
        let sum = checksum::checksum(&packet[..header_len]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        Some(Whole { bytes: packet, longest })
    }
}

#[cfg(test)]
mod tests;
