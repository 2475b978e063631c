//! Repair (Linux's TCP_REPAIR): a connection is taken apart, and put together again in another socket. What it is, are the fields of
//! [`Durable`] and the text in its two rings; of neither act does the peer hear anything.

use super::demux::Tuple;
use super::durable::{Durable, Timestamps};
use super::errors::TcpError;
use super::input::peer_mss;
use super::listen::announced_mss;
use super::seam::Env;
use super::seq::Seq;
use super::socket::Kind;
use super::state::State;
use super::tcb::{Opening, Tcb};
use super::window::MAX_UNSCALED;
use super::{Tcp, TcpId};
use crate::events::Events;
use crate::slab::Handle;
use crate::socket::ConnectError;
use crate::time::Instant;
use arena::{Consumer, Producer};
use core::net::SocketAddr;

/// Where in the two streams of a connection the next bytes stand (`TCP_QUEUE_SEQ`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    /// Of the next byte that the program will write.
    pub written: Seq,
    /// RCV.NXT.
    pub received: Seq,
}

/// What the two SYNs of a connection have agreed on (`TCP_REPAIR_OPTIONS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// The payload of the largest segment to send, options not counted.
    Mss(u16),
    /// The scales of the windows received and sent (RFC 7323 §2).
    WindowScales {
        /// The peer's.
        snd: u8,
        /// Ours.
        rcv: u8,
    },
    /// RFC 2018 §2.
    Sack,
    /// RFC 7323 §3, and what is added to the clock of 1 ms for ours (`TCP_TIMESTAMP`); `None`: a secret.
    Timestamps(Option<u32>),
}

/// The windows of a connection, in bytes (`TCP_REPAIR_WINDOW`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// SND.WL1.
    pub snd_wl1: Seq,
    /// SND.WND.
    pub snd_wnd: u32,
    /// The largest SND.WND ever.
    pub snd_wnd_max: u32,
    /// RCV.WND, as the peer was told it last.
    pub rcv_wnd: u32,
    /// RCV.NXT, as the peer was told it last.
    pub rcv_wup: Seq,
}

impl Tcp {
    /// connect(2) of a socket under repair: a connection that has been established elsewhere, of whose SYNs nothing is known yet.
    pub(crate) fn restore(
        &mut self,
        now: Instant,
        id: TcpId,
        remote: SocketAddr,
        (tx, rx): (Consumer, Producer),
        sequences: Sequences,
        env: &mut Env<'_>,
    ) -> Result<(), ConnectError> {
        let claimed = self.claim(now, id, remote, env)?;
        let Sequences { written, received } = sequences;
        let durable = Durable {
            state: State::Established,
            irs: received,
            rcv_nxt: received,
            rcv_adv: received,
            snd_mss: claimed.advertised_mss,
            ..Durable::syn_sent(claimed.tuple.local, claimed.tuple.remote, written)
        };
        let advertised_mss = claimed.advertised_mss;
        let mut tcb = Tcb::new(now, Opening { durable, options: claimed.options, tx, rx, advertised_mss });
        tcb.durable.rcv_adv += (tcb.free_to_receive() as u32).min(MAX_UNSCALED);
        tcb.restart_keepalive(now);
        self.begin(now, id.0, tcb, env.events);
        Ok(())
    }

    /// The connection goes without a word to the peer; the socket is in CLOSED again.
    pub(crate) fn abandon(&mut self, now: Instant, id: TcpId, events: &mut Events) {
        if let Some(tcb) = self.connection(id.0) {
            tcb.fail(TcpError::Aborted);
            self.settle(now, id.0, events);
        }
        self.disconnect(now, id, events);
        if let Some(socket) = self.sockets.get_mut(id.0) {
            socket.error = Some(TcpError::Aborted);
        }
    }

    pub(crate) fn sequences(&self, id: TcpId) -> Option<Sequences> {
        let tcb = self.sockets.get(id.0)?.tcb()?;
        let fin = u32::from(tcb.durable.fin.is_some());
        Some(Sequences { written: tcb.text_end() + fin, received: tcb.durable.rcv_nxt })
    }

    /// Takes over what the SYNs have agreed on. False: the connection is not in ESTABLISHED, or has sent something since.
    pub(crate) fn agree(&mut self, now: Instant, id: TcpId, agreements: &[Agreement], env: &Env<'_>) -> bool {
        let Some(Kind::Connection(tcb)) = self.sockets.get_mut(id.0).map(|socket| &mut socket.kind) else {
            return false;
        };
        if tcb.durable.state != State::Established || tcb.counters.bytes_sent > 0 {
            return false;
        }
        for &agreement in agreements {
            let d = &mut tcb.durable;
            match agreement {
                Agreement::Mss(mss) => {
                    tcb.path.most = peer_mss(Some(mss), d.remote.is_ipv6());
                    let path = env.paths.path(Some(d.local.ip()), d.remote, tcb.options.limits());
                    let carried = path.map_or(u16::MAX, |path| announced_mss(path.path_mtu, d.remote.is_ipv6(), None));
                    tcb.change_segment_size(tcb.path.most.min(carried));
                }
                Agreement::WindowScales { snd, rcv } => (d.snd_scale, d.rcv_scale) = (snd, rcv),
                Agreement::Sack => d.sack = true,
                Agreement::Timestamps(offset) => {
                    let tuple = Tuple { local: d.local, remote: d.remote };
                    let offset = offset.unwrap_or_else(|| self.secrets.timestamp_offset(&tuple));
                    d.timestamps.get_or_insert(Timestamps { offset, recent: 0, recent_age: now.millis() });
                    tcb.change_segment_size(tcb.durable.snd_mss);
                }
            }
        }
        true
    }

