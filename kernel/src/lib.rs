//! The rump kernel: sockets with POSIX meaning over [`netstack`], attached to a bus or a TAP interface.
//!
//! Reading order: [`events`], [`wait`], [`socket`], [`descriptor`], [`poll`].

pub mod capture;
pub mod config;
pub mod descriptor;
pub mod events;
pub mod names;
pub mod poll;
pub mod signal;
pub mod socket;
pub mod wait;

pub use events::{Events, Watcher};
pub use rustix::io::Errno;
pub use socket::Socket;

use std::sync::Arc;

/// What a system call of the rump kernel gives.
pub type Result<T> = core::result::Result<T, Errno>;

/// An interface as `getifaddrs(3)` and `rump ifconfig` want to know it.
#[derive(Clone, Debug)]
pub struct InterfaceInfo {
    /// Name, as `shmif0`.
    pub name: String,
    /// Index, from 1.
    pub index: u32,
    /// Ethernet address; none for the loopback.
    pub mac: Option<[u8; 6]>,
    /// Largest IP packet, in bytes.
    pub mtu: u32,
    /// Whether it is up.
    pub up: bool,
    /// Whether it is the loopback.
    pub loopback: bool,
    /// Addresses with prefix lengths.
    pub addresses: Vec<(std::net::Ipv4Addr, u8)>,
}

/// A booted kernel.
pub struct Kernel;

/// The kernel of this process, booted at the first call.
pub fn current() -> Result<&'static Arc<Kernel>> {
    unimplemented!()
}

/// The kernel of this process, if it has booted.
pub fn booted() -> Option<&'static Arc<Kernel>> {
    None
}

/// Delivers what was sent, closes every connection as Linux does at a process's end, and leaves the links.
pub fn leave() {}

impl Kernel {
    /// socket(2), without descriptor and without the flags in `kind`.
    pub fn socket(self: &Arc<Self>, _domain: i32, _kind: i32, _protocol: i32) -> Result<Arc<Socket>> {
        unimplemented!()
    }

    /// What the kernel was told at boot.
    pub fn config(&self) -> &config::Config {
        unimplemented!()
    }

    /// The interfaces, `lo` first.
    pub fn interfaces(&self) -> Vec<InterfaceInfo> {
        unimplemented!()
    }
}
