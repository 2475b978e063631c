//! Explicit congestion notification (RFC 3168 §6.1): routers mark what they would else drop, the receiver tells of the mark
//! until the sender says that its window has come down.

use super::tcb::Tcb;
use crate::wire::tcp::{Flags, Segment};

/// ECT(0) in the type of service: the transport understands marks.
const ECT_0: u8 = 0b10;
/// The flags by which a SYN asks for it.
pub(super) const ASKED: Flags = Flags::ECE.union(Flags::CWR);

/// What the two directions of a connection owe each other. Without [`ecn`](super::Durable::ecn) it is all false.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ecn {
    /// A mark came: ECE in every acknowledgement until the peer says CWR.
    echo: bool,
    /// Our window came down: the next new text says CWR.
    reduced: bool,
    /// A mark or an ECT has ever come.
    pub(super) seen: bool,
}

/// What a segment is, as far as ECN treats it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) flags: Flags,
    /// It was sent before.
    pub(super) again: bool,
    /// Text that was not sent before: only that is marked (RFC 3168 §6.1.5).
    pub(super) new_text: bool,
}

/// Whether a SYN asks for ECN (RFC 3168 §6.1.1).
pub(super) fn asks(segment: &Segment<'_>) -> bool {
    segment.header.has(ASKED)
}

/// Whether a SYN-ACK agrees to it. One that has both flags comes from a host that reflects what it does not know.
pub(super) fn agrees(segment: &Segment<'_>) -> bool {
    segment.header.has(Flags::ECE | Flags::ACK) && !segment.header.has(Flags::CWR)
}

impl Tcb {
    /// The ECN flags and the bits of the type of service of a segment on its way out.
    pub(super) fn ecn_of(&self, out: Outgoing) -> (Flags, u8) {
        if !self.durable.ecn {
            return (Flags::empty(), 0);
        }
        if out.flags.contains(Flags::SYN) {
            // What is on the path may drop SYNs that ask (RFC 3168 §6.1.1.1): one that is repeated does not.
            let flags = match out.flags.contains(Flags::ACK) {
                true if self.is_early() => Flags::ECE,
                false if !out.again => ASKED,
                _ => Flags::empty(),
            };
            return (flags, 0);
        }
        let mut flags = Flags::empty();
        flags.set(Flags::ECE, self.ecn.echo);
        flags.set(Flags::CWR, self.ecn.reduced && out.new_text);
        (flags, if out.new_text { ECT_0 } else { 0 })
    }

    /// A segment has left.
    pub(super) fn ecn_sent(&mut self, out: Outgoing) {
        if out.new_text {
            self.ecn.reduced = false;
        }
        if out.flags.contains(Flags::SYN) && out.again && !self.is_early() {
            self.durable.ecn = false;
        }
    }

    /// The window came down: the peer is to know (RFC 3168 §6.1.2).
    pub(super) fn ecn_reduced(&mut self) {
        self.ecn.reduced = self.durable.ecn;
    }

    /// An acknowledgement says that the network is congested.
    pub(super) fn ecn_congested(&self, segment: &Segment<'_>) -> bool {
        self.durable.ecn && segment.header.has(Flags::ECE)
    }

    /// Text came (RFC 3168 §6.1.3). What it changes is said at once, as on Linux.
    pub(super) fn ecn_received(&mut self, segment: &Segment<'_>) {
        if !self.durable.ecn {
            return;
        }
        let before = self.ecn.echo;
        if segment.header.has(Flags::CWR) {
            self.ecn.echo = false;
            self.ack.set_now();
        }
        self.ecn.echo |= segment.ecn == 0b11;
        self.ecn.seen |= segment.ecn != 0;
        if self.ecn.echo && !before {
            self.ack.set_now();
        }
    }
}
