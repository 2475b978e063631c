//! The files that programs read names and the network out of (`kernel::files`): where RUMP_NET is set, they open a file of ours.
//! Every other path, and opening to write, is the host's.

use crate::table::host;
use crate::user::{Argument, In, Out};
use crate::{descriptors, hook, stdio};
use kernel::{Errno, Result};
use libc::FILE;
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, SeekFrom, fcntl_add_seals, memfd_create, seek};
use rustix::io::{FdFlags, fcntl_setfd};
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

/// open(2).
pub fn open(path: In<c_char>, flags: c_int, _mode: Argument) -> Option<Result<c_int>> {
    open_2(path, flags)
}

/// open(2), fortified.
pub fn open_2(path: In<c_char>, flags: c_int) -> Option<Result<c_int>> {
    if flags & libc::O_ACCMODE != libc::O_RDONLY || flags & (libc::O_PATH | libc::O_DIRECTORY | libc::O_TRUNC) != 0 {
        return None;
    }
    let file = shown(path, flags & libc::O_CLOEXEC != 0)?;
    Some(file.map(|file| {
        let fd = file.into_raw_fd();
        descriptors::made(fd);
        fd
    }))
}

/// openat(2): only whole paths, which are the same from everywhere.
pub fn openat(_directory: c_int, path: In<c_char>, flags: c_int, _mode: Argument) -> Option<Result<c_int>> {
    open_2(path, flags)
}

/// openat(2), fortified.
pub fn openat_2(_directory: c_int, path: In<c_char>, flags: c_int) -> Option<Result<c_int>> {
    open_2(path, flags)
}

/// fopen(3).
pub fn fopen(path: In<c_char>, mode: In<c_char>) -> Out<FILE> {
    hook::asks(|| stream(path, mode)).unwrap_or_else(|| hook::after(host::fopen(path, mode), stdio::made))
}

/// fopen64(3).
pub fn fopen64(path: In<c_char>, mode: In<c_char>) -> Out<FILE> {
    hook::asks(|| stream(path, mode)).unwrap_or_else(|| hook::after(host::fopen64(path, mode), stdio::made))
}

fn stream(path: In<c_char>, mode: In<c_char>) -> Option<Result<Out<FILE>>> {
    let words = mode.string().ok()?.to_bytes();
    if words.first() != Some(&b'r') || words.contains(&b'+') {
        return None;
    }
    let file = shown(path, words.contains(&b'e'))?;
    Some(file.and_then(|file| {
        let fd = file.into_raw_fd();
        descriptors::made(fd);
        let stream = host::fdopen(fd, mode);
        if stream.is_null() {
            host::close(fd);
            return Err(Errno::NOMEM);
        }
        Ok(stream)
    }))
}

/// The file that stands for `path`, at its beginning.
fn shown(path: In<c_char>, cloexec: bool) -> Option<Result<OwnedFd>> {
    let path = path.string().ok()?;
    let content = kernel::files::shown(path.to_bytes())?;
    Some(content.and_then(|content| file(path, content.as_bytes(), cloexec)))
}

fn file(name: &CStr, content: &[u8], cloexec: bool) -> Result<OwnedFd> {
    let memory = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = content;
    while !rest.is_empty() {
        let written = rustix::io::write(&memory, rest)?;
        rest = rest.get(written..).unwrap_or(&[]);
    }
    fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    // To read alone, as it was asked for, and at its beginning.
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let flags = if cloexec { OFlags::RDONLY | OFlags::CLOEXEC } else { OFlags::RDONLY };
    rustix::fs::open(path, flags, Mode::empty()).or_else(|_| {
        // /proc is not there, as in many a chroot(2).
        seek(&memory, SeekFrom::Start(0))?;
        fcntl_setfd(&memory, if cloexec { FdFlags::CLOEXEC } else { FdFlags::empty() })?;
        Ok(memory)
    })
}
