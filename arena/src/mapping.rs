//! A piece of a memfd, mapped: the only place of this crate that asks the host for memory.
#![allow(unsafe_code)]

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

/// A shared mapping, zeroed at first, unmapped on drop.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is plain memory that any thread may reach; who may write where is the business of `Span` and `Record`.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `file` at `offset`, or private anonymous memory that a fork shares where there is no file.
    pub(crate) fn new(file: Option<(BorrowedFd<'_>, u64)>, len: usize) -> rustix::io::Result<Mapping> {
        // After mlockall(2) with MCL_FUTURE the host would fill a mapping with pages at once: not one that nobody may touch yet.
        // What is unlocked before it may be touched gets its pages one by one, as they are used.
        let (none, flags) = (ProtFlags::empty(), MapFlags::SHARED | MapFlags::NORESERVE);
        // SAFETY: a null hint lets the host choose a free range, so no existing memory is replaced.
        let base = unsafe {
            match file {
                Some((fd, offset)) => rustix::mm::mmap(std::ptr::null_mut(), len, none, flags, fd, offset)?,
                None => rustix::mm::mmap_anonymous(std::ptr::null_mut(), len, none, flags)?,
            }
        };
        let mapping = Mapping { base: NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?, len };
        // SAFETY: the range is the mapping, which nobody knows yet.
        unsafe {
            rustix::mm::munlock(base, len)?;
            rustix::mm::mprotect(base, len, MprotectFlags::READ | MprotectFlags::WRITE)?;
        }
        Ok(mapping)
    }

    /// A pointer to `size` bytes at `at`, which must lie inside.
    pub(crate) fn at(&self, at: usize, size: usize) -> NonNull<u8> {
        assert!(at.checked_add(size).is_some_and(|end| end <= self.len), "inside the mapping");
        // SAFETY: just asserted to be inside one allocation.
        unsafe { self.base.add(at) }
    }

    /// Gives the pages of a range back to the host; they read as zero afterwards.
    pub(crate) fn discard(&self, at: usize, size: usize) {
        let start = self.at(at, size);
        // SAFETY: the range is inside the mapping and, as its caller is the allocator that just took it back, nobody's.
        // Failure only means that the memory is given back later.
        let _ = unsafe { rustix::mm::madvise(start.as_ptr().cast(), size, Advice::LinuxRemove) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: every pointer into the mapping is held beside an Arc of it, so none is left.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}
