#![allow(unsafe_code)]
//! The program's signal actions, and the trampoline that stands in for its handlers.
//!
//! The host's table of dispositions stays the truth for everything but the handler's address: mask, SA_ONSTACK, SA_NODEFER,
//! SA_RESETHAND, SIG_DFL and SIG_IGN are there, so a fork, an exec, and libc's own calls (system(3), posix_spawn(3))
//! see what they expect. A word a signal holds what the trampoline calls; it counts only while the host has the trampoline.

use super::{critical, io};
use crate::{Errno, Result, descriptor};
use libc::{SA_NODEFER, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIG_DFL, SIG_IGN, sigaction as Action, siginfo_t};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::{mem, ptr};

/// Raised by an instruction: putting them off would only repeat it. Their handlers are the host's business alone.
pub const SYNCHRONOUS: [c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

const SIGNALS: c_int = 64;

/// The program's handlers, by signal: the address above the flags of `FLAGS`.
static HANDLERS: [AtomicU64; SIGNALS as usize + 1] = [const { AtomicU64::new(0) }; SIGNALS as usize + 1];
/// Whether handlers go through the trampoline; from the kernel's boot on.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The flags that the trampoline must know, as bits under the address.
const FLAGS: [c_int; 4] = [SA_SIGINFO, SA_RESTART, SA_RESETHAND, SA_NODEFER];

#[derive(Clone, Copy)]
struct Handler {
    address: usize,
    flags: c_int,
}

impl Handler {
    fn pack(self) -> u64 {
        let bits = FLAGS.iter().enumerate().filter(|(_, flag)| self.flags & **flag != 0).map(|(bit, _)| 1 << bit);
        (self.address as u64) << FLAGS.len() | bits.sum::<u64>()
    }

    fn unpack(word: u64) -> Handler {
        let flags = FLAGS.iter().enumerate().filter(|(bit, _)| word & 1 << bit != 0).map(|(_, flag)| *flag);
        Handler { address: (word >> FLAGS.len()) as usize, flags: flags.sum() }
    }
}

/// Puts the trampoline before every handler that the program has by now, and from now on before every new one. Called once
/// the program is about to get a rump kernel; a program that never has one keeps its handlers as they are.
pub fn take_over() {
    if TAKEN.swap(true, SeqCst) {
        return;
    }
    for signal in 1..=SIGNALS {
        if let Ok(action) = host(signal, None)
            && signal == libc::SIGSEGV
        {
            if install(signal, action).is_ok() {
                arena::fault::arm();
            }
            continue;
        }
        if let Ok(action) = host(signal, None)
            && has_handler(&action)
            && goes_through(signal)
        {
            // A handler that was there has been accepted before.
            let _ = install(signal, action);
        }
    }
}

/// Whether the handler of `signal` has SA_RESTART.
pub(super) fn restarts(signal: c_int) -> bool {
    let word = usize::try_from(signal).ok().and_then(|signal| HANDLERS.get(signal));
    word.is_some_and(|word| Handler::unpack(word.load(SeqCst)).flags & SA_RESTART != 0)
}

/// Whether [`take_over`] has happened.
pub fn taken() -> bool {
    TAKEN.load(Relaxed)
}

/// sigaction(2), by which a program never sees the trampoline.
pub fn sigaction(signal: c_int, new: Option<Action>) -> Result<Action> {
    if !(1..=SIGNALS).contains(&signal) {
        return Err(Errno::INVAL);
    }
    if signal == libc::SIGBUS && taken() && !descriptor::in_vfork_child() {
        // A bus has its guard there, behind which the program's action goes.
        return shmif::guard::exchange(new.as_ref()).map_err(|error| errno(&error));
    }
    match new {
        Some(action) if stands_before(signal) => install(signal, action),
        Some(action) if has_handler(&action) && goes_through(signal) => install(signal, action),
        _ => {
            let stored = HANDLERS[signal as usize].load(SeqCst);
            host(signal, new).map(|old| shown(old, stored))
        }
    }
}

/// For signal(3) and its kin, which call the host's sigaction inside libc: runs `host` with the address to give to it, and
/// gives the program's own handler for the trampoline that comes back.
pub fn by_address(signal: c_int, handler: usize, host: impl FnOnce(usize) -> usize) -> usize {
    if signal == libc::SIGBUS && taken() && !descriptor::in_vfork_child() {
        return behind_the_guard(handler, host);
    }
    // SIG_ERR and SIG_HOLD are no addresses either.
    let special = handler <= 2 || handler == libc::SIG_ERR;
    if stands_before(signal) && matches!(handler, SIG_DFL | SIG_IGN) {
        // Its trampoline stays, and what the program wants is behind it.
    } else if special || !(1..=SIGNALS).contains(&signal) || !(goes_through(signal) || stands_before(signal)) {
        let stored = (1..=SIGNALS).contains(&signal).then(|| HANDLERS[signal as usize].load(SeqCst));
        return own(host(handler), stored.unwrap_or(0));
    }
    let stored = HANDLERS[signal as usize].swap(Handler { address: handler, flags: 0 }.pack(), SeqCst);
    let old = own(host(trampoline_address()), stored);
    resync(signal);
    old
}

/// The host's function replaces the guard of a bus for SIGBUS; then the guard goes before what it has set.
fn behind_the_guard(handler: usize, host: impl FnOnce(usize) -> usize) -> usize {
    let before = shmif::guard::exchange(None);
    let guarded = self::host(libc::SIGBUS, None);
    let old = host(handler);
    let (Ok(before), Ok(guarded)) = (before, guarded) else { return old };
    if guarded.sa_sigaction == before.sa_sigaction {
        return old;
    }
    let _ = shmif::guard::install();
    if old == guarded.sa_sigaction { before.sa_sigaction } else { old }
}

/// Takes over the flags that libc gave to the trampoline behind our back (signal(3), siginterrupt(3)).
pub fn resync(signal: c_int) {
    let Ok(mut action) = host(signal, None) else { return };
    if action.sa_sigaction != trampoline_address() {
        return;
    }
    let word = &HANDLERS[signal as usize];
    let handler = Handler::unpack(word.load(SeqCst));
    let flags = action.sa_flags & !SA_SIGINFO | handler.flags & SA_SIGINFO;
    word.store(Handler { address: handler.address, flags }.pack(), SeqCst);
    action.sa_flags |= SA_SIGINFO;
    let _ = host(signal, Some(action));
}

fn install(signal: c_int, action: Action) -> Result<Action> {
    let handler = Handler { address: action.sa_sigaction, flags: action.sa_flags };
    let word = &HANDLERS[signal as usize];
    let stored = word.swap(handler.pack(), SeqCst);
    match host(signal, Some(through(action))) {
        Ok(old) => Ok(shown(old, stored)),
        Err(errno) => {
            word.store(stored, SeqCst);
            Err(errno)
        }
    }
}

/// The action with the trampoline in the handler's place.
fn through(action: Action) -> Action {
    Action { sa_sigaction: trampoline_address(), sa_flags: action.sa_flags | SA_SIGINFO, ..action }
}

/// SIGSEGV always goes through the trampoline: it may mean that memory of the program's is not there (`arena::fault`).
fn stands_before(signal: c_int) -> bool {
    signal == libc::SIGSEGV && taken() && !descriptor::in_vfork_child()
}

/// The action as the program knows it.
fn shown(action: Action, stored: u64) -> Action {
    if action.sa_sigaction != trampoline_address() {
        return action;
    }
    let handler = Handler::unpack(stored);
    let flags = action.sa_flags & !SA_SIGINFO | handler.flags & SA_SIGINFO;
    Action { sa_sigaction: handler.address, sa_flags: flags, ..action }
}

fn own(address: usize, stored: u64) -> usize {
    if address == trampoline_address() { Handler::unpack(stored).address } else { address }
}

fn has_handler(action: &Action) -> bool {
    ![SIG_DFL, SIG_IGN, trampoline_address()].contains(&action.sa_sigaction)
}

/// A vfork child has its own dispositions, but its parent's memory: nothing is written there.
fn goes_through(signal: c_int) -> bool {
    TAKEN.load(Relaxed) && !SYNCHRONOUS.contains(&signal) && !descriptor::in_vfork_child()
}

fn trampoline_address() -> usize {
    trampoline as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

/// The host's sigaction(2). Only inside a critical section or a program without hooks: it would come back to us otherwise.
fn host(signal: c_int, new: Option<Action>) -> Result<Action> {
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut old = MaybeUninit::<Action>::zeroed();
    // SAFETY: `new` is null or an action that lives as long as the call; `old` is filled in, and zero before that.
    match unsafe { libc::sigaction(signal, new, old.as_mut_ptr()) } {
        // SAFETY: zeroed, then written by sigaction; any bits are an Action, whose restorer is an Option.
        0 => Ok(unsafe { old.assume_init() }),
        _ => Err(errno(&std::io::Error::last_os_error())),
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::INVAL)
}

/// What the host calls in the place of every handler.
extern "C" fn trampoline(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(word) = usize::try_from(signal).ok().and_then(|signal| HANDLERS.get(signal)) else { return };
    let handler = Handler::unpack(word.load(SeqCst));
    if signal == libc::SIGSEGV {
        // SAFETY: these are the arguments with which the host called this SA_SIGINFO handler.
        unsafe { on_fault(handler, info, context) };
        return;
    }
    let restarts = handler.flags & SA_RESTART != 0;
    if critical::defer(signal, restarts) {
        // SAFETY: as above.
        critical::within(|| unsafe { queue_again(signal, handler, info, context.cast()) });
        return;
    }
    // SAFETY: the host hands us a siginfo of this signal, ours to change; the address is of the handler that the program installed
    // for it.
    unsafe {
        io::shown(&mut *info);
        call(handler, signal, info, context);
    }
    critical::handled(restarts);
}

/// Calls the program's handler.
///
/// # Safety
/// The address is of the handler that the program installed for this signal, the rest are a handler's arguments.
unsafe fn call(handler: Handler, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the caller's promise. One without SA_SIGINFO takes the signal's number alone, and every calling convention of Linux
    // lets a function be passed more than it takes.
    let program: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = unsafe { mem::transmute(handler.address) };
    program(signal, info, context);
}

/// SIGSEGV: memory of the program's that was not there in a copy of ours, or the program's own business.
///
/// # Safety
/// `info` and `context` are the handler's arguments.
unsafe fn on_fault(handler: Handler, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the caller's promise.
    let by_access = unsafe { (*info).si_code } > 0;
    // SAFETY: as above; the signal was raised by an access.
    if by_access && unsafe { arena::fault::recover(context.cast()) } {
        if handler.flags & SA_RESETHAND != 0 {
            restore_one_shot(libc::SIGSEGV, handler);
        }
        return;
    }
    match handler.address {
        SIG_IGN if !by_access => {}
        SIG_DFL | SIG_IGN => {
            // The default action: the access repeats itself and ends the program as it should; what was sent is sent once more.
            let _critical = critical::Critical::enter();
            // SAFETY: an action of zeros is the default.
            let action = unsafe { MaybeUninit::<Action>::zeroed().assume_init() };
            let _ = host(libc::SIGSEGV, Some(action));
            if !by_access {
                critical::raise(libc::SIGSEGV);
            }
        }
        // SAFETY: as in the trampoline.
        _ => unsafe { call(handler, libc::SIGSEGV, info, context) },
    }
}

/// Makes the signal pending for this thread again and blocks it in the context to which the trampoline returns.
///
/// # Safety
/// `info` and `context` are a signal handler's arguments.
unsafe fn queue_again(signal: c_int, handler: Handler, info: *mut siginfo_t, context: *mut libc::ucontext_t) {
    // SAFETY: the location is valid for the life of the thread; the mask and the siginfo are the handler's arguments. The system
    // calls read the siginfo and a set of 8 bytes.
    unsafe {
        let errno = *libc::__errno_location();
        libc::sigaddset(&raw mut (*context).uc_sigmask, signal);
        if handler.flags & SA_NODEFER != 0 {
            // It is not blocked by its own delivery, and would come at once.
            let mut set = MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), signal);
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
        }
        if handler.flags & SA_RESETHAND != 0 {
            // The host has already gone back to the default; the delivery that counts is yet to come.
            restore_one_shot(signal, handler);
        }
        if signal >= libc::SIGRTMIN() {
            queue_first(signal, info);
        } else {
            queue_last(signal, info);
        }
        *libc::__errno_location() = errno;
    }
}

