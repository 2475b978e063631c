//! From descriptor number to socket: an array of atomics, so that a look costs a few nanoseconds on any path and can be
//! taken in a signal handler.

use super::pair::Kernel as KernelEnd;
use crate::Socket;
use crate::lock::{read, write};
use crate::netlink::Netlink;
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
static OPEN: RwLock<Places> = RwLock::new(Places { places: Vec::new(), free: Vec::new() });

/// The open sockets of this process. A place that came free is used again.
struct Places {
    places: Vec<Option<Open>>,
    free: Vec<usize>,
}

impl Places {
    /// The socket that the entry `value` stands for.
    fn get(&self, value: u32) -> Option<&Open> {
        self.places.get(value.checked_sub(FIRST)? as usize)?.as_ref()
    }

    fn get_mut(&mut self, value: u32) -> Option<&mut Open> {
        self.places.get_mut(value.checked_sub(FIRST)? as usize)?.as_mut()
    }

    /// Gives the value for the descriptor's entry.
    fn put(&mut self, open: Open) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(open);
        place as u32 + FIRST
    }

    fn take(&mut self, value: u32) -> Option<Open> {
        let place = value.checked_sub(FIRST)? as usize;
        let open = self.places.get_mut(place)?.take()?;
        self.free.push(place);
        Some(open)
    }
}

/// An open socket of this process.
struct Open {
    what: Opened,
    /// Descriptors of this process that name it.
    names: u32,
}

/// What it is.
pub(super) enum Opened {
    /// A rump socket and its kernel end.
    Socket(Arc<Socket>, Arc<KernelEnd>),
    Netlink(Arc<Netlink>),
}

/// What a descriptor is.
#[derive(Clone)]
pub enum Lookup {
    /// The host's; to read, to poll and to copy a netlink socket is one, too.
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

/// Runs `with` on what `fd` names; else its entry, [`HOST`] or [`INHERITED`].
fn look<R>(fd: RawFd, with: impl Fn(&Opened) -> R) -> Result<R, u32> {
    let entry = entry(fd).ok_or(HOST)?;
    loop {
        let value = entry.load(Ordering::Acquire);
        if value < FIRST {
            return Err(value);
        }
        let open = read(&OPEN);
        // Another thread may have closed it, and the place be another socket's by now. While the entry holds, the place does.
        if entry.load(Ordering::Acquire) == value {
            return open.get(value).map(|open| with(&open.what)).ok_or(HOST);
        }
    }
}

/// What `fd` is.
pub fn lookup(fd: RawFd) -> Lookup {
    let found = look(fd, |what| match what {
        Opened::Socket(socket, _) => Lookup::Rump(socket.clone()),
        Opened::Netlink(_) => Lookup::Host,
    });
    found.unwrap_or_else(|entry| if entry == INHERITED { Lookup::Inherited } else { Lookup::Host })
}

/// The netlink socket that `fd` names.
pub fn netlink(fd: RawFd) -> Option<Arc<Netlink>> {
    let found = look(fd, |what| match what {
        Opened::Netlink(netlink) => Some(netlink.clone()),
        Opened::Socket(..) => None,
    });
    found.ok().flatten()
}

/// Whether the table has anything of `fd`.
pub(super) fn has(fd: RawFd) -> bool {
    entry(fd).is_some_and(|entry| entry.load(Ordering::Acquire) != HOST)
}

/// Enters a new socket under `fd`. False where the number is too large for the table.
pub(super) fn insert(fd: RawFd, what: Opened) -> bool {
    let Some(entry) = entry_made(fd) else { return false };
    let value = write(&OPEN).put(Open { what, names: 1 });
    entry.store(value, Ordering::Release);
    true
}

/// Lets `new` name what `old` names, after `new` has been cleared.
pub(super) fn copy(old: RawFd, new: RawFd) {
    let Some(value) = entry(old).map(|entry| entry.load(Ordering::Acquire)).filter(|&value| value != HOST) else {
        return;
    };
    let Some(to) = entry_made(new) else { return };
    if value >= FIRST {
        match write(&OPEN).get_mut(value) {
            Some(open) => open.names += 1,
            None => return,
        }
    }
    to.store(value, Ordering::Release);
}

/// Lets `fd` name the open socket whose P has this cookie. False if there is none.
pub(super) fn join(fd: RawFd, cookie: u64) -> bool {
    let Some(entry) = entry_made(fd) else { return false };
    let mut open = write(&OPEN);
    let same = |open: &Option<Open>| match open {
        Some(Open { what: Opened::Socket(_, end), .. }) => end.cookie() == cookie,
        _ => false,
    };
    let Some(value) = open.places.iter().position(same).map(|place| place as u32 + FIRST) else { return false };
    if let Some(open) = open.get_mut(value) {
        open.names += 1;
    }
    entry.store(value, Ordering::Release);
    true
}

/// Takes the name `fd` away.
pub(super) fn remove(fd: RawFd) -> Removed {
    let value = entry(fd).map_or(HOST, |entry| entry.swap(HOST, Ordering::AcqRel));
    if value < FIRST {
        return Removed::Host;
    }
    let mut open = write(&OPEN);
    if let Some(there) = open.get_mut(value).filter(|there| there.names > 1) {
        there.names -= 1;
        return Removed::Named;
    }
    let last = open.take(value);
    drop(open);
    match last.map(|open| open.what) {
        Some(Opened::Socket(socket, end)) => Removed::Last(socket, end),
        Some(Opened::Netlink(_)) | None => Removed::Host,
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

/// Whether any descriptor names a rump socket.
pub(super) fn any() -> bool {
    !named(0, RawFd::MAX).is_empty()
}

/// Marks `fd` as a socket of a parent's kernel.
pub(super) fn set_inherited(fd: RawFd) {
    if let Some(entry) = entry_made(fd) {
        entry.store(INHERITED, Ordering::Release);
    }
}

/// The lock of this file, held by a thread that forks.
pub(super) struct Held(RwLockWriteGuard<'static, Places>);

pub(super) fn hold() -> Held {
    Held(write(&OPEN))
}

/// In a child: every socket is the parent's now. The parent's objects are forgotten, not dropped: dropping one would be a
/// close in the parent's kernel.
pub(super) fn all_inherited(Held(mut open): Held) {
    for fd in named(0, RawFd::MAX) {
        set_inherited(fd);
    }
    std::mem::forget(std::mem::take(&mut open.places));
    open.free.clear();
}
