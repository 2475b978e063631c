//! What an acknowledgement says of the segments in flight: which have arrived (SND.UNA, SACK), and how long that took.

use super::sequence::is_older;
use crate::tcp::rack::Rack;
use crate::tcp::rate::RateEstimator;
use crate::tcp::recovery::{News, Recovery};
use crate::tcp::rtt::RttEstimator;
use crate::tcp::sent::Sent;
use crate::tcp::seq::Seq;
use crate::tcp::tcb::Tcb;
use crate::time::{Duration, Instant};
use crate::wire::tcp::{MAX_SACK_BLOCKS, Segment};

/// What a segment's arrival is told to.
struct Arrivals<'a> {
    now: Instant,
    /// The timestamp that the acknowledgement echoes, without offset.
    echo: Option<u32>,
    /// SND.NXT when the phase of recovery began.
    high: Seq,
    min_rtt: Duration,
    rack: &'a mut Rack,
    rate: &'a mut RateEstimator,
    news: &'a mut News,
}

impl<'a> Arrivals<'a> {
    fn of(
        now: Instant,
        news: &'a mut News,
        (recovery, rtt): (&Recovery, &RttEstimator),
        (rack, rate): (&'a mut Rack, &'a mut RateEstimator),
    ) -> Arrivals<'a> {
        Arrivals { now, echo: news.echo, high: recovery.high(), min_rtt: rtt.smallest(), rack, rate, news }
    }

    /// Whether the acknowledgement echoes a timestamp from before the segment was last sent.
    fn echo_is_older(&self, sent: &Sent) -> bool {
        self.echo.is_some_and(|echo| is_older(echo, sent.at.millis()))
    }

    /// `bytes` of a segment have newly arrived. Its round trip, if it was sent once.
    fn add(&mut self, sent: &Sent, bytes: u32) -> Option<Duration> {
        self.news.delivered += bytes;
        self.rate.on_delivered(bytes, &sent.departure, sent.at);
        self.rack.on_delivered(self.now, sent, self.min_rtt, self.echo_is_older(sent));
        if sent.ever_repeated() {
            return None;
        }
        let rtt = self.now.since(sent.at);
        self.news.rtt = Some(rtt);
        self.news.original |= sent.end.at_or_before(self.high);
        Some(rtt)
    }
}

impl Tcb {
    /// Takes what an acknowledgement covers, in order or not, off the queue of what is in flight, and measures by it.
    pub(super) fn take_news(&mut self, now: Instant, segment: &Segment<'_>, text_start: Seq) -> News {
        let ack = segment.header.ack;
        let echoed = self.echoed(now, segment);
        let mut news = News {
            acked: ack - self.durable.snd_una,
            duplicate: self.is_duplicate(segment),
            congested: self.ecn_congested(segment),
            echo: echoed.map(|age| now.millis().wrapping_sub(age.as_millis() as u32)),
            ..News::default()
        };
        let oldest = self.take_acked(now, ack, &mut news);
        if news.acked > 0 {
            self.free_text(ack, text_start);
            self.mtu_carried(now, news.acked);
        }
        if self.durable.sack {
            self.take_sacks(now, segment, &mut news);
        } else {
            self.estimate_delivery(&mut news);
        }
        self.measure_round_trip(now, &news, oldest, echoed);
        news
    }

    /// Takes what lies before `ack`. The round trip of the oldest of it, if all of it was sent once (RFC 6298 §3).
    fn take_acked(&mut self, now: Instant, ack: Seq, news: &mut News) -> Option<Duration> {
        let mut oldest = None;
        let measured = (&mut self.rack, &mut self.rate);
        let mut arrivals = Arrivals::of(now, news, (&self.recovery, &self.rtt), measured);
        self.sent.on_ack(ack, |sent, new| {
            arrivals.news.repeated |= sent.ever_repeated();
            arrivals.news.late |= sent.ever_repeated() && arrivals.echo_is_older(sent);
            if new > 0
                && let Some(rtt) = arrivals.add(sent, new)
            {
                oldest.get_or_insert(rtt);
            }
        });
        if !news.repeated {
            return oldest;
        }
        // Without SACK what was sent once may have waited at the receiver for what was repeated.
        news.original &= self.durable.sack;
        None
    }

    fn measure_round_trip(&mut self, now: Instant, news: &News, oldest: Option<Duration>, echoed: Option<Duration>) {
        let (una, nxt) = (self.durable.snd_una, self.durable.snd_nxt);
        // RFC 6298 §3: a timestamp is valid for repeated segments too. It counts whole milliseconds: 0 of them is taken for 1,
        // or it would be the smallest round trip for long.
        // A SYN that was answered only when it had been repeated says nothing about the path: it may have waited for the
        // next hop's address, and what is paced by such a round trip takes a second to learn better.
        let stamped = echoed.filter(|_| news.acked > 0 && news.repeated && !(news.late && self.rtt.is_unmeasured()));
        let stamped = stamped.map(|age| age.max(Duration::from_millis(1)));
        let sacked = news.rtt.filter(|_| news.acked == 0);
        if let Some(rtt) = oldest.or(sacked).or(stamped) {
            self.rtt.measured(now, rtt, una, nxt);
        }
        if let Some(rtt) = news.rtt {
            self.rtt.observe(now, rtt);
        }
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
    pub(super) fn take_sacks(&mut self, now: Instant, segment: &Segment<'_>, news: &mut News) {
        let mut blocks = segment.header.options.sack;
        let (una, nxt) = (segment.header.ack, self.durable.snd_nxt);
        let Some((&first, others)) = segment.header.options.sack.as_slice().split_first() else { return };
        let inside = |(start, end): (Seq, Seq), of: (Seq, Seq)| start.at_or_after(of.0) && end.at_or_before(of.1);
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
        let mut sorted = [(Seq(0), Seq(0)); MAX_SACK_BLOCKS];
        let sorted = &mut sorted[..blocks.as_slice().len()];
        sorted.copy_from_slice(blocks.as_slice());
        sorted.sort_unstable_by_key(|&(start, _)| start - una);
        let mss = self.path_mss();
        let measured = (&mut self.rack, &mut self.rate);
        let mut arrivals = Arrivals::of(now, news, (&self.recovery, &self.rtt), measured);
        for &(start, end) in &*sorted {
            // RFC 2018 §5: only of what is in flight.
            if start.at_or_before(una) || end.after(nxt) || !start.before(end) {
                continue;
            }
            self.sent.on_sack(start, end, mss, |sent| {
                arrivals.news.sacked += sent.len();
                arrivals.add(sent, sent.len());
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
        let age = now.millis().wrapping_add(ours.offset).wrapping_sub(theirs.echo);
        Some(Duration::from_millis(u64::from(age))).filter(|age| *age < Duration::from_secs(120))
    }
}
