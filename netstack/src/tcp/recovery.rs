//! Loss recovery: what each acknowledgement and each timeout means for what is in flight, and how much may be.
//!
//! With SACK, [`rack`](super::rack) says what is lost (RFC 8985); without, the third duplicate acknowledgement does, and
//! each partial one after it (RFC 5681 §3.2, RFC 6582). Either way the lost segments are marked in
//! [`sent`](super::sent), [`output`](super::output) sends them again, and [`prr`](super::prr) says how fast. F-RTO (RFC 5682,
//! [`frto`]) finds out whether a timeout was spurious, and [`undo`](super::undo) takes a needless reduction back.

mod frto;

use frto::Frto;

use super::congestion::AckEvent;
use super::prr::{Progress, Prr};
use super::rack::Round;
use super::rate::RateSample;
use super::sent::Verdict;
use super::seq::Seq;
use super::tcb::Tcb;
use super::timers::Timer;
use super::undo::Undo;
use crate::time::{Duration, Instant};

/// Duplicate acknowledgements that mean a loss (RFC 5681 §3.2).
const DUP_THRESHOLD: u32 = 3;
/// What the reordering timer adds, so that it finds several segments at once.
const REORDER_SLACK: Duration = Duration::from_millis(1);

/// What recovery is doing; Linux's `tcpi_ca_state`, in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing is amiss.
    #[default]
    Open,
    /// Something came out of order.
    Disorder,
    /// The window comes down without a loss (ECN).
    Reducing,
    /// Lost segments are sent again.
    Recovery,
    /// The retransmission timer expired, and not all that was in flight then is acknowledged.
    Loss,
}

/// Loss recovery of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recovery {
    phase: Phase,
    /// SND.NXT when the phase began: RecoveryPoint of RFC 6675, `recover` of RFC 6582.
    high: Seq,
    /// Without SACK: segments that duplicate acknowledgements say have arrived.
    duplicates: u32,
    prr: Prr,
    pub(super) undo: Undo,
    frto: Frto,
}

/// What one acknowledgement says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct News {
    /// Bytes by which SND.UNA moved.
    pub(super) acked: u32,
    /// Bytes that have newly arrived, in order or not.
    pub(super) delivered: u32,
    /// Bytes newly sacked.
    pub(super) sacked: u32,
    /// Something arrived that had been sent once, before the phase began.
    pub(super) original: bool,
    /// Something was acknowledged in order that had been sent more than once.
    pub(super) repeated: bool,
    /// It was repeated before the answer to an earlier copy came.
    pub(super) late: bool,
    /// It says that a router has marked a packet (RFC 3168).
    pub(super) congested: bool,
    /// It is a duplicate acknowledgement in the sense of RFC 5681 §2.
    pub(super) duplicate: bool,
    /// The end of the duplicate that it reports (RFC 2883).
    pub(super) duplicate_end: Option<Seq>,
    /// The timestamp that it echoes, without offset.
    pub(super) echo: Option<u32>,
    /// The round trip of the newest segment that it delivers, sent once.
    pub(super) rtt: Option<Duration>,
    pub(super) rate: Option<RateSample>,
}

impl Recovery {
    pub(super) fn new(iss: Seq) -> Recovery {
        let (prr, undo) = (Prr::default(), Undo::default());
        Recovery { phase: Phase::Open, high: iss, duplicates: 0, prr, undo, frto: Frto::Off }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// SND.NXT when the phase began.
    pub(super) fn high(&self) -> Seq {
        self.high
    }

    /// Without SACK: segments that duplicate acknowledgements say have arrived.
    pub(super) fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// New text goes before repetitions.
    pub(super) fn prefers_new(&self) -> bool {
        self.frto == Frto::Probing
    }

    /// PRR has the window.
    fn is_reducing(&self) -> bool {
        matches!(self.phase, Phase::Reducing | Phase::Recovery)
    }

    /// `bytes` were sent.
    pub(super) fn on_sent(&mut self, bytes: u32) {
        self.prr.on_sent(bytes);
    }
}

impl Tcb {
    /// Bytes that may be in the network: `pipe` of RFC 6675 §4, or what duplicate acknowledgements leave of it.
    pub(super) fn pipe(&self) -> u32 {
        let pipe = self.sent.pipe();
        match self.recovery.duplicates {
            0 => pipe,
            duplicates => pipe.saturating_sub(duplicates.saturating_mul(self.mss())),
        }
    }

