#![allow(unsafe_code)]
//! What libc keeps of a stream's wide characters. A stream of fopencookie(3) has none, and a pointer that is no pointer, which
//! fgetws(3) and freopen(3) follow; so ours get it. They are streams of bytes all the same (fwide(3) gives -1): wide functions fail.

use libc::FILE;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// `struct _IO_wide_data` is smaller. Zeroes are a new one, without functions: libc sets them when it reopens the stream.
type WideData = [u64; 64];

/// What streams have got, by their addresses.
static WIDE: Mutex<BTreeMap<usize, Box<WideData>>> = Mutex::new(BTreeMap::new());

/// Gives it to a stream that fopencookie(3) has just returned.
pub fn give(stream: *mut FILE) {
    /// Where `_wide_data` is in `struct _IO_FILE`, which is part of glibc's ABI (LP64).
    const WIDE_DATA: usize = 160;
    let mut wide = Box::new([0; 64]);
    // SAFETY: `stream` is what fopencookie has just returned, a structure of 216 bytes that nobody else knows yet; the field lies
    // inside of it, aligned to 8. What it points to lives until `take`.
    unsafe {
        let field = stream.byte_add(WIDE_DATA).cast::<*mut WideData>();
        if field.read().addr() != usize::MAX {
            return;
        }
        field.write(&raw mut *wide);
    }
    WIDE.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.addr(), wide);
}

/// What a stream has got that is about to be closed: to be dropped when it is.
pub fn take(stream: *mut FILE) -> Option<Box<WideData>> {
    WIDE.lock().unwrap_or_else(PoisonError::into_inner).remove(&stream.addr())
}
