//! Frames into a file that tcpdump and Wireshark read: classic pcap with nanoseconds
//! (draft-ietf-opsawg-pcap, magic a1b23c4d, in the byte order of this machine).
//!
//! The two headers are written here and not by a crate because a record must reach the file by one write(2): what a killed
//! program leaves behind then ends with a whole record.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::descriptor::{self, Protected};
use netstack::wire::checksum;
use rustix::fs::{FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

#[cfg(test)]
mod tests;

/// The longest part of a frame that is kept, in bytes, which is as long as tcpdump and Wireshark read.
const SNAP_LEN: usize = 262_144;
const RECORD_HEADER: usize = 16;

/// A capture that is being written.
#[derive(Debug)]
pub struct Capture {
    /// `None` once a write has failed.
    file: Option<Protected>,
    path: PathBuf,
    written: u64,
    /// RLIMIT_FSIZE: beyond it the host kernel would send the program SIGXFSZ.
    limit: u64,
    record: Vec<u8>,
}

/// A capture that cannot be begun or went wrong. Displays as one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaptureError {
    /// The file cannot be opened.
    Open(PathBuf, Errno),
    /// It is a directory, a device or a pipe.
    NotAFile(PathBuf),
    /// Another capture is being written to it.
    Busy(PathBuf),
    /// It cannot be written any more.
    Write(PathBuf, Errno),
}

impl Capture {
    /// Begins a capture in the file at `path`, which is made if it is not there and emptied if it is.
    ///
    /// # Errors
    /// The file cannot be opened, is not a regular one, or is being written by another capture. Then it is as it was.
    pub fn create(path: &Path) -> Result<Capture, CaptureError> {
        // NONBLOCK: a named pipe without a reader must not hold up the program. It has no meaning for a file.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let open = |errno| CaptureError::Open(path.to_owned(), errno);
        let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644)).map_err(|errno| match errno {
            Errno::NXIO | Errno::ISDIR => CaptureError::NotAFile(path.to_owned()),
            errno => open(errno),
        })?;
        if FileType::from_raw_mode(rustix::fs::fstat(&file).map_err(open)?.st_mode) != FileType::RegularFile {
            return Err(CaptureError::NotAFile(path.to_owned()));
        }
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err(CaptureError::Busy(path.to_owned()));
        }
        rustix::fs::ftruncate(&file, 0).map_err(open)?;
        Capture::to(file, path)
    }

    /// Begins a capture on an open descriptor of any kind; `path` is what errors call it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn to(file: OwnedFd, path: &Path) -> Result<Capture, CaptureError> {
        let limit = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
        let mut capture = Capture {
            file: Some(descriptor::protect(file)),
            path: path.to_owned(),
            written: 0,
            limit,
            record: Vec::with_capacity(2048),
        };
        capture.record.extend_from_slice(&file_header());
        capture.write_record()?;
        Ok(capture)
    }

    /// Writes a frame, given in parts, that was seen at `now_realtime_ns` nanoseconds after 1970.
    ///
    /// With `checksum_partial` the transport checksum, which the link left out, is completed in the written copy.
    ///
    /// # Errors
    /// The file cannot be written. This is said once: the capture has then ended, and later frames are passed over.
    pub fn frame(&mut self, now_realtime_ns: u64, parts: &[&[u8]], checksum_partial: bool) -> Result<(), CaptureError> {
        if self.file.is_none() {
            return Ok(());
        }
        self.record.clear();
        self.record.resize(RECORD_HEADER, 0);
        for part in parts {
            self.record.extend_from_slice(part);
        }
        let frame = &mut self.record[RECORD_HEADER..];
        if checksum_partial {
            checksum::complete(frame);
        }
        let (original, kept) = (frame.len(), frame.len().min(SNAP_LEN));
        self.record.truncate(RECORD_HEADER + kept);
        self.record[..RECORD_HEADER].copy_from_slice(&record_header(now_realtime_ns, kept, original));
        self.write_record()
    }

    fn write_record(&mut self) -> Result<(), CaptureError> {
        let Some(file) = &self.file else { return Ok(()) };
        let len = self.written.saturating_add(self.record.len() as u64);
        let outcome = if len > self.limit { Err(Errno::FBIG) } else { write_all(file, &self.record) };
        self.written = len;
        outcome.map_err(|errno| {
            self.file = None;
            CaptureError::Write(self.path.clone(), errno)
        })
    }
}

fn write_all(file: &Protected, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::retry_on_intr(|| rustix::io::write(file, bytes))? {
            0 => return Err(Errno::IO),
            written => bytes = bytes.get(written..).unwrap_or_default(),
        }
    }
    Ok(())
}

fn file_header() -> [u8; 24] {
    const NANOSECONDS: u32 = 0xa1b2_3c4d;
    const ETHERNET: u32 = 1;
    let [major, minor] = [2u16.to_ne_bytes(), 4u16.to_ne_bytes()];
    let mut header = [0; 24];
    header[..4].copy_from_slice(&NANOSECONDS.to_ne_bytes());
    header[4..6].copy_from_slice(&major);
    header[6..8].copy_from_slice(&minor);
    header[16..20].copy_from_slice(&(SNAP_LEN as u32).to_ne_bytes());
    header[20..].copy_from_slice(&ETHERNET.to_ne_bytes());
    header
}

fn record_header(ns: u64, kept: usize, original: usize) -> [u8; RECORD_HEADER] {
    let seconds = u32::try_from(ns / 1_000_000_000).unwrap_or(u32::MAX); // in the year 2106
    let nanoseconds = (ns % 1_000_000_000) as u32;
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let words = [seconds, nanoseconds, length(kept), length(original)].map(u32::to_ne_bytes);
    let mut header = [0; RECORD_HEADER];
    header.as_chunks_mut::<4>().0.copy_from_slice(&words);
    header
}

impl core::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            CaptureError::Open(path, errno) => {
                write!(f, "the capture {} cannot be written ({errno}): name a file that you may write", path.display())
            }
            CaptureError::NotAFile(path) => write!(
                f,
                "the capture {} would not be a regular file: name one, or a path where there is nothing",
                path.display()
            ),
            CaptureError::Busy(path) => write!(
                f,
                "another program is capturing into {}: give each its own file, or run `rump dumpbus` for all of a bus",
                path.display()
            ),
            CaptureError::Write(path, errno) => {
                write!(f, "the capture {} cannot be written any more ({errno}) and ends here", path.display())
            }
        }
    }
}

impl std::error::Error for CaptureError {}
