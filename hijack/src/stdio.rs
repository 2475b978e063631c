#![allow(unsafe_code)]
//! Streams over rump sockets. libc's own streams read and write by system calls that no hook sees, so fdopen(3) makes one with
//! fopencookie(3), whose functions are ours.

use crate::hook;
use crate::real;
use crate::socket;
use crate::table::host;
use crate::user::{Argument, In, InBytes, Out, OutBytes};
use crate::{descriptors, standard, transfer};
use kernel::descriptor::{self, Lookup};
use kernel::{Errno, Result, signal};
use libc::FILE;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub mod reopen;
mod wide;

/// `cookie_io_functions_t`.
#[repr(C)]
struct CookieFunctions {
    read: extern "C" fn(*mut c_void, OutBytes, usize) -> isize,
    write: extern "C" fn(*mut c_void, InBytes, usize) -> isize,
    seek: extern "C" fn(*mut c_void, *mut i64, c_int) -> c_int,
    close: extern "C" fn(*mut c_void) -> c_int,
}

unsafe extern "C" {
    fn fopencookie(cookie: *mut c_void, mode: *const c_char, functions: CookieFunctions) -> *mut FILE;
}

/// As libc's own, they are cancellation points where they read and write; libc lets go of the stream's lock then.
const FUNCTIONS: CookieFunctions = CookieFunctions {
    read: {
        hook::point!(cancellable(cookie: *mut c_void, buf: OutBytes, len: usize) -> isize = read(cookie, buf, len));
        cancellable
    },
    write: {
        hook::point!(cancellable(cookie: *mut c_void, buf: InBytes, len: usize) -> isize = write(cookie, buf, len));
        cancellable
    },
    seek,
    close,
};

/// Whether there is, or was, a stream over a rump socket.
static STREAMS: AtomicBool = AtomicBool::new(false);

/// fdopen(3).
pub fn fdopen(fd: c_int, mode: In<c_char>) -> Option<Result<Out<FILE>>> {
    socket::on(fd, |_| {
        let mode = mode.string()?;
        if !matches!(mode.to_bytes().first(), Some(b'r' | b'w' | b'a')) {
            return Err(Errno::INVAL);
        }
        if mode.to_bytes().starts_with(b"a") {
            let own = real::borrowed(fd)?;
            fcntl_setfl(own, fcntl_getfl(own)? | OFlags::APPEND)?;
        }
        let stream = stream(fd, mode);
        if stream.is_null() { Err(Errno::NOMEM) } else { Ok(Out::stream(stream)) }
    })
}

/// A stream over whatever `fd` is when it is read or written; null without memory. `mode` is one of fopen(3)'s.
pub fn stream(fd: c_int, mode: &CStr) -> *mut FILE {
    STREAMS.store(true, Relaxed);
    // SAFETY: the mode is a string. The functions have fopencookie(3)'s signatures, and do not follow the cookie: it is a number.
    let stream = unsafe { fopencookie(ptr::without_provenance_mut(fd as usize), mode.as_ptr(), FUNCTIONS) };
    if !stream.is_null() {
        give_number(stream, fd);
        wide::give(stream);
    }
    stream
}

/// Lets fileno(3) know the stream's descriptor. libc marks a stream without one by -2; where that is not found, the structure
/// is not the one that we know, and nothing is written.
fn give_number(stream: *mut FILE, fd: c_int) {
    /// Where `_fileno` is in `struct _IO_FILE`, which is part of glibc's ABI (LP64).
    const FILENO: usize = 112;
    // SAFETY: `stream` is what fopencookie has just returned, a structure of 216 bytes that nobody else knows yet; the field lies
    // inside of it, aligned to 4.
    unsafe {
        let number = stream.byte_add(FILENO).cast::<c_int>();
        if number.read() == -2 {
            number.write(fd);
        }
    }
}

fn read(cookie: *mut c_void, buf: OutBytes, len: usize) -> isize {
    let fd = cookie.addr() as c_int;
    hook::asks(|| transfer::read(fd, buf, len)).unwrap_or_else(|| host::read(fd, buf, len))
}

