#![allow(unsafe_code)]
//! Memory of our own, apart from the program's malloc.
//!
//! A signal handler may interrupt malloc and call send(2); a program may bring its own malloc, which opens files while it
//! starts; a fork may happen while another thread is inside. So nothing of ours depends on the program's malloc, and the lock
//! of ours is never held while a handler of the program runs. Not even what a thread drops when it ends: see
//! `thread_exit`.

use dlmalloc::GlobalDlmalloc;
use kernel::signal::Critical;
use std::alloc::{GlobalAlloc, Layout};

/// dlmalloc inside a critical section.
struct Own;

#[global_allocator]
static OWN: Own = Own;

// SAFETY: every call goes to an allocator that keeps the contract.
unsafe impl GlobalAlloc for Own {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _critical = Critical::enter();
        // SAFETY: the caller keeps the contract.
        unsafe { GlobalDlmalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        let _critical = Critical::enter();
        // SAFETY: as above.
        unsafe { GlobalDlmalloc.dealloc(ptr, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let _critical = Critical::enter();
        // SAFETY: as above.
        unsafe { GlobalDlmalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let _critical = Critical::enter();
        // SAFETY: as above.
        unsafe { GlobalDlmalloc.realloc(ptr, layout, new_size) }
    }
}

/// From the kernel's boot on: a fork waits until no other thread is inside, so that the child can allocate.
pub fn survive_forks() {
    // SAFETY: it only registers handlers with pthread_atfork.
    unsafe { dlmalloc::enable_alloc_after_fork() };
}
