#![allow(unsafe_code)]
//! stdin, stdout and stderr over rump sockets: servers in the manner of inetd(8) put a connection in the place of descriptor 0 or 1
//! and call printf(3). While such a number is a rump socket, the variable names a stream of [`stdio`].

use crate::stdio;
use kernel::descriptor::{self, Lookup};
use libc::FILE;
use std::ffi::c_int;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};

unsafe extern "C" {
    static mut stdin: *mut FILE;
    static mut stdout: *mut FILE;
    static mut stderr: *mut FILE;
    fn __fpurge(stream: *mut FILE);
    fn __flbf(stream: *mut FILE) -> c_int;
    fn __fbufsize(stream: *mut FILE) -> usize;
}

/// A standard stream.
struct Standard {
    /// libc's own, while ours is in its place.
    own: AtomicPtr<FILE>,
    /// Ours, once it was needed.
    stand_in: AtomicPtr<FILE>,
}

static STANDARD: [Standard; 3] =
    [const { Standard { own: AtomicPtr::new(ptr::null_mut()), stand_in: AtomicPtr::new(ptr::null_mut()) } }; 3];

/// The variable that names a standard stream.
fn variable(fd: usize) -> &'static AtomicPtr<FILE> {
    let variable = match fd {
        0 => &raw mut stdin,
        1 => &raw mut stdout,
        _ => &raw mut stderr,
    };
    // SAFETY: a variable of libc's, aligned, and there as long as the process; whoever else uses it, only reads it.
    unsafe { AtomicPtr::from_ptr(variable) }
}

/// Descriptor `fd` is another file now: the variable follows. A vfork child shares the variables, but not the descriptors.
pub fn follow(fd: c_int) {
    let Some((fd, standard)) = usize::try_from(fd).ok().and_then(|fd| Some((fd, STANDARD.get(fd)?))) else { return };
    if descriptor::in_vfork_child() {
        return;
    }
    let replaced = NonNull::new(standard.own.load(Acquire));
    match (matches!(descriptor::lookup(fd as c_int), Lookup::Host), replaced) {
        (false, None) => standard.replace(fd),
        (true, Some(_)) => standard.restore(fd),
        _ => {}
    }
}

/// fclose(3) of `stream`, which is not there any more.
pub fn closed(stream: *mut FILE) {
    for (fd, standard) in STANDARD.iter().enumerate() {
        if standard.stand_in.compare_exchange(stream, ptr::null_mut(), AcqRel, Acquire).is_ok() && !stream.is_null() {
            standard.give_back(fd);
        }
    }
}

/// freopen(3) of `stream`: of one that stands in it is libc's own that is opened again, since the descriptor leaves rump.
/// What is not flushed yet goes to the socket.
pub fn reopened(stream: *mut FILE) -> *mut FILE {
    let stands_in = |standard: &Standard| !stream.is_null() && standard.stand_in.load(Acquire) == stream;
    match STANDARD.iter().position(stands_in) {
        Some(fd) => {
            STANDARD[fd].restore(fd);
            variable(fd).load(Acquire)
        }
        None => stream,
    }
}

impl Standard {
    fn replace(&self, fd: usize) {
        let own = variable(fd).load(Acquire);
        let mode = if fd == 0 { c"r" } else { c"w" };
        let known = self.stand_in.load(Acquire);
        let stand_in = if known.is_null() { stdio::stream(fd as c_int, mode) } else { known };
        if own.is_null() || stand_in.is_null() {
            return;
        }
        // What was read ahead of another connection does not belong to this one; buffering is as the program has set it.
        // SAFETY: both are open streams: libc's own, which is never freed, and ours, which is not closed while it stands in.
        unsafe {
            __fpurge(stand_in);
            libc::clearerr(stand_in);
            let kind = match (__flbf(own), __fbufsize(own)) {
                (0, 1) => libc::_IONBF,
                (0, _) => libc::_IOFBF,
                _ => libc::_IOLBF,
            };
            if fd != 0 {
                libc::setvbuf(stand_in, ptr::null_mut(), kind, 0);
            }
        }
        self.stand_in.store(stand_in, Release);
        self.own.store(own, Release);
        variable(fd).store(stand_in, Release);
    }

    fn restore(&self, fd: usize) {
        // What it holds goes where the descriptor leads now, as with libc's own.
        // SAFETY: null, or the stream of ours that stands in, which is open.
        unsafe { libc::fflush(self.stand_in.load(Acquire)) };
        self.give_back(fd);
    }

    fn give_back(&self, fd: usize) {
        let own = self.own.swap(ptr::null_mut(), AcqRel);
        if !own.is_null() {
            variable(fd).store(own, Release);
        }
    }
}
