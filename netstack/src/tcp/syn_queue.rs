//! Passive opens whose SYN-ACK is not acknowledged yet. Each is a few words: no rings, no TCB, until the peer has shown
//! that it is there.

use super::demux::Tuple;
use super::durable::{Durable, Timestamps};
use super::input::{CHALLENGE_INTERVAL, is_old};
use super::options::TcpOptions;
use super::reply::Reply;
use super::rtt::RttEstimator;
use super::seq::Seq;
use super::state::State;
use super::syn_cookie::{self, Told};
use crate::slab::Handle;
use crate::time::{Duration, Instant};
use crate::wire::tcp::{Flags, Options, Segment, Stamps};

/// A connection in SYN-RECEIVED that came from LISTEN.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) listener: Handle,
    pub(super) tuple: Tuple,
    pub(super) iss: Seq,
    pub(super) irs: Seq,
    /// Largest payload to send, options not counted.
    pub(super) snd_mss: u16,
    pub(super) advertised_mss: u16,
    /// The peer's window scale, if it offered one, and ours.
    pub(super) scales: Option<(u8, u8)>,
    pub(super) timestamps: Option<Timestamps>,
    /// The peer takes SACK.
    pub(super) sack: bool,
    /// The peer asked for ECN.
    pub(super) ecn: bool,
    pub(super) snd_wnd: u32,
    /// What the SYN-ACK offers.
    pub(super) rcv_wnd: u32,
    pub(super) options: TcpOptions,
    pub(super) sent_at: Instant,
    pub(super) retries: u8,
    /// The peer has acknowledged the SYN-ACK, and `TCP_DEFER_ACCEPT` waits for its text.
    pub(super) acked: bool,
    pub(super) last_answer: Option<Instant>,
    /// What TCP_SAVE_SYN keeps.
    pub(super) saved_syn: Option<Box<[u8]>>,
}

/// What a segment for a request means (RFC 9293 §3.10.7.4 in SYN-RECEIVED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ignore,
    /// The peer has not got our SYN-ACK.
    Repeat,
    /// It is out of place: say where we are.
    Acknowledge,
    /// The peer takes it back.
    Forget,
    /// It acknowledges something that we did not send.
    Reset,
    /// The handshake is complete.
    Complete,
}

impl Request {
    /// Judges a segment with the request's four-tuple.
    pub(super) fn judge(&mut self, now: Instant, segment: &Segment<'_>) -> Verdict {
        let header = &segment.header;
        let rcv_nxt = self.irs + 1;
        if header.has(Flags::SYN) && header.seq == self.irs && !header.has(Flags::ACK | Flags::RST) {
            return self.limited(now, Verdict::Repeat);
        }
        let right = rcv_nxt + self.rcv_wnd;
        // RFC 7323 §5.3 R1.
        let stamps = self.timestamps.zip(header.options.timestamps);
        let old = stamps.is_some_and(|(ours, theirs)| is_old(theirs.value, ours.recent));
        if (old && !header.has(Flags::RST)) || header.seq.before(rcv_nxt) || header.seq.after(right) {
            // RFC 9293: first.
            return if header.has(Flags::RST) { Verdict::Ignore } else { self.limited(now, Verdict::Acknowledge) };
        }
        if header.has(Flags::RST) {
            // Second; RFC 5961 §3.2 asks for the exact number.
            return if header.seq == rcv_nxt { Verdict::Forget } else { self.limited(now, Verdict::Acknowledge) };
        }
        if header.has(Flags::SYN) {
            return self.limited(now, Verdict::Acknowledge);
        }
        if !header.has(Flags::ACK) {
            return Verdict::Ignore;
        }
        // Fifth.
        if header.ack != self.iss + 1 {
            return Verdict::Reset;
        }
        if self.retries < self.options.defer_accept && segment.end() == rcv_nxt {
            self.acked = true;
            return Verdict::Ignore;
        }
        Verdict::Complete
    }

    fn limited(&mut self, now: Instant, verdict: Verdict) -> Verdict {
        if self.last_answer.is_some_and(|last| now.since(last) < CHALLENGE_INTERVAL) {
            return Verdict::Ignore;
        }
        self.last_answer = Some(now);
        verdict
    }

    /// When the SYN-ACK is to be sent again (RFC 6298).
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        now + RttEstimator::default().rto().saturating_mul(1 << self.retries.min(6)).min(Duration::from_secs(120))
    }

    pub(super) fn syn_ack(&self, now: Instant) -> Reply {
        Reply {
            options: Options {
                mss: Some(self.advertised_mss),
                window_scale: self.scales.map(|(_, ours)| ours),
                timestamps: self.stamps(now),
                sack_permitted: self.sack,
                ..Options::default()
            },
            seq: self.iss,
            // RFC 3168 §6.1.1: ECE alone agrees.
            flags: Flags::SYN | Flags::ACK | if self.ecn { Flags::ECE } else { Flags::empty() },
            window: self.rcv_wnd as u16,
            ..self.acknowledgement(now)
        }
    }

    /// The SYN-ACK of a request that is not kept: the sequence number is a cookie.
    pub(super) fn cookie(&self, now: Instant) -> Reply {
        let mut reply = self.syn_ack(now);
        let scale = self.scales.map(|(theirs, _)| theirs);
        reply.options.timestamps = self
            .stamps(now)
            .map(|stamps| syn_cookie::with_options(stamps, &Told { scale, sack: self.sack, ecn: self.ecn }));
        // What the cookie has no place for, the connection does not have.
        if self.timestamps.is_none() {
            reply.options.window_scale = None;
            reply.options.sack_permitted = false;
            reply.flags.remove(Flags::ECE);
        }
        reply
    }

    pub(super) fn acknowledgement(&self, now: Instant) -> Reply {
        Reply {
            tuple: self.tuple,
            seq: self.iss + 1,
            ack: self.irs + 1,
            flags: Flags::ACK,
            // RFC 7323 §2.3: scaled in every segment but a SYN.
            window: (self.rcv_wnd >> self.scales.map_or(0, |(_, ours)| ours)) as u16,
            options: Options { timestamps: self.stamps(now), ..Options::default() },
            ttl: self.options.ttl_to(self.tuple.remote),
            tos: self.options.tos_to(self.tuple.remote),
            limits: self.options.limits(),
            flow_label: self.options.flow_label,
            header_options: self.options.behind_header(self.tuple.remote).cloned(),
        }
    }

    fn stamps(&self, now: Instant) -> Option<Stamps> {
        self.timestamps.map(|ts| Stamps { value: now.millis().wrapping_add(ts.offset), echo: ts.recent })
    }

    /// The connection as it stands before the segment that completes it is processed. `ring`: bytes of the rx ring.
    pub(super) fn durable(&self, ring: usize) -> Durable {
        let rcv_nxt = self.irs + 1;
        let (snd_scale, rcv_scale) = self.scales.unwrap_or((0, 0));
        Durable {
            local: self.tuple.local,
            remote: self.tuple.remote,
            state: State::SynReceived,
            iss: self.iss,
            irs: self.irs,
            snd_una: self.iss,
            snd_nxt: self.iss + 1,
            snd_wnd: self.snd_wnd,
            snd_wl1: self.irs,
            snd_wl2: self.iss,
            snd_wnd_max: self.snd_wnd,
            fin: None,
            rcv_nxt,
            rcv_adv: rcv_nxt + (ring as u32).min(self.rcv_wnd),
            snd_scale,
            rcv_scale,
            snd_mss: self.snd_mss,
            timestamps: self.timestamps,
            sack: self.sack,
            ecn: self.ecn,
        }
    }
}
