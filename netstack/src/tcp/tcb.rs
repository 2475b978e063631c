//! The transmission control block: everything that one connection knows (RFC 9293 §3.3.1).

use super::autotune::Autotune;
use super::congestion::Congestion;
use super::delayed_ack::DelayedAck;
use super::durable::Durable;
use super::ecn::Ecn;
use super::errors::TcpError;
use super::fast_open::Early;
use super::info::Counters;
use super::mtu_search::MtuSearch;
use super::options::TcpOptions;
use super::pacing::Pacer;
use super::path_mtu::PathView;
use super::rack::Rack;
use super::rate::RateEstimator;
use super::reassembly::Reassembly;
use super::recovery::Recovery;
use super::rtt::RttEstimator;
use super::sack::SackReport;
use super::sent::SentQueue;
use super::seq::Seq;
use super::state::State;
use super::timers::{Timer, Timers};
use super::times::Times;
use super::tlp::Tlp;
use super::usage::WindowUsage;
use crate::time::Instant;
use crate::wire::tcp::{Stamps, TIMESTAMPS_LEN};
use arena::{Consumer, Producer};

/// Segments do not become smaller than this for the sake of a small window.
const MIN_SEGMENT: u32 = 536;

/// A connection from SYN-SENT or SYN-RECEIVED to its end. [`Durable`] is what it is; the rest is what it is doing.
pub(super) struct Tcb {
    pub(super) durable: Durable,
    pub(super) options: TcpOptions,
    /// What the program writes. Its tail is SND.UNA, or ISS + 1 while the SYN is unacknowledged.
    pub(super) tx: Consumer,
    /// What the program reads. Its head is RCV.NXT, or the FIN's number once that has been passed.
    pub(super) rx: Producer,

    /// What lies between SND.UNA and SND.NXT.
    pub(super) sent: SentQueue,
    /// End of the last segment sent that was smaller than the MSS (Minshall's SND.SML).
    pub(super) small_end: Seq,
    pub(super) rtt: RttEstimator,
    pub(super) congestion: Box<dyn Congestion>,
    pub(super) usage: WindowUsage,
    pub(super) rate: RateEstimator,
    pub(super) pacer: Pacer,
    pub(super) rack: Rack,
    pub(super) tlp: Tlp,
    pub(super) recovery: Recovery,
    /// Retransmission timeouts in a row without an answer.
    pub(super) retries: u8,
    /// Zero-window or keepalive probes in a row without an answer.
    pub(super) probes: u8,
    /// Doublings of the persist timer.
    pub(super) persist_backoff: u8,
    /// Text that was held back to fill a segment goes now, whatever its size (RFC 9293 §3.8.6.2.1, override).
    pub(super) override_hold: bool,
    /// The last send had MSG_MORE, and no acknowledgement has come since: as if `TCP_CORK` were set.
    pub(super) more_comes: bool,
    /// A probe without text is to be sent: of a zero window, or as keepalive.
    pub(super) probe_due: bool,
    /// The same, to announce urgent data that a zero window holds back.
    pub(super) urgent_due: bool,
    /// Since when we wait for an answer: when the oldest unanswered segment or probe was first sent.
    pub(super) waiting_since: Option<Instant>,

    pub(super) reassembly: Reassembly,
    pub(super) sack_report: SackReport,
    pub(super) ecn: Ecn,
    pub(super) mtu_search: MtuSearch,
    pub(super) ack: DelayedAck,
    pub(super) autotune: Autotune,
    /// `Producer::notify_after` is armed.
    pub(super) reading_watched: bool,
    /// When the last challenge ACK was sent (RFC 5961 §7).
    pub(super) last_challenge: Option<Instant>,

