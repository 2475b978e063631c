#![allow(unsafe_code)]
//! The socket calls: functions of `librumphijack.so`, of the same names as libc's.

use crate::interface::instance;
use libc::{
    c_int, c_uint, c_ulong, c_void, epoll_event, iovec, msghdr, nfds_t, off64_t, pollfd, size_t, sockaddr, socklen_t,
    ssize_t,
};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Makes, of rows `name(type, …) -> type`, the structure of the functions as packetdrill calls them, each of which passes its
/// arguments on, and that of the functions that they are passed to.
macro_rules! calls {
    ($structure:ident, $functions:ident, $module:ident, $( $name:ident ( $($arg:ident : $type:ty),* ) -> $ret:ty; )*) => {
        /// A part of the interface: calls of the library, by name.
        #[repr(C)]
        #[allow(missing_docs)]
        pub struct $structure {
            $( pub $name: unsafe extern "C" fn(*mut c_void, $($type),*) -> $ret, )*
        }

        impl $structure {
            pub(crate) const ENTRIES: $structure = $structure { $( $name: $module::$name, )* };
        }

        pub(crate) struct $functions {
            $( $name: unsafe extern "C" fn($($type),*) -> $ret, )*
        }

        impl $functions {
            fn load(handle: *mut c_void) -> Result<$functions, String> {
                Ok($functions {
                    $( $name: {
                        let address = find(handle, concat!(stringify!($name), "\0"))?;
                        // SAFETY: the function of this name has this type: it is libc's, or stands in for libc's.
                        unsafe {
                            std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($type),*) -> $ret>(address)
                        }
                    }, )*
                })
            }
        }

        mod $module {
            use super::*;
            $(
                pub(super) unsafe extern "C" fn $name(userdata: *mut c_void, $($arg: $type),*) -> $ret {
                    // SAFETY: what the caller owes the system call of this name it owes this function.
                    unsafe { (instance(userdata).library.$module.$name)($($arg),*) }
                }
            )*
        }
    };
}

// fcntl(2) and ioctl(2) take one argument more at most, and a variadic call passes an integer or a pointer as any other.
calls! { SocketCalls, SocketFunctions, sockets,
    socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    bind(fd: c_int, name: *const sockaddr, len: socklen_t) -> c_int;
    listen(fd: c_int, backlog: c_int) -> c_int;
    accept(fd: c_int, name: *mut sockaddr, len: *mut socklen_t) -> c_int;
    connect(fd: c_int, name: *const sockaddr, len: socklen_t) -> c_int;
    read(fd: c_int, buf: *mut c_void, len: size_t) -> ssize_t;
    readv(fd: c_int, vectors: *const iovec, count: c_int) -> ssize_t;
    recv(fd: c_int, buf: *mut c_void, len: size_t, flags: c_int) -> ssize_t;
    recvfrom(fd: c_int, buf: *mut c_void, len: size_t, flags: c_int, name: *mut sockaddr, name_len: *mut socklen_t
    ) -> ssize_t;
    recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t;
    write(fd: c_int, buf: *const c_void, len: size_t) -> ssize_t;
    writev(fd: c_int, vectors: *const iovec, count: c_int) -> ssize_t;
    send(fd: c_int, buf: *const c_void, len: size_t, flags: c_int) -> ssize_t;
    sendto(fd: c_int, buf: *const c_void, len: size_t, flags: c_int, name: *const sockaddr, name_len: socklen_t
    ) -> ssize_t;
    sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t;
    fcntl(fd: c_int, command: c_int, argument: usize) -> c_int;
    ioctl(fd: c_int, request: c_ulong, argument: usize) -> c_int;
    close(fd: c_int) -> c_int;
    shutdown(fd: c_int, how: c_int) -> c_int;
    getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, len: *mut socklen_t) -> c_int;
    setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t) -> c_int;
    poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int;
}

calls! { WaitCalls, WaitFunctions, waits,
    epoll_create(size: c_int) -> c_int;
    epoll_ctl(set: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int;
    epoll_wait(set: c_int, events: *mut epoll_event, most: c_int, timeout: c_int) -> c_int;
    pipe(ends: *mut c_int) -> c_int;
    splice(from: c_int, from_offset: *mut off64_t, to: c_int, to_offset: *mut off64_t, len: size_t, flags: c_uint
    ) -> ssize_t;
}

/// The opened library, its kernel booted.
pub(crate) struct Library {
    sockets: SocketFunctions,
    waits: WaitFunctions,
}

impl Library {
    /// Opens the library, for good, and boots its kernel on `net` by a first socket.
    pub(crate) fn boot(path: &Path, net: &str) -> Result<Library, String> {
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| "the library's path has a NUL".to_owned())?;
        // SAFETY: packetdrill has no thread yet that could read the environment, and the kernel reads it at its first socket.
        unsafe { std::env::set_var("RUMP_NET", net) };
        // SAFETY: a string; the library's constructors are made to run in any program.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_NODELETE) };
        if handle.is_null() {
            return Err(format!("{}. Say --so_flags=library=PATH/librumphijack.so", failure()));
        }
        let library = Library { sockets: SocketFunctions::load(handle)?, waits: WaitFunctions::load(handle)? };
        // SAFETY: numbers only.
        let fd = unsafe { (library.sockets.socket)(libc::AF_INET, libc::SOCK_STREAM, 0) };
        if fd < 0 {
            return Err(format!("the kernel gives no socket: {}", std::io::Error::last_os_error()));
        }
        // SAFETY: our own descriptor.
        unsafe { (library.sockets.close)(fd) };
        Ok(library)
    }
}

/// The address of `name`, which ends with a NUL, in the library or in what it stands on.
fn find(handle: *mut c_void, name: &'static str) -> Result<*mut c_void, String> {
    // SAFETY: an open handle and a string with its NUL.
    let address = unsafe { libc::dlsym(handle, name.as_ptr().cast()) };
    if address.is_null() { Err(failure()) } else { Ok(address) }
}

/// What the dynamic linker says of its last failure.
fn failure() -> String {
    // SAFETY: it gives null or a string that lives until the thread's next call of its kind.
    unsafe {
        let message = libc::dlerror();
        if message.is_null() {
            "a symbol is null".into()
        } else {
            CStr::from_ptr(message).to_string_lossy().into_owned()
        }
    }
}
