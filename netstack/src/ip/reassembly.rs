//! Reassembly of fragments (RFC 791 §3.2, RFC 815), bounded in memory and time.
//!
//! A datagram with overlapping fragments is thrown away whole (RFC 5722 says it for IPv6, Linux does it for both): no
//! two hosts agree on what such fragments mean, and honest senders make none. Memory is charged by what arrived, not by
//! what a fragment claims will come.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::rng::Rng;
use crate::socket::BufferPool;
use crate::time::Instant;
use crate::timer::TimerQueue;
use crate::wire::ipv4::{self, Packet};
use crate::wire::{checksum, icmpv4};

/// How long a datagram may take to arrive (Linux ipfrag_time).
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes that incomplete datagrams may hold together (Linux ipfrag_high_thresh); beyond it the oldest are dropped.
const MAX_BYTES: usize = 4 << 20;
/// Charged for a fragment, and for a datagram, besides its bytes.
const OVERHEAD: usize = 128;
/// What a Time Exceeded quotes of the first fragment besides its header; as much as an error may (RFC 1812 §4.3.2.3).
const QUOTED: usize = 576 - ipv4::MAX_HEADER_LEN - icmpv4::HEADER_LEN;

/// What the fragments of one datagram share (RFC 791 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Id {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    identification: u16,
    protocol: u8,
}

struct Datagram {
    /// Header of the first fragment, options included.
    header: Vec<u8>,
    /// Payloads by offset; no two overlap.
    pieces: BTreeMap<usize, Vec<u8>>,
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
    pub(crate) fn insert(&mut self, now: Instant, fragment: &Packet<'_>, pool: &mut dyn BufferPool) -> Option<Vec<u8>> {
        let id = Id {
            src: fragment.src(),
            dst: fragment.dst(),
            identification: fragment.identification(),
            protocol: fragment.protocol(),
        };
        let payload = fragment.payload();
        let (start, end) = (fragment.fragment_offset(), fragment.fragment_offset() + payload.len());
        // An empty fragment says nothing; only the last may have a length that is no multiple of 8; and what would end
        // beyond the longest packet is an attack.
        if payload.is_empty()
            || fragment.more_fragments() && !payload.len().is_multiple_of(8)
            || fragment.header_len() + end > ipv4::MAX_LEN
        {
            return None;
        }
        self.make_room(payload.len() + OVERHEAD, id, pool);
        if !self.table.contains_key(&id) {
            self.begin(now, id, pool)?;
        }
        match self.place(id, fragment, start, end, pool) {
            Placed::Kept => None,
            Placed::Complete => self.remove(id, pool).and_then(|datagram| datagram.join()),
            Placed::Conflicting => {
                self.remove(id, pool);
                None
            }
        }
    }

    /// Gives up one datagram whose time is up.
    pub(crate) fn expire(&mut self, now: Instant, pool: &mut dyn BufferPool) -> Option<Expired> {
        let id = self.timers.pop_expired(now)?;
        let datagram = self.remove(id, pool)?;
        // RFC 792: without the first fragment no Time Exceeded need be sent, for the ports are not known.
        let first = datagram.pieces.get(&0).map(|piece| {
            let mut packet = datagram.header.clone();
            packet.extend_from_slice(&piece[..piece.len().min(QUOTED)]);
            packet
        });
        Some(Expired { first })
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
            pieces: BTreeMap::new(),
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
        self.timers.set(id, now + TIMEOUT);
        Some(())
    }

    fn place(&mut self, id: Id, fragment: &Packet<'_>, start: usize, end: usize, pool: &mut dyn BufferPool) -> Placed {
        let Some(datagram) = self.table.get_mut(&id) else { return Placed::Kept };
        let payload = fragment.payload();
        if let Some(piece) = datagram.pieces.get(&start)
            && piece.len() == payload.len()
        {
            return Placed::Kept; // The same fragment again.
        }
        let before = datagram.pieces.range(..end).next_back();
        let overlaps = before.is_some_and(|(at, piece)| at + piece.len() > start);
        let beyond = datagram.len.is_some_and(|len| end > len || !fragment.more_fragments() && end != len);
        let cut_short = !fragment.more_fragments()
            && datagram.pieces.last_key_value().is_some_and(|(at, piece)| at + piece.len() > end);
        if overlaps || beyond || cut_short {
            return Placed::Conflicting;
        }
        let header = if start == 0 { fragment.header() } else { &[] };
        let charge = payload.len() + header.len() + OVERHEAD;
        if !pool.charge(charge) {
            return Placed::Kept; // At the memory limit this fragment is lost as on the wire.
        }
        datagram.charged += charge;
        self.bytes += charge;
        datagram.have += payload.len();
        datagram.pieces.insert(start, payload.to_vec());
        if start == 0 {
            datagram.header = header.to_vec();
        }
        if !fragment.more_fragments() {
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
    fn join(self) -> Option<Vec<u8>> {
        let mut packet = self.header;
        let header_len = packet.len();
        let total = u16::try_from(header_len + self.have).ok()?;
        packet.reserve(self.have);
        for piece in self.pieces.into_values() {
            packet.extend_from_slice(&piece);
        }
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet[6..8].fill(0); // No longer a fragment.
        packet[10..12].fill(0);
        let sum = checksum::checksum(&packet[..header_len]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        Some(packet)
    }
}

#[cfg(test)]
mod tests;
