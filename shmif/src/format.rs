//! The layout of the bus file, version 1. `FORMAT.md` says the same in prose; the assertions below hold both together.
//!
//! Everything that lies in the file is an atomic, so that any bit pattern is a valid value and a reference to it is
//! sound whatever other processes write there.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[cfg(test)]
mod tests;

/// The first eight bytes of a bus.
pub(crate) const MAGIC: [u8; 8] = *b"rumpbus\0";
/// The layout that this crate reads and writes. Any change of a byte's meaning changes it.
pub(crate) const VERSION: u32 = 1;

/// Nodes that fit on a bus.
pub(crate) const SLOTS: usize = 1024;
/// Addresses that a node can claim.
pub(crate) const ADDRESSES: usize = 8;
/// Entries of a receive ring.
pub(crate) const RING: usize = 2048;

/// Blocks for ordinary frames, and their size with header.
pub(crate) const SMALL_BLOCKS: usize = 256;
pub(crate) const SMALL_BYTES: usize = 2 << 10;
/// Blocks for large frames, and their size with header.
pub(crate) const BIG_BLOCKS: usize = 64;
pub(crate) const BIG_BYTES: usize = 68 << 10;
/// All blocks of a node: the small ones come first.
pub(crate) const BLOCKS: usize = SMALL_BLOCKS + BIG_BLOCKS;

/// The largest interface MTU, in bytes: the largest IPv4 packet.
pub const MAX_MTU: u32 = 65_535;
/// The smallest interface MTU, in bytes (RFC 791 §3.2).
pub const MIN_MTU: u32 = 68;
/// Bytes that Ethernet and one VLAN tag add to the MTU.
pub(crate) const LINK_HEADER: usize = 18;
/// The longest frame that any node may send, in bytes with its Ethernet header.
pub const MAX_FRAME: usize = MAX_MTU as usize + LINK_HEADER;

pub(crate) const TABLE_OFFSET: usize = 4096;
pub(crate) const AREAS_OFFSET: usize = 1 << 20;
pub(crate) const AREA_STRIDE: usize = 5 << 20;
/// Within an area.
pub(crate) const RING_OFFSET: usize = 0;
pub(crate) const ROOM_OFFSET: usize = RING * 8;
pub(crate) const SMALL_OFFSET: usize = ROOM_OFFSET + 4096;
pub(crate) const BIG_OFFSET: usize = SMALL_OFFSET + SMALL_BLOCKS * SMALL_BYTES;

/// File offset of a node's area.
pub(crate) const fn area_offset(slot: usize) -> u64 {
    (AREAS_OFFSET + slot * AREA_STRIDE) as u64
}

/// Offset of a block within its area, and its size; `None` past the last block.
pub(crate) const fn block_span(block: usize) -> Option<(usize, usize)> {
    if block < SMALL_BLOCKS {
        Some((SMALL_OFFSET + block * SMALL_BYTES, SMALL_BYTES))
    } else if block < BLOCKS {
        Some((BIG_OFFSET + (block - SMALL_BLOCKS) * BIG_BYTES, BIG_BYTES))
    } else {
        None
    }
}

/// Bytes of payload that a block holds.
pub(crate) const fn block_capacity(block: usize) -> usize {
    match block_span(block) {
        Some((_, bytes)) => bytes - size_of::<BlockHeader>(),
        None => 0,
    }
}

/// The first page of the file.
#[repr(C, align(64))]
pub(crate) struct Header {
    magic: AtomicU64,
    version: AtomicU32,
    geometry: [AtomicU32; 10],
    _reserved: [AtomicU32; 3],
    /// Changes with every change of the node table: a node looks at the table only when this did.
    pub(crate) table_version: AtomicU64,
    _line: [AtomicU64; 7],
}

impl Header {
    /// The bytes that never change, as they are now.
    pub(crate) fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.magic.load(Ordering::Relaxed).to_le_bytes());
        let words = std::iter::once(&self.version).chain(&self.geometry);
        for (field, word) in bytes[8..].chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        bytes
    }
}

/// Bytes of the header that never change.
pub(crate) const HEADER_BYTES: usize = 52;

/// What the file's first bytes must be: magic, version, and the geometry that version 1 fixes.
pub(crate) fn header_bytes() -> [u8; HEADER_BYTES] {
    let geometry = [
        TABLE_OFFSET,
        size_of::<Record>(),
        SLOTS,
        AREAS_OFFSET,
        AREA_STRIDE,
        RING,
        SMALL_BLOCKS,
        SMALL_BYTES,
        BIG_BLOCKS,
        BIG_BYTES,
    ];
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    for (field, value) in bytes[12..].chunks_exact_mut(4).zip(geometry) {
        field.copy_from_slice(&(value as u32).to_le_bytes());
    }
    bytes
}

