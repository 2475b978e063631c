//! What stands between an exported symbol and the row that answers it.
//!
//! The ways to answer, one a word of the table:
//!
//! - `asks`: the function may answer (`Some`), or leave the call to the host (`None`). A wrong argument or a refusal is an
//!   `Err(Errno)`, which becomes errno and the function's way to say "failed".
//! - `tells`: as `asks`; the function sets errno itself where it says so in the value that it gives (EAI_SYSTEM).
//! - `after`: the host's function runs first; ours then sees its result, to keep the tables true. errno is kept.
//! - `opens`: as `asks`; where the host's function answers, it makes a descriptor (see `makes`).
//! - `makes`: the host's function makes a descriptor, and whatever the tables held under its number is forgotten.
//! - `refuses`: fails with this errno. libc would do its work with sockets of its own, on the host's network.
//! - `replaces`: ours alone decides, and calls the host's function where it wants to.
//!
//! A call that succeeds leaves errno as it was, as the host's system calls do: programs look at it where they should not.
//! `asks` and `after` run inside [`Critical`]: signal handlers wait until they are done, and whatever they call
//! themselves (std, a crate) that comes back to an exported symbol goes straight to the host's function.

use crate::real;
use kernel::signal::{self, Critical};
use kernel::{Errno, Result};
use std::ffi::{c_int, c_uint};

/// Why a function that this libc does not have fails.
pub const NO_FUNCTION: Errno = Errno::NOSYS;

/// Why functions fail that would use sockets inside of libc.
pub const INSIDE_LIBC: Errno = Errno::AFNOSUPPORT;

/// How a C function says that it failed and that the reason is in errno.
pub trait Reply: Copy {
    /// The value.
    const FAILED: Self;
}

impl Reply for c_int {
    const FAILED: Self = -1;
}

/// if_nametoindex(3).
impl Reply for c_uint {
    const FAILED: Self = 0;
}

impl Reply for isize {
    const FAILED: Self = -1;
}

impl Reply for usize {
    /// SIG_ERR; other functions that return one have no failure.
    const FAILED: Self = usize::MAX;
}

impl Reply for () {
    const FAILED: Self = ();
}

impl<T> Reply for *mut T {
    const FAILED: Self = std::ptr::null_mut();
}

/// Runs `ours` unless the call comes from our own code, keeping errno where it succeeds. `None`: the host's function is to
/// be called.
#[inline]
pub fn asks<R: Reply>(ours: impl FnOnce() -> Option<Result<R>>) -> Option<R> {
    let errno = real::errno();
    let answer = answer(ours)?;
    Some(answer.inspect(|_| real::set_errno(errno)).unwrap_or_else(failed))
}

/// As [`asks`], for a function that sets errno itself.
#[inline]
pub fn tells<R: Reply>(ours: impl FnOnce() -> Option<Result<R>>) -> Option<R> {
    Some(answer(ours)?.unwrap_or_else(failed))
}

#[inline]
fn answer<R>(ours: impl FnOnce() -> Option<Result<R>>) -> Option<Result<R>> {
    if signal::inside() {
        return None;
    }
    let critical = Critical::enter();
    let answer = ours();
    // Handlers that waited run here, before errno is set: it is the last thing that the program must find.
    drop(critical);
    answer
}

/// Runs `then` on the result of the host's function, keeping errno.
#[inline]
pub fn after<R: Reply>(result: R, then: impl FnOnce(R)) -> R {
    if signal::inside() {
        return result;
    }
    let errno = real::errno();
    let critical = Critical::enter();
    then(result);
    drop(critical);
    real::set_errno(errno);
    result
}

/// Sets errno, and gives what the function returns then.
pub fn failed<R: Reply>(errno: Errno) -> R {
    real::set_errno(errno.raw_os_error());
    R::FAILED
}

/// What a host's function returned, with the reason out of errno.
pub fn outcome<R: Reply + PartialEq>(value: R) -> Result<R> {
    if value == R::FAILED { Err(Errno::from_raw_os_error(real::errno())) } else { Ok(value) }
}

/// Makes the exported function, the host's function of the same name (in `host`), and the list of all names, of a table
/// of rows `name(argument: Type, …) -> Type = how path::to::function;`.
macro_rules! hooks {
    ($( $name:ident ( $($arg:ident : $type:ty),* $(,)? ) -> $ret:ty = $how:ident $ours:path; )*) => {
        /// The host's functions, by their own names. A function that this libc does not have fails with ENOSYS.
        pub mod host {
            use super::*;
            $(
                #[allow(clippy::too_many_arguments, non_snake_case, missing_docs, dead_code)]
                #[inline]
                pub fn $name($($arg: $type),*) -> $ret {
                    $crate::real::call!(super::symbols::$name, fn($($type),*) -> $ret, ($($arg),*))
                }
            )*
        }

        /// Where the host's functions are.
        #[allow(non_upper_case_globals)]
        mod symbols {
            $( pub static $name: $crate::real::Symbol = $crate::real::Symbol::new(concat!(stringify!($name), "\0")); )*
        }

        /// Every hooked symbol.
        pub static SYMBOLS: &[&$crate::real::Symbol] = &[$( &symbols::$name ),*];

        /// The table as text: a line a row.
        pub const LINES: &str = concat!($( stringify!($name), "\t", stringify!($how), "\n" ),*);

        /// The functions that the program's calls reach.
        mod exported {
            use super::*;
            $(
                #[allow(clippy::too_many_arguments, non_snake_case)]
                // SAFETY: the name is one of libc's, and the signature is that of its man page.
                #[unsafe(no_mangle)]
                extern "C" fn $name($($arg: $type),*) -> $ret {
                    $crate::hook::body!($how $name = $ours, ($($arg),*))
                }
            )*
        }
    };
}

/// The body of an exported function.
macro_rules! body {
    (asks $name:ident = $ours:path, ($($arg:ident),*)) => {
        match $crate::hook::asks(|| $ours($($arg),*)) {
            Some(value) => value,
            None => super::host::$name($($arg),*),
        }
    };
    (tells $name:ident = $ours:path, ($($arg:ident),*)) => {
        match $crate::hook::tells(|| $ours($($arg),*)) {
            Some(value) => value,
            None => super::host::$name($($arg),*),
        }
    };
    (after $name:ident = $ours:path, ($($arg:ident),*)) => {
        $crate::hook::after(super::host::$name($($arg),*), |result| $ours(result, $($arg),*))
    };
    (opens $name:ident = $ours:path, ($($arg:ident),*)) => {
        match $crate::hook::asks(|| $ours($($arg),*)) {
            Some(value) => value,
            None => $crate::hook::after(super::host::$name($($arg),*), $crate::descriptors::made),
        }
    };
    (makes $name:ident = $ours:path, ($($arg:ident),*)) => {
        $crate::hook::after(super::host::$name($($arg),*), $ours)
    };
    (refuses $name:ident = $errno:path, ($($arg:ident),*)) => {{
        let _ = ($($arg),*);
        $crate::hook::failed($errno)
    }};
    (replaces $name:ident = $ours:path, ($($arg:ident),*)) => {
        $ours($($arg),*)
    };
}

pub(crate) use {body, hooks};
