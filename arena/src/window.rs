//! Memory that a program maps (mmap(2)): fixed places, at which both sides find what the other has put there.
//!
//! Nothing in it is to be trusted: a program may write anywhere at any time. Bytes are copied in and out; a word that says whose a
//! place is, is stored after the bytes that belong to it and loaded before them.
#![allow(unsafe_code)]

use crate::Arena;
use crate::allocator::Holder;
use crate::mapping::Mapping;
use rustix::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// See the module. Zero at first.
pub struct Window {
    mapping: Mapping,
    len: usize,
    file: Option<Holder>,
    arena: Option<Arc<Arena>>,
}

impl Window {
    /// Memory of nobody else's, for tests. `len` in bytes.
    pub fn alone(len: usize) -> rustix::io::Result<Window> {
        Ok(Window { mapping: Mapping::new(None, len)?, len, file: None, arena: None })
    }

    /// The whole of `file`, which has `len` bytes and keeps them (it is sealed); `arena` has been charged for them.
    pub(crate) fn shared(file: Holder, len: usize, arena: Arc<Arena>) -> rustix::io::Result<Window> {
        let mapping = Mapping::new(Some((file.as_fd(), 0)), len)?;
        Ok(Window { mapping, len, file: Some(file), arena: Some(arena) })
    }

    /// What a program maps.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(|file| file.as_fd())
    }

    /// Bytes of it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: there is no window of no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The word at `at`, a multiple of four. What was written before it was stored is there.
    pub fn load(&self, at: usize) -> u32 {
        self.word(at).load(Ordering::Acquire)
    }

    /// Stores a word: who loads it finds what was written before.
    pub fn store(&self, at: usize, word: u32) {
        self.word(at).store(word, Ordering::Release);
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4), "a word's place");
        let place = self.mapping.at(at, 4).cast::<AtomicU32>();
        // SAFETY: inside the mapping (`at`), which lives as long as `self`, and aligned, because the mapping begins with a page; an
        // atomic may be shared with whoever else maps it.
        unsafe { place.as_ref() }
    }

    /// Copies `bytes` to `at`.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        let place = self.mapping.at(at, bytes.len());
        // SAFETY: inside the mapping; no reference to its bytes exists, and the source is the caller's own memory. Who reads or writes
        // the same place at the same time gets a mixture of bytes, which nobody interprets.
        unsafe { place.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Copies what is at `at` into `bytes`.
    pub fn read(&self, at: usize, bytes: &mut [u8]) {
        let place = self.mapping.at(at, bytes.len());
        // SAFETY: as in `write`.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(place.as_ptr(), bytes.len()) };
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if let Some(arena) = &self.arena {
            arena.release(self.len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_at_a_place_is_found_there_by_whoever_maps_it() {
        let arena = Arena::new("test", Some(3 * 4096)).expect("memory");
        let window = arena.window("ring", 2 * 4096, |fd| Box::new(fd)).expect("memory");
        assert_eq!((window.len(), arena.used()), (8192, 8192));
        let other = Mapping::new(window.file().map(|file| (file, 0)), 8192).expect("memory");
        let other = Window { mapping: other, len: 8192, file: None, arena: None };
        window.write(4095, b"frame");
        window.store(8188, 7);
        let mut bytes = [0; 5];
        other.read(4095, &mut bytes);
        assert_eq!((&bytes, other.load(8188)), (b"frame", 7));
        assert!(arena.window("ring", 2 * 4096, |fd| Box::new(fd)).is_none(), "the limit");
        let file = window.file().expect("a file").try_clone_to_owned().expect("a descriptor");
        assert!(rustix::fs::ftruncate(&file, 0).is_err(), "nobody takes the pages away");
        drop(window);
        assert_eq!(arena.used(), 0);
    }

    #[test]
    #[should_panic(expected = "inside the mapping")]
    fn there_is_nothing_beyond_the_end() {
        Window::alone(4096).expect("memory").write(4094, b"frame");
    }
}
