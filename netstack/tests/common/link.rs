//! Links that delay, lose, double, corrupt and fill up, as told.

use super::NodeId;
use netstack::link::{IfIndex, Mac, Sink, TxFrame, TxResult};
use netstack::rng::Rng;
use netstack::time::{Duration, Instant};

/// How a link treats frames. The default is a fast, faithful Ethernet.
#[derive(Clone, Debug)]
pub struct Link {
    pub mtu: u32,
    pub checksum_offload: bool,
    /// Time from end to end.
    pub delay: Duration,
    /// Up to this much more, by chance: frames overtake each other.
    pub jitter: Duration,
    /// Frames lost, doubled and corrupted, out of 10,000.
    pub loss: u32,
    pub duplication: u32,
    pub corruption: u32,
    /// Bytes a second; None: no limit.
    pub rate: Option<u64>,
    /// With `rate`: bytes that may wait. Beyond it, the sender is told `Full`, or if `drop_tail` the frame is lost.
    pub queue: usize,
    pub drop_tail: bool,
    /// Nothing passes.
    pub cut: bool,
}

impl Default for Link {
    fn default() -> Link {
        Link {
            mtu: 1500,
            checksum_offload: false,
            delay: Duration::from_micros(50),
            jitter: Duration::ZERO,
            loss: 0,
            duplication: 0,
            corruption: 0,
            rate: None,
            queue: 256 << 10,
            drop_tail: false,
            cut: false,
        }
    }
}

impl Link {
    /// As the bus: frames of 64 KiB, no checksums.
    pub fn bus() -> Link {
        Link { mtu: 65535, checksum_offload: true, delay: Duration::from_micros(5), ..Link::default() }
    }

    pub fn delay_ms(self, ms: u64) -> Link {
        Link { delay: Duration::from_millis(ms), ..self }
    }

    pub fn jitter_ms(self, ms: u64) -> Link {
        Link { jitter: Duration::from_millis(ms), ..self }
    }

    /// `out_of_10000` frames are lost.
    pub fn loss(self, out_of_10000: u32) -> Link {
        Link { loss: out_of_10000, ..self }
    }
}

pub(super) struct LinkState {
    pub(super) link: Link,
    pub(super) members: Vec<(NodeId, IfIndex, Mac)>,
    /// When the last frame will have left.
    busy_until: Instant,
}

/// What happens to one frame.
pub(super) struct Fate {
    /// When it arrives; never, or more than once.
    pub(super) arrivals: Vec<Instant>,
    /// A bit that changes on the way.
    pub(super) corrupt: Option<usize>,
}

impl LinkState {
    pub(super) fn new(link: Link) -> LinkState {
        LinkState { link, members: Vec::new(), busy_until: Instant::default() }
    }

    /// Bytes that wait for the link now.
    fn backlog(&self, now: Instant) -> usize {
        let rate = self.link.rate.unwrap_or(u64::MAX);
        (self.busy_until.since(now).as_nanos() * u128::from(rate) / 1_000_000_000) as usize
    }

    pub(super) fn is_full(&self, now: Instant, pending: usize) -> bool {
        !self.link.drop_tail && self.link.rate.is_some() && self.backlog(now) + pending > self.link.queue
    }

    pub(super) fn fate(&mut self, now: Instant, len: usize, rng: &mut Rng) -> Fate {
        let dropped = self.link.drop_tail && self.link.rate.is_some() && self.backlog(now) > self.link.queue;
        if dropped || self.link.cut || rng.below(10_000) < self.link.loss {
            return Fate { arrivals: Vec::new(), corrupt: None };
        }
        if let Some(rate) = self.link.rate {
            let time = Duration::from_nanos((len as u128 * 1_000_000_000 / u128::from(rate)) as u64);
            self.busy_until = self.busy_until.max(now) + time;
        }
        let copies = if rng.below(10_000) < self.link.duplication { 2 } else { 1 };
        let arrivals = (0..copies)
            .map(|_| {
                let jitter =
                    Duration::from_nanos(self.link.jitter.as_nanos() as u64 * u64::from(rng.below(1000)) / 1000);
                self.busy_until.max(now) + self.link.delay + jitter
            })
            .collect();
        let corrupt = (rng.below(10_000) < self.link.corruption).then(|| rng.u32() as usize);
        Fate { arrivals, corrupt }
    }
}

/// Takes the frames of one poll.
pub(super) struct Outbox<'a> {
    now: Instant,
    /// The link of each interface from 2 on.
    of_interface: &'a [usize],
    links: &'a mut [LinkState],
    /// Link, bytes, `checksum_partial`.
    pub(super) frames: Vec<(usize, Vec<u8>, bool)>,
    pending: usize,
}

impl<'a> Outbox<'a> {
    pub(super) fn new(now: Instant, of_interface: &'a [usize], links: &'a mut [LinkState]) -> Outbox<'a> {
        Outbox { now, of_interface, links, frames: Vec::new(), pending: 0 }
    }
}

impl Sink for Outbox<'_> {
    fn transmit(&mut self, on: IfIndex, frame: &TxFrame<'_>) -> TxResult {
        let link = self.of_interface[on.0 as usize - 2];
        let state = &self.links[link];
        assert!(frame.len() <= state.link.mtu as usize + 14, "a frame longer than the link takes");
        assert!(!frame.checksum_partial || state.link.checksum_offload, "a checksum left out unasked");
        if state.is_full(self.now, self.pending) {
            return TxResult::Full;
        }
        self.pending += frame.len();
        self.frames.push((link, frame.parts().concat(), frame.checksum_partial));
        TxResult::Sent
    }
}
