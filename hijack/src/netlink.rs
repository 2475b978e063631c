//! netlink(7) sockets: the calls on them that the rump kernel answers. Reading, polling and duplicating them is left to the host;
//! [`Reading`] has what a read says besides.

mod reading;

pub use reading::{Reading, lost};

use crate::socket::split;
use crate::transfer;
use crate::user::{self, In, InBytes, Message, Out, OutBytes};
use kernel::netlink::Netlink;
use kernel::{Errno, Result, descriptor, fault};
use libc::{
    AF_NETLINK, AF_UNSPEC, NETLINK_LIST_MEMBERSHIPS, NETLINK_ROUTE, NETLINK_SOCK_DIAG, SOL_NETLINK, SOL_SOCKET, iovec,
    mmsghdr, socklen_t,
};
use std::ffi::{c_int, c_uint};
use std::io::IoSlice;
use std::sync::Arc;

/// `sizeof(struct sockaddr_nl)`.
const ADDRESS: usize = 12;
/// Protocols that tell of the host's network, or change it, and that nobody has here (linux/netlink.h).
const HOSTS: [c_int; 4] = [libc::NETLINK_XFRM, libc::NETLINK_FIB_LOOKUP, libc::NETLINK_NETFILTER, NETLINK_SMC];
/// Of shared memory communications.
const NETLINK_SMC: c_int = 22;

/// socket(2) of AF_NETLINK. What is not about the network stays the host's.
pub fn socket(kind: c_int, protocol: c_int) -> Option<Result<c_int>> {
    match protocol {
        NETLINK_ROUTE | NETLINK_SOCK_DIAG => Some(open(kind, protocol)),
        _ if HOSTS.contains(&protocol) => Some(Err(Errno::PROTONOSUPPORT)),
        _ => None,
    }
}

fn open(kind: c_int, protocol: c_int) -> Result<c_int> {
    let kernel = crate::process::kernel()?;
    let (kind, flags) = split(kind);
    descriptor::install_netlink(kernel, kind, protocol, flags)
}

/// Runs `call` on the netlink socket behind `fd`; `None` if it is something else.
pub fn on<R>(fd: c_int, call: impl FnOnce(&Arc<Netlink>) -> Result<R>) -> Option<Result<R>> {
    Some(call(&descriptor::netlink(fd)?))
}

/// bind(2).
pub fn bind(fd: c_int, name: InBytes, len: socklen_t) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let (port, groups) = read(name, len)?;
        socket.bind(port, groups).map(|()| 0)
    })
}

/// connect(2). To nobody in particular (AF_UNSPEC) is to the kernel.
pub fn connect(fd: c_int, name: InBytes, len: socklen_t) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let port = if family(name, len)? == AF_UNSPEC { 0 } else { read(name, len)?.0 };
        socket.connect(port).map(|()| 0)
    })
}

/// shutdown(2), which they have not.
pub fn shutdown(fd: c_int) -> Option<Result<c_int>> {
    on(fd, |_| Err(Errno::OPNOTSUPP))
}

/// getsockname(2).
pub fn getsockname(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    on(fd, |socket| {
        let (port, groups) = socket.name();
        give(port, groups, name, len).map(|()| 0)
    })
}

/// getpeername(2): the kernel has port 0.
pub fn getpeername(fd: c_int, name: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    on(fd, |socket| give(socket.peer(), 0, name, len).map(|()| 0))
}

/// getsockopt(2): of SOL_SOCKET what the host has, except what kind of a socket it is.
pub fn getsockopt(fd: c_int, level: c_int, name: c_int, value: OutBytes, len: Out<socklen_t>) -> Option<Result<c_int>> {
    let socket = descriptor::netlink(fd)?;
    let found = match (level, name) {
        (SOL_SOCKET, libc::SO_DOMAIN) => Ok(AF_NETLINK),
        (SOL_SOCKET, libc::SO_TYPE) => Ok(socket.kind()),
        (SOL_SOCKET, libc::SO_PROTOCOL) => Ok(socket.protocol()),
        (SOL_SOCKET, libc::SO_ERROR) if socket.take_lost() => Ok(Errno::NOBUFS.raw_os_error()),
        (SOL_SOCKET, _) => return None,
        (SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS) => return Some(list_memberships(&socket, value, len)),
        (SOL_NETLINK, _) => socket.getsockopt(name),
        _ => Err(Errno::NOPROTOOPT),
    };
    Some(found.and_then(|found| {
        let space = usize::try_from(len.get()?.cast_signed()).map_err(|_| Errno::INVAL)?;
        if level == SOL_NETLINK && space < size_of::<c_int>() {
            return Err(Errno::INVAL);
        }
        let found = found.to_ne_bytes();
        let written = &found[..space.min(found.len())];
        value.put(written)?;
        len.set(written.len() as socklen_t).map(|()| 0)
    }))
}

