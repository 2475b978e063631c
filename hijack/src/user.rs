#![allow(unsafe_code)]
//! Memory of the program, as its calls hand it to us.
//!
//! [`In`] and [`Out`] are C pointers that only an exported function's argument list can bring into being (their field
//! is private, and they have no constructor). What they point to is then what the function's man page says, for as long
//! as the call lasts; that is the fact on which the `unsafe` of this module rests. A pointer to memory that is not there is EFAULT, as
//! on Linux: what is small is copied or looked at beforehand by [`kernel::fault`], the bytes of a send or a recv are copied by it.

mod argument;
mod structures;
mod vectors;

pub use argument::{Argument, Mapped};
pub use structures::Message;
pub use vectors::{IOV_MAX, gather, scatter};

use crate::hook::Reply;
use kernel::fault::{self, Fault};
use kernel::{Errno, Result};
use std::ffi::{CStr, c_char};
use std::mem::{MaybeUninit, size_of};

/// What one call moves at most (Linux's MAX_RW_COUNT).
pub const MAX_RW_COUNT: usize = 0x7fff_f000;

/// As many addresses as a program has: a length of so many bytes is EFAULT without a look at them (access_ok()).
pub const ADDRESSES: usize = 1 << 47;

/// Types of which every pattern of bits is a value.
///
/// # Safety
/// That must be true.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),*) => { $(
        // SAFETY: integers, or C structures of integers and raw pointers.
        unsafe impl Plain for $type {}
    )* };
}
plain!(u8, i8, u16, i32, u32, i64, u64, usize, isize);
plain!(libc::iovec, libc::msghdr, libc::mmsghdr, libc::pollfd, libc::epoll_event, libc::timespec, libc::timeval);
plain!(libc::sigset_t, libc::fd_set, libc::sockaddr_in, libc::sockaddr_in6, libc::ifconf, libc::cmsghdr);
plain!(libc::in_pktinfo, libc::sigaction, libc::siginfo_t, libc::sock_fprog);

plain!(libc::addrinfo, libc::hostent, libc::utsname, libc::stack_t);
// SAFETY: every pattern of bits is a pointer.
unsafe impl<T> Plain for *mut T {}
// SAFETY: as above: a pointer in the program's memory is as good as one in its call.
unsafe impl<T> Plain for Out<T> {}
// SAFETY: as above; a word that the program passes.
unsafe impl Plain for Argument {}

/// A pointer to what the call reads.
#[repr(transparent)]
pub struct In<T>(*const T);

/// A pointer to what the call writes, or reads and writes.
#[repr(transparent)]
pub struct Out<T>(*mut T);

// By hand: a pointer can be copied whatever it points to.
impl<T> Clone for In<T> {
    fn clone(&self) -> In<T> {
        *self
    }
}
impl<T> Copy for In<T> {}
impl<T> Clone for Out<T> {
    fn clone(&self) -> Out<T> {
        *self
    }
}
impl<T> Copy for Out<T> {}

impl<T> Reply for Out<T> {
    const FAILED: Self = Out(std::ptr::null_mut());
}

/// Bytes of the program, of any type.
pub type InBytes = In<u8>;
/// Bytes of the program, of any type.
pub type OutBytes = Out<u8>;

impl<T> In<T> {
    /// Points nowhere.
    pub fn null() -> In<T> {
        In(std::ptr::null())
    }

    /// Whether it points nowhere.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }
}

impl<T: Plain> In<T> {
    /// What it points to.
    pub fn get(self) -> Result<T> {
        if self.0.is_null() {
            return Err(Errno::FAULT);
        }
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the module's fact, and a place of ours of that size; by bytes, because C programs cast. What was copied whole is a
        // value, since every pattern of bits is one.
        unsafe {
            there(fault::copy_raw(value.as_mut_ptr().cast(), self.0.cast(), size_of::<T>()))?;
            Ok(value.assume_init())
        }
    }

    /// What it points to, if anywhere. EFAULT where that is not there.
    pub fn optional(self) -> Result<Option<T>> {
        if self.0.is_null() { Ok(None) } else { self.get().map(Some) }
    }

