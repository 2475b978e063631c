//! Children. A rump kernel belongs to one process: a child of a fork, and the image after an exec, see the parent's sockets
//! as inherited, and say so when one is used.

use super::{pair, protected, shared, table};
use crate::{boot, host, poll, wait};
use rustix::fd::RawFd;
use rustix::process::{Pid, getpid};
use std::cell::RefCell;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// The process that the tables belong to; 0 where there is no rump socket.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// Descriptors that are looked at when an image starts.
const LOOKED_AT: usize = 64;

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// The locks of what a child must find whole, held by the thread that forks, in the order in which they are taken: no other
/// thread is in the middle of something at the fork, and none that a child does not have is waited for there.
struct Held {
    boot: boot::Held,
    closing: shared::Held,
    listener: pair::Held,
    open: table::Held,
    numbers: protected::Held,
    waiters: wait::Held,
}

/// Says whose the tables are.
pub(super) fn own() {
    OWNER.store(Pid::as_raw(Some(getpid())), Ordering::Relaxed);
}

/// Whether there may be rump sockets in this process at all, inherited ones among them.
pub fn in_use() -> bool {
    OWNER.load(Ordering::Relaxed) != 0
}

/// Whether this is a child of vfork(2): it shares our memory but not our descriptors, so it must leave the tables alone.
pub fn in_vfork_child() -> bool {
    match OWNER.load(Ordering::Relaxed) {
        0 => false,
        owner => owner != Pid::as_raw(Some(getpid())),
    }
}

/// pthread_atfork(3), before the fork: from now on another process may hold copies of our descriptors.
pub fn prepare_fork() {
    shared::all();
    let held = Held {
        boot: boot::hold(),
        closing: shared::hold(),
        listener: pair::hold(),
        open: table::hold(),
        numbers: protected::hold(),
        waiters: wait::hold(),
    };
    // A thread that is ending has no thread-locals any more; its child finds the locks free.
    let _ = HELD.try_with(|slot| slot.replace(Some(held)));
}

/// pthread_atfork(3), in the parent, or where the fork failed.
pub fn forked() {
    let _ = HELD.try_with(RefCell::take);
}

/// pthread_atfork(3), in the child: the sockets are the parent's, and the next one boots a kernel of its own.
pub fn in_child() {
    poll::in_child();
    let held = HELD.try_with(RefCell::take).ok().flatten();
    if let Some(held) = held.filter(|_| OWNER.swap(0, Ordering::Relaxed) != 0) {
        let Held { boot, closing, listener, open, numbers, waiters } = held;
        boot.forget_kernel();
        shared::forget(closing);
        pair::forget(listener);
        table::all_inherited(open);
        protected::close_all_in_child(numbers);
        // After that, because a waiter's eventfd is one of the numbers whose lock was held.
        wait::in_child(waiters);
    }
    if table::any() {
        own();
    }
}

/// At the start of an image: whether there are sockets of a parent's kernel among the low descriptors, which are then known for
/// what they are. One system call, and one more for each descriptor that is open.
pub fn adopt_environment() -> bool {
    let mut fds: [libc::pollfd; LOOKED_AT] =
        std::array::from_fn(|fd| libc::pollfd { fd: fd as RawFd, events: 0, revents: 0 });
    if host::ppoll(&mut fds, Some(Duration::ZERO), None).is_err() {
        return false;
    }
    for open in fds.iter().filter(|fd| fd.revents & libc::POLLNVAL == 0) {
        if pair::is_program_end(host::borrow(open.fd)) {
            table::set_inherited(open.fd);
        }
    }
    let found = table::any();
    if found {
        own();
    }
    found
}