/// As many words as there is room for, and the length of all.
fn list_memberships(socket: &Netlink, value: OutBytes, len: Out<socklen_t>) -> Result<c_int> {
    let space = usize::try_from(len.get()?.cast_signed()).map_err(|_| Errno::INVAL)?;
    let words = socket.memberships();
    let written: Vec<u8> = words.iter().take(space / size_of::<u32>()).flat_map(|word| word.to_ne_bytes()).collect();
    value.put(&written)?;
    len.set(size_of_val(&words[..]) as socklen_t).map(|()| 0)
}

/// setsockopt(2).
pub fn setsockopt(fd: c_int, level: c_int, name: c_int, value: InBytes, len: socklen_t) -> Option<Result<c_int>> {
    let socket = descriptor::netlink(fd)?;
    match level {
        SOL_SOCKET => None,
        SOL_NETLINK => Some(set(&socket, name, value, len).map(|()| 0)),
        _ => Some(Err(Errno::NOPROTOOPT)),
    }
}

fn set(socket: &Netlink, name: c_int, value: InBytes, len: socklen_t) -> Result<()> {
    const INT: usize = size_of::<c_int>();
    // Linux looks for a number where there is room for one, and takes 0 where not.
    let number = match len as usize {
        ..INT => 0,
        _ => value.slice(INT)?.try_into().map_or(0, c_int::from_ne_bytes),
    };
    socket.setsockopt(name, number)
}

/// sendto(2), and without a name send(2) and write(2).
pub fn sendto(fd: c_int, buf: InBytes, len: usize, name: InBytes, name_len: socklen_t) -> Option<Result<isize>> {
    on(fd, |socket| {
        let to = destination(name, name_len)?;
        socket.send(buf.slice(len)?, to).map(transfer::count)
    })
}

/// sendmsg(2).
pub fn sendmsg(socket: &Netlink, message: Message) -> Result<usize> {
    let to = destination(message.name.as_in(), message.name_len)?;
    user::gather(message.vectors, message.count, |parts| socket.send(&joined(parts)?, to))
}

/// sendmmsg(2): an error counts only if it is the first message's.
pub fn sendmmsg(socket: &Netlink, messages: Out<mmsghdr>, len: c_uint) -> Result<c_int> {
    for index in 0..len {
        let sent = messages.header(index).parts().and_then(|message| sendmsg(socket, message));
        match sent.and_then(|sent| messages.set_len(index, sent as u32)) {
            Err(errno) if index == 0 => return Err(errno),
            Err(_) => return Ok(index as c_int),
            Ok(()) => {}
        }
    }
    Ok(len as c_int)
}

/// writev(2).
pub fn writev(fd: c_int, vectors: In<iovec>, count: c_int) -> Option<Result<isize>> {
    on(fd, |socket| {
        let count = transfer::vector_len(count)?;
        user::gather(vectors, count, |parts| socket.send(&joined(parts)?, None).map(transfer::count))
    })
}

/// EFAULT where one of them is not there.
fn joined(parts: &[IoSlice<'_>]) -> Result<Vec<u8>> {
    for part in parts {
        fault::readable(part.as_ptr(), part.len()).map_err(|_| Errno::FAULT)?;
    }
    Ok(parts.iter().flat_map(|part| part.iter().copied()).collect())
}

fn destination(name: InBytes, len: socklen_t) -> Result<Option<u32>> {
    if name.is_null() || len == 0 { Ok(None) } else { read(name, len).map(|(port, _)| Some(port)) }
}

fn family(name: InBytes, len: socklen_t) -> Result<c_int> {
    const FAMILY: usize = size_of::<libc::sa_family_t>();
    if (len as usize) < FAMILY {
        return Err(Errno::INVAL);
    }
    name.slice(FAMILY)?.try_into().map(|bytes| u16::from_ne_bytes(bytes).into()).map_err(|_| Errno::INVAL)
}

/// Port and groups of a `struct sockaddr_nl`.
fn read(name: InBytes, len: socklen_t) -> Result<(u32, u32)> {
    if (len as usize) < ADDRESS {
        return Err(Errno::INVAL);
    }
    let [_, _, _, _, p0, p1, p2, p3, g0, g1, g2, g3] = *name.slice(ADDRESS)? else { return Err(Errno::INVAL) };
    if family(name, len)? != AF_NETLINK {
        return Err(Errno::INVAL);
    }
    Ok((u32::from_ne_bytes([p0, p1, p2, p3]), u32::from_ne_bytes([g0, g1, g2, g3])))
}

fn encode(port: u32, groups: u32) -> [u8; ADDRESS] {
    let mut bytes = [0; ADDRESS];
    bytes[..2].copy_from_slice(&(AF_NETLINK as u16).to_ne_bytes());
    bytes[4..8].copy_from_slice(&port.to_ne_bytes());
    bytes[8..].copy_from_slice(&groups.to_ne_bytes());
    bytes
}

fn give(port: u32, groups: u32, name: OutBytes, len: Out<socklen_t>) -> Result<()> {
    let space = usize::try_from(len.get()?.cast_signed()).map_err(|_| Errno::INVAL)?;
    name.put(&encode(port, groups)[..space.min(ADDRESS)])?;
    len.set(ADDRESS as socklen_t)
}
