//! getsockopt(2): what the program's buffer means for each kind of [`Access`].

use super::{Access, Row, TABLES, find, flow_label, has_level, packet_ring, setsockopt};
use crate::control_message::Writer;
use crate::socket::{Family, Socket};
use crate::{Errno, Result};

impl Socket {
    /// getsockopt(2): writes the value into `into`, cut to its length; returns the length of what was written.
    pub fn getsockopt(&self, level: i32, name: i32, into: &mut [u8]) -> Result<usize> {
        let value = match &find(self, level, name, Errno::OPNOTSUPP)?.access {
            Access::Int { get, .. } => as_int(level, get(self)?.to_ne_bytes(), into.len()),
            Access::Word { get, .. } => as_int(level, get(self)?, into.len()),
            Access::Long { get, .. } if into.len() >= size_of::<u64>() => get(self)?.to_ne_bytes().to_vec(),
            Access::Long { get, .. } => u32::try_from(get(self)?).unwrap_or(u32::MAX).to_ne_bytes().to_vec(),
            Access::Whole { get, exact } => {
                let value = get(self)?;
                if into.len() < value.len() || *exact && into.len() > value.len() {
                    return Err(Errno::INVAL);
                }
                value
            }
            Access::Sized { size, .. } if into.len() < *size => return Err(Errno::INVAL),
            Access::Sized { get, .. } => get(self)?,
            Access::AtMost { get } => {
                let value = get(self)?;
                if into.len() > value.len() {
                    return Err(Errno::INVAL);
                }
                value
            }
            Access::Taken { take } => take(self, into.len())?.map_err(|_| Errno::INVAL)?.into(),
            Access::Control { get, .. } => {
                let mut control = Writer::new(into);
                get(self, &mut control)?;
                return Ok(control.used());
            }
            Access::Asks { get } => get(into)?,
            Access::Answers { get, .. } | Access::Request { get, .. } => get(self, into)?,
            Access::Bytes { get: Some(get), .. } => get(self)?,
            Access::Bytes { get: None, .. } => return Err(Errno::NOPROTOOPT),
        };
        let n = value.len().min(into.len());
        into[..n].copy_from_slice(&value[..n]);
        Ok(n)
    }

    /// Whether [`getsockopt`](Self::getsockopt) reads what the program has put into the buffer: `into` must begin with that.
    pub fn getsockopt_asks(level: i32, name: i32) -> bool {
        [(libc::SOL_PACKET, packet_ring::PACKET_HDRLEN), (libc::IPPROTO_IPV6, flow_label::IPV6_FLOWLABEL_MGR)]
            .contains(&(level, name))
    }

    /// getsockopt(2) of an option whose answer depends on what the program has put into the buffer, which also says how long the
    /// answer may be. None: it is another option.
    pub fn getsockopt_answer(&self, level: i32, name: i32, asked: &[u8]) -> Result<Option<Vec<u8>>> {
        let is_this =
            |row: &Row| matches!(row.access, Access::Answers { .. }) && (row.level, row.name) == (level, name);
        if !TABLES.iter().flat_map(|table| table.iter()).any(is_this) {
            return Ok(None);
        }
        match &find(self, level, name, Errno::OPNOTSUPP)?.access {
            Access::Answers { get, .. } => get(self, asked).map(Some),
            _ => Ok(None),
        }
    }

    /// After EINVAL of [`getsockopt`](Self::getsockopt): the length that the option needs, if the program is to be told.
    pub fn getsockopt_room(&self, level: i32, name: i32) -> Option<usize> {
        match &find(self, level, name, Errno::OPNOTSUPP).ok()?.access {
            Access::Taken { take } => take(self, 0).ok()?.err(),
            _ => None,
        }
    }

    /// For how long a buffer getsockopt(2) takes a negative length.
    /// Linux looks at it after the level and before the option; for ipv6(7) it takes it to be a large one.
    pub fn negative_room(&self, level: i32, name: i32) -> Result<usize> {
        match (has_level(self, level), self.family()) {
            (true, _) if setsockopt::is_request(level, name) => Ok(flow_label::REQUEST_LEN),
            (true, _) if level == libc::IPPROTO_IPV6 => Ok(size_of::<i32>()),
            (true, _) => Err(Errno::INVAL),
            (false, Family::Inet) => Err(Errno::OPNOTSUPP),
            _ if level != libc::SOL_SOCKET && self.goes_by_name() => Err(Errno::OPNOTSUPP),
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
