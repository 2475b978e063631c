//! send(2) of a stream: the bytes go into the tx ring without the engine's lock, and a mark tells the engine of them.

use super::super::tx_timestamp::StreamTxTimestamp;
use super::super::urgent;
use super::{PIECE, SendControl, Socket};
use crate::backend::Mark;
use crate::endpoint::{Rings, State};
use crate::{Errno, Events, Result};
use arena::Producer;
use parking_lot::Mutex;
use std::cell::Cell;
use std::io::IoSlice;
use std::net::SocketAddr;

/// A send(2) under way.
struct Send<'a> {
    socket: &'a Socket,
    bufs: &'a [IoSlice<'a>],
    flags: i32,
    total: usize,
    /// Bytes that are in the ring, or went with the SYN.
    sent: usize,
    tx_timestamp: Option<StreamTxTimestamp>,
    /// Where in the ring it ends so far, until the engine has been asked for its timestamp.
    not_asked: Option<u64>,
}

impl Socket {
    pub(in crate::socket) fn send_stream(
        &self,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<SocketAddr>,
        control: &SendControl,
    ) -> Result<usize> {
        if self.repairs() {
            return self.send_under_repair(bufs, flags);
        }
        let tx_timestamp = self.stream_tx_timestamp(control)?;
        let total = bufs.iter().map(|buf| buf.len()).sum();
        let mut send = Send { socket: self, bufs, flags, total, sent: 0, tx_timestamp, not_asked: None };
        let (nonblocking, deadline) = self.send_patience(flags);
        if flags & libc::MSG_FASTOPEN != 0 || self.endpoint.state().contains(State::DEFERRED) {
            let (taken, opened) = self.open_with_text(bufs, to, nonblocking);
            match opened {
                Ok(()) => send.sent = taken,
                Err(Errno::INPROGRESS) if taken > 0 => return Ok(taken),
                Err(error) => return Err(error),
            }
        }
        let moved = Cell::new(send.sent > 0);
        let result = self.block_in_parts(nonblocking, deadline, &moved, || {
            let done = send.attempt()?;
            moved.set(send.sent > 0);
            Ok(done)
        });
        // It may have ended before all of it was written.
        send.request_tx_timestamp();
        match result {
            Err(error) if send.sent == 0 => Err(error),
            _ => Ok(send.sent),
        }
    }

    /// Bytes that a stream takes without waiting. While there are none this waits, as send(2) does. 0 where send(2) would fail.
    pub fn send_room(&self) -> Result<usize> {
        let (nonblocking, deadline) = self.send_patience(0);
        self.block(nonblocking, deadline, || {
            let (endpoint, state) = (&self.endpoint, self.endpoint.state());
            if endpoint.record.error() != 0 || state.intersects(State::NO_MORE_OUT | State::CLOSED | State::LISTENING) {
                return Ok(Some(0));
            }
            if state.contains(State::CONNECTING) {
                return Ok(None);
            }
            let Some(rings) = endpoint.rings() else { return Ok(Some(0)) };
            let Some((tx, _)) = rings.tx.as_ref() else { return Ok(Some(0)) };
            let room = || endpoint.may_write(&rings).min(tx.lock().free());
            // Asking for readiness also asks the engine to say when there is space; there may be some by now.
            let room = Some(room())
                .filter(|&bytes| bytes > 0)
                .or_else(|| endpoint.readiness().contains(Events::OUT).then(room));
            Ok(room.filter(|&bytes| bytes > 0))
        })
    }

    /// Whether the handshake is over, after which text can be written. The pending error, or EPIPE.
    pub(in crate::socket) fn may_write(&self) -> Result<bool> {
        let state = self.endpoint.state();
        self.take_pending()?;
        if state.intersects(State::NO_MORE_OUT | State::CLOSED | State::LISTENING) {
            return Err(Errno::PIPE);
        }
        Ok(!state.contains(State::CONNECTING))
    }

