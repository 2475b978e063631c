//! How much waits in a socket, and how much of it has not left: ioctl(2).

use super::Socket;
use crate::backend::{Call, Reply};
use crate::endpoint::{Kind, State};
use crate::{Errno, Result};

impl Socket {
    /// FIONREAD: bytes that can be read; for datagrams the size of the next one.
    pub fn inq(&self) -> Result<usize> {
        match self.endpoint.kind {
            Kind::Ping => Err(Errno::NOTTY),
            Kind::Stream if self.endpoint.state().contains(State::LISTENING) => Err(Errno::INVAL),
            Kind::Stream => Ok(self.endpoint.rings().map_or(0, |rings| self.readable_to_mark(&rings))),
            Kind::Packet(_) => self.next_packet(),
            _ => self.next_datagram(),
        }
    }

    /// What TCP_INQ reports after a read: how many bytes can be read, counting the end of the stream as 1.
    pub fn inq_hint(&self) -> u32 {
        let readable = self.endpoint.rings().map_or(0, |rings| rings.readable());
        let ended = self.endpoint.state().contains(State::NO_MORE_IN);
        if readable == 0 { u32::from(ended) } else { u32::try_from(readable).unwrap_or(u32::MAX) }
    }

    /// SIOCOUTQ: bytes written and not acknowledged; for other sockets than streams, how much of SO_SNDBUF is in use.
    pub fn outq(&self) -> Result<usize> {
        if self.endpoint.state().contains(State::LISTENING) {
            return Err(Errno::INVAL);
        }
        if self.endpoint.kind == Kind::Ping {
            return Err(Errno::NOTTY);
        }
        if self.endpoint.kind != Kind::Stream {
            return match self.backend.call(Call::Memory(self.id()))? {
                Reply::Memory(memory) => Ok(memory.sent),
                _ => Err(Errno::PROTO),
            };
        }
        Ok(self.endpoint.rings().map_or(0, |rings| rings.unsent()))
    }

    /// SIOCOUTQNSD: bytes written that have not been sent. ENOTTY unless it is a stream.
    pub fn outq_not_sent(&self) -> Result<usize> {
        match self.endpoint.kind {
            Kind::Stream if self.endpoint.state().contains(State::LISTENING) => Err(Errno::INVAL),
            Kind::Stream => Ok(self.endpoint.rings().map_or(0, |rings| rings.not_sent())),
            _ => Err(Errno::NOTTY),
        }
    }
}
