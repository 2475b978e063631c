//! TCP_REPAIR: a program takes a connection apart, and puts it together again in another socket. Linux's tcp_sock_set_repair() and
//! what depends on `tp->repair`; CRIU's libsoccr is who uses it.

use super::Socket;
use super::options::Reuse;
use super::stream::parts;
use crate::backend::{Call, RepairCall, Reply};
use crate::endpoint::State;
use crate::{Errno, Result};
use arena::fault;
use netstack::tcp::{Agreement, Seq, Sequences, Windows};
use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;

/// What the program has said of a repair.
#[derive(Clone, Copy, Default)]
pub(super) struct Repair {
    /// Stays when the repair is over.
    queue: Queue,
    /// For connect(2).
    sequences: Sequences,
    /// TCP_TIMESTAMP: what is added to the clock.
    timestamp_offset: Option<u32>,
}

/// Which of the two streams send(2), recv(2) and TCP_QUEUE_SEQ are about.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Queue {
    #[default]
    Neither,
    Received,
    Sent,
}

impl Queue {
    /// linux/tcp.h.
    const ALL: [Queue; 3] = [Queue::Neither, Queue::Received, Queue::Sent];
}

/// TCP_REPAIR_ON, OFF and OFF_NO_WP: without a window probe.
const ON: i32 = 1;
const OFF: i32 = 0;
const OFF_NO_PROBE: i32 = -1;

impl Socket {
    /// TCP_REPAIR.
    pub(super) fn repairs(&self) -> bool {
        self.endpoint.is_under_repair()
    }

    /// Sets TCP_REPAIR. Errors: EPERM of a listener, EINVAL.
    pub(super) fn set_repair(&self, value: i32) -> Result<()> {
        if self.endpoint.state().contains(State::LISTENING) {
            return Err(Errno::PERM);
        }
        match value {
            ON => self.repair.lock().queue = Queue::Neither,
            OFF => drop(self.repair_call(RepairCall::ProbeWindow)?),
            OFF_NO_PROBE => {}
            _ => return Err(Errno::INVAL),
        }
        self.settings.lock().reuse = if value == ON { Reuse::Forced } else { Reuse::No };
        self.endpoint.set_under_repair(value == ON);
        Ok(())
    }

    /// TCP_REPAIR_QUEUE.
    pub(super) fn repair_queue(&self) -> Result<i32> {
        if self.repairs() { Ok(self.repair.lock().queue as i32) } else { Err(Errno::INVAL) }
    }

    /// Sets it.
    pub(super) fn set_repair_queue(&self, value: i32) -> Result<()> {
        self.check_repairs()?;
        let queue = usize::try_from(value).ok().and_then(|number| Queue::ALL.get(number));
        self.repair.lock().queue = *queue.ok_or(Errno::INVAL)?;
        Ok(())
    }

    /// TCP_QUEUE_SEQ.
    pub(super) fn queue_seq(&self) -> Result<i32> {
        let Repair { queue, sequences, .. } = *self.repair.lock();
        let sequences = match self.repair_call(RepairCall::Sequences)? {
            Reply::Sequences(of_connection) => of_connection.unwrap_or(sequences),
            _ => return Err(Errno::PROTO),
        };
        match queue {
            Queue::Neither => Err(Errno::INVAL),
            Queue::Received => Ok(sequences.received.0 as i32),
            Queue::Sent => Ok(sequences.written.0 as i32),
        }
    }

    /// Sets it, for the connection that connect(2) will make.
    pub(super) fn set_queue_seq(&self, value: i32) -> Result<()> {
        if !self.endpoint.state().contains(State::CLOSED) {
            return Err(Errno::PERM);
        }
        let Repair { queue, sequences, .. } = &mut *self.repair.lock();
        let sequence = match queue {
            Queue::Neither => return Err(Errno::INVAL),
            Queue::Received => &mut sequences.received,
            Queue::Sent => &mut sequences.written,
        };
        sequence.0 = value as u32;
        Ok(())
    }

    /// TCP_REPAIR_OPTIONS: several `struct tcp_repair_opt`; what is left over, and what nobody knows, is not looked at.
    pub(super) fn set_repair_options(&self, value: &[u8]) -> Result<()> {
        const MSS: u32 = 2;
        const WINDOW_SCALE: u32 = 3;
        const SACK_PERMITTED: u32 = 4;
        const TIMESTAMPS: u32 = 8;
        /// RFC 7323 §2.3.
        const MOST: u32 = 14;
        if !self.repairs() {
            return Err(Errno::INVAL);
        }
        let offset = self.repair.lock().timestamp_offset;
        let mut agreements = Vec::new();
        let mut flaw = Ok(());
        for option in value.as_chunks::<8>().0 {
            agreements.push(match (word(option, 0), word(option, 1)) {
                (MSS, mss) => Agreement::Mss(mss as u16),
                (WINDOW_SCALE, scales) if scales & 0xffff > MOST || scales >> 16 > MOST => {
                    flaw = Err(Errno::FBIG);
                    break;
                }
                (WINDOW_SCALE, scales) => Agreement::WindowScales { snd: scales as u8, rcv: (scales >> 16) as u8 },
                (SACK_PERMITTED, 0) => Agreement::Sack,
                (TIMESTAMPS, 0) => Agreement::Timestamps(offset),
                (SACK_PERMITTED | TIMESTAMPS, _) => {
                    flaw = Err(Errno::INVAL);
                    break;
                }
                _ => continue,
            });
        }
        // Also with none: whether the connection is one that could have agreed on them, Linux looks at first.
        self.repair_call(RepairCall::Agree(&agreements))?;
        flaw
    }

