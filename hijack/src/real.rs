#![allow(unsafe_code)]
//! The host's functions behind the hooked symbols, and errno.

use crate::objects::Object;
use crate::process::{after_fork, before_fork, in_child};
use kernel::{Errno, Result};
use std::ffi::{c_char, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// dlsym(3) of the host's own.
type Dlsym = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;

/// A symbol of the libraries after ours in the search order: libc's, or whose hook comes next.
pub struct Symbol {
    name: &'static str,
    address: AtomicPtr<c_void>,
}

impl Symbol {
    /// `name` ends with a NUL.
    pub const fn new(name: &'static str) -> Symbol {
        assert!(name.as_bytes()[name.len() - 1] == 0);
        Symbol { name, address: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Where it is; `None` if no library has it.
    #[inline]
    pub fn address(&self) -> Option<NonNull<c_void>> {
        NonNull::new(self.address.load(Relaxed)).or_else(|| self.resolve())
    }

    /// Looks it up. Idempotent, so that two threads, or a constructor that runs before ours, may do so at once.
    #[cold]
    pub fn resolve(&self) -> Option<NonNull<c_void>> {
        let dlsym = dlsym()?;
        // SAFETY: the name is NUL-terminated (`new`), and dlsym reads nothing else.
        let found = unsafe { dlsym(libc::RTLD_NEXT, self.name.as_ptr().cast::<c_char>()) };
        self.address.store(found, Relaxed);
        let found = NonNull::new(found);
        if found.is_none() {
            // SAFETY: takes the message that the program would otherwise find at its own next dlerror().
            unsafe { libc::dlerror() };
        }
        found
    }
}

/// The host's dlsym(3). That of our own name is a hook, which comes here.
fn dlsym() -> Option<Dlsym> {
    static FOUND: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    let found = NonNull::new(FOUND.load(Relaxed)).or_else(|| Object::linker()?.function(c"dlsym"))?;
    FOUND.store(found.as_ptr(), Relaxed);
    // SAFETY: it is the function of that name of the host's, and this is its type.
    Some(unsafe { std::mem::transmute::<*mut c_void, Dlsym>(found.as_ptr()) })
}

/// Calls the host's function at `symbol` by its C type.
macro_rules! call {
    ($symbol:expr, fn($($type:ty),*) -> $ret:ty, ($($arg:ident),*)) => {
        match $symbol.address() {
            // SAFETY: the row's signature is that of the symbol's man page, and the arguments are those that the
            // program itself passed (`user` types cannot be made elsewhere) or numbers.
            Some(address) => unsafe {
                let function: extern "C" fn($($type),*) -> $ret = std::mem::transmute(address.as_ptr());
                function($($arg),*)
            },
            None => $crate::hook::failed($crate::hook::NO_FUNCTION),
        }
    };
}
pub(crate) use call;

/// errno of this thread.
#[inline]
pub fn errno() -> c_int {
    // SAFETY: the location is valid for the life of the thread.
    unsafe { *libc::__errno_location() }
}

/// Sets errno of this thread.
#[inline]
pub fn set_errno(errno: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno }
}

/// A descriptor of the program, for a system call on its behalf. EBADF for a negative one.
pub fn borrowed(fd: c_int) -> Result<BorrowedFd<'static>> {
    if fd < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: not -1. That it is open cannot be promised: it is the program's, as with every call that it makes itself.
    Ok(unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Forks are seen.
pub fn watch_forks() {
    // SAFETY: the functions live as long as the process. It fails only without memory, and then a child will find out by
    // its process number that the sockets are not its own.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
}

/// From the kernel's boot on: quick_exit(3) closes as exit(3) does.
pub fn watch_exits() {
    unsafe extern "C" {
        fn __cxa_at_quick_exit(function: extern "C" fn(), dso: *mut c_void) -> c_int;
    }
    // SAFETY: the function lives as long as the process; no library is named whose unloading would call it earlier. A failure
    // costs the goodbye of a program that ends by quick_exit.
    unsafe { __cxa_at_quick_exit(crate::process::at_exit, ptr::null_mut()) };
}

/// Before main, as the dynamic linker loads us: look every symbol up, and libc (dlsym and dladdr are neither for signal handlers nor
/// for a child between fork and exec, and take the dynamic linker's lock), see forks, and find sockets of a parent's kernel that came
/// over the exec. Nothing else happens until the program's first socket.
extern "C" fn loaded() {
    for symbol in crate::table::SYMBOLS {
        symbol.resolve();
    }
    Object::libc();
    kernel::look_for_count();
    crate::process::begin();
}

/// After main or exit(3), when the program's own exit handlers have run.
extern "C" fn unloaded() {
    crate::process::at_exit();
}

// SAFETY: both sections hold pointers to functions of this type.
#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

// SAFETY: as above.
#[used]
#[unsafe(link_section = ".fini_array")]
static UNLOADED: extern "C" fn() = unloaded;
