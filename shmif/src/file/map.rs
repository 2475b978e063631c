//! The mapping of a bus: from bytes of the file to typed references.
//!
//! All nodes of a process that are on one bus share one mapping. The front of the file (header and node table) is mapped
//! at once, each node's area when it is first used: so a process maps what it talks to and no more.
#![allow(unsafe_code)]

use crate::format::{self, BLOCKS, BlockHeader, Header, RING, Record, RoomWanted, SLOTS};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// A user's share in the mapping of one bus.
pub(crate) struct Map {
    regions: &'static Regions,
    /// The faults that this user knows of.
    faults: AtomicU32,
}

/// The mapped parts of one bus. Never freed, so that the SIGBUS handler can walk the list at any time; reused.
struct Regions {
    next: AtomicPtr<Regions>,
    /// Users, or [`BUSY`] while it is set up or torn down.
    users: AtomicU32,
    device: AtomicU64,
    inode: AtomicU64,
    front: AtomicPtr<u8>,
    areas: [AtomicPtr<u8>; SLOTS],
    /// Counts the pages that were missing when they were used.
    faults: AtomicU32,
}

const BUSY: u32 = u32::MAX;

static REGIONS: AtomicPtr<Regions> = AtomicPtr::new(ptr::null_mut());

impl Map {
    /// Maps the bus that `fd` is open on, or shares the mapping that this process has of it.
    pub(crate) fn of(fd: BorrowedFd<'_>, device: u64, inode: u64) -> rustix::io::Result<Map> {
        if let Some(regions) = all().find(|r| r.share(device, inode)) {
            return Ok(Map::user(regions));
        }
        let regions = all()
            .find(|r| r.users.compare_exchange(0, BUSY, Ordering::Acquire, Ordering::Relaxed).is_ok())
            .unwrap_or_else(Regions::enlist);
        let front = match map_shared(fd, 0, format::AREAS_OFFSET) {
            Ok(front) => front,
            Err(e) => {
                regions.users.store(0, Ordering::Release);
                return Err(e);
            }
        };
        regions.device.store(device, Ordering::Relaxed);
        regions.inode.store(inode, Ordering::Relaxed);
        regions.front.store(front.as_ptr(), Ordering::Relaxed);
        regions.users.store(1, Ordering::Release);
        Ok(Map::user(regions))
    }

    fn user(regions: &'static Regions) -> Map {
        Map { regions, faults: AtomicU32::new(regions.faults.load(Ordering::Relaxed)) }
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: `front` is mapped for as long as a user exists, page-aligned, and longer than a header, which is made of
        // atomics and so valid for any bytes.
        unsafe { &*self.regions.front.load(Ordering::Relaxed).cast::<Header>() }
    }

    /// The record of `slot`, which is below [`SLOTS`].
    pub(crate) fn record(&self, slot: usize) -> &Record {
        assert!(slot < SLOTS);
        let offset = format::TABLE_OFFSET + slot * size_of::<Record>();
        // SAFETY: as in `header`; `slot < SLOTS` keeps the record below AREAS_OFFSET (asserted in format.rs), and the offset
        // is a multiple of 64.
        unsafe { &*self.regions.front.load(Ordering::Relaxed).add(offset).cast::<Record>() }
    }

    /// The area of `slot`, mapped at its first use; `None` past the end of the file or where the host refuses to map.
    #[inline]
    pub(crate) fn area<'f>(&self, slot: usize, fd: impl FnOnce() -> Option<BorrowedFd<'f>>) -> Option<Area<'_>> {
        let place = self.regions.areas.get(slot)?;
        let base = match NonNull::new(place.load(Ordering::Acquire)) {
            Some(base) => base,
            None => map_area(fd()?, slot, place)?,
        };
        Some(Area { base, _map: PhantomData })
    }

    /// In a fork child: puts private memory of zeros, at the same addresses, in the place of everything that is mapped. This is
    /// for all users of the bus in this process.
    pub(crate) fn replace_by_memory(&self) {
        let regions = self.regions;
        let areas = regions.areas.iter().map(|area| (area, format::AREA_STRIDE));
        for (base, bytes) in std::iter::once((&regions.front, format::AREAS_OFFSET)).chain(areas) {
            let base = base.load(Ordering::Relaxed);
            if !base.is_null() {
                put_zeros(base.cast(), bytes);
            }
        }
        self.disown();
    }

    /// Keeps new users from sharing a mapping in which pages were replaced.
    pub(crate) fn disown(&self) {
        self.regions.inode.store(u64::MAX, Ordering::Relaxed);
    }

    /// True once after pages of the mapping were missing.
    pub(crate) fn take_fault(&self) -> bool {
        let faults = self.regions.faults.load(Ordering::Relaxed);
        faults != self.faults.load(Ordering::Relaxed) && self.faults.swap(faults, Ordering::Relaxed) != faults
    }
}