    /// The `len` things that it points to.
    pub fn slice<'a>(self, len: usize) -> Result<&'a [T]> {
        let slice = self.unseen(len)?;
        there(fault::readable(self.0.cast(), size_of_val(slice)))?;
        Ok(slice)
    }

    /// As [`slice`](Self::slice), of memory that need not be there: only for those who copy by [`kernel::fault`].
    pub fn unseen<'a>(self, len: usize) -> Result<&'a [T]> {
        check::<T>(self.0, len)?;
        if len == 0 {
            return Ok(&[]);
        }
        // SAFETY: the module's fact, not null and aligned (`check`).
        Ok(unsafe { std::slice::from_raw_parts(self.0, len) })
    }
}

impl<T> In<T> {
    /// The pointer, to hand it to C.
    pub fn raw(self) -> *const T {
        self.0
    }

    /// What follows `count` things of this type.
    pub fn nth(self, count: usize) -> In<T> {
        In(self.0.wrapping_add(count))
    }
}

impl In<c_char> {
    /// The string that it points to.
    pub fn string<'a>(self) -> Result<&'a CStr> {
        if self.0.is_null() {
            return Err(Errno::FAULT);
        }
        there(fault::string(self.0))?;
        // SAFETY: the module's fact: a NUL-terminated string.
        Ok(unsafe { CStr::from_ptr(self.0) })
    }
}

impl<T> Out<T> {
    /// Whether it points nowhere.
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The pointer, to hand it to C.
    pub fn raw(self) -> *mut T {
        self.0
    }

    /// A place of ours that is filled as if it were the program's.
    pub fn of(place: &mut T) -> Out<T> {
        Out(place)
    }

    /// What follows `count` things of this type.
    pub fn nth(self, count: usize) -> Out<T> {
        Out(self.0.wrapping_add(count))
    }

    /// The same memory, only read.
    pub fn as_in(self) -> In<T> {
        In(self.0.cast_const())
    }

    /// The same memory as another type; the man page of the call says which.
    pub fn cast<U>(self) -> Out<U> {
        Out(self.0.cast())
    }
}

impl OutBytes {
    /// Writes these bytes there.
    pub fn put(self, bytes: &[u8]) -> Result<()> {
        fault::copy(self.unseen(bytes.len())?, bytes).map_err(|Fault| Errno::FAULT)
    }
}

impl<T: Plain> Out<T> {
    /// What it points to.
    pub fn get(self) -> Result<T> {
        In(self.0.cast_const()).get()
    }

    /// Writes there.
    pub fn set(self, value: T) -> Result<()> {
        if self.0.is_null() {
            return Err(Errno::FAULT);
        }
        // SAFETY: the module's fact, and a value of ours of that size; by bytes, because C programs cast.
        there(unsafe { fault::copy_raw(self.0.cast(), (&raw const value).cast(), size_of::<T>()) })
    }

    /// The `len` things that it points to, to be written.
    pub fn slice<'a>(self, len: usize) -> Result<&'a mut [T]> {
        let slice = self.unseen(len)?;
        there(fault::writable(self.0.cast(), size_of_val(slice)))?;
        Ok(slice)
    }

    /// As [`slice`](Self::slice), of memory that need not be there: only for those who copy by [`kernel::fault`].
    pub fn unseen<'a>(self, len: usize) -> Result<&'a mut [T]> {
        check::<T>(self.0, len)?;
        if len == 0 {
            return Ok(&mut []);
        }
        // SAFETY: the module's fact, not null and aligned (`check`).
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0, len) })
    }
}

/// EFAULT where memory was not there.
fn there(result: std::result::Result<(), Fault>) -> Result<()> {
    result.map_err(|Fault| Errno::FAULT)
}

/// Null, or so long or so crooked that no slice can be made of it.
fn check<T>(pointer: *const T, len: usize) -> Result<()> {
    if len == 0 {
        return Ok(());
    }
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Errno::FAULT);
    }
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
        _ => Err(Errno::INVAL),
    }
}

#[cfg(test)]
mod tests;
