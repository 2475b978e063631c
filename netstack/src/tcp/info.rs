//! What a program or a tool can see of a connection.

use super::Tcp;
use super::congestion::Windows;
use super::delayed_ack::FIRST_SEGMENT;
use super::errors::TcpError;
use super::fast_open::FastOpenFail;
use super::recovery::Phase;
use super::rtt::RttEstimator;
use super::state::State;
use super::tcb::Tcb;
use crate::time::{Duration, Instant};
use core::net::SocketAddr;

/// What readiness, errors and netstat need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpStatus {
    /// As getsockopt(TCP_INFO) shows it. A connection in TIME-WAIT lives on apart from its socket, which is CLOSED.
    pub state: State,
    /// Our address, once bound.
    pub local: Option<SocketAddr>,
    /// The peer's address, once connecting.
    pub remote: Option<SocketAddr>,
    /// Sticky until taken.
    pub error: Option<TcpError>,
    /// The FIN has come and all data before it is published: reading gives end of file after what the ring holds. Also
    /// true for a connection that is over, and after a shutdown of the reading side.
    pub peer_closed: bool,
    /// Nothing more can be written: FIN queued or sent, or the connection is over.
    pub write_closed: bool,
    /// In SYN-SENT: the SYN waits for the program's first text (`TCP_FASTOPEN_CONNECT`).
    pub deferred: bool,
    /// In SYN-RECEIVED: the program may have it already (Fast Open).
    pub early: bool,
    /// Connections that accept(2) can take.
    pub accept_queue: usize,
    /// Bytes in the tx ring that were never sent.
    pub unsent: usize,
    /// Bytes sent and not acknowledged.
    pub unacked: usize,
}

/// What getsockopt(TCP_INFO) shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// State of the socket.
    pub state: State,
    /// Consecutive retransmission timeouts.
    pub backoff: u8,
    /// Zero-window or keepalive probes without an answer.
    pub probes: u8,
    /// Timestamps are in use.
    pub timestamps: bool,
    /// Window scales are in use, and which: the peer's, ours.
    pub scales: Option<(u8, u8)>,
    /// Retransmission timeout.
    pub rto: Duration,
    /// Smoothed round trip time; zero before the first measurement.
    pub srtt: Duration,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// Smallest round trip seen.
    pub min_rtt: Duration,
    /// Payload of the largest segment that we send, in bytes.
    pub snd_mss: u32,
    /// Estimate of the peer's segment size, in bytes.
    pub rcv_mss: u32,
    /// MSS that we announced, in bytes.
    pub advmss: u32,
    /// Path MTU, in bytes.
    pub pmtu: u32,
    /// Congestion window, in bytes.
    pub cwnd: u32,
    /// Slow start threshold, in bytes.
    pub ssthresh: u32,
    /// The peer's window, in bytes.
    pub snd_wnd: u32,
    /// Our window as the peer knows it, in bytes.
    pub rcv_wnd: u32,
    /// The most that the program has read in a round trip, in bytes.
    pub rcv_space: u32,
    /// Round trip as the receiver sees it; zero before the first measurement.
    pub rcv_rtt: Duration,
    /// Sizes of the rings now, in bytes: what the program sends, what it receives.
    pub rings: (u32, u32),
    /// Bytes sent and not acknowledged; of a listener connections that accept(2) can take.
    pub unacked: u32,
    /// Bytes queued and never sent.
    pub unsent: u32,
    /// Segments sent again, ever.
    pub retransmits: u32,
    /// Bytes sent again, ever.
    pub bytes_retransmitted: u64,
    /// Bytes acknowledged by the peer, ever.
    pub bytes_acked: u64,
    /// Bytes received in order, ever.
    pub bytes_received: u64,
    /// Bytes sent, ever, repetitions counted.
    pub bytes_sent: u64,
    /// Segments sent, ever.
    pub segs_out: u64,
    /// Segments received, ever.
    pub segs_in: u64,
    /// Segments with payload sent, ever.
    pub data_segs_out: u64,
    /// Segments with payload received, ever.
    pub data_segs_in: u64,
    /// Time since data was last sent.
    pub last_data_sent: Duration,
    /// Time since data last came.
    pub last_data_recv: Duration,
    /// Time since an acknowledgement last came.
    pub last_ack_recv: Duration,
    /// The largest distance at which something of ours arrived late, in bytes (RFC 8985).
    pub reordering: u32,
    /// SACK is in use.
    pub sack: bool,
    /// ECN is in use, and whether anything marked for it has come.
    pub ecn: bool,
    /// See [`ecn`](Self::ecn).
    pub ecn_seen: bool,
    /// The text of a SYN was taken: ours by the peer, or the peer's by us.
    pub syn_data: bool,
    /// The peer's SYN opened the connection before the handshake ended.
    pub fast_open_child: bool,
    /// Why our SYN brought no text.
    pub fast_open_fail: FastOpenFail,
    /// What loss recovery is doing.
    pub phase: Phase,
    /// Bytes that are out and that the peer has, out of order; of a listener its backlog.
    pub sacked: u32,
    /// Bytes that are out and taken for lost.
    pub lost: u32,
    /// Bytes that are out and were sent again.
    pub repeated: u32,
    /// Bytes delivered to the peer, in order or not, ever.
    pub delivered: u64,
    /// The last measurement of how fast that goes, in bytes a second.
    pub delivery_rate: u64,
    /// At which text leaves where it is paced, in bytes a second; `u64::MAX` before the first round trip.
    pub pacing_rate: u64,
    /// `SO_MAX_PACING_RATE`, in bytes a second.
    pub max_pacing_rate: u64,
    /// In that measurement the program held the sender back.
    pub app_limited: bool,
    /// Segments that the peer reported as duplicates (RFC 2883), ever.
    pub dsacks: u32,
    /// The timestamp that a segment would have now (`TCP_TIMESTAMP`).
    pub timestamp: u32,
}

