//! Netlink sockets (netlink(7)): what programs such as ip(8) and ss(8) ask about the network is answered out of the rump
//! kernel's tables.
//!
//! Such a socket is a pair of datagram sockets of the host's: the program reads and polls its end with the host's calls, so
//! nothing here waits. What it sends is a call, whose answers are there when it returns. What changes is written by who runs the
//! engine, for the sockets that have joined groups.

mod answer;
mod mailbox;
mod monitor;
mod protocol;
mod route;
mod sock_diag;
#[cfg(test)]
mod testing;

pub use mailbox::Mailbox;
pub(crate) use monitor::Monitor;
pub use netstack::Neighbor;
pub use route::{Link, Network};

use crate::descriptor::protect_new;
use crate::{Errno, Kernel, Result};
use protocol::Protocol;
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Up to this many bytes of answers are one datagram, as of Linux (NLMSG_GOODSIZE): programs have read with buffers of a
/// page since ever.
const GOOD_SIZE: usize = 3776;

// linux/netlink.h.
const NETLINK_ADD_MEMBERSHIP: i32 = 1;
const NETLINK_DROP_MEMBERSHIP: i32 = 2;
const NETLINK_PKTINFO: i32 = 3;
const NETLINK_BROADCAST_ERROR: i32 = 4;
const NETLINK_NO_ENOBUFS: i32 = 5;
const NETLINK_LISTEN_ALL_NSID: i32 = 8;
const NETLINK_CAP_ACK: i32 = 10;
const NETLINK_EXT_ACK: i32 = 11;
const NETLINK_GET_STRICT_CHK: i32 = 12;
/// What is on or off. NETLINK_BROADCAST_ERROR, NETLINK_LISTEN_ALL_NSID and NETLINK_EXT_ACK are kept and mean nothing here.
const SWITCHES: [i32; 7] = [
    NETLINK_PKTINFO,
    NETLINK_BROADCAST_ERROR,
    NETLINK_NO_ENOBUFS,
    NETLINK_LISTEN_ALL_NSID,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK,
];

/// Bytes from which [`group_of`] can tell.
pub const BEGINNING: usize = 17;

/// The group that was told a message that begins so; 0 for an answer, which has the port of who has asked.
pub fn group_of(message: &[u8]) -> u32 {
    let [_, _, _, _, k0, k1, _, _, _, _, _, _, 0, 0, 0, 0, family, ..] = *message else { return 0 };
    route::group(u16::from_ne_bytes([k0, k1]), family).unwrap_or(0)
}

/// A netlink socket.
pub struct Netlink {
    kernel: Arc<Kernel>,
    mailbox: Arc<Mailbox>,
    kind: i32,
    protocol: &'static Protocol,
    /// Its address (`nl_pid`), once it has one.
    port: AtomicU32,
    /// It has been in groups.
    grouped: AtomicBool,
    /// Whom connect(2) named.
    peer: AtomicU32,
    /// Of [`SWITCHES`], a bit each, by number.
    on: AtomicU32,
}

impl Netlink {
    /// A socket and the program's end of it. `kind`: SOCK_RAW or SOCK_DGRAM, which are the same. Errors: ESOCKTNOSUPPORT,
    /// EPROTONOSUPPORT (the protocol is not answered here), and what else socket(2) has.
    pub fn open(kernel: &Arc<Kernel>, kind: i32, protocol: i32, flags: SocketFlags) -> Result<(Arc<Netlink>, OwnedFd)> {
        if !matches!(kind, libc::SOCK_RAW | libc::SOCK_DGRAM) {
            return Err(Errno::SOCKTNOSUPPORT);
        }
        let protocol = protocol::find(protocol).ok_or(Errno::PROTONOSUPPORT)?;
        let mut program = None;
        let end = protect_new(|| {
            let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
            program = Some(theirs);
            Ok(ours)
        })?;
        let program = program.ok_or(Errno::PROTO)?;
        let socket = Netlink {
            kernel: kernel.clone(),
            mailbox: Arc::new(Mailbox::new(end)),
            kind,
            protocol,
            port: AtomicU32::new(0),
            grouped: AtomicBool::new(false),
            peer: AtomicU32::new(0),
            on: AtomicU32::new(0),
        };
        Ok((Arc::new(socket), program))
    }

    /// bind(2). Errors: EADDRINUSE, EINVAL (it has another port).
    pub fn bind(&self, port: u32, groups: u32) -> Result<()> {
        match self.port() {
            0 => {
                self.take_port(port)?;
            }
            own if port != own => return Err(Errno::INVAL),
            _ => {}
        }
        if groups == 0 && self.name().1 == 0 {
            return Ok(());
        }
        // Of the first 32 a protocol has all, as on Linux.
        self.mailbox.set_first(groups);
        self.listen()
    }

    /// Has what the groups are told put into the mailbox.
    fn listen(&self) -> Result<()> {
        self.grouped.store(true, Ordering::Relaxed);
        let is_told = self.protocol() == libc::NETLINK_ROUTE && self.mailbox.groups() != 0;
        if is_told { self.kernel.monitor(&self.mailbox) } else { Ok(()) }
    }

