//! Segments are as long as the path is known to carry (RFC 1191 §6.4, RFC 8201 §5.2): what another connection, or a datagram
//! socket, has learnt of it counts here too, and what is forgotten there is tried again.

use super::listen::announced_mss;
use super::seam::TcpOut;
use super::tcb::Tcb;

/// What a connection knows of the memory that all share.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathView {
    /// The largest segment that our link and the peer allow: paths are no wider.
    pub(super) most: u16,
    /// The memory's count of changes when it was last looked at.
    seen: u32,
}

impl PathView {
    pub(super) fn new(most: u16) -> PathView {
        PathView { most, seen: 0 }
    }
}

impl Tcb {
    /// Takes over what has changed of the path since the last turn.
    pub(super) fn follow_path(&mut self, out: &dyn TcpOut) {
        let changes = out.path_changes();
        if changes == self.path.seen {
            return;
        }
        self.path.seen = changes;
        let (src, remote) = (self.durable.local.ip(), self.durable.remote);
        let Some(mtu) = out.path_mtu(src, remote, self.options.limits()) else { return };
        let mss = announced_mss(mtu, remote.is_ipv6(), None).min(self.path.most);
        if mss < self.durable.snd_mss {
            self.bound_mtu_search(mss);
            self.change_segment_size(mss);
        } else if mss > self.durable.snd_mss && !self.searches_mtu() {
            self.change_segment_size(mss);
        }
    }

    /// ICMP says of a segment in flight that a path of `mtu` does not carry it: it is sent again at once, smaller
    /// (RFC 1191 §6.5).
    pub(super) fn shrink_segments(&mut self, mtu: u32) {
        let mss = announced_mss(mtu, self.durable.remote.is_ipv6(), None);
        self.bound_mtu_search(mss);
        if mss >= self.durable.snd_mss {
            return;
        }
        self.change_segment_size(mss);
        if self.durable.state.is_synchronized() {
            self.repeat_without_reduction(self.path_mss());
        }
    }

    pub(super) fn change_segment_size(&mut self, size: u16) {
        self.durable.snd_mss = size;
        if self.counters.bytes_sent == 0 {
            // Nothing was sent yet: the initial window is counted in segments (RFC 6928 §2).
            return self.reset_congestion();
        }
        let mss = self.path_mss();
        self.congestion.set_mss(mss);
    }
}