impl TcpInfo {
    /// Of a socket without a connection, before its first: what one would begin with.
    pub(super) fn unconnected() -> TcpInfo {
        let windows = Windows::initial(FIRST_SEGMENT);
        TcpInfo {
            rto: RttEstimator::default().rto(),
            snd_mss: windows.mss,
            cwnd: windows.window,
            ssthresh: windows.ssthresh,
            ..TcpInfo::default()
        }
    }

    /// Of a listener. As on Linux two figures are of its accept queue: how many wait, and how many may.
    pub(super) fn listening(waiting: usize, backlog: usize) -> TcpInfo {
        TcpInfo { state: State::Listen, unacked: waiting as u32, sacked: backlog as u32, ..TcpInfo::default() }
    }
}

/// What a connection showed last. Its socket goes on to show it, until there is another one.
#[derive(Clone, Debug)]
pub(super) struct LastInfo {
    at: Instant,
    info: TcpInfo,
}

impl LastInfo {
    pub(super) fn of(tcb: &Tcb, at: Instant) -> LastInfo {
        LastInfo { at, info: TcpInfo { state: State::Closed, ..tcb.info(at) } }
    }

    /// What it shows `now`, of a connection that is over.
    pub(super) fn info(&self, now: Instant) -> TcpInfo {
        let (info, since) = (self.info, now.since(self.at));
        TcpInfo {
            last_data_sent: info.last_data_sent + since,
            last_data_recv: info.last_data_recv + since,
            last_ack_recv: info.last_ack_recv + since,
            timestamp: info.timestamp.wrapping_add(since.as_millis() as u32),
            ..info
        }
    }
}

/// What a connection counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) retransmits: u32,
    pub(super) dsacks: u32,
    pub(super) bytes_dsacked: u64,
    pub(super) bytes_retransmitted: u64,
    pub(super) bytes_acked: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
    pub(super) segs_out: u64,
    pub(super) segs_in: u64,
    pub(super) data_segs_out: u64,
    pub(super) data_segs_in: u64,
    /// Urgent pointers that were news.
    pub(super) urgent_in: u32,
}

