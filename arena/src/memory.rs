//! Where rings live: positions and regions of bytes that outlive every handle to them.
#![allow(unsafe_code)]

use crate::fault::{self, Fault};
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// One cache line for each side's position, so that producer and consumer do not share a line.
#[repr(C, align(64))]
#[derive(Default)]
struct Line {
    position: AtomicU64,
    notify_at: AtomicU64,
    /// Of the head: the urgent mark (see `urgent`), and the position of one that was not passed when a newer one came, plus one.
    urgent: AtomicU64,
    passed_over: AtomicU64,
    /// Of the tail: how far the consumer has used what it keeps.
    used: AtomicU64,
}

/// The positions of a ring, as they lie in shared memory. All counts are of bytes since the ring was made; they only grow.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Header {
    head: Line,
    tail: Line,
}

impl Header {
    /// Bytes ever published by the producer.
    pub(crate) fn head(&self) -> u64 {
        self.head.position.load(Ordering::Acquire)
    }

    pub(crate) fn set_head(&self, to: u64) {
        self.head.position.store(to, Ordering::Release);
    }

    /// Bytes ever freed by the consumer.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.position.load(Ordering::Acquire)
    }

    pub(crate) fn set_tail(&self, to: u64) {
        self.tail.position.store(to, Ordering::Release);
    }

    /// The tail at which the producer wants to hear of freed space.
    pub(crate) fn notify_at(&self) -> u64 {
        self.head.notify_at.load(Ordering::Acquire)
    }

    pub(crate) fn set_notify_at(&self, tail: u64) {
        self.head.notify_at.store(tail, Ordering::Release);
    }

    /// Bytes that the consumer has used, freed or not.
    pub(crate) fn used(&self) -> u64 {
        self.tail.used.load(Ordering::Acquire)
    }

    pub(crate) fn set_used(&self, to: u64) {
        self.tail.used.store(to, Ordering::Release);
    }

    /// Between a side's store of its own word (mark or tail) and its load of the other's: of a producer that sets a mark
    /// and then looks at the tail, and a consumer that moves the tail and then looks at the mark, one sees the other.
    pub(crate) fn order_mark_and_tail(&self) {
        fence(Ordering::SeqCst);
    }

    /// The word of the urgent mark.
    pub(crate) fn mark(&self) -> &AtomicU64 {
        &self.head.urgent
    }

    /// The position of an urgent byte that a newer one has replaced while it was the next to be read.
    pub(crate) fn passed_over(&self) -> Option<u64> {
        self.head.passed_over.load(Ordering::Acquire).checked_sub(1)
    }

    pub(crate) fn set_passed_over(&self, position: u64) {
        self.head.passed_over.store(position.wrapping_add(1), Ordering::Release);
    }

    /// As a new ring has it.
    pub(crate) fn reset(&self) {
        self.head.urgent.store(0, Ordering::Relaxed);
        self.head.passed_over.store(0, Ordering::Relaxed);
        self.set_head(0);
        self.set_tail(0);
        self.set_used(0);
        self.set_notify_at(0);
    }
}

/// Where a ring's positions lie.
pub(crate) struct Positions {
    header: NonNull<Header>,
    /// Whatever owns the memory behind the pointer.
    _owner: Arc<dyn Any + Send + Sync>,
}

// SAFETY: the pointer is to atomics that `_owner` keeps alive.
unsafe impl Send for Positions {}
// SAFETY: as above.
unsafe impl Sync for Positions {}

impl Positions {
    /// Positions in private memory.
    pub(crate) fn heap() -> Positions {
        let owner = Arc::new(Header::default());
        Positions { header: NonNull::from(&*owner), _owner: owner }
    }

    /// Positions in a record of an arena, which `owner` keeps alive.
    pub(crate) fn shared(header: &Header, owner: Arc<dyn Any + Send + Sync>) -> Positions {
        Positions { header: NonNull::from(header), _owner: owner }
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: `_owner` keeps the header alive as long as `self`; it is made of atomics, valid for any bit pattern.
        unsafe { self.header.as_ref() }
    }
}

/// Memory for a ring's bytes; a power of two of them.
pub struct Region {
    bytes: NonNull<u8>,
    capacity: usize,
    /// Whatever owns the memory behind the pointer.
    _owner: Box<dyn Any + Send + Sync>,
}

