//! Paths that swallow long segments without a word (RFC 4821, RFC 2923 §2.1): after repeated timeouts segments become small,
//! and when those come through, longer ones are tried again, one at a time.

use super::seq::Seq;
use super::tcb::Tcb;
use crate::time::{Duration, Instant};

/// Timeouts in a row after which segments of this size are taken for swallowed (`tcp_retries1`).
const SUSPICIOUS: u8 = 3;
/// The segments that are tried then, and what any path carries (RFC 4821 §7.2; IPv6: RFC 8200 §5).
const BASE: u16 = 1024;
const FLOOR: u16 = 512;
const FLOOR_V6: u16 = 1220;
/// Full segments that must come through before a longer one is tried.
const CONFIDENCE: u32 = 8;
/// Sizes that differ by less are the same.
const CLOSE: u16 = 32;
/// Then it is searched again: paths change (RFC 4821 §7.3, RFC 1191 §6.3).
const AGAIN: Duration = Duration::from_secs(600);

/// The search; none as long as nothing was swallowed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MtuSearch(Option<Search>);

#[derive(Clone, Copy, Debug)]
struct Search {
    /// Segment size at which it began: the largest that is tried.
    most: u16,
    /// The largest that has not failed.
    high: u16,
    /// One has failed: what is left is halved.
    failed: bool,
    /// Bytes that came through since the size changed.
    carried: u32,
    /// A probe on its way.
    probe: Option<Probe>,
    /// The search is over until then.
    rests_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    start: Seq,
    end: Seq,
    size: u16,
}

impl Search {
    fn next_size(&self, now_at: u16) -> Option<u16> {
        let room =
            self.high.checked_sub(now_at).filter(|room| *room >= CLOSE || self.high == self.most && *room > 0)?;
        let size = if self.failed { now_at + room.div_ceil(2) } else { now_at.saturating_mul(2) };
        Some(size.min(self.high))
    }
}

impl Tcb {
    /// The retransmission timer has expired once more.
    pub(super) fn suspect_black_hole(&mut self) {
        let suspicious = self.retries >= SUSPICIOUS && (self.retries - SUSPICIOUS).is_multiple_of(2);
        if !suspicious || !self.durable.state.is_synchronized() {
            return;
        }
        let floor = if self.durable.remote.is_ipv6() { FLOOR_V6 } else { FLOOR };
        let size = (if self.retries == SUSPICIOUS { BASE } else { self.durable.snd_mss / 2 }).max(floor);
        // Nothing that long is out: it is not its length.
        let longest = self.sent.first().map_or(0, |first| first.len());
        if size >= self.durable.snd_mss || longest <= u32::from(size) {
            return;
        }
        let most = self.mtu_search.0.map_or(self.durable.snd_mss, |search| search.most);
        self.mtu_search.0 =
            Some(Search { most, high: most, failed: false, carried: 0, probe: None, rests_until: None });
        self.change_segment_size(size);
    }

    /// Do we find out by ourselves what the path carries?
    pub(super) fn searches_mtu(&self) -> bool {
        self.mtu_search.0.is_some()
    }

    /// It is known what the path carries: nothing longer is tried.
    pub(super) fn bound_mtu_search(&mut self, size: u16) {
        if let Some(search) = &mut self.mtu_search.0 {
            (search.most, search.high) = (search.most.min(size), search.high.min(size));
        }
    }

    /// Payload of the probe that may go now, if one may.
    pub(super) fn mtu_probe(&self) -> Option<u32> {
        let search = self.mtu_search.0.filter(|search| search.probe.is_none() && search.rests_until.is_none())?;
        if self.sent.has_waiting() || search.carried < CONFIDENCE * self.mss() {
            return None;
        }
        let now_at = self.durable.snd_mss;
        let longer = search.next_size(now_at)? - now_at;
        Some(self.path_mss() + u32::from(longer))
    }

    /// New text has left in a segment that is longer than usual.
    pub(super) fn mtu_probe_sent(&mut self, start: Seq, text: u32) {
        let longer = text.saturating_sub(self.path_mss()) as u16;
        let size = self.durable.snd_mss + longer;
        if let Some(search) = self.mtu_search.0.as_mut().filter(|_| longer > 0) {
            search.probe = Some(Probe { start, end: start + text, size });
        }
    }

    /// Length of the oldest segment that is out, if that is a probe.
    pub(super) fn oldest_mtu_probe_len(&self) -> Option<u32> {
        let probe = self.mtu_search.0?.probe.filter(|probe| probe.start == self.durable.snd_una)?;
        Some(probe.end - probe.start)
    }

    /// Something is sent again: a probe among it was swallowed.
    pub(super) fn mtu_probe_repeated(&mut self, start: Seq) {
        let Some(search) = &mut self.mtu_search.0 else { return };
        if let Some(probe) = search.probe.take_if(|probe| start.at_or_after(probe.start) && start.before(probe.end)) {
            search.high = probe.size - 1;
            search.failed = true;
            search.carried = 0;
        }
    }

    /// SND.UNA has moved.
    pub(super) fn mtu_carried(&mut self, now: Instant, bytes: u32) {
        let now_at = self.durable.snd_mss;
        let una = self.durable.snd_una;
        let Some(search) = &mut self.mtu_search.0 else { return };
        search.carried = search.carried.saturating_add(bytes);
        if search.rests_until.is_some_and(|until| until <= now) {
            *search =
                Search { high: search.most, failed: false, carried: 0, probe: None, rests_until: None, ..*search };
        }
        if let Some(probe) = search.probe.take_if(|probe| una.at_or_after(probe.end)) {
            search.carried = 0;
            if probe.size >= search.most {
                self.mtu_search.0 = None;
            }
            self.change_segment_size(probe.size);
        } else if search.probe.is_none() && search.rests_until.is_none() && search.next_size(now_at).is_none() {
            search.rests_until = Some(now + AGAIN);
        }
    }
}
