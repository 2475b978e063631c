//! A segment arrives in SYN-SENT (RFC 9293 §3.10.7.3).

use super::Discard;
use crate::tcp::delayed_ack::DelayedAck;
use crate::tcp::durable::Timestamps;
use crate::tcp::ecn;
use crate::tcp::errors::TcpError;
use crate::tcp::recovery::Recovery;
use crate::tcp::state::State;
use crate::tcp::tcb::Tcb;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};

/// The MSS of a peer that does not say one (RFC 9293 §3.7.1, MUST-15), over IPv4 and IPv6.
const DEFAULT_MSS: u16 = 536;
const DEFAULT_MSS_V6: u16 = 1220;
/// No path needs a smaller segment (`tcp_min_snd_mss` is lower still): it bounds the harm that a lie can do.
const MIN_MSS: u16 = 64;

impl Tcb {
    pub(super) fn input_syn_sent(&mut self, now: Instant, segment: &Segment<'_>) -> Result<(), Discard> {
        let header = &segment.header;
        // First, the ACK bit.
        let acks_syn = header.has(Flags::ACK);
        let d = &self.durable;
        if acks_syn && (header.ack.at_or_before(d.iss) || header.ack.after(d.snd_nxt)) {
            return Err(if header.has(Flags::RST) { Discard::Silently } else { Discard::WithReset });
        }
        // Second, the RST bit.
        if header.has(Flags::RST) {
            if acks_syn {
                self.fail(TcpError::Refused);
            }
            return Err(Discard::Silently);
        }
        // Fourth, the SYN bit.
        if !header.has(Flags::SYN) {
            return Err(Discard::Silently);
        }
        self.last_heard = now;
        self.negotiate(now, segment);
        if acks_syn {
            self.open(now, segment);
            // What else the segment carries, from the sixth step of §3.10.7.4 on.
            self.process_text(now, segment)?;
            self.process_fin(now);
        } else {
            // Simultaneous open (RFC 9293 §3.5, figure 8): our SYN goes again, with an acknowledgement.
            self.durable.state = State::SynReceived;
            self.repeat_without_reduction(0);
        }
        Ok(())
    }

    /// What the two SYNs agree on.
    fn negotiate(&mut self, now: Instant, segment: &Segment<'_>) {
        let options = &segment.header.options;
        let room = self.free_to_receive() as u32;
        let d = &mut self.durable;
        d.irs = segment.header.seq;
        d.rcv_nxt = d.irs + 1;
        d.rcv_adv = d.rcv_nxt + room.min(crate::tcp::window::MAX_UNSCALED);
        let theirs = peer_mss(options.mss, d.remote.is_ipv6());
        d.snd_mss = d.snd_mss.min(theirs);
        self.ack = DelayedAck::new(d.rcv_nxt, d.snd_mss.min(self.advertised_mss));
        self.path.most = self.path.most.min(theirs);
        // RFC 7323 §2.2: both or none.
        (d.snd_scale, d.rcv_scale) = match options.window_scale {
            Some(scale) => (scale, d.rcv_scale),
            None => (0, 0),
        };
        // RFC 7323 §3.2: both or none.
        d.timestamps = d.timestamps.zip(options.timestamps).map(|(ours, theirs)| Timestamps {
            recent: theirs.value,
            recent_age: now.millis(),
            ..ours
        });
        // The window in a SYN is never scaled (RFC 7323 §2.2).
        d.sack &= options.sack_permitted;
        d.ecn &= ecn::agrees(segment);
        d.snd_wnd = u32::from(segment.header.window);
        d.snd_wnd_max = d.snd_wnd;
        d.snd_wl1 = segment.header.seq;
        d.snd_wl2 = segment.header.ack;
        self.reset_congestion();
    }

    /// RFC 6928 §2: one SYN that is repeated is no proof of a loss. Nor are more if the answer is to the first of them, as on
    /// Linux.
    fn has_lost_syns(&self, answer: &Segment<'_>) -> bool {
        let first = self.waiting_since.zip(self.durable.timestamps);
        let first = first.map(|(at, timestamps)| at.millis().wrapping_add(timestamps.offset));
        let echo = answer.header.options.timestamps.map(|stamps| stamps.echo);
        self.retries > 1 && (first.is_none() || first != echo)
    }

    /// Our SYN is acknowledged: ESTABLISHED.
    fn open(&mut self, now: Instant, segment: &Segment<'_>) {
        let ack = segment.header.ack;
        let (again, lost) = (self.retries > 0, self.has_lost_syns(segment));
        let text_start = self.text_start();
        self.take_news(now, segment, text_start);
        self.durable.state = State::Established;
        self.small_end = ack;
        self.recovery = Recovery::new(ack);
        if lost {
            self.begin_with_one_segment(now);
        }
        if again {
            self.rtt.fall_back();
        }
        self.conclude_fast_open(segment, again);
        self.retries = 0;
        self.waiting_since = None;
        self.timers.cancel(crate::tcp::timers::Timer::Retransmit);
        self.restart_keepalive(now);
        self.ack.set_now();
        self.touched = true;
    }
}

/// The segment size that a peer's option stands for.
pub(in crate::tcp) fn peer_mss(option: Option<u16>, v6: bool) -> u16 {
    option.unwrap_or(if v6 { DEFAULT_MSS_V6 } else { DEFAULT_MSS }).max(MIN_MSS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_no_segment_size_takes_what_the_family_always_carries() {
        assert_eq!((peer_mss(None, false), peer_mss(None, true)), (536, 1220));
        assert_eq!((peer_mss(Some(1460), false), peer_mss(Some(3), true)), (1460, MIN_MSS));
    }
}
