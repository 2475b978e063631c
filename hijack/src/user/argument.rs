//! Words of variadic functions, which are numbers or pointers, and what mmap(2) returns.

use super::Out;
use crate::hook::Reply;
use std::ffi::{c_int, c_void};

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
    /// As syscall(2) gives it back.
    pub fn word(self) -> isize {
        self.0.addr().cast_signed()
    }

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
