#![allow(unsafe_code)]
//! Memory of the program, as its calls hand it to us.
//!
//! [`In`] and [`Out`] are C pointers that only an exported function's argument list can bring into being (their field
//! is private, and they have no constructor). What they point to is then what the function's man page says, for as long
//! as the call lasts; that is the fact on which this file's `unsafe` rests. A pointer to memory that is not there is EFAULT, as
//! on Linux: what is small is copied or looked at beforehand by [`kernel::fault`], the bytes of a send or a recv are copied by it.

use crate::hook::Reply;
use kernel::fault::{self, Fault};
use kernel::socket::MAX_INSTRUCTIONS;
use kernel::{Errno, Result};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::{IoSlice, IoSliceMut};
use std::mem::{MaybeUninit, size_of};

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

plain!(libc::addrinfo, libc::hostent, libc::utsname);
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

/// The most buffers of one call (IOV_MAX).
pub const IOV_MAX: usize = 1024;

/// Runs `with` on the buffers that an iovec array names, to be read.
pub fn gather<R>(vectors: In<libc::iovec>, count: usize, with: impl FnOnce(&[IoSlice<'_>]) -> Result<R>) -> Result<R> {
    copied(vectors, count, |copy| {
        // SAFETY: IoSlice is guaranteed to have the layout of iovec; the buffers are the program's (the module's fact),
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
    // SAFETY: the module's fact, and a place of ours of that size.
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

/// The parts of a `msghdr`, as the call may use them.
#[derive(Clone, Copy)]
pub struct Message {
    /// Where the name is or goes.
    pub name: OutBytes,
    /// Its length, in bytes.
    pub name_len: u32,
    /// The buffers.
    pub vectors: In<libc::iovec>,
    /// How many.
    pub count: usize,
    /// Where the control messages are or go.
    pub control: OutBytes,
    /// Their length, in bytes.
    pub control_len: usize,
}

impl InBytes {
    /// The instructions that a `struct sock_fprog` of `len` bytes points to. EINVAL where there are none, or too many.
    pub fn program<'a>(self, len: usize) -> Result<&'a [u8]> {
        if len != size_of::<libc::sock_fprog>() {
            return Err(Errno::INVAL);
        }
        let program = In::<libc::sock_fprog>(self.0.cast()).get()?;
        let count = usize::from(program.len);
        if program.filter.is_null() || !(1..=MAX_INSTRUCTIONS).contains(&count) {
            return Err(Errno::INVAL);
        }
        In::<u8>(program.filter.cast_const().cast()).slice(count * size_of::<libc::sock_filter>())
    }
}

impl Out<libc::msghdr> {
    /// Its parts. As Linux: EINVAL for a negative length of the name, EMSGSIZE for too many buffers; a name is never longer
    /// than the longest of any family.
    pub fn parts(self) -> Result<Message> {
        let header = self.get()?;
        let name_len = if header.msg_name.is_null() { 0 } else { header.msg_namelen };
        if name_len.cast_signed() < 0 {
            return Err(Errno::INVAL);
        }
        if header.msg_iovlen > IOV_MAX {
            return Err(Errno::MSGSIZE);
        }
        Ok(Message {
            name: Out(header.msg_name.cast()),
            name_len: name_len.min(size_of::<libc::sockaddr_storage>() as u32),
            vectors: In(header.msg_iov),
            count: header.msg_iovlen,
            control: Out(header.msg_control.cast()),
            control_len: if header.msg_control.is_null() { 0 } else { header.msg_controllen },
        })
    }

    /// Writes how long the name is.
    pub fn set_name_len(self, len: u32) -> Result<()> {
        let mut header = self.get()?;
        header.msg_namelen = len;
        self.set(header)
    }

    /// Writes what recvmsg gives back: the lengths and the flags.
    pub fn finish(self, name_len: u32, control_len: usize, flags: c_int) -> Result<()> {
        let mut header = self.get()?;
        header.msg_namelen = name_len;
        header.msg_controllen = control_len;
        header.msg_flags = flags;
        self.set(header)
    }
}

impl Out<libc::mmsghdr> {
    /// The header of the `index`th message.
    pub fn header(self, index: u32) -> Out<libc::msghdr> {
        Out(self.0.wrapping_add(index as usize).cast())
    }

    /// Writes the length of the `index`th message.
    pub fn set_len(self, index: u32, len: u32) -> Result<()> {
        let one = Out(self.0.wrapping_add(index as usize));
        let mut message: libc::mmsghdr = one.get()?;
        message.msg_len = len;
        one.set(message)
    }
}

impl Out<libc::FILE> {
    /// A stream that is about to be the program's.
    pub fn stream(stream: *mut libc::FILE) -> Out<libc::FILE> {
        Out(stream)
    }
}

impl Out<libc::ifconf> {
    /// Where SIOCGIFCONF writes, and how many bytes there are.
    pub fn buffer(self) -> Result<(OutBytes, usize)> {
        let conf = self.get()?;
        // SAFETY: a union of two pointers.
        let buffer = unsafe { conf.ifc_ifcu.ifcu_buf };
        Ok((Out(buffer.cast()), usize::try_from(conf.ifc_len).unwrap_or(0)))
    }
}

/// An argument of a variadic function (fcntl, ioctl): a number or a pointer, as the command says.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Argument(*mut c_void);

impl Argument {
    /// A place of ours, as if the program had passed it.
    pub fn of<T>(place: &mut T) -> Argument {
        Argument(std::ptr::from_mut(place).cast())
    }

    /// As a number.
    pub fn int(self) -> c_int {
        self.0 as usize as c_int
    }

    /// As a pointer.
    pub fn pointer<T>(self) -> Out<T> {
        Out(self.0.cast())
    }
}

/// Where mmap(2) has mapped something.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq)]
pub struct Mapped(*mut c_void);

impl Reply for Mapped {
    const FAILED: Self = Mapped(libc::MAP_FAILED);
}

impl Mapped {
    /// A place in it, to map something there.
    pub fn at(self, offset: usize) -> Argument {
        Argument(self.0.wrapping_byte_add(offset))
    }
}

macro_rules! numbers {
    ($($type:ty),*) => { $(
        impl From<Argument> for $type {
            fn from(argument: Argument) -> $type {
                argument.0 as usize as $type
            }
        }
    )* };
}
numbers!(c_int, u32, i64, u64, usize);

impl<T> From<Argument> for *mut T {
    fn from(argument: Argument) -> *mut T {
        argument.0.cast()
    }
}

impl<T> From<Argument> for *const T {
    fn from(argument: Argument) -> *const T {
        argument.0.cast()
    }
}

#[cfg(test)]
mod tests;
