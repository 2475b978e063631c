//! Signal-driven I/O (fcntl(2)). The host keeps owner, signal and O_ASYNC for the pair behind the descriptor, since it knows which
//! owners are allowed and what duplicates share. After each call that changes one of them, we read them back.

use crate::table::host;
use crate::user::Argument;
use kernel::Socket;
use kernel::endpoint::SignalDriven;
use kernel::signal::io::Owner;
use std::ffi::c_int;

/// fcntl(2)'s commands (asm-generic/fcntl.h).
pub const F_SETOWN: c_int = 8;
pub const F_SETSIG: c_int = 10;
const F_GETSIG: c_int = 11;
pub const F_SETOWN_EX: c_int = 15;
const F_GETOWN_EX: c_int = 16;

/// Takes over what the host has by now. `fd` counts where O_ASYNC is new: it is what the signals will name.
pub fn learn(fd: c_int, socket: &Socket) {
    let ask = |command, argument| host::fcntl(fd, command, argument);
    // struct f_owner_ex: F_OWNER_TID, F_OWNER_PID or F_OWNER_PGRP, and an id.
    let mut owner: [c_int; 2] = [0; 2];
    let known = ask(F_GETOWN_EX, Argument::of(&mut owner)) == 0;
    let unused = Argument::of(&mut owner);
    let owner = match owner {
        [_, 0] => None,
        _ if !known => None,
        [0, id] => Some(Owner::Thread(id)),
        [1, id] => Some(Owner::Process(id)),
        [_, id] => Some(Owner::Group(id)),
    };
    let signal = ask(F_GETSIG, unused).max(0);
    let on = ask(libc::F_GETFL, unused) & libc::O_ASYNC != 0;
    let before = socket.signal_driven().fd;
    socket.set_signal_driven(SignalDriven { owner, signal, fd: on.then_some(before.unwrap_or(fd)) });
}
