//! Links that delay, lose, double, reorder, corrupt and fill up, as told.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::{NodeId, segments};
use netstack::link::{IfIndex, LinkCaps, Mac, Sink, TxFrame, TxResult};
use netstack::rng::Rng;
use netstack::time::{Duration, Instant};

/// How a link treats frames. The default is a fast, faithful Ethernet. Chances are out of 10,000.
#[derive(Clone, Debug)]
pub struct Link {
    pub mtu: u32,
    pub checksum_offload: bool,
    /// What becomes of TCP segments that are longer than the MTU; with `checksum_offload`.
    pub segments: Segments,
    /// Time from end to end.
    pub delay: Duration,
    /// Up to this much more, by chance: frames overtake each other.
    pub jitter: Duration,
    /// Frames lost, each by itself.
    pub loss: u32,
    /// Losses that come together.
    pub bursts: Option<Bursts>,
    pub duplication: u32,
    /// Of those that understand it, packets that are marked instead of dropped (RFC 3168).
    pub marking: u32,
    /// Frames in which a bit changes.
    pub corruption: u32,
    /// Frames that are held back by `hold`, while others pass.
    pub reordering: u32,
    pub hold: Duration,
    /// Bytes a second, each station for itself; None: no limit.
    pub rate: Option<u64>,
    /// With `rate`: bytes and frames that may wait. Beyond, the sender is told `Full`, or if `drop_tail` the frame is lost.
    pub queue: usize,
    pub queue_frames: usize,
    pub drop_tail: bool,
    /// Nothing passes.
    pub cut: bool,
}

/// What a link does about TCP segments that are longer than its MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segments {
    /// It takes none.
    Short,
    /// It cuts them.
    Cut,
    /// It gives them whole to stations that know what they are.
    Joined,
}

/// Losses in bursts (Gilbert's model): the link turns bad and good again by chance at each frame, and loses all while bad.
#[derive(Clone, Copy, Debug)]
pub struct Bursts {
    /// Chance that a good link turns bad, out of 10,000.
    pub begin: u32,
    /// Chance that a bad link turns good, out of 10,000.
    pub end: u32,
}

