//! Calls with addresses of any family and lengths of any size, which [`crate::sys`]'s types would not let through.
#![allow(unsafe_code)]

use std::mem::zeroed;

use libc::{c_int, socklen_t};

use crate::errno::Errno;
use crate::sys::{Fd, Ret};

macro_rules! call {
    ($call:expr) => {{
        // SAFETY: every pointer among the arguments is to a live local or borrowed slice of the calling function, with its length.
        let value = unsafe { $call } as i64;
        if value < 0 { Err(Errno::last()) } else { Ok(value) }
    }};
}

/// A socket address as the bytes that the kernel sees.
#[derive(Clone, Copy, PartialEq)]
pub struct Name {
    bytes: [u8; 28],
    len: usize,
}

impl Name {
    /// The family's loopback address and this port.
    pub fn loopback(family: c_int, port: u16) -> Name {
        let mut name = Name::any(family, port);
        match family {
            libc::AF_INET => name.bytes[4..8].copy_from_slice(&[127, 0, 0, 1]),
            _ => name.bytes[23] = 1,
        }
        name
    }

    /// The family's unspecified address and this port.
    pub fn any(family: c_int, port: u16) -> Name {
        let mut bytes = [0; 28];
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        bytes[2..4].copy_from_slice(&port.to_be_bytes());
        Name { bytes, len: if family == libc::AF_INET6 { 28 } else { 16 } }
    }

    /// The same with another length.
    pub fn cut(self, len: usize) -> Name {
        Name { len, ..self }
    }

    /// The same port and another address.
    pub fn at(mut self, address: &[u8]) -> Name {
        let from = if address.len() == 4 { 4 } else { 8 };
        self.bytes[from..from + address.len()].copy_from_slice(address);
        self
    }

    /// The same bytes under another family's number.
    pub fn as_family(mut self, family: c_int) -> Name {
        self.bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        self
    }

    pub fn port(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    fn family(&self) -> c_int {
        c_int::from(u16::from_ne_bytes([self.bytes[0], self.bytes[1]]))
    }

    /// Family, address, and the port as zero or not; the length where it is unusual.
    pub fn show(&self) -> String {
        let port = if self.port() == 0 { "zero" } else { "nonzero" };
        match (self.len, self.family()) {
            (0, _) => "no name".to_owned(),
            (16, libc::AF_INET) => {
                let address: [u8; 4] = [self.bytes[4], self.bytes[5], self.bytes[6], self.bytes[7]];
                format!("{}:{port}", std::net::Ipv4Addr::from(address))
            }
            (28, libc::AF_INET6) => {
                let mut address = [0; 16];
                address.copy_from_slice(&self.bytes[8..24]);
                format!("[{}]:{port}", std::net::Ipv6Addr::from(address))
            }
            (len, family) => format!("family {family}, {len} bytes"),
        }
    }

    fn pointer(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    /// What `call` fills in.
    fn filled(call: impl FnOnce(*mut libc::sockaddr, *mut socklen_t) -> i64) -> Ret<(i64, Name)> {
        let mut name = Name { bytes: [0; 28], len: 0 };
        let mut len = name.bytes.len() as socklen_t;
        let value = call(name.bytes.as_mut_ptr().cast(), &raw mut len);
        if value < 0 {
            return Err(Errno::last());
        }
        name.len = len as usize;
        Ok((value, name))
    }
}

pub fn bind(fd: Fd, name: &Name) -> Ret<i64> {
    call!(libc::bind(fd, name.pointer(), name.len as socklen_t))
}

pub fn connect(fd: Fd, name: &Name) -> Ret<i64> {
    call!(libc::connect(fd, name.pointer(), name.len as socklen_t))
}

pub fn sendto(fd: Fd, bytes: &[u8], flags: c_int, name: &Name) -> Ret<i64> {
    call!(libc::sendto(fd, bytes.as_ptr().cast(), bytes.len(), flags, name.pointer(), name.len as socklen_t))
}

pub fn getsockname(fd: Fd) -> Ret<Name> {
    // SAFETY: the pointers are to the name and its length, both alive.
    Name::filled(|name, len| i64::from(unsafe { libc::getsockname(fd, name, len) })).map(|(_, name)| name)
}

pub fn getpeername(fd: Fd) -> Ret<Name> {
    // SAFETY: as above.
    Name::filled(|name, len| i64::from(unsafe { libc::getpeername(fd, name, len) })).map(|(_, name)| name)
}

pub fn accept4(fd: Fd, flags: c_int) -> Ret<(Fd, Name)> {
    // SAFETY: as above.
    Name::filled(|name, len| i64::from(unsafe { libc::accept4(fd, name, len, flags) }))
        .map(|(fd, name)| (fd as Fd, name))
}

pub fn recvfrom(fd: Fd, room: usize, flags: c_int) -> Ret<(i64, Vec<u8>, Name)> {
    let mut buffer = vec![0u8; room];
    // SAFETY: as above, and the buffer has `room` bytes.
    let (n, name) =
        Name::filled(
            |name, len| unsafe { libc::recvfrom(fd, buffer.as_mut_ptr().cast(), room, flags, name, len) } as i64
        )?;
    buffer.truncate((n as usize).min(room));
    Ok((n, buffer, name))
}

/// `sendmsg` of one piece, with a name or without.
pub fn sendmsg(fd: Fd, bytes: &[u8], flags: c_int, name: Option<&Name>) -> Ret<i64> {
    let mut piece = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: an all-zero msghdr is a valid one.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    if let Some(name) = name {
        message.msg_name = name.pointer().cast_mut().cast();
        message.msg_namelen = name.len as socklen_t;
    }
    call!(libc::sendmsg(fd, &raw const message, flags))
}

/// `recvmsg` into one piece: the value, the bytes, the name, the flags, the length of the control data.
pub fn recvmsg(fd: Fd, room: usize, flags: c_int) -> Ret<(i64, Vec<u8>, Name, c_int, usize)> {
    let mut buffer = vec![0u8; room];
    let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: room };
    let mut name = Name { bytes: [0; 28], len: 0 };
    let mut control = [0u64; 32];
    // SAFETY: an all-zero msghdr is a valid one.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_name = name.bytes.as_mut_ptr().cast();
    message.msg_namelen = name.bytes.len() as socklen_t;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    let n = call!(libc::recvmsg(fd, &raw mut message, flags))?;
    name.len = message.msg_namelen as usize;
    buffer.truncate((n as usize).min(room));
    Ok((n, buffer, name, message.msg_flags, message.msg_controllen))
}

/// `setsockopt` with a length of its own; the value must have as many bytes where the length is sound.
pub fn set_option(fd: Fd, level: c_int, number: c_int, value: &[u8], len: i64) -> Ret {
    assert!(len <= value.len() as i64, "the matrix passes a length beyond its buffer");
    call!(libc::setsockopt(fd, level, number, value.as_ptr().cast(), len as socklen_t)).map(drop)
}

/// `getsockopt` with a length of its own: the bytes that were said to be there.
pub fn get_option(fd: Fd, level: c_int, number: c_int, room: i64) -> Ret<Vec<u8>> {
    let mut buffer = vec![0u8; 512];
    assert!(room <= buffer.len() as i64, "the matrix passes a length beyond its buffer");
    let mut len = room as socklen_t;
    call!(libc::getsockopt(fd, level, number, buffer.as_mut_ptr().cast(), &raw mut len))?;
    buffer.truncate(len as usize);
    Ok(buffer)
}
