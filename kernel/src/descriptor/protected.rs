//! The kernel's own descriptors: out of the way of the program's numbers and limits, and safe from programs that close
//! everything or dup2 onto them.

use crate::lock::lock;
use crate::{Result, host};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Every protected number, and where its owner looks it up.
static NUMBERS: Mutex<Numbers> = Mutex::new(BTreeMap::new());

type Numbers = BTreeMap<RawFd, Arc<AtomicI32>>;

/// A descriptor of the kernel's own. It may change its number while it lives.
#[derive(Debug)]
pub struct Protected {
    number: Arc<AtomicI32>,
}

/// Takes `fd` out of the program's way. If the host allows it, it gets a number above the soft limit of descriptors, so
/// that it takes nothing from the program's allowance.
pub fn protect(fd: OwnedFd) -> Protected {
    let mut numbers = lock(&NUMBERS);
    enter(&mut numbers, Room::make().move_up(fd))
}

/// As [`protect`], for a descriptor that `make` makes: also where the program has none left.
pub fn protect_new(make: impl FnOnce() -> Result<OwnedFd>) -> Result<Protected> {
    let mut numbers = lock(&NUMBERS);
    let room = Room::make();
    let fd = room.move_up(make()?);
    Ok(enter(&mut numbers, fd))
}

/// As [`protect`], for a descriptor whose owner finds its number in `number` at every use, and closes it.
pub fn protect_number(number: &Arc<AtomicI32>) {
    let mut numbers = lock(&NUMBERS);
    let fd = number.load(Ordering::SeqCst);
    let moved = Room::make().duplicate(host::borrow(fd)).map_or(fd, IntoRawFd::into_raw_fd);
    number.store(moved, Ordering::SeqCst);
    if moved != fd {
        let _ = host::close(fd);
    }
    numbers.insert(moved, number.clone());
}

fn enter(numbers: &mut Numbers, fd: OwnedFd) -> Protected {
    let number = Arc::new(AtomicI32::new(fd.as_raw_fd()));
    numbers.insert(fd.into_raw_fd(), number.clone());
    Protected { number }
}

/// Numbers above the soft limit, while it lives. Descriptors above a lowered limit stay usable, so the limit is raised only
/// for the moment in which one is made.
struct Room {
    /// What to go back to, where the limit is raised.
    limit: Option<Rlimit>,
    /// The least number for the kernel's own.
    least: Option<RawFd>,
}

impl Room {
    fn make() -> Room {
        let limit = getrlimit(Resource::Nofile);
        let (Some(soft), Some(hard)) = (limit.current, limit.maximum) else { return Room { limit: None, least: None } };
        let raised = Rlimit { current: Some(hard), maximum: Some(hard) };
        if hard > soft && setrlimit(Resource::Nofile, raised).is_ok() {
            return Room { limit: Some(limit), least: RawFd::try_from(soft).ok() };
        }
        // No room above: at least leave the low numbers, which a program's select() can reach.
        Room { limit: None, least: RawFd::try_from(soft / 2).ok() }
    }

    fn move_up(&self, fd: OwnedFd) -> OwnedFd {
        self.duplicate(fd.as_fd()).unwrap_or(fd)
    }

    /// None: it is high enough, or it cannot be.
    fn duplicate(&self, fd: BorrowedFd<'_>) -> Option<OwnedFd> {
        let least = self.least.filter(|least| fd.as_raw_fd() < *least)?;
        rustix::io::fcntl_dupfd_cloexec(fd, least).ok()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(limit) = self.limit.take() {
            let _ = setrlimit(Resource::Nofile, limit);
        }
    }
}

/// Whether `fd` is one of the kernel's own.
pub fn is_protected(fd: RawFd) -> bool {
    lock(&NUMBERS).contains_key(&fd)
}

/// Moves one of the kernel's own descriptors to another number, because the program wants this one.
pub fn protect_move(fd: RawFd) -> Result<()> {
    let mut numbers = lock(&NUMBERS);
    let Some(number) = numbers.get(&fd).cloned() else { return Ok(()) };
    let moved = rustix::io::fcntl_dupfd_cloexec(host::borrow(fd), fd)?;
    numbers.remove(&fd);
    number.store(moved.as_raw_fd(), Ordering::SeqCst);
    numbers.insert(moved.into_raw_fd(), number);
    Ok(())
}

/// The protected numbers in `first..=last`, in order.
pub(super) fn within(first: RawFd, last: RawFd) -> Vec<RawFd> {
    lock(&NUMBERS).range(first..=last).map(|(&fd, _)| fd).collect()
}

/// The lock of this file, held by a thread that forks: the soft limit is as the program has it, too.
pub(super) struct Held(MutexGuard<'static, Numbers>);

pub(super) fn hold() -> Held {
    Held(lock(&NUMBERS))
}

/// In a child: the descriptors are copies of the parent's, to which they belong.
pub(super) fn close_all_in_child(Held(mut numbers): Held) {
    for (fd, _) in std::mem::take(&mut *numbers) {
        let _ = host::close(fd);
    }
}

impl AsFd for Protected {
    fn as_fd(&self) -> BorrowedFd<'_> {
        host::borrow(self.number.load(Ordering::SeqCst))
    }
}

impl AsRawFd for Protected {
    fn as_raw_fd(&self) -> RawFd {
        self.number.load(Ordering::SeqCst)
    }
}

impl Drop for Protected {
    fn drop(&mut self) {
        let mut numbers = lock(&NUMBERS);
        let fd = self.number.load(Ordering::SeqCst);
        // In a child of a fork the number may have been closed and given away already.
        if numbers.get(&fd).is_some_and(|number| Arc::ptr_eq(number, &self.number)) {
            numbers.remove(&fd);
            let _ = host::close(fd);
        }
    }
}
