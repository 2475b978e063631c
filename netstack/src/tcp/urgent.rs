//! Urgent data that we send (RFC 9293 §3.8.5): the program's mark on the tx ring is SND.UP.

use super::seq::Seq;
use super::tcb::Tcb;
use crate::wire::tcp::{Flags, Header};

/// The largest distance that the pointer can say.
const REACH: u32 = 0xffff;

impl Tcb {
    /// SND.UP, the sequence number after the urgent byte, while that is not acknowledged.
    pub(super) fn snd_up(&self) -> Option<Seq> {
        let ahead = self.tx.urgent()?.position.checked_sub(self.tx.position())?;
        // It is within the ring, unless somebody has scribbled on it.
        (ahead < self.tx.capacity() as u64).then(|| self.text_start() + (ahead as u32 + 1))
    }

    /// Says in a segment what is urgent behind its sequence number. What the pointer does not reach is announced by the last
    /// segment that is out, as on Linux, and again when it does.
    pub(super) fn point_at_urgent(&self, header: &mut Header) {
        let Some(up) = self.snd_up().filter(|up| header.seq.before(*up)) else { return };
        let ahead = up - header.seq;
        if ahead <= REACH {
            header.urgent = ahead as u16;
        } else if (header.seq + REACH).after(self.durable.snd_nxt) {
            header.urgent = REACH as u16;
        } else {
            return;
        }
        header.flags |= Flags::URG;
    }

    /// The urgent byte is within reach of a segment at SND.UNA, which tells of it while the window is zero.
    pub(super) fn urgent_can_be_announced(&self) -> bool {
        self.snd_up().is_some_and(|up| up - self.durable.snd_una <= REACH)
    }
}
