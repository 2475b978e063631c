//! Fifth, check the ACK field (RFC 9293 §3.10.7.4).

use super::Discard;
use crate::tcp::recovery::News;
use crate::tcp::seq::Seq;
use crate::tcp::state::State;
use crate::tcp::tcb::Tcb;
use crate::tcp::timers::Timer;
use crate::time::Instant;
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
        } else if header.ack.before(d.snd_una) && d.snd_una - header.ack > d.snd_wnd_max {
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

    /// What an acknowledgement says of what is in flight, and what follows from that. `text_start`: where the tx ring begins, which
    /// is one past SND.UNA while that is the SYN's number.
    fn process_news(&mut self, now: Instant, segment: &Segment<'_>, text_start: Seq) {
        if segment.header.ack == self.durable.snd_una && self.sent.is_empty() {
            self.take_late_duplicate(now, segment);
            return;
        }
        // Linux: MSG_MORE holds text back until an acknowledgement, and from then on Nagle's algorithm does.
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

    /// Nothing is in flight, but the peer may still report that it got a repetition twice: it was not needed (RFC 2883 §4,
    /// RFC 8985 §7.4).
    fn take_late_duplicate(&mut self, now: Instant, segment: &Segment<'_>) {
        if !self.durable.sack || segment.header.options.sack.is_empty() && !self.tlp.awaits_answer() {
            return;
        }
        let mut news = News { duplicate: self.repeats_itself(segment), ..News::default() };
        self.take_sacks(now, segment, &mut news);
        self.recover(now, &news);
    }

    /// A SACK restarts the timer only for segments that were sent after the oldest: otherwise that one would never time out.
    fn is_newer_than_first(&self, now: Instant, news: &News) -> bool {
        news.rtt.zip(self.sent.first()).is_some_and(|(rtt, first)| rtt < now.since(first.at))
    }

    /// RFC 5681 §2.
    pub(super) fn is_duplicate(&self, segment: &Segment<'_>) -> bool {
        !self.all_acked() && self.repeats_itself(segment)
    }

    /// It says nothing new, but for its options.
    pub(super) fn repeats_itself(&self, segment: &Segment<'_>) -> bool {
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
