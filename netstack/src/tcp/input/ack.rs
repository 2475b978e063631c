//! Fifth, check the ACK field (RFC 9293 §3.10.7.4).

use super::Discard;
use super::sequence::is_older;
use crate::tcp::recovery::News;
use crate::tcp::seq::Seq;
use crate::tcp::state::State;
use crate::tcp::tcb::{Tcb, millis};
use crate::tcp::timers::Timer;
use crate::time::{Duration, Instant};
use crate::wire::tcp::{Flags, Segment};

impl Tcb {
    /// The handshake's last acknowledgement, which the SYN queue has checked.
    pub(in crate::tcp) fn complete_handshake(&mut self, now: Instant, segment: &Segment<'_>) {
        let text_start = self.text_start();
        self.establish(now, segment);
        self.process_news(now, segment, text_start);
    }

    pub(super) fn process_ack(&mut self, now: Instant, segment: &Segment<'_>) -> Result<(), Discard> {
        let header = &segment.header;
        if !header.has(Flags::ACK) {
            return Err(Discard::Silently);
        }
        let text_start = self.text_start();
        let d = &self.durable;
        if d.state == State::SynReceived {
            if !(header.ack.after(d.snd_una) && header.ack.at_or_before(d.snd_nxt)) {
                return Err(Discard::WithReset);
            }
            self.establish(now, segment);
        } else if header.ack.before(d.snd_una - d.snd_wnd_max) {
            // RFC 5961 §5.2.
            return Err(Discard::WithChallenge);
        } else if header.ack.after(d.snd_nxt) {
            // RFC 9293: the ACK acknowledges something not yet sent.
            return Err(Discard::WithChallenge);
        }
        if header.ack.at_or_after(self.durable.snd_una) {
            self.process_news(now, segment, text_start);
        }
        self.update_window(segment);
        self.advance_state();
        if self.durable.state == State::Closed { Err(Discard::Silently) } else { Ok(()) }
    }

    /// SYN-RECEIVED becomes ESTABLISHED, or FIN-WAIT-1 if the program has closed already (§3.10.4).
    fn establish(&mut self, now: Instant, segment: &Segment<'_>) {
        let header = &segment.header;
        let window = self.window_in(segment);
        let d = &mut self.durable;
        d.state = if d.fin.is_some() { State::FinWait1 } else { State::Established };
        d.snd_wnd = window;
        d.snd_wnd_max = d.snd_wnd_max.max(d.snd_wnd);
        d.snd_wl1 = header.seq;
        d.snd_wl2 = header.ack;
        self.touched = true;
        self.restart_keepalive(now);
    }

    /// What an acknowledgement says of what is out, and what follows from that. `text_start`: where the tx ring begins; one
    /// past SND.UNA while that is the SYN's.
    fn process_news(&mut self, now: Instant, segment: &Segment<'_>, text_start: Seq) {
        if segment.header.ack == self.durable.snd_una && self.sent.is_empty() {
            self.take_late_duplicate(now, segment);
            return;
        }
        // Linux: MSG_MORE holds back until then, and Nagle's algorithm from then on.
        self.more_comes = false;
        let mut news = self.take_news(now, segment, text_start);
        news.rate = self.rate.sample(now, self.rtt.smallest());
        self.recover(now, &news);
        // RFC 6298 §5.2, §5.3.
        if self.all_acked() {
            self.timers.cancel(Timer::Retransmit);
            self.timers.cancel(Timer::Probe);
            self.timers.cancel(Timer::Reorder);
            self.waiting_since = None;
        } else if news.acked > 0 || news.sacked > 0 && self.is_newer_than_first(now, &news) {
            self.restart_retransmit(now);
            self.waiting_since = Some(now);
            self.schedule_probe(now);
        }
    }

    /// Nothing is out, but what was sent again may be answered once more: it was not needed (RFC 2883 §4, RFC 8985 §7.4).
    fn take_late_duplicate(&mut self, now: Instant, segment: &Segment<'_>) {
        if !self.durable.sack || segment.header.options.sack.is_empty() && !self.tlp.awaits_answer() {
            return;
        }
        let mut news = News { duplicate: self.repeats_itself(segment), ..News::default() };
        self.take_sacks(now, segment, &mut news);
        self.recover(now, &news);
    }

    /// A sack moves the timer only if what it tells of left after the oldest did: else that one would never time out.
    fn is_newer_than_first(&self, now: Instant, news: &News) -> bool {
        news.rtt.zip(self.sent.first()).is_some_and(|(rtt, first)| rtt < now.since(first.at))
    }

