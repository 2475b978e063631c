#![allow(unsafe_code)]
//! stdio(3).

use std::ffi::{CStr, CString, c_int};

use libc::{FILE, wchar_t};

use super::{Errno, Fd, Ret};

unsafe extern "C" {
    static stdin: *mut FILE;
    static stdout: *mut FILE;
    fn fgetws(into: *mut wchar_t, room: c_int, stream: *mut FILE) -> *mut wchar_t;
    fn fputws(text: *const wchar_t, stream: *mut FILE) -> c_int;
}

/// A stream that is open.
#[derive(Clone, Copy, PartialEq)]
pub struct Stream(*mut FILE);

impl Stream {
    pub fn standard_input() -> Stream {
        // SAFETY: the variable is libc's.
        Stream(unsafe { stdin })
    }

    pub fn standard_output() -> Stream {
        // SAFETY: as above.
        Stream(unsafe { stdout })
    }

    /// fdopen(3).
    pub fn over(fd: Fd, mode: &CStr) -> Option<Stream> {
        // SAFETY: a string; null is no stream.
        let stream = unsafe { libc::fdopen(fd, mode.as_ptr()) };
        (!stream.is_null()).then_some(Stream(stream))
    }

    /// freopen(3).
    pub fn reopen(self, path: Option<&CStr>, mode: &CStr) -> Ret<Stream> {
        // SAFETY: two strings, of which the first may be null, and an open stream.
        let stream = unsafe { libc::freopen(path.map_or(std::ptr::null(), CStr::as_ptr), mode.as_ptr(), self.0) };
        if stream.is_null() { Err(Errno::last()) } else { Ok(Stream(stream)) }
    }

    /// fclose(3).
    pub fn close(self) -> Ret<i64> {
        call!(libc::fclose(self.0))
    }

    /// fputs(3).
    pub fn puts(self, text: &str) -> bool {
        let text = CString::new(text).unwrap_or_default();
        // SAFETY: a string and an open stream.
        unsafe { libc::fputs(text.as_ptr(), self.0) >= 0 }
    }

    /// fputws(3).
    pub fn puts_wide(self, text: &str) -> bool {
        let text: Vec<wchar_t> = text.chars().chain(['\0']).map(|c| c as wchar_t).collect();
        // SAFETY: a wide string and an open stream.
        unsafe { fputws(text.as_ptr(), self.0) >= 0 }
    }

    /// fgetws(3), as far as it is ASCII.
    pub fn wide_line(self) -> Option<String> {
        let mut room: [wchar_t; 64] = [0; 64];
        // SAFETY: as much room as is said, and an open stream.
        let read = unsafe { fgetws(room.as_mut_ptr(), room.len() as c_int, self.0) };
        (!read.is_null()).then(|| room.iter().take_while(|c| **c != 0).map(|c| *c as u8 as char).collect())
    }

    /// fflush(3).
    pub fn flush(self) -> Ret<i64> {
        call!(libc::fflush(self.0))
    }

    /// fgets(3); none at its end.
    pub fn line(self) -> Option<String> {
        let mut room = [0u8; 64];
        // SAFETY: as much room as is said, and an open stream.
        let read = unsafe { libc::fgets(room.as_mut_ptr().cast(), room.len() as c_int, self.0) };
        (!read.is_null()).then(|| CStr::from_bytes_until_nul(&room).unwrap_or_default().to_string_lossy().into_owned())
    }

    /// fileno(3).
    pub fn number(self) -> Fd {
        // SAFETY: an open stream.
        unsafe { libc::fileno(self.0) }
    }
}

/// printf(3) of a number.
pub fn print_number(number: i32) -> c_int {
    // SAFETY: the format takes an int.
    unsafe { libc::printf(c"number %d\n".as_ptr(), number) }
}

/// fclose(3) of standard output.
pub fn close_standard_output() -> Ret<i64> {
    call!(libc::fclose(stdout))
}
