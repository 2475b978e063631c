//! Last closes that happen elsewhere: once another process may hold a copy of a descriptor, only the hang-up of the pair
//! tells of the last close. A thread watches for it, started with the first such descriptor.

use super::pair::Kernel as KernelEnd;
use super::protected::{Protected, protect_new};
use crate::lock::lock;
use crate::{Result, Socket, host, thread};
use rustix::event::{EventfdFlags, eventfd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A socket that no descriptor of this process names, while others may.
struct Away {
    end: Arc<KernelEnd>,
    /// Held so that the socket lives until the hang-up.
    socket: Arc<Socket>,
}

struct State {
    away: Vec<Away>,
    /// Wakes the thread, once there is one.
    wake: Option<Arc<Protected>>,
}

static STATE: Mutex<State> = Mutex::new(State { away: Vec::new(), wake: None });
/// A fork or an SCM_RIGHTS message may have carried copies away.
static POSSIBLE: AtomicBool = AtomicBool::new(false);

/// From now on any descriptor may have copies in other processes.
pub(super) fn all() {
    POSSIBLE.store(true, Ordering::SeqCst);
}

/// The last name of `socket` in this process is gone: is it the last anywhere? If not, the watcher keeps it. Without a
/// watcher nobody would hear of the last close, so this one is taken for it.
pub(super) fn last_name_gone(socket: Arc<Socket>, end: Arc<KernelEnd>) {
    if !POSSIBLE.load(Ordering::SeqCst) || end.hung_up() {
        return;
    }
    let mut state = lock(&STATE);
    let wake = match &state.wake {
        Some(wake) => wake.clone(),
        None => match start() {
            Ok(wake) => state.wake.insert(wake).clone(),
            Err(_) => {
                drop(state);
                return;
            }
        },
    };
    state.away.push(Away { end, socket });
    drop(state);
    let _ = rustix::io::write(&*wake, &1u64.to_ne_bytes());
}

/// A copy of a socket has come back to this process, which had no name for it any more.
pub(super) fn take_back(cookie: u64) -> Option<(Arc<Socket>, Arc<KernelEnd>)> {
    let mut state = lock(&STATE);
    let at = state.away.iter().position(|away| away.end.cookie() == cookie)?;
    let Away { end, socket } = state.away.swap_remove(at);
    Some((socket, end))
}

fn start() -> Result<Arc<Protected>> {
    let wake = Arc::new(protect_new(|| eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK))?);
    let theirs = wake.clone();
    thread::spawn("rump-close", move || watch(&theirs))?;
    Ok(wake)
}

fn watch(wake: &Protected) {
    loop {
        let mut fds = vec![libc::pollfd { fd: rustix::fd::AsRawFd::as_raw_fd(wake), events: libc::POLLIN, revents: 0 }];
        fds.extend(lock(&STATE).away.iter().map(|away| away.end.pollfd()));
        if host::ppoll(&mut fds, None, None).is_err() {
            // More than RLIMIT_NOFILE lets poll at once: they are looked at one by one below.
            std::thread::sleep(Duration::from_millis(100));
        }
        if fds[0].revents != 0 {
            let mut count = [0; 8];
            let _ = rustix::io::read(wake, &mut count);
        }
        let gone: Vec<Away> = lock(&STATE).away.extract_if(.., |away| away.end.hung_up()).collect();
        // The last close itself, outside the lock.
        drop(gone);
    }
}

/// The lock of this file, held by a thread that forks.
pub(super) struct Held(MutexGuard<'static, State>);

pub(super) fn hold() -> Held {
    Held(lock(&STATE))
}

/// In a child: who is away belongs to the parent, and so does the thread.
pub(super) fn forget(Held(mut state): Held) {
    POSSIBLE.store(false, Ordering::SeqCst);
    std::mem::forget(std::mem::take(&mut state.away));
    std::mem::forget(state.wake.take());
}
