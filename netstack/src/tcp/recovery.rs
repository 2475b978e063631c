//! Which segments are taken for lost before the timer says so: fast retransmit (RFC 5681 §3.2), limited transmit
//! (RFC 3042) and NewReno's recovery from several losses in one window (RFC 6582).

use super::congestion::Congestion;
use super::seq::Seq;

/// Duplicate acknowledgements that mean a loss (RFC 5681 §3.2).
const DUP_THRESHOLD: u8 = 3;

/// Loss recovery of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recovery {
    duplicates: u8,
    active: bool,
    /// `recover` of RFC 6582, as the number after the highest sent when the last loss was noticed.
    recover: Seq,
    /// What duplicate acknowledgements add to the congestion window: segments that have left the network.
    inflation: u32,
    /// The segment at SND.UNA is to be sent again now.
    resend: bool,
    /// A partial acknowledgement has come: later ones leave the timer alone (RFC 6582 §3.2 step 3, "impatient").
    partial_seen: bool,
}

/// What an acknowledgement of something new did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewAck {
    /// No recovery was under way.
    Open,
    /// Recovery ends.
    Recovered,
    /// Recovery goes on with the next hole; the retransmission timer is restarted or not.
    Partial { restart_timer: bool },
}

impl Recovery {
    pub(super) fn new(iss: Seq) -> Recovery {
        Recovery { duplicates: 0, active: false, recover: iss, inflation: 0, resend: false, partial_seen: false }
    }

    /// Bytes to add to the congestion window.
    pub(super) fn inflation(&self) -> u32 {
        self.inflation
    }

    /// True when the segment at SND.UNA must be sent again now.
    pub(super) fn wants_resend(&self) -> bool {
        self.resend
    }

    /// The segment at SND.UNA was sent again.
    pub(super) fn resent(&mut self) {
        self.resend = false;
    }

    /// A duplicate acknowledgement came while everything from `una` to `nxt` is out.
    pub(super) fn on_duplicate(&mut self, una: Seq, nxt: Seq, mss: u32, congestion: &mut dyn Congestion) {
        self.duplicates = self.duplicates.saturating_add(1);
        if self.active {
            // RFC 6582 §3.2 step 4. No more can have left the network than was in it.
            self.inflation = self.inflation.saturating_add(mss).min(nxt - una);
        } else if self.duplicates < DUP_THRESHOLD {
            // RFC 3042: one new segment for each of the first two.
            self.inflation = u32::from(self.duplicates) * mss;
        } else if una.at_or_after(self.recover) {
            // RFC 6582 §3.2 step 2.
            congestion.on_loss(nxt - una);
            self.active = true;
            self.partial_seen = false;
            self.recover = nxt;
            self.inflation = u32::from(DUP_THRESHOLD) * mss;
            self.resend = true;
        } else {
            // RFC 6582 §4: these duplicates answer what a timeout sent again.
            self.inflation = 0;
        }
    }

    /// `acked` bytes up to `una` were newly acknowledged; everything up to `nxt` has been sent.
    pub(super) fn on_new_ack(
        &mut self,
        una: Seq,
        nxt: Seq,
        acked: u32,
        mss: u32,
        congestion: &mut dyn Congestion,
    ) -> NewAck {
        self.duplicates = 0;
        if !self.active {
            self.inflation = 0;
            if una.at_or_after(self.recover) {
                // It stays close behind, or after 2³¹ bytes without loss it would be ahead on the circle.
                self.recover = una;
            }
            return NewAck::Open;
        }
        if una.at_or_after(self.recover) {
            self.active = false;
            self.inflation = 0;
            self.resend = false;
            congestion.on_recovered(nxt - una);
            return NewAck::Recovered;
        }
        // RFC 6582 §3.2 step 3, partial: deflate by what was acknowledged, add back one segment.
        self.inflation = self.inflation.saturating_sub(acked);
        if acked >= mss {
            self.inflation = self.inflation.saturating_add(mss);
        }
        self.resend = true;
        let restart_timer = !self.partial_seen;
        self.partial_seen = true;
        NewAck::Partial { restart_timer }
    }

    /// The retransmission timer expired with everything up to `nxt` sent (RFC 6582 §3.2 step 4 of "timeouts").
    pub(super) fn on_timeout(&mut self, nxt: Seq) {
        *self = Recovery::new(nxt);
    }
}
