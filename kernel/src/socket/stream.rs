//! TCP sockets: send, receive; and connect in [`opening`].

mod opening;

use super::urgent::{self, Stretch};
use super::{Received, SendControl, Socket};
use crate::backend::{Call, Mark, Reply};
use crate::endpoint::State;
use crate::{Errno, Events, Result, clock};
use arena::Producer;
use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;

impl Socket {
    pub(super) fn send_stream(
        &self,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<SocketAddr>,
        control: &SendControl,
    ) -> Result<usize> {
        let departure = self.stream_departure(control)?;
        let mut end = None;
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        let nonblocking = self.nonblocking() || flags & libc::MSG_DONTWAIT != 0;
        let deadline = if nonblocking { None } else { self.send_deadline() };
        let mut sent = 0;
        if flags & libc::MSG_FASTOPEN != 0 || self.endpoint.state().contains(State::DEFERRED) {
            let (taken, opened) = self.open_with_text(bufs, to, nonblocking);
            match opened {
                Ok(()) => sent = taken,
                Err(Errno::INPROGRESS) if taken > 0 => return Ok(taken),
                Err(error) => return Err(error),
            }
        }
        let result = self.block(nonblocking, deadline, || {
            let state = self.endpoint.state();
            if self.endpoint.record.error() != 0 {
                // What was sent counts; the error is for the next call.
                if sent > 0 {
                    return Ok(Some(()));
                }
                if let Some(error) = self.take_error() {
                    return Err(error);
                }
            }
            if state.intersects(State::NO_MORE_OUT | State::CLOSED | State::LISTENING) {
                return Err(Errno::PIPE);
            }
            if state.contains(State::CONNECTING) {
                return Ok(None);
            }
            if sent == total {
                return Ok(Some(()));
            }
            let rings = self.endpoint.rings().ok_or(Errno::PIPE)?;
            let (tx, _) = rings.tx.as_ref().ok_or(Errno::PIPE)?;
            loop {
                let before = sent;
                let most = self.endpoint.may_write(&rings);
                let mut tx = tx.lock();
                let written = write(&mut tx, bufs, &mut sent, most, flags & libc::MSG_OOB != 0);
                let position = tx.position();
                drop(tx);
                if sent > before {
                    // What waits for room in the ring is not held back as well.
                    self.endpoint.set_more_comes(flags & libc::MSG_MORE != 0 && sent == total);
                    if let Some(departure) = &departure {
                        end = Some(position);
                        // The engine hears of it before it hears of the text, which may leave at once.
                        if sent == total {
                            self.ask_departure(departure, position);
                            end = None;
                        }
                    }
                    self.backend.mark(&self.endpoint, Mark::DataQueued);
                }
                written?;
                if sent == total {
                    return Ok(Some(()));
                }
                // Looking at readiness asks the engine to tell of space; it may have come by now.
                if !self.endpoint.readiness().contains(Events::OUT) || self.endpoint.record.error() != 0 {
                    return Ok(None);
                }
                if self.endpoint.state().intersects(State::NO_MORE_OUT | State::CLOSED) {
                    return Err(Errno::PIPE);
                }
            }
        });
        // It ends before all of it was written.
        if let (Some(departure), Some(end)) = (&departure, end) {
            self.ask_departure(departure, end);
        }
        match result {
            Ok(()) => Ok(sent),
            Err(_) if sent > 0 => Ok(sent),
            Err(error) => Err(error),
        }
    }

