#![allow(unsafe_code)]
//! syscall(2), as libuv uses it, and with it dig and node. Calls that concern descriptors go to the hooked function of the same
//! name; all others are the host's.

use crate::descriptors;
use crate::hook;
use crate::mapping;
use crate::table::host;
use crate::user::{Argument, Mapped};
use kernel::Errno;
use libc::{c_long, c_void, ssize_t};
use std::ffi::c_int;

/// syscall(2).
pub fn syscall(
    number: ssize_t,
    a: Argument,
    b: Argument,
    c: Argument,
    d: Argument,
    e: Argument,
    f: Argument,
) -> ssize_t {
    /// Calls the hooked function of this name by the C types of its arguments.
    macro_rules! hooked {
        ($function:ident($($arg:ident),*)) => {{
            // SAFETY: the system call and the function take the same arguments, and these are the program's own.
            unsafe { libc::$function($($arg.into()),*) as ssize_t }
        }};
    }
    match number as c_long {
        libc::SYS_socket => hooked!(socket(a, b, c)),
        libc::SYS_connect => hooked!(connect(a, b, c)),
        libc::SYS_bind => hooked!(bind(a, b, c)),
        libc::SYS_listen => hooked!(listen(a, b)),
        libc::SYS_accept => hooked!(accept(a, b, c)),
        libc::SYS_accept4 => hooked!(accept4(a, b, c, d)),
        libc::SYS_shutdown => hooked!(shutdown(a, b)),
        libc::SYS_getsockname => hooked!(getsockname(a, b, c)),
        libc::SYS_getpeername => hooked!(getpeername(a, b, c)),
        libc::SYS_getsockopt => hooked!(getsockopt(a, b, c, d, e)),
        libc::SYS_setsockopt => hooked!(setsockopt(a, b, c, d, e)),
        libc::SYS_sendto => hooked!(sendto(a, b, c, d, e, f)),
        libc::SYS_recvfrom => hooked!(recvfrom(a, b, c, d, e, f)),
        libc::SYS_sendmsg => hooked!(sendmsg(a, b, c)),
        libc::SYS_recvmsg => hooked!(recvmsg(a, b, c)),
        libc::SYS_sendmmsg => hooked!(sendmmsg(a, b, c, d)),
        libc::SYS_recvmmsg => hooked!(recvmmsg(a, b, c, d, e)),
        libc::SYS_read => hooked!(read(a, b, c)),
        libc::SYS_write => hooked!(write(a, b, c)),
        libc::SYS_readv => hooked!(readv(a, b, c)),
        libc::SYS_writev => hooked!(writev(a, b, c)),
        libc::SYS_sendfile => hooked!(sendfile(a, b, c, d)),
        libc::SYS_splice => hooked!(splice(a, b, c, d, e, f)),
        libc::SYS_close => hooked!(close(a)),
        libc::SYS_close_range => hooked!(close_range(a, b, c)),
        libc::SYS_dup => hooked!(dup(a)),
        libc::SYS_dup2 => hooked!(dup2(a, b)),
        libc::SYS_dup3 => hooked!(dup3(a, b, c)),
        libc::SYS_preadv2 => hooked!(preadv2(a, b, c, d, f)),
        libc::SYS_pwritev2 => hooked!(pwritev2(a, b, c, d, f)),
        // The host's mmap(2) may itself be somebody's wrapper of this call (tcmalloc's is).
        libc::SYS_mmap => mapping::of_socket(a, b.into(), c.int(), d.int(), e.int(), f.into())
            .map_or_else(|| host::syscall(number, a, b, c, d, e, f), Mapped::word),
        libc::SYS_poll => hooked!(poll(a, b, c)),
        libc::SYS_select => hooked!(select(a, b, c, d, e)),
        // The masks of the calls themselves are shorter than C's.
        libc::SYS_ppoll => masked((d, e.into()), |mask| hooked!(ppoll(a, b, c, mask))),
        libc::SYS_pselect6 => masked(mask_of_pselect(f), |mask| hooked!(pselect(a, b, c, d, e, mask))),
        libc::SYS_epoll_pwait => masked((e, f.into()), |mask| hooked!(epoll_pwait(a, b, c, d, mask))),
        libc::SYS_epoll_pwait2 => masked((e, f.into()), |mask| hooked!(epoll_pwait2(a, b, c, d, mask))),
        libc::SYS_epoll_create => hooked!(epoll_create(a)),
        libc::SYS_epoll_create1 => hooked!(epoll_create1(a)),
        libc::SYS_epoll_ctl => hooked!(epoll_ctl(a, b, c, d)),
        libc::SYS_epoll_wait => hooked!(epoll_wait(a, b, c, d)),
        // A ring makes sockets, moves their bytes and adds them to epoll sets, all on the host's network. Programs fall back where
        // there is none. libuv makes its rings before its first socket.
        libc::SYS_io_uring_setup if hook::within(kernel::expected) => hook::failed(Errno::NOSYS),
        // SAFETY: takes a number, as below. exit(2) of the program's last thread ends the program.
        libc::SYS_exit if hook::within(|| kernel::booted().is_some() && kernel::is_last()) => unsafe {
            libc::_exit(a.int())
        },
        // SAFETY: takes a number. The hooked function delivers what was sent before the process ends.
        libc::SYS_exit_group => unsafe { libc::_exit(a.int()) },
        // SAFETY: as in `hooked`; what the two take at last is one word, whatever it means.
        libc::SYS_fcntl => unsafe { libc::fcntl(a.int(), b.int(), c.pointer::<c_void>().raw()) as ssize_t },
        // SAFETY: as above.
        libc::SYS_ioctl => unsafe { libc::ioctl(a.int(), b.into(), c.pointer::<c_void>().raw()) as ssize_t },
        libc::SYS_pipe => hooked!(pipe(a)),
        libc::SYS_pipe2 => hooked!(pipe2(a, b)),
        libc::SYS_socketpair => hooked!(socketpair(a, b, c, d)),
        // The tables may know the new descriptor's number from before.
        call if makes_a_descriptor(call) => {
            hook::after(host::syscall(number, a, b, c, d, e, f), |made| descriptors::made(made as c_int))
        }
        _ => host::syscall(number, a, b, c, d, e, f),
    }
}

