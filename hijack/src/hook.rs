//! What runs between an exported symbol and the function of its row in the table.
//!
//! The word of a row says how the call is answered:
//!
//! - `asks`: our function answers (`Some`), or leaves the call to the host's function (`None`). `Err(Errno)` sets errno and returns
//!   what the function returns on failure.
//! - `tells`: as `asks`, but our function sets errno itself (getaddrinfo(3) does so for EAI_SYSTEM only).
//! - `after`: the host's function runs first; ours sees its result, to keep the tables up to date. errno is kept.
//! - `opens`: as `asks`; if the host's function answers, it makes a descriptor (see `makes`).
//! - `makes`: the host's function makes a descriptor; whatever the tables held under its number is forgotten.
//! - `refuses`: fails with this errno, because libc would do the work with sockets of its own, on the host's network.
//! - `replaces`: our function decides alone, and calls the host's function if it wants to.
//! - `passes`: our function sees the arguments and may change them; unless it answers (`Some`), the call goes on in the host's
//!   function as if it had come there by itself ([`crate::onward`]).
//!
//! A row that ends with `point` is a cancellation point (pthreads(7)): a thread that is cancelled may end there.
//!
//! A call that succeeds leaves errno as it was, as system calls do: some programs look at it although they should not.
//! What is interrupted for a handler with SA_RESTART begins anew (`kernel::signal::RESTART`): a function of a word that asks may run
//! several times for one call.
//! All but `refuses`, `replaces` and `passes` run inside [`Critical`]: signal handlers are put off until they are done, and if something that
//! they call (std, a crate) comes back to an exported symbol, it goes straight to the host's function.

use crate::alternate_stack::with_room;
use crate::real;
use kernel::signal::cancel::{self, Shield};
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
pub fn asks<R: Reply>(ours: impl FnMut() -> Option<Result<R>>) -> Option<R> {
    let errno = real::errno();
    let answer = answer(ours, Result::is_err)?;
    Some(answer.inspect(|_| real::set_errno(errno)).unwrap_or_else(failed))
}

/// As [`asks`], for a function that sets errno itself.
#[inline]
pub fn tells<R: Reply>(ours: impl FnMut() -> Option<Result<R>>) -> Option<R> {
    Some(answer(ours, |_| true)?.unwrap_or_else(failed))
}

#[inline]
fn answer<R>(mut ours: impl FnMut() -> Option<Result<R>>, failed: impl Fn(&Result<R>) -> bool) -> Option<Result<R>> {
    if signal::inside() {
        return None;
    }
    loop {
        let critical = Critical::enter();
        let shield = Shield::enter();
        let answer = with_room(&mut ours);
        shield.leave(answer.as_ref().is_some_and(&failed));
        // Handlers that waited run here, before errno is set: it is the last thing that the program must find. One that leaves by
        // siglongjmp leaves nothing behind.
        drop(critical);
        if !matches!(answer, Some(Err(signal::RESTART))) {
            return answer;
        }
    }
}

/// Runs what is not an answer itself as if it were one: no handler runs meanwhile, and the thread is not cancelled.
#[inline]
pub fn within<R>(call: impl FnOnce() -> R) -> R {
    let critical = Critical::enter();
    let shield = Shield::enter();
    let result = with_room(call);
    shield.leave(false);
    drop(critical);
    result
}

/// What the exported function gives that stands before a cancellation point where the thread is to end: no count, no number and
/// no failure.
pub const ENDS: i32 = -0x07ca_5ce1;

/// Runs a function that is a cancellation point (pthreads(7)).
#[inline]
pub fn may_end(call: impl FnOnce() -> i64) -> i64 {
    cancel::point(call).unwrap_or(ENDS.into())
}

/// How many words the arguments of a function are, each of which is one (a register, or eight bytes of the stack): at most eight.
pub const fn words(arguments: &[&str]) -> usize {
    assert!(arguments.len() <= 8);
    arguments.len()
}

/// pthread_exit(3), to which a cancelled thread goes.
pub use libc::pthread_exit;

