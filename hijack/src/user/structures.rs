#![allow(unsafe_code)]
//! C structures of the program that point to more of its memory.

use super::{IOV_MAX, In, InBytes, Out, OutBytes};
use kernel::socket::MAX_INSTRUCTIONS;
use kernel::{Errno, Result};
use std::ffi::c_int;

/// The parts of a `msghdr`, as the call may use them.
#[derive(Clone, Copy)]
pub struct Message {
    /// Where the name is or goes.
    pub name: OutBytes,
    /// Its length, in bytes.
    pub name_len: u32,
    /// The buffers.
    pub vectors: In<libc::iovec>,
    /// How many.
    pub count: usize,
    /// Where the control messages are or go.
    pub control: OutBytes,
    /// Their length, in bytes.
    pub control_len: usize,
}

impl InBytes {
    /// The instructions that a `struct sock_fprog` of `len` bytes points to. EINVAL where there are none, or too many.
    pub fn program<'a>(self, len: usize) -> Result<&'a [u8]> {
        if len != size_of::<libc::sock_fprog>() {
            return Err(Errno::INVAL);
        }
        let program = In::<libc::sock_fprog>(self.0.cast()).get()?;
        let count = usize::from(program.len);
        if program.filter.is_null() || !(1..=MAX_INSTRUCTIONS).contains(&count) {
            return Err(Errno::INVAL);
        }
        In::<u8>(program.filter.cast_const().cast()).slice(count * size_of::<libc::sock_filter>())
    }
}

impl Out<libc::msghdr> {
    /// Its parts. As Linux: EINVAL for a negative length of the name, EMSGSIZE for too many buffers; a name is never longer
    /// than the longest of any family.
    pub fn parts(self) -> Result<Message> {
        let header = self.get()?;
        let name_len = if header.msg_name.is_null() { 0 } else { header.msg_namelen };
        if name_len.cast_signed() < 0 {
            return Err(Errno::INVAL);
        }
        if header.msg_iovlen > IOV_MAX {
            return Err(Errno::MSGSIZE);
        }
        Ok(Message {
            name: Out(header.msg_name.cast()),
            name_len: name_len.min(size_of::<libc::sockaddr_storage>() as u32),
            vectors: In(header.msg_iov),
            count: header.msg_iovlen,
            control: Out(header.msg_control.cast()),
            control_len: if header.msg_control.is_null() { 0 } else { header.msg_controllen },
        })
    }

    /// Writes how long the name is.
    pub fn set_name_len(self, len: u32) -> Result<()> {
        let mut header = self.get()?;
        header.msg_namelen = len;
        self.set(header)
    }

    /// Writes how long the control messages are now, and flags that come to the others.
    pub fn add_control(self, len: usize, flags: c_int) -> Result<()> {
        let mut header = self.get()?;
        header.msg_controllen = len;
        header.msg_flags |= flags;
        self.set(header)
    }

    /// Writes what recvmsg gives back: the lengths and the flags.
    pub fn finish(self, name_len: u32, control_len: usize, flags: c_int) -> Result<()> {
        let mut header = self.get()?;
        header.msg_namelen = name_len;
        header.msg_controllen = control_len;
        header.msg_flags = flags;
        self.set(header)
    }
}

impl Out<libc::mmsghdr> {
    /// The header of the `index`th message.
    pub fn header(self, index: u32) -> Out<libc::msghdr> {
        Out(self.0.wrapping_add(index as usize).cast())
    }

    /// The length of the `index`th message.
    pub fn message_len(self, index: u32) -> Result<u32> {
        Out(self.0.wrapping_add(index as usize)).get().map(|message: libc::mmsghdr| message.msg_len)
    }

    /// Writes the length of the `index`th message.
    pub fn set_len(self, index: u32, len: u32) -> Result<()> {
        let one = Out(self.0.wrapping_add(index as usize));
        let mut message: libc::mmsghdr = one.get()?;
        message.msg_len = len;
        one.set(message)
    }
}

impl Out<libc::FILE> {
    /// A stream that is about to be the program's.
    pub fn stream(stream: *mut libc::FILE) -> Out<libc::FILE> {
        Out(stream)
    }
}

impl Out<libc::ifconf> {
    /// Where SIOCGIFCONF writes, and how many bytes there are.
    pub fn buffer(self) -> Result<(OutBytes, usize)> {
        let conf = self.get()?;
        // SAFETY: a union of two pointers.
        let buffer = unsafe { conf.ifc_ifcu.ifcu_buf };
        Ok((Out(buffer.cast()), usize::try_from(conf.ifc_len).unwrap_or(0)))
    }
}
