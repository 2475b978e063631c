#![allow(unsafe_code)]
//! Memory of our own, apart from the program's malloc.
//!
//! A signal handler may interrupt malloc and call send(2); a program may bring its own malloc, which opens files while it
//! starts; a fork may happen while another thread is inside. So nothing of ours depends on the program's malloc, and the lock
//! of ours is never held while a handler of the program runs. Not even what a thread drops when it ends: see
//! `thread_exit`.
//!
//! Where the host gives no more, what the kernel keeps in reserve is spent: a program with little address space (RLIMIT_AS) gets
//! ENOBUFS, and does not abort.

use dlmalloc::GlobalDlmalloc;
use kernel::reserve;
use kernel::signal::Critical;
use std::alloc::{GlobalAlloc, Layout};

/// dlmalloc inside a critical section.
struct Own;

impl Own {
    /// `allocate` in a critical section, and once more with the reserve.
    fn try_twice(allocate: impl Fn() -> *mut u8) -> *mut u8 {
        let _critical = Critical::enter();
        let ptr = allocate();
        if ptr.is_null() && reserve::spend() { allocate() } else { ptr }
    }
}

#[global_allocator]
static OWN: Own = Own;

// SAFETY: every call goes to an allocator that keeps the contract.
unsafe impl GlobalAlloc for Own {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract.
        Own::try_twice(|| unsafe { GlobalDlmalloc.alloc(layout) })
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let _critical = Critical::enter();
        // SAFETY: as above.
        unsafe { GlobalDlmalloc.dealloc(ptr, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        Own::try_twice(|| unsafe { GlobalDlmalloc.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above; one that failed has changed nothing.
        Own::try_twice(|| unsafe { GlobalDlmalloc.realloc(ptr, layout, new_size) })
    }
}

/// From the kernel's boot on: a fork waits until no other thread is inside, so that the child can allocate.
pub fn survive_forks() {
    // SAFETY: it only registers handlers with pthread_atfork.
    unsafe { dlmalloc::enable_alloc_after_fork() };
}