impl Default for Link {
    fn default() -> Link {
        Link {
            mtu: 1500,
            checksum_offload: false,
            segments: Segments::Short,
            delay: Duration::from_micros(50),
            jitter: Duration::ZERO,
            loss: 0,
            bursts: None,
            duplication: 0,
            marking: 0,
            corruption: 0,
            reordering: 0,
            hold: Duration::ZERO,
            rate: None,
            queue: 256 << 10,
            queue_frames: usize::MAX,
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

    /// As a TAP interface of Linux.
    pub fn tap(segments: Segments) -> Link {
        Link { checksum_offload: true, segments, ..Link::default() }
    }

    pub(super) fn caps(&self) -> LinkCaps {
        let segment_offload = if self.segments == Segments::Short { 0 } else { 65_535 };
        LinkCaps { checksum_offload: self.checksum_offload, segment_offload }
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

/// Who is at an end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Station {
    Node(NodeId, IfIndex),
    /// A router and its port.
    Router(usize, usize),
}

pub(super) struct Member {
    pub(super) station: Station,
    pub(super) mac: Mac,
    pub(super) addresses: Vec<Ipv4Addr>,
    /// With a rate: when each frame that waits will have left, and its bytes.
    leaving: VecDeque<(Instant, usize)>,
    waiting: usize,
}

impl Member {
    fn forget_what_left(&mut self, now: Instant) {
        while let Some((_, len)) = self.leaving.pop_front_if(|(at, _)| *at <= now) {
            self.waiting -= len;
        }
    }
}

pub(super) struct LinkState {
    pub(super) link: Link,
    pub(super) members: Vec<Member>,
    bad: bool,
}

/// What happens to one frame.
pub(super) struct Fate {
    /// When it arrives; never, or more than once.
    pub(super) arrivals: Vec<Instant>,
    /// A bit that changes on the way.
    pub(super) corrupt: Option<usize>,
    /// It is marked, if it can be.
    pub(super) mark: bool,
}

impl LinkState {
    pub(super) fn new(link: Link) -> LinkState {
        LinkState { link, members: Vec::new(), bad: false }
    }

    /// Puts a station on the link. Returns its number there.
    pub(super) fn add(&mut self, station: Station, mac: Mac) -> usize {
        self.members.push(Member { station, mac, addresses: Vec::new(), leaving: VecDeque::new(), waiting: 0 });
        self.members.len() - 1
    }

    /// Would another frame of a station wait beyond the end of its queue, `pending` bytes and frames before it?
    fn is_full(&mut self, now: Instant, from: usize, pending: (usize, usize)) -> bool {
        let Link { rate, queue, queue_frames, .. } = self.link;
        let member = &mut self.members[from];
        member.forget_what_left(now);
        rate.is_some() && (member.waiting + pending.0 > queue || member.leaving.len() + pending.1 >= queue_frames)
    }

    pub(super) fn refuses(&mut self, now: Instant, from: usize, pending: (usize, usize)) -> bool {
        !self.link.drop_tail && self.is_full(now, from, pending)
    }

    pub(super) fn fate(&mut self, now: Instant, from: usize, len: usize, rng: &mut Rng) -> Fate {
        let full = (self.link.drop_tail || matches!(self.members[from].station, Station::Router(..)))
            && self.is_full(now, from, (0, 0));
        if full || self.link.cut || self.loses(rng) {
            return Fate { arrivals: Vec::new(), corrupt: None, mark: false };
        }
        let link = &self.link;
        let mut left = now;
        if let Some(rate) = link.rate {
            let time = Duration::from_nanos((len as u128 * 1_000_000_000 / u128::from(rate)) as u64);
            let member = &mut self.members[from];
            left = member.leaving.back().map_or(now, |(at, _)| *at).max(now) + time;
            member.leaving.push_back((left, len));
            member.waiting += len;
        }
        let chance = |rng: &mut Rng, of: u32| of > 0 && rng.below(10_000) < of;
        let copies = if chance(rng, link.duplication) { 2 } else { 1 };
        let arrivals = (0..copies)
            .map(|_| {
                let mut at = left + link.delay;
                if !link.jitter.is_zero() {
                    at = at + Duration::from_nanos(link.jitter.as_nanos() as u64 * u64::from(rng.below(1000)) / 1000);
                }
                if chance(rng, link.reordering) { at + link.hold } else { at }
            })
            .collect();
        let corrupt = chance(rng, link.corruption).then(|| rng.u32() as usize);
        let mark = chance(rng, link.marking);
        Fate { arrivals, corrupt, mark }
    }

    fn loses(&mut self, rng: &mut Rng) -> bool {
        if let Some(Bursts { begin, end }) = self.link.bursts {
            self.bad ^= rng.below(10_000) < if self.bad { end } else { begin };
        }
        self.bad || self.link.loss > 0 && rng.below(10_000) < self.link.loss
    }
}

/// A frame that a station sends.
pub(super) struct Leaving {
    /// The link and the station's number there.
    pub(super) from: (usize, usize),
    pub(super) frame: Vec<u8>,
    pub(super) checksum_partial: bool,
    /// See `RxMeta`.
    pub(super) segment_size: u16,
}

/// Takes the frames of one poll.
pub(super) struct Outbox<'a> {
    now: Instant,
    /// The link of each interface from 2 on, and the node's number there.
    of_interface: &'a [(usize, usize)],
    links: &'a mut [LinkState],
    pub(super) frames: Vec<Leaving>,
    /// Bytes and frames of this poll.
    pending: (usize, usize),
}

impl<'a> Outbox<'a> {
    pub(super) fn new(now: Instant, of_interface: &'a [(usize, usize)], links: &'a mut [LinkState]) -> Outbox<'a> {
        Outbox { now, of_interface, links, frames: Vec::new(), pending: (0, 0) }
    }
}

impl Sink for Outbox<'_> {
    fn transmit(&mut self, on: IfIndex, frame: &TxFrame<'_>) -> TxResult {
        let (link, from) = self.of_interface[on.0 as usize - 2];
        let state = &mut self.links[link];
        let joined = frame.segment_size > 0;
        assert!(!joined || state.link.segments != Segments::Short, "segments joined unasked");
        assert!(joined || frame.len() <= state.link.mtu as usize + 14, "a frame longer than the link takes");
        assert!(!frame.checksum_partial || state.link.checksum_offload, "a checksum left out unasked");
        if state.refuses(self.now, from, self.pending) {
            return TxResult::Full;
        }
        self.pending = (self.pending.0 + frame.len(), self.pending.1 + 1);
        let (from, checksum_partial, segment_size) = ((link, from), frame.checksum_partial, frame.segment_size);
        let whole = frame.parts().concat();
        if joined && state.link.segments == Segments::Cut {
            assert!(checksum_partial, "a checksum of what is still to be cut");
            let pieces = segments::cut(&whole, frame.head.len(), segment_size);
            for frame in pieces {
                assert!(frame.len() <= state.link.mtu as usize + 14, "a piece longer than the link takes");
                self.frames.push(Leaving { from, frame, checksum_partial, segment_size: 0 });
            }
        } else {
            self.frames.push(Leaving { from, frame: whole, checksum_partial, segment_size });
        }
        TxResult::Sent
    }
}
