//! Where sockets get memory: records and rings of the arena, bounded by RUMP_MEMLIMIT.

use super::Handle;
use crate::endpoint::{Endpoint, Kind, Rings, SocketId};
use crate::{Errno, Result, descriptor};
use arena::{Arena, Consumer, Producer, Region, Side, Window};
use netstack::socket::{BufferPool, Key, StreamBuffers, StreamSizes};
use parking_lot::Mutex;
use std::sync::Arc;

/// Smallest and largest ring, in bytes.
const SMALLEST: usize = 4096;
const LARGEST: usize = 32 << 20;
/// Bytes of RUMP_MEMLIMIT that rings leave to packets on their way, at least: a few of the loopback's largest.
const FOR_PACKETS: u64 = 256 << 10;
/// Rings of a stream socket before they grow, in bytes each way: what the caches hold.
pub(crate) const DEFAULT_RING: usize = 512 << 10;

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
        self.arena.ring(&endpoint.record, side, self.ring_size(wanted)?)
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

fn wanted(size: Option<u32>) -> usize {
    size.map_or(DEFAULT_RING, |bytes| bytes as usize)
}

/// The pool as the stack sees it.
pub(crate) struct Pool(pub(crate) Arc<Sockets>);

impl BufferPool for Pool {
    fn stream(&mut self, sizes: StreamSizes) -> Option<StreamBuffers> {
        let endpoint = self.0.create(Kind::Stream).ok()?;
        match self.0.stream_rings(&endpoint, wanted(sizes.send), wanted(sizes.receive)) {
            Ok((rings, tx, rx)) => {
                endpoint.set_rings(Some(rings));
                Some(StreamBuffers { key: Key(endpoint.id()), tx, rx })
            }
            Err(_) => {
                self.0.forget(endpoint.id());
                None
            }
        }
    }

    fn receive_size(&self, sizes: StreamSizes) -> usize {
        self.0.ring_size(wanted(sizes.receive)).unwrap_or(0)
    }

    fn grow(&mut self, from: usize, to: usize) -> Option<Region> {
        let size = self.0.ring_size(to).filter(|&size| size > from)?;
        self.0.arena.region(size)
    }

    fn has_stream(&self) -> bool {
        self.0.for_rings().saturating_sub(self.0.arena.used()) >= 2 * SMALLEST as u64
    }

    fn charge(&mut self, bytes: usize) -> bool {
        self.0.arena.charge(bytes)
    }

    fn release(&mut self, bytes: usize) {
        self.0.arena.release(bytes);
    }
}
