//! How large the rings are: as large as the path and the program need, without a setting.
//!
//! A ring starts small, so that cycling through it stays in the caches, and grows while a larger one would carry more: the
//! receiving one to twice what the program reads in a round trip (dynamic right-sizing, as Linux's
//! `tcp_rcv_space_adjust`), the sending one to twice the congestion window (`tcp_sndbuf_expand`).
//! A ring never shrinks: if the program wants less, not all of it is used.

use super::seq::Seq;
use super::tcb::Tcb;
use super::windowed_min::WindowedMin;
use crate::socket::BufferPool;
use crate::time::{Duration, Instant};
use crate::wire::tcp::Segment;

/// No ring grows beyond this: a path of 100 ms and 1 Gbit/s holds 12.5 MB, and as much again arrives while a lost segment is
/// sent again.
pub(super) const MAX_RING: usize = 32 << 20;
/// The highest rate for which a ring is made, in bytes a second (10 Gbit/s). If the round trip is short, no more is ever in flight,
/// and a larger ring would only cost the caches.
const MAX_RATE: u64 = 1_250_000_000;
/// What a sender may have sent in the first round trip (RFC 6928).
const FIRST_ROUND: u64 = 10 * 1460;
/// When the pool had no memory: how long until it is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What a connection has measured for the size of its rings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Autotune {
    /// Round trip as the receiver sees it.
    rtt: Option<Duration>,
    /// The smallest such of late.
    smallest: WindowedMin,
    /// Without timestamps: when text up to this number has arrived, a window has passed since this moment.
    timing: Option<(Seq, Instant)>,
    /// The present round: when it began, and how much the program had read by then.
    began: Instant,
    read: u64,
    /// The most that the program has read in a round, in bytes.
    most: u64,
    /// The pool had no memory: do not ask before this moment.
    not_before: Instant,
}

impl Autotune {
    pub(super) fn new(now: Instant) -> Autotune {
        Autotune {
            rtt: None,
            smallest: WindowedMin::default(),
            timing: None,
            began: now,
            read: 0,
            most: FIRST_ROUND,
            not_before: Instant::default(),
        }
    }

    /// The most that the program has read in a round trip, in bytes (`tcpi_rcv_space`).
    pub(super) fn space(&self) -> u64 {
        self.most
    }

    /// Round trip as the receiver sees it; zero before the first measurement.
    pub(super) fn rtt(&self) -> Duration {
        self.rtt.unwrap_or_default()
    }

    fn measured(&mut self, now: Instant, sample: Duration) {
        self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
        self.smallest.observe(now, sample);
    }
}

impl Tcb {
    /// Bytes that the rx ring may hold: no more than SO_RCVBUF says.
    pub(super) fn receive_bound(&self) -> usize {
        bounded(self.rx.capacity(), self.options.buffers.receive)
    }

    /// Bytes that the tx ring may hold: no more than SO_SNDBUF says, which the program's side heeds.
    pub(super) fn send_bound(&self) -> usize {
        bounded(self.tx.capacity(), self.options.buffers.send)
    }

    /// Lets the rings grow after a segment, if they should.
    pub(super) fn grow_rings(&mut self, now: Instant, segment: &Segment<'_>, pool: &mut dyn BufferPool) {
        if !self.durable.state.is_synchronized() {
            return;
        }
        if !segment.payload.is_empty() {
            self.measure_receiving(now, segment);
            if let Some(size) = self.receive_size(now, pool.full_ring()).filter(|_| now >= self.autotune.not_before) {
                match pool.grow(self.rx.capacity(), size) {
                    // Refused while the ring still moves to the previous one; the next round asks again.
                    Some(region) => drop(self.rx.grow(region)),
                    None => self.autotune.not_before = now + RETRY,
                }
            }
        }
        if let Some(size) = self.send_size(pool.full_ring()).filter(|_| now >= self.autotune.not_before) {
            match pool.grow(self.tx.capacity(), size) {
                Some(region) => self.tx.offer(region),
                None => self.autotune.not_before = now + RETRY,
            }
        }
    }