/// Whether a call returns a new descriptor of the host.
fn makes_a_descriptor(number: c_long) -> bool {
    matches!(
        number,
        libc::SYS_open
            | libc::SYS_openat
            | libc::SYS_openat2
            | libc::SYS_creat
            | libc::SYS_eventfd
            | libc::SYS_eventfd2
            | libc::SYS_signalfd
            | libc::SYS_signalfd4
            | libc::SYS_timerfd_create
            | libc::SYS_memfd_create
            | libc::SYS_memfd_secret
            | libc::SYS_inotify_init
            | libc::SYS_inotify_init1
            | libc::SYS_fanotify_init
            | libc::SYS_pidfd_open
            | libc::SYS_pidfd_getfd
            | libc::SYS_userfaultfd
            | libc::SYS_perf_event_open
            | libc::SYS_bpf
            | libc::SYS_io_uring_setup
            | libc::SYS_landlock_create_ruleset
            | libc::SYS_fsopen
            | libc::SYS_fsmount
            | libc::SYS_fspick
            | libc::SYS_open_tree
            | libc::SYS_mq_open
    )
}

/// pselect6(2) has a pointer to both in one argument. What cannot be read is no mask either.
fn mask_of_pselect(both: Argument) -> (Argument, usize) {
    match (both.pointer::<Argument>().get(), both.pointer::<usize>().nth(1).get()) {
        (Ok(mask), Ok(size)) => (mask, size),
        _ => (both, MASK),
    }
}

/// Bytes of a signal mask, as the system calls have it.
const MASK: usize = size_of::<u64>();

/// Calls `with` a signal mask that is as long as C's, whose first word is that of the system call.
fn masked((mask, size): (Argument, usize), with: impl FnOnce(Argument) -> ssize_t) -> ssize_t {
    let given = mask.pointer::<u64>();
    if !given.is_null() && size != MASK {
        return hook::failed(Errno::INVAL);
    }
    match given.get() {
        Ok(word) => {
            let mut whole = [0; size_of::<libc::sigset_t>() / MASK];
            whole[0] = word;
            with(Argument::of(&mut whole))
        }
        Err(_) => with(mask),
    }
}
