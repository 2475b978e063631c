//! The retransmission timer has expired (RFC 6298 §5.4–5.6).

use super::state::State;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::time::Instant;

/// Repetitions of a SYN-ACK (`tcp_synack_retries`).
pub(super) const SYN_ACK_RETRIES: u8 = 5;

/// Timeouts in a row that need not double (`TCP_THIN_LINEAR_RETRIES`).
const THIN_LINEAR_RETRIES: u8 = 6;
/// A stream with fewer segments out is thin (`tcp_stream_is_thin`).
const THICK: u32 = 4;

impl Tcb {
    /// Runs the timers that are due.
    pub(super) fn on_timers(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_expired(now) {
            match timer {
                Timer::Retransmit => self.on_retransmit(now),
                Timer::Persist => self.on_persist(now),
                Timer::DelayedAck => self.ack.on_timer(),
                Timer::Keepalive => self.on_keepalive(now),
                Timer::Reorder => self.on_reorder(now),
                Timer::Probe => self.on_probe(now),
                // Output follows every timer.
                Timer::Pacing => {}
            }
        }
    }

    fn on_retransmit(&mut self, now: Instant) {
        if self.all_acked() {
            return;
        }
        // The peer took its window back (RFC 9293 §3.8.6, SHLD-14 says it should not): the persist timer takes over.
        if self.durable.snd_wnd == 0 && self.durable.state.is_synchronized() {
            self.repeat_without_reduction(0);
            return;
        }
        let limit = match self.durable.state {
            State::SynSent => self.options.syn_retries,
            // As on Linux: the program may have it already.
            State::SynReceived if self.is_early() => SYN_ACK_RETRIES + 1,
            State::SynReceived => SYN_ACK_RETRIES,
            _ => self.retry_limit(),
        };
        // RFC 9293 §3.8.3: R2, or the user timeout.
        let over = self.retries >= limit || self.user_timeout_passed(now);
        self.suspect_fast_open(over);
        if over {
            self.give_up();
            return;
        }
        self.lose_by_timeout(now);
        self.retries += 1;
        self.suspect_black_hole();
        match self.is_thin_linear() {
            true => self.rtt.stay(),
            false => self.rtt.back_off(),
        }
        self.restart_retransmit(now);
        // RFC 5482: the user timeout does not wait for the next repetition (`tcp_clamp_rto_to_user_timeout`).
        if let (Some(limit), Some(since)) = (self.options.user_timeout, self.waiting_since) {
            self.timers.set(Timer::Retransmit, (since + limit).min(now + self.rtt.rto()));
        }
    }

    /// `TCP_THIN_LINEAR_TIMEOUTS`.
    fn is_thin_linear(&self) -> bool {
        let out = (self.durable.snd_nxt - self.durable.snd_una).div_ceil(self.mss().max(1));
        self.options.thin_linear
            && self.durable.state == State::Established
            && self.retries <= THIN_LINEAR_RETRIES
            && out < THICK
    }
}
