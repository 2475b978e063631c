//! Fifth, check the ACK field (RFC 9293 §3.10.7.4).

use super::Discard;
use crate::tcp::recovery::NewAck;
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
        self.process_new_ack(now, segment, text_start);
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
        if header.ack.after(self.durable.snd_una) {
            self.process_new_ack(now, segment, text_start);
        } else if self.is_duplicate(segment) {
            let (una, nxt, mss) = (self.durable.snd_una, self.durable.snd_nxt, self.mss());
            self.recovery.on_duplicate(una, nxt, mss, &mut *self.congestion);
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

    /// `text_start`: where the tx ring begins; one past SND.UNA while that is the SYN's.
    fn process_new_ack(&mut self, now: Instant, segment: &Segment<'_>, text_start: Seq) {
        let ack = segment.header.ack;
        let limited = self.is_congestion_limited();
        let acked = ack - self.durable.snd_una;
        let text_acked = if ack.after(text_start) { (ack - text_start) as usize } else { 0 };
        // All but the FIN. The clamp is for a producer that took back what it had published.
        let text_acked = text_acked.min(self.tx.len());
        if text_acked > 0 {
            self.tx.consume(text_acked);
            self.counters.bytes_acked += text_acked as u64;
        }
        self.durable.snd_una = ack;
        self.cursor = self.cursor.max(ack);
        self.small_end = self.small_end.max(ack);
        self.touched = true;
        self.retries = 0;

        self.rtt.acked(ack, now, self.echoed(now, segment));

        let (nxt, mss) = (self.durable.snd_nxt, self.mss());
        let progress = self.recovery.on_new_ack(ack, nxt, acked, mss, &mut *self.congestion);
        if progress == NewAck::Open {
            self.congestion.on_ack(acked, limited);
        }
        // RFC 6298 §5.2, §5.3.
        if self.all_acked() {
            self.timers.cancel(Timer::Retransmit);
            self.waiting_since = None;
        } else if progress != (NewAck::Partial { restart_timer: false }) {
            self.restart_retransmit(now);
            self.waiting_since = Some(now);
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
        let d = &self.durable;
        !self.all_acked()
            && segment.is_empty()
            && segment.header.ack == d.snd_una
            && self.window_in(segment) == d.snd_wnd
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
