#![allow(unsafe_code)]
//! The buffers of readv(2), sendmsg(2) and their relatives.

use super::{ADDRESSES, In, MAX_RW_COUNT, there};
use kernel::{Errno, Result, fault};
use std::io::{IoSlice, IoSliceMut};

/// The most buffers of one call (IOV_MAX).
pub const IOV_MAX: usize = 1024;

/// Runs `with` on the buffers that an iovec array names, to be read.
pub fn gather<R>(vectors: In<libc::iovec>, count: usize, with: impl FnOnce(&[IoSlice<'_>]) -> Result<R>) -> Result<R> {
    copied(vectors, count, |copy| {
        // SAFETY: IoSlice is guaranteed to have the layout of iovec; the buffers are the program's (the fact of `user`),
        // and none is null (`copied`).
        with(unsafe { std::slice::from_raw_parts(copy.as_ptr().cast::<IoSlice<'_>>(), copy.len()) })
    })
}

/// Runs `with` on the buffers that an iovec array names, to be written.
pub fn scatter<R>(
    vectors: In<libc::iovec>,
    count: usize,
    with: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<R>,
) -> Result<R> {
    copied(vectors, count, |copy| {
        // SAFETY: as in `gather`, for IoSliceMut.
        with(unsafe { std::slice::from_raw_parts_mut(copy.as_mut_ptr().cast::<IoSliceMut<'_>>(), copy.len()) })
    })
}

/// Runs `with` on a copy of the array, after the checks that Linux does: the count, the lengths, and a buffer for each. What is more
/// than one call moves is cut off.
fn copied<R>(vectors: In<libc::iovec>, count: usize, with: impl FnOnce(&mut [libc::iovec]) -> Result<R>) -> Result<R> {
    if count > IOV_MAX {
        return Err(Errno::INVAL);
    }
    const NOTHING: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let mut few = [NOTHING; 8];
    let mut many;
    let copy = if count <= few.len() {
        &mut few[..count]
    } else {
        many = vec![NOTHING; count];
        &mut many[..]
    };
    // SAFETY: the fact of `user`, and a place of ours of that size.
    there(unsafe { fault::copy_raw(copy.as_mut_ptr().cast(), vectors.0.cast(), size_of_val(copy)) })?;
    let mut room = MAX_RW_COUNT;
    for vector in copy.iter_mut() {
        match (vector.iov_base.is_null(), vector.iov_len) {
            (_, len) if isize::try_from(len).is_err() => return Err(Errno::INVAL),
            (true, 0) => vector.iov_base = std::ptr::dangling_mut::<u8>().cast(),
            (true, _) => return Err(Errno::FAULT),
            // Of a single one Linux cuts the length before it looks at it.
            (_, ADDRESSES..) if count > 1 => return Err(Errno::FAULT),
            _ => {}
        }
        vector.iov_len = vector.iov_len.min(room);
        room -= vector.iov_len;
    }
    with(copy)
}
