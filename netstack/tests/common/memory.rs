//! Where the stacks of a test get their buffers, with a limit, and the programs' ends of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use netstack::Key;
use netstack::socket::{BufferPool, StreamBuffers, StreamSizes};

struct State {
    next_key: u32,
    ring: usize,
    /// Connections that may still arrive.
    streams: usize,
    offers: bool,
    /// Rings grow no larger.
    largest_ring: usize,
    full_ring: usize,
    grown: usize,
    given: usize,
    limit: usize,
    charged: usize,
    most: usize,
    ends: HashMap<Key, (arena::Producer, arena::Consumer)>,
}

/// A node's memory, as the test sees it.
#[derive(Clone)]
pub struct Memory(Arc<Mutex<State>>);

impl Memory {
    pub fn new() -> Memory {
        Memory(Arc::new(Mutex::new(State {
            next_key: 0,
            ring: 1 << 18,
            streams: usize::MAX,
            offers: true,
            largest_ring: usize::MAX,
            full_ring: 0,
            grown: 0,
            given: 0,
            limit: usize::MAX,
            charged: 0,
            most: 0,
            ends: HashMap::new(),
        })))
    }

    pub fn pool(&self) -> Pool {
        Pool(self.clone())
    }

    /// A key that no socket of this node has had.
    pub fn new_key(&self) -> Key {
        let mut state = self.lock();
        state.next_key += 1;
        Key(state.next_key)
    }

    /// Size of the rings of connections that arrive from now on.
    pub fn set_ring(&self, bytes: usize) {
        self.lock().ring = bytes;
    }

    /// Rings grow no larger than this (a power of two).
    pub fn set_largest_ring(&self, bytes: usize) {
        self.lock().largest_ring = bytes;
    }

    /// Rings grow to so much over any path.
    pub fn set_full_ring(&self, bytes: usize) {
        self.lock().full_ring = bytes;
    }

    /// How many rings have grown.
    pub fn rings_grown(&self) -> usize {
        self.lock().grown
    }

    /// How many more connections may arrive.
    pub fn set_streams(&self, streams: usize) {
        self.lock().streams = streams;
    }

    /// Whether new connections are told that there are rings for them.
    pub fn offer_streams(&self, yes: bool) {
        self.lock().offers = yes;
    }

    /// How many connections have arrived.
    pub fn streams_given(&self) -> usize {
        self.lock().given
    }

    /// How much the engine's queues may hold.
    pub fn set_limit(&self, bytes: usize) {
        self.lock().limit = bytes;
    }

    /// What the engine's queues hold.
    pub fn charged(&self) -> usize {
        self.lock().charged
    }

    /// The most that they ever held.
    pub fn most_charged(&self) -> usize {
        self.lock().most
    }

    /// The program's ends (what it writes, what it reads) of a connection that arrived.
    pub fn take_ends(&self, key: Key) -> Option<(arena::Producer, arena::Consumer)> {
        self.lock().ends.remove(&key)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock held")
    }
}

/// The engine's side of [`Memory`].
pub struct Pool(Memory);

impl BufferPool for Pool {
    fn stream(&mut self, sizes: StreamSizes) -> Option<StreamBuffers> {
        let key = self.0.new_key();
        let mut state = self.0.lock();
        state.streams = state.streams.checked_sub(1)?;
        state.given += 1;
        let size = |wanted: Option<u32>| wanted.map_or(state.ring, |bytes| (bytes as usize).next_power_of_two());
        let (program_tx, tx) = arena::ring::heap(size(sizes.send));
        let (rx, program_rx) = arena::ring::heap(size(sizes.receive));
        state.ends.insert(key, (program_tx, program_rx));
        Some(StreamBuffers { key, tx, rx })
    }

    fn receive_size(&self, sizes: StreamSizes) -> usize {
        sizes.receive.map_or(self.0.lock().ring, |bytes| (bytes as usize).next_power_of_two())
    }

    fn grow(&mut self, from: usize, to: usize) -> Option<arena::Region> {
        let mut state = self.0.lock();
        let to = to.min(state.largest_ring);
        state.grown += usize::from(to > from);
        (to > from).then(|| arena::Region::heap(to))
    }

    fn full_ring(&self) -> usize {
        self.0.lock().full_ring
    }

    fn has_stream(&self) -> bool {
        self.0.lock().offers
    }

    fn charge(&mut self, bytes: usize) -> bool {
        let mut state = self.0.lock();
        if state.charged + bytes > state.limit {
            return false;
        }
        state.charged += bytes;
        state.most = state.most.max(state.charged);
        true
    }

    fn release(&mut self, bytes: usize) {
        let mut state = self.0.lock();
        state.charged = state.charged.checked_sub(bytes).expect("the engine gives back no more than it took");
    }
}
