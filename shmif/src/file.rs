//! The bus file: creating and opening it, growing it, and looking after it.

mod handle;
mod map;

pub(crate) use map::{Area, patch_page};

use crate::error::BusError;
use crate::format::{self, AREAS_OFFSET, HEADER_BYTES, Header, MAGIC, Record, VERSION};
use handle::Handle;
use map::Map;
use rustix::fs::{FallocateFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::{Duration, Instant};

/// The byte whose lock is held while the bus is made, and while a node joins or claims an address.
const JOIN_LOCK: u64 = 0;
/// How long to wait for it. A node holds it for microseconds.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);

/// An open and mapped bus file.
pub(crate) struct BusFile {
    path: PathBuf,
    handle: Handle,
    map: Map,
}

/// What somebody did to the file while we use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Good,
    /// No name leads to the file any more. Who has it open goes on.
    Removed,
    /// The program closed our descriptor. What is mapped goes on.
    Closed,
    /// The file is shorter than the nodes on it need.
    Truncated,
}

impl BusFile {
    /// Opens the bus at `path`; `create` makes it where there is no file, or an empty one.
    pub(crate) fn open(path: &Path, create: bool) -> Result<BusFile, BusError> {
        let failed = |doing| move |e: Errno| BusError::Io { path: path.to_owned(), doing, source: e.into() };
        // O_NONBLOCK: a FIFO must be refused, not waited for.
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        // O_CREAT only where there is no file: in a sticky directory it is refused for another user's (fs.protected_regular).
        let fd = match rustix::fs::open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) if create => {
                rustix::fs::open(path, flags | OFlags::CREATE, Mode::RUSR | Mode::WUSR).map_err(failed("create"))?
            }
            Err(Errno::ISDIR) => {
                return Err(BusError::NotABus { path: path.to_owned(), why: "it is a directory".into() });
            }
            other => other.map_err(failed("open"))?,
        };
        let stat = rustix::fs::fstat(&fd).map_err(failed("look at"))?;
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(BusError::NotABus { path: path.to_owned(), why: "it is not a regular file".into() });
        }
        let handle = Handle::new(fd, &stat);
        {
            let _lock = JoinLock::take(&handle, path)?;
            let fd = handle.fd().ok_or(BusError::Gone)?;
            prepare(fd, path, create)?;
        }
        let fd = handle.fd().ok_or(BusError::Gone)?;
        let map = Map::of(fd, stat.st_dev, stat.st_ino).map_err(failed("map"))?;
        Ok(BusFile { path: path.to_owned(), handle, map })
    }

    pub(crate) fn number(&self) -> &Arc<AtomicI32> {
        self.handle.number()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn header(&self) -> &Header {
        self.map.header()
    }

    /// The record of `slot`, which is below [`format::SLOTS`].
    pub(crate) fn record(&self, slot: usize) -> &Record {
        self.map.record(slot)
    }

    /// The area of `slot`; `None` where there is none or it cannot be mapped.
    pub(crate) fn area(&self, slot: usize) -> Option<Area<'_>> {
        self.map.area(slot, || self.handle.fd())
    }

    /// Takes the lock that serialises joins and claims; it ends with the returned value.
    pub(crate) fn join_lock(&self) -> Result<JoinLock<'_>, BusError> {
        JoinLock::take(&self.handle, &self.path)
    }

    /// Tries to become the holder of `slot`.
    pub(crate) fn hold_slot(&self, slot: usize) -> io::Result<bool> {
        self.handle.try_lock(slot_lock(slot))
    }

    /// Lets go of `slot`.
    pub(crate) fn release_slot(&self, slot: usize) {
        self.handle.unlock(slot_lock(slot));
    }

    /// Whether another open file holds `slot`. A host that does not say counts as "yes": nobody is declared dead by an error.
    pub(crate) fn slot_is_held(&self, slot: usize) -> bool {
        self.handle.is_locked(slot_lock(slot)).unwrap_or(true)
    }

    /// Makes the file long enough for the area of `slot`. The caller holds the join lock.
    pub(crate) fn extend_to(&self, slot: usize) -> Result<(), BusError> {
        let fd = self.handle.fd().ok_or(BusError::Gone)?;
        let failed = |e: Errno| self.failed("extend", e);
        let end = format::area_offset(slot) + format::AREA_STRIDE as u64;
        if (rustix::fs::fstat(fd).map_err(failed)?.st_size as u64) < end {
            check_size_limit(&self.path, end)?;
            rustix::fs::ftruncate(fd, end).map_err(failed)?;
        }
        Ok(())
    }

    /// Makes the host keep room for a part of the area of `slot`, which is ours. Without it a full file system would say so
    /// only by SIGBUS.
    pub(crate) fn reserve(&self, slot: usize, offset: usize, bytes: usize) -> Result<(), BusError> {
        let fd = self.handle.fd().ok_or(BusError::Gone)?;
        // The area is inside the file. If it is not any more, somebody has truncated it, and it must not grow again: an empty file
        // can become a bus, one of zeros cannot.
        let keep = FallocateFlags::KEEP_SIZE;
        reserve(fd, &self.path, keep, format::area_offset(slot) + offset as u64, bytes as u64)
    }

    /// Looks at the file. `slot` is the highest one that must still be there.
    pub(crate) fn health(&self, slot: usize) -> Health {
        let end = format::area_offset(slot) + format::AREA_STRIDE as u64;
        match self.handle.stat() {
            None if self.handle.is_lost() => Health::Closed,
            None => Health::Good,
            Some((_, stat)) if (stat.st_size as u64) < end => {
                self.map.disown();
                Health::Truncated
            }
            Some((_, stat)) if stat.st_nlink == 0 => Health::Removed,
            Some(_) => Health::Good,
        }
    }

    /// Writes the header again where somebody scribbled on it, so that others can still open the bus.
    pub(crate) fn mend_header(&self) {
        let header = format::header_bytes();
        if let Some(fd) = self.handle.fd()
            && self.header().bytes() != header
        {
            let _ = rustix::io::pwrite(fd, &header, 0);
        }
    }

    /// True once after a page of the mapping was missing.
    pub(crate) fn take_fault(&self) -> bool {
        self.map.take_fault()
    }

    /// The number of the open file, which must stay open for as long as the node lives; `None` after [`Self::close_in_child`].
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.handle.fd()
    }

    /// In a fork child: gives up the child's copies of the open file, which would keep the parent's slot held after its death:
    /// the descriptor and the mapping, in whose place comes empty memory.
    pub(crate) fn close_in_child(&self) {
        self.handle.close();
        self.map.replace_by_memory();
    }

    fn failed(&self, doing: &'static str, errno: Errno) -> BusError {
        BusError::Io { path: self.path.clone(), doing, source: errno.into() }
    }
}

