//! The rump kernel: sockets with POSIX meaning over [`netstack`], attached to a bus or a TAP interface.
//!
//! Reading order:
//! 1. [`config`]: what a kernel is told. [`boot`]: how it comes to be; `leave`: how it ends.
//! 2. [`socket`]: what programs call. [`backend`]: the seam below, where a call is a value. [`endpoint`]: what program and engine
//!    share of a socket.
//! 3. `engine`: the stack with its links, and who runs it. `link`: how frames come and go.
//! 4. [`wait`]: how a thread sleeps. [`poll`]: poll, select and epoll. [`signal`]: signal handlers and sleeps.
//! 5. [`descriptor`]: sockets as descriptors of the host. [`netlink`]: sockets of netlink(7). [`names`]: the resolver.

pub mod backend;
pub mod boot;
pub mod capture;
mod clock;
pub mod config;
pub mod control_message;
pub mod descriptor;
pub mod endpoint;
mod engine;
mod errno;
pub mod events;
pub mod files;
pub mod host;
mod leave;
mod link;
mod lock;
pub mod log;
pub mod names;
pub mod netlink;
pub mod poll;
mod proc_net;
pub mod reserve;
pub mod signal;
pub mod socket;
mod tcp_info;
mod thread;
pub mod wait;

pub use arena::fault;
pub use boot::{BootError, booted, current, expected};
pub use config::{Config, Net};
pub use endpoint::Kind;
pub use engine::Description;
pub use events::{Events, Watcher};
pub use leave::leave;
pub use rustix::io::Errno;
pub use socket::Socket;
pub use thread::{is_last, look_for_count};

use crate::netlink::{Mailbox, Network};
use backend::{Backend, Call, Local, Reply, Transport};
use netstack::Listed;
use netstack::iface::InterfaceView;
use netstack::tcp::TcpInfo;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a system call of the rump kernel gives.
pub type Result<T> = core::result::Result<T, Errno>;

/// An interface as getifaddrs(3) and netlink(7) show it.
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
    /// Whether frames may be longer than its packets, because the link cuts them.
    pub long_segments: bool,
    /// Addresses with prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}

impl InterfaceInfo {
    fn of(interface: &InterfaceView<'_>) -> InterfaceInfo {
        InterfaceInfo {
            name: interface.name.to_string(),
            index: interface.index.0,
            mac: (!interface.loopback).then_some(interface.mac.0),
            mtu: interface.mtu,
            up: interface.up,
            loopback: interface.loopback,
            long_segments: interface.long_segments,
            addresses: interface.addresses.iter().map(|address| (address.net.addr, address.net.prefix_len)).collect(),
        }
    }

    /// Its IPv4 addresses.
    pub fn ipv4(&self) -> impl Iterator<Item = (Ipv4Addr, u8)> {
        self.addresses.iter().filter_map(|&(address, prefix)| match address {
            IpAddr::V4(address) => Some((address, prefix)),
            IpAddr::V6(_) => None,
        })
    }
}

/// A booted kernel: its own interfaces, addresses, routes and ports. Made by [`Kernel::boot`].
pub struct Kernel {
    config: config::Config,
    local: Arc<Local>,
    backend: Arc<dyn Backend>,
    left: AtomicBool,
    /// Protocols and ports of its netlink sockets.
    netlink_ports: parking_lot::Mutex<BTreeSet<(i32, u32)>>,
}

impl Kernel {
    /// What the kernel was told at boot.
    pub fn config(&self) -> &config::Config {
        &self.config
    }

    /// The interfaces, `lo` first.
    pub fn interfaces(&self) -> Vec<InterfaceInfo> {
        match self.backend.call(Call::Interfaces) {
            Ok(Reply::Interfaces(list)) => list,
            _ => Vec::new(),
        }
    }

    /// The source address that a packet to `to` would have; ENETUNREACH without a route.
    pub fn source_for(&self, to: IpAddr) -> Result<IpAddr> {
        match self.backend.call(Call::SourceFor(to))? {
            Reply::Source(addr) => Ok(addr),
            _ => Err(Errno::PROTO),
        }
    }

    /// Interfaces, addresses, routes and neighbours as they are now.
    pub fn network(&self) -> Result<Box<Network>> {
        match self.backend.call(Call::Network)? {
            Reply::Network(network) => Ok(network),
            _ => Err(Errno::PROTO),
        }
    }

    /// Tells a netlink socket from now on what changes of that.
    pub(crate) fn monitor(&self, mailbox: &Arc<Mailbox>) -> Result<()> {
        self.backend.call(Call::Monitor(Arc::downgrade(mailbox))).map(drop)
    }

    /// The sockets of a protocol, with TCP_INFO where that is wanted.
    pub(crate) fn sockets(&self, transport: Transport, with_info: bool) -> Result<Vec<(Listed, Option<TcpInfo>)>> {
        match self.backend.call(Call::Sockets(transport, with_info))? {
            Reply::Sockets(sockets) => Ok(sockets),
            _ => Err(Errno::PROTO),
        }
    }

    /// Takes `addr` to be at `mac` on an interface, until somebody says otherwise. Errors: ENODEV.
    pub fn set_neighbor(&self, interface: u32, addr: IpAddr, mac: [u8; 6]) -> Result<()> {
        self.backend.call(Call::SetNeighbor(interface, addr, Some(mac))).map(drop)
    }

    /// Forgets where `addr` is. Errors: ENODEV, ENXIO (it was not known).
    pub fn forget_neighbor(&self, interface: u32, addr: IpAddr) -> Result<()> {
        self.backend.call(Call::SetNeighbor(interface, addr, None)).map(drop)
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }
}
