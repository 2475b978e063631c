#![allow(unsafe_code)]
//! syscall(2): programs and libraries (libuv, so dig and node) that name a system call by its number. What concerns descriptors goes
//! to the hooked function of the same name, as if the program had called that; all else is the host's.

use crate::hook;
use crate::table::host;
use crate::user::Argument;
use kernel::Errno;
use libc::{c_long, c_void, ssize_t};

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
        libc::SYS_poll => hooked!(poll(a, b, c)),
        libc::SYS_epoll_create => hooked!(epoll_create(a)),
        libc::SYS_epoll_create1 => hooked!(epoll_create1(a)),
        libc::SYS_epoll_ctl => hooked!(epoll_ctl(a, b, c, d)),
        libc::SYS_epoll_wait => hooked!(epoll_wait(a, b, c, d)),
        // A ring makes sockets, and moves their bytes, on the host's network. Programs fall back where there is none.
        libc::SYS_io_uring_setup if kernel::booted().is_some() => hook::failed(Errno::NOSYS),
        // SAFETY: ends the process by the hooked function, which delivers what was sent.
        libc::SYS_exit_group => unsafe { libc::_exit(a.int()) },
        // SAFETY: as in `hooked`; what the two take at last is one word, whatever it means.
        libc::SYS_fcntl => unsafe { libc::fcntl(a.int(), b.int(), c.pointer::<c_void>().raw()) as ssize_t },
        // SAFETY: as above.
        libc::SYS_ioctl => unsafe { libc::ioctl(a.int(), b.into(), c.pointer::<c_void>().raw()) as ssize_t },
        _ => host::syscall(number, a, b, c, d, e, f),
    }
}
