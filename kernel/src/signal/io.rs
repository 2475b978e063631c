#![allow(unsafe_code)]
//! The signals of signal-driven I/O (fcntl(2), F_SETOWN and F_SETSIG), as Linux's send_sigio() and send_sigurg() send them.
//!
//! The host takes a POLL_IN and its kin from nobody but itself. SI_SIGIO it takes, with band and descriptor; where the signal
//! goes through our hands ([`shown`]) it becomes what the program expects.

use libc::siginfo_t;
use std::ffi::{c_int, c_long};

/// F_SETOWN_EX: who gets the signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// F_OWNER_PID.
    Process(i32),
    /// F_OWNER_PGRP.
    Group(i32),
    /// F_OWNER_TID.
    Thread(i32),
}

/// What happened to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// POLL_IN.
    In,
    /// POLL_OUT.
    Out,
    /// POLL_ERR.
    Error,
    /// POLL_PRI.
    Urgent,
    /// POLL_HUP.
    HangUp,
}

/// The codes in the order of asm-generic/siginfo.h (POLL_MSG is of STREAMS alone), and Linux's `band_table`.
const BANDS: [(Band, c_int, c_int); 5] = [
    (Band::In, 1, (libc::POLLIN | libc::POLLRDNORM) as c_int),
    (Band::Out, 2, (libc::POLLOUT | libc::POLLWRNORM | libc::POLLWRBAND) as c_int),
    (Band::Error, 4, libc::POLLERR as c_int),
    (Band::Urgent, 5, (libc::POLLPRI | libc::POLLRDBAND) as c_int),
    (Band::HangUp, 6, (libc::POLLHUP | libc::POLLERR) as c_int),
];

/// asm-generic/siginfo.h; its siginfo has a band and a descriptor, as POLL_IN's.
const SI_SIGIO: c_int = -5;
const SI_KERNEL: c_int = 0x80;

/// A siginfo of this kind.
#[repr(C)]
struct Info {
    signal: c_int,
    errno: c_int,
    code: c_int,
    _padding: c_int,
    band: c_long,
    fd: c_int,
    _rest: [c_int; 25],
}
const _: () = assert!(size_of::<Info>() == size_of::<siginfo_t>());

impl Info {
    fn new(signal: c_int, band: c_int, fd: c_int) -> Info {
        Info { signal, errno: 0, code: SI_SIGIO, _padding: 0, band: band.into(), fd, _rest: [0; 25] }
    }
}

/// Tells `owner` of `band` by `signal` (F_SETSIG), with the descriptor; SIGIO, which says no more, where that is 0 or the owner
/// has no room for another.
pub fn tell(owner: Owner, signal: c_int, band: Band, fd: c_int) {
    let bits = BANDS.iter().find(|(known, ..)| *known == band).map_or(0, |(_, _, bits)| *bits);
    if signal == 0 || send(owner, &Info::new(signal, bits, fd)) == Some(libc::EAGAIN) {
        send(owner, &Info::new(libc::SIGIO, 0, 0));
    }
}

/// Tells `owner` of urgent data.
pub fn urgent(owner: Owner) {
    send(owner, &Info::new(libc::SIGURG, 0, 0));
}

/// The reason why not, if it could not. Never waits. A group and another process's thread get the bare signal.
fn send(owner: Owner, info: &Info) -> Option<c_int> {
    // SAFETY: system calls that take numbers, and a siginfo that lives until they have returned.
    unsafe {
        let errno = *libc::__errno_location();
        let process = libc::getpid();
        let failed = match owner {
            Owner::Process(id) => libc::syscall(libc::SYS_rt_sigqueueinfo, id, info.signal, info) < 0,
            Owner::Group(id) => libc::syscall(libc::SYS_kill, -id, info.signal) < 0,
            Owner::Thread(id) => {
                let ours = libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, id, info.signal, info) == 0;
                !ours && *libc::__errno_location() == libc::ESRCH && libc::syscall(libc::SYS_tkill, id, info.signal) < 0
            }
        };
        let why = failed.then(|| *libc::__errno_location());
        *libc::__errno_location() = errno;
        why
    }
}

/// Makes of a siginfo of ours what Linux would have sent.
pub fn shown(info: &mut siginfo_t) {
    if info.si_code != SI_SIGIO {
        return;
    }
    // SAFETY: a siginfo with this code has the layout of `Info`. Both are plain data of one size (checked above), and siginfo_t is
    // aligned at least as strictly.
    let band = unsafe { (*std::ptr::from_mut(info).cast::<Info>()).band };
    info.si_code = match BANDS.iter().find(|(_, _, bits)| c_long::from(*bits) == band) {
        Some((_, code, _)) => *code,
        None => SI_KERNEL,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_siginfo_is_shown_as_the_host_would_send_it() {
        for (_, code, bits) in BANDS {
            let mut info = Info::new(libc::SIGIO, bits, 7);
            // SAFETY: the two are of one layout.
            let info = unsafe { &mut *std::ptr::from_mut(&mut info).cast::<siginfo_t>() };
            shown(info);
            assert_eq!(info.si_code, code);
            shown(info);
            assert_eq!(info.si_code, code, "others are left alone");
        }
        // SAFETY: as above.
        let mut info: siginfo_t = unsafe { std::mem::transmute(Info::new(libc::SIGURG, 0, 0)) };
        shown(&mut info);
        assert_eq!(info.si_code, SI_KERNEL);
    }
}
