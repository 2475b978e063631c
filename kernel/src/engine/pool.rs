//! Where sockets get memory: records and rings of the arena, bounded by RUMP_MEMLIMIT.

use super::Handle;
use crate::endpoint::{Endpoint, Kind, Rings, SocketId};
use crate::{Errno, Result, descriptor, reserve};
use arena::{Arena, Consumer, Producer, Region, Side, Window};
use netstack::socket::{BufferPool, Key, StreamBuffers, StreamSizes};
use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};
use std::sync::Arc;

/// Smallest and largest ring, in bytes.
const SMALLEST: usize = 4096;
const LARGEST: usize = 32 << 20;
/// Bytes of RUMP_MEMLIMIT that rings leave to packets on their way, at least: a few of the loopback's largest.
const FOR_PACKETS: u64 = 256 << 10;
/// Rings of a stream socket before they grow, in bytes each way: what the caches hold.
const DEFAULT_RING: usize = 512 << 10;
/// So many rings are to fit into a program's address space where that is limited (RLIMIT_AS): a connection to itself has four.
const RINGS: u64 = 16 << 10;

/// All sockets of a kernel by number, and the arena that they live in.
pub(crate) struct Sockets {
    arena: Arc<Arena>,
    table: Mutex<Vec<Option<Entry>>>,
}

struct Entry {
    endpoint: Arc<Endpoint>,
    handle: Option<Handle>,
}

impl Sockets {
    pub(crate) fn new(arena: Arc<Arena>) -> Sockets {
        Sockets { arena, table: Mutex::new(Vec::new()) }
    }

    /// A socket without rings and without a handle yet.
    pub(crate) fn create(&self, kind: Kind) -> Result<Arc<Endpoint>> {
        let record = self.arena.record().ok_or(Errno::NOBUFS)?;
        let endpoint = Arc::new(Endpoint::new(kind, record));
        let at = endpoint.id() as usize;
        let mut table = self.table.lock();
        if at >= table.len() {
            table.resize_with(at + 1, || None);
        }
        table[at] = Some(Entry { endpoint: endpoint.clone(), handle: None });
        Ok(endpoint)
    }

    /// Enters the engine's name for a socket.
    pub(crate) fn set_handle(&self, id: SocketId, handle: Handle) {
        if let Some(Some(entry)) = self.table.lock().get_mut(id as usize) {
            entry.handle = Some(handle);
        }
    }

    /// The engine's name for a socket; none before accept(2) and after close(2).
    pub(crate) fn handle(&self, id: SocketId) -> Option<Handle> {
        self.table.lock().get(id as usize)?.as_ref()?.handle
    }

    /// Takes the engine's name away: the program has closed the socket.
    pub(crate) fn take_handle(&self, id: SocketId) -> Option<Handle> {
        self.table.lock().get_mut(id as usize)?.as_mut()?.handle.take()
    }

    /// A socket by its number, with its handle.
    pub(crate) fn get(&self, id: SocketId) -> Option<(Arc<Endpoint>, Option<Handle>)> {
        let table = self.table.lock();
        let entry = table.get(id as usize)?.as_ref()?;
        Some((entry.endpoint.clone(), entry.handle))
    }

    /// Sockets that the program has not closed.
    pub(crate) fn open(&self) -> Vec<(Arc<Endpoint>, Handle)> {
        let table = self.table.lock();
        table.iter().flatten().filter_map(|entry| Some((entry.endpoint.clone(), entry.handle?))).collect()
    }

    /// The engine has no more use for a closed socket.
    pub(crate) fn forget(&self, id: SocketId) {
        let entry = self.table.lock().get_mut(id as usize).and_then(Option::take);
        if let Some(Entry { endpoint, .. }) = entry {
            endpoint.release();
        }
    }

    /// Rings of about these sizes for a stream: smaller ones near the memory limit, ENOBUFS at it.
    pub(crate) fn stream_rings(
        &self,
        endpoint: &Endpoint,
        send: usize,
        receive: usize,
    ) -> Result<(Rings, Consumer, Producer)> {
        let (tx, engine_tx) = self.ring(endpoint, Side::Tx, send).ok_or(Errno::NOBUFS)?;
        let (engine_rx, rx) = self.ring(endpoint, Side::Rx, receive).ok_or(Errno::NOBUFS)?;
        Ok((Rings::new(Some(tx), rx), engine_tx, engine_rx))
    }

    /// Whether there is memory for what one more socket may bring about.
    pub(crate) fn has_reserve(&self) -> bool {
        reserve::is_there(if is_scarce() { self.table.lock().len() } else { 0 })
    }

    /// Whether a stream could get rings, and all else that it takes.
    pub(crate) fn has_stream(&self) -> bool {
        let least = 2 * SMALLEST;
        let left = self.for_rings().saturating_sub(self.arena.used());
        left >= least as u64 && self.arena.has_room(least) && self.has_reserve()
    }

