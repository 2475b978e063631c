//! Signals, and who gets them.
#![allow(unsafe_code)]

use std::mem::zeroed;
use std::ptr;

use libc::c_int;

use super::{Errno, Fd, Ret};

/// Installs `handler` for `signal`.
pub fn handle(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) -> Ret {
    // SAFETY: an all-zero sigaction is a valid one: no flags, empty mask.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = flags;
    call!(libc::sigaction(signal, &raw const action, ptr::null_mut())).map(drop)
}

/// Rust ignores SIGPIPE at start; a C program does not.
pub fn default_sigpipe() {
    // SAFETY: sets a disposition by constants.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// One SIGALRM to the process in `millis`, and then every `every` ms if that is not 0.
pub fn alarm(millis: i64, every: i64) -> Ret {
    let time = |ms: i64| libc::timeval { tv_sec: ms / 1000, tv_usec: ms % 1000 * 1000 };
    let timer = libc::itimerval { it_interval: time(every), it_value: time(millis) };
    call!(libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut())).map(drop)
}

/// The calling thread, for [`interrupt`].
pub fn this_thread() -> libc::pthread_t {
    // SAFETY: takes nothing.
    unsafe { libc::pthread_self() }
}

/// Sends SIGUSR1 to a thread that has not ended yet.
pub fn interrupt(thread: libc::pthread_t) {
    // SAFETY: the callers keep the thread joinable until after this call.
    unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
}

/// SIGALRM goes to another thread than the calling one.
pub fn block_alarm() {
    block(&[libc::SIGALRM]);
}

/// fcntl(2)'s commands of signal-driven I/O (asm-generic/fcntl.h).
pub const F_SETOWN: c_int = 8;
pub const F_GETOWN: c_int = 9;
pub const F_SETSIG: c_int = 10;
pub const F_GETSIG: c_int = 11;

/// F_SETOWN_EX: a kind of owner and its number.
pub fn set_owner(fd: Fd, kind: c_int, id: c_int) -> Ret {
    let owner = [kind, id];
    call!(libc::fcntl(fd, 15, &raw const owner)).map(drop)
}

/// F_GETOWN_EX.
pub fn get_owner(fd: Fd) -> Ret<(c_int, c_int)> {
    let mut owner: [c_int; 2] = [-7; 2];
    call!(libc::fcntl(fd, 16, &raw mut owner))?;
    Ok((owner[0], owner[1]))
}

pub fn getpid() -> c_int {
    // SAFETY: takes nothing.
    unsafe { libc::getpid() }
}

pub fn gettid() -> c_int {
    // SAFETY: takes nothing.
    unsafe { libc::gettid() }
}

/// A process group of its own.
pub fn new_group() {
    // SAFETY: takes numbers.
    unsafe { libc::setpgid(0, 0) };
}

fn set_of(signals: &[c_int]) -> libc::sigset_t {
    // SAFETY: a local set, filled before use.
    unsafe {
        let mut set: libc::sigset_t = zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

/// The calling thread, and those that it starts from now on, do not get these.
pub fn block(signals: &[c_int]) {
    let set = set_of(signals);
    // SAFETY: a local set.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
}

/// A signal with what poll(2) would say of its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    pub signal: c_int,
    pub code: c_int,
    pub band: i64,
    pub fd: c_int,
}

/// sigtimedwait(2).
pub fn take_signal(signals: &[c_int], millis: i64) -> Ret<Taken> {
    let time = libc::timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 };
    // SAFETY: a siginfo may be all zero.
    let mut info: libc::siginfo_t = unsafe { zeroed() };
    let set = set_of(signals);
    call!(libc::sigtimedwait(&raw const set, &raw mut info, &raw const time))?;
    // SAFETY: si_band and si_fd follow 16 bytes of numbers and padding (asm-generic/siginfo.h).
    let (band, fd) = unsafe {
        let at = (&raw const info).cast::<u8>();
        (at.add(16).cast::<i64>().read_unaligned(), at.add(24).cast::<c_int>().read_unaligned())
    };
    Ok(Taken { signal: info.si_signo, code: info.si_code, band, fd })
}
