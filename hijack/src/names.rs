//! Names and interfaces: getaddrinfo(3) and its kin, getifaddrs(3) and its kin, answered by the rump kernel.
//!
//! glibc's own would open sockets inside libc, where no hook sees them, and ask the host's servers (checked). What is decided is
//! decided in [`kernel::names`]; these files are about C's structures.
//!
//! What C is given is allocated as libc allocates it (one block an `addrinfo`, one block for all `ifaddrs`), by the program's own
//! malloc: whoever frees it, frees it rightly.

pub mod addrinfo;
pub mod asynchronous;
pub mod gethost;

pub mod hostname;
pub mod interfaces;
mod memory;
pub mod nameinfo;
pub mod resolv;

use kernel::names::OfProcess;

/// The names of the process's kernel.
const NAMES: OfProcess = OfProcess { boot: crate::process::kernel };
