//! What follows when something has happened to a connection: events, timers, output, the end.

use super::demux::{Owner, Tuple};
use super::info::LastInfo;
use super::remnant::Remnant;
use super::reply::Reply;
use super::socket::{Idle, Kind, Socket};
use super::state::State;
use super::tcb::Tcb;
use super::{Tcp, Waiter};
use crate::events::Events;
use crate::slab::Handle;
use crate::time::{Duration, Instant};
use crate::wire::tcp::{Flags, Options};

/// Remnants that are kept at most (`tcp_max_tw_buckets`); beyond, the four-tuple is free at once.
const MAX_REMNANTS: usize = 32_768;

impl Tcp {
    /// Does what follows from a change of a connection. Every path that touches a TCB ends here.
    pub(super) fn settle(&mut self, now: Instant, handle: Handle, events: &mut Events) {
        self.now = now;
        if self.sockets.get(handle).and_then(Socket::tcb).is_some_and(Tcb::has_early_news) {
            self.take_early_news(now, handle);
        }
        let Some(socket) = self.sockets.get_mut(handle) else { return };
        let key = socket.key;
        let Some(tcb) = socket.tcb_mut() else { return };
        if core::mem::take(&mut tcb.touched) {
            events.touch(key);
        }
        match (tcb.durable.state, tcb.orphan) {
            (State::Closed, _) => self.finish(now, handle, None, events),
            (State::TimeWait, _) => self.finish(now, handle, Some(self.config.time_wait), events),
            (State::FinWait2, true) => {
                // tcp(7), TCP_LINGER2.
                let wait = tcb.options.linger2;
                if wait.is_none() {
                    tcb.abort();
                }
                self.finish(now, handle, wait, events);
            }
            _ => {
                if let Some(at) = tcb.timers.earlier_than_queued() {
                    self.timers.set(Waiter::Connection(handle), at);
                }
                if !tcb.queued {
                    tcb.queued = true;
                    self.ready.push_back(handle);
                }
            }
        }
    }

    /// The connection leaves its socket: it is over, or goes on as a remnant for `wait`.
    fn finish(&mut self, now: Instant, handle: Handle, wait: Option<Duration>, events: &mut Events) {
        self.timers.cancel(Waiter::Connection(handle));
        let Some(socket) = self.sockets.get_mut(handle) else { return };
        let Kind::Connection(tcb) = &mut socket.kind else { return };
        let tuple = Tuple { local: tcb.durable.local, remote: tcb.durable.remote };
        self.demux.yield_tuple(&tuple, Owner::Connection(handle));
        if tcb.reset_peer {
            self.replies.push(last_words(now, tcb, Flags::RST | Flags::ACK));
        } else if wait.is_some() && (tcb.ack.is_due() || tcb.ack.is_delayed()) {
            self.replies.push(last_words(now, tcb, Flags::ACK));
        }
        let remnant = wait.map(|wait| {
            let fin_wait_2 = tcb.durable.state == State::FinWait2;
            let (ttl, tos) = (tcb.options.ttl_to(tuple.remote), tcb.options.tos_to(tuple.remote));
            let flow_label = tcb.options.flow_label;
            let (durable, binding, limits) = (tcb.durable, socket.binding, tcb.options.limits());
            let remnant = Remnant { durable, binding, fin_wait_2, ttl, tos, limits, flow_label, last_answer: None };
            (remnant, wait)
        });
        tcb.rx.notify_never();
        let times = tcb.times.take();
        let (failure, orphan, options) = (tcb.failure, tcb.orphan, tcb.options.clone());
        socket.error = failure.or(socket.error);
        let info = (!orphan).then(|| Box::new(LastInfo::of(tcb, now)));
        socket.kind = Kind::Idle(Idle { options, over: Some(tuple), times, info });
        events.touch(socket.key);
        if let Some((remnant, wait)) = remnant {
            self.keep(now, remnant, wait);
        }
        if orphan {
            self.forget(handle, events);
        } else if let Some(socket) = self.sockets.get_mut(handle) {
            release_chosen_port(socket, &mut self.ports);
        }
    }

    /// The socket itself goes: nothing of the engine uses its rings any more.
    pub(super) fn forget(&mut self, handle: Handle, events: &mut Events) {
        if let Some(socket) = self.sockets.remove(handle) {
            self.filters.remove(&handle);
            self.saved_syns.remove(&handle);
            self.programs.remove(&handle);
            if let Some(binding) = socket.binding {
                self.ports.release(&binding);
            }
            events.release(socket.key);
        }
    }

    fn keep(&mut self, now: Instant, remnant: Remnant, wait: Duration) {
        if self.remnants.len() >= MAX_REMNANTS {
            return;
        }
        if let Some(binding) = &remnant.binding {
            self.ports.hold(binding);
        }
        let tuple = remnant.tuple();
        let handle = self.remnants.insert(remnant);
        self.demux.claim(tuple, Owner::Remnant(handle));
        self.timers.set(Waiter::Remnant(handle), now + wait);
    }

    /// TIME-WAIT is over, or cut short.
    pub(super) fn drop_remnant(&mut self, handle: Handle) {
        if let Some(remnant) = self.remnants.remove(handle) {
            self.timers.cancel(Waiter::Remnant(handle));
            self.demux.yield_tuple(&remnant.tuple(), Owner::Remnant(handle));
            if let Some(binding) = &remnant.binding {
                self.ports.release(binding);
            }
        }
    }
}

/// A port that connect(2) chose is free for others once the connection is over; one that bind(2) asked for stays with the
/// socket until close(2).
fn release_chosen_port(socket: &mut Socket, ports: &mut super::ports::Ports) {
    if let Some(binding) = socket.binding.filter(|binding| !binding.explicit) {
        ports.release(&binding);
        socket.binding = None;
    }
}

/// The last segment that a TCB owes the peer.
fn last_words(now: Instant, tcb: &Tcb, flags: Flags) -> Reply {
    let d = &tcb.durable;
    let (window, _) = tcb.window_to_offer(false);
    Reply {
        tuple: Tuple { local: d.local, remote: d.remote },
        seq: d.snd_nxt,
        ack: d.rcv_nxt,
        flags,
        window: if flags.contains(Flags::RST) { 0 } else { window },
        options: Options { timestamps: tcb.stamps(now), ..Options::default() },
        ttl: tcb.options.ttl_to(d.remote),
        tos: tcb.options.tos_to(d.remote),
        limits: tcb.options.limits(),
        flow_label: tcb.options.flow_label,
        header_options: tcb.options.behind_header(d.remote).cloned(),
    }
}
