#![allow(unsafe_code)]
//! freopen(3): the stream leaves its descriptor, which is closed behind our back, and is from then on libc's own stream of a file.
//!
//! libc opens the file in a stream that it takes for one of its own, with a place for wide characters. One of fopencookie(3) has
//! none, and a pointer that is no pointer, so it gets one first.

use super::{made, number};
use crate::table::host;
use crate::user::{In, Out};
use crate::{descriptors, hook, standard};
use libc::FILE;
use std::collections::BTreeMap;
use std::ffi::c_char;
use std::sync::{Mutex, PoisonError};

/// freopen(3).
pub fn freopen(path: In<c_char>, mode: In<c_char>, stream: Out<FILE>) -> Out<FILE> {
    remade(stream, |stream| host::freopen(path, mode, stream))
}

/// freopen64(3).
pub fn freopen64(path: In<c_char>, mode: In<c_char>, stream: Out<FILE>) -> Out<FILE> {
    remade(stream, |stream| host::freopen64(path, mode, stream))
}

/// Whether it succeeds or not, the descriptor of before is gone.
fn remade(stream: Out<FILE>, host: impl FnOnce(Out<FILE>) -> Out<FILE>) -> Out<FILE> {
    let own = Out::stream(standard::reopened(stream.raw()));
    let before = number(own);
    hook::within(|| make_wide(own));
    hook::after(host(own), |new| {
        descriptors::made(before);
        made(new);
    })
}

/// `struct _IO_wide_data` is smaller, and zeroes are a new one: libc sets its functions when it reopens the stream.
type WideData = [u64; 64];

/// What streams have got, by their addresses.
static WIDE: Mutex<BTreeMap<usize, Box<WideData>>> = Mutex::new(BTreeMap::new());

/// Gives a stream of fopencookie(3) a place for wide characters.
fn make_wide(stream: Out<FILE>) {
    /// Where `_wide_data` is in `struct _IO_FILE`, which is part of glibc's ABI (LP64).
    const WIDE_DATA: usize = 160;
    if stream.is_null() {
        return;
    }
    // SAFETY: a stream that the program holds, which is a structure of 216 bytes; the field lies inside of it, aligned to 8.
    let field = unsafe { stream.raw().byte_add(WIDE_DATA).cast::<usize>() };
    // SAFETY: as above. The program does not use a stream in two threads while one of them reopens it.
    unsafe {
        if field.read() == usize::MAX {
            let mut wide = Box::new([0; 64]);
            field.cast::<*mut WideData>().write(&raw mut *wide);
            WIDE.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.raw().addr(), wide);
        }
    }
}

/// What a stream has got that is about to be closed: to be dropped when it is.
pub fn wide_data(stream: Out<FILE>) -> Option<Box<WideData>> {
    WIDE.lock().unwrap_or_else(PoisonError::into_inner).remove(&stream.raw().addr())
}
