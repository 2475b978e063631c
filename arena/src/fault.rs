//! Memory of the program that may not be there: EFAULT, not the end of the process.
//!
//! [`copy`], [`readable`], [`writable`] and [`string`] touch it inside of `run`, which leaves behind where its stack is. The process's SIGSEGV
//! handler asks [`recover`]: a fault there goes on behind `run`, which says so. What is left behind by that are frames of one C
//! function that owns nothing (memcpy, strlen) or of a few instructions. It costs a few nanoseconds and no system call.
//!
//! Without a handler that asks, or on another architecture than x86-64, a wrong pointer is SIGSEGV. So it is for a thread that has SIGSEGV
//! blocked, and for a page of a mapping beyond the end of its file (SIGBUS).
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Memory was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// What a probe takes for the smallest page.
const PAGE: usize = 4096;

/// Whether a handler asks [`recover`].
static ARMED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The stack of the `run` that this thread is in; 0 outside.
    static FRAME: Cell<usize> = const { Cell::new(0) };
}

/// The process's SIGSEGV handler asks [`recover`] from now on.
pub fn arm() {
    ARMED.store(true, Ordering::Relaxed);
}

/// Copies between the program's memory and ours. Where it fails, any part of `into` may have been written.
///
/// # Errors
/// A page of either is not there, or is not to be read or written.
#[inline]
pub fn copy(into: &mut [u8], from: &[u8]) -> Result<(), Fault> {
    debug_assert_eq!(into.len(), from.len());
    // SAFETY: valid where the memory is there, and not overlapping, since both are borrowed.
    unsafe { copy_raw(into.as_mut_ptr(), from.as_ptr(), into.len().min(from.len())) }
}

/// As [`copy`], of pointers.
///
/// # Safety
/// Both ranges are of the caller to read and write as far as the memory is there, and do not overlap.
#[inline]
pub unsafe fn copy_raw(into: *mut u8, from: *const u8, len: usize) -> Result<(), Fault> {
    guarded(libc::memcpy as *const () as usize, into, from, len)
}

/// Whether these bytes can be read now. Looks at one of each page.
///
/// # Errors
/// One of them cannot.
pub fn readable(from: *const u8, len: usize) -> Result<(), Fault> {
    let mut byte = 0u8;
    probe(from, len, |at| guarded(libc::memcpy as *const () as usize, &raw mut byte, at, 1))
}

/// Whether these bytes can be written now. Changes none.
///
/// # Errors
/// One of them cannot.
pub fn writable(into: *mut u8, len: usize) -> Result<(), Fault> {
    probe(into, len, |at| guarded(arch::touch_address(), at.cast_mut(), ptr::null(), 0))
}

/// Whether there is a NUL-terminated string.
///
/// # Errors
/// Memory ends before its end.
pub fn string(from: *const std::ffi::c_char) -> Result<(), Fault> {
    if !ARMED.load(Ordering::Relaxed) {
        return Ok(());
    }
    guarded(libc::strlen as *const () as usize, from.cast_mut().cast(), ptr::null(), 0)
}

fn probe(from: *const u8, len: usize, mut byte: impl FnMut(*const u8) -> Result<(), Fault>) -> Result<(), Fault> {
    if len == 0 || !ARMED.load(Ordering::Relaxed) {
        return Ok(());
    }
    from.addr().checked_add(len - 1).ok_or(Fault)?;
    let mut offset = 0;
    while offset < len {
        byte(from.wrapping_add(offset))?;
        offset += PAGE - (from.addr() + offset) % PAGE;
    }
    Ok(())
}

/// Calls a function of up to two pointers and a length that owns nothing; `Err` where it met memory that is not there. The pointers
/// go as such, so that the compiler knows what may change behind them.
#[inline]
fn guarded(function: usize, a: *mut u8, b: *const u8, c: usize) -> Result<(), Fault> {
    FRAME.with(|frame| {
        // SAFETY: `function` is one of this file's, which take these and keep nothing; `frame` lives as long as the thread.
        let faulted = unsafe { arch::run(a, b, c, function, frame.as_ptr()) };
        frame.set(0);
        if faulted == 0 { Ok(()) } else { Err(Fault) }
    })
}

/// For the process's SIGSEGV handler: if the fault is one of `run`'s, makes the context go on behind it.
///
/// # Safety
/// `context` is the handler's argument, the signal was raised by an access of this thread.
pub unsafe fn recover(context: *mut libc::ucontext_t) -> bool {
    FRAME.with(|frame| match frame.replace(0) {
        0 => false,
        stack => {
            // SAFETY: the caller's promise; `stack` is that of the `run` that this thread is in.
            unsafe { arch::go_on(context, stack) };
            true
        }
    })
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use std::arch::naked_asm;

    /// Calls `function(a, b, c)` with its stack pointer in `frame`; 0, or 1 by way of `resume`.
    ///
    /// # Safety
    /// `function` takes two pointers and a word, and leaves nothing to be undone where it ends in the middle; `frame` may be written.
    #[unsafe(naked)]
    pub unsafe extern "C" fn run(a: *mut u8, b: *const u8, c: usize, function: usize, frame: *mut usize) -> usize {
        naked_asm!(
            "push rbp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "sub rsp, 8",
            "mov [r8], rsp",
            "call rcx",
            "xor eax, eax",
            "add rsp, 8",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            "ret",
        )
    }

    /// The end of a `run` whose function met a fault: the stack pointer is the one that it left behind.
    #[unsafe(naked)]
    unsafe extern "C" fn resume() {
        naked_asm!(
            "cld",
            "mov eax, 1",
            "add rsp, 8",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            "ret",
        )
    }

    /// Writes a byte as it is, so that no other thread's write is lost.
    #[unsafe(naked)]
    unsafe extern "C" fn touch(at: *mut u8) {
        naked_asm!("lock or byte ptr [rdi], 0", "ret")
    }

    pub fn touch_address() -> usize {
        touch as *const () as usize
    }

    /// # Safety
    /// `context` is a signal handler's, `stack` what the interrupted `run` left behind.
    pub unsafe fn go_on(context: *mut libc::ucontext_t, stack: usize) {
        // SAFETY: the caller's promise.
        let registers = unsafe { &mut (*context).uc_mcontext.gregs };
        registers[libc::REG_RSP as usize] = stack as i64;
        registers[libc::REG_RIP as usize] = resume as *const () as usize as i64;
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod arch {
    /// # Safety
    /// `function` takes two pointers and a word.
    pub unsafe fn run(a: *mut u8, b: *const u8, c: usize, function: usize, _frame: *mut usize) -> usize {
        // SAFETY: the caller's promise.
        let function =
            unsafe { std::mem::transmute::<usize, extern "C" fn(*mut u8, *const u8, usize) -> usize>(function) };
        function(a, b, c);
        0
    }

    extern "C" fn touch(_at: *mut u8, _: *const u8, _: usize) -> usize {
        0
    }

    pub fn touch_address() -> usize {
        touch as *const () as usize
    }

    /// # Safety
    /// None: no `run` leaves a stack behind.
    pub unsafe fn go_on(_context: *mut libc::ucontext_t, _stack: usize) {}
}

#[cfg(test)]
mod tests;
