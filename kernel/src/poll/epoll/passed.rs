//! Sets that go by SCM_RIGHTS and come back into this process under another number.

use super::set::EpollSet;
use super::table::{self, find, in_vfork_child};
use crate::descriptor::{Protected, protect_new};
use crate::host;
use rustix::fd::AsRawFd;
use rustix::io::fcntl_dupfd_cloexec;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

/// Nobody tells us of those that never come, having gone to other processes: so many are waited for, the latest.
const MOST: usize = 16;

/// Sets under way. A number of its own keeps each of them, since the program may close its last one before it has come.
static UNDER_WAY: Mutex<VecDeque<(Protected, Arc<EpollSet>)>> = Mutex::new(VecDeque::new());

/// `fd` is about to be sent. It may be anything.
pub fn passed_on(fd: RawFd) {
    let Some(set) = find(fd).filter(|_| !in_vfork_child()) else { return };
    // Another thread held it when this process was forked, or is at the same.
    let Ok(mut under_way) = UNDER_WAY.try_lock() else { return };
    if under_way.iter().any(|(_, other)| Arc::ptr_eq(other, &set)) {
        return;
    }
    let Ok(own) = protect_new(|| fcntl_dupfd_cloexec(host::borrow(fd), 0)) else { return };
    table::duplicated(fd, own.as_raw_fd());
    under_way.push_back((own, set));
    if under_way.len() > MOST {
        under_way.pop_front().into_iter().for_each(let_go);
    }
}

/// `fd` has come. It may be anything. The set stays among those under way, since it may come again: it may have been sent twice, or
/// only been looked at (MSG_PEEK).
pub fn arrived(fd: RawFd) {
    if let Some(number) = table::numbers().into_iter().find(|&number| host::is_same_file(number, fd)) {
        table::duplicated(number, fd);
    }
}

fn let_go((own, _set): (Protected, Arc<EpollSet>)) {
    table::forget(own.as_raw_fd());
}
