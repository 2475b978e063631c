//! What a connection puts on the wire, one segment at a time. Retransmissions read the tx ring again: no segment is
//! kept.

use super::delayed_ack::DELAY;
use super::seam::{TcpOut, TcpSegmentOut};
use super::seq::Seq;
use super::state::State;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::link::TxResult;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Header, MAX_HEADER_LEN, Options};

/// Segments that one connection sends before others get their turn.
const BURST: usize = 16;

/// How a connection left its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing more to send for now.
    Done,
    /// There is more.
    Again,
    /// The link is full.
    Blocked,
}

/// A segment to be sent.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seq: Seq,
    text: u32,
    flags: Flags,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It starts at the cursor and moves it.
    Cursor,
    /// It repeats what stands at SND.UNA.
    Resend,
    /// It carries an acknowledgement.
    Ack,
    /// It asks for one.
    Probe,
}

impl Tcb {
    /// Sends what can be sent.
    pub(super) fn output(&mut self, now: Instant, out: &mut dyn TcpOut) -> Turn {
        self.restart_after_idle(now);
        for _ in 0..BURST {
            let Some(plan) = self.next_segment() else {
                self.arm_persist(now);
                return Turn::Done;
            };
            if self.transmit(now, &plan, out) == TxResult::Full {
                return Turn::Blocked;
            }
        }
        Turn::Again
    }

    fn next_segment(&self) -> Option<Plan> {
        let d = &self.durable;
        match d.state {
            State::SynSent => return self.syn(Flags::SYN),
            State::SynReceived => {
                if let Some(plan) = self.syn(Flags::SYN | Flags::ACK) {
                    return Some(plan);
                }
            }
            State::Closed | State::Listen | State::TimeWait => return None,
            _ => {
                // RFC 5681 §4.2: duplicates are pure, so they go before any text.
                if !self.ack.owes_duplicates() {
                    let text = self.resend().or_else(|| self.next_text());
                    if text.is_some() {
                        return text;
                    }
                }
            }
        }
        if self.ack.is_due() {
            return Some(Plan { seq: d.snd_nxt, text: 0, flags: Flags::ACK, why: Why::Ack });
        }
        // A segment before the window, which RFC 9293 §3.10.7.4 (first) makes the peer answer.
        self.probe_due.then_some(Plan { seq: d.snd_una - 1, text: 0, flags: Flags::ACK, why: Why::Probe })
    }

    fn syn(&self, flags: Flags) -> Option<Plan> {
        (self.cursor == self.durable.iss).then_some(Plan { seq: self.durable.iss, text: 0, flags, why: Why::Cursor })
    }

    /// The segment at SND.UNA again, if recovery wants it.
    fn resend(&self) -> Option<Plan> {
        let d = &self.durable;
        if !self.recovery.wants_resend() || self.all_acked() {
            return None;
        }
        let end = self.text_end();
        let text = if d.snd_una.before(end) { (end - d.snd_una).min(d.snd_nxt - d.snd_una).min(self.mss()) } else { 0 };
        let with_fin = d.fin == Some(d.snd_una + text) && d.snd_nxt.after(d.snd_una + text);
        let flags = if with_fin { Flags::ACK | Flags::FIN } else { Flags::ACK };
        Some(Plan { seq: d.snd_una, text, flags, why: Why::Resend })
    }

    /// The next piece of text, or the FIN, if windows and the sender's silly-window avoidance (RFC 9293 §3.8.6.2.1) let
    /// it go.
    fn next_text(&self) -> Option<Plan> {
        let d = &self.durable;
        let end = self.text_end();
        let pending = if self.cursor.before(end) { end - self.cursor } else { 0 };
        let fin_due = d.fin.is_some_and(|fin| self.cursor.at_or_before(fin));
        if pending == 0 && !fin_due {
            return None;
        }
        let in_flight = self.in_flight();
        let offered = d.snd_wnd.saturating_sub(in_flight);
        if pending == 0 {
            let plan = Plan { seq: self.cursor, text: 0, flags: Flags::ACK | Flags::FIN, why: Why::Cursor };
            return (offered > 0).then_some(plan);
        }
        let allowed = self.congestion_window().saturating_sub(in_flight);
        let mss = self.mss();
        let text = pending.min(offered).min(allowed).min(mss);
        if text == 0 {
            return None;
        }
        let last = text == pending;
        let goes = text == mss
            || (last && (fin_due || self.may_send_small()))
            || (text == offered && text >= d.snd_wnd_max / 2)
            || self.cursor.before(d.snd_nxt)
            || self.override_hold;
        if !goes {
            return None;
        }
        let mut flags = Flags::ACK;
        if last {
            flags |= Flags::PSH;
            if fin_due && offered > text {
                flags |= Flags::FIN;
            }
        }
        Some(Plan { seq: self.cursor, text, flags, why: Why::Cursor })
    }

