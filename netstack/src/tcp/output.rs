//! What a connection puts on the wire, one segment at a time. No segment is kept, only a record of it ([`sent`](super::sent)):
//! a retransmission reads the tx ring again.

use super::delayed_ack::DELAY;
use super::ecn;
use super::rate::Departure;
use super::seam::{TcpOut, TcpSegmentOut};
use super::seq::Seq;
use super::state::State;
use super::tcb::Tcb;
use super::timers::Timer;
use crate::link::TxResult;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Header, MAX_HEADER_LEN, MAX_SACK_BLOCKS, Options, SackBlocks};

/// IPv6's header and the longest of TCP's.
const LONGEST_HEADERS: u32 = 40 + MAX_HEADER_LEN as u32;

/// Segments that one connection sends before others have their turn.
const BURST: usize = 16;

/// How a connection left its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing more to send for now.
    Done,
    /// There is more.
    Again,
    /// The link is full; or it was when some had been sent.
    Blocked { sent: bool },
}

/// A segment to be sent.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seq: Seq,
    text: u32,
    flags: Flags,
    why: Why,
    /// It is several full segments, which are cut below TCP.
    joined: bool,
}

impl Plan {
    fn is_syn(&self) -> bool {
        self.flags.contains(Flags::SYN)
    }

    /// The number after its last; a SYN and a FIN have one each.
    fn end(&self) -> Seq {
        let controls = self.flags.intersection(Flags::SYN.union(Flags::FIN)).bits().count_ones();
        self.seq + self.text + controls
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It starts at SND.NXT and moves it.
    New,
    /// It was sent before.
    Again,
    /// It carries an acknowledgement.
    Ack,
    /// It asks for one.
    Probe,
}

impl Tcb {
    /// Sends what can be sent.
    pub(super) fn output(&mut self, now: Instant, out: &mut dyn TcpOut) -> Turn {
        self.follow_path(out);
        self.restart_after_idle(now);
        let before = self.durable.snd_nxt;
        let most = self.most_text(out);
        for number in 0..BURST {
            let Some(plan) = self.next_segment(now, most) else {
                self.rest(now, before);
                return Turn::Done;
            };
            if self.transmit(now, &plan, out) == TxResult::Full {
                return Turn::Blocked { sent: number > 0 };
            }
        }
        Turn::Again
    }

    /// Nothing more can go for now; SND.NXT was at `before` when the turn began.
    fn rest(&mut self, now: Instant, before: Seq) {
        self.arm_persist(now);
        let (una, nxt, pipe) = (self.durable.snd_una, self.durable.snd_nxt, self.pipe());
        let room = self.congestion_window().saturating_sub(pipe);
        let limited = room < self.mss() && (self.sent.has_waiting() || self.unsent() > room as usize);
        if nxt != before || limited {
            self.usage.note(una, nxt, nxt - una, limited);
        }
        if nxt != before {
            self.schedule_probe(now);
        }
        if self.unsent() == 0 && !limited && !self.sent.has_waiting() {
            self.rate.set_app_limited(pipe);
        }
    }

    /// Text of the largest segment that may leave now. It is more than the MSS if it is cut below TCP, but no more than the path
    /// carries in a millisecond, so that a bottleneck's queue does not get it all at once (as Linux's tcp_tso_autosize).
    fn most_text(&self, out: &dyn TcpOut) -> u32 {
        let (mss, d) = (self.mss(), &self.durable);
        // The urgent pointer belongs to one segment, and no link repeats IP options.
        let single = self.snd_up().is_some() || self.options_behind_header() > 0;
        if self.unsent() <= mss as usize || !d.state.is_synchronized() || single {
            return mss;
        }
        let longest = out.longest_segment(d.local.ip(), d.remote, self.options.limits());
        if longest == 0 {
            return mss;
        }
        let srtt = self.rtt.smoothed().as_micros().max(1) as u64;
        let in_a_millisecond = u64::from(self.congestion_window()) * 1000 / srtt;
        let room = longest.saturating_sub(LONGEST_HEADERS);
        let burst = u32::try_from(in_a_millisecond).unwrap_or(u32::MAX).max(2 * mss).min(room);
        (burst - burst % mss).max(mss)
    }

