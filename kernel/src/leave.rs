//! The end of a process: what it has sent is delivered, its connections are closed as Linux closes them.

use crate::backend::Local;
use crate::{Kernel, boot};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long an engine that somebody else holds is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a delivery may stand still before it is given up.
const STANDSTILL: Duration = Duration::from_secs(5);
/// How long a server that is given its address back may take to answer ARP.
const RELEASE: Duration = Duration::from_millis(200);

/// [`Kernel::leave`] for the process's kernel, if it has booted.
pub fn leave() {
    if let Some(kernel) = boot::booted() {
        kernel.leave();
    }
}

impl Kernel {
    /// Closes every socket, delivers what was sent, and leaves the links. The kernel is of no use afterwards. Linux would
    /// go on trying for minutes; a process that is on its way out tries as long as there is progress.
    pub fn leave(&self) {
        if self.left.swap(true, Ordering::SeqCst) {
            return;
        }
        let local = &*self.local;
        if local.close_all(PATIENCE).is_none() {
            return;
        }
        deliver(local);
        take_leave(local);
        local.halt(PATIENCE);
    }
}

/// Gives leased addresses back, and says so where we were a router. The message may have to wait until the server's hardware
/// address is known.
fn take_leave(local: &Local) {
    if !local.take_leave(PATIENCE) {
        return;
    }
    let until = Instant::now() + RELEASE;
    while local.has_queued(PATIENCE) && Instant::now() < until {
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn deliver(local: &Local) {
    let mut last = (usize::MAX, Instant::now());
    let mut pause = Duration::from_micros(20);
    loop {
        match local.undelivered(PATIENCE) {
            None | Some(0) => return,
            Some(left) if left != last.0 => {
                last = (left, Instant::now());
                pause = Duration::from_micros(20);
            }
            Some(_) if last.1.elapsed() > STANDSTILL => {
                crate::log::warn(
                    "gave up delivering what this program had sent: its peers did not answer for 5 seconds",
                );
                return;
            }
            Some(_) => {}
        }
        // The link's thread runs the engine meanwhile.
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(1));
    }
}
