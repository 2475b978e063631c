//! The life of the process: the kernel's boot, forks, and the ways out.

use crate::allocator;
use crate::hook;
use crate::real;
use crate::stdio;
use crate::table::host;
use crate::user::Out;
use kernel::signal::{self, Critical, cancel};
use kernel::{Kernel, Result, descriptor};
use std::cell::Cell;
use std::ffi::{c_int, c_ulong};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Once};

/// The kernel, booted at the program's first Internet socket. Until then we do nothing at all; from here on handlers go
/// through the trampoline, and forks and exits are seen.
pub fn kernel() -> Result<&'static Arc<Kernel>> {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        signal::actions::take_over();
        watch();
    });
    kernel::current()
}

/// Whether forks and exits are seen.
static WATCHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// This thread forks, and holds what the child must find whole.
    static FORKS: Cell<bool> = const { Cell::new(false) };
}

/// From now on forks and exits are seen.
fn watch() {
    if !WATCHED.swap(true, SeqCst) {
        real::watch_exits();
    }
}

/// The start of an image. The handlers of pthread_atfork(3) stand before the program's own, which so may use sockets: they
/// run before what is ours is held, and after it is let go.
pub fn begin() {
    let _critical = Critical::enter();
    allocator::survive_forks();
    real::watch_forks();
    if descriptor::adopt_environment() {
        watch();
    }
}

/// exit(3) and the return from main, when the program's own exit handlers have run; and quick_exit(3), before those that
/// the program registered ahead of its first socket.
pub extern "C" fn at_exit() {
    leave();
}

/// _exit(2), _Exit(3).
pub fn exit_now(status: c_int) {
    leave();
    host::_exit(status);
}

/// Delivers what was sent and closes as Linux does. A vfork child's end is not its parent's.
fn leave() {
    if kernel::booted().is_none() || signal::inside() || descriptor::in_vfork_child() {
        return;
    }
    stdio::flush();
    hook::within(|| cancel::shielded(kernel::leave));
}

/// Before a fork: nothing of ours is under way on this thread while the process is copied.
pub extern "C" fn before_fork() {
    if WATCHED.load(SeqCst) {
        std::mem::forget(Critical::enter());
        descriptor::prepare_fork();
        FORKS.set(true);
    }
}

/// After a fork, in the parent, or where it failed.
pub extern "C" fn after_fork() {
    if FORKS.take() {
        descriptor::forked();
        drop(Critical::taken_up());
    }
}

/// After a fork, in the child: the sockets are the parent's.
pub extern "C" fn in_child() {
    if FORKS.take() {
        let _critical = Critical::taken_up();
        descriptor::in_child();
    }
}

/// `_Fork`, which runs no handlers of pthread_atfork(3): they are run here.
pub fn bare_fork() -> c_int {
    if !descriptor::in_use() || signal::inside() {
        return host::_Fork();
    }
    before_fork();
    let child = host::_Fork();
    if child == 0 {
        in_child()
    } else {
        after_fork()
    }
    child
}

/// pthread_cancel(3): libc marks the thread, and wakes it if it must; one that sleeps in the kernel wakes here.
pub fn pthread_cancel(thread: c_ulong) -> c_int {
    cancel::announce();
    let result = host::pthread_cancel(thread);
    hook::within(kernel::wait::wake_all);
    result
}

/// pthread_setcanceltype(3): an asynchronous cancellation must find the thread outside of the kernel.
pub fn pthread_setcanceltype(kind: c_int, old: Out<c_int>) -> c_int {
    cancel::announce();
    host::pthread_setcanceltype(kind, old)
}