    /// `most`: text of the largest segment.
    fn next_segment(&mut self, now: Instant, most: u32) -> Option<Plan> {
        let state = self.durable.state;
        if matches!(state, State::SynSent | State::SynReceived) {
            let syn = self.syn();
            if syn.is_some() || state == State::SynSent {
                return syn;
            }
        }
        match state {
            State::Closed | State::Listen | State::TimeWait => return None,
            State::SynReceived if !self.is_early() => {}
            // RFC 5681 §4.2: duplicates are pure, so they go before any text.
            _ if self.ack.owes_duplicates() => {}
            _ => {
                let text = self.probe().or_else(|| {
                    // Retransmissions are not paced: PRR spaces them, and they are urgent.
                    self.repetition().or_else(|| {
                        let text = self.next_text(0, most);
                        text.filter(|plan| plan.text == 0 || self.pacing_allows(now))
                    })
                });
                if text.is_some() {
                    return text;
                }
            }
        }
        let d = &self.durable;
        if self.ack.is_due() {
            return Some(Plan { seq: d.snd_nxt, text: 0, flags: Flags::ACK, why: Why::Ack, joined: false });
        }
        let nothing = Plan { seq: d.snd_una, text: 0, flags: Flags::ACK, why: Why::Probe, joined: false };
        if self.urgent_due {
            return Some(nothing);
        }
        // A segment before the window, which RFC 9293 §3.10.7.4 (first) makes the peer answer.
        self.probe_due.then_some(Plan { seq: d.snd_una - 1, ..nothing })
    }

    /// The SYN, for the first time or again.
    fn syn(&mut self) -> Option<Plan> {
        let flags = if self.durable.state == State::SynSent { Flags::SYN } else { Flags::SYN | Flags::ACK };
        let iss = self.durable.iss;
        if self.durable.snd_nxt == iss {
            let plan = Plan { seq: iss, text: self.syn_text(), flags, why: Why::New, joined: false };
            return (!self.early.deferred).then_some(plan);
        }
        // Text that was sent with it, or after a SYN-ACK of Fast Open, is sent again after the handshake only.
        let (start, _) = self.sent.next_waiting(1)?;
        (start == iss).then_some(Plan { seq: iss, text: 0, flags, why: Why::Again, joined: false })
    }

    /// The oldest segment that is lost and was not sent again, if the windows have room for it.
    fn repetition(&mut self) -> Option<Plan> {
        if !self.sent.has_waiting() || self.recovery.prefers_new() {
            return None;
        }
        let mss = self.mss();
        // A window smaller than a segment must not hold it back for ever.
        if self.congestion_window().saturating_sub(self.pipe()) < mss.min(self.congestion_window()) {
            return None;
        }
        let (start, end) = self.sent.next_waiting(mss)?;
        let before = start - self.durable.snd_una;
        // The peer may have shrunk its window.
        let offered = self.durable.snd_wnd.saturating_sub(before);
        (offered > 0).then(|| self.again(start, start + (end - start).min(offered)))
    }

    /// `start..end` again, which was sent before.
    fn again(&self, start: Seq, end: Seq) -> Plan {
        let fin = self.durable.fin.filter(|&fin| end.after(fin));
        let text_end = fin.unwrap_or(end);
        let text = if start.before(text_end) { text_end - start } else { 0 };
        let mut flags = Flags::ACK;
        if fin.is_some() {
            flags |= Flags::FIN;
        }
        if text > 0 && text_end == self.text_end() {
            flags |= Flags::PSH;
        }
        Plan { seq: start, text, flags, why: Why::Again, joined: false }
    }

    /// A tail loss probe: new text, or the last segment again (RFC 8985 §7.3), whatever the congestion window.
    fn probe(&self) -> Option<Plan> {
        if !self.tlp.is_due() {
            return None;
        }
        let mss = self.mss();
        self.next_text(mss, mss).or_else(|| {
            let last = self.sent.last()?;
            let start = if last.len() > mss { last.end - mss } else { last.start };
            Some(self.again(start, last.end))
        })
    }