/// For the SIGBUS handler: puts a page of zeros where a page of a bus is missing. False where `address` is not in a bus.
/// Async-signal-safe: it reads atomics and makes one system call.
pub(crate) fn patch_page(address: usize) -> bool {
    let holds = |base: &AtomicPtr<u8>, bytes: usize| {
        let base = base.load(Ordering::Relaxed) as usize;
        base != 0 && (base..base + bytes).contains(&address)
    };
    let Some(regions) = all().find(|regions| {
        holds(&regions.front, format::AREAS_OFFSET) || regions.areas.iter().any(|a| holds(a, format::AREA_STRIDE))
    }) else {
        return false;
    };
    let page = rustix::param::page_size();
    let patched = put_zeros(ptr::without_provenance_mut(address & !(page - 1)), page);
    regions.faults.fetch_add(1, Ordering::Relaxed);
    patched
}

/// Replaces a part of a mapping of ours. Async-signal-safe.
fn put_zeros(start: *mut c_void, bytes: usize) -> bool {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
    // SAFETY: the pages lie in a mapping of ours, whose contents are atomics and bytes that are only copied: they may change
    // to zeros at any time.
    unsafe { rustix::mm::mmap_anonymous(start, bytes, protection, flags).is_ok() }
}

#[cold]
fn map_area(fd: BorrowedFd<'_>, slot: usize, place: &AtomicPtr<u8>) -> Option<NonNull<u8>> {
    let start = format::area_offset(slot);
    let size = rustix::fs::fstat(fd).ok()?.st_size as u64;
    if size < start + format::AREA_STRIDE as u64 {
        return None;
    }
    let base = map_shared(fd, start, format::AREA_STRIDE).ok()?;
    match place.compare_exchange(ptr::null_mut(), base.as_ptr(), Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Some(base),
        Err(theirs) => {
            unmap(base.as_ptr(), format::AREA_STRIDE);
            NonNull::new(theirs)
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.regions.release();
    }
}

impl Regions {
    fn enlist() -> &'static Regions {
        let regions: &'static Regions = Box::leak(Box::new(Regions {
            next: AtomicPtr::new(ptr::null_mut()),
            users: AtomicU32::new(BUSY),
            device: AtomicU64::new(0),
            inode: AtomicU64::new(0),
            front: AtomicPtr::new(ptr::null_mut()),
            areas: [const { AtomicPtr::new(ptr::null_mut()) }; SLOTS],
            faults: AtomicU32::new(0),
        }));
        let mut first = REGIONS.load(Ordering::Acquire);
        loop {
            regions.next.store(first, Ordering::Relaxed);
            let new = ptr::from_ref(regions).cast_mut();
            match REGIONS.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return regions,
                Err(now) => first = now,
            }
        }
    }

    /// Becomes a user if this is the mapping of that file.
    fn share(&self, device: u64, inode: u64) -> bool {
        let join = |users| (users > 0 && users < BUSY - 1).then(|| users + 1);
        if self.users.fetch_update(Ordering::Acquire, Ordering::Relaxed, join).is_err() {
            return false;
        }
        // As a user we keep it from changing: now it can be looked at.
        let same = self.device.load(Ordering::Relaxed) == device && self.inode.load(Ordering::Relaxed) == inode;
        if !same {
            self.release();
        }
        same
    }

    fn release(&self) {
        let leave = |users| Some(if users == 1 { BUSY } else { users - 1 });
        if self.users.fetch_update(Ordering::AcqRel, Ordering::Acquire, leave) != Ok(1) {
            return;
        }
        unmap(self.front.swap(ptr::null_mut(), Ordering::Relaxed), format::AREAS_OFFSET);
        for area in &self.areas {
            unmap(area.swap(ptr::null_mut(), Ordering::Relaxed), format::AREA_STRIDE);
        }
        self.users.store(0, Ordering::Release);
    }
}

