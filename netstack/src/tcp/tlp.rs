//! Tail loss probe (RFC 8985 §7): where nothing comes that could tell of a loss, something is sent that will be answered.

use super::recovery::{News, Phase};
use super::seq::Seq;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::time::{Duration, Instant};

/// The probe's timeout before the first measurement.
const UNMEASURED: Duration = Duration::from_secs(1);
/// How long a receiver may hold back the acknowledgement of a single segment.
const MAX_ACK_DELAY: Duration = Duration::from_millis(200);
/// What a timer is late by.
const SLACK: Duration = Duration::from_millis(2);

/// RFC 8985 §7.1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tlp {
    /// TLP.end_seq: what was sent by when the probe went.
    end: Option<Seq>,
    /// TLP.is_retrans: the probe was a repetition.
    repeated: bool,
    /// A probe is to be sent.
    due: bool,
}

impl Tlp {
    /// A probe is to be sent now, whatever the congestion window.
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// A probe was sent, and it is not known what became of it.
    pub(super) fn awaits_answer(&self) -> bool {
        self.end.is_some()
    }

    /// The probe was sent.
    pub(super) fn on_sent(&mut self, nxt: Seq, repeated: bool) {
        *self = Tlp { end: Some(nxt), repeated, due: false };
    }

    /// Another kind of recovery takes over.
    pub(super) fn give_up(&mut self) {
        *self = Tlp::default();
    }
}

impl Tcb {
    /// §7.2: a probe is due after two round trips of silence, and not later than the retransmission timer.
    pub(super) fn schedule_probe(&mut self, now: Instant) {
        let wanted = self.durable.sack
            && self.durable.state.is_synchronized()
            && self.recovery.phase() <= Phase::Reducing
            && !self.sent.is_empty()
            && self.sent.sacked() == 0
            && self.tlp.end.is_none();
        if !wanted {
            self.timers.cancel(Timer::Probe);
            return;
        }
        let patience = match self.rtt.smoothed() {
            Duration::ZERO => UNMEASURED,
            srtt if self.outstanding() <= self.mss() => srtt * 2 + MAX_ACK_DELAY,
            srtt => srtt * 2 + SLACK,
        };
        let at = (now + patience).min(self.timers.at(Timer::Retransmit));
        self.timers.set(Timer::Probe, at);
    }

    /// §7.3: the probe's timer expired. New text is the better probe.
    pub(super) fn on_probe(&mut self, now: Instant) {
        if self.sent.is_empty() || self.tlp.end.is_some() {
            return;
        }
        self.tlp.due = true;
        self.restart_retransmit(now);
    }

    /// §7.4: what an acknowledgement says of the probe. True if it repaired a loss, of which congestion control must hear.
    pub(super) fn conclude_probe(&mut self, news: &News) -> bool {
        if self.sent.is_empty() {
            self.tlp.due = false;
        }
        let una = self.durable.snd_una;
        let Some(end) = self.tlp.end.filter(|&end| una.at_or_after(end)) else { return false };
        if !self.tlp.repeated || news.duplicate_end == Some(end) {
            self.tlp = Tlp::default();
            return false;
        }
        if una.after(end) {
            self.tlp = Tlp::default();
            return true;
        }
        if news.duplicate && news.sacked == 0 {
            // The receiver has answered both copies.
            self.tlp = Tlp::default();
        }
        false
    }
}