    /// The receive ring of a datagram socket.
    pub(crate) fn datagram_ring(&self, endpoint: &Endpoint, receive: usize) -> Result<(Rings, Producer)> {
        let (engine_rx, rx) = self.ring(endpoint, Side::Rx, receive).ok_or(Errno::NOBUFS)?;
        Ok((Rings::new(None, rx), engine_rx))
    }

    /// Memory of `bytes` for a ring of frames that a program maps.
    pub(crate) fn window(&self, bytes: usize) -> Option<Arc<Window>> {
        // Linux takes the pages at once, so that it has no more to give than there are; ours come when they are used.
        let there = rustix::system::sysinfo();
        let most = self.for_rings().saturating_sub(self.arena.used()).min(there.totalram * u64::from(there.mem_unit));
        if bytes as u64 > most {
            return None;
        }
        self.arena.window("rump-packets", bytes, |file| Box::new(descriptor::protect(file)))
    }

    /// What of the limit rings may take. If it were all, then full rings would leave no packet to empty them with.
    fn for_rings(&self) -> u64 {
        let limit = self.arena.limit();
        limit - (limit / 8).max(FOR_PACKETS).min(limit / 2)
    }

    fn ring(&self, endpoint: &Endpoint, side: Side, wanted: usize) -> Option<(Producer, Consumer)> {
        sizes_down(self.ring_size(wanted)?, SMALLEST).find_map(|size| self.arena.ring(&endpoint.record, side, size))
    }

    /// What a ring that is wanted of about this size gets now: at most a quarter of what the limit leaves, so that no
    /// connection starves the others.
    fn ring_size(&self, wanted: usize) -> Option<usize> {
        let left = self.for_rings().saturating_sub(self.arena.used());
        if left < SMALLEST as u64 {
            return None;
        }
        let mut capacity = wanted.clamp(SMALLEST, LARGEST).next_power_of_two();
        while capacity as u64 > left / 4 && capacity > SMALLEST {
            capacity /= 2;
        }
        Some(capacity)
    }
}

/// Bytes that a stream's ring has at first, where the program has set nothing.
pub(crate) fn first_ring() -> usize {
    let share = getrlimit(Resource::As).current.map_or(u64::MAX, |bytes| bytes / RINGS);
    1 << share.clamp(SMALLEST as u64, DEFAULT_RING as u64).ilog2()
}

/// Whether rings must begin small, since the program may not have much address space.
fn is_scarce() -> bool {
    first_ring() < DEFAULT_RING
}

fn wanted(size: Option<u32>) -> usize {
    size.map_or_else(first_ring, |bytes| bytes as usize)
}

/// `from` and its halves down to `least`: sizes to be tried where the host may have no more address space.
fn sizes_down(from: usize, least: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(from), |size| Some(size / 2)).take_while(move |&size| size >= least)
}

/// The pool as the stack sees it.
pub(crate) struct Pool {
    sockets: Arc<Sockets>,
    /// What is charged for packets.
    packets: u64,
}

impl Pool {
    pub(crate) fn new(sockets: Arc<Sockets>) -> Pool {
        Pool { sockets, packets: 0 }
    }
}

impl BufferPool for Pool {
    fn stream(&mut self, sizes: StreamSizes) -> Option<StreamBuffers> {
        let endpoint = self.sockets.create(Kind::Stream).ok()?;
        match self.sockets.stream_rings(&endpoint, wanted(sizes.send), wanted(sizes.receive)) {
            Ok((rings, tx, rx)) => {
                endpoint.set_rings(Some(rings));
                Some(StreamBuffers { key: Key(endpoint.id()), tx, rx })
            }
            Err(_) => {
                self.sockets.forget(endpoint.id());
                None
            }
        }
    }

    fn receive_size(&self, sizes: StreamSizes) -> usize {
        self.sockets.ring_size(wanted(sizes.receive)).unwrap_or(0)
    }

    fn grow(&mut self, from: usize, to: usize) -> Option<Region> {
        let arena = &self.sockets.arena;
        let region = sizes_down(self.sockets.ring_size(to)?, from + 1).find_map(|size| arena.region(size))?;
        // Where address space is scarce, as much is left for others.
        (!is_scarce() || arena.has_room(region.capacity())).then_some(region)
    }

    fn full_ring(&self) -> usize {
        DEFAULT_RING
    }

    fn has_stream(&self) -> bool {
        self.sockets.has_stream()
    }

    fn charge(&mut self, bytes: usize) -> bool {
        let packets = self.packets + bytes as u64;
        // What the reserve is for.
        if reserve::is_spent() && packets > FOR_PACKETS || !self.sockets.arena.charge(bytes) {
            return false;
        }
        self.packets = packets;
        true
    }

    fn release(&mut self, bytes: usize) {
        self.packets = self.packets.saturating_sub(bytes as u64);
        self.sockets.arena.release(bytes);
    }
}