    /// What may be in the network.
    pub(super) fn congestion_window(&self) -> u32 {
        if self.recovery.is_reducing() { self.recovery.prr.window() } else { self.congestion.windows().window }
    }

    /// Draws the consequences of an acknowledgement.
    pub(super) fn recover(&mut self, now: Instant, news: &News) {
        if !self.durable.sack {
            self.count_duplicates(news);
        }
        let probe_repaired = self.conclude_probe(news);
        let was = self.recovery.phase;
        self.leave_phase(news);
        let lost = self.find_losses(now, news);
        if was > self.recovery.phase && was >= Phase::Recovery {
            self.rack.on_recovered();
        }
        if self.recovery.phase < Phase::Recovery {
            if self.sent.lost() > 0 {
                self.enter_recovery(now, news);
            } else if probe_repaired || news.congested {
                self.reduce(now, news);
            } else if self.recovery.phase != Phase::Reducing {
                let disorder = self.sent.sacked() > 0 || self.recovery.duplicates > 0;
                self.recovery.phase = if disorder { Phase::Disorder } else { Phase::Open };
            }
        }
        self.move_window(now, news, lost);
    }

    /// Congestion without a loss to repair (ECN, a tail loss probe): the window comes down over a round trip.
    pub(super) fn reduce(&mut self, now: Instant, news: &News) {
        if self.recovery.phase >= Phase::Reducing {
            return;
        }
        self.recovery.phase = Phase::Reducing;
        self.begin_reduction(now, news);
        self.recovery.undo.end();
    }

    /// Lost segments are to be sent again, and the window comes down, if it does not already.
    fn enter_recovery(&mut self, now: Instant, news: &News) {
        let reduced = self.recovery.phase == Phase::Reducing;
        // RFC 4821 §7.6.2: where a probe alone was lost its length is to blame.
        if !reduced && self.oldest_mtu_probe_len() == Some(self.sent.lost()) {
            return self.begin_blameless_loss();
        }
        self.recovery.phase = Phase::Recovery;
        self.recovery.undo.begin(self.durable.snd_una);
        self.tlp.give_up();
        self.timers.cancel(Timer::Probe);
        if reduced {
            self.recovery.high = self.durable.snd_nxt;
        } else {
            self.begin_reduction(now, news);
        }
    }

    fn begin_reduction(&mut self, now: Instant, news: &News) {
        let flight = self.outstanding();
        // RFC 9937 §6.2, RecoverFS.
        let counted = (flight + news.sacked + news.acked).saturating_sub(self.sent.sacked());
        let window = self.congestion.windows().window;
        self.congestion.on_congestion(now, flight + news.acked);
        self.ecn_reduced();
        self.recovery.prr = Prr::new(counted, window);
        self.recovery.high = self.durable.snd_nxt;
    }

    /// Without SACK the receiver says only that something arrived.
    fn count_duplicates(&mut self, news: &News) {
        let duplicates = &mut self.recovery.duplicates;
        if news.acked > 0 {
            // One was the hole; the others are those that were counted.
            let segments = news.acked.div_ceil(self.durable.snd_mss.into()).saturating_sub(1);
            *duplicates = duplicates.saturating_sub(segments);
            if self.recovery.phase < Phase::Recovery {
                *duplicates = 0;
            }
        } else if news.duplicate {
            *duplicates = duplicates.saturating_add(1);
        }
    }