    /// Sends what MSG_MORE holds back.
    pub(in crate::socket) fn push(&self) {
        self.endpoint.set_more_comes(false);
        self.backend.mark(&self.endpoint, Mark::DataQueued);
    }
}

impl Send<'_> {
    /// Goes on where the last attempt stopped. `None`: it must wait, for the handshake or for room in the ring.
    fn attempt(&mut self) -> Result<Option<()>> {
        let endpoint = &self.socket.endpoint;
        // The call returns what was sent; the error is for the next call.
        if endpoint.record.error() != 0 && self.sent > 0 {
            return Ok(Some(()));
        }
        if !self.socket.may_write()? {
            return Ok(None);
        }
        if self.is_complete() {
            return Ok(Some(()));
        }
        let rings = endpoint.rings().ok_or(Errno::PIPE)?;
        let (tx, _) = rings.tx.as_ref().ok_or(Errno::PIPE)?;
        loop {
            self.fill(&rings, tx)?;
            if self.is_complete() {
                return Ok(Some(()));
            }
            // This also asks the engine to say when there is space; there may be some by now.
            if !endpoint.readiness().contains(Events::OUT) || endpoint.record.error() != 0 {
                return Ok(None);
            }
            if endpoint.state().intersects(State::NO_MORE_OUT | State::CLOSED) {
                return Err(Errno::PIPE);
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.sent == self.total
    }

    /// Writes what the ring has room for.
    fn fill(&mut self, rings: &Rings, tx: &Mutex<Producer>) -> Result<()> {
        let before = self.sent;
        let most = self.socket.endpoint.may_write(rings);
        let mut tx = tx.lock();
        let written = write(&mut tx, self.bufs, &mut self.sent, most, self.flags & libc::MSG_OOB != 0);
        let position = tx.position();
        drop(tx);
        if self.sent > before {
            self.tell_engine(position);
        }
        written
    }

    /// Leaves the mark for what was written, which ends at `position`.
    fn tell_engine(&mut self, position: u64) {
        let Socket { endpoint, backend, .. } = self.socket;
        // Text is not held back while more of it waits for room in the ring.
        endpoint.set_more_comes(self.flags & libc::MSG_MORE != 0 && self.is_complete());
        self.not_asked = Some(position);
        // Before the mark, since the text may leave at once.
        if self.is_complete() {
            self.request_tx_timestamp();
        }
        backend.mark(endpoint, Mark::DataQueued);
    }

    /// Asks the engine for the timestamps of the text, if the program wants them.
    fn request_tx_timestamp(&mut self) {
        if let (Some(tx_timestamp), Some(end)) = (&self.tx_timestamp, self.not_asked.take()) {
            self.socket.request_tx_timestamp(tx_timestamp, end);
        }
    }
}

/// Writes as much as fits of `bufs` after the first `done` bytes, up to `most` bytes, and adds it to `done`. `urgent`: the last byte
/// is marked urgent. Memory that is not there is EFAULT; as on Linux, the pieces before it have been sent.
fn write(tx: &mut Producer, bufs: &[IoSlice<'_>], done: &mut usize, most: usize, urgent: bool) -> Result<()> {
    let publish = |tx: &mut Producer, n: usize| {
        if urgent {
            urgent::mark_last(tx, n);
        }
        tx.publish(n);
    };
    let (mut skip, mut ahead, mut left) = (*done, 0, most);
    'bufs: for buf in bufs {
        let from = skip.min(buf.len());
        skip -= from;
        for piece in buf[from..].chunks(PIECE) {
            let n = tx.fill_at(ahead, &piece[..piece.len().min(left)]).map_err(|_| Errno::FAULT)?;
            ahead += n;
            left -= n;
            if n < piece.len() {
                break 'bufs;
            }
            if ahead >= PIECE {
                publish(tx, ahead);
                *done += std::mem::take(&mut ahead);
            }
        }
    }
    if ahead > 0 {
        publish(tx, ahead);
        *done += ahead;
    }
    Ok(())
}
