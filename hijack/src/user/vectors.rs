#![allow(unsafe_code)]
//! The buffers of readv(2), sendmsg(2) and their relatives.

use super::{In, there};
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

/// Runs `with` on a copy of the array, after the checks that Linux does: the count, the sum, and a buffer for each length.
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
    let mut sum = 0usize;
    for vector in copy.iter_mut() {
        sum = sum.checked_add(vector.iov_len).filter(|sum| *sum <= isize::MAX as usize).ok_or(Errno::INVAL)?;
        match (vector.iov_base.is_null(), vector.iov_len) {
            (true, 0) => vector.iov_base = std::ptr::dangling_mut::<u8>().cast(),
            (true, _) => return Err(Errno::FAULT),
            _ => {}
        }
    }
    with(copy)
}