/// Queues a signal for this thread.
///
/// # Safety
/// `info` is a siginfo of this signal.
unsafe fn queue_last(signal: c_int, info: *const siginfo_t) {
    let (process, thread) = (std::process::id(), rustix::thread::gettid().as_raw_nonzero().get());
    // SAFETY: the caller's promise; the call reads it.
    unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info) };
}

/// Queues a real-time signal, which is blocked, before those of its number that are queued already: they come in order
/// (signal(7)). There is no room to keep them, so the queue is turned around, with a mark at its end to count it by.
///
/// # Safety
/// `info` is a siginfo of this signal.
unsafe fn queue_first(signal: c_int, info: *const siginfo_t) {
    const MARK: c_int = 0x72_756d70;
    let turn = || {
        // SAFETY: a siginfo of zeros is one, and is overwritten.
        let mut head: siginfo_t = unsafe { mem::zeroed() };
        let set = critical::set_of(critical::bit(signal));
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let head_at = &raw mut head;
        // SAFETY: the set, of which 8 bytes are read, and the time are read, the siginfo is written.
        let taken = unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, head_at, &raw const at_once, 8) };
        (taken == signal.into()).then_some(head)
    };
    // SAFETY: copies of siginfos of this signal, and the caller's.
    unsafe {
        let mut mark = *info;
        mark.si_errno = MARK;
        queue_last(signal, &raw const mark);
        let mut before = 0;
        while let Some(head) = turn().filter(|head| head.si_errno != MARK) {
            queue_last(signal, &raw const head);
            before += 1;
        }
        queue_last(signal, info);
        for head in (0..before).map_while(|_| turn()) {
            queue_last(signal, &raw const head);
        }
    }
}

fn restore_one_shot(signal: c_int, handler: Handler) {
    if let Ok(mut action) = host(signal, None) {
        action.sa_sigaction = trampoline_address();
        action.sa_flags |= SA_SIGINFO | handler.flags;
        let _ = host(signal, Some(action));
    }
}

#[cfg(test)]
mod tests;