    /// The payload of the largest segment that the peer takes, options not counted.
    pub(crate) fn peer_mss(&self, id: TcpId) -> Option<u16> {
        self.sockets.get(id.0)?.tcb().map(|tcb| tcb.path.most)
    }

    pub(crate) fn set_timestamp_offset(&mut self, id: TcpId, offset: u32) {
        if let Some(timestamps) = self.connection(id.0).and_then(|tcb| tcb.durable.timestamps.as_mut()) {
            timestamps.offset = offset;
        }
    }

    pub(crate) fn windows(&self, id: TcpId) -> Option<Windows> {
        let tcb = self.sockets.get(id.0)?.tcb()?;
        let d = &tcb.durable;
        let rcv_wup = tcb.ack.last_sent();
        let rcv_wnd = if d.rcv_adv.after(rcv_wup) { d.rcv_adv - rcv_wup } else { 0 };
        Some(Windows { snd_wl1: d.snd_wl1, snd_wnd: d.snd_wnd, snd_wnd_max: d.snd_wnd_max, rcv_wnd, rcv_wup })
    }

    /// False: no connection has such windows.
    pub(crate) fn set_windows(&mut self, now: Instant, id: TcpId, windows: Windows) -> bool {
        let Windows { snd_wl1, snd_wnd, snd_wnd_max, rcv_wnd, rcv_wup } = windows;
        // As on Linux; the connection that is made then begins with others.
        let Some(tcb) = self.connection(id.0) else { return true };
        let d = &mut tcb.durable;
        if snd_wnd > snd_wnd_max || snd_wl1.after(d.rcv_nxt + rcv_wnd) || rcv_wup.after(d.rcv_nxt) {
            return false;
        }
        (d.snd_wl1, d.snd_wnd, d.snd_wnd_max) = (snd_wl1, snd_wnd, snd_wnd_max);
        d.rcv_adv = rcv_wup + rcv_wnd;
        tcb.ack.set_last_sent(rcv_wup);
        self.make_ready(now, id.0);
        true
    }

    /// All that the program has written counts as sent: whether it has come, the peer will say, or the retransmission timer.
    pub(crate) fn count_as_sent(&mut self, now: Instant, id: TcpId, events: &mut Events) {
        let Some(tcb) = self.connection(id.0) else { return };
        let end = tcb.durable.fin.unwrap_or_else(|| tcb.text_end());
        let start = tcb.durable.snd_nxt;
        if start.before(end) {
            let departure = tcb.rate.on_sent(now, tcb.sent.is_empty());
            tcb.sent.push_unmeasured(start, end, now, departure);
            tcb.durable.snd_nxt = end;
        }
        tcb.note_sent();
        if !tcb.all_acked() {
            tcb.restart_retransmit(now);
            tcb.waiting_since.get_or_insert(now);
        }
        self.settle(now, id.0, events);
    }

    /// Text that the peer has sent to somebody else is there to be read. Returns how much of it fits into the ring.
    pub(crate) fn put_received(&mut self, now: Instant, id: TcpId, text: &[&[u8]], events: &mut Events) -> usize {
        let Some(tcb) = self.connection(id.0).filter(|tcb| tcb.durable.state.takes_text()) else { return 0 };
        let mut taken = 0;
        for part in text {
            let fits = tcb.rx.write_at(taken, part);
            taken += fits;
            if fits < part.len() {
                break;
            }
        }
        let rcv_nxt = tcb.durable.rcv_nxt;
        // As of a segment: it may fill a gap.
        let end = tcb.reassembly.advance(rcv_nxt + taken as u32);
        let published = ((end - rcv_nxt) as usize).min(tcb.rx.free());
        tcb.rx.publish(published);
        tcb.durable.rcv_nxt += published as u32;
        tcb.durable.rcv_adv = tcb.durable.rcv_adv.max(tcb.durable.rcv_nxt);
        tcb.touched = true;
        self.settle(now, id.0, events);
        taken
    }

    /// Up to `most` bytes of what is written and not acknowledged.
    pub(crate) fn unacknowledged(&self, id: TcpId, most: usize) -> Vec<u8> {
        let Some(tcb) = self.sockets.get(id.0).and_then(|socket| socket.tcb()) else { return Vec::new() };
        let mut text = vec![0; tcb.tx.len().min(most)];
        let len = tcb.tx.peek_at(0, &mut text);
        text.truncate(len);
        text
    }

    /// Asks the peer for its window, whatever it was at last.
    pub(crate) fn probe_window(&mut self, now: Instant, id: TcpId) {
        let Some(tcb) = self.connection(id.0) else { return };
        if tcb.durable.state == State::Established {
            tcb.durable.snd_wl1 = Seq(tcb.durable.rcv_nxt.0.wrapping_sub(1));
            tcb.probe_due = true;
            self.make_ready(now, id.0);
        }
    }

    fn connection(&mut self, handle: Handle) -> Option<&mut Tcb> {
        self.sockets.get_mut(handle)?.tcb_mut()
    }
}