    /// Takes what an acknowledgement covers, in order or not, off the list of what is out, and measures by it.
    pub(super) fn take_news(&mut self, now: Instant, segment: &Segment<'_>, text_start: Seq) -> News {
        let header = &segment.header;
        let (ack, una) = (header.ack, self.durable.snd_una);
        let echoed = self.echoed(now, segment);
        let mut news = News {
            acked: ack - una,
            duplicate: self.is_duplicate(segment),
            congested: self.ecn_congested(segment),
            echo: echoed.map(|age| millis(now).wrapping_sub(age.as_millis() as u32)),
            ..News::default()
        };
        let (echo, high, min_rtt) = (news.echo, self.recovery.high(), self.rtt.smallest());
        let echo_is_older = |at: Instant| echo.is_some_and(|echo| is_older(echo, millis(at)));
        let (rack, rate) = (&mut self.rack, &mut self.rate);
        // Round trips of the oldest and the newest segment in order, of those sent once.
        let mut oldest = None;
        let mut late = false;
        self.sent.on_ack(ack, |sent, new| {
            news.repeated |= sent.ever_repeated();
            late |= sent.ever_repeated() && echo_is_older(sent.at);
            if new == 0 {
                return;
            }
            news.delivered += new;
            rate.on_delivered(new, &sent.departure, sent.at);
            rack.on_delivered(now, sent, min_rtt, echo_is_older(sent.at));
            if !sent.ever_repeated() {
                oldest.get_or_insert(now.since(sent.at));
                news.rtt = Some(now.since(sent.at));
                news.original |= sent.end.at_or_before(high);
            }
        });
        if news.repeated {
            oldest = None;
            // Without SACK what was sent once may have waited at the receiver for what was repeated.
            news.original &= self.durable.sack;
        }
        if news.acked > 0 {
            self.free_text(ack, text_start);
            self.mtu_carried(now, news.acked);
        }
        if self.durable.sack {
            self.take_sacks(now, segment, &mut news);
        } else {
            self.estimate_delivery(&mut news);
        }
        let (una, nxt) = (self.durable.snd_una, self.durable.snd_nxt);
        // RFC 6298 §3: a timestamp is valid for repeated segments too, but counts whole milliseconds: none of them is not
        // no time, which would be the smallest round trip for long.
        // A SYN that was answered only when it had been repeated says nothing about the path: it may have waited for the
        // next hop's address, and what is paced by such a round trip takes a second to learn better.
        let stamped = echoed.filter(|_| news.acked > 0 && news.repeated && !(late && self.rtt.is_unmeasured()));
        let stamped = stamped.map(|age| age.max(Duration::from_millis(1)));
        let sacked = news.rtt.filter(|_| news.acked == 0);
        if let Some(rtt) = oldest.or(sacked).or(stamped) {
            self.rtt.measured(now, rtt, una, nxt);
        }
        if let Some(rtt) = news.rtt {
            self.rtt.observe(now, rtt);
        }
        news
    }

    /// SND.UNA moves to `ack`: the tx ring lets go of what lies before it.
    fn free_text(&mut self, ack: Seq, text_start: Seq) {
        let text_acked = if ack.after(text_start) { (ack - text_start) as usize } else { 0 };
        // All but the FIN. The clamp is for a producer that took back what it had published.
        let text_acked = text_acked.min(self.tx.len());
        if text_acked > 0 {
            self.tx.consume(text_acked);
            self.counters.bytes_acked += text_acked as u64;
        }
        self.durable.snd_una = ack;
        self.small_end = self.small_end.max(ack);
        self.touched = true;
        self.retries = 0;
    }

    /// The blocks of a SACK option (RFC 2018 §5, RFC 2883 §5).
    fn take_sacks(&mut self, now: Instant, segment: &Segment<'_>, news: &mut News) {
        let blocks = segment.header.options.sack;
        let (una, nxt) = (segment.header.ack, self.durable.snd_nxt);
        let Some((&first, others)) = blocks.as_slice().split_first() else { return };
        let inside = |(start, end): (Seq, Seq), of: (Seq, Seq)| start.at_or_after(of.0) && end.at_or_before(of.1);
        let mut blocks = blocks;
        if first.0.before(una) || others.first().is_some_and(|&second| inside(first, second)) {
            // RFC 2883 §4: the first block tells of a duplicate.
            if self.take_duplicate(first, if first.0.before(una) { una } else { nxt }) {
                news.duplicate_end = Some(first.1);
                self.recovery.undo.on_duplicate(first.0, first.1);
            }
            blocks = Default::default();
            others.iter().for_each(|&(start, end)| blocks.push(start, end));
        }
        // In order: what one acknowledgement tells of did not overtake itself.
        let mut sorted = [(Seq(0), Seq(0)); crate::wire::tcp::MAX_SACK_BLOCKS];
        let sorted = &mut sorted[..blocks.as_slice().len()];
        sorted.copy_from_slice(blocks.as_slice());
        sorted.sort_unstable_by_key(|&(start, _)| start - una);
        let (echo, high, min_rtt) = (news.echo, self.recovery.high(), self.rtt.smallest());
        let echo_is_older = |at: Instant| echo.is_some_and(|echo| is_older(echo, millis(at)));
        let mss = self.path_mss();
        for &(start, end) in &*sorted {
            // RFC 2018 §5: only of what is out.
            if start.at_or_before(una) || end.after(nxt) || !start.before(end) {
                continue;
            }
            let (rack, rate) = (&mut self.rack, &mut self.rate);
            self.sent.on_sack(start, end, mss, |sent| {
                news.sacked += sent.len();
                news.delivered += sent.len();
                rate.on_delivered(sent.len(), &sent.departure, sent.at);
                rack.on_delivered(now, sent, min_rtt, echo_is_older(sent.at));
                if !sent.ever_repeated() {
                    news.rtt = Some(now.since(sent.at));
                    news.original |= sent.end.at_or_before(high);
                }
            });
        }
    }

