//! Whether a segment that is not full goes now or waits for more.

use super::tcb::Tcb;

impl Tcb {
    /// Nagle's algorithm (RFC 9293 §3.7.4) as Minshall changed it: a small segment waits only while another *small* one
    /// is unacknowledged. With segments of 64 KiB the plain rule would make every last piece wait for a round trip.
    pub(super) fn may_send_small(&self) -> bool {
        if self.override_hold || self.snd_up().is_some() {
            return true;
        }
        if self.options.cork || self.more_comes {
            return false;
        }
        self.options.nodelay || self.durable.snd_una.at_or_after(self.small_end)
    }
}