    /// The next piece of text, or the FIN, if windows and the sender's silly-window avoidance (RFC 9293 §3.8.6.2.1) let
    /// it go. `least`: what the congestion window is taken to have room for; `most`: text of the largest segment.
    fn next_text(&self, least: u32, most: u32) -> Option<Plan> {
        let d = &self.durable;
        let (nxt, end) = (d.snd_nxt, self.text_end());
        let pending = if nxt.before(end) { end - nxt } else { 0 };
        let fin_due = d.fin.is_some_and(|fin| nxt.at_or_before(fin));
        if pending == 0 && !fin_due {
            return None;
        }
        let offered = d.snd_wnd.saturating_sub(self.outstanding());
        if pending == 0 {
            let plan = Plan { seq: nxt, text: 0, flags: Flags::ACK | Flags::FIN, why: Why::New, joined: false };
            return (offered > 0).then_some(plan);
        }
        let allowed = self.congestion_window().saturating_sub(self.pipe()).max(least);
        let probe = self.mtu_probe().filter(|&probe| least == 0 && probe <= pending.min(offered).min(allowed));
        let mss = probe.unwrap_or_else(|| self.mss());
        let text = pending.min(offered).min(allowed).min(if probe.is_some() { mss } else { most });
        // Several segments at once are all full; the rest is a segment of its own, with its own reasons to go or to wait.
        let text = if text > mss { text - text % mss } else { text };
        if text == 0 {
            return None;
        }
        let last = text == pending;
        let goes = text >= mss
            || (last && (fin_due || least > 0 || self.may_send_small()))
            || (text == offered && text >= d.snd_wnd_max / 2)
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
        Some(Plan { seq: nxt, text, flags, why: Why::New, joined: text > mss })
    }

    fn transmit(&mut self, now: Instant, plan: &Plan, out: &mut dyn TcpOut) -> TxResult {
        let outgoing = ecn::Outgoing {
            flags: plan.flags,
            again: plan.why == Why::Again,
            new_text: plan.why == Why::New && plan.text > 0,
        };
        let (ecn_flags, ecn_field) = self.ecn_of(outgoing);
        let (window, edge) = self.window_to_offer(plan.is_syn());
        let mut header = self.header(now, plan);
        header.flags |= ecn_flags;
        header.window = window;
        let mut bytes = [0; MAX_HEADER_LEN];
        let header_len = header.emit(&mut bytes);
        let offset = if plan.text > 0 && !plan.is_syn() { (plan.seq - self.text_start()) as usize } else { 0 };
        let tag = if plan.text > 0 && self.times.is_some() { self.tx_timestamp_tag(offset, plan.text) } else { None };
        let d = &self.durable;
        let segment = TcpSegmentOut {
            src: d.local.ip(),
            remote: d.remote,
            limits: self.options.limits(),
            options: self.options.behind_header(d.remote).map(|options| &**options),
            flow_label: self.options.flow_label,
            header: &bytes[..header_len],
            payload: self.tx.slices(offset, plan.text as usize),
            ttl: self.options.ttl_to(d.remote),
            tos: self.options.tos_to(d.remote) | ecn_field,
            segment_size: if plan.joined { self.mss() as u16 } else { 0 },
            tag,
        };
        let result = out.transmit(segment);
        if result == TxResult::Sent {
            if !header.options.sack.is_empty() {
                self.sack_report.on_sent();
            }
            self.account(now, plan, edge);
            self.ecn_sent(outgoing);
        }
        result
    }

    /// The TCP header, but for the window and what ECN says.
    fn header(&self, now: Instant, plan: &Plan) -> Header {
        let (d, syn) = (&self.durable, plan.is_syn());
        let mut header = Header {
            src_port: d.local.port(),
            dst_port: d.remote.port(),
            seq: plan.seq,
            ack: if plan.flags.contains(Flags::ACK) { d.rcv_nxt } else { Seq(0) },
            flags: plan.flags,
            window: 0,
            urgent: 0,
            options: Options {
                mss: syn.then_some(self.advertised_mss),
                window_scale: (syn && self.offers_scale()).then_some(d.rcv_scale),
                timestamps: self.stamps(now),
                sack_permitted: syn && d.sack,
                sack: self.sack_blocks(plan),
                fast_open: if syn { self.early.option } else { None },
            },
        };
        self.point_at_urgent(&mut header);
        header
    }

    /// RFC 2018 §4: SACK goes with every acknowledgement while something is out of order. A full segment has no room for it, but the
    /// acknowledgement of an arrival is a segment without text.
    fn sack_blocks(&self, plan: &Plan) -> SackBlocks {
        let room = self.path_mss().saturating_sub(plan.text);
        let due = self.durable.sack && plan.flags.contains(Flags::ACK) && !plan.flags.contains(Flags::SYN);
        if !due || room < SackBlocks::option_len(MAX_SACK_BLOCKS) as u32 || !self.sack_report.is_due(&self.reassembly) {
            return SackBlocks::default();
        }
        self.sack_report.blocks(&self.reassembly, self.ack.later_duplicates())
    }