    /// Counts a duplicate that the receiver tells of, which ends at `limit` at the latest. True if a repetition of ours can have
    /// made it, as Linux judges (`tcp_dsack_seen`): it is not longer than the window ever was, and not more is told of than was
    /// repeated; beyond that it is the network that makes copies.
    fn take_duplicate(&mut self, (start, end): (Seq, Seq), limit: Seq) -> bool {
        if !start.before(end) || end.after(limit) || end - start > self.durable.snd_wnd_max {
            return false;
        }
        let len = end - start;
        self.counters.dsacks = self.counters.dsacks.saturating_add(len.div_ceil(self.path_mss()));
        self.counters.bytes_dsacked += u64::from(len);
        // A FIN has a number too.
        self.counters.bytes_dsacked <= self.counters.bytes_retransmitted + 1
    }

    /// RFC 9937 §6.1 for a receiver without SACK: a duplicate stands for a segment, which its acknowledgement counts no more.
    fn estimate_delivery(&self, news: &mut News) {
        let mss = self.mss();
        if news.acked > 0 {
            let counted = self.recovery.duplicates().saturating_mul(mss);
            news.delivered = news.acked.saturating_sub(counted).max(mss.min(news.acked));
        } else if news.duplicate {
            news.delivered = mss.min(self.pipe());
        }
    }

    /// The age of the timestamp that a segment echoes (RFC 7323 §4.1), if it is one that we can have sent.
    pub(in crate::tcp) fn echoed(&self, now: Instant, segment: &Segment<'_>) -> Option<Duration> {
        let (ours, theirs) = self.durable.timestamps.zip(segment.header.options.timestamps)?;
        let age = millis(now).wrapping_add(ours.offset).wrapping_sub(theirs.echo);
        Some(Duration::from_millis(u64::from(age))).filter(|age| *age < Duration::from_secs(120))
    }

    /// RFC 5681 §2.
    fn is_duplicate(&self, segment: &Segment<'_>) -> bool {
        !self.all_acked() && self.repeats_itself(segment)
    }

    /// It says nothing that was not said before, outside of its options.
    fn repeats_itself(&self, segment: &Segment<'_>) -> bool {
        let d = &self.durable;
        segment.is_empty() && segment.header.ack == d.snd_una && self.window_in(segment) == d.snd_wnd
    }

    /// SEG.WND in bytes. That of a SYN is never scaled, nor that of the SYN-ACK of a simultaneous open (RFC 7323 §2.2).
    fn window_in(&self, segment: &Segment<'_>) -> u32 {
        let scale = if segment.header.has(Flags::SYN) { 0 } else { self.durable.snd_scale };
        u32::from(segment.header.window) << scale
    }

    /// RFC 9293: SND.WND follows the newest segment only.
    fn update_window(&mut self, segment: &Segment<'_>) {
        let header = &segment.header;
        let window = self.window_in(segment);
        let d = &mut self.durable;
        let newer = d.snd_wl1.before(header.seq) || (d.snd_wl1 == header.seq && d.snd_wl2.at_or_before(header.ack));
        if header.ack.before(d.snd_una) || !newer {
            return;
        }
        d.snd_wnd = window;
        d.snd_wnd_max = d.snd_wnd_max.max(d.snd_wnd);
        d.snd_wl1 = header.seq;
        d.snd_wl2 = header.ack;
        if d.snd_wnd > 0 && self.persist_backoff > 0 {
            self.persist_backoff = 0;
            self.waiting_since = None;
        }
    }

    /// What the acknowledgement of our FIN means.
    fn advance_state(&mut self) {
        if !self.fin_acked() {
            return;
        }
        match self.durable.state {
            State::FinWait1 => {
                self.durable.state = State::FinWait2;
                self.touched = true;
            }
            State::Closing => {
                self.durable.state = State::TimeWait;
                self.touched = true;
            }
            State::LastAck => self.end(),
            _ => {}
        }
    }
}
