//! recv(2) of a stream: the bytes come out of the rx ring without the engine's lock.

use super::super::urgent::{self, Stretch};
use super::{PIECE, Received, Socket};
use crate::backend::{Call, Mark, Reply};
use crate::endpoint::State;
use crate::{Errno, Result, clock};
use arena::Consumer;
use std::cell::Cell;
use std::io::IoSliceMut;

/// A recv(2) under way.
struct Receive<'a, 'b> {
    socket: &'a Socket,
    bufs: &'a mut [IoSliceMut<'b>],
    flags: i32,
    total: usize,
    /// The call waits until it has so many bytes.
    least: usize,
    got: usize,
    /// Where in the ring that ends.
    position: u64,
}

/// What a look into the ring brought.
#[derive(Default)]
struct Taken {
    len: usize,
    /// The urgent mark is next: what is behind it is for another call.
    at_mark: bool,
}

impl Socket {
    pub(in crate::socket) fn recv_stream(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Received> {
        if flags & libc::MSG_OOB != 0 {
            return self.recv_urgent(bufs, flags);
        }
        if self.repairs()
            && let Some(got) = self.recv_under_repair(bufs, flags)
        {
            return got.map(|len| Received { len, ..Received::default() });
        }
        let (nonblocking, deadline) = self.receive_patience(flags);
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        let least = if flags & libc::MSG_WAITALL != 0 { total } else { self.endpoint.low_water().min(total) };
        let mut receive = Receive { socket: self, bufs, flags, total, least, got: 0, position: 0 };
        let mut reading = None;
        let moved = Cell::new(false);
        let result = self.block_in_parts(nonblocking, deadline, &moved, || {
            let done = receive.attempt()?;
            moved.set(receive.got > 0);
            if done.is_none() && !nonblocking && reading.is_none() {
                reading = Some(self.endpoint.reading());
            }
            Ok(done)
        });
        match result {
            Err(error) if receive.got == 0 => Err(error),
            _ => Ok(receive.finish()),
        }
    }
}

impl Receive<'_, '_> {
    fn peeks(&self) -> bool {
        self.flags & libc::MSG_PEEK != 0
    }

    /// Takes what there is. `None`: it must wait for more.
    fn attempt(&mut self) -> Result<Option<()>> {
        // State before ring: the engine publishes data first, so an empty ring seen after the end is the end.
        let state = self.socket.endpoint.state();
        if self.peeks() {
            self.got = 0;
        }
        let taken = self.take()?;
        self.got += taken.len;
        let done = self.is_complete(&taken) || self.is_at_end(state)?;
        Ok(done.then_some(()))
    }

    fn is_complete(&self, taken: &Taken) -> bool {
        if self.total == 0 {
            return self.socket.endpoint.rings().is_some_and(|rings| self.socket.readable_to_mark(&rings) > 0);
        }
        self.got > 0 && (self.got >= self.least || taken.at_mark)
    }

    /// Whether nothing more will come. The pending error, if nothing was read before it.
    fn is_at_end(&self, state: State) -> Result<bool> {
        let record = &self.socket.endpoint.record;
        // A reset after the peer's FIN (EPIPE) takes the writing side only: as on Linux, reading finds the end.
        if state.contains(State::NO_MORE_IN) && record.error() == Errno::PIPE.raw_os_error() {
            return Ok(true);
        }
        if record.error() != 0
            && self.got == 0
            && let Some(error) = self.socket.take_error()
        {
            return Err(error);
        }
        if state.contains(State::NO_MORE_IN) {
            return Ok(true);
        }
        if state.intersects(State::CLOSED | State::LISTENING) { Err(Errno::NOTCONN) } else { Ok(false) }
    }

    /// Copies out of the ring what fits behind what the call has, up to the urgent mark. EFAULT where memory is not there.
    fn take(&mut self) -> Result<Taken> {
        let Some(rings) = self.socket.endpoint.rings() else { return Ok(Taken::default()) };
        if rings.readable() == 0 {
            self.socket.backend.look();
            if rings.readable() == 0 {
                return Ok(Taken::default());
            }
        }
        let mut rx = rings.rx.lock();
        let stretch = urgent::stretch(&rx, self.got > 0, self.socket.endpoint.oob_inline());
        let Some(Stretch { over, end, to_mark }) = stretch else { return Ok(Taken { len: 0, at_mark: true }) };
        let skipped = if self.peeks() { self.socket.peek_offset().unwrap_or(0) } else { 0 };
        let over = (over + skipped).min(end);
        let len = self.copy(&rx, over, end - over)?;
        if len > 0 {
            self.position = rx.position() + (over + len) as u64;
        }
        let space_wanted = !self.peeks() && rx.consume(over + len);
        drop(rx);
        if space_wanted {
            self.socket.backend.mark(&self.socket.endpoint, Mark::SpaceFreed);
        }
        Ok(Taken { len, at_mark: to_mark && len == end - over })
    }

    /// Copies up to `len` bytes that lie `from` bytes into the ring. What comes meanwhile is for the next call: it would leave
    /// a gap behind a piece that was not filled. With MSG_TRUNC the bytes are only counted.
    fn copy(&mut self, rx: &Consumer, from: usize, len: usize) -> Result<usize> {
        let (mut skip, mut copied) = (self.got, 0);
        'bufs: for buf in self.bufs.iter_mut() {
            let begin = skip.min(buf.len());
            skip -= begin;
            let room = (buf.len() - begin).min(len - copied);
            if self.flags & libc::MSG_TRUNC != 0 {
                copied += room;
                continue;
            }
            for piece in buf[begin..begin + room].chunks_mut(PIECE) {
                match rx.give_at(from + copied, piece) {
                    Ok(n) => copied += n,
                    Err(_) if copied < PIECE => return Err(Errno::FAULT),
                    // What came before this piece counts; the next call meets the rest.
                    Err(_) => {
                        copied -= copied % PIECE;
                        break 'bufs;
                    }
                }
            }
        }
        Ok(copied)
    }

    fn finish(self) -> Received {
        if self.peeks() {
            self.socket.peek_moves_on(self.got);
        } else if self.socket.peek_offset().is_some() {
            self.socket.peek_moves_back(self.got);
        }
        let time_ns = if self.got > 0 || self.total == 0 { self.arrival() } else { None };
        Received { len: self.got, time_ns, ..Received::default() }
    }

    /// When the last byte came, where the program wants to know; of a call that reads nothing, the next byte.
    fn arrival(&self) -> Option<u64> {
        let Socket { endpoint, backend, settings, .. } = self.socket;
        if !settings.lock().wanted.stamps.wants_arrivals() {
            return None;
        }
        let (position, read) = match self.got {
            0 => (endpoint.rings().map(|rings| rings.rx.lock().position())?, 0),
            _ => (self.position - 1, if self.peeks() { 0 } else { self.position }),
        };
        match backend.call(Call::Arrival(endpoint.id(), position, read)) {
            Ok(Reply::Arrival(at)) => at.map(clock::realtime_at),
            _ => None,
        }
    }
}
