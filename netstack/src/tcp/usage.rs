//! Whether the congestion window is in use (RFC 7661, after Linux's `tcp_cwnd_validate`): one that is not says nothing about
//! the path, and must not grow.

use super::seq::Seq;

/// The strongest sign in one window of data.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowUsage {
    /// The window held the sender back.
    limited: bool,
    /// The most that was out, in bytes.
    most: u32,
    /// When this is acknowledged the sign is old.
    until: Seq,
}

impl WindowUsage {
    pub(super) fn new(iss: Seq) -> WindowUsage {
        WindowUsage { limited: false, most: 0, until: iss }
    }

    /// The sender has sent what it could: `out` bytes are out, up to `nxt`. `limited`: for want of congestion window.
    pub(super) fn note(&mut self, una: Seq, nxt: Seq, out: u32, limited: bool) {
        if una.at_or_after(self.until) || limited || (!self.limited && out > self.most) {
            *self = WindowUsage { limited, most: out, until: nxt };
        }
    }

    /// The window may grow. In slow start half of it in use is enough: the rest was opened by what came in this round.
    pub(super) fn allows_growth(&self, window: u32, slow_start: bool) -> bool {
        self.limited || (slow_start && window < self.most.saturating_mul(2))
    }
}