    /// Round trip as the receiver sees it: by the timestamps that come back, else by how long a window takes to arrive.
    fn measure_receiving(&mut self, now: Instant, segment: &Segment<'_>) {
        if self.durable.timestamps.is_some() {
            // A small segment may have waited for the program that wrote it.
            if segment.payload.len() as u32 >= self.ack.segment()
                && let Some(age) = self.echoed(now, segment)
            {
                self.autotune.measured(now, age);
            }
            return;
        }
        match self.autotune.timing {
            Some((end, _)) if self.durable.rcv_nxt.before(end) => return,
            // A sender that is slower than the window takes longer: the shortest counts.
            Some((_, began)) => {
                let sample = now.since(began);
                self.autotune.measured(now, self.autotune.rtt.map_or(sample, |rtt| rtt.min(sample)));
            }
            None => {}
        }
        self.autotune.timing = Some((self.durable.rcv_nxt + self.receive_window().max(1), now));
    }

    /// The size that the rx ring should grow to now.
    fn receive_size(&mut self, now: Instant, full: usize) -> Option<usize> {
        let capacity = self.rx.capacity();
        if let Some(fixed) = self.options.buffers.receive {
            return larger(capacity, fixed as usize);
        }
        // Who waits for so much must have it before it reads (tcp_set_rcvlowat()).
        let awaited = 2 * self.options.receive_low_water as usize;
        if awaited > capacity {
            return larger(capacity, awaited.min(MAX_RING));
        }
        // Of text that waits to be read it holds more than it could at first.
        if capacity < full && self.rx.used() >= capacity / 2 {
            return larger(capacity, next_step(capacity, full));
        }
        let tune = &mut self.autotune;
        let limit = useful(tune.smallest.get().into_iter().chain(self.rtt.sampled()).min()?).max(full);
        if capacity >= limit || self.orphan {
            return None;
        }
        let round = tune.rtt.unwrap_or_else(|| self.rtt.smoothed());
        if now.since(tune.began) < round {
            return None;
        }
        let read = self.rx.position() - self.rx.used() as u64;
        let copied = read - tune.read;
        (tune.read, tune.began) = (read, now);
        if copied <= tune.most {
            return None;
        }
        // A sender in slow start has twice as much under way by the time that the next round is over.
        let growth = (copied - tune.most).saturating_mul(2).min(copied);
        tune.most = copied;
        let wanted = 2 * (copied + growth);
        larger(capacity, wanted.min(limit as u64) as usize)
    }

    /// The size that the tx ring should grow to now.
    fn send_size(&self, full: usize) -> Option<usize> {
        let capacity = self.tx.capacity();
        if self.tx.has_offer() {
            return None;
        }
        if let Some(fixed) = self.options.buffers.send {
            return larger(capacity, fixed as usize);
        }
        // Only if the program fills it and the network would take more.
        let window = self.congestion.windows().window as usize;
        if window.saturating_mul(2) <= capacity || self.tx.len() < capacity / 2 {
            return None;
        }
        let most = useful(self.rtt.sampled()?).max(full).min(next_step(capacity, full));
        larger(capacity, window.saturating_mul(2).min(most))
    }
}

/// What a ring can use at most where the round trip is at least `rtt`: twice what can be under way, so that a loss does not
/// stop the flow.
fn useful(rtt: Duration) -> usize {
    let bytes = u128::from(2 * MAX_RATE) * rtt.as_nanos() / 1_000_000_000;
    bytes.min(MAX_RING as u128) as usize
}

/// What a ring may grow to at once: by steps while it is smaller than others are from the start.
fn next_step(capacity: usize, full: usize) -> usize {
    if capacity < full { full.min(4 * capacity) } else { MAX_RING }
}

fn bounded(capacity: usize, set: Option<u32>) -> usize {
    set.map_or(capacity, |most| capacity.min(most as usize))
}

fn larger(capacity: usize, wanted: usize) -> Option<usize> {
    let size = wanted.min(MAX_RING).next_power_of_two();
    (size > capacity).then_some(size)
}
