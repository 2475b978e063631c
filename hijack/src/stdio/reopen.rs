//! freopen(3): the stream leaves its descriptor, which is closed behind our back, and is from then on libc's own stream of a file.

use super::{made, number};
use crate::table::host;
use crate::user::{In, Out};
use crate::{descriptors, hook, standard};
use libc::FILE;
use std::ffi::c_char;

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
    hook::after(host(own), |new| {
        descriptors::made(before);
        made(new);
    })
}
