//! Seventh, process the segment text (RFC 9293 §3.10.7.4).

use super::Discard;
use crate::tcp::delayed_ack::TextArrival;
use crate::tcp::seq::Seq;
use crate::tcp::tcb::Tcb;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};

impl Tcb {
    pub(super) fn process_text(&mut self, now: Instant, segment: &Segment<'_>) -> Result<(), Discard> {
        let rcv_nxt = self.durable.rcv_nxt;
        // A SYN has a sequence number before the text; it was processed earlier.
        let first = segment.header.seq + u32::from(segment.header.has(Flags::SYN));
        let text_end = first + segment.payload.len() as u32;
        let fin = segment.header.has(Flags::FIN);
        if segment.payload.is_empty() && !fin {
            return Ok(());
        }
        if !self.durable.state.takes_text() {
            // RFC 9293: after its FIN the peer can only repeat itself: it has missed our acknowledgement.
            return Err(Discard::WithAck);
        }
        if let Some(end) = self.reassembly.fin().filter(|&end| text_end.after(end)) {
            // No text can follow the FIN.
            if end == rcv_nxt {
                return Err(Discard::WithAck);
            }
            // As on Linux: one that waits and is contradicted may be forged, and an honest one comes again.
            self.reassembly.forget_fin();
        }
        // RFC 2525 §2.17, RFC 9293 §3.10.5: nobody will read it, and the peer must know.
        if self.orphan && text_end.after(rcv_nxt) {
            self.end();
            return Err(Discard::WithReset);
        }
        self.ecn_received(segment);
        let old = if first.before(rcv_nxt) { (rcv_nxt - first) as usize } else { 0 };
        self.report_duplicate(first, text_end);
        let Some(new) = segment.payload.get(old..) else {
            // All of it, the FIN too, is old.
            return Err(Discard::WithAck);
        };
        if old > 0 {
            // The peer repeats itself: it missed an acknowledgement.
            self.ack.set_now();
        }
        let start = first.max(rcv_nxt);
        let taken = self.place(now, start, new, segment)?;
        if taken < new.len() {
            // Not all of it fits: acknowledge at once what does.
            self.ack.set_now();
        } else if fin {
            self.reassembly.set_fin(text_end, self.durable.rcv_nxt);
        }
        Ok(())
    }

    /// The text of the SYN that opens a connection at once (RFC 7413 §4.2.2). True if there is any. A FIN behind it takes
    /// effect when the handshake has ended.
    pub(in crate::tcp) fn take_syn_text(&mut self, now: Instant, segment: &Segment<'_>) -> bool {
        let text = segment.payload;
        let taken = self.place(now, self.durable.rcv_nxt, text, segment).unwrap_or(0);
        if taken == text.len() && segment.header.has(Flags::FIN) {
            self.reassembly.set_fin(self.durable.rcv_nxt, self.durable.rcv_nxt);
        }
        taken > 0
    }

    /// Puts text into the rx ring, in order or ahead of a gap; returns how much of it fits.
    fn place(&mut self, now: Instant, start: Seq, text: &[u8], segment: &Segment<'_>) -> Result<usize, Discard> {
        let rcv_nxt = self.durable.rcv_nxt;
        let taken = self.rx.write_at((start - rcv_nxt) as usize, text);
        let end = start + taken as u32;
        if start != rcv_nxt {
            self.ack.owe_duplicate();
            // There is no room to note it: the peer will send it again, with the FIN.
            if !self.reassembly.insert(start, end) {
                return Err(Discard::Silently);
            }
            if self.durable.sack && taken > 0 {
                self.sack_report.on_out_of_order(start);
            }
            return Ok(taken);
        }
        if taken == 0 {
            return Ok(0);
        }
        let drained = self.rx.used() == 0;
        self.counters.data_segs_in += (text.len() as u64).div_ceil(u64::from(segment.packet_text)).max(1);
        // RFC 5681 §4.2: at once when a gap was filled, in whole or in part.
        if !self.reassembly.is_empty() {
            self.ack.set_now();
        }
        let end = self.reassembly.advance(end);
        let published = ((end - rcv_nxt) as usize).min(self.rx.free());
        self.rx.publish(published);
        self.note_arrival(now);
        self.durable.rcv_nxt = rcv_nxt + published as u32;
        self.sack_report.on_in_order(self.durable.rcv_nxt);
        self.counters.bytes_received += published as u64;
        self.touched = true;
        // The text of a SYN may be longer than any later segment, so it says nothing about their size.
        let syn = segment.header.has(Flags::SYN);
        let len = if syn { 0 } else { segment.packet_text.min(text.len() as u32) };
        let pushed = segment.header.has(Flags::PSH);
        let (rcv_nxt, rto) = (self.durable.rcv_nxt, self.rtt.rto());
        self.ack.on_text(now, &TextArrival { len, pushed, drained, rcv_nxt, rto });
        if self.window_grew() {
            self.ack.set_now();
        }
        Ok(taken)
    }

    /// RFC 2883 §4: the next acknowledgement reports what has come twice.
    pub(super) fn report_duplicate(&mut self, first: Seq, end: Seq) {
        if !self.durable.sack {
            return;
        }
        let rcv_nxt = self.durable.rcv_nxt;
        if first.before(rcv_nxt) {
            let end = if end.before(rcv_nxt) { end } else { rcv_nxt };
            self.sack_report.on_duplicate(first..end);
        } else if let Some(overlap) = self.reassembly.overlap(first, end) {
            self.sack_report.on_duplicate(overlap);
        }
    }
}