// SAFETY: the pointer is to memory that `_owner` keeps alive and that is only reached through `copy_in` and `slices`, whose
// callers are the single producer and the single consumer of a ring.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// How bytes get into a ring.
#[derive(Clone, Copy)]
pub(crate) enum Copy {
    /// From memory of ours.
    Own,
    /// From memory of the program's, which may not be there.
    Program,
}

impl Copy {
    /// # Safety
    /// As of `ptr::copy_nonoverlapping`; for `Program`, as far as the memory at `from` is there.
    #[inline]
    unsafe fn bytes(self, into: *mut u8, from: *const u8, len: usize) -> Result<(), Fault> {
        match self {
            Copy::Own => {
                // SAFETY: the caller's promise.
                unsafe { into.copy_from_nonoverlapping(from, len) };
                Ok(())
            }
            // SAFETY: likewise.
            Copy::Program => unsafe { fault::copy_raw(into, from, len) },
        }
    }
}

impl Region {
    /// Private memory: for tests, simulations and benchmarks. `capacity` in bytes, a power of two.
    pub fn heap(capacity: usize) -> Region {
        assert!(capacity.is_power_of_two());
        let bytes = NonNull::new(Box::into_raw(vec![0u8; capacity].into_boxed_slice()).cast::<u8>());
        let bytes = bytes.expect("a boxed slice is never null");
        Region { bytes, capacity, _owner: Box::new(Heap { bytes, capacity }) }
    }

    /// Memory of an arena, which `owner` keeps mapped and nobody else's.
    pub(crate) fn shared(bytes: NonNull<u8>, capacity: usize, owner: Box<dyn Any + Send + Sync>) -> Region {
        assert!(capacity.is_power_of_two());
        Region { bytes, capacity, _owner: owner }
    }

    /// Its size in bytes.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Copies `data` to `at`, modulo the size. The caller is the producer, and the range is free.
    #[inline]
    pub(crate) fn copy_in(&self, at: u64, data: &[u8], copy: Copy) -> Result<(), Fault> {
        assert!(data.len() <= self.capacity);
        let start = at as usize & (self.capacity - 1);
        let first = data.len().min(self.capacity - start);
        // SAFETY: `start + first <= capacity` and `data.len() - first <= start`, so both copies stay in the region. `data`
        // is a Rust slice of the caller's and cannot overlap the free part of the ring, to which no reference exists.
        unsafe {
            copy.bytes(self.bytes.add(start).as_ptr(), data.as_ptr(), first)?;
            if first == data.len() {
                return Ok(());
            }
            copy.bytes(self.bytes.as_ptr(), data.as_ptr().add(first), data.len() - first)
        }
    }

    /// The `len` bytes at `at`, modulo the size, in two parts where they wrap. The caller is the consumer, and the range is
    /// published and not yet freed.
    pub(crate) fn slices(&self, at: u64, len: usize) -> (&[u8], &[u8]) {
        assert!(len <= self.capacity);
        let start = at as usize & (self.capacity - 1);
        let first = len.min(self.capacity - start);
        // SAFETY: both ranges are inside the region (see `copy_in`), initialised (mapped or zeroed memory), and published:
        // the producer does not write them again until the consumer frees them, which needs `&mut Consumer` and so ends
        // this borrow. A producer in another process that breaks this rule garbles its own stream; the bytes are only
        // copied and summed, never interpreted.
        unsafe {
            (
                std::slice::from_raw_parts(self.bytes.add(start).as_ptr(), first),
                std::slice::from_raw_parts(self.bytes.as_ptr(), len - first),
            )
        }
    }
}

/// Owner of the bytes of [`Region::heap`], which are reached through the pointer alone.
struct Heap {
    bytes: NonNull<u8>,
    capacity: usize,
}

// SAFETY: it only frees the memory, when nobody has a use for it any more.
unsafe impl Send for Heap {}
// SAFETY: as above; it has no methods.
unsafe impl Sync for Heap {}

impl Drop for Heap {
    fn drop(&mut self) {
        let bytes = std::ptr::slice_from_raw_parts_mut(self.bytes.as_ptr(), self.capacity);
        // SAFETY: `Region::heap` took exactly this slice out of its box, and the region that used it is going.
        drop(unsafe { Box::from_raw(bytes) });
    }
}