    /// TCP_MAXSEG.
    pub(super) fn repaired_mss(&self) -> Result<i32> {
        match self.repair_call(RepairCall::PeerMss)? {
            Reply::PeerMss(mss) => Ok(mss.map_or(0, i32::from)),
            _ => Err(Errno::PROTO),
        }
    }

    /// TCP_TIMESTAMP without a connection.
    pub(super) fn timestamp_offset(&self) -> u32 {
        self.repair.lock().timestamp_offset.unwrap_or(0)
    }

    /// Sets it.
    pub(super) fn set_timestamp_offset(&self, offset: u32) -> Result<()> {
        self.check_repairs()?;
        self.repair.lock().timestamp_offset = Some(offset);
        self.repair_call(RepairCall::SetTimestampOffset(offset)).map(drop)
    }

    /// TCP_REPAIR_WINDOW: `struct tcp_repair_window`.
    pub(super) fn repair_window(&self) -> Result<Vec<u8>> {
        self.check_repairs()?;
        let Reply::Windows(windows) = self.repair_call(RepairCall::Windows)? else { return Err(Errno::PROTO) };
        let words = windows.map_or([0; 5], |w| [w.snd_wl1.0, w.snd_wnd, w.snd_wnd_max, w.rcv_wnd, w.rcv_wup.0]);
        Ok(words.map(u32::to_ne_bytes).concat())
    }

    /// Sets it.
    pub(super) fn set_repair_window(&self, value: &[u8]) -> Result<()> {
        self.check_repairs()?;
        let value: &[u8; REPAIR_WINDOW_LEN] = value.try_into().map_err(|_| Errno::INVAL)?;
        let [snd_wl1, snd_wnd, snd_wnd_max, rcv_wnd, rcv_wup] = std::array::from_fn(|n| word(value, n));
        let windows = Windows { snd_wl1: Seq(snd_wl1), snd_wnd, snd_wnd_max, rcv_wnd, rcv_wup: Seq(rcv_wup) };
        self.repair_call(RepairCall::SetWindows(windows)).map(drop)
    }

    fn check_repairs(&self) -> Result<()> {
        if self.repairs() { Ok(()) } else { Err(Errno::PERM) }
    }

    /// connect(2).
    pub(super) fn restore(&self, to: SocketAddr) -> Result<()> {
        let sequences = self.repair.lock().sequences;
        self.repair_call(RepairCall::Restore(to, self.buffers(), sequences)).map(drop)
    }

    /// connect(2) with AF_UNSPEC.
    pub(super) fn abandon(&self) -> Result<()> {
        self.repair_call(RepairCall::Abandon).map(drop)
    }

    /// send(2): the bytes count as sent, or as received.
    pub(super) fn send_under_repair(&self, bufs: &[IoSlice<'_>], flags: i32) -> Result<usize> {
        let (nonblocking, deadline) = self.send_patience(flags);
        self.block(nonblocking, deadline, || Ok(self.may_write()?.then_some(())))?;
        let queue = self.repair.lock().queue;
        let sent = match queue {
            Queue::Neither => return Err(Errno::INVAL),
            Queue::Received => self.repair_call(RepairCall::PutReceived(&self.gathered(bufs)?))?,
            Queue::Sent => self.repair_call(RepairCall::PutSent(&parts(bufs)))?,
        };
        match sent.sent()? {
            0 if bufs.iter().any(|buf| !buf.is_empty()) => Err(Errno::NOMEM),
            n => Ok(n),
        }
    }

    /// A copy of what fits into the rx ring: the engine copies from memory that is there.
    fn gathered(&self, bufs: &[IoSlice<'_>]) -> Result<Vec<u8>> {
        let mut room = self.endpoint.rings().map_or(0, |rings| rings.sizes().1);
        let mut text = Vec::new();
        for buf in bufs {
            let part = &buf[..buf.len().min(room)];
            let end = text.len();
            text.resize(end + part.len(), 0);
            fault::copy(&mut text[end..], part).map_err(|_| Errno::FAULT)?;
            room -= part.len();
        }
        Ok(text)
    }

    /// recv(2), which under repair looks and takes nothing. `None`: at what has been received, as at any time.
    pub(super) fn recv_under_repair(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Option<Result<usize>> {
        if flags & libc::MSG_PEEK == 0 {
            return Some(Err(Errno::PERM));
        }
        let queue = self.repair.lock().queue;
        match queue {
            Queue::Neither => Some(Err(Errno::INVAL)),
            Queue::Received => None,
            Queue::Sent => Some(self.peek_sent(bufs)),
        }
    }

    fn peek_sent(&self, bufs: &mut [IoSliceMut<'_>]) -> Result<usize> {
        let room = bufs.iter().map(|buf| buf.len()).sum();
        let Reply::Text(text) = self.repair_call(RepairCall::PeekSent(room))? else { return Err(Errno::PROTO) };
        let mut left = &text[..];
        for buf in bufs {
            let (part, rest) = left.split_at(left.len().min(buf.len()));
            fault::copy(&mut buf[..part.len()], part).map_err(|_| Errno::FAULT)?;
            left = rest;
        }
        Ok(text.len())
    }

    fn repair_call(&self, call: RepairCall<'_>) -> Result<Reply> {
        self.backend.call(Call::Repair(self.id(), call))
    }
}

/// Bytes of `struct tcp_repair_window`.
pub(super) const REPAIR_WINDOW_LEN: usize = 20;

/// The `n`th `__u32` of a structure.
fn word(bytes: &[u8], n: usize) -> u32 {
    bytes[4 * n..].first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}
