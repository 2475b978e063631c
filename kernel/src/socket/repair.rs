//! TCP_REPAIR: a program takes a connection apart, and puts it together again in another socket. Linux's tcp_sock_set_repair() and
//! what depends on `tp->repair`; CRIU's libsoccr is who uses it.

use super::Socket;
use super::stream::{check_readable, parts};
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
        // As on Linux, an earlier SO_REUSEADDR is forgotten.
        self.settings.lock().set_reuse_addr(false);
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
        let Repair { queue, sequences } = *self.repair.lock();
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
        let Repair { queue, sequences } = &mut *self.repair.lock();
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
        if self.endpoint.state().contains(State::CLOSED) {
            return Err(Errno::PERM);
        }
        for option in value.as_chunks::<8>().0 {
            let agreement = match (word(option, 0), word(option, 1)) {
                (MSS, mss) => Agreement::Mss(mss as u16),
                (WINDOW_SCALE, scales) if scales & 0xffff > MOST || scales >> 16 > MOST => return Err(Errno::FBIG),
                (WINDOW_SCALE, scales) => Agreement::WindowScales { snd: scales as u8, rcv: (scales >> 16) as u8 },
                (SACK_PERMITTED, 0) => Agreement::Sack,
                (TIMESTAMPS, 0) => Agreement::Timestamps,
                (SACK_PERMITTED | TIMESTAMPS, _) => return Err(Errno::INVAL),
                _ => continue,
            };
            self.repair_call(RepairCall::Agree(agreement))?;
        }
        Ok(())
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

    pub(super) fn check_repairs(&self) -> Result<()> {
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
    pub(super) fn send_under_repair(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        if self.endpoint.state().intersects(State::CLOSED | State::NO_MORE_OUT | State::LISTENING) {
            return Err(Errno::PIPE);
        }
        let text = parts(bufs);
        check_readable(&text, MAX_RING)?;
        let call = match self.repair.lock().queue {
            Queue::Neither => return Err(Errno::INVAL),
            Queue::Received => RepairCall::PutReceived(&text),
            Queue::Sent => RepairCall::PutSent(&text),
        };
        match self.repair_call(call)?.sent()? {
            0 if text.iter().any(|part| !part.is_empty()) => Err(Errno::NOMEM),
            n => Ok(n),
        }
    }

    /// recv(2), which under repair looks and takes nothing. `None`: at what has been received, as at any time.
    pub(super) fn recv_under_repair(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Option<Result<usize>> {
        if flags & libc::MSG_PEEK == 0 {
            return Some(Err(Errno::PERM));
        }
        match self.repair.lock().queue {
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

/// No ring has room for more.
const MAX_RING: usize = 32 << 20;

/// Bytes of `struct tcp_repair_window`.
pub(super) const REPAIR_WINDOW_LEN: usize = 20;

/// The `n`th `__u32` of a structure.
fn word(bytes: &[u8], n: usize) -> u32 {
    bytes[4 * n..].first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}
