//! Second, check the RST bit; fourth, check the SYN bit (RFC 9293 §3.10.7.4, which takes both from RFC 5961).

use super::Discard;
use crate::tcp::errors::TcpError;
use crate::tcp::state::State;
use crate::tcp::tcb::Tcb;
use crate::wire::tcp::{Flags, Segment};

impl Tcb {
    pub(super) fn check_reset(&mut self, segment: &Segment<'_>) -> Result<(), Discard> {
        let header = &segment.header;
        if !header.has(Flags::RST) {
            return Ok(());
        }
        // RFC 5961 §3.2: only the exact number resets; another one in the window is asked about.
        if header.seq != self.durable.rcv_nxt {
            return Err(Discard::WithChallenge);
        }
        self.peer_reset();
        Err(Discard::Silently)
    }

    /// The connection ends as by a RST.
    pub(in crate::tcp) fn peer_reset(&mut self) {
        match self.durable.state {
            // Of a simultaneous open; a passive one has no TCB yet, but for Fast Open.
            State::SynSent | State::SynReceived if !self.is_early() => self.fail(TcpError::Refused),
            // As Linux: the program may have more to write, and would learn it by EPIPE.
            State::CloseWait => self.fail(TcpError::BrokenPipe),
            // In CLOSING and LAST-ACK too, as Linux: what is not acknowledged is lost, and nobody else would say so.
            _ => self.fail(TcpError::Reset),
        }
    }

    pub(super) fn check_syn(&mut self, segment: &Segment<'_>) -> Result<(), Discard> {
        let header = &segment.header;
        if !header.has(Flags::SYN) {
            return Ok(());
        }
        // RFC 9293 figure 8: the SYN-ACK of a simultaneous open repeats a SYN that we have, and acknowledges ours.
        let d = &self.durable;
        let acks_syn = header.ack.after(d.snd_una) && header.ack.at_or_before(d.snd_nxt);
        if d.state == State::SynReceived && header.has(Flags::ACK) && header.seq == d.irs && acks_syn {
            return Ok(());
        }
        // RFC 5961 §4.2.
        Err(Discard::WithChallenge)
    }
}