/// A node's record in the table: eight cache lines, each written mostly by one side.
#[repr(C, align(64))]
pub(crate) struct Record {
    // Line 0: who it is. Written by the node.
    /// See [`Life`].
    pub(crate) life: AtomicU64,
    /// The MAC in the lower 48 bits, first byte lowest.
    pub(crate) mac: AtomicU64,
    pub(crate) pid: AtomicU32,
    pub(crate) mtu: AtomicU32,
    pub(crate) flags: AtomicU32,
    /// Zero, or the thread id of the node's background thread with FUTEX_WAITERS: a robust futex that the host's kernel
    /// marks FUTEX_OWNER_DIED.
    pub(crate) alive: AtomicU32,
    /// Counts up every few seconds while the node has a background thread.
    pub(crate) heartbeat: AtomicU64,
    /// CLOCK_REALTIME in nanoseconds at the join.
    pub(crate) joined: AtomicU64,
    /// CLOCK_MONOTONIC in nanoseconds when the last holder of the slot went.
    pub(crate) ended: AtomicU64,
    _line0: AtomicU64,
    // Line 1: the name of the program, padded with zeros.
    pub(crate) name: [AtomicU64; 8],
    // Line 2: see [`address_word`].
    pub(crate) addresses: [AtomicU64; ADDRESSES],
    // Line 3: written by the node and by who wakes it.
    pub(crate) foreground: BellWord,
    pub(crate) background: BellWord,
    /// Set before a wake-up that is not for a frame: room came back, or the table changed.
    pub(crate) kicked: AtomicU32,
    /// Bits of [`Attender`](crate::Attender): while one is set, somebody of the node is awake and will look at the ring
    /// after clearing it, so nobody needs waking.
    pub(crate) attended: AtomicU32,
    _line3: [AtomicU32; 10],
    // Line 4: written by the node.
    pub(crate) counters: CounterWords,
    // Line 5: written by the senders.
    /// Frames for this node that found its ring full or its share of a sender's blocks used up.
    pub(crate) overruns: AtomicU64,
    _line5: [AtomicU64; 7],
    // Line 6: written by the node.
    /// Position of the next frame that the node reads from its ring.
    pub(crate) head: AtomicU64,
    _line6: [AtomicU64; 7],
    // Line 7: written by the senders.
    /// A hint to the next free position of the ring.
    pub(crate) tail: AtomicU64,
    _line7: [AtomicU64; 7],
}

/// A futex word and whether somebody sleeps on it.
#[repr(C)]
pub(crate) struct BellWord {
    pub(crate) word: AtomicU32,
    pub(crate) sleeping: AtomicU32,
}

impl BellWord {
    /// A bell outside the file, with a word that no token of a shared one is likely to fit.
    pub(crate) fn private() -> BellWord {
        BellWord { word: AtomicU32::new(1 << 31), sleeping: AtomicU32::new(0) }
    }
}

/// A node's counters as it publishes them.
#[repr(C)]
pub(crate) struct CounterWords {
    pub(crate) rx_frames: AtomicU64,
    pub(crate) rx_bytes: AtomicU64,
    pub(crate) rx_torn: AtomicU64,
    pub(crate) tx_frames: AtomicU64,
    pub(crate) tx_bytes: AtomicU64,
    pub(crate) tx_full: AtomicU64,
    pub(crate) tx_dropped: AtomicU64,
    _reserved: AtomicU64,
}

/// In front of each payload. `sequence` is odd while the sender writes the block.
#[repr(C, align(64))]
pub(crate) struct BlockHeader {
    pub(crate) sequence: AtomicU64,
    pub(crate) length: AtomicU32,
    pub(crate) flags: AtomicU32,
    /// CLOCK_REALTIME in nanoseconds.
    pub(crate) timestamp: AtomicU64,
    _reserved: [AtomicU64; 5],
}

/// Who wants to hear that this node made room: `any`, then a bit a slot.
#[repr(C)]
pub(crate) struct RoomWanted {
    pub(crate) any: AtomicU64,
    pub(crate) slots: [AtomicU64; SLOTS / 64],
}

/// [`Record::flags`]: wants a copy of every frame.
pub(crate) const NODE_PROMISCUOUS: u32 = 1;
/// [`BlockHeader::flags`]: the transport checksum field holds only the pseudo-header sum.
pub(crate) const FRAME_CHECKSUM_PARTIAL: u32 = 1;

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<Header>() == 128 && size_of::<Header>() <= TABLE_OFFSET);
    assert!(offset_of!(Header, table_version) == 64);
    assert!(size_of::<Record>() == 512);
    assert!(offset_of!(Record, alive) == 28);
    assert!(offset_of!(Record, name) == 64);
    assert!(offset_of!(Record, addresses) == 128);
    assert!(offset_of!(Record, foreground) == 192);
    assert!(offset_of!(Record, kicked) == 208);
    assert!(offset_of!(Record, counters) == 256);
    assert!(offset_of!(Record, overruns) == 320);
    assert!(offset_of!(Record, head) == 384);
    assert!(offset_of!(Record, tail) == 448);
    assert!(size_of::<BlockHeader>() == 64);
    assert!(size_of::<RoomWanted>() <= 4096);
    assert!(TABLE_OFFSET + SLOTS * size_of::<Record>() <= AREAS_OFFSET);
    assert!(BIG_OFFSET + BIG_BLOCKS * BIG_BYTES <= AREA_STRIDE);
    assert!(BIG_OFFSET.is_multiple_of(64) && SMALL_OFFSET.is_multiple_of(64) && BIG_BYTES.is_multiple_of(64));
    assert!(MAX_FRAME <= BIG_BYTES - size_of::<BlockHeader>());
    assert!(RING.is_power_of_two());
    assert!(SLOTS <= 1 << Descriptor::SLOT_BITS && BLOCKS <= 1 << Descriptor::BLOCK_BITS);
};

