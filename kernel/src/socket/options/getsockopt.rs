//! getsockopt(2): what the program's buffer means for each kind of [`Access`].

use super::{Access, Passing, SocketOption, flow_label, has_level};
use crate::control_message::Writer;
use crate::socket::Family;
use crate::{Errno, Result};

impl SocketOption<'_> {
    /// getsockopt(2): writes the value into `into`, cut to its length; returns the length of what was written. Unless it is
    /// [`Plain`](Passing::Plain), `into` begins with what the program has put into its buffer.
    pub fn get(&self, into: &mut [u8]) -> Result<usize> {
        let SocketOption { socket, level, .. } = *self;
        let value = match self.access(Errno::OPNOTSUPP)? {
            Access::Int { get, .. } => as_int(level, get(socket)?.to_ne_bytes(), into.len()),
            Access::Word { get, .. } => as_int(level, get(socket)?, into.len()),
            Access::Long { get, .. } if into.len() >= size_of::<u64>() => get(socket)?.to_ne_bytes().to_vec(),
            Access::Long { get, .. } => u32::try_from(get(socket)?).unwrap_or(u32::MAX).to_ne_bytes().to_vec(),
            Access::Whole { get, exact } => {
                let value = get(socket)?;
                if into.len() < value.len() || *exact && into.len() > value.len() {
                    return Err(Errno::INVAL);
                }
                value
            }
            Access::Sized { size, .. } if into.len() < *size => return Err(Errno::INVAL),
            Access::Sized { get, .. } => get(socket)?,
            Access::Structure { size, .. } if into.len() != *size => return Err(Errno::INVAL),
            Access::Structure { get, .. } => get(socket)?,
            Access::AtMost { get } => {
                let value = get(socket)?;
                if into.len() > value.len() {
                    return Err(Errno::INVAL);
                }
                value
            }
            Access::Taken { take } => take(socket, into.len())?.map_err(|_| Errno::INVAL)?.into(),
            Access::Control { get, .. } => {
                let mut control = Writer::new(into);
                get(socket, &mut control)?;
                return Ok(control.used());
            }
            Access::Asked { get } => get(into)?,
            Access::SizedByValue { get, .. } | Access::InPlace { get, .. } => get(socket, into)?,
            Access::Program { get: Some(get), .. } | Access::Bytes { get: Some(get), .. } => get(socket)?,
            Access::Program { get: None, .. } | Access::Bytes { get: None, .. } => return Err(Errno::NOPROTOOPT),
        };
        let n = value.len().min(into.len());
        into[..n].copy_from_slice(&value[..n]);
        Ok(n)
    }

    /// getsockopt(2) of one that is [`SizedByValue`](Passing::SizedByValue): the whole answer.
    pub fn answer(&self, asked: &[u8]) -> Result<Vec<u8>> {
        match self.access(Errno::OPNOTSUPP)? {
            Access::SizedByValue { get, .. } => get(self.socket, asked),
            _ => Err(Errno::NOPROTOOPT),
        }
    }

    /// After EINVAL of [`get`](Self::get): the length that it needs, if the program is to be told.
    pub fn needs(&self) -> Option<usize> {
        match self.access(Errno::OPNOTSUPP).ok()? {
            Access::Taken { take } => take(self.socket, 0).ok()?.err(),
            _ => None,
        }
    }

    /// For how long a buffer getsockopt(2) takes a negative length.
    /// Linux looks at it after the level and before the option; for ipv6(7) it takes it to be a large one.
    pub fn negative_room(&self) -> Result<usize> {
        let SocketOption { socket, level, .. } = *self;
        match (has_level(socket, level), socket.family()) {
            (true, _) if self.passing() == Passing::InPlace => Ok(flow_label::REQUEST_LEN),
            (true, _) if level == libc::IPPROTO_IPV6 => Ok(size_of::<i32>()),
            (true, _) => Err(Errno::INVAL),
            (false, Family::Inet) => Err(Errno::OPNOTSUPP),
            _ if level != libc::SOL_SOCKET && socket.goes_by_name() => Err(Errno::OPNOTSUPP),
            (false, _) => Err(Errno::NOPROTOOPT),
        }
    }
}

/// An `int`: of IPPROTO_IP's a small one as a byte where there is no more room.
fn as_int(level: i32, value: [u8; 4], room: usize) -> Vec<u8> {
    match u8::try_from(i32::from_ne_bytes(value)) {
        Ok(byte) if level == libc::IPPROTO_IP && (1..4).contains(&room) => vec![byte],
        _ => value.to_vec(),
    }
}