    pub(super) fn recv_stream(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Received> {
        if flags & libc::MSG_OOB != 0 {
            return self.recv_urgent(bufs, flags);
        }
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        let nonblocking = self.nonblocking() || flags & libc::MSG_DONTWAIT != 0;
        let deadline = if nonblocking { None } else { self.receive_deadline() };
        let peek = flags & libc::MSG_PEEK != 0;
        let least = if flags & libc::MSG_WAITALL != 0 { total } else { self.endpoint.low_water().min(total) };
        let mut got = 0;
        let mut behind = 0;
        let mut reading = None;
        let result = self.block(nonblocking, deadline, || {
            // State before ring: the engine publishes data first, so an empty ring seen after the end is the end.
            let state = self.endpoint.state();
            if peek {
                got = 0;
            }
            let taken = self.take(bufs, got, peek, flags & libc::MSG_TRUNC != 0)?;
            got += taken.len;
            if taken.len > 0 {
                behind = taken.position;
            }
            if got > 0 && (got >= least || taken.at_mark)
                || total == 0 && self.endpoint.rings().is_some_and(|rings| self.readable_to_mark(&rings) > 0)
            {
                return Ok(Some(()));
            }
            // A reset after the peer's FIN (EPIPE) takes the writing side only: as on Linux, reading finds the end.
            if state.contains(State::NO_MORE_IN) && self.endpoint.record.error() == Errno::PIPE.raw_os_error() {
                return Ok(Some(()));
            }
            if self.endpoint.record.error() != 0
                && got == 0
                && let Some(error) = self.take_error()
            {
                return Err(error);
            }
            if state.contains(State::NO_MORE_IN) {
                return Ok(Some(()));
            }
            if state.intersects(State::CLOSED | State::LISTENING) {
                return Err(Errno::NOTCONN);
            }
            if !nonblocking && reading.is_none() {
                reading = Some(self.endpoint.reading());
            }
            Ok(None)
        });
        if result.is_err() && got == 0 {
            return result.map(|()| Received::default());
        }
        if peek {
            self.peek_moves_on(got);
        } else if self.peek_offset().is_some() {
            self.peek_moves_back(got);
        }
        let time_ns = if got > 0 || total == 0 { self.arrival(got, behind, peek) } else { None };
        Ok(Received { len: got, time_ns, ..Received::default() })
    }

    /// When the last of what was read came, where the program wants to know: `got` bytes up to a position of the ring.
    fn arrival(&self, got: usize, behind: u64, peek: bool) -> Option<u64> {
        if !self.settings.lock().wanted.stamps.wants_arrivals() {
            return None;
        }
        let (position, read) = match got {
            // Of nothing that is read, that of what would be next.
            0 => (self.endpoint.rings().map(|rings| rings.rx.lock().position())?, 0),
            _ => (behind - 1, if peek { 0 } else { behind }),
        };
        match self.backend.call(Call::Arrival(self.id(), position, read)) {
            Ok(Reply::Arrival(at)) => at.map(clock::realtime_at),
            _ => None,
        }
    }

    /// Copies out of the ring what fits behind the first `skip` bytes of `bufs`, not beyond the urgent mark; with `discard`
    /// (MSG_TRUNC) nothing is copied. EFAULT where memory is not there.
    fn take(&self, bufs: &mut [IoSliceMut<'_>], skip: usize, peek: bool, discard: bool) -> Result<Taken> {
        let Some(rings) = self.endpoint.rings() else { return Ok(Taken::default()) };
        if rings.readable() == 0 {
            self.backend.look();
            if rings.readable() == 0 {
                return Ok(Taken::default());
            }
        }
        let mut rx = rings.rx.lock();
        let Some(Stretch { over, end, to_mark }) = urgent::stretch(&rx, skip > 0, self.endpoint.oob_inline()) else {
            return Ok(Taken { at_mark: true, ..Taken::default() });
        };
        // What comes meanwhile is for the next call: it would leave a gap behind a piece that was not filled.
        let over = if peek { (over + self.peek_offset().unwrap_or(0)).min(end) } else { over };
        let there = end - over;
        let (mut skip, mut taken) = (skip, 0);
        'bufs: for buf in bufs.iter_mut() {
            let from = skip.min(buf.len());
            skip -= from;
            let room = (buf.len() - from).min(there - taken);
            let into = &mut buf[from..from + room];
            if discard {
                taken += room;
                continue;
            }
            for piece in into.chunks_mut(PIECE) {
                match rx.give_at(over + taken, piece) {
                    Ok(n) => taken += n,
                    Err(_) if taken < PIECE => return Err(Errno::FAULT),
                    // What came before this piece counts; the next call meets the rest.
                    Err(_) => {
                        taken -= taken % PIECE;
                        break 'bufs;
                    }
                }
            }
        }
        let position = rx.position() + (over + taken) as u64;
        let news = !peek && rx.consume(over + taken);
        drop(rx);
        if news {
            self.backend.mark(&self.endpoint, Mark::SpaceFreed);
        }
        Ok(Taken { len: taken, at_mark: to_mark && taken == there, position })
    }

    /// Lets go what MSG_MORE holds back.
    pub(super) fn push(&self) {
        self.endpoint.set_more_comes(false);
        self.backend.mark(&self.endpoint, Mark::DataQueued);
    }

    /// Takes the pending error.
    pub(super) fn take_error(&self) -> Option<Errno> {
        match self.endpoint.record.take_error() {
            0 => None,
            errno => Some(Errno::from_raw_os_error(errno)),
        }
    }
}

/// What a look into the receive ring brought.
#[derive(Default)]
struct Taken {
    len: usize,
    /// Where in the ring it ends.
    position: u64,
    /// The urgent mark is next: what is behind it is for another call.
    at_mark: bool,
}

/// Writes as much as fits, up to `most` bytes, of what lies behind the first `done` bytes of `bufs`, and counts it there;
/// `urgent`: the last byte is marked so. Memory that is not there is EFAULT; as on Linux, the pieces before the one that it is in
/// have gone.
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

/// Bytes that come or go together where some memory of a call's is not there.
const PIECE: usize = 32 * 1024;

#[cfg(test)]
mod tests;
