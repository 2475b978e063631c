//! Last closes that happen elsewhere: once another process may hold a copy of a descriptor, only the hang-up of the pair
//! tells of the last close. A thread watches for it, started with the first such descriptor.

use super::pair::Kernel as KernelEnd;
use super::protected;
use crate::{Socket, host, thread};
use parking_lot::Mutex;
use rustix::event::EventfdFlags;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A socket that no descriptor of this process names, while others may.
struct Away {
    end: Arc<KernelEnd>,
    /// Held so that the socket lives until the hang-up.
    socket: Arc<Socket>,
}

static AWAY: Mutex<Vec<Away>> = Mutex::new(Vec::new());
static WATCHER: Mutex<Option<Arc<protected::Protected>>> = Mutex::new(None);
/// A fork or an SCM_RIGHTS message may have carried copies away.
static POSSIBLE: AtomicBool = AtomicBool::new(false);

/// From now on any descriptor may have copies in other processes.
pub(super) fn all() {
    POSSIBLE.store(true, Ordering::SeqCst);
}

/// The last name of `socket` in this process is gone: is it the last anywhere? If not, the watcher keeps it.
pub(super) fn last_name_gone(socket: Arc<Socket>, end: Arc<KernelEnd>) {
    if !POSSIBLE.load(Ordering::SeqCst) || end.hung_up() {
        return;
    }
    AWAY.lock().push(Away { end, socket });
    let wake = {
        let mut watcher = WATCHER.lock();
        match &*watcher {
            Some(wake) => wake.clone(),
            None => {
                let Ok(wake) = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK) else {
                    return;
                };
                let wake = Arc::new(protected::protect(wake));
                let theirs = wake.clone();
                if thread::spawn("rump-close", move || watch(&theirs)).is_err() {
                    return;
                }
                *watcher = Some(wake.clone());
                wake
            }
        }
    };
    let _ = rustix::io::write(&*wake, &1u64.to_ne_bytes());
}

/// A copy of a socket has come back to this process, which had no name for it any more.
pub(super) fn take_back(cookie: u64) -> Option<(Arc<Socket>, Arc<KernelEnd>)> {
    let mut away = AWAY.lock();
    let at = away.iter().position(|away| away.end.cookie() == cookie)?;
    let Away { end, socket } = away.swap_remove(at);
    Some((socket, end))
}

fn watch(wake: &protected::Protected) {
    loop {
        let mut fds = vec![libc::pollfd { fd: rustix::fd::AsRawFd::as_raw_fd(wake), events: libc::POLLIN, revents: 0 }];
        fds.extend(AWAY.lock().iter().map(|away| away.end.pollfd()));
        let _ = host::ppoll(&mut fds, None, None);
        if fds[0].revents != 0 {
            let mut count = [0; 8];
            let _ = rustix::io::read(wake, &mut count);
        }
        let mut gone = Vec::new();
        let mut away = AWAY.lock();
        let mut at = 0;
        while at < away.len() {
            if away[at].end.hung_up() { gone.push(away.swap_remove(at)) } else { at += 1 }
        }
        drop(away);
        // The last close itself, outside the lock.
        drop(gone);
    }
}

/// In a child.
pub(super) fn forget() {
    POSSIBLE.store(false, Ordering::SeqCst);
    if let Some(mut away) = AWAY.try_lock() {
        std::mem::forget(std::mem::take(&mut *away));
    }
    if let Some(mut watcher) = WATCHER.try_lock() {
        std::mem::forget(watcher.take());
    }
}
