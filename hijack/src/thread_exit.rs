#![allow(unsafe_code)]
//! What is dropped when a thread ends, without libc's list of it.
//!
//! std enters the destructors of thread-locals by `__cxa_thread_atexit_impl`, in whose place the linker puts [`rump_thread_at_exit`]
//! (`build.rs`). libc's takes memory of the program's malloc: a handler that interrupts malloc could not call us, and in a thread
//! of ours malloc makes an arena of 64 MiB of address space.

use kernel::signal::Critical;
use libc::{c_int, c_void, pthread_key_t};
use std::sync::OnceLock;

type Destructor = unsafe extern "C" fn(*mut c_void);

/// A link of a thread's list, which is the value of the key.
struct Entry {
    destructor: Destructor,
    object: *mut c_void,
    next: *mut Entry,
}

/// Begins with what the thread has entered last.
static LIST: OnceLock<Option<pthread_key_t>> = OnceLock::new();

fn list() -> Option<pthread_key_t> {
    *LIST.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the number is written to memory of ours; `run` takes what is set as the key's value, a list of entries.
        (unsafe { libc::pthread_key_create(&mut key, Some(run)) } == 0).then_some(key)
    })
}

/// As `__cxa_thread_atexit_impl`; the library that the destructor lies in is ours, and stays.
///
/// # Safety
/// `destructor` may be called with `object` when the thread ends.
#[unsafe(no_mangle)]
unsafe extern "C" fn rump_thread_at_exit(destructor: Destructor, object: *mut c_void, _library: *mut c_void) -> c_int {
    let _critical = Critical::enter();
    // Where the program has used up the keys, what the thread leaves is leaked.
    let Some(key) = list() else { return 0 };
    // SAFETY: the key exists, and its value is null or an entry that `run` will get; an entry that could not be set nobody knows.
    unsafe {
        let next = libc::pthread_getspecific(key).cast();
        let entry = Box::into_raw(Box::new(Entry { destructor, object, next }));
        if libc::pthread_setspecific(key, entry.cast()) != 0 {
            drop(Box::from_raw(entry));
        }
    }
    0
}

/// The thread ends: the newest first. What they enter meanwhile is another list, for which libc calls once more.
unsafe extern "C" fn run(first: *mut c_void) {
    let _critical = Critical::enter();
    let mut at = first.cast::<Entry>();
    while !at.is_null() {
        // SAFETY: `rump_thread_at_exit` took it out of its box and put it into this list, which is run once; its caller's promise.
        unsafe {
            let Entry { destructor, object, next } = *Box::from_raw(at);
            destructor(object);
            at = next;
        }
    }
}
