//! From socket(2) to shutdown(2), and the names of a socket's ends.

use crate::address::{self, Address};
use crate::netlink;
use crate::standard;
use crate::user::{InBytes, Out, OutBytes};
use kernel::descriptor::{self, Lookup, SocketFlags};
use kernel::socket::{Name, SOCK_PACKET};
use kernel::{Errno, Result, Socket};
use libc::{AF_INET, AF_INET6, AF_PACKET, SOCK_CLOEXEC, SOCK_NONBLOCK, sockaddr_in, socklen_t};
use std::ffi::c_int;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The flags that `kind` of socket(2) carries.
const FLAGS: c_int = SOCK_CLOEXEC | SOCK_NONBLOCK;

/// `kind` of socket(2) without its flags, and those.
pub fn split(kind: c_int) -> (c_int, SocketFlags) {
    (kind & !FLAGS, SocketFlags::from_bits_retain((kind & FLAGS).cast_unsigned()))
}

/// The rump socket behind `fd`; `None` if it is the host's. One that a parent's kernel left over is ENETDOWN, and said so once.
pub fn lookup(fd: c_int) -> Option<Result<Arc<Socket>>> {
    match descriptor::lookup(fd) {
        Lookup::Host => None,
        Lookup::Rump(socket) => Some(Ok(socket)),
        Lookup::Inherited => {
            descriptor::report_inherited(fd);
            Some(Err(Errno::NETDOWN))
        }
    }
}

/// Runs `call` on the rump socket behind `fd`; `None` if it is the host's.
#[inline]
pub fn on<R>(fd: c_int, call: impl FnOnce(&Arc<Socket>) -> Result<R>) -> Option<Result<R>> {
    Some(lookup(fd)?.and_then(|socket| call(&socket)))
}

/// Families that would reach the host's network past the Internet's: protocols that the host carries over
/// its own TCP, UDP or IP. They are nobody's.
const OTHER_WAYS: [c_int; 5] = [libc::AF_RDS, libc::AF_TIPC, libc::AF_RXRPC, AF_SMC, libc::AF_XDP];
/// Shared memory communications, which set up and fall back to TCP (linux/socket.h).
const AF_SMC: c_int = 43;

/// socket(2). The Internet's families and packet sockets are the rump kernel's, and those that are not [`OTHER_WAYS`] stay the
/// host's.
pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> Option<Result<c_int>> {
    match domain {
        AF_INET | AF_INET6 | AF_PACKET => Some(open(domain, kind, protocol)),
        libc::AF_NETLINK => netlink::socket(kind, protocol),
        _ if OTHER_WAYS.contains(&domain) => Some(Err(Errno::AFNOSUPPORT)),
        _ => None,
    }
}

fn open(domain: c_int, kind: c_int, protocol: c_int) -> Result<c_int> {
    let (kind, flags) = split(kind);
    let socket = crate::process::kernel()?.socket(domain, kind, protocol)?;
    descriptor::install(&socket, flags).inspect(|&fd| standard::follow(fd))
}

/// bind(2).
pub fn bind(fd: c_int, name: InBytes, len: socklen_t) -> Option<Result<c_int>> {
    on(fd, |socket| match socket.domain() {
        AF_PACKET if socket.kind() == SOCK_PACKET => socket.bind_device(&address::device(name, len)?).map(|()| 0),
        AF_PACKET => match address::link(name, len)? {
            (addr, AF_PACKET) => socket.bind_link(&addr).map(|()| 0),
            _ => Err(Errno::INVAL),
        },
        // Linux does not look at the family.
        AF_INET if socket.kind() == libc::SOCK_RAW => socket.bind(address::read_any(name, len)?).map(|()| 0),
        domain => match address::read(domain, name, len) {
            Ok(Address::Unspecified(_)) | Err(Errno::AFNOSUPPORT) if socket.kind() == libc::SOCK_RAW => {
                Err(Errno::INVAL)
            }
            Ok(Address::Unspecified(_)) if domain == AF_INET6 => Err(Errno::AFNOSUPPORT),
            // inet_bind(): no family is AF_INET only for the address that is none.
            Ok(Address::Unspecified(Some(addr))) if !addr.ip().is_unspecified() => Err(Errno::AFNOSUPPORT),
            named => socket.bind(named?.inet()?).map(|()| 0),
        },
    })
    .or_else(|| netlink::bind(fd, name, len))
}

