//! The robust futex of a background thread: set_robust_list(2).
//!
//! When a thread ends, by exit, kill -9 or exec, the host's kernel walks the thread's list of robust futexes, and where the
//! word holds the thread's id it sets FUTEX_OWNER_DIED and wakes a waiter. The list here has one entry. It lies in private
//! memory, and only the word it leads to lies in the bus, so nobody can lead the kernel astray.
#![allow(unsafe_code)]

use rustix::thread::futex;
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// `struct robust_list` of the host.
#[repr(C)]
struct Entry {
    next: *const Entry,
}

/// `struct robust_list_head` of the host, and the one entry of its list.
#[repr(C)]
struct List {
    head: Entry,
    /// From an entry to its futex word.
    futex_offset: libc::c_long,
    list_op_pending: *const Entry,
    entry: Entry,
}

/// What the host calls the length of a list head.
const HEAD_BYTES: usize = offset_of!(List, entry);

/// A thread's robust list while it is ours.
pub(super) struct Registration {
    thread: u32,
    list: *mut List,
    /// What the C library had registered for the thread.
    before: *const Entry,
}

// SAFETY: the pointers are used only by `end`, and only in the thread that made them.
unsafe impl Send for Registration {}

/// Makes the end of the calling thread mark `word`; `None` where the host has no robust futexes. The list lives until the
/// thread ends or [`Registration::end`].
pub(super) fn register(word: &AtomicU32) -> Option<Registration> {
    let mut before: *const Entry = ptr::null();
    let mut bytes = 0usize;
    // SAFETY: the host writes a pointer and a length to the two places that it is given.
    let got = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut before, &raw mut bytes) };
    if got != 0 {
        return None;
    }
    let empty = Entry { next: ptr::null() };
    let list = Box::into_raw(Box::new(List {
        head: Entry { next: ptr::null() },
        futex_offset: 0,
        list_op_pending: ptr::null(),
        entry: empty,
    }));
    // SAFETY: `list` was just made and nobody else knows it. The links form the ring that the host expects.
    unsafe {
        (*list).head.next = &raw const (*list).entry;
        (*list).entry.next = &raw const (*list).head;
        (*list).futex_offset = (word.as_ptr() as isize - (&raw const (*list).entry) as isize) as libc::c_long;
    }
    let thread = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
    word.store(thread | futex::WAITERS, Ordering::Release);
    let registration = Registration { thread, list, before };
    // SAFETY: the list stays where it is until `end`, or for ever.
    if unsafe { set_robust_list(list.cast()) } {
        Some(registration)
    } else {
        word.store(0, Ordering::Release);
        // SAFETY: made by `Box::into_raw` above; the host refused it.
        drop(unsafe { Box::from_raw(list) });
        None
    }
}

impl Registration {
    /// Gives the thread its former list back. In another thread than the one that registered, nothing is done.
    pub(super) fn end(self) {
        if rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned() != self.thread {
            return;
        }
        // SAFETY: `before` is the C library's own list of this very thread.
        if unsafe { set_robust_list(self.before) } {
            // SAFETY: made by `Box::into_raw` in `register`; the host has just been told to forget it.
            drop(unsafe { Box::from_raw(self.list) });
        }
    }
}

/// # Safety
/// `head` begins a valid robust list, which stays valid until the thread ends or gets another.
unsafe fn set_robust_list(head: *const Entry) -> bool {
    // SAFETY: promised by the caller.
    unsafe { libc::syscall(libc::SYS_set_robust_list, head, HEAD_BYTES) == 0 }
}
