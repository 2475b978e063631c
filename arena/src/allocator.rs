//! The arena: chunks of one memfd, carved lazily into rings and records, charged against the memory limit.

use crate::mapping::Mapping;
use crate::memory::{Positions, Region};
use crate::record::{self, Record, Slot};
use crate::ring::{self, Consumer, Producer};
use crate::window::Window;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Chunks are this large, or as large as the one thing in them; smaller where the host has no more address space (RLIMIT_AS).
const CHUNK: usize = 4 << 20;
/// Freed rings keep their pages for the next connection up to this many bytes; beyond, pages go back to the host.
const WARM: usize = 16 << 20;

/// Holds the memfd; it may change the descriptor's number while it lives.
pub type Holder = Box<dyn AsFd + Send + Sync>;

/// Memory of one client: what its sockets hold lies here.
pub struct Arena {
    /// None where the process may not make files (`ulimit -f`): then the memory is anonymous, and nobody can observe it.
    file: Option<Holder>,
    limit: u64,
    used: AtomicU64,
    state: Mutex<State>,
}

struct State {
    file_len: u64,
    chunk: Option<(Arc<Mapping>, usize, usize)>,
    free: BTreeMap<usize, Vec<Piece>>,
    warm: usize,
    header: Piece,
    record_chunks: Vec<Piece>,
    free_records: Vec<u32>,
}

#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) at: usize,
    file_at: u64,
}

/// Which of a socket's rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the program to the engine.
    Tx,
    /// From the engine to the program.
    Rx,
}

/// Owner of a region's bytes; gives them back when nobody uses them any more.
struct Slab {
    arena: Arc<Arena>,
    piece: Option<Piece>,
    capacity: usize,
}

impl Arena {
    /// An empty arena named `name` (it shows in `/proc/PID/fd`). `limit` in bytes bounds what [`ring`](Self::ring),
    /// [`region`](Self::region) and [`charge`](Self::charge) give out.
    pub fn new(name: &str, limit: Option<u64>) -> rustix::io::Result<Arc<Arena>> {
        Arena::held_by(name, limit, |fd| Box::new(fd))
    }

    /// As [`new`](Self::new), with the memfd in the hands of `holder`.
    pub fn held_by(
        name: &str,
        limit: Option<u64>,
        holder: impl FnOnce(OwnedFd) -> Holder,
    ) -> rustix::io::Result<Arc<Arena>> {
        let file = file_allowed().then(|| memfd_create(name, MemfdFlags::CLOEXEC)).transpose()?.map(holder);
        let mut state = State {
            file_len: 0,
            chunk: None,
            free: BTreeMap::new(),
            warm: 0,
            header: Piece { mapping: Arc::new(Mapping::new(None, 4096)?), at: 0, file_at: 0 },
            record_chunks: Vec::new(),
            free_records: Vec::new(),
        };
        state.header = state.carve(file.as_ref(), record::HEADER_LEN)?;
        record::write_header(&state.header, name);
        Ok(Arc::new(Arena {
            file,
            limit: limit.unwrap_or(u64::MAX),
            used: AtomicU64::new(0),
            state: Mutex::new(state),
        }))
    }

