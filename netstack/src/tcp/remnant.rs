//! What is left of a connection whose rings are gone: TIME-WAIT, and FIN-WAIT-2 of a closed socket (Linux keeps both
//! apart from sockets too). A few words each, and nothing is owed to the program any more.

use super::demux::Tuple;
use super::durable::Durable;
use super::input::CHALLENGE_INTERVAL;
use super::ports::Binding;
use super::reply::Reply;
use super::seq::Seq;
use crate::ip::Limits;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Options, Segment, Stamps};

/// A connection in TIME-WAIT, or in FIN-WAIT-2 with nobody to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remnant {
    pub(super) durable: Durable,
    pub(super) binding: Option<Binding>,
    /// Not yet TIME-WAIT: the peer's FIN is awaited.
    pub(super) fin_wait_2: bool,
    pub(super) ttl: Option<u8>,
    pub(super) tos: u8,
    pub(super) limits: Limits,
    pub(super) flow_label: Option<u32>,
    pub(super) last_answer: Option<Instant>,
}

/// What a segment for a remnant means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ignore,
    Acknowledge,
    /// The peer's FIN came (again): acknowledge, and the wait starts again.
    Restart,
    /// Text that nobody will read: reset, forget.
    Reset,
    /// The peer reset it.
    Forget,
    /// A SYN that is newer than anything of the old connection: a new one may take the four-tuple.
    Reopen,
}

impl Remnant {
    pub(super) fn tuple(&self) -> Tuple {
        Tuple { local: self.durable.local, remote: self.durable.remote }
    }

    /// RFC 9293 §3.10.7.4 for FIN-WAIT-2 and TIME-WAIT.
    pub(super) fn judge(&mut self, now: Instant, segment: &Segment<'_>) -> Verdict {
        let header = &segment.header;
        let rcv_nxt = self.durable.rcv_nxt;
        let old_stamp = match (self.durable.timestamps, header.options.timestamps) {
            (Some(ours), Some(theirs)) => Some((theirs.value.wrapping_sub(ours.recent) as i32).signum()),
            _ => None,
        };
        let rst = header.has(Flags::RST);
        if header.has(Flags::SYN) && !rst && !header.has(Flags::ACK) && !self.fin_wait_2 {
            // RFC 6191: a newer timestamp, or without them a higher sequence number (RFC 9293 MAY-2).
            let newer =
                old_stamp.map_or(header.seq.after(rcv_nxt), |sign| sign > 0 || header.seq.after(rcv_nxt) && sign == 0);
            return if newer { Verdict::Reopen } else { self.limited(now, Verdict::Acknowledge) };
        }
        let acceptable =
            header.seq.at_or_before(self.durable.rcv_adv.max(rcv_nxt)) && segment.end().at_or_after(rcv_nxt);
        if rst {
            // RFC 1337: a RST does not end TIME-WAIT.
            return if self.fin_wait_2 && header.seq == rcv_nxt { Verdict::Forget } else { Verdict::Ignore };
        }
        if self.fin_wait_2 && acceptable && old_stamp != Some(-1) && header.has(Flags::ACK) {
            return self.judge_fin_wait_2(now, segment);
        }
        // §3.10.7.4, eighth: the peer's FIN again, whose acknowledgement was lost. Any other FIN is old or forged, and one
        // in FIN-WAIT-2 that gets here too: it must not lengthen the wait.
        if header.has(Flags::FIN) && !self.fin_wait_2 && segment.end() == rcv_nxt {
            return Verdict::Restart;
        }
        if acceptable && segment.is_empty() && header.seq == rcv_nxt {
            return Verdict::Ignore;
        }
        self.limited(now, Verdict::Acknowledge)
    }

    fn judge_fin_wait_2(&mut self, now: Instant, segment: &Segment<'_>) -> Verdict {
        let header = &segment.header;
        let text_end = header.seq + segment.payload.len() as u32;
        // An acknowledgement may come from behind the peer's FIN, which was lost.
        if !segment.is_empty() && text_end.after(self.durable.rcv_nxt) {
            return Verdict::Reset;
        }
        if header.has(Flags::FIN) && text_end == self.durable.rcv_nxt {
            self.durable.rcv_nxt += 1;
            self.fin_wait_2 = false;
            return Verdict::Restart;
        }
        if segment.is_empty() && header.seq == self.durable.rcv_nxt {
            return Verdict::Ignore;
        }
        self.limited(now, Verdict::Acknowledge)
    }

    fn limited(&mut self, now: Instant, verdict: Verdict) -> Verdict {
        if self.last_answer.is_some_and(|last| now.since(last) < CHALLENGE_INTERVAL) {
            return Verdict::Ignore;
        }
        self.last_answer = Some(now);
        verdict
    }

    pub(super) fn acknowledgement(&self, now: Instant) -> Reply {
        let d = &self.durable;
        let window = if d.rcv_adv.after(d.rcv_nxt) { d.rcv_adv - d.rcv_nxt } else { 0 };
        let timestamps = d.timestamps.map(|ts| Stamps { value: now.millis().wrapping_add(ts.offset), echo: ts.recent });
        Reply {
            tuple: self.tuple(),
            seq: d.snd_nxt,
            ack: d.rcv_nxt,
            flags: Flags::ACK,
            window: (window >> d.rcv_scale).min(u32::from(u16::MAX)) as u16,
            options: Options { timestamps, ..Options::default() },
            ttl: self.ttl,
            tos: self.tos,
            limits: self.limits,
            flow_label: self.flow_label,
            header_options: None,
        }
    }

    /// Our own connect(2) may take the four-tuple: timestamps keep old segments out, once their clock has moved on
    /// (RFC 6191; Linux's `tcp_tw_reuse` waits a second too).
    pub(super) fn reusable(&self, now: Instant) -> bool {
        !self.fin_wait_2 && self.durable.timestamps.is_some_and(|ts| now.millis().wrapping_sub(ts.recent_age) >= 1000)
    }

    /// The first sequence number that a successor may use without reaching into the old one's window.
    pub(super) fn successor_iss(&self) -> Seq {
        self.durable.snd_nxt + 65535 + 2
    }
}
