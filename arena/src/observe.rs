//! Reading the records of another process's arena, through its file: no cooperation of that process is needed.

use crate::record::{LEN, MAGIC, MAX_CHUNKS, PER_CHUNK, WORDS};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A running kernel's arena, as an observer sees it.
pub struct Observed {
    file: File,
    /// Process that made the arena.
    pub pid: u32,
    /// Name of the kernel.
    pub name: String,
}

/// One socket as its record describes it.
pub struct Observation {
    /// Number of the record.
    pub index: u32,
    /// State bits that the kernel defines.
    pub state: u32,
    /// Connections ready to be accepted.
    pub accept_queue: u32,
    /// The description, as the kernel encoded it.
    pub words: [u64; WORDS],
    /// Bytes in the ring from the program.
    pub tx_used: u64,
    /// Bytes in the ring to the program.
    pub rx_used: u64,
}

impl Observed {
    /// Opens an arena, typically `/proc/PID/fd/N`. InvalidData where the file is something else.
    pub fn open(path: &Path) -> io::Result<Observed> {
        let file = File::open(path)?;
        let mut head = [0; 128];
        file.read_exact_at(&mut head, 0)?;
        if head[..8] != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not the arena of a rump kernel"));
        }
        let name = head[16..80].split(|&b| b == 0).next().unwrap_or_default();
        Ok(Observed { pid: word32(&head, 8), name: String::from_utf8_lossy(name).into_owned(), file })
    }

    /// The sockets in use now. A record that changes while it is read is read again, a few times.
    pub fn sockets(&self) -> io::Result<Vec<Observation>> {
        let mut found = Vec::new();
        let mut count = [0; 4];
        self.file.read_exact_at(&mut count, 12)?;
        // Another process wrote the count: it is held to what the header page can list.
        let chunks = u32::from_ne_bytes(count).min(MAX_CHUNKS as u32);
        for chunk in 0..u64::from(chunks) {
            let mut at = [0; 8];
            self.file.read_exact_at(&mut at, 128 + chunk * 8)?;
            let at = u64::from_ne_bytes(at);
            for slot in 0..PER_CHUNK as u64 {
                let index = (chunk * PER_CHUNK as u64 + slot) as u32;
                found.extend(self.read(at.saturating_add(slot * LEN as u64), index)?);
            }
        }
        Ok(found)
    }

    fn read(&self, at: u64, index: u32) -> io::Result<Option<Observation>> {
        let mut r = [0; LEN];
        for _ in 0..8 {
            self.file.read_exact_at(&mut r, at)?;
            let sequence = word(&r, 64);
            let mut again = [0; 8];
            self.file.read_exact_at(&mut again, at + 64)?;
            if word32(&r, 12) == 0 {
                return Ok(None);
            }
            if sequence & 1 == 0 && again == r[64..72] {
                let used = |ring: usize| word(&r, ring).saturating_sub(word(&r, ring + 64));
                return Ok(Some(Observation {
                    index,
                    state: word32(&r, 0),
                    accept_queue: word32(&r, 8),
                    words: std::array::from_fn(|i| word(&r, 72 + i * 8)),
                    tx_used: used(256),
                    rx_used: used(384),
                }));
            }
        }
        Ok(None)
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn word32(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]))
}
