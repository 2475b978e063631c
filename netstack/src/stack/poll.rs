//! Running the stack: timers, and everything that is to be sent.

use super::Stack;
use crate::icmp::Complaint;
use crate::ip::{Expired, Received};
use crate::link::{Mac, Sink};
use crate::neighbor::Outcome;
use crate::time::{Duration, Instant};

/// Packets that one poll takes off the loopback: two sockets that talk to each other for ever must not keep the caller.
const MAX_LOOPED: usize = 512;
/// A link that is full is tried again after this time.
const RETRY: Duration = Duration::from_millis(1);

impl Stack {
    /// Runs the timers that are due and sends what can be sent, by the loopback, too.
    pub fn poll(&mut self, now: Instant, sink: &mut dyn Sink) {
        self.now = now;
        self.ip.now = now;
        self.run_timers(now);
        self.ip.flush(&mut *self.pool, sink);
        let mut looped = 0;
        loop {
            self.poll_tcp(now, sink);
            if !self.ip.has_looped() || looped >= MAX_LOOPED {
                break;
            }
            // Only the packets that are there now: TCP has its turn before their answers.
            for _ in 0..self.ip.looped_len() {
                let Some(item) = self.ip.next_looped() else { break };
                looped += 1;
                self.input_looped(now, &item);
                self.ip.packets.give_back(&mut *self.pool, item.packet);
            }
        }
        self.ip.flush(&mut *self.pool, sink);
        self.settle_buffers();
        if self.events.has_blocked() && !self.ip.has_queued() && !self.ip.has_looped() {
            self.events.unblock();
        }
    }

    /// When [`poll`](Self::poll) must be called again even if nothing comes; None: never.
    pub fn next_deadline(&self) -> Option<Instant> {
        let Stack { ip, tcp, now, .. } = self;
        if ip.has_looped() {
            return Some(*now);
        }
        let retry = ip.has_queued().then(|| *now + RETRY);
        let timers = [
            retry,
            ip.neighbors.next_deadline(),
            ip.claims.next_deadline(),
            ip.redirects.next_deadline(),
            ip.path_mtus.next_deadline(),
            ip.memberships.next_deadline(),
            ip.reassembly.next_deadline(),
            ip.taps.next_deadline(),
            tcp.next_deadline(),
            self.next_auto_deadline(),
            self.ndp.tasks.next(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Do packets wait for a link, or for a neighbour's hardware address?
    pub fn has_queued(&self) -> bool {
        self.ip.has_queued() || self.ip.has_looped() || self.ip.neighbors.has_held()
    }

    fn run_timers(&mut self, now: Instant) {
        self.run_autos(now);
        // Before addresses are tried, so that switches that snoop let the answer through (RFC 4862 §5.4.2).
        self.run_memberships(now);
        self.run_ndp(now);
        self.ip.redirects.expire(now);
        self.ip.path_mtus.expire(now);
        self.ip.taps.expire(now);
        while let Some(emission) = self.ip.claims.expire(now, &mut self.rng) {
            self.ip.send_arp(&mut *self.pool, emission.on, Mac::BROADCAST, &emission.packet);
        }
        while let Some(Expired { first, on }) = self.ip.reassembly.expire(now, &mut *self.pool) {
            if let Some(packet) = first.as_deref()
                && let Some(packet) = Received::quoted(packet, on)
            {
                self.report(now, &packet, Complaint::ReassemblyTime);
            }
        }
        while let Some(outcome) = self.ip.neighbors.expire(now) {
            match outcome {
                Outcome::Ask { on, addr, last } => self.ip.ask(&mut *self.pool, on, addr, last),
                Outcome::Failed { on, addr, held } => {
                    self.ip.redirects.forget_gateway(on, addr);
                    self.router_is_silent(on, addr);
                    if let Some(interface) = self.ip.interfaces.get_mut(on) {
                        interface.counters.tx.drops += held.len() as u64;
                    }
                    for packet in held {
                        self.undeliverable(now, on, &packet);
                        self.ip.packets.give_back(&mut *self.pool, packet);
                    }
                }
            }
        }
    }
}
