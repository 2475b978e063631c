//! The client's side: the SYN, and what its answer means.

use super::cache::Learned;
use super::{Early, FastOpenFail, FastOpenModes, FastOpening, FirstText};
use crate::tcp::demux::Tuple;
use crate::tcp::input::peer_mss;
use crate::tcp::options::TcpOptions;
use crate::tcp::state::State;
use crate::tcp::tcb::Tcb;
use crate::tcp::{Tcp, TcpId};
use crate::time::Instant;
use crate::wire::tcp::{FastOpen, Segment};

/// Bytes of the longest options, which the text of a SYN leaves room for, whichever it has (as Linux: what is on the path may
/// add some).
const OPTIONS: u32 = 40;
/// The most text in a SYN: what Linux puts there where packets are longer.
const MOST_TEXT: u32 = 32 << 10;

impl FastOpening {
    /// What the SYN of a connection that we open is to carry. `carried`: the largest segment of the path.
    pub(in crate::tcp) fn active(
        &mut self,
        now: Instant,
        tuple: &Tuple,
        first: FirstText,
        options: &TcpOptions,
        carried: u16,
    ) -> Early {
        // As on Linux, during a pause SYNs neither ask for a cookie nor carry text.
        let off = first == FirstText::Ordinary || !self.modes.contains(FastOpenModes::CLIENT) || self.pause.holds(now);
        if off {
            return Early::default();
        }
        let known = self.cache.find((tuple.local.ip(), tuple.remote.ip()));
        let mss = known.map_or(carried, |known| known.mss.min(carried));
        let room = u32::from(mss).saturating_sub(OPTIONS).min(MOST_TEXT);
        let with_text = Early { room, deferred: first == FirstText::SynWaits, ..Early::default() };
        if options.fast_open.no_cookie || self.modes.contains(FastOpenModes::CLIENT_NO_COOKIE) {
            return with_text;
        }
        match known.and_then(|known| known.cookie) {
            Some(cookie) => Early { option: Some(cookie), ..with_text },
            None => {
                Early { option: Some(FastOpen::default()), fail: FastOpenFail::CookieUnavailable, ..Early::default() }
            }
        }
    }
}

impl Tcp {
    /// How much text the SYN can carry; `None` once it has been sent.
    pub(crate) fn syn_room(&self, id: TcpId) -> Option<u32> {
        let tcb = self.sockets.get(id.0)?.tcb()?;
        let waits = tcb.durable.state == State::SynSent && tcb.durable.snd_nxt == tcb.durable.iss;
        waits.then_some(tcb.early.room)
    }

    /// Lets a SYN that waits for text go, with what is in the tx ring.
    pub(crate) fn send_syn(&mut self, now: Instant, id: TcpId) {
        let Some(tcb) = self.sockets.get_mut(id.0).and_then(|socket| socket.tcb_mut()) else { return };
        tcb.early.deferred = false;
        tcb.touched = true;
        self.make_ready(now, id.0);
    }
}

impl Tcb {
    /// How much text our SYN carries.
    pub(in crate::tcp) fn syn_text(&self) -> u32 {
        match self.durable.state {
            State::SynSent => (self.tx.len() as u32).min(self.early.room),
            _ => 0,
        }
    }

    /// Our SYN has left with `text` bytes.
    pub(in crate::tcp) fn syn_left(&mut self, text: u32) {
        self.early.asked |= self.early.option.take().is_some();
        self.early.sent |= text > 0;
    }

    /// Our SYN is acknowledged, perhaps one that was `repeated`. What of its text is not goes again (RFC 7413 §4.2.2).
    pub(in crate::tcp) fn conclude_fast_open(&mut self, segment: &Segment<'_>, repeated: bool) {
        let early = &mut self.early;
        if !early.asked && !early.sent {
            return;
        }
        let options = &segment.header.options;
        // A cookie that nobody asked for says nothing.
        let cookie = options.fast_open.filter(|told| early.asked && !told.cookie().is_empty());
        early.learned = Some(Learned { mss: peer_mss(options.mss, self.durable.remote.is_ipv6()), cookie });
        if !early.sent {
            return;
        }
        if self.durable.snd_una == self.durable.snd_nxt {
            early.carried = true;
        } else {
            early.fail = if repeated { FastOpenFail::SynRetransmitted } else { FastOpenFail::DataNotAcked };
            self.repeat_without_reduction(0);
        }
    }

    /// The retransmission timer expired; `over`: the connection is given up. As Linux's
    /// `tcp_fastopen_active_detect_blackhole`: the third time in a row, or the end before that, is taken for the fault of the
    /// SYN that began it.
    pub(in crate::tcp) fn suspect_fast_open(&mut self, over: bool) {
        let early = &mut self.early;
        if (early.asked || early.sent) && (self.retries == 2 || self.retries < 2 && over) {
            early.black_hole = true;
        }
    }
}
