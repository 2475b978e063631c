//! Probing: of a zero window (RFC 9293 §3.8.6.1) and of a silent peer (keepalive, §3.8.4).

use super::errors::TcpError;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::time::{Duration, Instant};

/// The longest time between two probes of a window, Linux's.
const MAX_INTERVAL: Duration = Duration::from_secs(120);
/// `tcp_orphan_retries`: doublings after which a connection that nobody owns is given up.
pub(super) const ORPHAN_RETRIES: u8 = 8;

impl Tcb {
    /// RFC 9293 §3.8.6.1: the interval grows exponentially from the retransmission timeout.
    pub(super) fn persist_interval(&self) -> Duration {
        self.rtt.base().saturating_mul(1 << self.persist_backoff.min(16)).min(MAX_INTERVAL)
    }

    /// The persist timer expired: send what the window allows though it is little, or ask for a window.
    pub(super) fn on_persist(&mut self, now: Instant) {
        if self.durable.snd_wnd > self.outstanding() || self.sent.has_waiting() && self.durable.snd_wnd > 0 {
            self.override_hold = true;
            return;
        }
        // A peer that acknowledges with a zero window may do so for ever (RFC 9293 §3.8.6.1, MUST-37), one that says
        // nothing may not; and nobody waits for ever for what a closed socket left behind.
        let silent_too_long = self.probes >= self.retry_limit() || self.user_timeout_passed(now);
        if silent_too_long || (self.orphan && self.persist_backoff > ORPHAN_RETRIES + 2) {
            self.give_up();
            return;
        }
        self.probes += 1;
        self.waiting_since.get_or_insert(now);
        self.persist_backoff = self.persist_backoff.saturating_add(1);
        self.probe_due = true;
        self.urgent_due = self.urgent_can_be_announced();
        self.timers.set(Timer::Persist, now + self.persist_interval());
    }

    /// Starts the keepalive timer where the options want it.
    pub(super) fn restart_keepalive(&mut self, now: Instant) {
        if self.options.keepalive.on && self.durable.state.is_synchronized() {
            self.timers.set(Timer::Keepalive, now + self.options.keepalive.idle);
        } else {
            self.timers.cancel(Timer::Keepalive);
        }
    }

    /// The keepalive timer expired.
    pub(super) fn on_keepalive(&mut self, now: Instant) {
        let keepalive = self.options.keepalive;
        if !keepalive.on || !self.durable.state.is_synchronized() {
            return;
        }
        // What is in flight or held back by a window has its own timers.
        if !self.all_acked() || self.unsent() > 0 {
            self.timers.set(Timer::Keepalive, now + keepalive.idle);
            return;
        }
        let silence = now.since(self.last_heard);
        if silence < keepalive.idle {
            self.probes = 0;
            self.timers.set(Timer::Keepalive, self.last_heard + keepalive.idle);
            return;
        }
        let too_long = match self.options.user_timeout {
            // RFC 5482 over tcp(7): the user timeout overrides the count.
            Some(limit) => silence >= limit && self.probes > 0,
            None => self.probes >= keepalive.count,
        };
        if too_long {
            self.reset_peer = true;
            self.give_up();
            return;
        }
        self.probes = self.probes.saturating_add(1);
        self.probe_due = true;
        self.timers.set(Timer::Keepalive, now + keepalive.interval);
    }

    /// `TCP_USER_TIMEOUT` has passed since the oldest thing that waits for an answer was sent.
    pub(super) fn user_timeout_passed(&self, now: Instant) -> bool {
        match (self.options.user_timeout, self.waiting_since) {
            (Some(limit), Some(since)) => now.since(since) >= limit,
            _ => false,
        }
    }

    /// Repetitions without an answer after which the connection is given up: R2 (RFC 9293 §3.8.3).
    pub(super) fn retry_limit(&self) -> u8 {
        match (self.orphan, self.options.user_timeout) {
            (true, _) => ORPHAN_RETRIES,
            (false, Some(_)) => u8::MAX,
            (false, None) => self.options.retries,
        }
    }

    /// No answer in time: the reason is what ICMP said, if it said anything (RFC 1122 §4.2.3.9).
    pub(super) fn give_up(&mut self) {
        self.fail(self.soft_error.unwrap_or(TcpError::TimedOut));
    }
}