fn all() -> impl Iterator<Item = &'static Regions> {
    // SAFETY: what is on the list was leaked by `enlist` and is never freed.
    let at = |p: &AtomicPtr<Regions>| unsafe { p.load(Ordering::Acquire).as_ref() };
    std::iter::successors(at(&REGIONS), move |r| at(&r.next))
}

fn map_shared(fd: BorrowedFd<'_>, offset: u64, bytes: usize) -> rustix::io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the host's choice touches nothing that exists, and nobody knows it before it is
    // returned. After mlockall(2) with MCL_FUTURE the host would fill it with pages at once; not one that nobody may touch yet, and
    // that is unlocked before it may be.
    let base = unsafe {
        let base = rustix::mm::mmap(ptr::null_mut(), bytes, ProtFlags::empty(), MapFlags::SHARED, fd, offset)?;
        rustix::mm::munlock(base, bytes)
            .and_then(|()| rustix::mm::mprotect(base, bytes, MprotectFlags::READ | MprotectFlags::WRITE))
            .inspect_err(|_| unmap(base.cast(), bytes))?;
        base
    };
    NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)
}

fn unmap(base: *mut u8, bytes: usize) {
    if !base.is_null() {
        // SAFETY: `base` is one of our mappings of that length; it was taken out of the regions by who calls, and every
        // reference into it borrowed from a `Map` that is gone.
        let _ = unsafe { rustix::mm::munmap(base.cast(), bytes) };
    }
}

/// The mapped area of one node.
#[derive(Clone, Copy)]
pub(crate) struct Area<'a> {
    base: NonNull<u8>,
    _map: PhantomData<&'a Map>,
}

impl<'a> Area<'a> {
    /// The entries of the node's receive ring.
    pub(crate) fn ring(&self) -> &'a [AtomicU64; RING] {
        // SAFETY: inside the area (asserted in format.rs), aligned, atomics, mapped for as long as the `Map` is borrowed.
        unsafe { self.base.add(format::RING_OFFSET).cast().as_ref() }
    }

    /// Who waits for room.
    pub(crate) fn room(&self) -> &'a RoomWanted {
        // SAFETY: as above.
        unsafe { self.base.add(format::ROOM_OFFSET).cast().as_ref() }
    }

    /// A payload block; `None` where there is no such block.
    pub(crate) fn block(&self, block: usize) -> Option<Block<'a>> {
        let (offset, _) = format::block_span(block)?;
        // SAFETY: `block_span` gives a part of the area that begins at a multiple of 64 and holds a header of atomics and
        // then `block_capacity` bytes.
        unsafe {
            let base = self.base.add(offset);
            Some(Block {
                header: base.cast().as_ref(),
                payload: base.add(size_of::<BlockHeader>()),
                capacity: format::block_capacity(block),
            })
        }
    }
}

const _: () = assert!(BLOCKS <= u16::MAX as usize);

/// One payload block. Its bytes may change at any time under whoever reads them, so they are only ever copied.
pub(crate) struct Block<'a> {
    pub(crate) header: &'a BlockHeader,
    payload: NonNull<u8>,
    capacity: usize,
}

impl Block<'_> {
    /// Copies `data` in at `offset`; nothing where it does not fit.
    pub(crate) fn write(&self, offset: usize, data: &[u8]) {
        if offset.checked_add(data.len()).is_none_or(|end| end > self.capacity) {
            return;
        }
        // SAFETY: the range is inside the block. No reference to payload bytes exists anywhere; other processes may read
        // them meanwhile, which the block's sequence tells them.
        unsafe { self.payload.add(offset).as_ptr().copy_from_nonoverlapping(data.as_ptr(), data.len()) };
    }

    /// Copies the first bytes out to `into`; false where the block does not have that many.
    #[must_use]
    pub(crate) fn read(&self, into: &mut [u8]) -> bool {
        if into.len() > self.capacity {
            return false;
        }
        // SAFETY: the range is inside the block and `into` is private memory. The bytes may be changing: what was copied is
        // looked at only after the fence and the second look at the sequence that the caller does, and any bytes are valid.
        unsafe { into.as_mut_ptr().copy_from_nonoverlapping(self.payload.as_ptr(), into.len()) };
        true
    }
}
