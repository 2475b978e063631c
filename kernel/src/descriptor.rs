//! Rump sockets as descriptors of the host.

use crate::{Result, Socket};
use std::os::fd::RawFd;
use std::sync::Arc;

/// What a descriptor is.
pub enum Lookup {
    /// The host's.
    Host,
    /// A socket of this process's rump kernel.
    Rump(Arc<Socket>),
    /// A socket of a parent's rump kernel, left over a fork or an exec.
    Inherited,
}

#[allow(missing_docs, unused_variables)]
mod skeleton {
    use super::*;
    pub fn lookup(fd: RawFd) -> Lookup {
        Lookup::Host
    }
    pub fn report_inherited(fd: RawFd) {}
    pub fn install(socket: &Arc<Socket>, cloexec: bool) -> Result<RawFd> {
        unimplemented!()
    }
    pub fn duplicated(old: RawFd, new: RawFd) {}
    pub fn cleared(fd: RawFd) {}
    pub fn close(fd: RawFd) -> Option<Result<()>> {
        None
    }
    pub fn close_range(first: u32, last: u32, flags: u32) -> Result<()> {
        unimplemented!()
    }
    pub fn is_protected(fd: RawFd) -> bool {
        false
    }
    pub fn protect_move(fd: RawFd) -> Result<()> {
        unimplemented!()
    }
    pub fn prepare_fork() {}
    pub fn in_child() {}
    pub fn passed_on() {}
    pub fn in_vfork_child() -> bool {
        false
    }
}
pub use skeleton::*;
