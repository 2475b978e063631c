#![allow(unsafe_code)]
//! Calls of handlers that run on an alternate stack (sigaltstack(2)). The engine runs on its caller's stack, and one of SIGSTKSZ is
//! too small for it: such a call has another stack for as long as it lasts.

use crate::user::{In, Out};
use kernel::signal;
use libc::{SS_DISABLE, stack_t};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::ptr;

/// Bytes of an alternate stack on which a call fits beside the frames of the signal and of its handler.
const ENOUGH: usize = 32 << 10;

/// Bytes of ours.
const OWN: usize = 128 << 10;

thread_local! {
    /// The thread's alternate stack, if it has less than [`ENOUGH`].
    static SMALL: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// sigaltstack(2).
pub fn sigaltstack(result: c_int, new: In<stack_t>, _old: Out<stack_t>) {
    if let (0, Ok(Some(stack))) = (result, new.optional()) {
        let small = stack.ss_flags & SS_DISABLE == 0 && stack.ss_size < ENOUGH;
        let from = stack.ss_sp.addr();
        SMALL.set(if small { (from, from + stack.ss_size) } else { (0, 0) });
    }
}

/// Runs `call` where there is room for it.
#[inline]
pub fn with_room<R>(call: impl FnOnce() -> R) -> R {
    let local = 0_u8;
    let (from, to) = SMALL.get();
    if (from..to).contains(&(&raw const local).addr()) { on_own(call) } else { call() }
}

/// No handler may run on the alternate stack meanwhile: it would begin at the top, over the frames of the one that waits. So signals are
/// blocked, and for those that an instruction raises there is no alternate stack.
#[cold]
fn on_own<F: FnOnce() -> R, R>(call: F) -> R {
    /// Takes the call out of its place, and puts its result there.
    extern "C" fn run<F: FnOnce() -> R, R>(place: *mut c_void) {
        // SAFETY: `on_own` passes a pointer to its local of this type, which nobody else uses meanwhile.
        let (call, result) = unsafe { &mut *place.cast::<(Option<F>, Option<R>)>() };
        let small = set_alternate_stack(&stack_t { ss_sp: ptr::null_mut(), ss_flags: SS_DISABLE, ss_size: 0 });
        *result = call.take().map(|call| call());
        set_alternate_stack(&small);
    }
    let Some(stack) = Stack::new() else { return call() };
    let mut place = (Some(call), None);
    // SAFETY: the stack is mapped until it is dropped and nobody else uses it; `run` returns, and panics abort.
    signal::blocked(|| unsafe { switch(stack.0.end, run::<F, R>, (&raw mut place).cast()) });
    place.1.expect("a call returns")
}

/// Calls `function` on the stack that ends at `top`.
///
/// # Safety
/// What lies below `top`, which is aligned to 16, is a stack that nobody uses; the function takes the argument, and returns.
#[cfg(target_arch = "x86_64")]
unsafe fn switch(top: usize, function: extern "C" fn(*mut c_void), argument: *mut c_void) {
    // SAFETY: the caller's promise. r12 is kept by what is called, and all that it need not keep is named.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {function}",
            "mov rsp, r12",
            top = in(reg) top,
            function = in(reg) function,
            in("rdi") argument,
            out("r12") _,
            clobber_abi("C"),
        );
    }
}

/// Without its few instructions for the other architectures, calls there run where they are.
///
/// # Safety
/// The function takes the argument.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn switch(_top: usize, function: extern "C" fn(*mut c_void), argument: *mut c_void) {
    function(argument);
}

/// A stack, with a page below it that nobody may touch.
struct Stack(Range<usize>);

impl Stack {
    fn new() -> Option<Stack> {
        let (len, guard) = (OWN, rustix::param::page_size());
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at a place that the host chooses.
        let from = unsafe { mmap_anonymous(ptr::null_mut(), len, protection, MapFlags::PRIVATE) }.ok()?;
        // SAFETY: the first page of it, which nobody has used yet.
        let _ = unsafe { mprotect(from, guard, MprotectFlags::empty()) };
        Some(Stack(from.expose_provenance()..from.expose_provenance() + len))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: `new` mapped it, and no call runs on it any more.
        let _ = unsafe { munmap(ptr::with_exposed_provenance_mut(self.0.start), self.0.len()) };
    }
}

/// sigaltstack(2) of a thread that is not on it, which gives the one of before.
fn set_alternate_stack(new: &stack_t) -> stack_t {
    let mut old = stack_t { ss_sp: ptr::null_mut(), ss_flags: SS_DISABLE, ss_size: 0 };
    // SAFETY: reads and writes a structure each; the stack is the one that the program set itself, or none.
    unsafe { libc::sigaltstack(new, &mut old) };
    old
}
