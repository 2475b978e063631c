//! Threads as a C program starts them.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::zeroed;
use std::ptr;

/// A body, and what it gave.
struct Work<F, R> {
    body: Option<F>,
    gave: Option<R>,
}

/// Runs `body` in a thread with the smallest stack that pthread_attr_setstacksize(3) takes, and waits for it. Rust's own
/// threads get more.
pub fn on_the_smallest_stack<R: Send, F: FnOnce() -> R + Send>(body: F) -> R {
    let mut work = Work { body: Some(body), gave: None };
    // SAFETY: the attributes are plain memory that the calls fill in; `work` lives until the thread has been joined, and nobody
    // else looks at it meanwhile.
    unsafe {
        let mut attributes = zeroed();
        libc::pthread_attr_init(&mut attributes);
        assert_eq!(libc::pthread_attr_setstacksize(&mut attributes, libc::PTHREAD_STACK_MIN), 0);
        let mut thread = zeroed();
        let started = libc::pthread_create(&mut thread, &attributes, start::<R, F>, (&raw mut work).cast());
        assert_eq!(started, 0, "a thread");
        libc::pthread_join(thread, ptr::null_mut());
        libc::pthread_attr_destroy(&mut attributes);
    }
    work.gave.expect("the thread has ended")
}

extern "C" fn start<R, F: FnOnce() -> R>(work: *mut c_void) -> *mut c_void {
    // SAFETY: `on_the_smallest_stack` passes its own, of these types, and does not touch it before the thread has ended.
    let work = unsafe { &mut *work.cast::<Work<F, R>>() };
    work.gave = work.body.take().map(|body| body());
    ptr::null_mut()
}