    /// A SYN offers a scale; a SYN-ACK only to a peer that did (RFC 7323 §2.2), which has then set one of the two.
    fn offers_scale(&self) -> bool {
        self.durable.state == State::SynSent || self.durable.rcv_scale > 0
    }

    /// Keeps the books on a segment that has left; `edge`: the right edge of the window that it offers.
    fn account(&mut self, now: Instant, plan: &Plan, edge: Seq) {
        self.counters.segs_out += self.segments(plan);
        self.durable.rcv_adv = self.durable.rcv_adv.max(edge);
        if plan.why == Why::Probe {
            if plan.seq == self.durable.snd_una {
                self.urgent_due = false;
            } else {
                self.probe_due = false;
            }
            return;
        }
        if plan.flags.contains(Flags::ACK) {
            self.ack.on_sent(self.durable.rcv_nxt, plan.why == Why::Ack);
            self.timers.cancel(Timer::DelayedAck);
        }
        let end = plan.end();
        if end == plan.seq {
            return;
        }
        let departure = self.rate.on_sent(now, self.pipe() == 0);
        if plan.why == Why::Again {
            self.account_repetition(now, plan, departure);
        } else {
            self.account_new(now, plan, departure);
        }
        self.recovery.on_sent(end - plan.seq);
        if plan.text > 0 {
            self.account_text(now, plan);
        }
        if self.tlp.is_due() {
            self.tlp.on_sent(self.durable.snd_nxt, plan.why == Why::Again);
        }
        self.override_hold = false;
        // RFC 6298 §5.1.
        if !self.timers.is_set(Timer::Retransmit) {
            self.restart_retransmit(now);
        }
        self.waiting_since.get_or_insert(now);
    }

    fn account_repetition(&mut self, now: Instant, plan: &Plan, departure: Departure) {
        self.counters.retransmits += 1;
        self.counters.bytes_retransmitted += u64::from(plan.text);
        self.sent.repeat(plan.seq, plan.end(), now, departure);
        self.mtu_probe_repeated(plan.seq);
        self.note_repetition(now, plan.end() - plan.seq);
    }

    /// SND.NXT moves past the segment.
    fn account_new(&mut self, now: Instant, plan: &Plan, departure: Departure) {
        let (mut start, end) = (plan.seq, plan.end());
        if plan.is_syn() {
            // The text behind a SYN is a segment of its own: only that is ever sent again together with others.
            self.sent.push(start, start + 1, now, departure);
            self.syn_left(plan.text);
            start += 1;
        }
        if start != end {
            self.sent.push(start, end, now, departure);
        }
        self.durable.snd_nxt = end;
        self.note_sent();
        if !plan.joined {
            self.mtu_probe_sent(plan.seq, plan.text);
        }
    }

    /// Segments on the wire.
    fn segments(&self, plan: &Plan) -> u64 {
        if plan.joined { u64::from(plan.text / self.mss()) } else { 1 }
    }

    fn account_text(&mut self, now: Instant, plan: &Plan) {
        self.counters.data_segs_out += self.segments(plan);
        self.counters.bytes_sent += u64::from(plan.text);
        self.note_paced(plan.text);
        self.last_text_sent = Some(now);
        self.ack.on_answer(now);
        if plan.text < self.mss() {
            self.small_end = plan.seq + plan.text + u32::from(plan.flags.contains(Flags::SYN));
        }
    }

    /// RFC 5681 §4.1: after a silence longer than the timeout the window says nothing about the path any more.
    fn restart_after_idle(&mut self, now: Instant) {
        let Some(last) = self.last_text_sent.filter(|_| self.all_acked()) else { return };
        let rto = self.rtt.base().max(DELAY);
        let timeouts = (now.since(last).as_nanos() / rto.as_nanos().max(1)).min(31) as u32;
        if timeouts > 0 {
            self.last_text_sent = None;
            self.congestion.on_idle(now, timeouts);
        }
    }

    /// Output waits and nothing is in flight whose acknowledgement would restart it: only a timer can.
    fn arm_persist(&mut self, now: Instant) {
        let fin_due = self.durable.fin.is_some_and(|fin| self.durable.snd_nxt.at_or_before(fin));
        let waits = self.unsent() > 0 || fin_due || self.sent.has_waiting();
        if !waits || !self.durable.state.is_synchronized() || self.sent.pipe() > 0 || self.timers.is_set(Timer::Pacing)
        {
            self.timers.cancel(Timer::Persist);
        } else if !self.timers.is_set(Timer::Persist) {
            self.timers.set(Timer::Persist, now + self.persist_interval());
        }
    }
}