    pub(super) early: Early,
    pub(super) timers: Timers,
    /// When anything last came from the peer.
    pub(super) last_heard: Instant,
    /// When text was last sent.
    pub(super) last_text_sent: Option<Instant>,
    /// Why the connection ended.
    pub(super) failure: Option<TcpError>,
    /// The peer must learn of the end by a RST.
    pub(super) reset_peer: bool,
    /// The last ICMP error: the reason that the program gets if the connection times out (RFC 1122 §4.2.3.9, soft errors).
    pub(super) soft_error: Option<TcpError>,
    /// close(2) was called: nobody reads, nobody writes.
    pub(super) orphan: bool,
    /// shutdown(2) of the reading side.
    pub(super) read_shutdown: bool,
    /// The connection is in the list of those that may have something to send.
    pub(super) queued: bool,
    /// Something has changed that the program can see.
    pub(super) touched: bool,
    /// MSS that we announced.
    pub(super) advertised_mss: u16,
    pub(super) path: PathView,
    pub(super) counters: Counters,
    /// Timestamps, for programs that ask for them.
    pub(super) times: Option<Box<Times>>,
}

/// What a new TCB starts from.
pub(super) struct Opening {
    pub(super) durable: Durable,
    pub(super) options: TcpOptions,
    pub(super) tx: Consumer,
    pub(super) rx: Producer,
    pub(super) advertised_mss: u16,
}

impl Tcb {
    /// On the heap from the start, and never a part of the caller's frame: it is large, and a program's thread may have a stack
    /// of 16 KiB.
    #[inline(never)]
    pub(super) fn new(now: Instant, opening: Opening) -> Box<Tcb> {
        let Opening { durable, options, tx, rx, advertised_mss } = opening;
        let mut tcb = Box::new(Tcb {
            congestion: options.congestion.start(u32::from(durable.snd_mss)),
            durable,
            options,
            tx,
            rx,
            sent: SentQueue::default(),
            small_end: durable.iss,
            rtt: RttEstimator::default(),
            usage: WindowUsage::new(durable.iss),
            rate: RateEstimator::default(),
            pacer: Pacer::default(),
            rack: Rack::new(durable.iss),
            tlp: Tlp::default(),
            recovery: Recovery::new(durable.iss),
            retries: 0,
            probes: 0,
            persist_backoff: 0,
            override_hold: false,
            more_comes: false,
            probe_due: false,
            urgent_due: false,
            waiting_since: None,
            reassembly: Reassembly::default(),
            sack_report: SackReport::default(),
            ecn: Ecn::default(),
            mtu_search: MtuSearch::default(),
            ack: DelayedAck::new(durable.rcv_nxt, durable.snd_mss.min(advertised_mss)),
            autotune: Autotune::new(now),
            reading_watched: false,
            last_challenge: None,
            early: Early::default(),
            timers: Timers::new(),
            last_heard: now,
            last_text_sent: None,
            failure: None,
            reset_peer: false,
            soft_error: None,
            orphan: false,
            read_shutdown: false,
            queued: false,
            touched: false,
            advertised_mss,
            path: PathView::new(durable.snd_mss),
            counters: Counters::default(),
            times: None,
        });
        tcb.reset_congestion();
        tcb
    }

    /// Starts congestion control, once the segment size has been negotiated.
    pub(super) fn reset_congestion(&mut self) {
        self.congestion = self.options.congestion.start(self.path_mss());
    }

    /// SYNs or SYN-ACKs were lost (RFC 5681 §3.1).
    pub(super) fn begin_with_one_segment(&mut self, now: Instant) {
        self.congestion.on_timeout(now, 0, false);
    }

    /// The SYN queue has sent our SYN-ACK, the last time `at` this moment; `again`: more than once.
    pub(super) fn note_syn_ack(&mut self, at: Instant, again: bool) {
        let departure = self.rate.on_sent(at, true);
        let (iss, end) = (self.durable.iss, self.durable.snd_nxt);
        self.sent.push(iss, end, at, departure);
        if again {
            self.sent.repeat(iss, end, at, departure);
        }
    }

