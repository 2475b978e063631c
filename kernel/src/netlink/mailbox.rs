//! Where the messages for a netlink socket are put, and the groups that it has joined.

use crate::Errno;
use crate::descriptor::Protected;
use rustix::net::SendFlags;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a socket and the kernel share of it.
#[derive(Debug)]
pub struct Mailbox {
    /// The kernel's end of the pair.
    end: Protected,
    /// A bit each, the first group's lowest.
    groups: AtomicU64,
    /// A message was lost for want of room.
    lost: AtomicBool,
}

impl Mailbox {
    pub(super) fn new(end: Protected) -> Mailbox {
        Mailbox { end, groups: AtomicU64::new(0), lost: AtomicBool::new(false) }
    }

    /// Errors: ENOBUFS.
    pub(super) fn put(&self, datagram: &[u8]) -> Result<(), Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match rustix::net::send(&self.end, datagram, flags) {
            Err(Errno::AGAIN) => Err(Errno::NOBUFS),
            // Of other errors there is nobody to tell: who has closed it wants no messages.
            _ => Ok(()),
        }
    }

    /// Tells it what a group is told.
    pub(super) fn tell(&self, group: u32, message: &[u8]) {
        if self.groups() & bit(group) != 0 && self.put(message).is_err() {
            self.lost.store(true, Ordering::Relaxed);
        }
    }

    /// Whether something was lost since this was last asked.
    pub(super) fn take_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed) && self.lost.swap(false, Ordering::Relaxed)
    }

    pub(super) fn groups(&self) -> u64 {
        self.groups.load(Ordering::Relaxed)
    }

    pub(super) fn join(&self, group: u32) {
        self.groups.fetch_or(bit(group), Ordering::Relaxed);
    }

    pub(super) fn leave(&self, group: u32) {
        self.groups.fetch_and(!bit(group), Ordering::Relaxed);
    }

    /// As bind(2) does: these of the first 32, and of the others those that it has.
    pub(super) fn set_first(&self, groups: u32) {
        let others = |had: u64| Some(had >> 32 << 32 | u64::from(groups));
        let _ = self.groups.fetch_update(Ordering::Relaxed, Ordering::Relaxed, others);
    }
}

fn bit(group: u32) -> u64 {
    group.checked_sub(1).and_then(|shift| 1u64.checked_shl(shift)).unwrap_or(0)
}