    /// connect(2).
    pub fn connect(&self, port: u32) -> Result<()> {
        self.named()?;
        self.peer.store(port, Ordering::Relaxed);
        Ok(())
    }

    /// Its address: port and groups.
    pub fn name(&self) -> (u32, u32) {
        (self.port(), self.mailbox.groups() as u32)
    }

    /// Whom connect(2) named, or the kernel.
    pub fn peer(&self) -> u32 {
        self.peer.load(Ordering::Relaxed)
    }

    /// SO_TYPE.
    pub fn kind(&self) -> i32 {
        self.kind
    }

    /// SO_PROTOCOL.
    pub fn protocol(&self) -> i32 {
        self.protocol.number
    }

    fn port(&self) -> u32 {
        self.port.load(Ordering::Acquire)
    }

    /// Its port; it gets one where it has none.
    fn named(&self) -> Result<u32> {
        match self.port() {
            0 => self.take_port(0),
            own => Ok(own),
        }
    }

    /// 0 for any: the first socket of a process has the process's number. Gives what it has, where another thread was first.
    fn take_port(&self, port: u32) -> Result<u32> {
        let mut taken = self.kernel.netlink_ports.lock();
        match self.port() {
            0 => {}
            own => return Ok(own),
        }
        let port = match port {
            0 => {
                let own = rustix::process::getpid().as_raw_pid().cast_unsigned();
                let others = (1..=u32::MAX >> 1).map(|below| 0u32.wrapping_sub(4096).wrapping_sub(below));
                [own]
                    .into_iter()
                    .chain(others)
                    .find(|&port| !taken.contains(&(self.protocol(), port)))
                    .ok_or(Errno::ADDRINUSE)?
            }
            port => port,
        };
        if !taken.insert((self.protocol(), port)) {
            return Err(Errno::ADDRINUSE);
        }
        self.port.store(port, Ordering::Release);
        Ok(port)
    }

    /// send(2) and its kin: requests of the program, to a port or to whom it is connected. Errors: ECONNREFUSED (the port is not
    /// the kernel's), ENODATA (nothing is sent), ENOBUFS (the program does not read its answers).
    pub fn send(&self, requests: &[u8], to: Option<u32>) -> Result<usize> {
        if requests.is_empty() {
            return Err(Errno::NODATA);
        }
        let port = self.named()?;
        if to.unwrap_or_else(|| self.peer()) != 0 {
            return Err(Errno::CONNREFUSED);
        }
        let how = answer::How {
            strict: self.option(NETLINK_GET_STRICT_CHK),
            short_errors: self.option(NETLINK_CAP_ACK),
            port,
        };
        for datagram in answer::answer(&self.kernel, self.protocol, requests, how) {
            self.mailbox.put(&datagram)?;
        }
        Ok(requests.len())
    }

    /// Whether messages of a group were lost for want of room, and nobody was told of that yet.
    pub fn take_lost(&self) -> bool {
        self.mailbox.take_lost() && !self.option(NETLINK_NO_ENOBUFS)
    }

    /// NETLINK_LIST_MEMBERSHIPS: a bit for each group that the protocol has. Of a socket that has never been in one, none.
    pub fn memberships(&self) -> Vec<u32> {
        let groups = self.mailbox.groups();
        let words = [groups as u32, (groups >> 32) as u32];
        let known = if self.grouped.load(Ordering::Relaxed) { self.protocol.groups.div_ceil(32) as usize } else { 0 };
        words[..known].to_vec()
    }

    fn option(&self, name: i32) -> bool {
        self.on.load(Ordering::Relaxed) & 1 << name != 0
    }

    /// getsockopt(2) of SOL_NETLINK. Errors: ENOPROTOOPT.
    pub fn getsockopt(&self, name: i32) -> Result<i32> {
        if SWITCHES.contains(&name) { Ok(i32::from(self.option(name))) } else { Err(Errno::NOPROTOOPT) }
    }

    /// setsockopt(2) of SOL_NETLINK. Errors: ENOPROTOOPT, EINVAL (no such group).
    pub fn setsockopt(&self, name: i32, value: i32) -> Result<()> {
        match name {
            NETLINK_ADD_MEMBERSHIP | NETLINK_DROP_MEMBERSHIP => {
                let group = value.cast_unsigned();
                if !(1..=self.protocol.groups).contains(&group) {
                    return Err(Errno::INVAL);
                }
                match name {
                    NETLINK_ADD_MEMBERSHIP => self.mailbox.join(group),
                    _ => self.mailbox.leave(group),
                }
                self.listen()?;
            }
            _ if SWITCHES.contains(&name) => change(&self.on, 1 << name, value != 0),
            _ => return Err(Errno::NOPROTOOPT),
        }
        Ok(())
    }
}

fn change(bits: &AtomicU32, bit: u32, set: bool) {
    if set {
        bits.fetch_or(bit, Ordering::Relaxed);
    } else {
        bits.fetch_and(!bit, Ordering::Relaxed);
    }
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.kernel.netlink_ports.lock().remove(&(self.protocol(), self.port()));
    }
}

#[cfg(test)]
mod tests;
