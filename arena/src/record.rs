//! A socket's record: the facts that a program polls, an observer reads and an adopter needs.
//!
//! Layout of the arena's file, version 1, in native byte order. The header page: magic `rumparn1` (8), pid u32, number of
//! record chunks u32, name (64, NUL-padded), then the file offset of each record chunk (u64 each). A record chunk is
//! [`PER_CHUNK`] records of [`LEN`] bytes; a record is the struct `Shared`.
#![allow(unsafe_code)]

use crate::allocator::{Arena, Piece, Side};
use crate::mapping::Mapping;
use crate::memory::Header;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering, fence};

/// First bytes of an arena's file.
pub const MAGIC: [u8; 8] = *b"rumparn1";
/// Bytes of the header page.
pub(crate) const HEADER_LEN: usize = 4096;
const DIRECTORY: usize = 128;
/// Bytes of a record.
pub const LEN: usize = 512;
/// Records in a chunk.
pub const PER_CHUNK: usize = 512;
pub(crate) const CHUNK_LEN: usize = LEN * PER_CHUNK;
pub(crate) const MAX_CHUNKS: usize = (HEADER_LEN - DIRECTORY) / 8;
/// 64-bit words of a socket's description.
pub const WORDS: usize = 22;

/// A record as it lies in memory. Any bit pattern is valid.
#[repr(C, align(64))]
pub(crate) struct Shared {
    state: AtomicU32,
    error: AtomicI32,
    accept_queue: AtomicU32,
    in_use: AtomicU32,
    input: AtomicU64,
    space: AtomicU64,
    changes: AtomicU64,
    _reserved: [u64; 3],
    sequence: AtomicU64,
    words: [AtomicU64; WORDS],
    _pad: u64,
    tx: Header,
    rx: Header,
}

const _: () = assert!(size_of::<Shared>() == LEN);

/// How often something has happened to a socket. An edge-triggered watcher is told again of what has happened since, and only of
/// what it asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of [`Record::count_input`].
    pub input: u64,
    /// Of [`Record::count_space`].
    pub space: u64,
    /// Of [`Record::count_change`].
    pub changes: u64,
}

/// Where a record lies.
pub(crate) struct Slot {
    shared: NonNull<Shared>,
    _mapping: Arc<Mapping>,
}

// SAFETY: the record is made of atomics, and `_mapping` keeps it mapped.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Slot {
    pub(crate) fn new(mapping: Arc<Mapping>, at: usize) -> Slot {
        let shared = mapping.at(at, LEN).cast::<Shared>();
        assert!(shared.is_aligned());
        Slot { shared, _mapping: mapping }
    }

    fn get(&self) -> &Shared {
        // SAFETY: `new` checked range and alignment, `_mapping` keeps it mapped, and atomics accept any bit pattern.
        unsafe { self.shared.as_ref() }
    }
}

/// A socket's record. The engine's owner writes it; anybody who holds the memory reads it.
pub struct Record {
    arena: Arc<Arena>,
    index: u32,
    slot: Slot,
}

impl Record {
    pub(crate) fn new(arena: Arc<Arena>, index: u32, slot: Slot) -> Record {
        let record = Record { arena, index, slot };
        let shared = record.shared();
        shared.state.store(0, Ordering::Relaxed);
        shared.error.store(0, Ordering::Relaxed);
        shared.accept_queue.store(0, Ordering::Relaxed);
        for count in [&shared.input, &shared.space, &shared.changes] {
            count.store(0, Ordering::Relaxed);
        }
        record.describe(&[0; WORDS]);
        shared.in_use.store(1, Ordering::Release);
        record
    }

    fn shared(&self) -> &Shared {
        self.slot.get()
    }

    pub(crate) fn ring_header(&self, side: Side) -> &Header {
        match side {
            Side::Tx => &self.shared().tx,
            Side::Rx => &self.shared().rx,
        }
    }

    /// Number of the record in its arena.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// State bits that the kernel defines.
    pub fn state(&self) -> u32 {
        self.shared().state.load(Ordering::Acquire)
    }

    /// Sets the state bits.
    pub fn set_state(&self, bits: u32) {
        self.shared().state.store(bits, Ordering::Release);
    }

    /// The pending error, an errno or 0.
    pub fn error(&self) -> i32 {
        self.shared().error.load(Ordering::Acquire)
    }

    /// Sets the pending error.
    pub fn set_error(&self, errno: i32) {
        self.shared().error.store(errno, Ordering::Release);
    }

    /// Takes the pending error, as SO_ERROR does.
    pub fn take_error(&self) -> i32 {
        self.shared().error.swap(0, Ordering::AcqRel)
    }

    /// Connections ready to be accepted.
    pub fn accept_queue(&self) -> u32 {
        self.shared().accept_queue.load(Ordering::Acquire)
    }

    /// Sets the number of connections ready to be accepted.
    pub fn set_accept_queue(&self, n: u32) {
        self.shared().accept_queue.store(n, Ordering::Release);
    }

    /// How often what has happened.
    pub fn counts(&self) -> Counts {
        let shared = self.shared();
        Counts {
            input: shared.input.load(Ordering::Acquire),
            space: shared.space.load(Ordering::Acquire),
            changes: shared.changes.load(Ordering::Acquire),
        }
    }

    /// Something came: bytes, a datagram, a connection to accept, an urgent mark.
    pub fn count_input(&self) {
        self.shared().input.fetch_add(1, Ordering::Release);
    }

    /// There is room for a writer who found none.
    pub fn count_space(&self) {
        self.shared().space.fetch_add(1, Ordering::Release);
    }

    /// Another state, an error, an option by which the socket is readier or less ready.
    pub fn count_change(&self) {
        self.shared().changes.fetch_add(1, Ordering::Release);
    }

    /// Publishes the description: readers see all of it or the one before.
    pub fn describe(&self, words: &[u64; WORDS]) {
        let shared = self.shared();
        let sequence = shared.sequence.load(Ordering::Relaxed);
        shared.sequence.store(sequence | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        for (to, word) in shared.words.iter().zip(words) {
            to.store(*word, Ordering::Relaxed);
        }
        shared.sequence.store((sequence | 1).wrapping_add(1), Ordering::Release);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.shared().in_use.store(0, Ordering::Release);
        self.arena.free_record(self.index);
    }
}

pub(crate) fn write_header(header: &Piece, name: &str) {
    let mut bytes = [0; DIRECTORY];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&std::process::id().to_ne_bytes());
    let name = &name.as_bytes()[..name.len().min(63)];
    bytes[16..16 + name.len()].copy_from_slice(name);
    let to = header.mapping.at(header.at, HEADER_LEN);
    // SAFETY: `at` gave a pointer to HEADER_LEN writable bytes that only the allocator, our caller, uses.
    unsafe { to.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

/// Enters the record chunk `number` at `file_at` into the header's directory.
pub(crate) fn add_chunk(header: &Piece, number: usize, file_at: u64) {
    assert!(number < MAX_CHUNKS);
    let entry = header.mapping.at(header.at + DIRECTORY + number * 8, 8).cast::<AtomicU64>();
    let count = header.mapping.at(header.at + 12, 4).cast::<AtomicU32>();
    // SAFETY: both lie in the header page (offsets asserted by `at`), are aligned (the page is, 128 + 8n and 12 are
    // multiples of 8 and 4), stay mapped during the call, and are only reached as atomics from here on.
    unsafe {
        entry.as_ref().store(file_at, Ordering::Relaxed);
        count.as_ref().store(number as u32 + 1, Ordering::Release);
    }
}
