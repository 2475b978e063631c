//! One run of TCP: timers that are due, then everything that can be sent.

use super::output::Turn;
use super::seam::TcpOut;
use super::socket::Kind;
use super::{Tcp, Waiter};
use crate::events::Events;
use crate::link::TxResult;
use crate::slab::Handle;
use crate::time::{Duration, Instant};

/// How soon a full link is tried again.
const RETRY: Duration = Duration::from_millis(1);

impl Tcp {
    /// Runs timers that are due and sends what wants to go out.
    pub(crate) fn poll(&mut self, now: Instant, out: &mut dyn TcpOut, events: &mut Events) {
        self.now = now;
        while let Some(waiter) = self.timers.pop_expired(now) {
            match waiter {
                Waiter::Connection(handle) => self.connection_timer(now, handle, events),
                Waiter::Request(handle) => self.request_timer(now, handle),
                Waiter::Remnant(handle) => self.drop_remnant(handle),
            }
        }
        let mut blocked = self.replies.send(out) == TxResult::Full;
        // A connection that finds its link full waits for the next poll; those after it may have another link. Those that could send
        // nothing are first next time, or a link with room for one segment at a time would serve the same one for ever.
        let mut turns = self.ready.len();
        let mut starved = Vec::new();
        while turns > 0 {
            turns -= 1;
            let Some(handle) = self.ready.pop_front() else { break };
            match self.give_turn(now, handle, out, events) {
                Turn::Done => {}
                Turn::Again => {
                    self.ready.push_back(handle);
                    turns += 1;
                }
                Turn::Blocked { sent } => {
                    if sent {
                        self.ready.push_back(handle)
                    } else {
                        starved.push(handle)
                    }
                    blocked = true;
                }
            }
        }
        for handle in starved.into_iter().rev() {
            self.ready.push_front(handle);
        }
        self.retry_at = blocked.then(|| now + RETRY);
    }

    /// When `poll` must be called again even if nothing comes.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let output = match self.retry_at {
            Some(at) => Some(at),
            None => (!self.ready.is_empty() || !self.replies.is_empty()).then_some(self.now),
        };
        [output, self.timers.next()].into_iter().flatten().min()
    }

    /// Lets one connection send.
    fn give_turn(&mut self, now: Instant, handle: Handle, out: &mut dyn TcpOut, events: &mut Events) -> Turn {
        let Some(socket) = self.sockets.get_mut(handle) else { return Turn::Done };
        let key = socket.key;
        let Some(tcb) = socket.tcb_mut() else { return Turn::Done };
        let mut turn = tcb.output(now, out);
        if core::mem::take(&mut tcb.touched) {
            events.touch(key);
        }
        tcb.watch_reading();
        if turn == Turn::Done && tcb.ack.is_due() {
            turn = Turn::Again;
        }
        if let Some(at) = tcb.timers.earlier_than_queued() {
            self.timers.set(Waiter::Connection(handle), at);
        }
        tcb.queued = turn != Turn::Done;
        turn
    }

    fn connection_timer(&mut self, now: Instant, handle: Handle, events: &mut Events) {
        let Some(socket) = self.sockets.get_mut(handle) else { return };
        let Kind::Connection(tcb) = &mut socket.kind else { return };
        tcb.timers.dequeued();
        tcb.on_timers(now);
        self.settle(now, handle, events);
    }
}