/// As libc does over a descriptor, this goes on where a signal ended a call early. For fopencookie fewer bytes than there are say
/// "failed".
fn write(cookie: *mut c_void, buf: InBytes, len: usize) -> isize {
    let fd = cookie.addr() as c_int;
    let mut written = 0;
    while written < len {
        let (rest, left) = (buf.nth(written), len - written);
        match hook::asks(|| transfer::write(fd, rest, left)).unwrap_or_else(|| host::write(fd, rest, left)) {
            count @ 1.. => written += count.cast_unsigned(),
            _ => break,
        }
    }
    transfer::count(written)
}

/// The stream cannot seek.
extern "C" fn seek(_: *mut c_void, _: *mut i64, _: c_int) -> c_int {
    hook::failed(Errno::SPIPE)
}

extern "C" fn close(cookie: *mut c_void) -> c_int {
    let fd = cookie.addr() as c_int;
    hook::asks(|| descriptors::close(fd)).unwrap_or_else(|| host::close(fd))
}

/// fclose(3) of a stream of libc's own (stdin, say) onto which a rump socket was doubled: the socket's entry goes with it.
pub fn fclose(stream: Out<FILE>) -> c_int {
    let (fd, raw) = (number(stream), stream.raw());
    let doubled = (0..=2).contains(&fd) && !matches!(descriptor::lookup(fd), Lookup::Host);
    let wide_data = hook::within(|| wide::take(raw));
    hook::after(host::fclose(stream), |_| {
        if doubled && !descriptor::in_vfork_child() {
            descriptor::cleared(fd);
        }
        standard::closed(raw);
        drop(wide_data);
    })
}

/// fopen(3) and all that gives a stream over a new descriptor.
pub fn made(stream: Out<FILE>) {
    if !stream.is_null() {
        descriptors::made(number(stream));
    }
}

fn number(stream: Out<FILE>) -> c_int {
    // SAFETY: a stream that the program holds, or has just got.
    if stream.is_null() { -1 } else { unsafe { libc::fileno(stream.raw()) } }
}

/// opendir(3).
pub fn directory(directory: Out<libc::DIR>) {
    if !directory.is_null() {
        // SAFETY: the directory that the program has just got.
        descriptors::made(unsafe { libc::dirfd(directory.raw()) });
    }
}

/// vdprintf(3), and by way of it dprintf(3): libc's would write by a system call.
pub fn vdprintf(fd: c_int, format: In<c_char>, arguments: Argument) -> Option<Result<c_int>> {
    socket::on(fd, |_| {
        let mut text = ptr::null_mut();
        // SAFETY: the program's own format and va_list, which a function takes as a pointer on the targets that we have.
        let len = unsafe { vasprintf(&mut text, format.raw(), arguments.pointer::<c_void>().raw()) };
        let len = usize::try_from(len).map_err(|_| Errno::NOMEM)?;
        // SAFETY: vasprintf made `text` of `len` bytes.
        let sent = send_all(fd, unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len) });
        // SAFETY: from vasprintf, and not used after this.
        unsafe { libc::free(text.cast()) };
        sent.map(|()| len as c_int)
    })
}

unsafe extern "C" {
    fn vasprintf(into: *mut *mut c_char, format: *const c_char, arguments: *mut c_void) -> c_int;
}

/// vdprintf(3), fortified: the flag asks for a check of %n, which the host's function would do.
pub fn vdprintf_chk(fd: c_int, _flag: c_int, format: In<c_char>, arguments: Argument) -> Option<Result<c_int>> {
    vdprintf(fd, format, arguments)
}

fn send_all(fd: c_int, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let chunk = [std::io::IoSlice::new(bytes)];
        let control = kernel::socket::SendControl::default();
        let sent = socket::on(fd, |socket| transfer::send_on(socket, &chunk, 0, None, &control));
        match sent.ok_or(Errno::BADF)? {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or(&[]),
            Err(signal::RESTART) => signal::run_waiting(),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Writes out what streams over rump sockets still hold: at exit libc does it too late for us.
pub fn flush() {
    if STREAMS.load(Relaxed) {
        // SAFETY: null is all streams.
        unsafe { libc::fflush(ptr::null_mut()) };
    }
}