/// Runs `then` on the result of the host's function, keeping errno.
#[inline]
pub fn after<R: Reply>(result: R, then: impl FnOnce(R)) -> R {
    if signal::inside() {
        return result;
    }
    let errno = real::errno();
    within(|| then(result));
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
    ($( $name:ident ( $($arg:ident : $type:ty),* $(,)? ) -> $ret:ty = $how:ident $ours:path $(, $point:ident)?; )*) => {
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
                $crate::hook::exported!(($($point)?) $how $name = $ours, ($($arg: $type),*) -> $ret);
            )*
        }
    };
}

/// An exported function.
macro_rules! exported {
    (() passes $name:ident = $ours:path, ($($arg:ident: $type:ty),*) -> $ret:ty) => {
        $crate::onward::onward!($name($($arg: $type),*) = $ours);
    };
    (() $how:ident $name:ident = $ours:path, ($($arg:ident: $type:ty),*) -> $ret:ty) => {
        #[allow(clippy::too_many_arguments, non_snake_case)]
        // SAFETY: the name is one of libc's, and the signature is that of its man page.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($arg: $type),*) -> $ret {
            $crate::hook::body!($how $name = $ours, ($($arg),*))
        }
    };
    ((point) $how:ident $name:ident = $ours:path, ($($arg:ident: $type:ty),*) -> $ret:ty) => {
        const _: () = {
            $crate::hook::point! {
                // SAFETY: the name is one of libc's, and the signature is that of its man page.
                #[unsafe(no_mangle)]
                $name($($arg: $type),*) -> $ret = $crate::hook::body!($how $name = $ours, ($($arg),*))
            }
        };
    };
}

/// A function of at most eight words that is a cancellation point. A thread may end here only when no frame of ours is left on its stack,
/// because libc unwinds it: so a few instructions stand before what is ours.
macro_rules! point {
    ($(#[$attribute:meta])? $name:ident($($arg:ident: $type:ty),*) -> $ret:ty = $value:expr) => {
        #[cfg(target_arch = "x86_64")]
        #[allow(clippy::too_many_arguments)]
        extern "C" fn inner($($arg: $type),*) -> i64 {
            $crate::hook::may_end(|| {
                let value: $ret = $value;
                value as i64
            })
        }

        #[cfg(target_arch = "x86_64")]
        #[allow(clippy::too_many_arguments, non_snake_case)]
        $(#[$attribute])?
        #[unsafe(naked)]
        extern "C" fn $name($($arg: $type),*) -> $ret {
            std::arch::naked_asm!(
                // Through here libc unwinds the threads that it cancels in the host's function.
                ".cfi_startproc",
                "sub rsp, 8",
                ".cfi_adjust_cfa_offset 8",
                // What is not in registers: the eighth word and the seventh.
                ".if {words} > 6",
                "push qword ptr [rsp + 24]",
                ".cfi_adjust_cfa_offset 8",
                "push qword ptr [rsp + 24]",
                ".cfi_adjust_cfa_offset 8",
                "call {inner}",
                "add rsp, 24",
                ".cfi_adjust_cfa_offset -24",
                ".else",
                "call {inner}",
                "add rsp, 8",
                ".cfi_adjust_cfa_offset -8",
                ".endif",
                "cmp rax, {ends}",
                "je 2f",
                "ret",
                "2:",
                // PTHREAD_CANCELED
                "mov rdi, -1",
                "jmp {exit}",
                ".cfi_endproc",
                words = const $crate::hook::words(&[$(stringify!($arg)),*]),
                inner = sym inner,
                ends = const $crate::hook::ENDS,
                exit = sym $crate::hook::pthread_exit,
            )
        }

        // Without these instructions for the other architectures, threads there end at the next cancellation point of the host's.
        #[cfg(not(target_arch = "x86_64"))]
        #[allow(clippy::too_many_arguments, non_snake_case)]
        $(#[$attribute])?
        extern "C" fn $name($($arg: $type),*) -> $ret {
            $value
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

pub(crate) use {body, exported, hooks, point};