    /// `TCP_CONGESTION` was set: the new algorithm starts from the old one's windows.
    pub(super) fn switch_congestion(&mut self) {
        if self.congestion.algorithm() != self.options.congestion {
            self.congestion = self.options.congestion.take_over(*self.congestion.windows());
        }
    }

    /// Bytes between the IP header and TCP's.
    pub(super) fn options_behind_header(&self) -> u32 {
        let remote = self.durable.remote;
        self.options.behind_header(remote).map_or(0, |options| options.len(remote.is_ipv4()) as u32)
    }

    /// Eff.snd.MSS (RFC 9293 §3.7.1): payload of the largest segment that the path carries, in bytes.
    pub(super) fn path_mss(&self) -> u32 {
        let stamps = if self.durable.timestamps.is_some() { TIMESTAMPS_LEN as u32 } else { 0 };
        let options = stamps + self.options_behind_header();
        u32::from(self.durable.snd_mss).saturating_sub(options).max(1)
    }

    /// Payload of a full segment: at most half of the peer's window and of our ring, as on Linux (`tcp_bound_to_half_wnd`).
    /// Otherwise segments of 64 KiB would go one by one, each waiting until the last is read.
    pub(super) fn mss(&self) -> u32 {
        let half = (self.durable.snd_wnd_max / 2).min(self.send_bound() as u32 / 2);
        self.path_mss().min(half.max(MIN_SEGMENT))
    }

    /// Sequence number of the oldest byte in the tx ring.
    pub(super) fn text_start(&self) -> Seq {
        // Not the later of ISS + 1 and SND.UNA: after 2³¹ bytes ISS + 1 would compare as later.
        match self.durable.state {
            State::SynSent | State::SynReceived => self.durable.iss + 1,
            _ => self.durable.snd_una,
        }
    }

    /// Sequence number after the newest byte in the tx ring: the FIN's, once there is one.
    pub(super) fn text_end(&self) -> Seq {
        self.durable.fin.unwrap_or_else(|| self.text_start() + self.tx.len() as u32)
    }

    /// Bytes sent and not acknowledged: FlightSize of RFC 5681.
    pub(super) fn outstanding(&self) -> u32 {
        self.durable.snd_nxt - self.durable.snd_una
    }

    /// Everything sent is acknowledged.
    pub(super) fn all_acked(&self) -> bool {
        self.durable.snd_una == self.durable.snd_nxt
    }

    /// Our FIN has been acknowledged.
    pub(super) fn fin_acked(&self) -> bool {
        self.durable.fin.is_some_and(|fin| self.durable.snd_una.after(fin))
    }

    /// The program closes its writing side: the FIN follows all that it has written.
    pub(super) fn queue_fin(&mut self) {
        if self.durable.fin.is_none() {
            self.durable.fin = Some(self.text_end());
        }
    }

    /// The connection is over, for this reason.
    pub(super) fn fail(&mut self, why: TcpError) {
        self.failure = Some(why);
        self.end();
    }

    /// The connection is over.
    pub(super) fn end(&mut self) {
        self.durable.state = State::Closed;
        self.touched = true;
    }

    /// The connection is over; the peer gets a RST if it still has the connection (RFC 9293 §3.10.5).
    pub(super) fn abort(&mut self) {
        self.reset_peer = !matches!(self.durable.state, State::SynSent | State::Closing | State::LastAck);
        self.end();
    }

    /// RFC 7323 §5.4: a clock of 1 ms, shifted by a secret of the pair of addresses.
    pub(super) fn stamps(&self, now: Instant) -> Option<Stamps> {
        self.durable.timestamps.map(|ts| Stamps { value: now.millis().wrapping_add(ts.offset), echo: ts.recent })
    }

    /// Starts or restarts the retransmission timer (RFC 6298 §5.1, §5.3).
    pub(super) fn restart_retransmit(&mut self, now: Instant) {
        self.timers.set(Timer::Retransmit, now + self.rtt.rto());
        self.timers.cancel(Timer::Persist);
    }
}