fn slot_lock(slot: usize) -> u64 {
    1 + slot as u64
}

/// Checks the header, and writes it where the file is new. The caller holds the join lock.
fn prepare(fd: BorrowedFd<'_>, path: &Path, create: bool) -> Result<(), BusError> {
    let failed = |doing| move |e: Errno| BusError::Io { path: path.to_owned(), doing, source: e.into() };
    let not_a_bus = |why: &str| BusError::NotABus { path: path.to_owned(), why: why.into() };
    let size = rustix::fs::fstat(fd).map_err(failed("look at"))?.st_size as u64;
    let expected = format::header_bytes();
    if size == 0 {
        if !create {
            return Err(not_a_bus("it is empty"));
        }
        check_size_limit(path, AREAS_OFFSET as u64)?;
        // The header first, in one write: who is killed after it leaves a bus that the next one completes below.
        let mut page = [0; format::TABLE_OFFSET];
        page[..HEADER_BYTES].copy_from_slice(&expected);
        match rustix::io::pwrite(fd, &page, 0) {
            Ok(written) if written == page.len() => {}
            Ok(_) | Err(Errno::NOSPC | Errno::DQUOT) => {
                // Back to the empty file that we found.
                let _ = rustix::fs::ftruncate(fd, 0);
                return Err(BusError::NoSpace { path: path.to_owned() });
            }
            Err(e) => return Err(failed("create")(e)),
        }
    }
    let mut found = [0; HEADER_BYTES];
    let read = rustix::io::pread(fd, &mut found, 0).map_err(failed("read"))?;
    if read < HEADER_BYTES || (1..format::TABLE_OFFSET as u64).contains(&size) {
        return Err(not_a_bus("it is too short"));
    }
    if found[..8] != MAGIC {
        return Err(not_a_bus("it does not begin as one"));
    }
    let version = u32::from_le_bytes([found[8], found[9], found[10], found[11]]);
    if version != VERSION {
        return Err(BusError::OtherVersion { path: path.to_owned(), found: version });
    }
    if found != expected {
        return Err(not_a_bus("its header is damaged"));
    }
    if size < AREAS_OFFSET as u64 {
        let start = format::TABLE_OFFSET as u64;
        reserve(fd, path, FallocateFlags::empty(), start, AREAS_OFFSET as u64 - start)?;
    }
    Ok(())
}