    /// The memfd, for those who may share it.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(|file| file.as_fd())
    }

    /// Bytes given out now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The limit in bytes; `u64::MAX` where there is none.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes `bytes` of the limit. False at the limit: nothing was taken.
    pub fn charge(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|&sum| sum <= self.limit)
            })
            .is_ok()
    }

    /// Gives back what [`charge`](Self::charge) took.
    pub fn release(&self, bytes: usize) {
        let bytes = bytes as u64;
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(bytes)));
    }

    /// A record for a new socket. None when the host gives no more memory.
    pub fn record(self: &Arc<Self>) -> Option<Arc<Record>> {
        let mut state = self.state();
        let index = match state.free_records.pop() {
            Some(index) => index,
            None => {
                let first = u32::try_from(state.record_chunks.len() * record::PER_CHUNK).ok()?;
                if state.record_chunks.len() == record::MAX_CHUNKS {
                    return None;
                }
                let piece = state.take(self.file.as_ref(), record::CHUNK_LEN)?;
                record::add_chunk(&state.header, state.record_chunks.len(), piece.file_at);
                state.record_chunks.push(piece);
                state.free_records.extend((first + 1..first + record::PER_CHUNK as u32).rev());
                first
            }
        };
        let piece = &state.record_chunks[index as usize / record::PER_CHUNK];
        let at = piece.at + index as usize % record::PER_CHUNK * record::LEN;
        let slot = Slot::new(piece.mapping.clone(), at);
        Some(Arc::new(Record::new(self.clone(), index, slot)))
    }

    pub(crate) fn free_record(&self, index: u32) {
        self.state().free_records.push(index);
    }

    /// A ring of `capacity` bytes (a power of two, at least 4096) whose positions lie in `record`. None at the limit or
    /// when the host gives no more memory. At most one ring a side and record may live at a time.
    pub fn ring(self: &Arc<Self>, record: &Arc<Record>, side: Side, capacity: usize) -> Option<(Producer, Consumer)> {
        let region = self.region(capacity)?;
        let header = record.ring_header(side);
        header.reset();
        Some(ring::ends(Positions::shared(header, record.clone()), region))
    }

    /// Memory of `capacity` bytes (a power of two, at least 4096) for a ring to grow into. None as for
    /// [`ring`](Self::ring).
    pub fn region(self: &Arc<Self>, capacity: usize) -> Option<Region> {
        assert!(capacity.is_power_of_two() && capacity >= 4096);
        if !self.charge(capacity) {
            return None;
        }
        let slab = Slab { arena: self.clone(), piece: self.state().take(self.file.as_ref(), capacity), capacity };
        let bytes = slab.piece.as_ref().map(|piece| piece.mapping.at(piece.at, capacity))?;
        Some(Region::shared(bytes, capacity, Box::new(slab)))
    }

    /// Whether the host gives memory for one more record and for rings of `bytes` together, none larger than 4096: that much is
    /// kept here until it is taken.
    pub fn has_room(&self, bytes: usize) -> bool {
        let mut state = self.state();
        let records = if state.free_records.is_empty() { record::CHUNK_LEN } else { 0 };
        let free: usize = state.free.iter().map(|(capacity, pieces)| capacity * pieces.len()).sum();
        (records == 0 && free >= bytes) || state.make_room(self.file.as_ref(), records + bytes).is_ok()
    }

    /// Memory of `len` bytes that programs may map, in a memfd of its own named `name`. None at the limit, or when the host gives
    /// none.
    pub fn window(
        self: &Arc<Self>,
        name: &str,
        len: usize,
        holder: impl FnOnce(OwnedFd) -> Holder,
    ) -> Option<Arc<Window>> {
        if !file_allowed() || !self.charge(len) {
            return None;
        }
        let made = || {
            let file = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            ftruncate(&file, len as u64)?;
            fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
            Window::shared(holder(file), len, self.clone())
        };
        made().inspect_err(|_: &rustix::io::Errno| self.release(len)).ok().map(Arc::new)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A free piece of `len` bytes, else a new one, else a part of a larger free one.
    fn take(&mut self, file: Option<&Holder>, len: usize) -> Option<Piece> {
        if let Some(piece) = self.take_free(len) {
            return Some(piece);
        }
        self.carve(file, len).ok().or_else(|| self.split(len))
    }

    fn take_free(&mut self, capacity: usize) -> Option<Piece> {
        let piece = self.free.get_mut(&capacity)?.pop()?;
        self.warm = self.warm.saturating_sub(capacity);
        Some(piece)
    }

    /// A part of the smallest free piece that is larger, whose rest stays free in halves.
    fn split(&mut self, len: usize) -> Option<Piece> {
        let larger = self.free.range(len + 1..).find(|(_, pieces)| !pieces.is_empty());
        let (mut left, piece) = larger.map(|(&capacity, _)| capacity).and_then(|of| Some((of, self.take_free(of)?)))?;
        while left > len {
            left /= 2;
            let half = Piece { at: piece.at + left, file_at: piece.file_at + left as u64, ..piece.clone() };
            self.free.entry(left).or_default().push(half);
        }
        Some(piece)
    }

    fn carve(&mut self, file: Option<&Holder>, len: usize) -> rustix::io::Result<Piece> {
        self.make_room(file, len)?;
        let (mapping, used, size) = self.chunk.as_mut().ok_or(rustix::io::Errno::NOMEM)?;
        let at = *used;
        *used += len;
        let file_at = self.file_len - *size as u64 + at as u64;
        Ok(Piece { mapping: mapping.clone(), at, file_at })
    }

    /// Sees to it that the chunk has room for `len` bytes.
    fn make_room(&mut self, file: Option<&Holder>, len: usize) -> rustix::io::Result<()> {
        if self.chunk.as_ref().is_some_and(|(_, used, size)| size - used >= len) {
            return Ok(());
        }
        let least = len.next_multiple_of(rustix::param::page_size());
        let mut size = least.max(CHUNK);
        let mapping = loop {
            match self.map(file, size) {
                Err(_) if size > least => size = (size / 2).max(least),
                mapping => break mapping?,
            }
        };
        self.free_rest();
        self.file_len += size as u64;
        self.chunk = Some((Arc::new(mapping), 0, size));
        Ok(())
    }

    /// What is left of the chunk becomes free pieces.
    fn free_rest(&mut self) {
        let Some((mapping, mut at, size)) = self.chunk.take() else { return };
        while let Some(log) = (size - at).checked_ilog2().filter(|&log| log >= 12) {
            let file_at = self.file_len - (size - at) as u64;
            self.free.entry(1 << log).or_default().push(Piece { mapping: mapping.clone(), at, file_at });
            at += 1 << log;
        }
    }

    fn map(&self, file: Option<&Holder>, size: usize) -> rustix::io::Result<Mapping> {
        let Some(file) = file else {
            return Mapping::new(None, size);
        };
        ftruncate(file, self.file_len + size as u64)?;
        Mapping::new(Some((file.as_fd(), self.file_len)), size)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.arena.release(self.capacity);
        let Some(piece) = self.piece.take() else {
            return;
        };
        let mut state = self.arena.state();
        if state.warm + self.capacity > WARM {
            piece.mapping.discard(piece.at, self.capacity);
        } else {
            state.warm += self.capacity;
        }
        state.free.entry(self.capacity).or_default().push(piece);
    }
}

/// Growing a file past `ulimit -f` would be SIGXFSZ, so a process with such a limit gets no file.
fn file_allowed() -> bool {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current.is_none()
}

#[cfg(test)]
mod tests;
