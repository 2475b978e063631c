//! The kernel's own descriptors: out of the way of the program's numbers and limits, and safe from programs that close
//! everything or dup2 onto them.

use crate::{Result, host};
use parking_lot::Mutex;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Every protected number, and where its owner looks it up.
static NUMBERS: Mutex<BTreeMap<RawFd, Arc<AtomicI32>>> = Mutex::new(BTreeMap::new());

/// A descriptor of the kernel's own. It may change its number while it lives.
#[derive(Debug)]
pub struct Protected {
    number: Arc<AtomicI32>,
}

/// Takes `fd` out of the program's way. If the host allows it, it gets a number above the soft limit of descriptors, so
/// that it takes nothing from the program's allowance.
pub fn protect(fd: OwnedFd) -> Protected {
    let mut numbers = NUMBERS.lock();
    let fd = out_of_the_way(fd);
    let number = Arc::new(AtomicI32::new(fd.as_raw_fd()));
    numbers.insert(fd.into_raw_fd(), number.clone());
    Protected { number }
}

/// Descriptors above a lowered limit stay usable, so the limit is raised only for the moment of the dup.
fn out_of_the_way(fd: OwnedFd) -> OwnedFd {
    let limit = getrlimit(Resource::Nofile);
    let (Some(soft), Some(hard)) = (limit.current, limit.maximum) else { return fd };
    let Ok(least) = RawFd::try_from(soft) else { return fd };
    if fd.as_raw_fd() >= least {
        return fd;
    }
    let moved = if hard > soft {
        let raised = Rlimit { current: Some(hard), maximum: Some(hard) };
        if setrlimit(Resource::Nofile, raised).is_err() {
            return fd;
        }
        let moved = rustix::io::fcntl_dupfd_cloexec(&fd, least);
        let _ = setrlimit(Resource::Nofile, limit);
        moved
    } else {
        // No room above: at least leave the low numbers, which a program's select() can reach.
        rustix::io::fcntl_dupfd_cloexec(&fd, least / 2)
    };
    moved.unwrap_or(fd)
}

/// Whether `fd` is one of the kernel's own.
pub fn is_protected(fd: RawFd) -> bool {
    NUMBERS.lock().contains_key(&fd)
}

/// Moves one of the kernel's own descriptors to another number, because the program wants this one.
pub fn protect_move(fd: RawFd) -> Result<()> {
    let mut numbers = NUMBERS.lock();
    let Some(number) = numbers.get(&fd).cloned() else { return Ok(()) };
    let moved = rustix::io::fcntl_dupfd_cloexec(host::borrow(fd), fd)?;
    numbers.remove(&fd);
    number.store(moved.as_raw_fd(), Ordering::SeqCst);
    numbers.insert(moved.into_raw_fd(), number);
    Ok(())
}

/// The protected numbers in `first..=last`, in order.
pub(super) fn within(first: RawFd, last: RawFd) -> Vec<RawFd> {
    NUMBERS.lock().range(first..=last).map(|(&fd, _)| fd).collect()
}

/// In a child: the descriptors are copies of the parent's, to which they belong.
pub(super) fn close_all_in_child() {
    let Some(mut numbers) = NUMBERS.try_lock() else { return };
    for (fd, _) in std::mem::take(&mut *numbers) {
        host::close(fd);
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
        let mut numbers = NUMBERS.lock();
        let fd = self.number.load(Ordering::SeqCst);
        // In a child of a fork the number may have been closed and given away already.
        if numbers.get(&fd).is_some_and(|number| Arc::ptr_eq(number, &self.number)) {
            numbers.remove(&fd);
            host::close(fd);
        }
    }
}