/// fallocate(2), repeated where a signal interrupts it; zeros are written where the file system has no such call.
fn reserve(fd: BorrowedFd<'_>, path: &Path, flags: FallocateFlags, offset: u64, bytes: u64) -> Result<(), BusError> {
    check_size_limit(path, offset + bytes)?;
    let failed = |e: Errno| match e {
        Errno::NOSPC | Errno::DQUOT => BusError::NoSpace { path: path.to_owned() },
        e => BusError::Io { path: path.to_owned(), doing: "extend", source: e.into() },
    };
    for _ in 0..1000 {
        match rustix::fs::fallocate(fd, flags, offset, bytes) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                return write_zeros(fd, offset, bytes).map_err(failed);
            }
            Err(e) => return Err(failed(e)),
        }
    }
    Err(failed(Errno::INTR))
}

fn write_zeros(fd: BorrowedFd<'_>, offset: u64, bytes: u64) -> Result<(), Errno> {
    // Not on the stack, which may be of a thread with PTHREAD_STACK_MIN.
    static ZEROS: [u8; 16 << 10] = [0; 16 << 10];
    let mut done = 0;
    while done < bytes {
        let want = (bytes - done).min(ZEROS.len() as u64) as usize;
        match rustix::io::pwrite(fd, &ZEROS[..want], offset + done)? {
            0 => return Err(Errno::NOSPC),
            written => done += written as u64,
        }
    }
    Ok(())
}

/// Growing past RLIMIT_FSIZE is SIGXFSZ, not an error: look first.
fn check_size_limit(path: &Path, needed: u64) -> Result<(), BusError> {
    match rustix::process::getrlimit(rustix::process::Resource::Fsize).current {
        Some(limit) if limit < needed => Err(BusError::FileSizeLimit { path: path.to_owned(), needed }),
        _ => Ok(()),
    }
}

/// Holds the join lock while it lives.
pub(crate) struct JoinLock<'a> {
    handle: &'a Handle,
}

impl<'a> JoinLock<'a> {
    /// Asks again and again instead of waiting in the host: a stopped holder must not stop us for ever.
    fn take(handle: &'a Handle, path: &Path) -> Result<JoinLock<'a>, BusError> {
        let start = Instant::now();
        let mut pause = Duration::from_micros(50);
        loop {
            match handle.try_lock(JOIN_LOCK) {
                Ok(true) => return Ok(JoinLock { handle }),
                Ok(false) if start.elapsed() > JOIN_PATIENCE => {
                    return Err(BusError::Locked { path: path.to_owned() });
                }
                Ok(false) => {}
                Err(source) => {
                    return Err(BusError::Io { path: path.to_owned(), doing: "lock", source });
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }
}

impl Drop for JoinLock<'_> {
    fn drop(&mut self) {
        self.handle.unlock(JOIN_LOCK);
    }
}

#[cfg(test)]
mod tests;
