//! libc's count of a process's threads, by which it calls exit(3) when the last one ends: pthread_exit(3), of the main thread, too. The
//! kernel's threads do not count, or no program would end so.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

unsafe extern "C" {
    fn dlvsym(handle: *mut c_void, name: *const c_char, version: *const c_char) -> *mut c_void;
}

/// Where it is. glibc shows it to debuggers (libthread_db).
fn count() -> Option<&'static AtomicU32> {
    static COUNT: OnceLock<Option<&AtomicU32>> = OnceLock::new();
    let found = || {
        let (name, version) = (c"__nptl_nthreads", c"GLIBC_PRIVATE");
        // SAFETY: two strings; what is found is an `unsigned int` of libc's, which is there as long as libc and changes atomically.
        unsafe { dlvsym(libc::RTLD_DEFAULT, name.as_ptr(), version.as_ptr()).cast::<AtomicU32>().as_ref() }
    };
    *COUNT.get_or_init(found)
}

/// Looks for it, which takes the dynamic linker's lock.
pub fn look_for_count() {
    count();
}

/// A thread that this one has started counts no more. This one does, so that it is not the last that is taken away.
pub(super) fn leave_out() {
    note(1);
    if let Some(count) = count() {
        count.fetch_sub(1, SeqCst);
    }
}

/// How many threads are left out, below the number of the process that has them: a fork's child has none of its parent's.
static KERNEL_THREADS: AtomicU64 = AtomicU64::new(0);

/// Threads of the kernel's that do not end before the program does.
pub(super) fn kernel_threads() -> usize {
    threads_in(KERNEL_THREADS.load(SeqCst)) as usize
}

fn threads_in(noted: u64) -> u32 {
    if noted >> 32 == u64::from(std::process::id()) { noted as u32 } else { 0 }
}

fn note(change: i32) {
    let process = u64::from(std::process::id()) << 32;
    let changed = |noted| Some(process | u64::from(threads_in(noted).wrapping_add_signed(change)));
    let _ = KERNEL_THREADS.fetch_update(SeqCst, SeqCst, changed);
}

/// Held by a thread that does not count. When it ends, libc takes it off the count, where it must be again by then.
pub(super) struct LeftOut;

impl Drop for LeftOut {
    fn drop(&mut self) {
        note(-1);
        if let Some(count) = count() {
            count.fetch_add(1, SeqCst);
        }
    }
}
