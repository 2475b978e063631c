//! A segment arrives for a connection: RFC 9293 §3.10.7.3 and §3.10.7.4, a file a step.
//!
//! | step | file |
//! |---|---|
//! | §3.10.7.3, SYN-SENT | [`syn_sent`] |
//! | first: sequence number; and PAWS | [`sequence`] |
//! | second: RST; fourth: SYN | [`reset`] |
//! | fifth: ACK | [`ack`]; what it says of the segments in flight: [`news`] |
//! | sixth: URG | [`urgent`] |
//! | seventh: text | [`text`] |
//! | eighth: FIN | [`fin`] |
//!
//! The third (security) does nothing.

mod ack;
mod fin;
mod news;
mod reset;
mod sequence;
mod syn_sent;
mod text;
mod urgent;

use super::delayed_ack::DELAY;
use super::state::State;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::time::{Duration, Instant};
use crate::wire::tcp::Segment;

pub(super) use sequence::is_old;
pub(super) use syn_sent::peer_mss;

/// How the processing of a segment ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Discard {
    /// Drop it.
    Silently,
    /// Drop it and say where we are: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>.
    WithAck,
    /// The same, but not more often than [`CHALLENGE_INTERVAL`]: the segment may be forged, or itself such an answer (RFC 5961
    /// §7).
    WithChallenge,
    /// Drop it and reset whoever sent it: <SEQ=SEG.ACK><CTL=RST>.
    WithReset,
}

/// At most one answer of the rate-limited kind in this time (`tcp_invalid_ratelimit`).
pub(super) const CHALLENGE_INTERVAL: Duration = Duration::from_millis(500);

impl Tcb {
    /// RFC 9293 §3.10.7.3 and §3.10.7.4. True if the sender of the segment must be reset.
    pub(super) fn input(&mut self, now: Instant, segment: &Segment<'_>) -> bool {
        self.counters.segs_in += 1;
        let result = match self.durable.state {
            State::SynSent => self.input_syn_sent(now, segment),
            _ => self.input_otherwise(now, segment),
        };
        match result {
            Ok(()) => {}
            Err(Discard::Silently) => {}
            Err(Discard::WithAck) => self.ack.set_now(),
            Err(Discard::WithChallenge) => {
                if self.may_challenge(now) {
                    self.ack.set_now();
                }
            }
            Err(Discard::WithReset) => return true,
        }
        if self.ack.is_delayed() && !self.timers.is_set(Timer::DelayedAck) {
            self.timers.set(Timer::DelayedAck, now + DELAY);
        }
        false
    }

    /// Not more often than [`CHALLENGE_INTERVAL`].
    fn may_challenge(&mut self, now: Instant) -> bool {
        let may = self.last_challenge.is_none_or(|last| now.since(last) >= CHALLENGE_INTERVAL);
        if may {
            self.last_challenge = Some(now);
        }
        may
    }

    fn input_otherwise(&mut self, now: Instant, segment: &Segment<'_>) -> Result<(), Discard> {
        if self.repeats_syn(segment) {
            if self.may_challenge(now) {
                self.repeat_without_reduction(0);
            }
            return Err(Discard::Silently);
        }
        self.check_sequence(now, segment)?;
        self.check_reset(segment)?;
        self.check_syn(segment)?;
        self.heard(now);
        self.process_ack(now, segment)?;
        self.process_urgent(segment);
        self.process_text(now, segment)?;
        self.process_fin(now);
        Ok(())
    }

    /// The peer is alive: whatever counts its silence starts again.
    fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.probes = 0;
        if self.all_acked() && self.persist_backoff == 0 {
            self.waiting_since = None;
        }
    }
}
