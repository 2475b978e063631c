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

/// Chunks are this large, or as large as the one thing in them.
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
                let piece = state.carve(self.file.as_ref(), record::CHUNK_LEN).ok()?;
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
        let slab = Slab { arena: self.clone(), piece: self.take(capacity), capacity };
        let bytes = slab.piece.as_ref().map(|piece| piece.mapping.at(piece.at, capacity))?;
        Some(Region::shared(bytes, capacity, Box::new(slab)))
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

    fn take(&self, capacity: usize) -> Option<Piece> {
        let mut state = self.state();
        if let Some(piece) = state.free.get_mut(&capacity).and_then(Vec::pop) {
            state.warm = state.warm.saturating_sub(capacity);
            return Some(piece);
        }
        state.carve(self.file.as_ref(), capacity).ok()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn carve(&mut self, file: Option<&Holder>, len: usize) -> rustix::io::Result<Piece> {
        let fits = |(_, used, size): &(Arc<Mapping>, usize, usize)| size - used >= len;
        if !self.chunk.as_ref().is_some_and(fits) {
            let size = len.max(CHUNK);
            let mapping = match file {
                Some(file) => {
                    ftruncate(file, self.file_len + size as u64)?;
                    Mapping::new(Some((file.as_fd(), self.file_len)), size)?
                }
                None => Mapping::new(None, size)?,
            };
            self.file_len += size as u64;
            self.chunk = Some((Arc::new(mapping), 0, size));
        }
        let (mapping, used, size) = self.chunk.as_mut().ok_or(rustix::io::Errno::NOMEM)?;
        let at = *used;
        *used += len;
        let file_at = self.file_len - *size as u64 + at as u64;
        Ok(Piece { mapping: mapping.clone(), at, file_at })
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
