//! Sixth, check the URG bit (RFC 9293 §3.10.7.4, §3.8.5). As on Linux the pointer is that of the byte after the urgent one
//! (RFC 6093 §2.1), one byte is urgent at a time, and it is out of line: the rx ring carries it with a mark on it.

use crate::tcp::seq::Seq;
use crate::tcp::tcb::Tcb;
use crate::wire::tcp::{Flags, Segment};
use arena::{Mark, UrgentByte};

impl Tcb {
    /// `tcp_urg` of Linux.
    pub(super) fn process_urgent(&mut self, segment: &Segment<'_>) {
        if !self.durable.state.takes_text() {
            return;
        }
        if segment.header.has(Flags::URG) {
            self.check_pointer(segment);
        }
        let Some(mark) = self.rx.urgent().filter(|mark| mark.byte == UrgentByte::Announced) else { return };
        let first = segment.header.seq + u32::from(segment.header.has(Flags::SYN));
        let offset = self.at_position(mark.position) - first;
        if let Some(&byte) = segment.payload.get(offset as usize) {
            self.rx.set_urgent(Mark { byte: UrgentByte::Arrived(byte), ..mark });
            self.touched = true;
        }
    }

    fn check_pointer(&mut self, segment: &Segment<'_>) {
        let at = segment.header.seq + u32::from(segment.header.urgent.saturating_sub(1));
        // It has been read, or it is an old tale.
        if at.before(self.durable.rcv_nxt) {
            return;
        }
        let position = self.position_of(at);
        if let Some(old) = self.rx.urgent() {
            if position <= old.position {
                return;
            }
            let next_to_read = self.rx.position() - self.rx.used() as u64;
            if old.position == next_to_read && self.rx.used() > 0 {
                self.rx.pass_over(old);
            }
        }
        self.rx.set_urgent(Mark { position, byte: UrgentByte::Announced });
        self.counters.urgent_in += 1;
        self.touched = true;
    }

    /// Where in the rx ring's stream a sequence number at or after RCV.NXT stands.
    fn position_of(&self, at: Seq) -> u64 {
        self.rx.position() + u64::from(at - self.durable.rcv_nxt)
    }

    fn at_position(&self, position: u64) -> Seq {
        self.durable.rcv_nxt + position.wrapping_sub(self.rx.position()) as u32
    }
}