/// bindresvport(3): the first free one of the ports that were once for root alone, from a place that depends on the process.
pub fn bindresvport(fd: c_int, name: Out<sockaddr_in>) -> Option<Result<c_int>> {
    const PORTS: std::ops::Range<u16> = 512..1024;
    on(fd, |socket| {
        let mut wanted = if name.is_null() { any() } else { name.get()? };
        if c_int::from(wanted.sin_family) != AF_INET {
            return Err(Errno::PFNOSUPPORT);
        }
        let ip = Ipv4Addr::from(wanted.sin_addr.s_addr.to_ne_bytes());
        let first = std::process::id() as usize % PORTS.len();
        let mut result = Err(Errno::ADDRINUSE);
        for port in PORTS.cycle().skip(first).take(PORTS.len()) {
            result = socket.bind((ip, port).into());
            wanted.sin_port = port.to_be();
            if result != Err(Errno::ADDRINUSE) {
                break;
            }
        }
        result?;
        if name.is_null() { Ok(0) } else { name.set(wanted).map(|()| 0) }
    })
}

/// 0.0.0.0, port 0.
fn any() -> sockaddr_in {
    sockaddr_in { sin_family: AF_INET as u16, sin_port: 0, sin_addr: libc::in_addr { s_addr: 0 }, sin_zero: [0; 8] }
}

/// connect(2).
pub fn connect(fd: c_int, name: InBytes, len: socklen_t) -> Option<Result<c_int>> {
    on(fd, |socket| match socket.domain() {
        AF_PACKET => Err(Errno::OPNOTSUPP),
        domain => match address::read(domain, name, len) {
            Ok(Address::Unspecified(_)) => socket.disconnect().map(|()| 0),
            Ok(Address::Inet(addr)) => socket.connect(addr).map(|()| 0),
            // Without a family there is nothing that says whether to connect.
            Err(errno) if errno == Errno::FAULT || len < 2 => Err(errno),
            Err(errno) => socket.connect_named(Err(errno)).map(|()| 0),
        },
    })
    .or_else(|| netlink::connect(fd, name, len))
}

/// listen(2).
pub fn listen(fd: c_int, backlog: c_int) -> Option<Result<c_int>> {
    on(fd, |socket| socket.listen(backlog).map(|()| 0))
}

/// accept(2).
pub fn accept(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    accept4(fd, name, len, 0)
}

/// accept4(2).
pub fn accept4(fd: c_int, name: OutBytes, len: Out<socklen_t>, flags: c_int) -> Option<Result<c_int>> {
    on(fd, |listener| {
        let (0, flags) = split(flags) else { return Err(Errno::INVAL) };
        // The descriptor before the connection is taken: at EMFILE it stays in the queue. But not before there is one: a fork
        // of another thread would carry the descriptor away while this one waits.
        let (socket, peer, reserved) = listener.accept_with(|| descriptor::reserve(flags))?;
        socket.set_nonblocking(flags.contains(SocketFlags::NONBLOCK));
        let fd = reserved.name(&socket)?;
        standard::follow(fd);
        if let Err(errno) = address::give(Some(peer.into()), name, len) {
            // Linux, too, drops the connection when the address cannot be written.
            let _ = descriptor::close(fd);
            return Err(errno);
        }
        Ok(fd)
    })
}

/// shutdown(2).
pub fn shutdown(fd: c_int, how: c_int) -> Option<Result<c_int>> {
    on(fd, |socket| socket.shutdown(how).map(|()| 0)).or_else(|| netlink::shutdown(fd))
}

/// getsockname(2).
pub fn getsockname(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    on(fd, |socket| wanted(name, socket.name()?, len)).or_else(|| netlink::getsockname(fd, name, len))
}

/// getpeername(2).
pub fn getpeername(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    on(fd, |socket| wanted(name, socket.peer_addr()?.into(), len)).or_else(|| netlink::getpeername(fd, name, len))
}

fn wanted(name: OutBytes, addr: Name, len: Out<socklen_t>) -> Result<c_int> {
    if name.is_null() && len.get()? != 0 {
        return Err(Errno::FAULT);
    }
    address::give_with(Some(addr), name, len, address::write_own).map(|()| 0)
}

#[cfg(test)]
mod tests;