    /// Is the phase over, or was it for nothing?
    fn leave_phase(&mut self, news: &News) {
        let una = self.durable.snd_una;
        let needless = news.acked > 0 && self.recovery.undo.original_arrived(news.echo);
        match self.recovery.phase {
            Phase::Open | Phase::Disorder => {
                if una.after(self.recovery.high) {
                    // It follows SND.UNA, or after 2³¹ bytes without a loss it would compare as later.
                    self.recovery.high = una - 1;
                }
                // The duplicates of the last recovery's repetitions may come late (RFC 3708).
                if self.recovery.undo.all_duplicates() {
                    self.undo(false);
                }
            }
            // RFC 3168 §6.1.2: once a window of data.
            Phase::Reducing if una.after(self.recovery.high) => self.recovery.phase = Phase::Open,
            Phase::Reducing => {}
            Phase::Recovery if una.at_or_after(self.recovery.high) => {
                self.recovery.phase = Phase::Open;
                self.recovery.duplicates = 0;
                if needless || self.recovery.undo.all_duplicates() {
                    self.undo(false);
                }
            }
            // Something more is to come if a repetition is out: its answer would look like a loss.
            Phase::Recovery if needless && self.sent.repeated() == 0 => self.undo(true),
            Phase::Recovery if self.recovery.undo.all_duplicates() => self.undo(false),
            Phase::Recovery => {}
            Phase::Loss => self.leave_loss(news, needless),
        }
    }

    /// The reduction was for nothing. `forgive`: what is marked lost is not.
    fn undo(&mut self, forgive: bool) {
        self.congestion.on_undo();
        self.recovery.undo.end();
        self.recovery.frto = Frto::Off;
        if forgive {
            self.sent.forgive();
        }
        if self.recovery.phase >= Phase::Recovery && self.sent.lost() == 0 {
            self.recovery.phase = Phase::Open;
        }
        if self.sent.lost() > 0 {
            // The repetitions that are still out go on, with the window that was.
            self.recovery.phase = Phase::Loss;
        }
    }

    /// Marks what is lost as of this acknowledgement. Returns how many bytes that is.
    fn find_losses(&mut self, now: Instant, news: &News) -> u32 {
        let una = self.durable.snd_una;
        if self.durable.sack {
            self.rack.keep_up(una);
            self.rack.update_window(&Round {
                una,
                nxt: self.durable.snd_nxt,
                dsack: news.duplicate_end.is_some(),
                urgent: self.recovery.phase >= Phase::Recovery
                    || self.sent.sacked() > (DUP_THRESHOLD - 1) * self.path_mss(),
                min_rtt: self.rtt.smallest(),
                srtt: self.rtt.smoothed(),
            });
            return self.detect(now);
        }
        let first = self.oldest_mtu_probe_len().unwrap_or(self.mss());
        let duplicates = self.recovery.duplicates >= DUP_THRESHOLD;
        match self.recovery.phase {
            // RFC 6582 §3.2 step 2: not for duplicates that answer what an earlier recovery sent.
            Phase::Open | Phase::Disorder if duplicates && una.after(self.recovery.high) => self.sent.lose_first(first),
            Phase::Reducing if duplicates => self.sent.lose_first(first),
            // Step 3, a partial acknowledgement.
            Phase::Recovery if news.acked > 0 => self.sent.lose_first(first),
            _ => 0,
        }
    }

    /// RFC 8985 §6.2 step 5.
    fn detect(&mut self, now: Instant) -> u32 {
        // Nothing of note was delivered out of order or repeated: nothing can be late.
        if self.sent.sacked() == 0 && self.sent.lost() == 0 && self.sent.repeated() == 0 {
            self.timers.cancel(Timer::Reorder);
            return 0;
        }
        let rack = self.rack;
        let mut wait: Option<Duration> = None;
        let lost = self.sent.detect(|sent| match rack.judge(now, sent) {
            Ok(verdict) => verdict,
            Err(left) => {
                wait = Some(wait.map_or(left, |wait| wait.min(left)));
                Verdict::InTime
            }
        });
        match wait {
            Some(wait) => self.timers.set(Timer::Reorder, now + wait + REORDER_SLACK),
            None => self.timers.cancel(Timer::Reorder),
        }
        lost
    }

