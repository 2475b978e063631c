#![allow(unsafe_code)]
//! Memory that the program frees, and the thread's h_errno.

use crate::user::In;
use kernel::{Errno, Result};
use libc::hostent;
use std::ffi::{c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;
use std::sync::{Mutex, PoisonError};

unsafe extern "C" {
    fn __h_errno_location() -> *mut c_int;
}

/// `len` zero bytes of the program's heap, aligned for every type of C.
pub fn zeroed(len: usize) -> Result<*mut c_void> {
    // SAFETY: calloc takes any numbers.
    let memory = unsafe { libc::calloc(1, len.max(1)) };
    if memory.is_null() { Err(Errno::NOMEM) } else { Ok(memory) }
}

/// A string of C on the program's heap.
pub fn string(text: &str) -> Result<*mut c_char> {
    let copy = zeroed(text.len() + 1)?.cast::<c_char>();
    // SAFETY: `copy` is fresh, and one byte longer than the text, which is zero already.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), copy, text.len()) };
    Ok(copy)
}

/// Gives memory back to the program's heap.
///
/// # Safety
/// It is null, or from there and freed only here.
pub unsafe fn free<T>(memory: *mut T) {
    // SAFETY: the caller's promise.
    unsafe { libc::free(memory.cast()) }
}

/// Sets the thread's h_errno.
pub fn set_h_errno(value: c_int) {
    // SAFETY: the location is valid for the life of the thread.
    unsafe { *__h_errno_location() = value }
}

/// The one structure of the functions that are not reentrant, and what it points into. A program that calls them from two
/// threads has the race that it has with libc's.
struct Shared {
    host: *mut hostent,
    buf: Vec<u8>,
}

// SAFETY: the pointer is to the heap, and used under the lock only.
unsafe impl Send for Shared {}

static SHARED: Mutex<Shared> = Mutex::new(Shared { host: ptr::null_mut(), buf: Vec::new() });

/// Fills the structure by `pack`, which is called again with a larger buffer while it gives nothing. Null: no memory.
pub fn share(pack: impl Fn(&mut [u8]) -> Option<hostent>) -> *mut hostent {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.host.is_null() {
        let Ok(host) = zeroed(size_of::<hostent>()) else { return ptr::null_mut() };
        shared.host = host.cast();
    }
    loop {
        if let Some(packed) = pack(&mut shared.buf) {
            // SAFETY: made above, and never freed.
            unsafe { shared.host.write(packed) };
            return shared.host;
        }
        let larger = (2 * shared.buf.len()).max(512);
        shared.buf.resize(larger, 0);
    }
}

/// The text of a program's string; `None` where it is null or no UTF-8 (which no name is).
pub fn text<'a>(string: In<c_char>) -> Option<&'a str> {
    string.string().ok()?.to_str().ok()
}
