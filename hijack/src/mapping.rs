//! mmap(2) of packet sockets: the memory of their rings. All other mappings, such as an allocator's, are the host's.

use crate::hook::{asks, outcome};
use crate::socket::on;
use crate::table::host;
use crate::user::{Argument, Mapped};
use kernel::Result;
use libc::{MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_NORESERVE, MAP_PRIVATE, PROT_NONE, size_t};
use std::ffi::c_int;
use std::os::fd::{AsRawFd, BorrowedFd};

/// mmap(2).
pub fn mmap(at: Argument, len: size_t, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> Mapped {
    of_socket(at, len, protection, flags, fd, offset)
        .unwrap_or_else(|| host::mmap(at, len, protection, flags, fd, offset))
}

/// mmap(2) of a rump socket; `None` of all else.
pub fn of_socket(at: Argument, len: size_t, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> Option<Mapped> {
    if fd < 0 || flags & MAP_ANONYMOUS != 0 {
        return None;
    }
    asks(|| map(at, len, protection, flags, fd, offset))
}

fn map(at: Argument, len: size_t, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> Option<Result<Mapped>> {
    let windows = on(fd, |socket| socket.windows(len, offset).transpose()).and_then(Result::transpose)?;
    Some(windows.and_then(|windows| {
        let files: Vec<_> = windows.iter().filter_map(|window| Some((window.file()?, window.len()))).collect();
        if let [(file, len)] = files[..] {
            return outcome(host::mmap(at, len, protection, flags, file.as_raw_fd(), 0));
        }
        // Room for all at one place, then one after the other.
        let place = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
        let whole = outcome(host::mmap(at, len, PROT_NONE, place, -1, 0))?;
        let flags = flags & !MAP_FIXED_NOREPLACE | MAP_FIXED;
        let put = |mut offset: usize, (file, len): &(BorrowedFd<'_>, usize)| {
            outcome(host::mmap(whole.at(offset), *len, protection, flags, file.as_raw_fd(), 0))?;
            offset += len;
            Ok(offset)
        };
        files.iter().try_fold(0, put).map(|_| whole)
    }))
}
