use super::{forked, in_child, prepare_fork};
use crate::descriptor::{is_protected, protect_new};
use crate::poll::testing::holds_in_child;
use rustix::event::{EventfdFlags, eventfd};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_child_finds_every_lock_free_whatever_other_threads_were_doing() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                drop(protect_new(|| eventfd(0, EventfdFlags::CLOEXEC)).expect("eventfd"));
            }
        });
        let held = (0..200).all(|_| {
            prepare_fork();
            let held = holds_in_child(|| {
                in_child();
                !is_protected(0)
            });
            forked();
            held
        });
        stop.store(true, Ordering::Relaxed);
        assert!(held);
    });
}
