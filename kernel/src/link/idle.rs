//! The doorbell of a kernel without links: somebody must still look after the timers.

use super::Doorbell;
use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Sleeps until interrupted.
#[derive(Default)]
pub(crate) struct Idle {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Doorbell for Idle {
    fn sleep(&self, timeout: Option<Duration>, awake: &mut dyn FnMut() -> bool) {
        let stay_awake = awake();
        let mut rung = self.rung.lock();
        if !*rung && !stay_awake {
            match timeout {
                Some(timeout) => drop(self.bell.wait_for(&mut rung, timeout)),
                None => self.bell.wait(&mut rung),
            }
        }
        *rung = false;
    }

    fn interrupt(&self) {
        *self.rung.lock() = true;
        self.bell.notify_one();
    }

    fn has_input(&self) -> bool {
        false
    }
}
