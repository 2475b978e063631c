//! The life of the process: the kernel's boot, forks, and the ways out.

use crate::real;
use crate::stdio;
use crate::table::host;
use kernel::signal::{self, Critical};
use kernel::{Kernel, Result};
use std::ffi::c_int;
use std::sync::{Arc, Once};

/// The kernel, booted at the program's first Internet socket. Until then we do nothing at all; from here on handlers go
/// through the trampoline, and forks and exits are seen.
pub fn kernel() -> Result<&'static Arc<Kernel>> {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        signal::actions::take_over();
        real::watch_process();
    });
    kernel::current()
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
    if kernel::booted().is_none() || signal::inside() || kernel::descriptor::in_vfork_child() {
        return;
    }
    stdio::flush();
    let _critical = Critical::enter();
    kernel::leave();
}

/// `_Fork`, which runs no handlers of pthread_atfork: the child is told here.
pub fn bare_fork() -> c_int {
    host::_Fork()
}
