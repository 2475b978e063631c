//! Proportional Rate Reduction (RFC 9937): what may be sent during a recovery, so that the window comes down to ssthresh
//! over one round trip and not by a pause.

/// The state of RFC 9937 §6. All quantities are in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prr {
    delivered: u64,
    out: u64,
    /// RecoverFS.
    flight: u64,
    window: u32,
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// DeliveredData.
    pub(super) delivered: u32,
    /// inflight.
    pub(super) pipe: u32,
    pub(super) ssthresh: u32,
    /// SafeACK: SND.UNA moved, and nothing more is lost.
    pub(super) safe: bool,
    pub(super) mss: u32,
}

impl Prr {
    /// A recovery begins while `flight` bytes are out, those not counted that were sacked before.
    pub(super) fn new(flight: u32, window: u32) -> Prr {
        Prr { delivered: 0, out: 0, flight: u64::from(flight.max(1)), window }
    }

    /// The congestion window.
    pub(super) fn window(&self) -> u32 {
        self.window
    }

    /// An acknowledgement came during the recovery.
    pub(super) fn on_ack(&mut self, ack: &Progress) {
        self.delivered += u64::from(ack.delivered);
        let mut send = if ack.pipe > ack.ssthresh {
            let share = (self.delivered * u64::from(ack.ssthresh)).div_ceil(self.flight);
            share.saturating_sub(self.out)
        } else {
            // PRR-SSRB.
            let mut send = self.delivered.saturating_sub(self.out).max(u64::from(ack.delivered));
            if ack.safe {
                send += u64::from(ack.mss);
            }
            send.min(u64::from(ack.ssthresh - ack.pipe))
        };
        if self.out == 0 {
            // The fast retransmission goes whatever the window; part of a segment would not let it go.
            send = send.max(u64::from(ack.mss));
        }
        self.window = ack.pipe.saturating_add(u32::try_from(send).unwrap_or(u32::MAX));
    }

    /// `bytes` were sent.
    pub(super) fn on_sent(&mut self, bytes: u32) {
        self.out += u64::from(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_comes_down_in_proportion() {
        // RFC 9937 §7's case: 20 segments out, one is lost, half the window is to remain.
        let mut prr = Prr::new(20_000, 20_000);
        let (mut pipe, mut sent) = (19_000, 0);
        for _ in 0..19 {
            pipe -= 1000;
            prr.on_ack(&Progress { delivered: 1000, pipe, ssthresh: 10_000, safe: false, mss: 1000 });
            while prr.window() >= pipe + 1000 {
                prr.on_sent(1000);
                (pipe, sent) = (pipe + 1000, sent + 1000);
            }
        }
        assert!((9_000..=10_000).contains(&sent), "{sent}");
        assert!((9_000..=10_000).contains(&pipe), "{pipe}");
    }

    #[test]
    fn below_the_threshold_the_flight_is_kept_and_grows_where_that_is_safe() {
        let mut prr = Prr::new(20_000, 20_000);
        prr.on_sent(1000);
        prr.on_ack(&Progress { delivered: 1000, pipe: 5000, ssthresh: 10_000, safe: false, mss: 1000 });
        assert_eq!(prr.window(), 6000);
        prr.on_ack(&Progress { delivered: 1000, pipe: 5000, ssthresh: 10_000, safe: true, mss: 1000 });
        assert_eq!(prr.window(), 7000);
    }
}
