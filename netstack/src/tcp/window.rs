//! The receive window: what to offer (RFC 9293 §3.8.6, RFC 7323 §2) and when the program's reading is worth a segment.

use super::seq::Seq;
use super::tcb::Tcb;

/// Shift that we offer: the largest ring, [`MAX_RING`](super::autotune::MAX_RING), can be advertised in steps of 512 bytes.
pub(super) const SCALE: u8 = 9;
/// Largest window in a SYN, which is never scaled (RFC 7323 §2.2).
pub(super) const MAX_UNSCALED: u32 = 65535;

impl Tcb {
    /// SND's view of RCV.WND: what the peer may still send.
    pub(super) fn receive_window(&self) -> u32 {
        let d = &self.durable;
        if d.rcv_adv.after(d.rcv_nxt) { d.rcv_adv - d.rcv_nxt } else { 0 }
    }

    /// The window field for a segment that leaves now, and the right edge that it means.
    /// `syn`: it is a SYN, in which a window is never scaled (RFC 7323 §2.2).
    pub(super) fn window_to_offer(&self, syn: bool) -> (u16, Seq) {
        let d = &self.durable;
        let (room, current) = (self.room(), self.receive_window());
        // RFC 9293 §3.8.6.2.2: the edge moves by min(ring / 2, MSS) at least, and never left.
        let step = self.ack.segment().min(self.largest_window() / 2);
        let window = if room >= current + step || room == self.largest_window() { room.max(current) } else { current };
        let scale = if syn { 0 } else { self.scale() };
        let field = (window >> scale).min(MAX_UNSCALED);
        (field as u16, d.rcv_nxt + (field << scale))
    }

    /// What could be offered now.
    fn room(&self) -> u32 {
        (self.free_to_receive() as u32).min(self.most_to_offer())
    }

    /// Bytes that the rx ring may still take. What was offered before SO_RCVBUF made it less may come all the same.
    pub(super) fn free_to_receive(&self) -> usize {
        self.receive_bound().saturating_sub(self.rx.used())
    }

    /// What could be offered if the ring were empty.
    fn largest_window(&self) -> u32 {
        (self.receive_bound() as u32).min(self.most_to_offer())
    }

    fn most_to_offer(&self) -> u32 {
        let clamp = self.options.window_clamp.unwrap_or(u32::MAX);
        (MAX_UNSCALED << self.scale()).min(clamp)
    }

    /// What windows are scaled by, outside of SYNs.
    fn scale(&self) -> u8 {
        if self.durable.state.is_synchronized() || self.is_early() { self.durable.rcv_scale } else { 0 }
    }

    /// True if the window has grown so much beyond what the peer knows that it must hear of it now: to twice its size,
    /// and by two segments at least.
    pub(super) fn window_grew(&self) -> bool {
        self.room().saturating_sub(self.receive_window()) >= self.worthwhile_growth()
    }

    fn worthwhile_growth(&self) -> u32 {
        let largest = self.largest_window();
        self.receive_window().max(2 * self.ack.segment()).max(largest / 8).min(largest / 2)
    }

    /// Arranges to be told when the program has read enough for an acknowledgement: for a window update, or because one
    /// waits for everything to be read.
    pub(super) fn watch_reading(&mut self) {
        let mark = match (self.growth_to_watch(), self.ack.waits_for_drain() && !self.orphan) {
            (growth, true) => Some(growth.map_or(self.rx.used(), |growth| growth.min(self.rx.used()))),
            (growth, false) => growth,
        };
        if let Some(mark) = mark {
            self.rx.notify_after(mark.max(1));
            self.reading_watched = true;
            // The program may have read between the look and the mark.
            if (self.growth_to_watch().is_some() && self.window_grew())
                || (self.ack.waits_for_drain() && self.rx.used() == 0)
            {
                self.ack.set_now();
            }
        } else if self.reading_watched {
            self.rx.notify_never();
            self.reading_watched = false;
        }
    }

    /// Bytes to be read before a window update is worth a segment. None while the peer has more than half of the ring
    /// before it, since its own segments will cause one in time, and before its first text, since it has all that a SYN
    /// can offer.
    fn growth_to_watch(&self) -> Option<usize> {
        let needed = self.ack.last_text().is_some()
            && self.durable.state.takes_text()
            && !self.orphan
            && self.receive_window() <= self.largest_window() / 2;
        let grown = self.room().saturating_sub(self.receive_window());
        let too_much = self.rx.used().saturating_sub(self.receive_bound());
        needed.then(|| self.worthwhile_growth().saturating_sub(grown) as usize + too_much)
    }
}