impl Tcb {
    pub(super) fn info(&self, now: Instant) -> TcpInfo {
        let d = &self.durable;
        let c = &self.counters;
        let since = |moment: Option<Instant>| moment.map_or(Duration::ZERO, |moment| now.since(moment));
        TcpInfo {
            state: d.state,
            backoff: self.rtt.backoff(),
            probes: self.probes,
            timestamps: d.timestamps.is_some(),
            scales: (d.rcv_scale > 0).then_some((d.snd_scale, d.rcv_scale)),
            rto: self.rtt.rto(),
            srtt: self.rtt.smoothed(),
            rttvar: self.rtt.variation(),
            min_rtt: self.rtt.smallest(),
            snd_mss: self.mss(),
            rcv_mss: self.ack.segment(),
            advmss: u32::from(self.advertised_mss),
            pmtu: u32::from(d.snd_mss) + 40,
            cwnd: self.congestion_window(),
            ssthresh: self.congestion.windows().ssthresh,
            snd_wnd: d.snd_wnd,
            rcv_wnd: self.receive_window(),
            rcv_space: self.autotune.space().min(u64::from(u32::MAX)) as u32,
            rcv_rtt: self.autotune.rtt(),
            rings: (self.tx.capacity() as u32, self.rx.capacity() as u32),
            unacked: d.snd_nxt - d.snd_una,
            unsent: self.unsent() as u32,
            retransmits: c.retransmits,
            bytes_retransmitted: c.bytes_retransmitted,
            bytes_acked: c.bytes_acked,
            bytes_received: c.bytes_received,
            bytes_sent: c.bytes_sent,
            segs_out: c.segs_out,
            segs_in: c.segs_in,
            data_segs_out: c.data_segs_out,
            data_segs_in: c.data_segs_in,
            last_data_sent: since(self.last_text_sent),
            last_data_recv: since(self.ack.last_text()),
            last_ack_recv: now.since(self.last_heard),
            reordering: self.rack.distance(),
            sack: d.sack,
            ecn: d.ecn,
            ecn_seen: self.ecn.seen,
            syn_data: self.early.carried,
            fast_open_child: self.early.child,
            fast_open_fail: self.early.fail,
            phase: self.recovery.phase(),
            sacked: self.sent.sacked(),
            lost: self.sent.lost(),
            repeated: self.sent.repeated(),
            delivered: self.rate.delivered(),
            delivery_rate: self.rate.last().map_or(0, |sample| sample.rate()),
            pacing_rate: self.pacing_rate(),
            max_pacing_rate: self.options.max_pacing_rate,
            app_limited: self.rate.last().is_some_and(|sample| sample.app_limited),
            dsacks: c.dsacks,
            timestamp: now.millis().wrapping_add(d.timestamps.map_or(0, |stamps| stamps.offset)),
        }
    }

    /// Bytes in the tx ring that were never sent.
    pub(super) fn unsent(&self) -> usize {
        let end = self.text_end();
        let sent = self.durable.snd_nxt.max(self.text_start());
        if sent.before(end) { (end - sent) as usize } else { 0 }
    }

    /// SND.NXT moved: the program can see in the tx ring how far.
    pub(super) fn note_sent(&mut self) {
        let (start, sent) = (self.text_start(), self.durable.snd_nxt);
        if sent.after(start) {
            self.tx.set_used((sent - start) as usize);
            self.touched |= self.options.watches_sent;
        }
    }

    pub(super) fn status(&self) -> TcpStatus {
        let d = &self.durable;
        TcpStatus {
            state: d.state,
            local: Some(d.local),
            remote: Some(d.remote),
            error: None,
            peer_closed: d.state.peer_closed() || self.read_shutdown,
            write_closed: d.fin.is_some(),
            deferred: d.state == State::SynSent && self.early.deferred,
            early: self.is_early(),
            accept_queue: 0,
            unsent: self.unsent(),
            unacked: (d.snd_nxt - d.snd_una) as usize,
        }
    }
}

impl Tcp {
    /// Bytes and FINs of closed sockets that peers have not acknowledged yet.
    pub(crate) fn undelivered(&self) -> usize {
        let orphans = self.sockets.values().filter_map(|socket| socket.tcb()).filter(|tcb| tcb.orphan);
        let left = orphans.map(|tcb| 1 + tcb.unsent() + (tcb.durable.snd_nxt - tcb.durable.snd_una) as usize);
        left.sum()
    }
}