/// What a slot is, in one word so that it is always read whole: generation in the upper 48 bits, then how the generation
/// before this one ended, then the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) generation: u64,
    pub(crate) before: State,
    pub(crate) state: State,
}

/// A state of a slot. What a scribbler may leave there reads as `Free`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Free = 0,
    Live = 1,
    Left = 2,
    Died = 3,
}

impl State {
    fn from_bits(bits: u64) -> State {
        match bits & 0xff {
            1 => State::Live,
            2 => State::Left,
            3 => State::Died,
            _ => State::Free,
        }
    }
}

impl Life {
    pub(crate) fn from_bits(bits: u64) -> Life {
        Life { generation: bits >> 16, before: State::from_bits(bits >> 8), state: State::from_bits(bits) }
    }

    pub(crate) fn bits(self) -> u64 {
        self.generation << 16 | (self.before as u64) << 8 | self.state as u64
    }

    pub(crate) fn is_live(self) -> bool {
        self.state == State::Live
    }

    pub(crate) fn with(self, state: State) -> Life {
        Life { state, ..self }
    }

    /// The life of the slot's next holder.
    pub(crate) fn next(self) -> Life {
        Life { generation: (self.generation + 1) & (u64::MAX >> 16), before: self.state, state: State::Live }
    }
}

impl Record {
    pub(crate) fn life(&self) -> Life {
        Life::from_bits(self.life.load(Ordering::Acquire))
    }
}

/// An entry of a receive ring: lap (20 bits), sender's slot (10), block (10), the lower 24 bits of the block's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) slot: usize,
    pub(crate) block: usize,
    pub(crate) sequence: u64,
}

impl Descriptor {
    pub(crate) const SEQUENCE_BITS: u32 = 24;
    pub(crate) const BLOCK_BITS: u32 = 10;
    pub(crate) const SLOT_BITS: u32 = 10;
    const LAP_SHIFT: u32 = Self::SEQUENCE_BITS + Self::BLOCK_BITS + Self::SLOT_BITS;
    pub(crate) const SEQUENCE_MASK: u64 = (1 << Self::SEQUENCE_BITS) - 1;

    /// The tag of ring position `position`. Lap 0 has tag 1, so that a ring of zeros is empty.
    pub(crate) fn tag(position: u64) -> u64 {
        (position / RING as u64).wrapping_add(1) << Self::LAP_SHIFT
    }

    /// True where `entry` was published at `position`.
    pub(crate) fn is_at(entry: u64, position: u64) -> bool {
        entry >> Self::LAP_SHIFT << Self::LAP_SHIFT == Self::tag(position)
    }

    pub(crate) fn entry(self, position: u64) -> u64 {
        Self::tag(position)
            | (self.slot as u64) << (Self::SEQUENCE_BITS + Self::BLOCK_BITS)
            | (self.block as u64) << Self::SEQUENCE_BITS
            | self.sequence & Self::SEQUENCE_MASK
    }

    /// Any entry reads as some descriptor; the slot is in range because it has ten bits, the block may not be.
    pub(crate) fn from_entry(entry: u64) -> Descriptor {
        let field = |shift: u32, bits: u32| (entry >> shift & ((1 << bits) - 1)) as usize;
        Descriptor {
            slot: field(Self::SEQUENCE_BITS + Self::BLOCK_BITS, Self::SLOT_BITS),
            block: field(Self::SEQUENCE_BITS, Self::BLOCK_BITS),
            sequence: entry & Self::SEQUENCE_MASK,
        }
    }
}

/// A claimed address as it lies in a record: address, prefix length, and a bit that says that the entry is used.
pub(crate) fn address_word(address: std::net::Ipv4Addr, prefix: u8) -> u64 {
    u64::from(u32::from(address)) | u64::from(prefix) << 32 | 1 << 40
}

/// The reverse; `None` for an unused entry or one that makes no sense.
pub(crate) fn address_of(word: u64) -> Option<(std::net::Ipv4Addr, u8)> {
    let prefix = (word >> 32 & 0xff) as u8;
    (word >> 40 == 1 && prefix <= 32).then(|| (std::net::Ipv4Addr::from(word as u32), prefix))
}

/// A MAC as it lies in a record.
pub(crate) fn mac_word([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// The reverse.
pub(crate) fn mac_of(word: u64) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = word.to_le_bytes();
    [a, b, c, d, e, f]
}
