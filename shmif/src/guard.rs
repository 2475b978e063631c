//! What happens when somebody truncates the bus file under us: not SIGBUS.
//!
//! A page of a mapping that the file no longer has raises SIGBUS in who touches it. The handler here puts a page of zeros in
//! its place and lets the program go on; the next call on the [`Port`](crate::Port) looks at the file and finds out. A SIGBUS that is not
//! ours goes on to the handler that the program has set.
//!
//! Opening a bus installs it. A library that hooks sigaction(2) passes the program's calls for SIGBUS to [`exchange`], so
//! that the program's handler goes behind ours. The thread that touches the bus must not have SIGBUS blocked: the host
//! kills it then.
#![allow(unsafe_code)]

use crate::file::patch_page;
use libc::{c_int, c_ulong, c_void, siginfo_t};
use std::io;
use std::mem::zeroed;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What the program wants done with a SIGBUS that is not ours: `sa_sigaction` and `sa_flags`.
static PROGRAM_HANDLER: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static PROGRAM_FLAGS: AtomicU64 = AtomicU64::new(0);

/// Puts the guard in front of the program's SIGBUS handler, unless it is there.
///
/// # Errors
/// Those of sigaction(2).
pub fn install() -> io::Result<()> {
    let current = act(None)?;
    if current.handler != on_sigbus as *const () as usize {
        stand_before(&current)?;
    }
    Ok(())
}

/// sigaction(2) for SIGBUS as the program should see it: sets its action, which then comes behind the guard, and returns the
/// one it had.
///
/// # Errors
/// Those of sigaction(2).
pub fn exchange(new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let current = act(None)?;
    let guarded = current.handler == on_sigbus as *const () as usize;
    // SAFETY: a `struct sigaction` of zeros is valid: the default action.
    let mut old: libc::sigaction = unsafe { zeroed() };
    old.sa_sigaction = if guarded { PROGRAM_HANDLER.load(Ordering::Relaxed) } else { current.handler };
    old.sa_flags = if guarded { PROGRAM_FLAGS.load(Ordering::Relaxed) as c_int } else { current.flags as c_int };
    // SAFETY: both are signal sets of at least the host's 64 bits; the C library's is longer and stays zero behind.
    unsafe { ptr::copy_nonoverlapping(&raw const current.mask, (&raw mut old.sa_mask).cast(), 1) };
    if let Some(new) = new {
        // SAFETY: as above, read.
        let mask = unsafe { (&raw const new.sa_mask).cast::<u64>().read() };
        stand_before(&Action { handler: new.sa_sigaction, flags: new.sa_flags as c_ulong, restorer: 0, mask })?;
    }
    Ok(old)
}

/// Installs the guard with the mask of the program's action, which it remembers.
fn stand_before(program: &Action) -> io::Result<()> {
    PROGRAM_FLAGS.store(program.flags, Ordering::Relaxed);
    PROGRAM_HANDLER.store(program.handler, Ordering::Release);
    let kept = program.flags & (libc::SA_RESTART | libc::SA_NODEFER) as c_ulong;
    let flags = kept | (libc::SA_SIGINFO | libc::SA_ONSTACK) as c_ulong;
    act(Some(&Action { handler: on_sigbus as *const () as usize, flags, restorer: 0, mask: program.mask }))?;
    Ok(())
}

extern "C" fn on_sigbus(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the host passes a valid siginfo to an SA_SIGINFO handler; a positive code says that the host's kernel raised it
    // for an access, and then `si_addr` is set.
    let (by_access, address) = unsafe { ((*info).si_code > 0, (*info).si_addr() as usize) };
    if by_access && patch_page(address) {
        return;
    }
    match PROGRAM_HANDLER.load(Ordering::Acquire) {
        libc::SIG_IGN if !by_access => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // The default action again: the access repeats itself and ends the program as it should; a sent signal is sent
            // once more.
            let _ = act(Some(&Action { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 }));
            if !by_access {
                // SAFETY: plain system calls without pointers.
                unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), signal) };
            }
        }
        handler if PROGRAM_FLAGS.load(Ordering::Relaxed) & libc::SA_SIGINFO as u64 != 0 => {
            // SAFETY: the program gave this address to sigaction(2) as a handler with three arguments.
            let handler =
                unsafe { std::mem::transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: likewise, with one argument.
            let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
            handler(signal);
        }
    }
}

/// `struct sigaction` of the host (x86-64 and arm64).
#[repr(C)]
struct Action {
    handler: usize,
    flags: c_ulong,
    restorer: usize,
    mask: u64,
}

/// rt_sigaction(2) for SIGBUS, past the C library, whose function may be hooked in this process.
fn act(new: Option<&Action>) -> io::Result<Action> {
    let mut old = Action { handler: 0, flags: 0, restorer: 0, mask: 0 };
    let new = new.map(|new| Action { flags: new.flags | SA_RESTORER, restorer: restorer(), ..*new });
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is null or valid for the call, `old` is written; the set size is that of `mask`.
    let done = unsafe { libc::syscall(libc::SYS_rt_sigaction, libc::SIGBUS, new, &raw mut old, size_of::<u64>()) };
    if done == 0 { Ok(old) } else { Err(io::Error::last_os_error()) }
}

#[cfg(target_arch = "x86_64")]
const SA_RESTORER: c_ulong = 0x0400_0000;
#[cfg(not(target_arch = "x86_64"))]
const SA_RESTORER: c_ulong = 0;

/// Where a handler returns to. The kernel of x86-64 wants one of the program's; others have their own.
fn restorer() -> usize {
    #[cfg(target_arch = "x86_64")]
    return return_from_signal as *const () as usize;
    #[cfg(not(target_arch = "x86_64"))]
    return 0;
}

#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
extern "C" fn return_from_signal() {
    // rt_sigreturn(2), in the very bytes by which debuggers know a signal frame.
    std::arch::naked_asm!("mov rax, 15", "syscall")
}
