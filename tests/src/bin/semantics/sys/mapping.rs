//! Memory that a descriptor maps.
#![allow(unsafe_code)]

use std::ptr;

use libc::{c_int, c_void};

use super::{Errno, Fd, Ret};

/// A mapping, not unmapped by dropping. Who else has it writes whenever it likes.
#[derive(Clone, Copy)]
pub struct Mapped {
    start: *mut u8,
    len: usize,
}

/// mmap(2), to read and to write.
pub fn map(fd: Fd, len: usize, flags: c_int, offset: i64) -> Ret<Mapped> {
    // SAFETY: the host chooses the place, so nothing that is there is replaced.
    let start = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, fd, offset) };
    if start == libc::MAP_FAILED { Err(Errno::last()) } else { Ok(Mapped { start: start.cast(), len }) }
}

/// munmap(2) of so many bytes at its end.
pub fn unmap_end(mapped: &mut Mapped, len: usize) -> Ret {
    let at = mapped.place(mapped.len - len, len);
    mapped.len -= len;
    call!(libc::munmap(at.cast::<c_void>(), len)).map(drop)
}

impl Mapped {
    fn place(&self, at: usize, len: usize) -> *mut u8 {
        assert!(at + len <= self.len, "inside the mapping");
        self.start.wrapping_add(at)
    }

    /// What is there now.
    pub fn bytes(&self, at: usize, len: usize) -> Vec<u8> {
        // SAFETY: inside the mapping; a copy is made byte by byte, whatever others write meanwhile.
        (0..len).map(|i| unsafe { self.place(at + i, 1).read_volatile() }).collect()
    }

    /// The word there.
    pub fn word(&self, at: usize) -> u32 {
        let bytes = self.bytes(at, 4);
        u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The half word there.
    pub fn half(&self, at: usize) -> u16 {
        let bytes = self.bytes(at, 2);
        u16::from_ne_bytes([bytes[0], bytes[1]])
    }

    /// Writes there.
    pub fn put(&self, at: usize, bytes: &[u8]) {
        for (i, byte) in bytes.iter().enumerate() {
            // SAFETY: as in `bytes`.
            unsafe { self.place(at + i, 1).write_volatile(*byte) };
        }
    }
}
