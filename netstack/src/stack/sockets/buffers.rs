//! The buffers of datagram sockets: what SO_RCVBUF and SO_SNDBUF bound, and when there is room again.

use crate::datagram::{Inbox, Outbox};
use crate::ip::{Account, Entry, Owner};
use crate::packet::Taps;
use crate::raw::Raw;
use crate::socket::{DatagramId, Key, SendError};
use crate::stack::Stack;
use crate::tx_timestamp::{Tag, TxTimestampRequest};
use crate::udp::Udp;

/// How much of a socket's buffers is in use (SO_MEMINFO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramMemory {
    /// Of SO_RCVBUF: what waits to be read, as Linux counts it, in bytes.
    pub received: usize,
    /// Of SO_SNDBUF: what waits to leave.
    pub sent: usize,
    /// Datagrams that found no room.
    pub dropped: u64,
}

impl Stack {
    /// SO_RCVBUF, doubled as on Linux: bounds what waits to be read.
    pub fn set_receive_buffer(&mut self, id: impl Into<DatagramId>, bytes: usize) {
        let Stack { udp, raw, ip, pool, .. } = self;
        if let Some((_, inbox, _)) = boxes(udp, raw, &mut ip.taps, id.into()) {
            inbox.set_most(bytes, &mut **pool);
        }
    }

    /// SO_SNDBUF, doubled as on Linux: bounds what waits for a link or for a neighbour's address.
    pub fn set_send_buffer(&mut self, id: impl Into<DatagramId>, bytes: usize) {
        self.book(id.into(), |outbox| outbox.set_most(bytes));
    }

    /// SO_MEMINFO; `None` without such a socket.
    pub fn datagram_memory(&mut self, id: impl Into<DatagramId>) -> Option<DatagramMemory> {
        let (_, inbox, outbox) = self.boxes(id.into())?;
        Some(DatagramMemory { received: inbox.charged(), sent: outbox.charged(), dropped: inbox.dropped })
    }

    /// poll(2): whether there is room to send. The socket is touched when that changes.
    pub fn is_writable(&mut self, id: impl Into<DatagramId>) -> bool {
        let key = self.boxes(id.into()).filter(|(.., outbox)| outbox.is_writable()).map(|(key, ..)| key);
        key.is_some_and(|key| !self.events.is_blocked(key))
    }

    /// Whether a socket may send another datagram now.
    pub(in crate::stack) fn admit(&mut self, id: impl Into<DatagramId>) -> Result<(), SendError> {
        match self.boxes(id.into()) {
            Some((.., outbox)) if !outbox.admits() => Err(SendError::Full),
            _ => Ok(()),
        }
    }

    /// To whom a packet that is about to be sent is charged. [`SendError::NoBuffers`] beyond twice SO_SNDBUF, which is the only bound
    /// of raw sockets, as on Linux: they do not wait.
    pub(in crate::stack) fn account(
        &mut self,
        id: impl Into<DatagramId>,
        key: Key,
        tx_timestamp: Option<TxTimestampRequest>,
    ) -> Result<Account, SendError> {
        let id = id.into();
        let spare = self.boxes(id).map_or(Some(usize::MAX), |(.., outbox)| outbox.spare());
        let owner = Some(Owner { id, spare: spare.ok_or(SendError::NoBuffers)? });
        Ok(Account { owner, tag: Tag::new(key, tx_timestamp) })
    }

    /// Charges the packets that began to wait since the last time, and gives back those that have gone.
    pub(in crate::stack) fn settle_buffers(&mut self) {
        let mut entries = self.ip.packets.take_entries();
        for Entry { owner, bytes, gone } in entries.drain(..) {
            self.book(owner, |outbox| if gone { outbox.take(bytes) } else { outbox.put(bytes) });
        }
        self.ip.packets.reuse(entries);
    }

    /// Changes what a socket has sent, and touches it where poll(2) would see the change.
    pub(in crate::stack) fn book(&mut self, id: DatagramId, change: impl FnOnce(&mut Outbox)) {
        let Some((key, _, outbox)) = self.boxes(id) else { return };
        let before = outbox.is_writable();
        change(outbox);
        if outbox.is_writable() != before {
            self.events.touch(key);
        }
    }

    fn boxes(&mut self, id: DatagramId) -> Option<(Key, &mut Inbox, &mut Outbox)> {
        boxes(&mut self.udp, &mut self.raw, &mut self.ip.taps, id)
    }
}

fn boxes<'a>(
    udp: &'a mut Udp,
    raw: &'a mut Raw,
    taps: &'a mut Taps,
    id: DatagramId,
) -> Option<(Key, &'a mut Inbox, &'a mut Outbox)> {
    match id {
        DatagramId::Udp(id) => udp.get_mut(id).map(|socket| (socket.key, &mut socket.inbox, &mut socket.outbox)),
        DatagramId::Raw(id) => raw.get_mut(id).map(|socket| (socket.key, &mut socket.inbox, &mut socket.outbox)),
        DatagramId::Packet(id) => taps.get_mut(id).map(|socket| (socket.key, &mut socket.inbox, &mut socket.outbox)),
    }
}
