//! SCM_RIGHTS: descriptors that come from other processes, and that go to them.

use crate::user::Out;
use kernel::control_message::Reader;
use kernel::descriptor::{self, Lookup};
use kernel::poll::epoll;
use libc::{SCM_RIGHTS, SOL_SOCKET, msghdr};
use std::ffi::c_int;

/// Looks at the descriptors that just came by SCM_RIGHTS.
pub fn note_arrived(header: Out<msghdr>) {
    passed(header, descriptor::arrived);
}

/// If rump sockets are about to go to another process by SCM_RIGHTS, the kernel must know that others may hold them.
pub fn note_passed_on(header: Out<msghdr>) {
    if !descriptor::in_use() {
        return;
    }
    let mut ours = false;
    passed(header, |fd| {
        ours |= !matches!(descriptor::lookup(fd), Lookup::Host);
        epoll::passed_on(fd);
    });
    if ours && !descriptor::in_vfork_child() {
        descriptor::passed_on();
    }
}

/// Calls `with` on each descriptor in the SCM_RIGHTS messages of a header.
fn passed(header: Out<msghdr>, mut with: impl FnMut(c_int)) {
    let Ok(message) = header.parts() else { return };
    let Ok(control) = message.control.slice(message.control_len) else { return };
    for message in Reader::new(control).map_while(Result::ok) {
        if (message.level, message.kind) == (SOL_SOCKET, SCM_RIGHTS) {
            for fd in message.data.chunks_exact(4) {
                with(c_int::from_ne_bytes([fd[0], fd[1], fd[2], fd[3]]));
            }
        }
    }
}