    /// The reordering timer expired: what was not yet late is now.
    pub(super) fn on_reorder(&mut self, now: Instant) {
        let lost = self.detect(now);
        if lost > 0 && self.recovery.phase < Phase::Recovery {
            let news = News::default();
            self.enter_recovery(now, &news);
            self.move_window(now, &news, lost);
        }
    }

    /// The congestion window after an acknowledgement.
    fn move_window(&mut self, now: Instant, news: &News, lost: u32) {
        let reducing = self.recovery.is_reducing();
        let pipe = self.pipe();
        if reducing && (news.delivered > 0 || lost > 0) {
            self.recovery.prr.on_ack(&Progress {
                delivered: news.delivered,
                pipe,
                ssthresh: self.congestion.windows().ssthresh,
                safe: news.acked > 0 && lost == 0,
                mss: self.mss(),
            });
        }
        if news.delivered == 0 {
            return;
        }
        let windows = self.congestion.windows();
        let slow_start = windows.window < windows.ssthresh;
        // What comes out of order says that the network delivers, not that it would deliver more, unless the path is known
        // to reorder (Linux's tcp_may_raise_cwnd).
        let may_raise = news.acked > 0 || self.rack.reordering_seen();
        let limited = self.usage.allows_growth(windows.window, slow_start);
        self.congestion.on_ack(&AckEvent {
            now,
            delivered: news.delivered,
            in_flight: pipe,
            may_raise,
            limited,
            reducing,
            rtt: news.rtt,
            srtt: self.rtt.smoothed(),
            una: self.durable.snd_una,
            nxt: self.durable.snd_nxt,
            rate: news.rate,
        });
    }

    /// The retransmission timer expired.
    pub(super) fn lose_by_timeout(&mut self, now: Instant) {
        let r = &self.recovery;
        let fresh = r.phase < Phase::Recovery;
        let again = self.retries > 0;
        // Once for what was out at the time (RFC 5681 §3.1).
        let reduce = fresh || self.durable.snd_una.at_or_after(r.high) || (r.phase == Phase::Loss && !again);
        let (rack, sack) = (self.rack, self.durable.sack);
        self.sent.on_timeout(|sent| if !sack || rack.is_late(now, sent) { Verdict::Lost } else { Verdict::InTime });
        self.recovery.duplicates = 0;
        if reduce {
            self.recovery.undo.begin(self.durable.snd_una);
            self.ecn_reduced();
        }
        self.congestion.on_timeout(now, self.sent.pipe(), reduce);
        self.recovery.frto = if fresh || again { Frto::Armed } else { Frto::Off };
        self.begin_loss();
    }

    /// Sends all that is in flight again, without a reduction, since the network is not to blame: the receiver took its window back,
    /// or the path takes only smaller segments.
    pub(super) fn repeat_without_reduction(&mut self, longer_than: u32) {
        self.sent.lose_longer_than(longer_than);
        if self.sent.lost() > 0 {
            self.begin_blameless_loss();
        }
    }

    fn begin_blameless_loss(&mut self) {
        self.recovery.duplicates = 0;
        self.recovery.undo.end();
        self.recovery.frto = Frto::Off;
        self.begin_loss();
    }

    fn begin_loss(&mut self) {
        self.recovery.phase = Phase::Loss;
        self.recovery.high = self.durable.snd_nxt;
        self.tlp.give_up();
        self.timers.cancel(Timer::Probe);
        self.timers.cancel(Timer::Reorder);
    }

    /// Something was sent again.
    pub(super) fn note_repetition(&mut self, now: Instant, bytes: u32) {
        self.recovery.undo.on_repeated(bytes, now.millis());
    }
}