    /// What may be in flight as far as the network is concerned.
    fn congestion_window(&self) -> u32 {
        self.congestion.window().saturating_add(self.recovery.inflation())
    }

    /// The congestion window is what holds back output (RFC 7661: only then may it grow).
    pub(super) fn is_congestion_limited(&self) -> bool {
        self.in_flight().saturating_add(self.mss()) > self.congestion_window()
    }

    fn transmit(&mut self, now: Instant, plan: &Plan, out: &mut dyn TcpOut) -> TxResult {
        let d = &self.durable;
        let (window, edge) = self.window_to_offer();
        let syn = plan.flags.contains(Flags::SYN);
        let header = Header {
            src_port: d.local.port(),
            dst_port: d.remote.port(),
            seq: plan.seq,
            ack: if plan.flags.contains(Flags::ACK) { d.rcv_nxt } else { Seq(0) },
            flags: plan.flags,
            window,
            options: Options {
                mss: syn.then_some(self.advertised_mss),
                window_scale: (syn && self.offers_scale()).then_some(d.rcv_scale),
                timestamps: self.stamps(now),
            },
        };
        let mut bytes = [0; MAX_HEADER_LEN];
        let header_len = header.emit(&mut bytes);
        let offset = if plan.text > 0 { (plan.seq - self.text_start()) as usize } else { 0 };
        let segment = TcpSegmentOut {
            src: d.local.ip(),
            remote: d.remote,
            header: &bytes[..header_len],
            payload: self.tx.slices(offset, plan.text as usize),
            ttl: self.options.ttl,
            tos: self.options.tos,
        };
        let result = out.transmit(segment);
        if result == TxResult::Sent {
            self.sent(now, plan, edge);
        }
        result
    }

    /// A SYN offers a scale; a SYN-ACK only to a peer that did (RFC 7323 §2.2), which has then set one of the two.
    fn offers_scale(&self) -> bool {
        self.durable.state == State::SynSent || self.durable.rcv_scale > 0
    }

    fn sent(&mut self, now: Instant, plan: &Plan, edge: Seq) {
        let controls = plan.flags.intersection(Flags::SYN.union(Flags::FIN)).bits().count_ones();
        let end = plan.seq + plan.text + controls;
        self.counters.segs_out += 1;
        self.durable.rcv_adv = self.durable.rcv_adv.max(edge);
        if plan.why == Why::Probe {
            self.probe_due = false;
            return;
        }
        if plan.flags.contains(Flags::ACK) {
            self.ack.on_sent(self.durable.rcv_nxt, plan.why == Why::Ack);
            self.timers.cancel(Timer::DelayedAck);
        }
        if end == plan.seq {
            return;
        }
        if plan.seq.before(self.durable.snd_nxt) {
            self.rtt.retransmitted();
            self.counters.retransmits += 1;
            self.counters.bytes_retransmitted += u64::from(plan.text);
        }
        if end.after(self.durable.snd_nxt) {
            self.rtt.sent(end, now);
            self.durable.snd_nxt = end;
        }
        if plan.text > 0 {
            self.sent_text(now, plan);
        }
        self.override_hold = false;
        match plan.why {
            Why::Resend => {
                self.recovery.resent();
                self.cursor = self.cursor.max(end);
            }
            _ => self.cursor = end,
        }
        // RFC 6298 §5.1.
        if !self.timers.is_set(Timer::Retransmit) {
            self.restart_retransmit(now);
        }
        self.waiting_since.get_or_insert(now);
    }

    fn sent_text(&mut self, now: Instant, plan: &Plan) {
        self.counters.data_segs_out += 1;
        self.counters.bytes_sent += u64::from(plan.text);
        self.last_text_sent = Some(now);
        self.ack.on_answer(now);
        if plan.text < self.mss() {
            self.small_end = plan.seq + plan.text;
        }
    }

    /// RFC 5681 §4.1: after a silence longer than the timeout the window says nothing about the path any more.
    fn restart_after_idle(&mut self, now: Instant) {
        let silent = self.last_text_sent.is_some_and(|last| now.since(last) > self.rtt.rto().max(DELAY));
        if silent && self.all_acked() {
            self.last_text_sent = None;
            self.congestion.on_idle();
        }
    }

    /// Output waits and nothing is in flight whose acknowledgement would restart it: only a timer can.
    fn arm_persist(&mut self, now: Instant) {
        let fin_due = self.durable.fin.is_some_and(|fin| self.cursor.at_or_before(fin));
        let waits = self.durable.state.is_synchronized() && (self.cursor.before(self.text_end()) || fin_due);
        if !waits || self.in_flight() > 0 {
            self.timers.cancel(Timer::Persist);
        } else if !self.timers.is_set(Timer::Persist) {
            self.timers.set(Timer::Persist, now + self.persist_interval());
        }
    }
}
