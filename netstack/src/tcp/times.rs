//! When text came and when it left, for the connections whose program asks (SO_TIMESTAMP and its kin).
//!
//! Text is named by its position in the rings. It costs a connection that does not ask one pointer.

use super::tcb::Tcb;
use super::{Tcp, TcpId};
use crate::events::Events;
use crate::socket::Key;
use crate::time::Instant;
use crate::tx_timestamp::{Tag, TimestampPoint, TxTimestamp, TxTimestampRequest};
use std::collections::VecDeque;

/// Segments of which Linux makes one piece of the receive queue, with the newest one's time (MAX_SKB_FRAGS).
const JOINED: u8 = 17;
/// Pieces that are told apart; more are taken together.
const MOST_PIECES: usize = 1024;
/// Timestamps that are waited for.
const MOST_REQUESTS: usize = 1024;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// Text that came and may not have been read yet, in order.
    arrived: VecDeque<Piece>,
    /// What is to be told of text that has not been acknowledged, in order.
    requests: VecDeque<Request>,
}

/// A piece of what came.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// The position after its last byte.
    end: u64,
    segments: u8,
    /// When its newest segment came.
    at: Instant,
}

#[derive(Clone, Debug)]
struct Request {
    /// The position after its last byte.
    end: u64,
    tag: Tag,
    /// The text of the segment that it left in.
    text: Vec<u8>,
}

impl Times {
    fn arrive(&mut self, end: u64, now: Instant) {
        let full = self.arrived.len() >= MOST_PIECES;
        match self.arrived.back_mut() {
            Some(last) if last.segments < JOINED || full => {
                *last = Piece { end, segments: last.segments.saturating_add(1), at: now };
            }
            _ => self.arrived.push_back(Piece { end, segments: 1, at: now }),
        }
    }

    /// When the byte at `position` came; what lies before `read` is not asked for again.
    fn arrival(&mut self, position: u64, read: u64) -> Option<Instant> {
        let found = self.arrived.iter().find(|piece| piece.end > position).map(|piece| piece.at);
        while self.arrived.front().is_some_and(|piece| piece.end <= read) {
            self.arrived.pop_front();
        }
        found
    }

    /// Who waits for the text from `start` to `end` to leave: of several, as on Linux, the last one's place is that of all.
    fn leaving(&mut self, start: u64, end: u64) -> Option<&mut Request> {
        let within = |request: &Request| request.end > start && request.end <= end;
        let last = self.requests.iter().rev().find(|request| within(request))?.end;
        self.requests.retain(|request| !within(request) || request.end == last);
        self.requests.iter_mut().find(|request| request.end == last)
    }
}

impl Tcb {
    /// The program is told of the times of what comes: some has come just now.
    pub(super) fn note_arrival(&mut self, now: Instant) {
        if self.options.receive_times {
            let end = self.rx.position();
            self.times.get_or_insert_default().arrive(end, now);
        }
    }

    /// The tag of a segment with `text` bytes from `offset` bytes past the oldest in the tx ring.
    pub(super) fn tx_timestamp_tag(&mut self, offset: usize, text: u32) -> Option<Tag> {
        let times = self.times.as_mut()?;
        let start = self.tx.position() + offset as u64;
        let request = times.leaving(start, start + u64::from(text))?;
        if request.tag.request.acknowledged && !request.tag.request.bare && request.text.is_empty() {
            let (a, b) = self.tx.slices(offset, text as usize);
            request.text = [a, b].concat();
        }
        Some(request.tag)
    }

    /// Tells what has been acknowledged of what is waited for.
    pub(super) fn tell_acknowledged(&mut self, now: Instant, events: &mut Events) {
        let Some(times) = self.times.as_mut() else { return };
        let position = self.tx.position();
        while times.requests.front().is_some_and(|request| request.end <= position) {
            if let Some(request) = times.requests.pop_front()
                && let Some(tx_timestamp) = request.tag.passes(TimestampPoint::Acknowledged, now, &[&request.text])
            {
                events.tx_timestamp(tx_timestamp);
            }
        }
    }
}

impl Tcp {
    /// When the byte at a position of the rx ring came, if that is known.
    pub(crate) fn arrival(&mut self, id: TcpId, position: u64, read: u64) -> Option<Instant> {
        self.sockets.get_mut(id.0)?.times_mut()?.arrival(position, read)
    }

    /// What is to be told of the text before a position of the tx ring. What has left already has left now.
    pub(crate) fn request_tx_timestamp(
        &mut self,
        now: Instant,
        id: TcpId,
        end: u64,
        request: TxTimestampRequest,
        events: &mut Events,
    ) {
        let Some(socket) = self.sockets.get_mut(id.0) else { return };
        let key: Key = socket.key;
        let Some(tcb) = socket.tcb_mut() else { return };
        let tag = Tag { key, request };
        let acknowledged = tcb.tx.position();
        let start = tcb.text_start();
        let out = if tcb.durable.snd_nxt.after(start) { tcb.durable.snd_nxt - start } else { 0 };
        let left = acknowledged + u64::from(out);
        let points = [
            (TimestampPoint::Scheduled, end <= left),
            (TimestampPoint::Sent, end <= left),
            (TimestampPoint::Acknowledged, end <= acknowledged),
        ];
        let passed = points.into_iter().filter(|(_, passed)| *passed);
        let passed = passed.filter_map(|(point, _)| tag.passes(point, now, &[]));
        passed.for_each(|tx_timestamp: TxTimestamp| events.tx_timestamp(tx_timestamp));
        if end > acknowledged {
            let requests = &mut tcb.times.get_or_insert_default().requests;
            if requests.len() < MOST_REQUESTS {
                requests.push_back(Request { end, tag, text: Vec::new() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
