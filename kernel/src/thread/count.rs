//! libc's count of a process's threads, by which it calls exit(3) when the last one ends: pthread_exit(3), of the main thread, too. The
//! kernel's threads do not count, or no program would end so.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

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

/// A thread that another one has started counts no more. The one that calls this does, so that it is not the last that is taken away.
pub(super) fn leave_out() {
    if let Some(count) = count() {
        count.fetch_sub(1, SeqCst);
    }
}

/// Threads that hold a [`LeftOut`].
static KERNEL_THREADS: AtomicUsize = AtomicUsize::new(0);

/// Threads of the kernel's that do not end before the program does.
pub(super) fn kernel_threads() -> usize {
    KERNEL_THREADS.load(SeqCst)
}

/// Held by a thread that does not count. When it ends, libc takes it off the count, where it must be again by then.
pub(super) struct LeftOut(());

impl LeftOut {
    pub(super) fn new() -> LeftOut {
        KERNEL_THREADS.fetch_add(1, SeqCst);
        LeftOut(())
    }
}

impl Drop for LeftOut {
    fn drop(&mut self) {
        KERNEL_THREADS.fetch_sub(1, SeqCst);
        if let Some(count) = count() {
            count.fetch_add(1, SeqCst);
        }
    }
}
