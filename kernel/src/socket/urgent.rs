//! The urgent byte of a stream (tcp(7), RFC 9293 §3.8.5): MSG_OOB, SO_OOBINLINE, SIOCATMARK. The rules are those of Linux's
//! tcp_recvmsg(), tcp_recv_urg() and tcp_inq(); the byte itself stays in the ring, with a mark on it.

use super::{Received, Socket};
use crate::endpoint::{Ahead, Rings, State};
use crate::{Errno, Result};
use arena::{Consumer, Mark, Producer, UrgentByte, fault};
use std::io::IoSliceMut;

/// The bytes of a ring that one read may take.
pub(super) struct Stretch {
    /// Bytes to skip first: an urgent one, which is read out of line.
    pub(super) over: usize,
    /// Where it ends, in bytes from the next.
    pub(super) end: usize,
    /// It ends at the mark.
    pub(super) to_mark: bool,
}

/// What may be read now; None: the mark is next, and the call has read something before it.
pub(super) fn stretch(rx: &Consumer, read_before: bool, inline: bool) -> Option<Stretch> {
    let len = rx.len();
    let passed_over = usize::from(!inline && len > 0 && rx.passed_over() == Some(rx.position()));
    let next = rx.position() + passed_over as u64;
    let ahead = rx.urgent().and_then(|mark| mark.position.checked_sub(next));
    match ahead {
        Some(0) if read_before => None,
        Some(0) => {
            let over = (passed_over + usize::from(!inline)).min(len);
            Some(Stretch { over, end: len, to_mark: false })
        }
        Some(ahead) if ahead < (len - passed_over) as u64 => {
            Some(Stretch { over: passed_over, end: passed_over + ahead as usize, to_mark: true })
        }
        _ => Some(Stretch { over: passed_over, end: len, to_mark: false }),
    }
}

/// The last of `n` bytes that are about to be published is urgent.
pub(super) fn mark_last(tx: &mut Producer, n: usize) {
    let position = tx.position() + n as u64 - 1;
    tx.set_urgent(Mark { position, byte: UrgentByte::Announced });
}

impl Socket {
    /// recv(2) with MSG_OOB.
    pub(super) fn recv_urgent(&self, bufs: &mut [IoSliceMut<'_>], flags: i32) -> Result<Received> {
        let state = self.endpoint.state();
        if state.contains(State::LISTENING) {
            return Err(Errno::NOTCONN);
        }
        let rings = self.endpoint.rings().ok_or(Errno::INVAL)?;
        let mut rx = rings.rx.lock();
        let mark = rx.urgent().filter(|mark| mark.position >= rx.position() && !self.endpoint.oob_inline());
        let mark = mark.ok_or(Errno::INVAL)?;
        match mark.byte {
            UrgentByte::Taken => Err(Errno::INVAL),
            UrgentByte::Announced if state.intersects(State::CLOSED | State::NO_MORE_IN) => Ok(Received::default()),
            UrgentByte::Announced => Err(Errno::AGAIN),
            UrgentByte::Arrived(byte) => {
                if flags & libc::MSG_PEEK == 0 && !rx.take_urgent(mark) {
                    return Err(Errno::AGAIN);
                }
                let Some(buf) = bufs.iter_mut().find(|buf| !buf.is_empty()) else {
                    return Ok(Received { flags: libc::MSG_OOB | libc::MSG_TRUNC, ..Received::default() });
                };
                if flags & libc::MSG_TRUNC == 0 {
                    fault::copy(&mut buf[..1], &[byte]).map_err(|_| Errno::FAULT)?;
                }
                Ok(Received { len: 1, flags: libc::MSG_OOB, ..Received::default() })
            }
        }
    }

    /// SIOCATMARK: the urgent byte is the next to be read.
    pub fn at_mark(&self) -> bool {
        let inline = self.endpoint.oob_inline();
        self.endpoint.rings().and_then(|rings| rings.ahead(inline).mark).is_some_and(|mark| mark.ahead == 0)
    }

    /// Bytes that can be read before the urgent one.
    pub(super) fn readable_to_mark(&self, rings: &Rings) -> usize {
        let inline = self.endpoint.oob_inline();
        let Ahead { bytes, mark } = rings.ahead(inline);
        match mark {
            Some(mark) if !inline && mark.ahead < bytes as u64 => mark.ahead as usize,
            _ => bytes,
        }
    }
}
