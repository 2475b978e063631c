//! The server's side: what a SYN opens.

use super::cookies::Check;
use super::{Early, FastOpenModes};
use crate::slab::Handle;
use crate::tcp::Tcp;
use crate::tcp::TcpError;
use crate::tcp::demux::Tuple;
use crate::tcp::seam::Env;
use crate::tcp::segment::Incoming;
use crate::tcp::socket::Socket;
use crate::tcp::state::State;
use crate::tcp::syn_queue::Request;
use crate::tcp::tcb::Tcb;
use crate::time::{Duration, Instant};
use crate::wire::tcp::{FastOpen, Flags, Segment};
use std::collections::VecDeque;

/// How long a connection that was reset before its handshake ended keeps its place, so that forged addresses, whose owners
/// answer our SYN-ACK by a RST, do not free it (RFC 7413 §5.1).
const AFTER_RESET: Duration = Duration::from_secs(60);

/// Connections of a listener whose handshake has not ended.
#[derive(Clone, Debug, Default)]
pub(in crate::tcp) struct Queue {
    pending: usize,
    /// Until when each of those that were reset keeps its place, in order.
    reset: VecDeque<Instant>,
}

impl Queue {
    /// Whether one more has a place among `most`.
    fn has_room(&mut self, now: Instant, most: usize) -> bool {
        if self.pending + self.reset.len() < most {
            return true;
        }
        most > 0 && self.reset.pop_front_if(|until| *until <= now).is_some()
    }
}

/// What a SYN leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// An ordinary handshake; the SYN-ACK has this option.
    Ordinary(Option<FastOpen>),
    /// A connection at once, whose SYN-ACK has this option.
    Open(Option<FastOpen>),
}

impl Tcp {
    /// Opens the connection that a SYN asks for at once, if it may. Otherwise the option of the SYN-ACK that begins the
    /// ordinary handshake.
    pub(in crate::tcp) fn open_early(
        &mut self,
        now: Instant,
        request: &Request,
        incoming: Incoming<'_>,
        env: &mut Env<'_>,
    ) -> Result<(), Option<FastOpen>> {
        let Incoming { ip, segment, .. } = incoming;
        let option = match self.judge_syn(now, request, segment) {
            Verdict::Ordinary(option) => return Err(option),
            Verdict::Open(option) => option,
        };
        let same = segment.header.options.fast_open.filter(|shown| !shown.cookie().is_empty());
        let Some((mut tcb, key)) = self.child_tcb(now, request, env) else { return Err(same) };
        // The SYN-ACK is its to send.
        tcb.durable.snd_nxt = request.iss;
        tcb.early = Early { option, child: true, listener: Some(request.listener), ..Early::default() };
        tcb.early.carried = tcb.take_syn_text(now, segment);
        let child = self.adopt(request, ip, key, tcb, env);
        if let Some(listening) = self.sockets.get_mut(request.listener).and_then(Socket::listener_mut) {
            listening.early.pending += 1;
        }
        self.settle(now, child, env.events);
        Ok(())
    }

    /// Linux's `tcp_try_fastopen`.
    fn judge_syn(&mut self, now: Instant, request: &Request, segment: &Segment<'_>) -> Verdict {
        let shown = segment.header.options.fast_open;
        let options = request.options.fast_open;
        let asks = shown.is_some() || !segment.payload.is_empty();
        if !asks || !self.fast_open.modes.contains(FastOpenModes::SERVER) {
            return Verdict::Ordinary(None);
        }
        let listening = self.sockets.get_mut(request.listener).and_then(Socket::listener_mut);
        let Some(listening) = listening else { return Verdict::Ordinary(None) };
        let most = match options.queue {
            0 if self.fast_open.modes.contains(FastOpenModes::ALL_LISTENERS) => listening.backlog,
            queue => queue,
        };
        if !listening.early.has_room(now, most) {
            return Verdict::Ordinary(None);
        }
        if options.no_cookie || self.fast_open.modes.contains(FastOpenModes::SERVER_NO_COOKIE) {
            return Verdict::Open(None);
        }
        let Some(shown) = shown else { return Verdict::Ordinary(None) };
        let keys = options.keys.unwrap_or(self.fast_open.cookies.keys());
        let mut fresh = keys.make(&request.tuple);
        fresh.experimental = shown.experimental;
        if shown.cookie().is_empty() {
            return Verdict::Ordinary(Some(fresh));
        }
        match keys.check(&request.tuple, &shown) {
            Check::Valid => Verdict::Open(None),
            Check::Outdated => Verdict::Open(Some(fresh)),
            Check::Wrong => Verdict::Ordinary(Some(fresh)),
        }
    }

    /// Takes what a connection has learned: its handshake is over, the SYN-ACK brought a cookie, its path is a black hole.
    pub(in crate::tcp) fn take_early_news(&mut self, now: Instant, handle: Handle) {
        let Some(tcb) = self.sockets.get_mut(handle).and_then(Socket::tcb_mut) else { return };
        let tuple = Tuple { local: tcb.durable.local, remote: tcb.durable.remote };
        if let Some(learned) = tcb.early.learned.take() {
            self.fast_open.cache.learn((tuple.local.ip(), tuple.remote.ip()), learned);
            if tcb.early.carried {
                self.fast_open.pause.on_success();
            }
        }
        if core::mem::take(&mut tcb.early.black_hole) {
            self.fast_open.pause.on_black_hole(now);
        }
        if tcb.durable.state == State::SynReceived {
            return;
        }
        let reset = tcb.failure == Some(TcpError::Reset);
        let listener = tcb.early.listener.take();
        let Some(listening) = listener.and_then(|listener| self.sockets.get_mut(listener)?.listener_mut()) else {
            return;
        };
        listening.early.pending = listening.early.pending.saturating_sub(1);
        // One that was not accepted still has its place in the accept queue.
        if reset && !listening.accept_queue.contains(&handle) {
            listening.early.reset.push_back(now + AFTER_RESET);
        }
    }
}

impl Tcb {
    /// [`Tcp::take_early_news`] has something to do.
    pub(in crate::tcp) fn has_early_news(&self) -> bool {
        let early = &self.early;
        early.learned.is_some()
            || early.black_hole
            || early.listener.is_some() && self.durable.state != State::SynReceived
    }

    /// Whether the program may have this connection although its handshake has not ended.
    pub(in crate::tcp) fn is_early(&self) -> bool {
        self.early.child && self.durable.state == State::SynReceived
    }

    /// The peer's SYN again: it has not got our SYN-ACK.
    pub(in crate::tcp) fn repeats_syn(&self, segment: &Segment<'_>) -> bool {
        let header = &segment.header;
        self.is_early()
            && header.has(Flags::SYN)
            && !header.flags.intersects(Flags::ACK | Flags::RST)
            && header.seq == self.durable.irs
    }
}
