//! From descriptor number to socket: an array of atomics, so that a look costs a few nanoseconds on any path and can be
//! taken in a signal handler.

use super::pair::Kernel as KernelEnd;
use crate::Socket;
use crate::lock::{read, write};
use rustix::fd::RawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, RwLock, RwLockWriteGuard};

const CHUNK: usize = 1024;
const CHUNKS: usize = 1024;

const HOST: u32 = 0;
const INHERITED: u32 = 1;
/// Entries from here on are places in [`OPEN`].
const FIRST: u32 = 2;

type Chunk = [AtomicU32; CHUNK];

static TABLE: [OnceLock<Box<Chunk>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static OPEN: RwLock<Vec<Option<Open>>> = RwLock::new(Vec::new());

/// An open socket of this process and its kernel end.
struct Open {
    socket: Arc<Socket>,
    end: Arc<KernelEnd>,
    /// Descriptors of this process that name it.
    names: u32,
}

/// What a descriptor is.
#[derive(Clone)]
pub enum Lookup {
    /// The host's.
    Host,
    /// A socket of this process's rump kernel.
    Rump(Arc<Socket>),
    /// A socket of a parent's rump kernel, left over a fork or an exec.
    Inherited,
}

/// What became of a socket when one of its names went.
pub(super) enum Removed {
    /// It was no rump socket, or inherited.
    Host,
    /// Other descriptors of this process name it.
    Named,
    /// No descriptor of this process names it any more.
    Last(Arc<Socket>, Arc<KernelEnd>),
}

fn entry(fd: RawFd) -> Option<&'static AtomicU32> {
    let fd = usize::try_from(fd).ok()?;
    Some(&TABLE.get(fd / CHUNK)?.get()?[fd % CHUNK])
}

fn entry_made(fd: RawFd) -> Option<&'static AtomicU32> {
    let fd = usize::try_from(fd).ok()?;
    let chunk = TABLE.get(fd / CHUNK)?.get_or_init(|| Box::new([const { AtomicU32::new(HOST) }; CHUNK]));
    Some(&chunk[fd % CHUNK])
}

/// What `fd` is.
pub fn lookup(fd: RawFd) -> Lookup {
    match entry(fd).map_or(HOST, |entry| entry.load(Ordering::Acquire)) {
        HOST => Lookup::Host,
        INHERITED => Lookup::Inherited,
        place => match read(&OPEN).get((place - FIRST) as usize) {
            Some(Some(open)) => Lookup::Rump(open.socket.clone()),
            _ => Lookup::Host,
        },
    }
}

/// Enters a new socket under `fd`. False where the number is too large for the table.
pub(super) fn insert(fd: RawFd, socket: Arc<Socket>, end: Arc<KernelEnd>) -> bool {
    let Some(entry) = entry_made(fd) else { return false };
    let mut open = write(&OPEN);
    let place = open.iter().position(Option::is_none).unwrap_or_else(|| {
        open.push(None);
        open.len() - 1
    });
    open[place] = Some(Open { socket, end, names: 1 });
    entry.store(place as u32 + FIRST, Ordering::Release);
    true
}

/// Lets `new` name what `old` names, after `new` has been cleared.
pub(super) fn copy(old: RawFd, new: RawFd) {
    let Some(value) = entry(old).map(|entry| entry.load(Ordering::Acquire)).filter(|&value| value != HOST) else {
        return;
    };
    let Some(to) = entry_made(new) else { return };
    if value >= FIRST {
        match write(&OPEN).get_mut((value - FIRST) as usize) {
            Some(Some(open)) => open.names += 1,
            _ => return,
        }
    }
    to.store(value, Ordering::Release);
}

/// Lets `fd` name the open socket whose P has this cookie. False if there is none.
pub(super) fn join(fd: RawFd, cookie: u64) -> bool {
    let Some(entry) = entry_made(fd) else { return false };
    let mut open = write(&OPEN);
    let found = open
        .iter_mut()
        .enumerate()
        .find_map(|(place, open)| Some(place).zip(open.as_mut()).filter(|(_, open)| open.end.cookie() == cookie));
    let Some((place, open)) = found else { return false };
    open.names += 1;
    entry.store(place as u32 + FIRST, Ordering::Release);
    true
}

/// Takes the name `fd` away.
pub(super) fn remove(fd: RawFd) -> Removed {
    let value = entry(fd).map_or(HOST, |entry| entry.swap(HOST, Ordering::AcqRel));
    if value < FIRST {
        return Removed::Host;
    }
    let mut open = write(&OPEN);
    let Some(slot) = open.get_mut((value - FIRST) as usize) else { return Removed::Host };
    match slot {
        Some(there) if there.names > 1 => {
            there.names -= 1;
            Removed::Named
        }
        _ => match slot.take() {
            Some(Open { socket, end, .. }) => Removed::Last(socket, end),
            None => Removed::Host,
        },
    }
}

/// Descriptors in `first..=last` that name rump sockets, ours or inherited.
pub(super) fn named(first: RawFd, last: RawFd) -> Vec<RawFd> {
    let mut found = Vec::new();
    for (number, chunk) in TABLE.iter().enumerate() {
        let Some(chunk) = chunk.get() else { continue };
        for (at, entry) in chunk.iter().enumerate() {
            let fd = (number * CHUNK + at) as RawFd;
            if (first..=last).contains(&fd) && entry.load(Ordering::Acquire) != HOST {
                found.push(fd);
            }
        }
    }
    found
}

/// Marks `fd` as a socket of a parent's kernel.
pub(super) fn set_inherited(fd: RawFd) {
    if let Some(entry) = entry_made(fd) {
        entry.store(INHERITED, Ordering::Release);
    }
}

/// The lock of this file, held by a thread that forks.
pub(super) struct Held(RwLockWriteGuard<'static, Vec<Option<Open>>>);

pub(super) fn hold() -> Held {
    Held(write(&OPEN))
}

/// In a child: every socket is the parent's now. The parent's objects are forgotten, not dropped: dropping one would be a
/// close in the parent's kernel.
pub(super) fn all_inherited(Held(mut open): Held) {
    for fd in named(0, RawFd::MAX) {
        set_inherited(fd);
    }
    std::mem::forget(std::mem::take(&mut *open));
}
